//go:build unix

package cli

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/nats-balance/nats-balance/internal/lab"
	"github.com/nats-balance/nats-balance/internal/record"
	"github.com/nats-balance/nats-balance/internal/source/sourcetest"
)

// The watch that records is stopped, another one takes over and records that ORDERS leans. The
// first one goes on, and records again as the other one ends at once: what that one recorded is
// neither unknown nor written again.
func TestStoppedWatchRecordsAgain(t *testing.T) {
	t.Parallel()
	l, store, kept := handedOver(t)
	start := func() (process *os.Process, out, errs *watched) {
		out, errs = &watched{}, &watched{}
		ctx, cancel := context.WithCancel(t.Context())
		cmd := exec.CommandContext(ctx, "nats-balance", "watch", "--no-context", "--server", l.SystemURL(), "--store", store.context, "--for", "0s", "--timeout", generous.String())
		cmd.Stdout, cmd.Stderr, cmd.Env = out, errs, os.Environ()
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(sync.OnceFunc(func() {
			cancel() // that is SIGKILL
			_ = cmd.Wait()
		}))
		shows(t, out, errs, "watching 3 servers")
		return cmd.Process, out, errs
	}
	first, out, errs := start()
	shows(t, errs, out, "this watch records")
	second, otherOut, otherErrs := start()
	shows(t, otherErrs, otherOut, "this one stands by")
	signal := func(p *os.Process, s os.Signal) {
		t.Helper()
		if err := p.Signal(s); err != nil {
			t.Fatal(err)
		}
	}
	signal(first, syscall.SIGSTOP)
	stopped := time.Now()
	shows(t, otherErrs, otherOut, "this watch records")
	many, err := l.Connect(sourcetest.Within(t), lab.Clients{Account: "ORDERS", Server: l.Server("C1-n1"), Count: 30, Name: "api"})
	if err != nil {
		t.Fatal(err)
	}
	crossed := kept.once(t, record.Crossed)
	kept.once(t, record.Held)
	// After 10 s watch takes itself to have stood still.
	if err := lab.Poll(sourcetest.Within(t), func() error {
		if time.Since(stopped) < 12*time.Second {
			return errors.New("it is not long enough yet")
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	signal(first, syscall.SIGCONT)
	shows(t, out, errs, "leans: ")
	signal(second, syscall.SIGINT)
	// It has written all that it has to say of that time once it writes what comes later.
	many.Close()
	back := kept.once(t, record.Back)
	if got := kept.once(t, record.Crossed); !back.Since.Equal(*crossed.Since) || !got.Time.Equal(crossed.Time) {
		t.Errorf("it leaned since %s, and is back since %s", crossed.Since, back.Since)
	}
	kept.once(t, record.Held)
	h := pastOf(t, store)
	for _, u := range h.Unknown {
		if u.From.Before(crossed.Time) {
			t.Errorf("it is unknown from %s what leaned, which was recorded at %s", u.From, crossed.Time)
		}
	}
	if len(h.Episodes) != 1 || !h.Episodes[0].Seen || !h.Episodes[0].Finding {
		t.Errorf("%+v", h.Episodes)
	}
}
