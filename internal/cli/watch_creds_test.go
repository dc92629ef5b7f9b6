package cli

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/internal/lab"
	"github.com/nats-balance/nats-balance/internal/source/sourcetest"
)

// The user of a watch is revoked and there is another one in its file, whether that was
// there before or comes later: watch goes on with it, and sees who comes after that. So
// it does where the password of the context changes that it records and answers by.
func TestWatchTakesNewCredentials(t *testing.T) {
	t.Parallel()
	o := startOperatorMode(t)
	if o == nil {
		return
	}
	store := startKeeper(t)
	out, errs := &watched{}, &watched{}
	ctx, interrupt := context.WithCancel(t.Context())
	ended := make(chan int, 1)
	go func() {
		ended <- runHere(ctx, out, errs, "watch", "--no-context", "--server", o.url, "--creds", o.systemCreds, "--store", store.context, "--service", store.context,
			"--for", "0s", "--timeout", generous.String())
	}()
	shows(t, out, errs, "FINDING ORDERS (O): 12 of 12 connections")
	// Nothing of a watch that could not log in again would tell of these.
	comes := func(n int, say string) {
		t.Helper()
		for range n {
			nc, err := nats.Connect(o.servers[1].ClientURL(), nats.UserCredentials(o.ordinaryCreds), nats.NoReconnect(), nats.Timeout(generous))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(nc.Close)
		}
		shows(t, out, errs, say)
	}
	old := o.systemUser
	o.renew(t)
	o.revoke(t, old)
	shows(t, out, errs, "events were lost: the connection was lost for ")
	comes(8, "ORDERS (O) is back: ")

	o.revoke(t, o.systemUser)
	store.change(t, "new") // what the context does not have yet
	shows(t, errs, out, "nats-balance: the connection is lost")
	shows(t, out, errs, "refuses these credentials")
	shows(t, errs, out, "recording fails: nats: ")
	o.renew(t)
	store.write(t, "new")
	shows(t, errs, out, "nats-balance: connected again after ")
	shows(t, errs, out, "recording works again")
	comes(40, "ORDERS (O) leans: ")
	nc, err := nats.Connect(store.ClientURL(), nats.UserInfo("u", "new"))
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	if err := lab.Poll(sourcetest.Within(t), func() error {
		m, err := nc.RequestWithContext(sourcetest.Within(t), "nats-balance.findings", nil)
		var kept, said watched
		runHere(sourcetest.Within(t), &kept, &said, "history", "--store", store.context, "--json")
		if err == nil && strings.Count(kept.String(), `"began":`) < 2 {
			err = fmt.Errorf("not two times in which it leaned: %s%s, %s", kept.String(), said.String(), m.Data)
		}
		return err
	}); err != nil {
		t.Error(err)
	}
	interrupt()
	// The reason is told once, not with every attempt.
	if n := strings.Count(out.String(), "refuses these credentials"); n != 1 {
		t.Errorf("told %d times: %s", n, out.String())
	}
	if status := <-ended; status != 0 || strings.Contains(errs.String(), "stands by") {
		t.Errorf("exit status %d: %s", status, errs.String())
	}
}

// keeper is a server with JetStream, and a context that leads to it.
type keeper struct {
	*server.Server
	context, dir string
}

func startKeeper(t *testing.T) *keeper {
	t.Helper()
	k := &keeper{dir: t.TempDir(), context: "keeper-" + filepath.Base(filepath.Dir(t.TempDir()))}
	var err error
	if k.Server, err = server.NewServer(k.options(server.RANDOM_PORT, "old")); err != nil {
		t.Fatal(err)
	}
	k.Start()
	t.Cleanup(k.Shutdown)
	if !k.ReadyForConnections(generous) {
		t.Fatal("it did not start")
	}
	k.write(t, "old")
	t.Cleanup(func() { _ = os.Remove(k.file()) }) // the folder goes too
	return k
}

func (k *keeper) options(port int, password string) *server.Options {
	return &server.Options{Host: "127.0.0.1", Port: port, Username: "u", Password: password, JetStream: true, StoreDir: k.dir, NoLog: true, NoSigs: true, AuthTimeout: lab.AuthTimeout}
}

// change changes the password of the server.
func (k *keeper) change(t *testing.T, password string) {
	t.Helper()
	if err := k.ReloadOptions(k.options(k.Addr().(*net.TCPAddr).Port, password)); err != nil {
		t.Fatal(err)
	}
}

func (k *keeper) file() string {
	return filepath.Join(os.Getenv("XDG_CONFIG_HOME"), "nats", "context", k.context+".json")
}

// write writes the context, with this password.
func (k *keeper) write(t *testing.T, password string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(k.file()), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(k.file(), fmt.Appendf(nil, `{"url":%q,"user":"u","password":%q}`, k.ClientURL(), password), 0o600); err != nil {
		t.Fatal(err)
	}
}
