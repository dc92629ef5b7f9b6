package life

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/internal/lab"
)

// steady: a cluster to which nothing has happened. What is wrong is how clients
// are set up, or what the operator knows of that.
func steady() Operation {
	return Operation{
		Name: "steady", Title: "nothing has happened to the cluster; clients are set up in as many ways as there are teams", Short: true,
		Topology: three(func(c *lab.Cluster) { c.WebSocket = true }),
		Do: func(ctx context.Context, w *World) error {
			all := w.all()
			if err := w.later(ctx); err != nil {
				return err
			}
			for _, do := range []func(context.Context, *World, []string) error{steadyLists, steadyNames, steadyFiles} {
				if err := do(ctx, w, all); err != nil {
					return err
				}
			}
			return nil
		},
		Cases: []Case{
			{Account: "REGION", Server: n1, Truth: "ordered-connect", Said: "ordered-connect", Check: pinned("REGION", n1)},
			{Account: "AFFINITY", Server: n1, Truth: "sticky-load-balancer", Said: "sticky-load-balancer", Check: pinned("AFFINITY", n1)},
			{Account: "TYPO", Server: n1, Truth: "single-url", Said: "single-url", Check: pinned("TYPO", n1)},
			{Account: "DUPLICATE", Server: n1, Truth: "single-address-dns", Said: "single-address-dns", Check: pinned("DUPLICATE", n1)},
			{Account: "HOSTNAME", Server: n1, Truth: "single-url", Said: "single-url", Check: pinned("HOSTNAME", n1)},
			{Account: "MIXED", Server: n1, Truth: "single-url", Said: "single-url", Also: []string{"ordered-connect"}, Check: pinned("MIXED", n1)},
			{Account: "FEW", Server: n1, Truth: "", Said: Unknown},
			{Account: "PROXIES"},
			{Account: "STALE", Server: n1, Truth: "single-url", Said: Unknown, Check: pinned("STALE", n1)},
			{Account: "NEIGHBOUR", Server: n1, Truth: "single-url", Said: Unknown, Check: pinned("NEIGHBOUR", n1)},
			{Account: "JAVA", Server: n1, Truth: "ordered-connect", Said: "ordered-connect"},
			{Account: "REVERSE", Server: n1, Truth: "sticky-load-balancer", Said: "sticky-load-balancer", Check: stays("REVERSE", n1)},
			{Account: "SOCKETS", Server: n1, Truth: "ordered-connect", Said: Unknown, Exact: true, Not: []string{"single-url"}, Check: pinned("SOCKETS", n1)},
			{Account: "SHIPPING", Server: n1, Truth: "single-url", Said: Unknown, Exact: true, Not: []string{"ordered-connect"}, Open: []string{"single-url"}, Check: pinned("SHIPPING", n1)},
			{Account: "FOLDER", Server: n1, Truth: "single-url", Said: "single-url", Check: pinned("FOLDER", n1)},
		},
	}
}

// steadyLists: lists that are passed as they are.
func steadyLists(ctx context.Context, w *World, all []string) error {
	typo := []string{all[0], strings.Replace(all[1], "127.0.1.2:", "127.0.1.12:", 1), strings.Replace(all[2], "127.0.1.3:", "127.0.1.13:", 1)}
	w.pass("TYPO", typo...)
	w.pass("STALE", all[1])
	affinity, err := w.balancer(ctx, lab.OnlyFirst, n1, n2, n3) // which is what the address of one NAT gateway gets
	if err != nil {
		return err
	}
	w.pass("AFFINITY", affinity)
	_, port, _ := strings.Cut(strings.TrimPrefix(w.Server(n1).WebSocketURL("REVERSE"), "ws://"), "@")
	proxy, err := lab.StartBalancer(ctx, lab.BalancerConfig{Host: "127.0.9.2", Mode: lab.RoundRobin, Backends: []string{port}})
	if err != nil {
		return err
	}
	w.ends = append(w.ends, proxy.Stop)
	w.pass("REVERSE", "ws://"+proxy.Addr())
	socket := strings.Replace(w.Server(n1).WebSocketURL("SOCKETS"), "SOCKETS:"+lab.Password+"@", "", 1)
	w.pass("SOCKETS", socket) // of the portal alone
	if err := w.start(ctx,
		App{Account: "SOCKETS", Name: "api", Pods: true, Count: 15, URLs: all, InOrder: true},
		App{Account: "SOCKETS", Name: "portal", Count: 3, URLs: []string{socket}},
		App{Account: "TYPO", Name: "stock", Pods: true, Count: 16, URLs: typo},
		App{Account: "STALE", Name: "reports", Count: 16, URLs: all[:1]},
		App{Account: "AFFINITY", Name: "shop", Count: 16, URLs: []string{affinity}},
		App{Account: "REVERSE", Name: "ui", Count: 16, URLs: []string{"ws://" + proxy.Addr()}},
	); err != nil {
		return err
	}
	for i, n := range []int{8, 1, 1} { // as chance has it
		if err := w.start(ctx, App{Account: "FEW", Name: fmt.Sprintf("job-%c", 'a'+i), Count: n, URLs: all[i : i+1]}); err != nil {
			return err
		}
	}
	for i := range 2 {
		if err := w.evenly(ctx, App{Account: "PROXIES", Name: fmt.Sprintf("team-%c", 'a'+i), From: fmt.Sprintf("127.63.0.%d", 1+i)}, 3); err != nil {
			return err
		}
	}
	return nil
}

// steadyNames: lists with names.
func steadyNames(ctx context.Context, w *World, _ []string) error {
	var same []string
	for _, name := range []string{"a.bus.example", "b.bus.example", "c.bus.example"} {
		url, err := w.named(name, n1)
		if err != nil {
			return err
		}
		same = append(same, url)
	}
	w.pass("DUPLICATE", same...)
	own, err := w.named("c1-n1.nats.example", n1)
	if err != nil {
		return err
	}
	w.pass("HOSTNAME", own)
	fixed := fmt.Sprintf("nats://fixed.example:%d", w.Servers()[0].Port())
	if err := w.DNS.Set("fixed.example", lab.DNSRecord{Addresses: []string{w.Server(n1).Host(), w.Server(n2).Host(), w.Server(n3).Host()}}); err != nil {
		return err
	}
	w.pass("JAVA", fixed)
	if err := w.raw(ctx, lab.RawClients{Account: "JAVA", Server: w.Server(n1), Count: 16, Name: "fraud", Lang: "java", Version: "2.25.3"}); err != nil {
		return err
	}
	return w.start(ctx,
		App{Account: "DUPLICATE", Name: "search", Pods: true, Count: 16, URLs: same},
		App{Account: "HOSTNAME", Name: "mailer", Count: 16, URLs: []string{own}},
	)
}

// steadyFiles: files that services are told from.
func steadyFiles(ctx context.Context, w *World, all []string) error {
	inOrder := func(urls []string) string { return "nats:\n  servers: [" + quoted(urls) + "]\n  noRandomize: true\n" }
	west := []string{all[1], all[0], all[2]}
	if err := w.passFile("REGION", "east.yaml", inOrder(all)); err != nil {
		return err
	}
	if err := w.passFile("REGION", "west.yaml", inOrder(west)); err != nil {
		return err
	}
	if err := w.passFile("MIXED", "deploy.yaml", deployment("api", all[0])+deployment("web", all...)); err != nil {
		return err
	}
	if err := w.passFile("MIXED", "jobs.yaml", strings.Replace(inOrder(all), "nats:\n", "nats:\n  name: jobs\n", 1)); err != nil {
		return err
	}
	if err := w.passFile("NEIGHBOUR", "deploy.yaml", deployment("web", all...)); err != nil {
		return err
	}
	if err := w.passFile("FOLDER", "deploy.yaml", deployment("quotes", all[0])+deployment("orders", all...)); err != nil {
		return err
	}
	w.Args[len(w.Args)-1] = strings.TrimPrefix(w.Args[len(w.Args)-1], "FOLDER=") // whose it is the names say
	if err := w.start(ctx,
		App{Account: "REGION", Name: "east", Pods: true, Count: 20, URLs: all, InOrder: true},
		App{Account: "REGION", Name: "west", Pods: true, Count: 4, URLs: west, InOrder: true},
		App{Account: "MIXED", Name: "api", Pods: true, Count: 14, URLs: all[:1]},
		App{Account: "MIXED", Name: "jobs", Count: 8, URLs: all, InOrder: true},
		App{Account: "NEIGHBOUR", Name: "ledger", Pods: true, Count: 18, URLs: all[:1]},
		App{Account: "FOLDER", Name: "quotes", Pods: true, Count: 16, URLs: all[:1]},
		App{Account: "SHIPPING", Name: "parcels", Pods: true, Count: 16, URLs: all[:1]}, // of which the folder has nothing
	); err != nil {
		return err
	}
	for _, account := range []string{"MIXED", "NEIGHBOUR"} {
		if err := w.evenly(ctx, App{Account: account, Name: "web", Pods: true}, 2); err != nil {
			return err
		}
	}
	return nil
}

// replaced: two servers retire, and two new ones take their place.
func replaced() Operation {
	const n4, n5 = "C1-n4", "C1-n5"
	return Operation{
		Name: "replaced", Title: "two of three servers retire, and two new ones with other addresses take their place",
		Topology: lab.Topology{Clusters: []lab.Cluster{{Name: "C1", Servers: 5, Late: []int{3, 4}}}},
		Do: func(ctx context.Context, w *World) error {
			old := w.all()[:3]
			url, err := w.named("bus.example", n1, n2, n3)
			if err != nil {
				return err
			}
			w.pass("LIST", old...)
			w.pass("NAME", url)
			w.pass("RUST", w.url(n1), w.url(n4), w.url(n5))
			if err := w.start(ctx,
				App{Account: "LIST", Name: "orders", Pods: true, Count: 16, URLs: old},
				App{Account: "NAME", Name: "billing", Count: 16, URLs: []string{url}},
			); err != nil {
				return err
			}
			for _, name := range []string{n2, n3} {
				w.Server(name).Retire()
			}
			if err := w.settled(ctx); err != nil {
				return err
			}
			if err := w.raw(ctx, lab.RawClients{Account: "RUST", Server: w.Server(n1), Count: 16, Name: "edge", Lang: "rust", Version: "0.42.0"}); err != nil {
				return err
			}
			if err := w.later(ctx); err != nil {
				return err
			}
			for _, name := range []string{n4, n5} {
				if err := w.Server(name).Start(ctx); err != nil {
					return err
				}
			}
			if _, err := w.named("bus.example", n1, n4, n5); err != nil {
				return err
			}
			return w.later(ctx)
		},
		Cases: []Case{
			{Account: "LIST", Server: n1, Truth: "single-url", Said: "single-url", Also: []string{"restart-drift"}, Check: stays("LIST", n1)},
			{Account: "NAME", Server: n1, Truth: "restart-drift", Said: "restart-drift", Check: drifted("NAME")},
			{Account: "RUST", Server: n1, Truth: "restart-drift", Said: "restart-drift"},
		},
	}
}

// halfway: two servers take TLS only by now, and some clients do not speak it yet;
// one user is known to the first only.
func halfway() Operation {
	return Operation{
		Name: "halfway", Title: "two servers require TLS, which clients of one account do not speak yet",
		Topology: three(func(c *lab.Cluster) {
			a := newAuthority()
			c.Configure = func(i int, o *server.Options) {
				if i > 0 {
					o.TLSConfig, o.TLSTimeout = &tls.Config{Certificates: []tls.Certificate{a.issue(o.Host, time.Now().Add(time.Hour))}, MinVersion: tls.VersionTLS12}, lab.AuthTimeout
				}
			}
		}),
		Do: func(ctx context.Context, w *World) error {
			w.pass("PLAIN", w.all()...)
			if err := w.later(ctx); err != nil {
				return err
			}
			// A client that knows no TLS gives up on a server that asks for it.
			return w.start(ctx, App{Account: "PLAIN", Name: "orders", Pods: true, Count: 16, URLs: w.all(), Options: []nats.Option{plainOnly}})
		},
		Cases: []Case{{Account: "PLAIN", Server: n1, Truth: "listener-gap", Said: "listener-gap", Stuck: true, Refused: "listener-gap", Check: stays("PLAIN", n1)}},
	}
}

// plainOnly has a client trust no certificate, as one that does not speak TLS.
func plainOnly(o *nats.Options) error {
	o.TLSConfig = &tls.Config{RootCAs: newAuthority().pool, MinVersion: tls.VersionTLS12}
	return nil
}

// half: a name has two of three servers, of which one was down when the clients
// came; one user of an account is known on the first only.
func half() Operation {
	return Operation{
		Name: "half", Title: "a name has two of three servers, of which one was down; an account has a user that one server knows",
		Topology: three(func(c *lab.Cluster) {
			c.Late = []int{1}
			c.Configure = func(i int, o *server.Options) {
				at := slices.IndexFunc(o.Accounts, func(a *server.Account) bool { return a.Name == "USERS" })
				if i == 0 {
					o.Users = append(o.Users, &server.User{Username: "api-next", Password: lab.Password, Account: o.Accounts[at]})
				}
			}
		}),
		Do: func(ctx context.Context, w *World) error {
			url, err := w.named("two.example", n1, n2)
			if err != nil {
				return err
			}
			w.pass("NAME", url)
			w.pass("USERS", w.all()...)
			if err := w.start(ctx, App{Account: "NAME", Name: "orders", Count: 16, URLs: []string{url}}); err != nil {
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
			if err := w.start(ctx, App{Account: "USERS", Name: "api", Pods: true, User: "api-next", Count: 18, URLs: w.all()}); err != nil {
				return err
			}
			return w.evenly(ctx, App{Account: "USERS", Name: "api", Pods: true}, 2)
		},
		Cases: []Case{
			// That the second server started later may as well be a restart since: nobody else
			// came when these did, and whether it takes their user is unknown.
			{Account: "NAME", Server: n1, Truth: "restart-drift", Said: Unknown, Open: []string{"restart-drift"}, Check: drifted("NAME")},
			{Account: "USERS", Server: n1, Truth: "account-gap", Said: "account-gap", Stuck: true, Check: both(stays("USERS", n1), refused("USERS", "authorization", n2, n3))},
		},
	}
}

// freed: two servers were full when services were deployed, and are not by now.
func freed() Operation {
	const limit = 14
	return Operation{
		Name: "freed", Title: "two servers were full when services were deployed, and have room now",
		Topology: three(func(c *lab.Cluster) {
			c.Configure = func(i int, o *server.Options) {
				if i > 0 {
					o.MaxConn = limit
				}
			}
		}),
		Do: func(ctx context.Context, w *World) error {
			w.pass("ORDERS", w.all()...)
			if err := w.evenly(ctx, App{Account: "CAMPAIGN", Name: "push"}, limit); err != nil {
				return err
			}
			if err := w.later(ctx); err != nil {
				return err
			}
			if err := w.start(ctx, App{Account: "ORDERS", Name: "orders", Pods: true, Count: 18, URLs: w.all()}); err != nil {
				return err
			}
			w.mu.Lock()
			groups := w.groups["CAMPAIGN"]
			delete(w.groups, "CAMPAIGN")
			delete(w.apps, "CAMPAIGN")
			w.mu.Unlock()
			for _, g := range groups {
				g.Close()
			}
			return lab.Poll(ctx, func() error {
				for _, s := range w.Servers() {
					if s.Connections("CAMPAIGN") > 0 {
						return errors.New("the campaign is not over")
					}
				}
				return nil
			})
		},
		Cases: []Case{
			{Account: "ORDERS", Server: n1, Truth: "server-full", Said: "server-full", Check: drifted("ORDERS")},
			{Account: "CAMPAIGN"},
		},
	}
}
