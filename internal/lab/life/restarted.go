package life

import (
	"context"
	"fmt"
	"slices"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/internal/lab"
)

// restart restarts servers one after the other, and waits for their clients.
func (w *World) restart(ctx context.Context, names ...string) error {
	for _, name := range names {
		if err := w.later(ctx); err != nil {
			return err
		}
		w.Server(name).Shutdown()
		if err := w.later(ctx); err != nil { // until they have noticed
			return err
		}
		if err := lab.Poll(ctx, w.elsewhere); err != nil {
			return err
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

// returned: two servers were restarted when all clients had been there for long, and
// those of the two came back, as they know no other server.
func returned() Operation {
	return Operation{
		Name: "returned", Title: "two servers are restarted, and the clients that know only one of them come back; two accounts have a workload of one name",
		Topology: three(func(c *lab.Cluster) { c.NoAdvertise = true }),
		Do: func(ctx context.Context, w *World) error {
			one := w.all()[:1]
			w.pass("ONEURL", one...)
			// One folder for all: whose the workload is does not stand there.
			if err := w.passFile("", "deploy.yaml", deployment("catalog", one...)+deployment("basket", one...)); err != nil {
				return err
			}
			if err := w.start(ctx,
				App{Account: "ONEURL", Name: "orders", Pods: true, Count: 14, URLs: one},
				App{Account: "ONEURLQUIET", Name: "billing", Count: 14, URLs: one},
				App{Account: "CATALOG", Name: "catalog", Pods: true, Count: 12, URLs: one},
				App{Account: "CATALOGTOO", Name: "catalog", Count: 12, URLs: w.all(), InOrder: true},
				App{Account: "BASKET", Name: "basket", Count: 14, URLs: w.all(), InOrder: true},
			); err != nil {
				return err
			}
			// Its clients are spread: the workload may be theirs.
			if err := w.evenly(ctx, App{Account: "BASKETTOO", Name: "basket", Pods: true}, 4); err != nil {
				return err
			}
			for _, account := range []string{"SHOP", "STOCK", "PAY", "MAIL"} {
				if err := w.evenly(ctx, App{Account: account, Name: "app", Pods: true}, 4); err != nil {
					return err
				}
			}
			return w.restart(ctx, n2, n3)
		},
		Cases: []Case{
			{Account: "ONEURL", Server: n1, Truth: "single-url", Said: "single-url", Exact: true, Sure: true, Not: []string{"restart-drift"}, Check: pinned("ONEURL", n1)},
			{Account: "ONEURLQUIET", Server: n1, Truth: "single-url", Said: Unknown, Exact: true, Not: []string{"restart-drift"}, Check: pinned("ONEURLQUIET", n1)},
			// Of which of the two accounts the list is can't be seen.
			{Account: "CATALOG", Server: n1, Truth: "single-url", Said: Unknown, Exact: true, Not: []string{"restart-drift"}, Check: pinned("CATALOG", n1)},
			{Account: "CATALOGTOO", Server: n1, Truth: "ordered-connect", Said: Unknown, Exact: true, Not: []string{"restart-drift"}, Check: pinned("CATALOGTOO", n1)},
			// The other account has clients of this name too: whose list it is can't be seen.
			{Account: "BASKET", Server: n1, Truth: "ordered-connect", Said: Unknown, Exact: true, Open: []string{"ordered-connect", "single-url"}, Not: []string{"restart-drift"}, Check: pinned("BASKET", n1)},
			{Account: "BASKETTOO"}, {Account: "SHOP"}, {Account: "STOCK"}, {Account: "PAY"}, {Account: "MAIL"},
		},
	}
}

// partly: two of three servers restart one after the other, and clients with all
// servers in their list walk away from them.
func partly() Operation {
	o := Operation{
		Name: "partly", Title: "two of three servers restart one after the other; clients that know all servers walk away from them, others stay",
		Topology: three(),
		Do: func(ctx context.Context, w *World) error {
			w.Pause = 3 * pause // that clients came between two starts has to be seen on a busy machine
			one, alone := w.all()[:1], []nats.Option{nats.IgnoreDiscoveredServers()}
			w.pass("STAYS", one...)
			if err := w.start(ctx,
				App{Account: "STAYS", Name: "orders", Pods: true, Count: 18, URLs: one, Options: alone},
				App{Account: "STAYSQUIET", Name: "billing", Count: 18, URLs: one, Options: alone},
			); err != nil {
				return err
			}
			for i := range walkers {
				if err := w.spread(ctx, App{Account: walker(i), Name: "app", Pods: i%2 == 0}, 5); err != nil {
					return err
				}
			}
			return w.restart(ctx, n2, n3)
		},
		Cases: []Case{
			{Account: "STAYS", Server: n1, Truth: "single-url", Said: "single-url", Exact: true, Sure: true, Not: []string{"restart-drift"}, Check: pinned("STAYS", n1)},
			{Account: "STAYSQUIET", Server: n1, Truth: "single-url", Said: Unknown, Exact: true, Not: []string{"restart-drift"}, Check: pinned("STAYSQUIET", n1)},
		},
	}
	for i := range walkers {
		o.Cases = append(o.Cases, Case{Account: walker(i), Server: n1, Perhaps: true, Truth: "restart-drift", Said: "restart-drift", Check: drifted(walker(i))})
	}
	return o
}

// walkers is how many accounts restarts move.
const walkers = 3

func walker(i int) string { return fmt.Sprintf("WALKER-%d", i+1) }

// between: one of the other servers is full, and the other one lacks the account.
func between() Operation {
	const limit = 8
	return Operation{
		Name: "between", Title: "of the two other servers one is full, and the other one does not know the account",
		Topology: three(func(c *lab.Cluster) {
			c.Configure = func(i int, o *server.Options) {
				switch i {
				case 1:
					o.MaxConn = limit
				case 2:
					without(o, "ORDERS")
				}
			}
		}),
		Do: func(ctx context.Context, w *World) error {
			w.pass("ORDERS", w.all()...)
			if err := w.start(ctx, App{Account: "PUSH", Name: "push", Count: limit, URLs: []string{w.url(n2)}}); err != nil {
				return err
			}
			if err := w.later(ctx); err != nil {
				return err
			}
			return w.start(ctx, App{Account: "ORDERS", Name: "orders", Pods: true, Count: 14, URLs: w.all()})
		},
		Cases: []Case{
			{Account: "ORDERS", Server: n1, Truth: "account-gap", Said: "account-gap", Also: []string{"server-full"}, Exact: true,
				Check: both(stays("ORDERS", n1), refused("ORDERS", "authorization", n3), refused("ORDERS", "", n2))},
			{Account: "PUSH"},
		},
	}
}

// patched: one of the other servers lacks the users, and the other one, which takes them,
// was restarted after the clients came.
func patched() Operation {
	return Operation{
		Name: "patched", Title: "of the two other servers one refuses the users, and the other one is restarted", Short: true,
		Topology: three(func(c *lab.Cluster) {
			c.Configure = func(i int, o *server.Options) {
				if i == 2 {
					o.Users = slices.DeleteFunc(o.Users, func(u *server.User) bool { return u.Username == "LIST" || u.Username == "LISTQUIET" })
				}
			}
		}),
		Do: func(ctx context.Context, w *World) error {
			w.pass("LIST", w.all()...)
			keep := []nats.Option{nats.IgnoreAuthErrorAbort()} // others are lost there
			if err := w.start(ctx,
				App{Account: "LIST", Name: "orders", Pods: true, Count: 18, URLs: w.all(), Options: keep},
				App{Account: "LISTQUIET", Name: "billing", Count: 18, URLs: w.all(), Options: keep},
			); err != nil {
				return err
			}
			return w.restart(ctx, n2)
		},
		Cases: []Case{
			{Account: "LIST", Server: n1, Truth: "restart-drift", Said: "restart-drift", Exact: true, Open: []string{"account-gap"}, Refused: "account-gap",
				Check: both(drifted("LIST"), refused("LIST", "authorization", n3))},
			// The other account was left there in the same way.
			{Account: "LISTQUIET", Server: n1, Truth: "restart-drift", Said: "restart-drift", Exact: true, Open: []string{"account-gap"}, Refused: "account-gap",
				Check: drifted("LISTQUIET")},
		},
	}
}

// grown: a single server becomes a cluster of three, and no client hears of it.
func grown() Operation {
	o := Operation{
		Name: "grown", Title: "a single server becomes a cluster of three, and all clients keep its URL; nobody says what they are configured with",
		Topology: three(func(c *lab.Cluster) { c.Late, c.NoAdvertise = []int{1, 2}, true }),
		Do: func(ctx context.Context, w *World) error {
			one := w.all()[:1]
			for i, account := range []string{"KEPT", "KEPTTOO", "KEPTALSO"} {
				if err := w.start(ctx, App{Account: account, Name: "orders", Pods: i == 0, Count: 16, URLs: one}); err != nil {
					return err
				}
			}
			if err := w.later(ctx); err != nil {
				return err
			}
			for _, name := range []string{n2, n3} {
				if err := w.Server(name).Start(ctx); err != nil {
					return err
				}
			}
			return w.later(ctx)
		},
	}
	for _, account := range []string{"KEPT", "KEPTTOO", "KEPTALSO"} {
		o.Cases = append(o.Cases, Case{Account: account, Server: n1, Truth: "single-url", Said: Unknown, Exact: true,
			Not: []string{"restart-drift"}, Open: []string{"restart-drift", "single-url"}, Check: pinned(account, n1)})
	}
	return o
}
