package life

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/nats-io/nats.go"
)

// enough new clients would be on several servers if they could: all on the same
// one of two is 1 in 65,536.
const enough = 17

// Stays proves that new clients like those of the account's first app land on
// the server too: it is how they are set up, and not when they came.
func stays(account, server string) func(context.Context, *World) error {
	return func(ctx context.Context, w *World) error {
		placed, err := w.fresh(ctx, w.apps[account][0], enough)
		if err == nil && placed[server] != enough {
			err = fmt.Errorf("new clients are on %v, not all on %s", placed, server)
		}
		return err
	}
}

// leaves proves that new clients, with something changed, land on several servers.
func leaves(account string, change func(w *World, a *App)) func(context.Context, *World) error {
	return func(ctx context.Context, w *World) error {
		a := w.apps[account][0]
		if change != nil {
			change(w, &a)
		}
		placed, err := w.fresh(ctx, a, enough)
		if err == nil && len(placed) < 2 {
			err = fmt.Errorf("new clients are all on one server: %v", placed)
		}
		return err
	}
}

// both does two checks.
func both(checks ...func(context.Context, *World) error) func(context.Context, *World) error {
	return func(ctx context.Context, w *World) error {
		for _, check := range checks {
			if err := check(ctx, w); err != nil {
				return err
			}
		}
		return nil
	}
}

// fullList gives clients all servers, and each a free choice.
func fullList(w *World, a *App) { a.URLs, a.InOrder = w.all(), false }

// pinned: they stay as they are set up, and leave with all servers in their list.
func pinned(account, server string) func(context.Context, *World) error {
	return both(stays(account, server), leaves(account, fullList))
}

// drifted: new ones leave as they are set up, so that it is when they came.
func drifted(account string) func(context.Context, *World) error { return leaves(account, nil) }

// refused proves that servers do not take the clients, with what they say. Empty
// is any word: a server that is full may close before its word was read.
func refused(account, says string, servers ...string) func(context.Context, *World) error {
	return func(ctx context.Context, w *World) error {
		for _, server := range servers {
			a := w.apps[account][0]
			a.URLs = []string{w.url(server)}
			a.Options = append(slices.Clone(a.Options), nats.IgnoreDiscoveredServers())
			_, err := w.fresh(ctx, a, 1)
			if err == nil || !strings.Contains(strings.ToLower(err.Error()), says) {
				return fmt.Errorf("%s: %w, want %q", server, err, says)
			}
		}
		return nil
	}
}
