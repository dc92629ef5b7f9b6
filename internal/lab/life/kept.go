package life

import (
	"context"
	"fmt"

	"github.com/nats-balance/nats-balance/internal/lab"
)

// kept: a balancer that keeps each source where it was first, with three tenants, one on
// each server. Who audits knows the lists of two of them, and is led to one server.
func kept() Operation {
	o := Operation{
		Name: "kept", Title: "three tenants come through one balancer, which keeps each source on one server: each tenant is on another one",
		Topology: three(),
		Do: func(ctx context.Context, w *World) error {
			b, err := w.balancerAt(ctx, "127.0.9.6", 0, lab.SourceHash, n1, n2, n3)
			if err != nil {
				return err
			}
			url := "nats://" + b.Addr()
			from, err := w.sources(ctx, url)
			if err != nil {
				return err
			}
			for i, server := range []string{n1, n2, n3} {
				account := fmt.Sprintf("KEPT-%d", i+1)
				if i < 2 {
					w.pass(account, url)
				}
				if err := w.start(ctx, App{Account: account, Name: "app-" + account, Pods: true, Count: 12, URLs: []string{url}, From: from[server]}); err != nil {
					return err
				}
			}
			return w.evenly(ctx, App{Account: "EVEN", Name: "audit"}, 5)
		},
		Cases: []Case{{Account: "EVEN"}},
	}
	for i, server := range []string{n1, n2, n3} {
		account := fmt.Sprintf("KEPT-%d", i+1)
		o.Cases = append(o.Cases, Case{Account: account, Server: server, Truth: "sticky-load-balancer", Said: "sticky-load-balancer", Exact: true,
			Group: "kept", Refused: "sticky-load-balancer", Check: pinned(account, server)})
	}
	return o
}

// sources are addresses of clients that a URL leads to each server.
func (w *World) sources(ctx context.Context, url string) (map[string]string, error) {
	out := map[string]string{}
	for i := 1; len(out) < len(w.Servers()); i++ {
		if i > 200 {
			return nil, fmt.Errorf("%s leads nobody to some servers, and to %v", url, out)
		}
		from := fmt.Sprintf("127.68.0.%d", i)
		on, err := w.fresh(ctx, App{Account: "EVEN", Name: "try", URLs: []string{url}, From: from}, 1)
		if err != nil {
			return nil, err
		}
		for server := range on {
			if out[server] == "" {
				out[server] = from
			}
		}
	}
	return out, nil
}
