package life

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/nats-balance/nats-balance/internal/lab"
)

// habits: a cluster whose servers are up all the time. What is to be told apart is
// what clients are set up with and what somebody has changed since they came.
func habits() Operation {
	options := make([]*server.Options, 3)
	var cut atomic.Bool
	return Operation{
		Name: "habits", Title: "the servers are up all the time; what clients came by has changed since, or somebody moved them",
		Topology: three(func(c *lab.Cluster) {
			c.Configure = func(i int, o *server.Options) {
				options[i] = o
				grant(o, "TYPES", "till", i > 0)
				if i == 0 {
					grant(o, "GRANTED", "api", false)
				}
			}
		}),
		Do: func(ctx context.Context, w *World) error {
			if err := w.later(ctx); err != nil {
				return err
			}
			for _, do := range []func(context.Context, *World) error{habitsNames, habitsLists, habitsBalancers, habitsMoved(&cut), habitsUsers(options)} {
				if err := do(ctx, w); err != nil {
					return err
				}
			}
			return w.later(ctx)
		},
		Cases: []Case{
			{Account: "HOSTSFILE", Server: n1, Truth: "single-address-dns", Said: Unknown, Check: pinned("HOSTSFILE", n1)},
			{Account: "DNSGREW", Server: n1, Truth: "single-address-dns", Said: Unknown, Check: drifted("DNSGREW")},
			// This is said to be an order of the list, likely: with the list of today, and
			// all on its first server, it looks like that.
			{Account: "CONFIGMAP", Server: n1, Truth: "single-url", Said: Unknown, Check: pinned("CONFIGMAP", n1)},
			{Account: "ROLLOUT", Server: n1, Truth: "single-url", Said: Unknown, Check: pinned("ROLLOUT", n1)},
			// A list of their own for the clients of one network would look the same.
			{Account: "FIREWALL", Server: n1, Truth: "network-affinity", Said: Unknown, Open: []string{"network-affinity"},
				Check: both(stays("FIREWALL", n1), leaves("FIREWALL", func(_ *World, a *App) { a.Blocked = nil }))},
			{Account: "EMPTIED", Server: n1, Said: Unknown, Not: []string{"ordered-connect"}, Check: drifted("EMPTIED")},
			{Account: "HEALTHCHECK", Server: n1, Truth: "sticky-load-balancer", Said: Unknown, Check: drifted("HEALTHCHECK")},
			{Account: "LEASTCONN", Server: n1, Said: Unknown},
			{Account: "BUSY"},
			{Account: "RUST", Server: n1, Truth: "ordered-connect", Said: "ordered-connect"},
			{Account: "PARTITION", Server: n1, Said: Unknown, Not: []string{"ordered-connect"}, Check: drifted("PARTITION")},
			{Account: "TYPES", Server: n1, Truth: "account-gap", Said: "account-gap", Stuck: true, Check: both(stays("TYPES", n1), refused("TYPES", "authorization", n2, n3))},
			{Account: "GRANTED", Server: n1, Truth: "account-gap", Said: "account-gap", Check: drifted("GRANTED")},
			{Account: "SCALEDIN", Server: n1, Said: Unknown, Check: drifted("SCALEDIN")},
			{Account: "LOCALHOST", Server: n1, Truth: "single-url", Said: Unknown, Not: []string{"single-process"}, Check: pinned("LOCALHOST", n1)},
		},
	}
}

// grant adds a user of an account, who may be let in by WebSocket only.
func grant(o *server.Options, account, name string, onlyWebSocket bool) {
	at := slices.IndexFunc(o.Accounts, func(a *server.Account) bool { return a.Name == account })
	u := &server.User{Username: name, Password: lab.Password, Account: o.Accounts[at]}
	if onlyWebSocket {
		u.AllowedConnectionTypes = map[string]struct{}{"WEBSOCKET": {}}
	}
	o.Users = append(o.Users, u)
}

func habitsNames(ctx context.Context, w *World) error {
	bus, err := w.named("bus.hosts.example", n1, n2, n3)
	if err != nil {
		return err
	}
	hosts, err := lab.StartDNS(ctx)
	if err != nil {
		return err
	}
	w.ends = append(w.ends, hosts.Stop)
	if err := hosts.Set("bus.hosts.example", lab.DNSRecord{Addresses: []string{w.Server(n1).Host()}}); err != nil {
		return err
	}
	w.pass("HOSTSFILE", bus)
	grew, err := w.named("grew.example", n1)
	if err != nil {
		return err
	}
	w.pass("DNSGREW", grew)
	if err := w.start(ctx,
		App{Account: "HOSTSFILE", Name: "orders", Pods: true, Count: 16, URLs: []string{bus}, Resolver: hosts.Resolver()},
		App{Account: "DNSGREW", Name: "billing", Count: 16, URLs: []string{grew}},
	); err != nil {
		return err
	}
	_, err = w.named("grew.example", n1, n2, n3)
	return err
}

func habitsLists(ctx context.Context, w *World) error {
	all := w.all()
	for account, name := range map[string]string{"CONFIGMAP": "quotes", "ROLLOUT": "checkout"} {
		if err := w.passFile(account, "deploy.yaml", deployment(name, all...)); err != nil {
			return err
		}
	}
	if err := w.passFile("RUST", "src/main.rs", fmt.Sprintf(mainRs, quoted(all))); err != nil {
		return err
	}
	if err := w.raw(ctx, lab.RawClients{Account: "RUST", Server: w.Server(n1), Count: 16, Name: "edge", Lang: "rust", Version: "0.42.0"}); err != nil {
		return err
	}
	if err := w.start(ctx,
		App{Account: "CONFIGMAP", Name: "quotes", Pods: true, Count: 16, URLs: all[:1]},
		App{Account: "ROLLOUT", Name: "checkout", Pods: true, Count: 16, URLs: all[:1]},
		App{Account: "LOCALHOST", Name: "worker", Count: 20, URLs: all[:1], From: w.Server(n1).Host()},
	); err != nil {
		return err
	}
	for i := range 9 {
		if err := w.start(ctx, App{Account: "ROLLOUT", Name: "checkout-5d8b7c9f4-k" + strings.Repeat(podLetters[i:i+1], 4), Count: 1, URLs: all[i%3 : i%3+1]}); err != nil {
			return err
		}
	}
	return w.evenly(ctx, App{Account: "LOCALHOST", Name: "web"}, 1)
}

const mainRs = `use async_nats::ServerAddr;

#[tokio::main]
async fn main() -> Result<(), async_nats::Error> {
    let servers: Vec<ServerAddr> = [%s]
        .iter()
        .map(|s| s.parse().unwrap())
        .collect();
    let client = async_nats::ConnectOptions::new()
        .retain_servers_order()
        .name("edge")
        .connect(servers)
        .await?;
    Ok(())
}
`

func habitsBalancers(ctx context.Context, w *World) error {
	var backends []string
	for _, s := range w.Servers() {
		backends = append(backends, s.Addr())
	}
	var url [2]string
	for i, mode := range []lab.BalancerMode{lab.OnlyFirst, lab.LeastConnections} {
		b, err := lab.StartBalancer(ctx, lab.BalancerConfig{Host: fmt.Sprintf("127.0.9.%d", 1+i), Mode: mode, Backends: backends})
		if err != nil {
			return err
		}
		w.ends = append(w.ends, b.Stop)
		url[i] = "nats://" + b.Addr()
		if i == 0 {
			defer b.SetMode(lab.RoundRobin) // the others are healthy again
		}
	}
	w.pass("HEALTHCHECK", url[0])
	w.pass("LEASTCONN", url[1])
	if err := w.start(ctx,
		App{Account: "HEALTHCHECK", Name: "web", Pods: true, Count: 16, URLs: url[:1]},
		App{Account: "BUSY", Name: "push", Count: 54, URLs: url[1:]},
	); err != nil {
		return err
	}
	if err := w.leave(ctx, "BUSY", n1, 0); err != nil {
		return err
	}
	return w.start(ctx, App{Account: "LEASTCONN", Name: "search", Pods: true, Count: 18, URLs: url[1:]})
}

// leave closes the clients of an account that are on a server, all but some.
func (w *World) leave(ctx context.Context, account, name string, but int) error {
	w.mu.Lock()
	var stay []*lab.Group
	for _, g := range w.groups[account] {
		if nc := g.Conns()[0]; nc.ConnectedServerName() == name {
			if but--; but < 0 {
				g.Close()
				continue
			}
		}
		stay = append(stay, g)
	}
	w.groups[account] = stay
	w.apps[account] = w.apps[account][:1]
	w.apps[account][0].Count = len(stay)
	w.mu.Unlock()
	return w.settled(ctx)
}

// spread starts an app with the full list, as many clients of which as it says
// take each server.
func (w *World) spread(ctx context.Context, a App, each int) error {
	all := w.all()
	for i := range all {
		first := a
		first.URLs, first.InOrder, first.Count = slices.Concat(all[i:], all[:i]), true, each
		if err := w.start(ctx, first); err != nil {
			return err
		}
	}
	w.apps[a.Account][0].URLs, w.apps[a.Account][0].InOrder = all, false
	return nil
}

func habitsMoved(cut *atomic.Bool) func(ctx context.Context, w *World) error {
	return func(ctx context.Context, w *World) error {
		for _, account := range []string{"FIREWALL", "EMPTIED", "PARTITION", "SCALEDIN"} {
			w.pass(account, w.all()...)
		}
		others := func(address string) bool { return address == w.Server(n2).Addr() || address == w.Server(n3).Addr() }
		if err := w.start(ctx, App{Account: "FIREWALL", Name: "desk", Pods: true, Count: 24, URLs: w.all(), Blocked: others}); err != nil {
			return err
		}
		if err := w.spread(ctx, App{Account: "FIREWALL", Name: "desk", Pods: true, From: "127.66.0.9"}, 2); err != nil {
			return err
		}
		for _, a := range []App{{Account: "EMPTIED", Name: "tickets", Pods: true}, {Account: "SCALEDIN", Name: "resize", Pods: true},
			{Account: "PARTITION", Name: "ledger", Pods: true, Blocked: func(address string) bool { return cut.Load() && others(address) }}} {
			if err := w.spread(ctx, a, 10); err != nil {
				return err
			}
		}
		cut.Store(true)
		for _, g := range w.groups["PARTITION"] {
			for _, nc := range g.Conns() {
				if nc.ConnectedServerName() != n1 {
					if err := nc.ForceReconnect(); err != nil {
						return err
					}
				}
			}
		}
		if err := w.alone(ctx, "PARTITION", n1, nil); err != nil {
			return err
		}
		cut.Store(false)
		for _, name := range []string{n2, n3} {
			if err := w.leave(ctx, "SCALEDIN", name, 1); err != nil {
				return err
			}
		}
		return w.alone(ctx, "EMPTIED", n1, func() error {
			for _, name := range []string{n2, n3} {
				s := w.Server(name).Embedded()
				z, err := s.Connz(&server.ConnzOptions{Username: true, Account: "EMPTIED", Limit: 100})
				if err != nil {
					return err
				}
				for _, c := range z.Conns {
					_ = s.DisconnectClientByID(c.Cid) // an error says that it is gone
				}
			}
			return nil
		})
	}
}

// alone returns when a server has all connected clients of an account; again is
// done until then.
func (w *World) alone(ctx context.Context, account, name string, again func() error) error {
	return lab.Poll(ctx, func() error {
		if n := w.Placed(account)[name]; n == len(w.groups[account]) && w.settled(ctx) == nil && w.Placed(account)[name] == n {
			return nil
		}
		if again != nil {
			if err := again(); err != nil {
				return err
			}
		}
		return errors.New("not all are there")
	})
}

func habitsUsers(options []*server.Options) func(ctx context.Context, w *World) error {
	return func(ctx context.Context, w *World) error {
		w.pass("TYPES", w.all()...)
		w.pass("GRANTED", w.all()...)
		if err := w.start(ctx,
			App{Account: "TYPES", Name: "till", User: "till", Count: 16, URLs: w.all()},
			App{Account: "GRANTED", Name: "api", Pods: true, User: "api", Count: 16, URLs: w.all()},
		); err != nil {
			return err
		}
		if err := w.later(ctx); err != nil {
			return err
		}
		for i, s := range w.Servers()[1:] {
			o := options[i+1].Clone()
			grant(o, "GRANTED", "api", false)
			if err := s.Embedded().ReloadOptions(o); err != nil {
				return err
			}
		}
		return nil
	}
}

// paho: MQTT clients that take the first address of a name.
func paho() Operation {
	return Operation{
		Name: "paho", Title: "MQTT clients take the first address of a name that has all servers",
		Topology: three(func(c *lab.Cluster) {
			c.MQTT = true
		}),
		Do: func(ctx context.Context, w *World) error {
			if err := w.DNS.Set("mqtt.example", lab.DNSRecord{Addresses: []string{w.Server(n1).Host(), w.Server(n2).Host(), w.Server(n3).Host()}}); err != nil {
				return err
			}
			_, port, _ := net.SplitHostPort(w.Server(n1).MQTTAddr()) // it has one
			w.pass("PAHO", "mqtt://mqtt.example:"+port)
			if err := w.later(ctx); err != nil {
				return err
			}
			return w.raw(ctx, lab.RawClients{Account: "PAHO", Server: w.Server(n1), Count: 16, Name: "meter-", MQTT: true})
		},
		// What libraries of MQTT do with the addresses of a name is not known.
		Cases: []Case{{Account: "PAHO", Server: n1, Truth: "ordered-connect", Said: Unknown, Open: []string{"discovery-off"}}},
	}
}
