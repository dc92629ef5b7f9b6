package clienturl

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// bigTree is 20,000 files of some KiB, a tenth of which speak of NATS, beside
// folders of what others made. It returns how many bytes there are to read.
func bigTree(b *testing.B) (root string, size int64) {
	b.Helper()
	root = b.TempDir()
	code := strings.Repeat("func handle(w http.ResponseWriter, r *http.Request) { render(w, \"page\", r.URL) }\n", 40)
	config := "nats:\n  servers:\n    - nats://n1.example.com:4222\n    - nats://n2.example.com:4222\n" + strings.Repeat("key: \"value\" # why\n", 100)
	for i := range 20_000 {
		name, text := fmt.Sprintf("d%03d/f%d.go", i%200, i), code
		switch {
		case i%10 == 0:
			name, text = fmt.Sprintf("d%03d/f%d.yaml", i%200, i), config
		case i%7 == 0:
			name = fmt.Sprintf("d%03d/vendor/f%d.go", i%200, i)
		}
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			b.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			b.Fatal(err)
		}
		if !strings.Contains(name, "vendor") {
			size += int64(len(text))
		}
	}
	return root, size
}

// BenchmarkScan compares with what only reads the same files.
func BenchmarkScan(b *testing.B) {
	root, size := bigTree(b)
	b.Run("scan", func(b *testing.B) {
		b.SetBytes(size)
		b.ReportAllocs()
		for b.Loop() {
			found, err := scanPath(b.Context(), "", root)
			if err != nil || len(found.Lists) != 2_000 {
				b.Fatalf("%d lists, %v", len(found.Lists), err)
			}
		}
	})
	b.Run("read", func(b *testing.B) {
		b.SetBytes(size)
		for b.Loop() {
			err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
				if err != nil || entry.IsDir() {
					if entry != nil && entry.Name() == "vendor" {
						return fs.SkipDir
					}
					return err
				}
				_, err = os.ReadFile(path)
				return err
			})
			if err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkExtract(b *testing.B) {
	text := []byte("nats:\n  servers:\n    - nats://n1.example.com:4222\n    - nats://n2.example.com:4222\n" + strings.Repeat("key: \"value\" # why\n", 10_000))
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if lists, _ := read("a.yaml", string(text)); len(lists) != 1 {
			b.Fatal(lists)
		}
	}
}
