package cli

import (
	"bytes"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
)

// names returns what is in a folder.
func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range entries {
		out = append(out, e.Name())
	}
	return out
}

func writes(b []byte) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := w.Write(b)
		return err
	}
}

func TestWriteOutfile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "out.json")
	for _, content := range []string{"first", "second, longer", ""} {
		if err := writeOutfile(path, private, writes([]byte(content))); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != content {
			t.Errorf("the file has %q, %v; want %q", got, err, content)
		}
	}
	if got := names(t, dir); !slices.Equal(got, []string{"out.json"}) {
		t.Errorf("in the folder: %v", got)
	}
}

// TestWriteOutfileAtOnce writes the same file many times at once: it is always
// there and always one of them, whole.
func TestWriteOutfileAtOnce(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("a file that is open can't be replaced on Windows")
	}
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "out")
	whole := func(i int) []byte { return bytes.Repeat([]byte{byte('a' + i)}, 100_000) }
	if err := writeOutfile(path, private, writes(whole(0))); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			if err := writeOutfile(path, private, writes(whole(i))); err != nil {
				t.Error(err)
			}
			got, err := os.ReadFile(path)
			if err != nil || len(got) != 100_000 || !bytes.Equal(got, whole(int(got[0]-'a'))) {
				t.Errorf("the file has %d bytes, %v", len(got), err)
			}
		})
	}
	wg.Wait()
	if got := names(t, dir); !slices.Equal(got, []string{"out"}) {
		t.Errorf("in the folder: %v", got)
	}
}

// TestWriteOutfileReplaces checks that the old file is replaced, not written
// over: who has it open still reads the old one, whole.
func TestWriteOutfileReplaces(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("a file that is open can't be replaced on Windows")
	}
	t.Parallel()
	dir := t.TempDir()
	path, link, hard := filepath.Join(dir, "out"), filepath.Join(dir, "link"), filepath.Join(dir, "hard")
	if err := os.WriteFile(path, []byte("old"), 0o640); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(path, hard); err != nil {
		t.Fatal(err)
	}
	if err := writeOutfile(link, private, writes([]byte("new"))); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{path: "new", link: "new", hard: "old"} {
		if got, err := os.ReadFile(name); err != nil || string(got) != want {
			t.Errorf("%s has %q, %v; want %q", name, got, err, want)
		}
	}
	if info, err := os.Lstat(link); err != nil || info.Mode()&fs.ModeSymlink == 0 {
		t.Errorf("the link became %v, %v", info.Mode(), err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("the permissions became %v, %v", info.Mode(), err)
	}
}

// TestWriteOutfileFails checks that a failure names the file and leaves nothing.
func TestWriteOutfileFails(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	// A folder can't be replaced by a file: what comes last fails.
	taken := filepath.Join(dir, "taken")
	if err := os.MkdirAll(filepath.Join(taken, "full"), 0o700); err != nil {
		t.Fatal(err)
	}
	gone := filepath.Join(dir, "gone", "out")
	for _, path := range []string{taken, gone} {
		err := writeOutfile(path, private, writes([]byte("x")))
		if err == nil || !strings.HasPrefix(err.Error(), "--outfile "+path+" can't be written: ") {
			t.Errorf("%s: %v", path, err)
		}
	}
	if got := names(t, dir); !slices.Equal(got, []string{"taken"}) {
		t.Errorf("in the folder: %v", got)
	}
	if os.Getuid() != 0 && runtime.GOOS != "windows" { // root may write everywhere
		locked := filepath.Join(dir, "locked")
		if err := os.Mkdir(locked, 0o500); err != nil {
			t.Fatal(err)
		}
		if err := writeOutfile(filepath.Join(locked, "out"), private, writes(nil)); err == nil {
			t.Error("wrote into a folder that can't be written")
		}
	}
}

func TestCheckOutfile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"":                                   "",
		"-":                                  "leave it out to write to stdout",
		file:                                 "",
		filepath.Join(dir, "new"):            "",
		"new":                                "",
		dir:                                  "is a folder",
		".":                                  "is a folder",
		filepath.Join(dir, "gone", "out"):    "there is no folder",
		filepath.Join(file, "out"):           "there is no folder",
		filepath.Join(dir, "gone") + "/":     "there is no folder",
		filepath.Join(dir, "a\x1b[31m", "b"): "there is no folder",
	} {
		err := checkOutfile(path)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("checkOutfile(%q) = %v, want %q", path, err, want)
		}
	}
}

// A new file names clients and hosts, and is for nobody else; a collector's is
// for the collector.
func TestWriteOutfileIsPrivate(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no such permissions")
	}
	for _, mode := range []os.FileMode{private, readable} {
		path := filepath.Join(t.TempDir(), "out")
		if err := writeOutfile(path, mode, writes(nil)); err != nil {
			t.Fatal(err)
		}
		if info, err := os.Stat(path); err != nil || info.Mode().Perm()&^mode != 0 {
			t.Errorf("%v, %v", info.Mode(), err)
		}
	}
}
