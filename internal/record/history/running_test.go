package history

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/internal/source/sourcetest"
)

// plainly reaches a recorder of the test itself.
func plainly() Via {
	return Via{
		Read: func(_ context.Context, path string, _ int64) ([]byte, error) { return os.ReadFile(path) },
		Connect: func(_ context.Context, url, token string) (*nats.Conn, error) {
			return nats.Connect(url, nats.Token(token))
		},
	}
}

// A folder of somebody else leads to no other machine, and the token of the file goes
// to the address in it alone.
func TestContactOfSomebodyElse(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for url, want := range map[string]string{
		"nats://127.0.0.1:4222": "nats://127.0.0.1:4222", "nats://u:p@[::1]:4222/x": "nats://[::1]:4222",
		"nats://10.0.0.1:4222": "", "nats://0.0.0.0:4222": "", "nats://localhost:4222": "", "nats://evil.example:4222": "",
		"nats://127.0.0.1:4222,nats://10.0.0.1:4222": "", "nats://127.0.0.1:4222,10.0.0.1": "", "nats://127.0.0.1": "",
		"nats://127.0.0.1@10.0.0.1:4222": "", "ws://127.0.0.1:4222": "", "127.0.0.1:4222": "", "": "", "\x00": "",
	} {
		data, err := json.Marshal(contact{url, "secret"})
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, contactFile), data, 0o600); err != nil {
			t.Fatal(err)
		}
		via, asked := plainly(), ""
		via.Connect = func(_ context.Context, url, token string) (*nats.Conn, error) {
			if token != "secret" {
				t.Errorf("the token is %q", token)
			}
			asked = url
			return nil, &net.OpError{Op: "dial", Err: os.ErrDeadlineExceeded}
		}
		_, err = ReadRunning(sourcetest.Within(t), dir, via)
		if asked != want || err == nil || want == "" && !strings.Contains(err.Error(), "the server in its recorder.json is not on this machine") {
			t.Errorf("%q: connects to %q, want %q, %v", url, asked, want, err)
		}
	}
}

// Where nothing listens any more, or another program does, no recorder runs.
func TestRecorderThatIsGone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, contactFile), []byte(`{"url":"nats://127.0.0.1:4222"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	via := plainly()
	for want, err := range map[string]error{
		"nothing listens at 127.0.0.1:4222":         &net.OpError{Op: "dial", Err: errors.New("refused")},
		"another program listens at 127.0.0.1:4222": nats.ErrAuthorization,
	} {
		via.Connect = func(context.Context, string, string) (*nats.Conn, error) { return nil, err }
		if s, err := ReadRunning(sourcetest.Within(t), dir, via); s != nil || err != nil {
			t.Errorf("%v, %v", s, err)
		}
		if _, err := readRunning(sourcetest.Within(t), dir, via); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("no %q in %v", want, err)
		}
	}
}
