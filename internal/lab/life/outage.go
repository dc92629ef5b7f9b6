package life

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/internal/lab"
)

// outage: two of three servers are away for a while, one drained and one
// stopped, and services are deployed before, meanwhile and after.
func outage() Operation {
	const name = "nats.prod.example"
	return Operation{
		Name: "outage", Title: "two of three servers are away for a while, and services are deployed before, meanwhile and after", Short: true,
		Topology: three(func(c *lab.Cluster) {
			c.WebSocket = true
			c.Configure = func(_ int, o *server.Options) {
				o.LameDuckDuration, o.LameDuckGracePeriod = 200*time.Millisecond, 10*time.Millisecond
			}
		}),
		Do: func(ctx context.Context, w *World) error {
			all := w.all()
			w.pass("BEFORE", all...)
			w.pass("MEANWHILE", all...)
			w.pass("TWO", all...)
			w.pass("PYTHON", all...)
			w.pass("PINNED", all[0])
			w.pass("ORDERQUIET", all...)
			w.pass("PROCESS", all...)
			if err := w.start(ctx,
				App{Account: "BEFORE", Name: "orders-api", Pods: true, Count: 18, URLs: all},
				App{Account: "BEFOREQUIET", Name: "billing", Count: 18, URLs: all},
			); err != nil {
				return err
			}
			if err := w.away(ctx, []string{n2, n3}, func() error {
				if err := w.raw(ctx, lab.RawClients{Account: "PYTHON", Server: w.Server(n1), Count: 16, Name: "scorer", Lang: "python3", Version: "2.9.0"}); err != nil {
					return err
				}
				return w.start(ctx,
					App{Account: "MEANWHILE", Name: "search", Pods: true, Count: 16, URLs: all},
					App{Account: "TWO", Name: "gateway", Pods: true, Count: 18, URLs: all},
				)
			}); err != nil {
				return err
			}
			if err := w.passFile("ORDER", "config.yaml", "nats:\n  servers: ["+quoted(all)+"]\n  noRandomize: true\n"); err != nil {
				return err
			}
			// Url is tried first, whatever Servers are shuffled into.
			urlFirst := func(o *nats.Options) error {
				o.Url, o.Servers = all[0], all[1:]
				return nil
			}
			if err := w.passFile("GOURL", "main.go", fmt.Sprintf(mainGo, all[0], quoted(all[1:]))); err != nil {
				return err
			}
			if err := w.passFile("CANARY", "deploy.yaml", deployment("checkout", all...)+deployment("checkout-canary", all[0])); err != nil {
				return err
			}
			if err := w.passFile("SIDECAR", "deploy.yaml", deployment("ledger", all[0])); err != nil {
				return err
			}
			url, err := w.named(name, n1)
			if err != nil {
				return err
			}
			w.pass("NAME", url)
			browsers := strings.Replace(w.Server(n1).WebSocketURL("BROWSERS"), "BROWSERS:"+lab.Password+"@", "", 1)
			w.pass("BROWSERS", browsers)
			if err := w.start(ctx,
				App{Account: "PINNED", Name: "reports", Count: 16, URLs: all[:1]},
				App{Account: "PINNEDQUIET", Name: "mailer", Count: 16, URLs: all[:1]},
				App{Account: "ORDER", Name: "pricing", Pods: true, Count: 18, URLs: all, InOrder: true},
				App{Account: "ORDERQUIET", Name: "stock", Count: 24, URLs: all, InOrder: true},
				App{Account: "GOURL", Name: "quotes", Pods: true, Count: 18, URLs: all, Options: []nats.Option{urlFirst}},
				App{Account: "CANARY", Name: "checkout-canary", Pods: true, Count: 24, URLs: all[:1]},
				App{Account: "SIDECAR", Name: "ledger", Count: 16, URLs: all[:1], From: "127.61.0.1"},
				App{Account: "NAME", Name: "feeds", Pods: true, Count: 16, URLs: []string{url}},
				App{Account: "BROWSERS", Name: "shop-ui", Count: 16, URLs: []string{browsers}},
				App{Account: "PROCESS", Name: "importer", Count: 18, URLs: all[:1], From: "127.61.0.2"},
			); err != nil {
				return err
			}
			for _, x := range []struct {
				a    App
				each int
			}{
				{App{Account: "TWO", Name: "worker", Pods: true}, 2},
				{App{Account: "CANARY", Name: "checkout", Pods: true}, 2},
				{App{Account: "SIDECAR", Name: "telemetry-sidecar", From: "127.61.0.1"}, 2},
				{App{Account: "EVEN", Name: "audit"}, 5},
			} {
				if err := w.evenly(ctx, x.a, x.each); err != nil {
					return err
				}
			}
			for i, s := range []string{n2, n3} {
				if err := w.start(ctx, App{Account: "PROCESS", Name: fmt.Sprintf("web-%c", 'a'+i), Count: 2, URLs: []string{w.url(s)}}); err != nil {
					return err
				}
			}
			return nil
		},
		Cases: []Case{
			{Account: "BEFORE", Server: n1, Truth: "restart-drift", Said: "restart-drift", Check: drifted("BEFORE")},
			{Account: "BEFOREQUIET", Server: n1, Truth: "restart-drift", Said: "restart-drift", Check: drifted("BEFOREQUIET")},
			{Account: "MEANWHILE", Server: n1, Truth: "restart-drift", Said: "restart-drift", Check: drifted("MEANWHILE")},
			{Account: "TWO", Server: n1, Truth: "restart-drift", Said: "restart-drift", Check: drifted("TWO")},
			{Account: "PYTHON", Server: n1, Truth: "restart-drift", Said: "restart-drift", Check: leaves("PYTHON", fullList)},
			{Account: "PINNED", Server: n1, Truth: "single-url", Said: "single-url", Check: pinned("PINNED", n1)},
			{Account: "PINNEDQUIET", Server: n1, Truth: "single-url", Said: Unknown, Check: pinned("PINNEDQUIET", n1)},
			{Account: "ORDER", Server: n1, Truth: "ordered-connect", Said: "ordered-connect", Check: pinned("ORDER", n1)},
			{Account: "ORDERQUIET", Server: n1, Truth: "ordered-connect", Said: Unknown, Open: []string{"ordered-connect"}, Check: pinned("ORDERQUIET", n1)},
			{Account: "GOURL", Server: n1, Truth: "ordered-connect", Said: "ordered-connect", Check: both(stays("GOURL", n1), leaves("GOURL", func(_ *World, a *App) { a.Options = nil }))},
			{Account: "CANARY", Server: n1, Truth: "single-url", Said: "single-url", Check: pinned("CANARY", n1)},
			{Account: "SIDECAR", Server: n1, Truth: "single-url", Said: "single-url", Check: pinned("SIDECAR", n1)},
			{Account: "NAME", Server: n1, Truth: "single-address-dns", Said: "single-address-dns", Check: pinned("NAME", n1)},
			{Account: "BROWSERS", Server: n1, Truth: "single-url", Said: "single-url", Check: pinned("BROWSERS", n1)},
			{Account: "PROCESS", Server: n1, Truth: "single-process", Said: "single-process"},
			{Account: "EVEN"},
		},
	}
}

const mainGo = `package main

import "github.com/nats-io/nats.go"

func connect() (*nats.Conn, error) {
	opts := nats.GetDefaultOptions()
	opts.Url = %q
	opts.Servers = []string{%s}
	return opts.Connect()
}
`

func quoted(all []string) string { return `"` + strings.Join(all, `", "`) + `"` }

// five: five servers of which the list, or the balancer, has two, and one of
// these was down when the clients came.
func five() Operation {
	const n5 = "C1-n5"
	return Operation{
		Name: "five", Title: "five servers; the list or the balancer has two, of which one was down when the clients came",
		Topology: lab.Topology{Clusters: []lab.Cluster{{Name: "C1", Servers: 5, Late: []int{1}, NoAdvertise: true}}},
		Do: func(ctx context.Context, w *World) error {
			two := []string{w.url(n1), w.url(n2)}
			balancer, err := w.balancer(ctx, lab.RoundRobin, n1, n2)
			if err != nil {
				return err
			}
			w.pass("LIST", two...)
			w.pass("BALANCER", balancer)
			w.pass("LAST", w.url(n5))
			if err := w.start(ctx,
				App{Account: "LIST", Name: "orders", Count: 16, URLs: two},
				App{Account: "LISTQUIET", Name: "orders", Count: 16, URLs: two},
				App{Account: "BALANCER", Name: "orders", Pods: true, Count: 16, URLs: []string{balancer}},
			); err != nil {
				return err
			}
			if err := w.later(ctx); err != nil {
				return err
			}
			if err := w.Server(n2).Start(ctx); err != nil {
				return err
			}
			if err := w.later(ctx); err != nil {
				return err
			}
			if err := w.start(ctx, App{Account: "LAST", Name: "batch", Count: 12, URLs: []string{w.url(n5)}}); err != nil {
				return err
			}
			return w.evenly(ctx, App{Account: "EVEN", Name: "audit"}, 3)
		},
		Cases: []Case{
			{Account: "LIST", Server: n1, Truth: "restart-drift", Said: "restart-drift", Also: []string{"single-url"}, Check: drifted("LIST")},
			{Account: "LISTQUIET", Server: n1, Truth: "restart-drift", Said: Unknown, Check: drifted("LISTQUIET")},
			{Account: "BALANCER", Server: n1, Truth: "restart-drift", Said: "restart-drift", Check: drifted("BALANCER")},
			{Account: "LAST", Server: n5, Truth: "single-url", Said: "single-url", Check: pinned("LAST", n5)},
			{Account: "EVEN"},
		},
	}
}

// fromOne starts clients of accounts that come from one address each: those of a NAT,
// and those of a balancer that takes one server after the other.
func (w *World) fromOne(ctx context.Context, balancer, suffix string) error {
	for _, account := range []string{"NATTED", "BALANCED"} {
		a := App{Account: account + suffix, Name: "app", Pods: true, Count: 12, URLs: []string{balancer}}
		if account == "NATTED" {
			a.URLs, a.From = w.all(), nat
		}
		if err := w.start(ctx, a); err != nil {
			return err
		}
	}
	return nil
}

// scaleOut: a single server becomes a cluster of three.
func scaleOut() Operation {
	return Operation{
		Name: "scale-out", Title: "a single server becomes a cluster of three", Short: true,
		Topology: three(func(c *lab.Cluster) { c.Late = []int{1, 2} }),
		Do: func(ctx context.Context, w *World) error {
			old, err := w.named("old.example", n1)
			if err != nil {
				return err
			}
			grown, err := w.named("grown.example", n1)
			if err != nil {
				return err
			}
			pool, err := w.balancer(ctx, lab.RoundRobin, n1)
			if err != nil {
				return err
			}
			even, err := w.balancerAt(ctx, "127.0.9.2", 0, lab.RoundRobin, n1, n2, n3)
			if err != nil {
				return err
			}
			w.pass("LIST", w.url(n1))
			w.pass("OLDNAME", old)
			w.pass("GROWNNAME", grown)
			w.pass("POOL", pool)
			w.pass("TEMPLATE", w.all()...)
			if err := w.start(ctx,
				App{Account: "LIST", Name: "orders", Pods: true, Count: 16, URLs: []string{w.url(n1)}},
				App{Account: "OLDNAME", Name: "billing", Count: 16, URLs: []string{old}},
				App{Account: "GROWNNAME", Name: "search", Pods: true, Count: 16, URLs: []string{grown}},
				App{Account: "POOL", Name: "web", Count: 16, URLs: []string{pool}},
				App{Account: "TEMPLATE", Name: "stock", Count: 16, URLs: w.all()},
			); err != nil {
				return err
			}
			for _, suffix := range []string{"", "TOO"} {
				if err := w.fromOne(ctx, "nats://"+even.Addr(), suffix); err != nil {
					return err
				}
			}
			if err := w.later(ctx); err != nil {
				return err
			}
			for _, s := range []string{n2, n3} {
				if err := w.Server(s).Start(ctx); err != nil {
					return err
				}
			}
			if _, err := w.named("grown.example", n1, n2, n3); err != nil {
				return err
			}
			if err := w.later(ctx); err != nil {
				return err
			}
			if err := w.start(ctx, App{Account: "BALANCEDLATE", Name: "app", Pods: true, Count: 12, URLs: []string{"nats://" + even.Addr()}}); err != nil {
				return err
			}
			return w.evenly(ctx, App{Account: "AFTER", Name: "mailer", From: nat}, 4)
		},
		Cases: []Case{
			{Account: "LIST", Server: n1, Truth: "single-url", Said: "single-url", Also: []string{"restart-drift"}, Check: pinned("LIST", n1)},
			{Account: "OLDNAME", Server: n1, Truth: "single-address-dns", Said: "single-address-dns", Also: []string{"restart-drift"}, Check: pinned("OLDNAME", n1)},
			{Account: "GROWNNAME", Server: n1, Truth: "restart-drift", Said: "restart-drift", Check: drifted("GROWNNAME")},
			{Account: "POOL", Server: n1, Truth: "sticky-load-balancer", Said: "sticky-load-balancer", Also: []string{"restart-drift"}, Check: pinned("POOL", n1)},
			{Account: "TEMPLATE", Server: n1, Truth: "restart-drift", Said: "restart-drift", Check: drifted("TEMPLATE")},
			// Whoever comes from the same address later is on all servers.
			{Account: "NATTED", Server: n1, Truth: "restart-drift", Said: "restart-drift", Exact: true, Not: []string{"sticky-load-balancer"}, Refused: "none", Check: drifted("NATTED")},
			{Account: "NATTEDTOO", Server: n1, Truth: "restart-drift", Said: "restart-drift", Exact: true, Check: drifted("NATTEDTOO")},
			{Account: "BALANCED", Server: n1, Truth: "restart-drift", Said: "restart-drift", Exact: true, Not: []string{"sticky-load-balancer"}, Refused: "none", Check: drifted("BALANCED")},
			{Account: "BALANCEDTOO", Server: n1, Truth: "restart-drift", Said: "restart-drift", Exact: true, Check: drifted("BALANCEDTOO")},
			{Account: "BALANCEDLATE"},
			{Account: "AFTER"},
		},
	}
}
