package clienturl

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
)

// TestFolderOfManyFormats scores a folder of what operators have: every list is
// found, whole and tied, and nothing else.
func TestFolderOfManyFormats(t *testing.T) {
	t.Parallel()
	archive, err := txtar.ParseFile(filepath.Join("testdata", "folder.txtar"))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, f := range archive.Files {
		files[f.Name] = string(f.Data)
	}
	var want []string
	for line := range strings.Lines(string(archive.Comment)) {
		if line, ok := strings.CutPrefix(strings.TrimSpace(line), "= "); ok {
			want = append(want, line)
		}
	}
	root := write(t, files)
	found, err := scanPath(t.Context(), "", root)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for i, line := range showTied(root, found) {
		if rest, ok := strings.CutPrefix(line, "EventSource"); ok {
			line = "argo/eventsource.yaml EventSource" + rest
		}
		if rest, ok := strings.CutPrefix(line, "Component"); ok {
			line = "dapr/pubsub.yaml Component" + rest
		}
		if at := strings.Index(line, " ("+root); at >= 0 {
			line = line[:at] + line[at+strings.Index(line[at:], ")")+1:]
		}
		if found.Lists[i].ByPattern {
			line += " pattern"
		}
		got = append(got, line)
	}
	slices.Sort(got)
	slices.Sort(want)
	for _, line := range want {
		if !slices.Contains(got, line) {
			t.Errorf("not found: %s", line)
		}
	}
	for _, line := range got {
		if !slices.Contains(want, line) {
			t.Errorf("wrongly found: %s", line)
		}
	}
	t.Logf("%d files, %d lists; read %+v; warnings %q", len(files), len(got), found.Read, found.Warnings)
}
