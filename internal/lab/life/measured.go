package life

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/nats-balance/nats-balance/internal/lab"
)

// measured: a cluster to which nothing has happened, with what rules that judge an
// account as a whole were measured wrong on. What is to be said of each is exact.
func measured() Operation {
	return Operation{
		Name: "measured", Title: "nothing has happened; each account is one whose cause was wrong once",
		Topology: three(),
		Do: func(ctx context.Context, w *World) error {
			if err := w.later(ctx); err != nil {
				return err
			}
			for _, do := range []func(context.Context, *World) error{measuredServices, measuredNetworks, measuredForwards, measuredLanguages} {
				if err := do(ctx, w); err != nil {
					return err
				}
			}
			return nil
		},
		Cases: []Case{
			{Account: "GATEWAYS", Server: n1, Truth: "single-url", Said: Unknown, Exact: true, Check: pinned("GATEWAYS", n1)},
			{Account: "TWOLISTS", Server: n1, Truth: "single-url", Said: "single-url", Exact: true, Check: pinned("TWOLISTS", n1)},
			{Account: "TWOAPPS", Server: n1, Truth: "single-url", Said: Unknown, Check: pinned("TWOAPPS", n1)},
			{Account: "NETWORKS", Server: n1, Said: Unknown, Exact: true},
			{Account: "MOSTLY", Server: n1, Truth: "sticky-load-balancer", Said: "sticky-load-balancer", Exact: true, Check: mostly("MOSTLY", n1)},
			{Account: "ONEPORT", Server: n1, Truth: "single-url", Said: "single-url", Exact: true, Check: both(stays("ONEPORT", n1), leaves("ONEPORT", published))},
			{Account: "ALLPORTS"},
			{Account: "JAVASHUFFLES", Server: n1, Said: Unknown, Exact: true},
		},
	}
}

// measuredServices: many instances of one service; two services of an account, of
// which both lists are passed, or that of the other one.
func measuredServices(ctx context.Context, w *World) error {
	all := w.all()
	w.pass("TWOLISTS", all[0])
	w.pass("TWOLISTS", all...)
	w.pass("TWOAPPS", all...)
	for i := range 4 { // 150 instances, gw-0 to gw-149, on four hosts
		a := App{Account: "GATEWAYS", URLs: all[:1], From: fmt.Sprintf("127.67.0.%d", 1+i), Count: (150 + 3 - i) / 4,
			Names: func(k int) string { return fmt.Sprintf("gw-%d", 4*k+i) }}
		if err := w.start(ctx, a); err != nil {
			return err
		}
	}
	for _, a := range []App{
		{Account: "GATEWAYS", Name: "console", Count: 2, URLs: all[1:2]}, {Account: "GATEWAYS", Name: "reports", Count: 2, URLs: all[2:]},
		{Account: "TWOLISTS", Name: "orders-api", Pods: true, Count: 24, URLs: all[:1]},
		{Account: "TWOAPPS", Name: "ledger", Pods: true, Count: 20, URLs: all[:1]},
	} {
		if err := w.start(ctx, a); err != nil {
			return err
		}
	}
	for _, account := range []string{"TWOLISTS", "TWOAPPS"} {
		if err := w.evenly(ctx, App{Account: account, Name: "worker", Pods: true}, 2); err != nil {
			return err
		}
	}
	return nil
}

// measuredNetworks: 27 clients of 27 networks, 22, 3 and 2, that have all servers.
func measuredNetworks(ctx context.Context, w *World) error {
	w.pass("NETWORKS", w.all()...)
	network := 0
	for i, n := range []int{22, 3, 2} {
		for range n {
			network++
			if err := w.start(ctx, App{Account: "NETWORKS", Name: "site", Count: 1, URLs: w.all()[i : i+1], From: fmt.Sprintf("127.%d.0.1", 100+network)}); err != nil {
				return err
			}
		}
	}
	return nil
}

// measuredForwards: a balancer that sends one of twelve elsewhere, and published
// container ports, one for each server.
func measuredForwards(ctx context.Context, w *World) error {
	url, err := w.balancer(ctx, lab.NearlyFirst, n1, n2, n3)
	if err != nil {
		return err
	}
	w.pass("MOSTLY", url)
	var ports []string
	for _, s := range w.Servers() {
		b, err := lab.StartBalancer(ctx, lab.BalancerConfig{Host: "127.0.9.3", Mode: lab.OnlyFirst, Backends: []string{s.Addr()}})
		if err != nil {
			return err
		}
		w.ends = append(w.ends, b.Stop)
		ports = append(ports, "nats://"+b.Addr())
	}
	w.pass("ONEPORT", ports[0])
	w.pass("ALLPORTS", ports...)
	if err := w.start(ctx,
		App{Account: "MOSTLY", Name: "orders", Pods: true, Count: 24, URLs: []string{url}},
		App{Account: "ONEPORT", Name: "billing", Count: 16, URLs: ports[:1]},
	); err != nil {
		return err
	}
	for _, port := range ports {
		if err := w.start(ctx, App{Account: "ALLPORTS", Name: "audit", Count: 4, URLs: []string{port}}); err != nil {
			return err
		}
	}
	return nil
}

// published gives clients the published ports of all servers.
func published(w *World, a *App) {
	a.URLs = nil
	for _, app := range w.apps["ALLPORTS"] {
		a.URLs = append(a.URLs, app.URLs...)
	}
}

// mostly proves that nearly all new clients land on a server, and not quite all.
func mostly(account, server string) func(context.Context, *World) error {
	return func(ctx context.Context, w *World) error {
		placed, err := w.fresh(ctx, w.apps[account][0], 24)
		if err == nil && (placed[server] < 20 || len(placed) < 2) {
			err = fmt.Errorf("new clients are on %v", placed)
		}
		return err
	}
}

// measuredLanguages: Java of a version that shuffles the addresses of a name.
func measuredLanguages(ctx context.Context, w *World) error {
	if err := w.DNS.Set("java.example", lab.DNSRecord{Addresses: []string{w.Server(n1).Host(), w.Server(n2).Host(), w.Server(n3).Host()}}); err != nil {
		return err
	}
	w.pass("JAVASHUFFLES", fmt.Sprintf("nats://java.example:%d", w.Servers()[0].Port()))
	return w.raw(ctx, lab.RawClients{Account: "JAVASHUFFLES", Server: w.Server(n1), Count: 16, Name: "fraud", Lang: "java", Version: "2.20.0"})
}

// families: a name with the IPv4 address of one server and the IPv6 address of
// another, for Java, which asks for IPv4 unless told.
func families() Operation {
	return Operation{
		Name: "families", Title: "a name has the IPv4 address of one server and the IPv6 address of another; the clients are Java's, and the servers advertise no others", IPv6: true,
		Topology: three(func(c *lab.Cluster) {
			c.NoAdvertise = true
			c.Configure = func(i int, o *server.Options) {
				if i == 1 {
					o.Host = "::1"
				}
			}
		}),
		Do: func(ctx context.Context, w *World) error {
			if err := w.DNS.Set("dual.example", lab.DNSRecord{Addresses: []string{w.Server(n1).Host(), "::1"}}); err != nil {
				return err
			}
			w.pass("JAVA", fmt.Sprintf("nats://dual.example:%d", w.Servers()[0].Port()))
			if err := w.later(ctx); err != nil {
				return err
			}
			return w.raw(ctx, lab.RawClients{Account: "JAVA", Server: w.Server(n1), Count: 16, Name: "fraud", Lang: "java", Version: "2.20.0"})
		},
		Cases: []Case{{Account: "JAVA", Server: n1, Truth: "single-address-dns", Said: "single-address-dns", Exact: true, Stuck: true,
			Check: func(ctx context.Context, w *World) error { // the name does lead to both, by its two families
				hosts, err := w.DNS.Resolver().LookupHost(ctx, "dual.example")
				if err == nil && !slices.Equal(hosts, []string{"::1", w.Server(n1).Host()}) && !slices.Equal(hosts, []string{w.Server(n1).Host(), "::1"}) {
					err = fmt.Errorf("the name has %v", hosts)
				}
				return err
			}}},
	}
}

// advertised: all servers advertise the address of a balancer, which takes the
// first of them.
func advertised() Operation {
	const host = "127.0.9.1"
	return Operation{
		Name: "advertised", Title: "all servers advertise the address of the balancer in front of them, which takes the first",
		Topology: three(func(c *lab.Cluster) {
			c.Configure = func(_ int, o *server.Options) { o.ClientAdvertise = fmt.Sprintf("%s:%d", host, o.Port) }
		}),
		Do: func(ctx context.Context, w *World) error {
			var backends []string
			for _, s := range w.Servers() {
				backends = append(backends, s.Addr())
			}
			b, err := lab.StartBalancer(ctx, lab.BalancerConfig{Host: host, Port: w.Servers()[0].Port(), Mode: lab.OnlyFirst, Backends: backends})
			if err != nil {
				return err
			}
			w.ends = append(w.ends, b.Stop)
			url := "nats://" + b.Addr()
			if err := w.later(ctx); err != nil {
				return err
			}
			w.pass("ADVERTISED", url)
			return w.start(ctx, App{Account: "ADVERTISED", Name: "web", Pods: true, Count: 16, URLs: []string{url}})
		},
		Cases: []Case{{Account: "ADVERTISED", Server: n1, Truth: "sticky-load-balancer", Said: "sticky-load-balancer", Exact: true, Open: []string{"discovery-off"}, Check: stays("ADVERTISED", n1)}},
	}
}

// draining: two of three servers drain, and who audits takes what is there.
func draining() Operation {
	return Operation{
		Name: "draining", Title: "two of three servers are draining, and the audit takes what the third one says",
		Topology: three(func(c *lab.Cluster) {
			c.Configure = func(_ int, o *server.Options) {
				o.LameDuckDuration, o.LameDuckGracePeriod = time.Minute, 10*time.Millisecond
			}
		}),
		Do: func(ctx context.Context, w *World) error {
			w.Args = append(w.Args, "--allow-partial", "--expect-servers", "3")
			w.pass("LISTED", w.all()[0])
			if err := w.later(ctx); err != nil {
				return err
			}
			if err := w.start(ctx,
				App{Account: "QUIET", Name: "reports", Count: 16, URLs: w.all()[:1]},
				App{Account: "LISTED", Name: "billing", Count: 16, URLs: w.all()[:1]},
			); err != nil {
				return err
			}
			for _, name := range []string{n2, n3} {
				s := w.Server(name).Embedded()
				go s.LameDuckShutdown() // ends when the server is stopped
			}
			return w.later(ctx)
		},
		Cases: []Case{
			{Account: "QUIET", Server: n1, Truth: "single-url", Said: Unknown, Exact: true, Not: []string{"discovery-off", "restart-drift"}, Open: []string{"discovery-off", "restart-drift"}, Check: stays("QUIET", n1)},
			{Account: "LISTED", Server: n1, Truth: "single-url", Said: "single-url", Not: []string{"discovery-off", "restart-drift"}, Check: stays("LISTED", n1)},
		},
	}
}
