package history

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// A disk that is full, and then is not.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	disk := t.TempDir()
	if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "size=1m"); err != nil {
		t.Skip("no file system can be mounted here: ", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(disk, 0); err != nil {
			t.Error(err)
		}
	})
	fill := filepath.Join(disk, "fill")
	troubled(t, filepath.Join(disk, "kept"), "no space left", func(*Store) {
		f, err := os.Create(fill)
		if err != nil {
			t.Fatal(err)
		}
		for err == nil {
			_, err = f.Write(make([]byte, 512))
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}, func(*Store) {
		if err := os.Remove(fill); err != nil {
			t.Fatal(err)
		}
	})
}
