package remedy

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/checks/cause"
	"github.com/nats-balance/nats-balance/internal/words"
)

const (
	pidFile = "/var/run/nats-server.pid"
	// podPidFile is where the Helm chart has it.
	podPidFile = "/var/run/nats/nats.pid"
)

func signal(name string) string { return "nats-server --signal " + name + "=" + pidFile }

// stuck reports whether clients of the concentrated server have, or may have, nowhere
// else to go.
func (x *facts) stuck() bool {
	return x.f.Impact.CanFailOver == checks.No && !x.partly() || x.strong(cause.AccountGap) && !x.Cause(cause.AccountGap).Past || x.strong(cause.ListenerGap) || x.strong(cause.SingleURL) && !x.Told()
}

// partly reports whether all that keeps clients from failing over is that some of them
// speak a protocol that no other server takes.
func (x *facts) partly() bool {
	s := x.f.Impact.Stranded
	return x.Unserved.Connections > 0 && x.Unserved.Connections < x.f.OnServer && s != nil && *s == x.Unserved.Connections
}

// drain puts the concentrated server in lame duck mode. It comes last where the
// clients have nowhere else to go.
func (x *facts) drain(a *cause.Help) Remedy {
	r := Remedy{Title: "Or drain " + x.here + " in lame duck mode"}
	var why []string
	clients, accounts, leafs := x.load()
	what := words.Plural(clients, "client connection") + " of " + words.Plural(accounts, "account")
	if leafs > 0 {
		what += " and " + words.Plural(leafs, "leafnode connection")
	}
	why = append(why, "It closes everything on the server, "+what+", spread over lame_duck_duration (2 minutes unless set), and then the server ends: start it again, where nothing else does.")
	after := x.before()
	if x.partly() {
		a.When = cause.LongTerm
		why = append(why, fmt.Sprintf("Only after %s: no other server takes %s of %s.", cause.RemedyListener, words.Plural(x.Unserved.Connections, x.gaps+" connection"), x.account))
	}
	switch {
	case x.stuck():
		a.When = cause.LongTerm
		r.Title = "Drain " + x.here + " only when its clients have somewhere else to go"
		why = append([]string{"Not now: clients of " + x.account + " have nowhere else to go, so they fail until it is back, and all come back to it."}, why...)
	case len(after) > 0:
		why = append([]string{"Only after " + words.Few(after) + "."}, why...)
	case x.strong(cause.SingleURL):
		why = append(why, "Its clients move to the servers that are advertised to them, but come back when their processes restart: give them all servers first (client-config).")
	case x.f.Impact.CanFailOver == checks.Unknown:
		why = append(why, "Whether the clients of "+x.account+" find another server is unknown: make sure first.")
	}
	k := x.kubernetes()
	pod, container := x.label(x.Server), "docker kill --signal=SIGUSR2 CONTAINER"
	inPod := fmt.Sprintf("kubectl%s exec %s -c nats -- nats-server --signal ldm=%s", k.option(), pod, podPidFile)
	var lines []string
	if k.set != "" {
		r.Commands = []string{inPod}
	} else {
		r.Commands = []string{signal("ldm")}
		why = append(why, "Audit again afterwards: where the clients go is chance, and few may still be many on one server. Run it on the host of "+x.here+".")
		lines = append(lines, "# Kubernetes, with the names of the Helm chart; POD is that of the server",
			fmt.Sprintf("kubectl%s exec POD -c nats -- nats-server --signal ldm=%s", k.option(), podPidFile))
	}
	lines = append([]string{"# systemd, on the server's host", "systemctl kill --signal=SIGUSR2 nats-server",
		"# Docker; CONTAINER is that of the server", container}, lines...)
	r.Snippets = []Snippet{{Lang: "sh", Text: strings.Join(lines, "\n") + "\n"}}
	r.Why = strings.Join(why, " ")
	return r
}

// restartOrder keeps rolling restarts from emptying the last server.
func (x *facts) restartOrder() Remedy {
	r := Remedy{Title: "Restart servers one at a time, and rebalance after the last"}
	var why []string
	if last := x.lastStarted(); last != nil {
		why = append(why, fmt.Sprintf("%s started last, at %s UTC.", shown(last.Name), last.Start.UTC().Format("2006-01-02 15:04")))
	}
	expect := max(x.d.Expected, len(x.d.Servers)+x.d.Absent())
	why = append(why, "Clients leave a server that stops and nothing brings them back, so the one restarted last stays nearly empty.",
		fmt.Sprintf("Before the next, wait until all %s servers are listed.", words.Count(expect)))
	k := x.kubernetes()
	ours, ok := x.scope()
	if k.set != "" {
		r.Commands = []string{fmt.Sprintf("kubectl%s rollout restart statefulset/%s", k.option(), k.set),
			fmt.Sprintf("kubectl%s rollout status statefulset/%s", k.option(), k.set)}
		why = append(why, "Kubernetes does so with a StatefulSet: "+k.set+"-0 is the last.")
	} else {
		r.Commands = []string{signal("ldm")}
		why = append(why, "The first command is for the host of each server in turn.")
	}
	r.Checks = append(r.Checks, x.command(fmt.Sprintf("nats server list %d", expect)))
	r.Commands = append(r.Commands, r.Checks...)
	if ok {
		r.Commands = append(r.Commands, x.command(x.Tool, "rebalance", ours.account, ours.cluster, x.force(), x.Expect, x.ListFlags))
	} else {
		why = append(why, noCommand)
	}
	if x.NoSystem {
		why = append(why, takesSystem)
	}
	r.Why = strings.Join(why, " ")
	return r
}

// lastStarted is the server whose process started last, by the auditor's clock;
// nil where a start is not known.
func (x *facts) lastStarted() *checks.Server {
	var last *checks.Server
	var at time.Time
	for _, s := range x.members {
		if s.Start.IsZero() {
			return nil
		}
		start := s.Start
		if s.Details != nil {
			start = start.Add(-s.Details.Offset)
		}
		if last == nil || start.After(at) {
			last, at = s, start
		}
	}
	return last
}

// listener gives the other servers the listener that the clients use.
func (x *facts) listener() Remedy {
	if x.plain() {
		return x.handshake()
	}
	mqtt, websocket := x.lacking()
	var without []*checks.Server
	for _, s := range x.Others {
		if mqtt && s.Takes(checks.MQTT) == checks.No || websocket && s.Takes(checks.WebSocket) == checks.No {
			without = append(without, s)
		}
	}
	where := "the other servers"
	if len(without) > 0 {
		where = on(without)
	}
	var names, conf []string
	port := func(of func(*checks.Details) int, common int) int {
		if x.Server.Details != nil && validPort(of(x.Server.Details)) {
			return of(x.Server.Details)
		}
		return common
	}
	if mqtt {
		names = append(names, "MQTT")
		conf = append(conf, "# needs jetstream, and a server_name", fmt.Sprintf("mqtt { port: %d }", port(func(d *checks.Details) int { return d.MQTT }, 1883)))
	}
	if websocket {
		names = append(names, "WebSocket")
		conf = append(conf, "# instead of no_tls: the tls block of "+x.label(x.Server)+", if it has one",
			fmt.Sprintf("websocket { port: %d, no_tls: true }", port(func(d *checks.Details) int { return d.WebSocket }, 8080)))
	}
	these := "these clients"
	if x.partly() {
		these = fmt.Sprintf("%s of the %s, which are %s", words.Count(x.Unserved.Connections), words.Plural(x.f.OnServer, "connection"), x.gaps)
	}
	return Remedy{Title: "Give " + where + " the " + words.Few(names) + " listener",
		Why: "No other server can take " + these + ": do not restart or drain " + x.here + " before one has it. " +
			"A listener takes a restart, as a reload refuses it: one server at a time, and check the file before.",
		ByHand: "add the block to its configuration (--details has it), and restart", Commands: []string{checkConf}, Checks: []string{checkConf},
		Snippets: []Snippet{{Lang: "nats-server", Text: strings.Join(conf, "\n") + "\n"}}}
}

// plain reports whether none of the connections on the concentrated server takes a
// listener of its own: what keeps them from others is TLS.
func (x *facts) plain() bool {
	if x.Profile == nil {
		return false
	}
	nats := false
	for _, g := range x.Profile.Protocols {
		if first(g.Counts) > 0 {
			if g.Other || g.Key != checks.NATS {
				return false
			}
			nats = true
		}
	}
	return nats
}

// handshake lets clients and the other servers agree on TLS.
func (x *facts) handshake() Remedy {
	var asks []*checks.Server
	for _, s := range x.Others {
		if s.Details != nil && s.Details.TLS && x.Server.Details != nil && !x.Server.Details.TLS {
			asks = append(asks, s)
		}
	}
	var without []*checks.Server
	for _, s := range x.Others {
		if d := x.Server.Details; s.Details != nil && s.Details.OffersTLS == checks.No && d != nil && d.OffersTLS == checks.Yes {
			without = append(without, s)
		}
	}
	if len(without) > 0 {
		return Remedy{Title: "Offer TLS on " + on(without),
			Why: "No other server can take these clients, which insist on TLS: do not restart or drain " + x.here + " before one can. " +
				"Give them a tls block as " + x.here + " has it, with certificates of their own, and allow_non_tls: true if they have clients that use no TLS. It takes a restart, one server at a time.",
			ByHand: "add the tls block of " + x.here + " with their own certificates, and restart"}
	}
	if len(asks) == 0 {
		return Remedy{Title: "Let the clients trust the certificates of the other servers",
			Why: "No other server can take these clients: do not restart or drain " + x.here + " before one does. " +
				"Compare the certificates of the servers, and the CA that the clients have: nats-server has the errors of handshakes in its log."}
	}
	return Remedy{Title: "Let the clients use TLS, for " + on(asks),
		Why: "No other server can take these clients: do not restart or drain " + x.here + " before they use TLS. " +
			"They need the CA of the servers, and their processes a restart. Until then allow_non_tls lets clients without TLS in, at the top level of the configuration: it takes a restart, as a reload refuses it.",
		ByHand: "give them the CA; until then allow_non_tls: true there, and restart", Commands: []string{checkConf}, Checks: []string{checkConf},
		Snippets: []Snippet{{Lang: "nats-server", Text: "allow_non_tls: true\n"}}}
}

// lacking are the protocols of the clients that some other server does not take,
// as far as is known; all of them where each is taken.
func (x *facts) lacking() (mqtt, websocket bool) {
	mqtt, websocket = x.protocols()
	some := func(protocol string) bool {
		return len(x.Others) == 0 || slices.ContainsFunc(x.Others, func(s *checks.Server) bool { return s.Takes(protocol) != checks.Yes })
	}
	m, w := mqtt && some(checks.MQTT), websocket && some(checks.WebSocket)
	if m || w {
		return m, w
	}
	return mqtt, websocket
}

// protocols are those of the connections on the concentrated server that take a
// listener of their own; both where that is not known.
func (x *facts) protocols() (mqtt, websocket bool) {
	if x.Profile != nil {
		for _, g := range x.Profile.Protocols {
			if len(g.Counts) > 0 && g.Counts[0] > 0 {
				mqtt = mqtt || g.Key == checks.MQTT
				websocket = websocket || g.Key == checks.WebSocket
			}
		}
	}
	if !mqtt && !websocket {
		return true, true
	}
	return mqtt, websocket
}

// advertise has servers advertise each other.
func (x *facts) advertise() Remedy {
	var b strings.Builder
	for _, p := range x.places[:min(len(x.places), mostURLs)] {
		value, _ := confValue(p.at())
		fmt.Fprintf(&b, "# on %s:\n# client_advertise: %s\n", p.label, value)
	}
	cluster := ""
	if v, ok := confValue(x.d.Reported(x.f.Cluster)); ok {
		cluster = "\n  name: " + v
	}
	fmt.Fprintf(&b, "cluster {%s\n  no_advertise: false\n}\n", cluster)
	r := Remedy{Title: "Let the servers advertise each other to clients",
		Why: "A client that knows one server learns the others from it, and fails over. A reload is accepted, but does not advertise servers already known: " +
			"restart them one at a time. client_advertise is for where clients can't reach the addresses that the servers listen on." + x.addresses(),
		ByHand: "set cluster { no_advertise: false } on each, and restart one at a time", Commands: []string{checkConf}, Checks: []string{checkConf},
		Snippets: []Snippet{{Lang: "nats-server", Text: b.String()}}}
	if x.kubernetes().found {
		r.Snippets = append(r.Snippets, Snippet{Lang: "yaml", Text: "# values of the Helm chart\nconfig:\n  cluster:\n    merge:\n      no_advertise: false\n"})
	}
	return r
}

// capacity makes room on full servers. Where none is full any more, it raises no limit
// that has the room, and never lowers one.
func (x *facts) capacity() (Remedy, bool) {
	if limited := x.LimitedOn(); len(limited) > 0 {
		return x.sameLimit(limited), true
	}
	need, full := 0, false
	for _, s := range x.Others {
		if s.Details != nil && s.Details.Connections != nil {
			need = max(need, *s.Details.Connections)
		}
		if s.Full() {
			need, full = max(need, *s.MaxConnections), true
		}
	}
	// Room for the share of the concentrated server, should it fail.
	clients, _, _ := x.load()
	need += clients / max(1, len(x.Others))
	need = roundUp(need + need/5)
	var low []*checks.Server
	unknown := false
	for _, s := range x.Others {
		switch {
		case s.MaxConnections == nil:
			unknown = true
		case *s.MaxConnections > 0 && *s.MaxConnections < need:
			low = append(low, s)
		}
	}
	which := "the other servers"
	switch {
	case len(low) > 0:
		which = on(low)
	case !unknown:
		return Remedy{}, false
	}
	why := ""
	if full {
		why = "They take no more clients. "
	}
	if unknown {
		why += "Where a limit is higher than this, leave it as it is. "
	}
	system := ""
	if x.NoSystem {
		system = " " + takesSystem
	}
	accounts := x.command("nats server report accounts --sort conns --top 20")
	return Remedy{Title: "Raise the limit of connections on " + which + ", or add servers",
		Why: why + fmt.Sprintf("%s is what they have, a share of those of %s if it fails, and a fifth to spare. ", words.Count(need), x.here) +
			"Each connection takes a file descriptor: see that the system's limit (ulimit -n) is above it. The last command shows which accounts fill the servers." + system,
		ByHand:   fmt.Sprintf("set max_connections: %d, and reload", need),
		Commands: []string{checkConf, signal("reload"), accounts}, Checks: []string{checkConf, accounts},
		Snippets: []Snippet{{Lang: "nats-server", Text: fmt.Sprintf("max_connections: %d\n", need)}}}, true
}

// filler is the account with most connections on full servers, other than this
// and the system account; ok is false where none is known.
func (x *facts) filler() (a checks.Account, ok bool) {
	counts := map[uint32]int{}
	for _, s := range x.Others {
		if !s.Full() {
			continue
		}
		for _, u := range s.Usage {
			if int(u.Account) < len(x.d.Accounts) && !x.d.Accounts[u.Account].System && x.d.Accounts[u.Account].ID != x.f.Account.ID {
				counts[u.Account] += int(u.Connections)
			}
		}
	}
	var order []uint32
	for n, c := range counts {
		if c > 0 {
			order = append(order, n)
		}
	}
	if len(order) == 0 {
		return a, false
	}
	slices.SortFunc(order, func(a, b uint32) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(x.d.Accounts[a].ID, x.d.Accounts[b].ID))
	})
	return x.d.Accounts[order[0]], true
}
