//go:build unix

package cli

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nats-balance/nats-balance/internal/record/history"
)

// A folder whose files are somebody else's keeps who reads its history no longer than
// the time-out, and has little of them read.
func TestFolderOfSomebodyElse(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	store, err := history.OpenLocal(t.Context(), dir, history.Limits{Keep: time.Hour, Bytes: 16 << 20})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	path := filepath.Join(dir, "recorder.json")
	real, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	write := func(text string) func() error { return func() error { return os.WriteFile(path, []byte(text), 0o600) } }
	timeout := generous // but for what never answers, which is the last
	h := Host{Timeout: func() time.Duration { return timeout }}.withDefaults()
	for _, c := range []struct {
		make func() error
		want string
	}{
		{func() error { return syscall.Mkfifo(path, 0o600) }, "it is not a regular file"},
		{func() error { return os.Mkdir(path, 0o700) }, "it is not a regular file"},
		{func() error { return os.Symlink("/dev/zero", path) }, "it is not a regular file"},
		{write(strings.Repeat(" ", 64<<10) + "{}"), "it has more than 65,536 bytes"},
		{write(`{"url":"nats://192.0.2.1:4222"}`), "is not on this machine"},
		{write(strings.Replace(string(real), `"token":"`, `"token":"x`, 1)), "another program listens at 127.0.0.1:"},
		{func() error {
			timeout = 300 * time.Millisecond
			return write(`{"url":"nats://` + silent.Addr().String() + `"}`)()
		}, "does not answer within 300ms"},
	} {
		if err := errors.Join(os.RemoveAll(path), c.make()); err != nil {
			t.Fatal(err)
		}
		from := time.Now()
		_, err := openHistory(t.Context(), "store", dir, h)
		if err == nil || !strings.Contains(err.Error(), c.want) || time.Since(from) > generous {
			t.Errorf("after %s: no %q in %v", time.Since(from), c.want, err)
		}
	}
	ctx, interrupt := context.WithCancel(t.Context())
	interrupt()
	if _, err := openHistory(ctx, "store", dir, Host{}.withDefaults()); !errors.Is(err, context.Canceled) {
		t.Errorf("after an interrupt: %v", err)
	}
}

// An audit waits for a history for 5 seconds at most, whatever --timeout is, and says
// that it went on without.
func TestEvidenceThatDoesNotCome(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	store, err := history.OpenLocal(t.Context(), dir, history.Limits{Keep: time.Hour, Bytes: 16 << 20})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	if err := os.WriteFile(filepath.Join(dir, "recorder.json"), []byte(`{"url":"nats://`+silent.Addr().String()+`"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	f := evidenceFlags{place: dir}
	from := time.Now()
	recorded, warnings := f.reader(Host{Timeout: func() time.Duration { return time.Hour }}.withDefaults(), sourceFlags{})(t.Context(), nil, nil)
	if took := time.Since(from); recorded != nil || len(warnings) != 1 || !strings.Contains(warnings[0], "can't be read, and is not evidence") || !strings.Contains(warnings[0], "within 5s") || took > 9*time.Second {
		t.Errorf("after %s: %v, %q", took, recorded, warnings)
	}
}
