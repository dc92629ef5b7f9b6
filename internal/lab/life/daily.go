package life

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/internal/lab"
)

// as puts a user into URLs.
func as(user string, urls ...string) []string {
	out := make([]string, len(urls))
	for i, u := range urls {
		out[i] = strings.Replace(u, "nats://", "nats://"+user+":"+lab.Password+"@", 1)
	}
	return out
}

// services: a cluster to which nothing has happened, with accounts of several
// services each, one of which is set up differently.
func services() Operation {
	return Operation{
		Name: "services", Title: "accounts of several services each, of which one is set up differently", Short: true,
		Topology: three(func(c *lab.Cluster) {
			c.Configure = func(_ int, o *server.Options) {
				at := slices.IndexFunc(o.Accounts, func(a *server.Account) bool { return a.Name == "USERLIST" })
				for _, name := range []string{"api", "web"} {
					o.Users = append(o.Users, &server.User{Username: name, Password: lab.Password, Account: o.Accounts[at]})
				}
			}
		}),
		Do: func(ctx context.Context, w *World) error {
			all := w.all()
			if err := w.later(ctx); err != nil {
				return err
			}
			for _, do := range []func(context.Context, *World, []string) error{servicesPassed, servicesFiles, servicesOthers} {
				if err := do(ctx, w, all); err != nil {
					return err
				}
			}
			return nil
		},
		Cases: []Case{
			{Account: "CRON", Server: n2, Truth: "single-url", Said: "single-url", Check: pinned("CRON", n2)},
			{Account: "BLUEGREEN", Server: n3, Truth: "single-address-dns", Said: "single-address-dns", Check: pinned("BLUEGREEN", n3)},
			{Account: "OFFICE", Server: n1, Truth: "ordered-connect", Said: "ordered-connect", Check: pinned("OFFICE", n1)},
			{Account: "OFFICETOO"},
			{Account: "USERLIST", Server: n1, Truth: "single-url", Said: "single-url", Check: pinned("USERLIST", n1)},
			{Account: "STAGING", Server: n1, Truth: "single-url", Said: Unknown, Check: pinned("STAGING", n1)},
			{Account: "PIPELINE", Server: n1, Truth: "single-url", Said: "single-url", Check: pinned("PIPELINE", n1)},
			{Account: "SCORER", Server: n1, Truth: "ordered-connect", Said: "ordered-connect"},
			{Account: "KICKED", Server: n1, Truth: "single-url", Said: Unknown, Check: stays("KICKED", n1)},
		},
	}
}

func servicesPassed(ctx context.Context, w *World, all []string) error {
	w.pass("USERLIST", as("api", all[0])...)
	w.pass("USERLIST", as("web", all...)...)
	w.pass("STAGING", "nats://nats.staging.example:4222")
	if err := w.start(ctx,
		App{Account: "USERLIST", Name: "api", Pods: true, User: "api", Count: 20, URLs: all[:1]},
		App{Account: "STAGING", Name: "orders", Count: 16, URLs: all[:1]},
	); err != nil {
		return err
	}
	return w.evenly(ctx, App{Account: "USERLIST", Name: "web", User: "web", Pods: true}, 2)
}

func servicesFiles(ctx context.Context, w *World, all []string) error {
	green, err := w.named("green.example", n3)
	if err != nil {
		return err
	}
	if err := w.passFile("CRON", "deploy.yaml", strings.ReplaceAll(deployment("report", all[1]), "kind: Deployment", "kind: StatefulSet")+deployment("web", all...)); err != nil {
		return err
	}
	if err := w.passFile("BLUEGREEN", "deploy.yaml", deployment("shop-blue", all...)+deployment("shop-green", green)); err != nil {
		return err
	}
	if err := w.passFile("PIPELINE", "deploy.yaml", deployment("ingest", all[0])+deployment("etl", all...)+deployment("sink", all[1])); err != nil {
		return err
	}
	for i := range 16 { // stateful: report-0 to report-15
		if err := w.start(ctx, App{Account: "CRON", Name: fmt.Sprintf("report-%d", i), Count: 1, URLs: all[1:2]}); err != nil {
			return err
		}
	}
	if err := w.start(ctx,
		App{Account: "BLUEGREEN", Name: "shop-green", Pods: true, Count: 22, URLs: []string{green}},
		App{Account: "PIPELINE", Name: "ingest", Pods: true, Count: 40, URLs: all[:1]},
		App{Account: "PIPELINE", Name: "sink", Pods: true, Count: 6, URLs: all[1:2]},
	); err != nil {
		return err
	}
	for account, name := range map[string]string{"CRON": "web", "BLUEGREEN": "shop-blue", "PIPELINE": "etl"} {
		if err := w.evenly(ctx, App{Account: account, Name: name, Pods: true}, 2); err != nil {
			return err
		}
	}
	return nil
}

func servicesOthers(ctx context.Context, w *World, all []string) error {
	const gateway = "127.64.0.1" // the office's
	if err := w.passFile("OFFICE", "config.yaml", "nats:\n  servers: ["+quoted(all)+"]\n  noRandomize: true\n"); err != nil {
		return err
	}
	if err := w.passFile("SCORER", "app.py", "import nats\n\nasync def main():\n    nc = await nats.connect(servers=["+quoted(all)+"], dont_randomize=True)\n"); err != nil {
		return err
	}
	if err := w.raw(ctx, lab.RawClients{Account: "SCORER", Server: w.Server(n1), Count: 16, Name: "scorer", Lang: "python3", Version: "2.9.0"}); err != nil {
		return err
	}
	if err := w.start(ctx,
		App{Account: "OFFICE", Name: "desk", Count: 18, URLs: all, InOrder: true, From: gateway},
		App{Account: "KICKED", Name: "tickets", Pods: true, Count: 16, URLs: all[:1], Options: []nats.Option{nats.IgnoreDiscoveredServers()}},
	); err != nil {
		return err
	}
	if err := w.evenly(ctx, App{Account: "OFFICETOO", Name: "printer", From: gateway}, 5); err != nil {
		return err
	}
	// An operator moves clients by hand; they come back.
	s := w.Server(n1).Embedded()
	z, err := s.Connz(&server.ConnzOptions{Username: true, Account: "KICKED", Limit: 100})
	if err != nil {
		return err
	}
	for _, c := range z.Conns {
		if err := s.DisconnectClientByID(c.Cid); err != nil {
			return err
		}
	}
	if err := w.later(ctx); err != nil {
		return err
	}
	return w.settled(ctx)
}

// burst: two servers are small, and one deployment fills them by itself.
func burst() Operation {
	const limit = 5
	return Operation{
		Name: "burst", Title: "two servers take few connections, and the deployments of one account fill them",
		Topology: three(func(c *lab.Cluster) {
			c.Configure = func(i int, o *server.Options) {
				if i > 0 {
					o.MaxConn = limit
				}
			}
		}),
		Do: func(ctx context.Context, w *World) error {
			w.pass("BURST", w.all()...)
			if err := w.later(ctx); err != nil {
				return err
			}
			return w.start(ctx,
				App{Account: "BURST", Name: "resize", Pods: true, Count: 24, URLs: w.all()},
				App{Account: "BURST", Name: "upload", Pods: true, Count: 24, URLs: w.all()},
			)
		},
		Cases: []Case{{Account: "BURST", Server: n1, Truth: "server-full", Said: "server-full", Check: refused("BURST", "", n2, n3)}},
	}
}

// rotation: a new user is rolled out server by server, and the rollout stopped.
func rotation() Operation {
	return Operation{
		Name: "rotation", Title: "a new user was rolled out to two servers, another to one",
		Topology: three(func(c *lab.Cluster) {
			c.Configure = func(i int, o *server.Options) {
				user := func(account, name string) {
					at := slices.IndexFunc(o.Accounts, func(a *server.Account) bool { return a.Name == account })
					o.Users = append(o.Users, &server.User{Username: name, Password: lab.Password, Account: o.Accounts[at]})
				}
				user("STUCK", "web")
				if i == 2 {
					user("STUCK", "api-2027")
				}
				if i < 2 {
					user("TWOTHIRDS", "pos-2027")
				}
			}
		}),
		Do: func(ctx context.Context, w *World) error {
			w.pass("STUCK", as("web", w.all()...)...)
			if err := w.later(ctx); err != nil {
				return err
			}
			if err := w.start(ctx,
				App{Account: "STUCK", Name: "api", Pods: true, User: "api-2027", Count: 20, URLs: w.all()},
			); err != nil {
				return err
			}
			if err := w.evenly(ctx, App{Account: "STUCK", Name: "web", Pods: true, User: "web"}, 2); err != nil {
				return err
			}
			for i, name := range []string{n1, n2} {
				if err := w.start(ctx, App{Account: "TWOTHIRDS", Name: fmt.Sprintf("pos-%d", i), User: "pos-2027", Count: 8, URLs: []string{w.url(name)}}); err != nil {
					return err
				}
			}
			return nil
		},
		Cases: []Case{
			{Account: "STUCK", Server: n3, Truth: "account-gap", Said: "account-gap", Check: both(stays("STUCK", n3), refused("STUCK", "authorization", n1, n2))},
			{Account: "TWOTHIRDS"},
		},
	}
}

// sites: two clusters joined by gateways.
func sites() Operation {
	const east1, east2, west1 = "EAST-n1", "EAST-n2", "WEST-n1"
	return Operation{
		Name: "sites", Title: "two clusters; lists have one server of each, a name has one server of one",
		Topology: lab.Topology{Clusters: []lab.Cluster{{Name: "EAST", Servers: 3}, {Name: "WEST", Servers: 3}}},
		Do: func(ctx context.Context, w *World) error {
			two := []string{w.url(east1), w.url(west1)}
			west := w.all()[3:]
			geo, err := w.named("geo.example", east2, west1, "WEST-n2", "WEST-n3")
			if err != nil {
				return err
			}
			w.pass("TWOSITES", two...)
			w.pass("GEO", geo)
			if err := w.passFile("GLOBAL", "deploy.yaml", deployment("east-api", w.url(east1))+deployment("west-api", west...)); err != nil {
				return err
			}
			if err := w.later(ctx); err != nil {
				return err
			}
			return w.start(ctx,
				App{Account: "GLOBAL", Name: "east-api", Pods: true, Count: 18, URLs: []string{w.url(east1)}},
				App{Account: "GLOBAL", Name: "west-api", Pods: true, Count: 18, URLs: west},
				App{Account: "TWOSITES", Name: "sync", Pods: true, Count: 40, URLs: two},
				App{Account: "GEO", Name: "cdn", Pods: true, Count: 72, URLs: []string{geo}},
			)
		},
		Cases: []Case{
			{Account: "GLOBAL", Server: east1, Truth: "single-url", Said: "single-url", Check: stays("GLOBAL", east1)},
			{Account: "TWOSITES", Server: east1, Truth: "single-url", Said: "single-url", Check: only("TWOSITES", east1, west1)},
			{Account: "GEO", Server: east2, Perhaps: true, Truth: "single-address-dns", Said: "single-address-dns", Check: only("GEO", east2, west1, "WEST-n2", "WEST-n3")},
		},
	}
}

// only proves that new clients land on these servers, and on no other.
func only(account string, servers ...string) func(context.Context, *World) error {
	return func(ctx context.Context, w *World) error {
		placed, err := w.fresh(ctx, w.apps[account][0], enough)
		for name := range placed {
			if err == nil && !slices.Contains(servers, name) {
				err = fmt.Errorf("new clients are on %v, not on %v alone", placed, servers)
			}
		}
		return err
	}
}

// nodes: a balancer that hashes source addresses and keeps them, as kube-proxy
// with session affinity; the pods of each team are on a node of their own.
func nodes() Operation {
	const address = "127.0.9.1"
	return Operation{
		Name: "nodes", Title: "a service with session affinity before servers that advertise nobody; each team's pods are on one node",
		Topology: three(func(c *lab.Cluster) { c.NoAdvertise = true }),
		Do: func(ctx context.Context, w *World) error {
			var backends []string
			for _, s := range w.Servers() {
				backends = append(backends, s.Addr())
			}
			b, err := lab.StartBalancer(ctx, lab.BalancerConfig{Host: address, Mode: lab.SourceHash, Backends: backends, Transparent: true})
			if err != nil {
				return err
			}
			w.ends = append(w.ends, b.Stop)
			if err := w.later(ctx); err != nil {
				return err
			}
			next := 1
			for _, team := range []struct{ account, server string }{{"NODEONE", n1}, {"NODETWO", n2}, {"NODEONETOO", n1}} {
				for ; b.Pinned(fmt.Sprintf("127.65.0.%d", next)) != w.Server(team.server).Addr(); next++ {
				}
				w.pass(team.account, "nats://"+b.Addr())
				if err := w.start(ctx, App{Account: team.account, Name: "app", Pods: true, Count: 16, URLs: []string{"nats://" + b.Addr()}, From: fmt.Sprintf("127.65.0.%d", next)}); err != nil {
					return err
				}
				next++
			}
			return nil
		},
		Cases: []Case{
			{Account: "NODEONE", Server: n1, Truth: "sticky-load-balancer", Said: "sticky-load-balancer", Check: stays("NODEONE", n1)},
			{Account: "NODETWO", Server: n2, Truth: "sticky-load-balancer", Said: "sticky-load-balancer", Check: stays("NODETWO", n2)},
			{Account: "NODEONETOO", Server: n1, Truth: "sticky-load-balancer", Said: "sticky-load-balancer", Check: stays("NODEONETOO", n1)},
		},
	}
}
