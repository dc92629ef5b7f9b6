package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nkeys"
)

// silentPort is a port that does not even accept, as behind a firewall: its
// queue is full, and Linux drops what else asks.
func silentPort(t *testing.T) string {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Close(fd) })
	if err := errors.Join(syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}), syscall.Listen(fd, 0)); err != nil {
		t.Fatal(err)
	}
	name, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	addr := fmt.Sprintf("127.0.0.1:%d", name.(*syscall.SockaddrInet4).Port)
	for range 10 {
		conn, err := net.DialTimeout("tcp", addr, 200*time.Millisecond)
		if err != nil {
			return addr
		}
		t.Cleanup(func() { _ = conn.Close() })
	}
	t.Skip("the queue of a listener is never full here")
	return ""
}

func TestConnectSilentPort(t *testing.T) {
	connEnv(t)
	silent, s := silentPort(t), connServer(t, nil)
	got := connFails(t, time.Second, "--server", silent)
	want := "nats://SERVER: can't be reached within 1s: pass --server URL of a running server, or a longer --timeout"
	if got = strings.ReplaceAll(got, silent, "SERVER"); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	var out bytes.Buffer
	ctx, cancel := context.WithCancel(t.Context())
	var began time.Time
	defer time.AfterFunc(50*time.Millisecond, func() { began = time.Now(); cancel() }).Stop()
	if err := run(Host{Context: ctx, Out: &out, Err: &out}, []string{"--server", silent, "--timeout", "1m", "audit", "concentration"}); !errors.Is(err, context.Canceled) || time.Since(began) > atOnce {
		t.Errorf("got %v after %v", err, time.Since(began))
	}
	connOK(t, "--server", strings.Repeat(silent+",", 4)+connAddr(s), "--user", "sys", "--password", connPassword)
}

// A pipe that nobody writes to would hold up reading of credentials for good, and
// credentials are read more than once: none is opened.
func TestConnectPipe(t *testing.T) {
	connEnv(t)
	pipe := filepath.Join(t.TempDir(), "pipe.creds")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, flag := range []string{"--creds", "--nkey", "--tlsca"} {
		got := connFails(t, connPatience, "--server", "127.0.0.1:1", flag, pipe)
		if !strings.Contains(got, pipe+": can't be used (it is not a regular file): pass "+flag+" FILE ") {
			t.Errorf("%s: got %s", flag, got)
		}
	}
}

// Even for root there is a file that can't be read.
func TestConnectUnreadable(t *testing.T) {
	connEnv(t)
	got := connFails(t, connPatience, "--server", "127.0.0.1:1", "--creds", "/proc/self/mem")
	if want := "creds /proc/self/mem: can't be read (input/output error): pass the path of an existing file with --creds"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestConnectSeedOnWrongFlag(t *testing.T) {
	connEnv(t)
	seed := string(bytes.TrimSpace(connMust(connMust(nkeys.CreateUser()).Seed())))
	connSecret(seed)
	for _, flag := range []string{"creds", "nkey", "jwt", "seed", "tlsca", "context"} {
		connFails(t, connPatience, "--server", "127.0.0.1:1", "--"+flag, seed)
	}
}
