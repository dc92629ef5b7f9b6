package life

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/internal/lab"
)

// rack: three of five servers lose their power together, and come back; one of the two
// that stayed is restarted before that.
func rack() Operation {
	const n4, n5 = "C1-n4", "C1-n5"
	o := Operation{
		Name: "rack", Rare: true, Title: "of five servers three lose their power, meanwhile another is restarted, and all come back",
		Topology: lab.Topology{Clusters: []lab.Cluster{{Name: "C1", Servers: 5, Configure: drainsFast}}},
		Do: func(ctx context.Context, w *World) error {
			w.pass("FULL", w.all()...)
			w.pass("LAST", w.url(n5))
			for _, account := range []string{"FULL", "FULLQUIET"} {
				if err := w.spread(ctx, App{Account: account, Name: "api", Pods: true}, 4); err != nil {
					return err
				}
			}
			for i := range 4 {
				if err := w.start(ctx, App{Account: fmt.Sprintf("TEAM-%d", i+1), Name: "app", Pods: i%2 == 0, Count: 15, URLs: w.all()}); err != nil {
					return err
				}
			}
			if err := w.away(ctx, []string{n3, n4, n5}, func() error { return w.restart(ctx, n2) }); err != nil {
				return err
			}
			return w.start(ctx,
				App{Account: "LAST", Name: "kiosk", Count: 14, URLs: []string{w.url(n5)}},
				App{Account: "LASTQUIET", Name: "mailer", Pods: true, Count: 14, URLs: []string{w.url(n5)}},
			)
		},
		Cases: []Case{
			{Account: "FULL", Server: n1, Truth: "restart-drift", Said: "restart-drift", Exact: true, Refused: "none", Check: drifted("FULL")},
			{Account: "FULLQUIET", Server: n1, Truth: "restart-drift", Said: "restart-drift", Exact: true, Check: drifted("FULLQUIET")},
			{Account: "LAST", Server: n5, Truth: "single-url", Said: "single-url", Exact: true, Sure: true, Not: []string{"restart-drift"}, Check: pinned("LAST", n5)},
			{Account: "LASTQUIET", Server: n5, Truth: "single-url", Said: Unknown, Exact: true, Not: []string{"restart-drift"}, Open: []string{"single-url"}, Check: pinned("LASTQUIET", n5)},
		},
	}
	for i := range 4 {
		account := fmt.Sprintf("TEAM-%d", i+1)
		o.Cases = append(o.Cases, Case{Account: account, Server: n1, Truth: "restart-drift", Said: "restart-drift", Check: drifted(account)})
	}
	return o
}

// upgrade: four servers are upgraded from the last to the first. Clients that take their
// list in order move on to the second when the first goes, and the others had come back
// long before.
func upgrade() Operation {
	o := Operation{
		Name: "upgrade", Rare: true, Title: "four servers are upgraded, the last one first, with clients that take their list in order",
		Topology: lab.Topology{Clusters: []lab.Cluster{{Name: "C1", Servers: 4}}},
		Do: func(ctx context.Context, w *World) error {
			w.Pause = 2 * pause
			if err := w.passFile("OPTION", "config.yaml", "nats:\n  servers: ["+quoted(w.all())+"]\n  noRandomize: true\n"); err != nil {
				return err
			}
			w.pass("LIST", w.all()...)
			if err := w.start(ctx,
				App{Account: "OPTION", Name: "pricing", Pods: true, Count: 18, URLs: w.all(), InOrder: true},
				App{Account: "LIST", Name: "ledger", Count: 18, URLs: w.all(), InOrder: true},
				App{Account: "QUIET", Name: "mailer", Pods: true, Count: 18, URLs: w.all(), InOrder: true},
			); err != nil {
				return err
			}
			for i := range 3 {
				if err := w.spread(ctx, App{Account: fmt.Sprintf("TEAM-%d", i+1), Name: "app"}, 4); err != nil {
					return err
				}
			}
			return w.restart(ctx, "C1-n4", n3, n2, n1)
		},
		Cases: []Case{
			{Account: "OPTION", Server: n2, Truth: "ordered-connect", Said: "ordered-connect", Check: leaves("OPTION", shuffled)},
			{Account: "LIST", Server: n2, Truth: "ordered-connect", Said: Unknown, Open: []string{"ordered-connect"}, Check: leaves("LIST", shuffled)},
			{Account: "QUIET", Server: n2, Truth: "ordered-connect", Said: Unknown, Open: []string{"ordered-connect", "single-url"}, Check: leaves("QUIET", shuffled)},
		},
	}
	for i := range 3 {
		account := fmt.Sprintf("TEAM-%d", i+1)
		o.Cases = append(o.Cases, Case{Account: account, Perhaps: true, Truth: "restart-drift", Said: "restart-drift", Check: drifted(account)})
	}
	return o
}

// region: a site is lost and comes back. Lists have one server of the other site for
// that, and who went there stays there.
func region() Operation {
	const west1 = "WEST-n1"
	return Operation{
		Name: "region", Rare: true, Title: "one of two sites is lost and comes back; lists have one server of the other site to fall back to",
		Topology: lab.Topology{Clusters: []lab.Cluster{{Name: "EAST", Servers: 3, Configure: drainsFast}, {Name: "WEST", Servers: 3}}},
		Do: func(ctx context.Context, w *World) error {
			lists := append(w.all()[:3:3], w.url(west1))
			w.pass("FALLBACK", lists...)
			east := []string{"EAST-n1", "EAST-n2", "EAST-n3"}
			// They start in the east, where most of their list is.
			for _, account := range []string{"FALLBACK", "FALLBACKQUIET"} {
				if err := w.start(ctx, App{Account: account, Name: "shop", Pods: true, Count: 18, URLs: lists, InOrder: true}); err != nil {
					return err
				}
			}
			for _, s := range []string{west1, "WEST-n2", "WEST-n3"} {
				if err := w.start(ctx, App{Account: "LOCAL", Name: "till", Count: 5, URLs: []string{w.url(s)}}); err != nil {
					return err
				}
			}
			return w.away(ctx, east, func() error { return nil })
		},
		Cases: []Case{
			{Account: "FALLBACK", Server: west1, Truth: "single-url", Said: "single-url", Check: noneIn("FALLBACK", "WEST-n2", "WEST-n3")},
			{Account: "FALLBACKQUIET", Server: west1, Truth: "single-url", Said: Unknown, Open: []string{"single-url"}, Check: noneIn("FALLBACKQUIET", "WEST-n2", "WEST-n3")},
			{Account: "LOCAL"},
		},
	}
}

// noneIn proves that new clients never land on these servers.
func noneIn(account string, servers ...string) func(context.Context, *World) error {
	return func(ctx context.Context, w *World) error {
		placed, err := w.fresh(ctx, w.apps[account][0], enough)
		for _, name := range servers {
			if err == nil && placed[name] > 0 {
				err = fmt.Errorf("new clients are on %v, which has %s", placed, name)
			}
		}
		return err
	}
}

// fronted: all tenants come by a balancer that takes one server after the other. Two of
// them are away for a while, and who went to the third stays there.
func fronted() Operation {
	return Operation{
		Name: "fronted", Rare: true, Title: "tenants come by a balancer that spreads them, two of three servers are away for a while, and nobody goes back",
		Topology: three(func(c *lab.Cluster) { c.NoAdvertise, c.Configure = true, drainsFast }),
		Do: func(ctx context.Context, w *World) error {
			url, err := w.balancer(ctx, lab.RoundRobin, n1, n2, n3)
			if err != nil {
				return err
			}
			tenants := []string{"ALPHA", "BETA", "GAMMA", "DELTA"}
			w.pass("ALPHA", url)
			w.pass("BETA", url)
			for _, account := range tenants {
				if err := w.start(ctx, App{Account: account, Name: "app-" + account, Pods: true, Count: 15, URLs: []string{url}}); err != nil {
					return err
				}
			}
			return w.away(ctx, []string{n2, n3}, func() error { return nil })
		},
		Cases: []Case{
			{Account: "ALPHA", Server: n1, Truth: "restart-drift", Said: "restart-drift", Exact: true, Not: []string{"sticky-load-balancer"}, Refused: "none", Check: drifted("ALPHA")},
			{Account: "BETA", Server: n1, Truth: "restart-drift", Said: "restart-drift", Exact: true, Not: []string{"sticky-load-balancer"}, Refused: "none", Check: drifted("BETA")},
			{Account: "GAMMA", Server: n1, Truth: "restart-drift", Said: "restart-drift", Check: drifted("GAMMA")},
			{Account: "DELTA", Server: n1, Truth: "restart-drift", Said: "restart-drift", Check: drifted("DELTA")},
		},
	}
}

// supervised: clients do not reconnect. Their process ends when its server is drained,
// and a supervisor starts it again, which shuffles its list anew.
func supervised() Operation {
	return Operation{
		Name: "supervised", Rare: true, Title: "clients do not reconnect, but are started again by a supervisor, while each server is drained in turn",
		Topology: three(func(c *lab.Cluster) { c.Configure = drainsFast }),
		Do: func(ctx context.Context, w *World) error {
			w.pass("JOBS", w.all()...)
			w.pass("NODES", w.url(n1))
			for _, a := range []App{{Account: "JOBS", Name: "worker", Pods: true, Count: 24}, {Account: "BATCH", Name: "nightly", Count: 24}} {
				a.URLs, a.Options = w.all(), []nats.Option{nats.NoReconnect()}
				if err := w.start(ctx, a); err != nil {
					return err
				}
			}
			if err := w.supervise(ctx, n2, n3); err != nil {
				return err
			}
			return w.start(ctx, App{Account: "NODES", Name: "agent", Count: 16, URLs: []string{w.url(n1)}})
		},
		Cases: []Case{
			{Account: "JOBS", Server: n1, Perhaps: true, Truth: "restart-drift", Said: "restart-drift", Check: drifted("JOBS")},
			{Account: "BATCH", Server: n1, Perhaps: true, Truth: "restart-drift", Said: "restart-drift", Check: drifted("BATCH")},
			{Account: "NODES", Server: n1, Truth: "single-url", Said: "single-url", Exact: true, Sure: true, Not: []string{"restart-drift"}, Check: pinned("NODES", n1)},
		},
	}
}

// drainsFast has lame duck mode last a fifth of a second.
func drainsFast(_ int, o *server.Options) {
	o.LameDuckDuration, o.LameDuckGracePeriod = 200*time.Millisecond, 10*time.Millisecond
}

// supervise drains servers, one after the other, and starts again what ended with it.
func (w *World) supervise(ctx context.Context, names ...string) error {
	for _, name := range names {
		if err := w.later(ctx); err != nil {
			return err
		}
		w.Server(name).Embedded().LameDuckShutdown()
		w.Server(name).Shutdown()
		for account, apps := range w.apps {
			up := 0
			if err := lab.Poll(ctx, func() error {
				up = 0
				for _, g := range w.groups[account] {
					up += g.Connected()
				}
				for _, s := range w.Servers() {
					if s.Running() {
						up -= s.Connections(account)
					}
				}
				if up != 0 {
					return fmt.Errorf("account %s: its clients and the servers differ by %d", account, up)
				}
				return nil
			}); err != nil {
				return err
			}
			for _, g := range w.groups[account] {
				up += g.Connected()
			}
			again := apps[0]
			again.Count -= up
			groups, err := w.run(ctx, again, 200)
			if err != nil {
				return err
			}
			w.mu.Lock()
			w.groups[account] = append(w.groups[account], groups...)
			w.mu.Unlock()
		}
		if err := w.later(ctx); err != nil {
			return err
		}
		if err := w.Server(name).Start(ctx); err != nil {
			return err
		}
		if err := w.settled(ctx); err != nil {
			return err
		}
	}
	return w.later(ctx)
}
