package cli

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/internal/lab"
)

// proof is a scenario and what is printed for it, done.
type proof struct {
	name, scenario string
	// cause has these remedies, among others. They are done in this order.
	cause    string
	remedies []string
	// with are flags that the operator passes besides those of the scenario.
	with func(st *lab.Stage) []string
	// apart gives each server an address of its own, as if it had a machine.
	apart bool
	// configure, if not nil, changes the options of every server.
	configure func(o *server.Options)
	do        func(x *proving)
}

func proofs() []proof {
	return []proof{
		// What waits longest begins first.
		{name: "listener-gap-mqtt", scenario: "listener-gap-mqtt", cause: "listener-gap", remedies: []string{"listener", "dns"}, apart: true, do: newListenerAndZone},
		{name: "single-url", scenario: "single-url", cause: "single-url", remedies: []string{"client-config"}, do: newList},
		{name: "single-url-forced", scenario: "single-url", cause: "single-url", remedies: []string{"rebalance"}, do: (*proving).rebalance},
		{name: "single-address-dns", scenario: "single-address-dns", cause: "single-address-dns", remedies: []string{"dns", "rebalance"}, do: newZone},
		{name: "dns-stale", scenario: "dns-stale", cause: "single-address-dns", remedies: []string{"dns", "rebalance"}, do: newZone},
		{name: "dns-alias", scenario: "dns-alias", cause: "single-address-dns", remedies: []string{"dns", "rebalance"}, do: newZone},
		{name: "sticky-lb", scenario: "sticky-lb", cause: "sticky-load-balancer", remedies: []string{"load-balancer", "rebalance"}, do: newMode},
		{name: "sticky-lb-hash", scenario: "sticky-lb-hash", cause: "sticky-load-balancer", remedies: []string{"load-balancer", "rebalance"}, do: newMode},
		{name: "ordered-connect", scenario: "ordered-connect", cause: "ordered-connect", remedies: []string{"ordered", "client-config"}, do: atRandom},
		{name: "ordered-dns", scenario: "ordered-dns", cause: "ordered-connect", remedies: []string{"ordered"}, do: rotatingNames},
		{name: "restart-drift", scenario: "restart-drift", cause: "restart-drift", remedies: []string{"rebalance"}, do: (*proving).rebalance},
		{name: "restart-drift-drain", scenario: "restart-drift", cause: "restart-drift", remedies: []string{"drain"}, configure: shortDrain, do: drained},
		{name: "single-process", scenario: "single-process", cause: "single-process", remedies: []string{"rebalance"}, do: (*proving).rebalance},
		{name: "single-process-pool", scenario: "single-process", cause: "single-process", remedies: []string{"process"}, do: newPool},
		{name: "server-full", scenario: "server-full", cause: "server-full", remedies: []string{"capacity", "rebalance"}, do: raiseLimits},
		{name: "account-gap", scenario: "account-gap", cause: "account-gap", remedies: []string{"account", "rebalance"}, do: newAccount},
		{name: "listener-gap-ws", scenario: "listener-gap-ws", cause: "listener-gap", remedies: []string{"listener", "rebalance"}, apart: true, do: newListener},
		{name: "listener-gap-ws-list", scenario: "listener-gap-ws", cause: "listener-gap", remedies: []string{"listener", "client-config"}, apart: true, with: webSocketList, do: newListenerAndList},
		{name: "listener-gap-ws-no-list", scenario: "listener-gap-ws", cause: "listener-gap", remedies: []string{"listener", "client-config"}, apart: true, do: newListenerAndList},
		{name: "discovery-off", scenario: "single-url-no-advertise", cause: "single-url", remedies: []string{"client-config"}, do: newList},
		{name: "discovery-off-advertise", scenario: "single-url-no-advertise", cause: "discovery-off", remedies: []string{"advertise"}, do: advertised},
		{name: "network-affinity", scenario: "network-affinity", cause: "network-affinity", remedies: []string{"placement"}, do: anywhere},
	}
}

// TestRemedies does what the audit of a scenario prints, on the running cluster,
// and audits again: the finding is gone. Where a remedy takes a restart of the
// clients, they are stopped and others are started with what is printed.
func TestRemedies(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts some twenty clusters")
	}
	if runtime.GOOS != "linux" {
		t.Skip("only Linux has all of 127/8")
	}
	t.Parallel()
	t.Run("causes", func(t *testing.T) {
		for _, p := range proofs() {
			t.Run(p.name, func(t *testing.T) {
				t.Parallel()
				prove(t, p)
			})
		}
	})
}

func prove(t *testing.T, p proof) {
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	s, ok := lab.FindScenario(p.scenario)
	if !ok {
		t.Fatalf("there is no scenario %s", p.scenario)
	}
	s.Topology.DistinctAddresses = s.Topology.DistinctAddresses || p.apart
	if p.configure != nil {
		s.Topology.Clusters[0].Configure = func(_ int, o *server.Options) { p.configure(o) }
	}
	s.Settle = settle
	st, err := lab.StartStage(ctx, s)
	if err != nil {
		t.Fatal(err)
	}
	defer st.Stop()
	// Credentials are in a context, so that commands can be taken as printed.
	connSettings{"server": st.Server("C1-n1").ClientURL(), "user": "sys", "password": lab.Password}.context(t, p.name)
	x := &proving{T: t, ctx: ctx, Stage: st, context: p.name, args: st.Args}
	if p.with != nil {
		x.args = append(slices.Clone(st.Args), p.with(st)...)
	}
	x.look(ExitFinding)
	for _, c := range p.remedies {
		if !slices.Contains(x.cause(p.cause).Remedies, c) {
			t.Errorf("%s has remedies %v, and not %s", p.cause, x.cause(p.cause).Remedies, c)
		}
	}
	before, review := x.share(), x.remedy("keep-it-so").Commands[0]
	p.do(x)
	x.look(ExitPass)
	if out, status := x.command(review); status != ExitPass {
		t.Errorf("%s: status %d: %s", review, status, out)
	}
	t.Logf("%s, %s: share %.1f%% before, %.1f%% after", p.cause, strings.Join(p.remedies, " and "), before, x.share())
}

// newList gives the clients the printed list.
func newList(x *proving) { x.restart(x.listed("client-config")) }

// newZone puts the printed lines into DNS, moves the excess, and then restarts
// all clients with what they have always had.
func newZone(x *proving) {
	x.tooEarly()
	name, addresses := x.zone(x.snippet("dns", "zone"))
	if err := x.DNS.Set(name, lab.DNSRecord{Addresses: addresses, TTL: 300}); err != nil {
		x.Fatal(err)
	}
	// The connections from before are still where the old mode put them, each source
	// address on one server, which may look as if it were still in force.
	x.rebalanceWith("--force")
	x.look(ExitPass)
	x.restart(x.passed())
}

// newMode has the balancer do what the printed lines for HAProxy say.
func newMode(x *proving) {
	conf := x.snippet("load-balancer", "haproxy")
	if !strings.Contains(conf, "\n    balance leastconn\n") {
		x.Fatalf("another mode than leastconn: %s", conf)
	}
	for _, s := range x.Servers() {
		if line := "\n    server " + s.Name() + " " + s.Addr() + " check\n"; !strings.Contains(conf, line) {
			x.Errorf("%q is not in %q", line, conf)
		}
	}
	x.tooEarly()
	x.Balancers[0].SetMode(lab.LeastConnections)
	commands := x.remedy("load-balancer").Commands
	if out, status := x.command(commands[len(commands)-1]); status != ExitPass {
		x.Errorf("%s: status %d: %s", commands[len(commands)-1], status, out)
	}
	x.rebalance()
	x.look(ExitPass)
	x.restart(x.passed())
}

// atRandom takes out what is to be taken out: the list is that which clients
// have.
func atRandom(x *proving) {
	if s := x.snippet("ordered", "go"); !strings.Contains(s, "take out: nats.DontRandomize()") {
		x.Errorf("%q", s)
	}
	x.restart(x.listed("client-config"))
}

// rotatingNames has DNS change the order, and clients that take the first
// address connect anew.
func rotatingNames(x *proving) {
	if s := x.snippet("ordered", "bind"); !strings.Contains(s, "rrset-order { order random; }") {
		x.Errorf("%q", s)
	}
	name := strings.TrimPrefix(x.passed()[0], "nats://")
	name = name[:strings.LastIndexByte(name, ':')]
	addresses, err := x.DNS.Resolver().LookupHost(x.ctx, name)
	if err != nil {
		x.Fatal(err)
	}
	if err := x.DNS.Set(name, lab.DNSRecord{Addresses: addresses, Rotate: true}); err != nil {
		x.Fatal(err)
	}
	x.stop()
	x.byFirstAddress(name, lab.RawClients{Name: "svc", Lang: "python3", Version: "2.9.0"})
}

// shortDrain makes lame duck mode as short as it can be for a test.
func shortDrain(o *server.Options) {
	o.LameDuckGracePeriod, o.LameDuckDuration = 100*time.Millisecond, time.Second
}

// drained does what the signal of the printed command does: a process of its own
// has one, a server in this process the method. The server ends, and is started
// again.
func drained(x *proving) {
	if c := x.remedy("drain").Commands[0]; !strings.HasPrefix(c, "nats-server --signal ldm=") {
		x.Errorf("%q", c)
	}
	// Half of them go to each of the other servers, give or take: of 24 clients
	// one has more than 70% in six of a hundred cases.
	first := x.Server("C1-n1")
	x.connect(lab.Clients{Server: first, Count: 176, Name: "svc"})
	first.Embedded().LameDuckShutdown()
	if err := first.Restart(x.ctx, ""); err != nil {
		x.Fatal(err)
	}
	if err := x.WaitReady(x.ctx); err != nil {
		x.Fatal(err)
	}
	x.connected(203)
}

// newPool lets each connection of the process choose from the printed list.
func newPool(x *proving) { x.restart(x.listed("process")) }

// raiseLimits raises the limit of the full servers.
func raiseLimits(x *proving) {
	x.tooEarly()
	conf := x.snippet("capacity", "nats-server")
	for _, name := range []string{"C1-n2", "C1-n3"} {
		if err := x.Server(name).Reload(conf); err != nil {
			x.Fatal(err)
		}
	}
	x.rebalance()
}

// newAccount adds the account where it is missing, with the users of the first
// server in the place of the line that says so.
func newAccount(x *proving) {
	conf, comment := x.snippet("account", "nats-server"), "# users, exports, imports, jetstream and limits: as on C1-n1"
	if !strings.Contains(conf, comment) {
		x.Fatalf("%q", conf)
	}
	x.tooEarly()
	conf = strings.Replace(conf, comment, "users: [{user: ORDERS, password: "+lab.Password+"}]", 1)
	for _, name := range []string{"C1-n2", "C1-n3"} {
		if err := x.Server(name).Reload(conf); err != nil {
			x.Fatal(err)
		}
	}
	// That it was mended shows in a login only, by whatever program.
	x.tooEarly()
	for _, name := range []string{"C1-n2", "C1-n3"} {
		nc, err := nats.Connect(x.Server(name).URL("ORDERS"), nats.Timeout(generous))
		if err != nil {
			x.Fatal(err)
		}
		nc.Close()
	}
	x.rebalance()
}

// listen gives the other servers the listener, one after the other.
func (x *proving) listen() {
	x.tooEarly()
	conf := x.snippet("listener", "nats-server")
	for _, name := range []string{"C1-n2", "C1-n3"} {
		if err := x.Server(name).Reload(conf); err == nil {
			x.Error("a reload opens the listener: it takes no restart")
		}
		if err := x.Server(name).Restart(x.ctx, conf); err != nil {
			x.Fatal(err)
		}
	}
	if err := x.WaitReady(x.ctx); err != nil {
		x.Fatal(err)
	}
}

// newListener gives the other servers the listener, which the clients hear of.
func newListener(x *proving) {
	x.listen()
	if err := lab.Poll(x.ctx, func() error {
		for _, g := range x.Groups() {
			for _, nc := range g.Conns() {
				if known := nc.Servers(); len(known) < len(x.Servers()) {
					return fmt.Errorf("a client knows of %q", known)
				}
			}
		}
		return nil
	}); err != nil {
		x.Fatal(err)
	}
	x.rebalance()
}

func newListenerAndList(x *proving) {
	x.listen()
	urls := x.listed("client-config")
	if strings.HasPrefix(urls[0], "wss://") {
		x.Skipf("%s is printed although the listener has no TLS, which VARZ tells (websocket.no_tls): where no list is passed, the printed one does not work", urls[0])
	}
	x.restart(urls)
}

// newListenerAndZone gives devices, which have one host name, that of the
// printed lines. They know the port.
func newListenerAndZone(x *proving) {
	x.listen()
	name, addresses := x.zone(x.snippet("dns", "zone"))
	var err error
	if x.DNS, err = lab.StartDNS(x.ctx); err != nil {
		x.Fatal(err)
	}
	defer x.DNS.Stop()
	if err = x.DNS.Set(name, lab.DNSRecord{Addresses: addresses, Rotate: true}); err != nil {
		x.Fatal(err)
	}
	x.stop()
	x.byFirstAddress(name, lab.RawClients{MQTT: true, Name: "svc"})
}

// webSocketList is what the browsers of listener-gap-ws have.
func webSocketList(st *lab.Stage) []string {
	url := st.Server("C1-n1").WebSocketURL("")
	return []string{"--client-url", "ORDERS=ws://" + url[strings.LastIndexByte(url, '@')+1:]}
}

// advertised restarts the servers one after the other with the printed lines.
// Clients are then told of the others, so that those that are moved have
// somewhere to go, as long as they live.
func advertised(x *proving) {
	conf := x.snippet("advertise", "nats-server")
	for _, name := range []string{"C1-n2", "C1-n3", "C1-n1"} {
		if err := x.Server(name).Restart(x.ctx, conf); err != nil {
			x.Fatal(err)
		}
		if err := x.WaitReady(x.ctx); err != nil {
			x.Fatal(err)
		}
		x.connected(24)
	}
	x.look(ExitFinding)
	if v := x.cause("discovery-off").Verdict; v != "ruled-out" {
		x.Errorf("discovery-off is %s", v)
	}
	x.rebalance()
}

// anywhere lets the clients choose among all servers, from where they are.
func anywhere(x *proving) {
	if why := x.remedy("placement").Why; !strings.Contains(why, "let clients choose among all servers") {
		x.Errorf("%q", why)
	}
	if slices.ContainsFunc(x.finding.Remedies, isRebalance) {
		x.Error("the remedies have a rebalance, after which the clients would choose the same server again")
	}
	// Who runs it all the same is told.
	out, status := x.run(append([]string{"rebalance", "--account", "ORDERS", "--context", x.context}, x.args...)...)
	if status != ExitPass || !strings.Contains(strings.Join(strings.Fields(out), " "), "(network-affinity, confirmed): clients may come back whenever they connect anew.") {
		x.Errorf("status %d: %s", status, out)
	}
	x.stop()
	for _, source := range []string{"127.1.1.20", "127.1.1.21", "127.1.2.20", "127.1.3.20"} {
		x.connect(lab.Clients{URLs: x.passed(), Count: deployed / 4, Name: "svc", Source: source})
	}
	x.connected(deployed)
}
