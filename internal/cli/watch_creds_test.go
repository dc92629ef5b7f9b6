package cli

import (
	"context"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
)

// The user of a watch is revoked and there is another one in its file, whether that was
// there before or comes later: watch goes on with it, and sees who comes after that.
func TestWatchTakesNewCredentials(t *testing.T) {
	t.Parallel()
	o := startOperatorMode(t)
	if o == nil {
		return
	}
	out, errs := &watched{}, &watched{}
	ctx, interrupt := context.WithCancel(t.Context())
	ended := make(chan int, 1)
	go func() {
		ended <- runHere(ctx, out, errs, "watch", "--no-context", "--server", o.url, "--creds", o.systemCreds, "--no-store", "--for", "0s", "--timeout", generous.String())
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
	shows(t, errs, out, "nats-balance: the connection is lost")
	shows(t, out, errs, "refuses these credentials")
	o.renew(t)
	shows(t, errs, out, "nats-balance: connected again after ")
	comes(40, "ORDERS (O) leans: ")

	interrupt()
	// The reason is told once, not with every attempt.
	if n := strings.Count(out.String(), "refuses these credentials"); n != 1 {
		t.Errorf("told %d times: %s", n, out.String())
	}
	if status := <-ended; status != 0 || strings.Count(errs.String(), "\n") != 2 {
		t.Errorf("exit status %d: %s", status, errs.String())
	}
}
