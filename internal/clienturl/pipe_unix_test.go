//go:build unix

package clienturl

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// Opening a pipe waits for its other end, which may never come.
func TestPipes(t *testing.T) {
	t.Parallel()
	root := write(t, map[string]string{"a.yaml": "url: nats://a\ncreds: pipe.creds\n"})
	for _, name := range []string{"b.yaml", "pipe.creds"} {
		if err := syscall.Mkfifo(filepath.Join(root, name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	found, err := scanPath(t.Context(), "", root)
	if err != nil || len(found.Lists) != 1 || found.Read.Files != 1 || skipped(found.Read) != 2 {
		t.Errorf("%+v, %v", found, err)
	}
	// One that is given, as by <(…), is read, for as long as the context allows.
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := scanPath(ctx, "", filepath.Join(root, "b.yaml")); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a pipe without a writer: %v", err)
	}
	go func() {
		if f, err := os.OpenFile(filepath.Join(root, "pipe.creds"), os.O_WRONLY, 0); err == nil {
			_, _ = f.WriteString("NATS_URL=nats://p1,nats://p2\n")
			_ = f.Close()
		}
	}()
	found, err = scanPath(t.Context(), "ORDERS", filepath.Join(root, "pipe.creds"))
	if err != nil || len(found.Lists) != 1 || len(found.Lists[0].Endpoints) != 2 || found.Lists[0].Account != "ORDERS" {
		t.Errorf("a pipe: %+v, %v", found, err)
	}
}
