//go:build unix

package clienturl

import (
	"errors"
	"path/filepath"
	"syscall"
	"testing"
)

// Opening a pipe waits for its other end, which never comes.
func TestPipesAreNotOpened(t *testing.T) {
	t.Parallel()
	root := write(t, map[string]string{"a.yaml": "url: nats://a\ncreds: pipe.creds\n"})
	for _, name := range []string{"b.yaml", "pipe.creds"} {
		if err := syscall.Mkfifo(filepath.Join(root, name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	found, err := Scan(t.Context(), "", root)
	if err != nil || len(found.Lists) != 1 || found.Files != 1 || found.Skipped != 2 {
		t.Errorf("%+v, %v", found, err)
	}
	if _, err := Scan(t.Context(), "", filepath.Join(root, "b.yaml")); !errors.Is(err, errNotRegular) {
		t.Errorf("a pipe given: %v", err)
	}
}
