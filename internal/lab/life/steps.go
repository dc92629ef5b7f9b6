package life

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/nats-balance/nats-balance/internal/lab"
)

// pause is the time between two events of which an audit is to see that one was
// before the other, by clocks that it compares over the network.
const pause = 250 * time.Millisecond

func (w *World) later(ctx context.Context) error {
	t := time.NewTimer(max(pause, w.Pause))
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// away has servers go, does something, and has them come back.
func (w *World) away(ctx context.Context, names []string, do func() error) error {
	if err := w.later(ctx); err != nil {
		return err
	}
	var wg sync.WaitGroup
	for _, name := range names {
		wg.Go(func() {
			if s := w.Server(name).Embedded(); s != nil && name == names[0] {
				s.LameDuckShutdown() // the first is drained, the others just stop
			}
			w.Server(name).Shutdown()
		})
	}
	wg.Wait()
	if err := w.settled(ctx); err != nil {
		return err
	}
	if err := do(); err != nil {
		return err
	}
	if err := w.later(ctx); err != nil {
		return err
	}
	for _, name := range names {
		if err := w.Server(name).Start(ctx); err != nil {
			return err
		}
	}
	return w.later(ctx)
}

// roll restarts all servers, one after the other.
func (w *World) roll(ctx context.Context) error {
	for _, s := range w.Servers() {
		if err := w.later(ctx); err != nil {
			return err
		}
		s.Shutdown()
		if err := w.later(ctx); err != nil { // until they have noticed
			return err
		}
		if err := lab.Poll(ctx, w.elsewhere); err != nil {
			return err
		}
		if err := w.later(ctx); err != nil {
			return err
		}
		if err := s.Start(ctx); err != nil {
			return err
		}
		if err := w.settled(ctx); err != nil {
			return err
		}
	}
	return w.later(ctx)
}

// elsewhere returns an error until the clients of a server that stopped are on
// another, where they have the URL of one; others wait for it. A restart takes longer
// than that; only on a busy machine it does not.
func (w *World) elsewhere() error {
	for account, apps := range w.apps {
		want, connected := 0, 0
		for _, a := range apps {
			if len(a.URLs) == 1 {
				want = -1
				break
			}
			want += a.Count
		}
		for _, g := range w.groups[account] {
			connected += g.Connected()
		}
		if connected < want {
			return fmt.Errorf("account %s: %d of %d clients are connected", account, connected, want)
		}
	}
	return nil
}
