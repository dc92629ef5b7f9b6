package tool

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

func TestOldBuildsAreDropped(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	now := time.Now()
	for name, age := range map[string]time.Duration{
		"00112233445566aa": 2 * time.Hour, "build-12": 2 * time.Hour, // dropped
		"00112233445566bb": 0, "build-13": 0, "0011": 2 * time.Hour, "mine": 2 * time.Hour,
	} {
		at := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Join(at, "out"), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(at, now.Add(-age), now.Add(-age)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "00112233445566cc"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	dropOld(dir, now.Add(-time.Hour))
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var left []string
	for _, e := range entries {
		left = append(left, e.Name())
	}
	if want := []string{"0011", "00112233445566bb", "00112233445566cc", "build-13", "mine"}; !slices.Equal(left, want) {
		t.Errorf("left are %v, want %v", left, want)
	}
}
