package life

import (
	"context"
	"fmt"

	"github.com/nats-balance/nats-balance/internal/lab"
)

// nat is the address of a NAT, which leaves it to clients where they connect.
const nat = "127.70.0.1"

// teams of the rolling restart; that of each is a finding or not, as chance has it.
const teams = 8

// rolling: the servers restart one after the other, and tell clients of each
// other. Half of the teams come from one NAT, as do clients that came later.
func rolling() Operation {
	o := Operation{
		Name: "rolling", Title: "a rolling restart of all servers, which clients with full lists walk through", Short: true,
		Topology: three(),
		Do: func(ctx context.Context, w *World) error {
			all := w.all()
			for i := range teams {
				account, from := fmt.Sprintf("TEAM-%02d", i+1), nat
				if i < teams/2 {
					w.pass(account, all...)
					from = ""
				}
				if err := w.start(ctx, App{Account: account, Name: "app", Pods: i%2 == 0, Count: 15, URLs: all, From: from}); err != nil {
					return err
				}
			}
			if err := w.passFile("ORDERED", "config.yaml", "nats:\n  servers: ["+quoted(all)+"]\n  noRandomize: true\n"); err != nil {
				return err
			}
			if err := w.start(ctx, App{Account: "ORDERED", Name: "pricing", Pods: true, Count: 18, URLs: all, InOrder: true}); err != nil {
				return err
			}
			if err := w.roll(ctx); err != nil {
				return err
			}
			w.pass("AFTER", all[1])
			if err := w.start(ctx, App{Account: "AFTER", Name: "reports", Count: 14, URLs: all[1:2]}, App{Account: "AFTERQUIET", Name: "mailer", Count: 14, URLs: all[:1]}); err != nil {
				return err
			}
			return w.evenly(ctx, App{Account: "EVEN", Name: "audit", From: nat}, 5)
		},
		Cases: []Case{
			{Account: "ORDERED", Server: n1, Truth: "ordered-connect", Said: "ordered-connect", Also: []string{"restart-drift"}, Check: pinned("ORDERED", n1)},
			{Account: "AFTER", Server: n2, Truth: "single-url", Said: "single-url", Check: pinned("AFTER", n2)},
			{Account: "AFTERQUIET", Server: n1, Truth: "single-url", Said: Unknown, Check: pinned("AFTERQUIET", n1)},
			{Account: "EVEN"},
		},
	}
	for i := range teams {
		account := fmt.Sprintf("TEAM-%02d", i+1)
		o.Cases = append(o.Cases, Case{Account: account, Server: n1, Perhaps: true, Truth: "restart-drift", Said: "restart-drift", Check: drifted(account)})
	}
	return o
}

// rollingMute: the same where servers tell of nobody, as the Helm chart has it.
func rollingMute() Operation {
	return Operation{
		Name: "rolling-mute", Title: "a rolling restart of servers that advertise nobody",
		Topology: three(func(c *lab.Cluster) { c.NoAdvertise = true }),
		Do: func(ctx context.Context, w *World) error {
			balancer, err := w.balancer(ctx, lab.OnlyFirst, n1, n2, n3)
			if err != nil {
				return err
			}
			name, err := w.named("nats.nats.svc.example", n1)
			if err != nil {
				return err
			}
			w.pass("LIST", w.url(n1))
			w.pass("NAME", name)
			w.pass("BALANCER", balancer)
			w.pass("FULL", w.all()...)
			if err := w.start(ctx,
				App{Account: "LIST", Name: "orders", Pods: true, Count: 16, URLs: []string{w.url(n1)}},
				App{Account: "LISTQUIET", Name: "orders", Pods: true, Count: 16, URLs: []string{w.url(n1)}},
				App{Account: "NAME", Name: "billing", Count: 16, URLs: []string{name}},
				App{Account: "BALANCER", Name: "web", Pods: true, Count: 16, URLs: []string{balancer}},
				App{Account: "FULL", Name: "search", Count: 15, URLs: w.all()},
			); err != nil {
				return err
			}
			if err := w.roll(ctx); err != nil {
				return err
			}
			return w.evenly(ctx, App{Account: "EVEN", Name: "audit"}, 5)
		},
		Cases: []Case{
			{Account: "LIST", Server: n1, Truth: "single-url", Said: "single-url", Check: pinned("LIST", n1)},
			// This is said to be the restart: an earlier process of a server leaves no
			// trace, so that nobody can see that the others were up.
			{Account: "LISTQUIET", Server: n1, Truth: "single-url", Said: Unknown, Check: pinned("LISTQUIET", n1)},
			{Account: "NAME", Server: n1, Truth: "single-address-dns", Said: "single-address-dns", Check: pinned("NAME", n1)},
			{Account: "BALANCER", Server: n1, Truth: "sticky-load-balancer", Said: "sticky-load-balancer", Check: pinned("BALANCER", n1)},
			{Account: "FULL", Server: n1, Perhaps: true, Truth: "restart-drift", Said: "restart-drift", Check: drifted("FULL")},
			{Account: "EVEN"},
		},
	}
}
