package lab

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// Stage is a running scenario. [Lab.Stop] stops all of it.
type Stage struct {
	*Lab
	Scenario Scenario
	// DNS is nil in scenarios without names.
	DNS       *DNS
	Balancers []*Balancer
	// Args are the flags that an operator of this deployment who knows what
	// the clients are configured with passes to audit concentration.
	Args []string

	folder  string         // for files, "" while there are none
	sources bool           // whether this machine has all of 127/8
	placed  map[string]int // clients connected, by account
}

// StartStage starts the servers and clients of a scenario and returns when the
// servers count every client. The context bounds the start only: on an error
// everything is stopped again.
func StartStage(ctx context.Context, s Scenario) (*Stage, error) {
	l, err := Start(ctx, s.Topology)
	if err != nil {
		return nil, err
	}
	st := &Stage{Lab: l, Scenario: s, sources: HasManyAddresses(ctx), placed: make(map[string]int)}
	if err := st.start(ctx); err != nil {
		l.Stop()
		return nil, fmt.Errorf("scenario %s: %w", s.Name, err)
	}
	return st, nil
}

func (st *Stage) start(ctx context.Context) error {
	if err := after(ctx, st.Scenario.Settle); err != nil {
		return err
	}
	want := map[string]map[string]int{}
	for _, p := range st.Scenario.Clients {
		if err := st.services(ctx, Clients{Account: p.Account, Server: st.Server(p.Server), Count: p.Count}); err != nil {
			return fmt.Errorf("connecting %d clients of %s to %s: %w", p.Count, p.Account, p.Server, err)
		}
		if want[p.Account] == nil {
			want[p.Account] = map[string]int{}
		}
		want[p.Account][p.Server] += p.Count
	}
	for account, counts := range want {
		if err := st.WaitCounts(ctx, account, counts); err != nil {
			return err
		}
	}
	if st.Scenario.Setup != nil {
		if err := st.Scenario.Setup(ctx, st); err != nil {
			return err
		}
	}
	if err := st.settled(ctx); err != nil {
		return err
	}
	return st.poll(ctx, st.joined)
}

// joined returns nil once each server that has JetStream is one that another server says
// it is configured to have a route to. These know each other's addresses from the start,
// see [choosePorts]: the first dials the last before it listens, and again a second later.
// Until then an audit takes that address for that of a server that is not there.
func (st *Stage) joined() error {
	dialled := map[string]bool{}
	for _, s := range st.servers {
		srv := s.Embedded()
		if srv == nil {
			continue
		}
		z, err := srv.Routez(nil)
		if err != nil {
			return fmt.Errorf("server %s: routes: %w", s.Name(), err)
		}
		for _, r := range z.Routes {
			dialled[r.RemoteID] = dialled[r.RemoteID] || r.IsConfigured
		}
	}
	for _, s := range st.servers {
		if srv := s.Embedded(); srv != nil && s.group.MQTT && srv.NumRoutes() > 0 && !dialled[srv.ID()] {
			return fmt.Errorf("nobody has dialled server %s", s.Name())
		}
	}
	return nil
}

// settled returns when the servers together count every client.
func (st *Stage) settled(ctx context.Context) error {
	return st.poll(ctx, func() error {
		for account, want := range st.placed {
			have := 0
			for _, s := range st.servers {
				have += s.Connections(account)
			}
			if have != want {
				return fmt.Errorf("account %s has %d connections, not %d", account, have, want)
			}
		}
		return nil
	})
}

// HasManyAddresses reports whether this machine has all of 127.0.0.0/8, so that servers
// and clients can have addresses of their own.
func HasManyAddresses(ctx context.Context) bool { return has(ctx, source(0)) }

// HasIPv6 reports whether this machine has the loopback address of IPv6.
func HasIPv6(ctx context.Context) bool { return has(ctx, "::1") }

func has(ctx context.Context, address string) bool {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", hostPort(address, 0))
	if err != nil {
		return false
	}
	_ = l.Close() // nothing came of it
	return true
}

// servicesOf is how many services the clients of an account are.
const servicesOf = 6

// source is the address of the host of service i. The hosts are in three
// networks.
func source(i int) string { return fmt.Sprintf("127.40.%d.%d", 1+i%3, 10+i) }

// service is the name of service i.
func service(i int) string { return "svc-" + string(rune('a'+i)) }

// services connects c.Count clients as equally large services, as many as there
// can be. Each has its name and, unless c.Source says where, its own host.
func (st *Stage) services(ctx context.Context, c Clients) error {
	total, from := c.Count, c.Source
	for i := range servicesOf {
		c.Name, c.Source, c.Count = service(i), st.from(from, i), shareOf(total, i)
		if c.Count == 0 {
			break
		}
		if err := st.connect(ctx, c); err != nil {
			return err
		}
	}
	return nil
}

// connect connects clients of one service.
func (st *Stage) connect(ctx context.Context, c Clients) error {
	c.Subscriptions = 1
	if st.DNS != nil {
		c.Resolver = st.DNS.Resolver()
	}
	if _, err := st.Connect(ctx, c); err != nil {
		return err
	}
	st.placed[c.Account] += c.Count
	return nil
}

// rawServices is services for clients of the bare protocol.
func (st *Stage) rawServices(ctx context.Context, c RawClients) error {
	total := c.Count
	for i := range servicesOf {
		c.Name, c.Source, c.Count = service(i), st.from("", i), shareOf(total, i)
		if c.MQTT {
			c.Name += "-" // the start of a client id
		}
		if c.Count == 0 {
			break
		}
		if _, err := st.ConnectRaw(ctx, c); err != nil {
			return err
		}
	}
	st.placed[c.Account] += total
	return nil
}

// shareOf is how many of total clients are of service i.
func shareOf(total, i int) int { return (total + servicesOf - 1 - i) / servicesOf }

// from is where service i connects from.
func (st *Stage) from(given string, i int) string {
	if given == "" && st.sources {
		return source(i)
	}
	return given
}

// clients connects n clients of ORDERS, each of which takes one of the URLs at
// random.
func (st *Stage) clients(ctx context.Context, n int, urls ...string) error {
	return st.services(ctx, Clients{Account: orders, URLs: urls, Count: n})
}

// evenly connects clients of ORDERS to all servers of C1: what a random choice
// comes to on average.
func (st *Stage) evenly(ctx context.Context, each int) error {
	for _, s := range st.Cluster(c1) {
		if err := st.services(ctx, Clients{Account: orders, Server: s, Count: each}); err != nil {
			return err
		}
	}
	return nil
}

// url returns the client URL of a server.
func (st *Stage) url(name string) string { return st.Server(name).ClientURL() }

// urls returns the client URLs of the servers of C1, without credentials.
func (st *Stage) urls() []string {
	var urls []string
	for _, s := range st.Cluster(c1) {
		urls = append(urls, s.ClientURL())
	}
	return urls
}

// addrs returns host:port of the servers of C1.
func (st *Stage) addrs() []string {
	var addrs []string
	for _, s := range st.Cluster(c1) {
		addrs = append(addrs, s.Addr())
	}
	return addrs
}

// named returns the client URL of a host at the first server's port, which in
// a topology with distinct addresses is that of all.
func (st *Stage) named(host string) string {
	return "nats://" + hostPort(host, st.servers[0].Port())
}

// pass has the operator pass a server list of an account.
func (st *Stage) pass(account string, urls ...string) {
	st.Args = append(st.Args, "--client-url", account+"="+strings.Join(urls, ","))
}

// names starts the DNS server of the stage, if it has none, tells it a name, and
// has the operator pass it as the resolver.
func (st *Stage) names(ctx context.Context, name string, r DNSRecord) error {
	if st.DNS == nil {
		d, err := StartDNS(ctx)
		if err != nil {
			return err
		}
		st.DNS = d
		st.atStop(d.Stop)
		st.Args = append(st.Args, "--resolver", d.Addr())
	}
	return st.DNS.Set(name, r)
}

// hosts returns the addresses of servers.
func (st *Stage) hosts(names ...string) []string {
	var hosts []string
	for _, n := range names {
		hosts = append(hosts, st.Server(n).Host())
	}
	return hosts
}

// balance starts a load balancer before the servers of C1, unless backends are
// given, and returns its URL.
func (st *Stage) balance(ctx context.Context, c BalancerConfig) (*Balancer, string, error) {
	if len(c.Backends) == 0 {
		c.Backends = st.addrs()
	}
	b, err := StartBalancer(ctx, c)
	if err != nil {
		return nil, "", err
	}
	st.Balancers = append(st.Balancers, b)
	st.atStop(b.Stop)
	return b, "nats://" + b.Addr(), nil
}

// passFiles writes files, path and content after each other, into a folder of
// the stage and has the operator pass the folder as an account's.
func (st *Stage) passFiles(account string, files ...string) error {
	if st.folder == "" {
		dir, err := os.MkdirTemp("", "nats-balance-lab-")
		if err != nil {
			return err
		}
		st.folder = dir
		// As with the lab's own files, what an error leaves the system removes.
		st.atStop(func() { _ = os.RemoveAll(dir) })
	}
	for pair := range slices.Chunk(files, 2) {
		path := filepath.Join(st.folder, filepath.FromSlash(pair[0]))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(pair[1]), 0o600); err != nil {
			return err
		}
	}
	st.Args = append(st.Args, "--client-config", account+"="+st.folder)
	return nil
}

// apart is the time between two events of which an audit is to see that one was
// before the other, by clocks that it compares over the network.
const apart = 500 * time.Millisecond

// later returns after a while.
func later(ctx context.Context) error { return after(ctx, apart) }

func after(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// startLater starts servers, when what came before is over for a while.
func (st *Stage) startLater(ctx context.Context, names ...string) error {
	if err := later(ctx); err != nil {
		return err
	}
	// Waiting once for all to know each other is much less than for each.
	for _, n := range names {
		if err := st.Server(n).launch(ctx); err != nil {
			return err
		}
	}
	return st.WaitReady(ctx)
}

// shutdown stops servers, all at the same time.
func (st *Stage) shutdown(names ...string) {
	var wg sync.WaitGroup
	for _, n := range names {
		wg.Go(st.Server(n).Shutdown)
	}
	wg.Wait()
}

// restart stops servers and starts them again.
func (st *Stage) restart(ctx context.Context, names ...string) error {
	st.shutdown(names...)
	return st.startLater(ctx, names...)
}
