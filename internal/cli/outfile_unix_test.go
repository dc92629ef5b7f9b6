//go:build unix

package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Who may put something into a folder of all chooses neither what is replaced nor
// who reads it.
func TestOutfileOfAnotherUser(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("it takes root to make another user's files")
	}
	const other = 12345
	shared := t.TempDir()
	if err := os.Chmod(shared, 0o777|os.ModeSticky); err != nil {
		t.Fatal(err)
	}
	target := filepath.Join(t.TempDir(), "mine")
	file, link, own, gone, ownGone := filepath.Join(shared, "file"), filepath.Join(shared, "link"), filepath.Join(shared, "own"), filepath.Join(shared, "gone"), filepath.Join(shared, "own-gone")
	for path, content := range map[string]string{target: "old", file: "old"} {
		if err := os.WriteFile(path, []byte(content), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	for path, to := range map[string]string{link: target, own: target, gone: filepath.Join(t.TempDir(), "new"), ownGone: filepath.Join(t.TempDir(), "new")} {
		if err := os.Symlink(to, path); err != nil {
			t.Fatal(err)
		}
	}
	theirs := filepath.Join(shared, "folder")
	if err := os.Mkdir(theirs, 0o777); err != nil {
		t.Fatal(err)
	}
	inTheirs := filepath.Join(theirs, "link")
	if err := os.Symlink(target, inTheirs); err != nil {
		t.Fatal(err)
	}
	// A folder on the way may be a link as well.
	way, ownWay := filepath.Join(shared, "way"), filepath.Join(shared, "own-way")
	for _, path := range []string{way, ownWay} {
		if err := os.Symlink(filepath.Dir(target), path); err != nil {
			t.Fatal(err)
		}
	}
	through := filepath.Join(shared, "through")
	if err := os.Symlink(filepath.Join(way, "mine"), through); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{file, link, gone, theirs, way} {
		if err := os.Lchown(path, other, other); err != nil {
			t.Fatal(err)
		}
	}
	for path, want := range map[string]string{
		"": "", way: "another user's link", filepath.Join(way, "a", "b"): "another user's link", theirs: "another user's folder", filepath.Join(ownWay, "a"): "", gone: "another user's link", ownGone: "a link to nowhere",
	} {
		store, err := ownStore(path)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("a store at %s: %q, %v, want %q", path, store, err, want)
		}
		if err == nil && strings.HasPrefix(path, ownWay) && store != filepath.Join(filepath.Dir(target), "a") {
			t.Errorf("a store at %s: %s", path, store)
		}
	}
	// The system finds link/.. where the link leads.
	if to, _, err := outfileTarget(ownWay + "/../new"); err != nil || to != filepath.Join(filepath.Dir(filepath.Dir(target)), "new") {
		t.Errorf("beside where a link leads: %s, %v", to, err)
	}
	for path, want := range map[string]string{
		file: "is another user's file", link: "another user's link", gone: "another user's link", inTheirs: "another user's link",
		filepath.Join(way, "mine"): "another user's link", filepath.Join(way, "new"): "another user's link", filepath.Join(ownWay, "..", "way", "mine"): "another user's link", through: "another user's link",
	} {
		for _, err := range []error{checkOutfile(path), writeOutfile(path, private, writes([]byte("new")))} {
			if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "a folder of your own") {
				t.Errorf("%s: %v", path, err)
			}
		}
	}
	if got, err := os.ReadFile(target); err != nil || string(got) != "old" {
		t.Errorf("%q, %v", got, err)
	}
	for content, path := range map[string]string{"new": own, "newer": filepath.Join(ownWay, "mine")} {
		if err := writeOutfile(path, private, writes([]byte(content))); err != nil {
			t.Error(err)
		}
		if got, err := os.ReadFile(target); err != nil || string(got) != content {
			t.Errorf("through the user's own link: %q, %v", got, err)
		}
	}
}
