package audit

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/probe"
	"github.com/nats-balance/nats-balance/internal/source"
	"github.com/nats-balance/nats-balance/internal/words"
)

// Expected are the servers that there should be, beside those that servers know
// of: peers forget one that died after some minutes.
type Expected struct {
	// Count is how many there are at least; 0 is not known.
	Count int
	// Names are those of servers.
	Names []string
	// Earlier are the servers of an earlier audit, of EarlierAt.
	Earlier   []EarlierServer
	EarlierAt time.Time
	// EarlierAll says that the earlier audit was complete: these were all.
	EarlierAll bool
	// URLs are those that the connection was configured with, to connect to.
	URLs []string
}

// EarlierServer is a server of an earlier audit; Host is empty where not known.
type EarlierServer struct{ Name, Host, Cluster string }

// Add adds to the model the servers that are expected and that it does not have.
// It connects to the URLs for two fifths of the time that is left, 2 s at most.
func (e Expected) Add(ctx context.Context, d *checks.Deployment) {
	settleClusters(d)
	for _, s := range e.Earlier {
		known := "in the baseline of " + when(e.EarlierAt)
		e.addNamed(d, s.Name, checks.Missing{Name: s.Name, Host: s.Host, Cluster: s.Cluster, ClusterKnown: true,
			Kind: checks.Forgotten, Known: known, Reason: known})
	}
	for _, name := range e.Names {
		e.addNamed(d, name, checks.Missing{Name: name, Kind: checks.Forgotten, Known: "expected by name", Reason: "expected by name"})
	}
	e.look(ctx, d)
	e.settleCount(d)
	known := len(d.Servers) + len(d.Missing)
	for n := known; n < e.Count; n++ {
		d.Missing = append(d.Missing, checks.Missing{Kind: checks.Forgotten,
			Reason: fmt.Sprintf("%s expected, but those that answered know of %s only", words.Plural(e.Count, "server")+" "+is(e.Count), words.Count(known))})
	}
	settleClusters(d)
	d.Expected = max(d.Expected, len(d.Servers)+len(d.Missing))
}

func is(n int) string {
	if n == 1 {
		return "is"
	}
	return "are"
}

// when is a time of today by the clock, and another one with its date.
func when(t time.Time) string {
	now := time.Now()
	if t = t.In(now.Location()); t.Format(time.DateOnly) == now.Format(time.DateOnly) {
		return t.Format("15:04")
	}
	return t.Format("2006-01-02 15:04")
}

// addNamed adds a server of a name that the model does not have. One that it has
// without a name, and that may be it, gets the name.
func (e Expected) addNamed(d *checks.Deployment, name string, m checks.Missing) {
	same := func(cluster string, known bool) bool {
		return !known || !m.ClusterKnown || d.SameCluster(cluster, m.Cluster)
	}
	if slices.ContainsFunc(d.Servers, func(s checks.Server) bool { return s.Name == name && same(s.Cluster, true) }) ||
		slices.ContainsFunc(d.Missing, func(x checks.Missing) bool { return x.Name == name && same(x.Cluster, x.ClusterKnown) }) {
		return
	}
	if len(d.Missing) < mostMissing {
		if at := slices.IndexFunc(d.Missing, func(x checks.Missing) bool { return nameless(d, x) && same(x.Cluster, x.ClusterKnown) }); at >= 0 {
			x := &d.Missing[at]
			x.Name, x.Host, x.Reason = m.Name, m.Host, m.Reason+": "+x.Reason
			if x.Kind == checks.Counted {
				x.Kind = m.Kind
			}
			if m.ClusterKnown {
				x.Cluster, x.ClusterKnown = m.Cluster, true
			}
			return // somebody counts it
		}
		if m.Kind == checks.Forgotten {
			m.Reason += ", but no server that answered knows of it"
		}
		e.place(d, &m)
		d.Missing = append(d.Missing, m)
	}
}

// place finds the cluster that an expected server was in: the one that has its
// name, or the one that has the servers which it was with.
func (e Expected) place(d *checks.Deployment, m *checks.Missing) {
	if !m.ClusterKnown || slices.ContainsFunc(d.Servers, func(s checks.Server) bool { return s.Cluster == m.Cluster }) {
		return
	}
	var now []string
	for i := range d.Servers {
		s := &d.Servers[i]
		with := func(x EarlierServer) bool { return x.Name == s.Name && x.Cluster == m.Cluster }
		if d.SameCluster(s.Cluster, m.Cluster) && slices.ContainsFunc(e.Earlier, with) {
			now = appendOnce(now, s.Cluster)
		}
	}
	switch len(now) {
	case 0:
	case 1:
		m.Cluster = now[0]
	default:
		m.Cluster, m.ClusterKnown = "", false
	}
}

// mostMissing bounds how many servers are added.
const mostMissing = 100_000

// nameless reports whether nothing is known of a missing server but that it is
// one. One of a cluster of which nobody reported stands for all of them.
func nameless(d *checks.Deployment, m checks.Missing) bool {
	return m.ID == "" && m.Name == "" && !m.Apart && (!m.ClusterKnown || slices.ContainsFunc(d.Servers, func(s checks.Server) bool { return s.Cluster == m.Cluster }))
}

// settleClusters gives missing servers of unknown clusters to the only cluster
// that there is.
func settleClusters(d *checks.Deployment) {
	if len(d.Servers) == 0 || d.Gateways {
		return
	}
	only := d.Servers[0].Cluster
	if only == "" || slices.ContainsFunc(d.Servers, func(s checks.Server) bool { return s.Cluster != only }) ||
		slices.ContainsFunc(d.Missing, func(m checks.Missing) bool { return m.ClusterKnown && m.Cluster != only }) {
		return
	}
	for i := range d.Missing {
		if m := &d.Missing[i]; !m.Apart {
			m.Cluster, m.ClusterKnown = only, true
		}
	}
}

// lookForServers is the share of the time that is left, two fifths, for that: where
// servers are missing it is a twelfth of the time-out, 400 ms of 5 s, in which a
// distant server has to accept a connection and to greet. It is not done while
// servers report, as they would count it as a client of $G.
const lookForServers source.Share = 24

const (
	// longestLook bounds connecting to the connection's own URLs.
	longestLook = 2 * time.Second
	// mostLooked bounds how many addresses of them are connected to.
	mostLooked = 64
)

// looked is what was seen at an address of the connection's own URLs.
type looked struct {
	at      string // as it was configured: host:port
	contact checks.Contact
}

// look connects to the connection's own URLs: where nobody listens, a server is
// down, or draining. Where not even a server that reported can be connected to,
// as behind a proxy, nothing is learnt.
func (e Expected) look(ctx context.Context, d *checks.Deployment) {
	addresses := e.addresses(ctx)
	if len(addresses) < 2 {
		return // that of the connection itself
	}
	ctx, cancel := lookForServers.Context(ctx)
	defer cancel()
	ctx, stop := context.WithTimeout(ctx, longestLook)
	defer stop()
	prober := probe.Prober{Timeout: longestLook / 2}
	seen := make([]looked, len(addresses))
	done := make(chan int)
	for i, a := range addresses {
		go func() {
			seen[i] = looked{a.shown, prober.Contact(ctx, a.scheme, a.host, a.at)}
			done <- i
		}()
	}
	for range addresses {
		<-done
	}
	works, families := false, map[string]bool{} // host and family that a server greets at
	for i, s := range seen {
		if s.contact.Outcome != checks.ContactServer {
			continue
		}
		families[addresses[i].family()] = true
		families[addresses[i].host] = true
		for _, g := range s.contact.Greetings {
			works = works || slices.ContainsFunc(d.Servers, func(x checks.Server) bool { return x.ID == g.ID })
		}
	}
	if !works {
		return
	}
	var refused, unreachable []string
	for i, s := range seen {
		a := addresses[i]
		switch s.contact.Outcome {
		case checks.ContactServer:
			for _, g := range s.contact.Greetings {
				e.greeted(d, g, s.at)
			}
		case checks.ContactRefused:
			// A name often has an address of a family in which nobody listens.
			switch {
			case !a.named || families[a.family()]:
				refused = appendOnce(refused, s.at)
			case !families[a.host]:
				refused = appendOnce(refused, net.JoinHostPort(a.host, strconv.Itoa(int(a.at.Port()))))
			}
		case checks.ContactTimeout, checks.ContactUnroutable:
			switch {
			case !a.named:
				unreachable = appendOnce(unreachable, s.at)
			case !families[a.host]:
				unreachable = appendOnce(unreachable, net.JoinHostPort(a.host, strconv.Itoa(int(a.at.Port()))))
			}
		default: // something answers
		}
	}
	nobodyAt(d, refused)
	for _, at := range unreachable {
		const known = "an address of the connection's URLs"
		e.addNamed(d, at, checks.Missing{Name: at, Kind: checks.Unreachable,
			Known: known, Reason: known + ", which can't be reached from here"})
	}
}

func appendOnce(to []string, s string) []string {
	if slices.Contains(to, s) {
		return to
	}
	return append(to, s)
}

// greeted takes in a server that greets: one that did not report is missing.
func (e Expected) greeted(d *checks.Deployment, g checks.Greeting, at string) {
	if slices.ContainsFunc(d.Servers, func(s checks.Server) bool { return s.ID == g.ID }) ||
		slices.ContainsFunc(d.Missing, func(m checks.Missing) bool { return m.ID == g.ID }) {
		return
	}
	e.addNamed(d, g.Name, checks.Missing{ID: g.ID, Name: g.Name, Cluster: g.Cluster, ClusterKnown: g.Cluster != "" && !d.Shared(g.Cluster), Kind: checks.Silent,
		Reason: "it greets at " + at + ", an address of the connection's URLs, but it did not answer"})
}

// nobodyAt takes in addresses where nobody listens. Of servers that nobody has a
// route to as many are down; those with routes are draining: a server closes its
// listener first, and its clients one by one. Where it is not known which of
// several it is, they stay as they are.
func nobodyAt(d *checks.Deployment, refused []string) {
	if len(refused) == 0 {
		return
	}
	var linked, loose, unnamed []int
	for i, m := range d.Missing {
		switch {
		case m.ID != "":
		case len(m.Peers) > 0:
			linked = append(linked, i)
		case nameless(d, m):
			unnamed = append(unnamed, i)
		case m.Name != "":
			loose = append(loose, i)
		}
	}
	all := len(linked) + len(loose) + len(unnamed)
	if len(refused) < all && len(linked)+len(loose) > 0 {
		return
	}
	at := "nobody listens at " + source.Few(refused)
	for _, i := range linked {
		m := &d.Missing[i]
		m.Kind, m.Reason = checks.Draining, "it is draining: "+at+" any more, and other servers have routes to it"
	}
	for _, i := range loose {
		m := &d.Missing[i]
		m.Kind, m.Bound, m.Reason = checks.Down, new(int), cmp.Or(m.Known, m.Reason)+", and it is down: "+at
	}
	left := refused[min(len(refused), len(linked)+len(loose)):]
	for n, at := range left {
		down := checks.Missing{Name: at, Kind: checks.Down, Bound: new(int), Reason: "it is down: nobody listens at " + at + ", an address of the connection's URLs"}
		if n < len(unnamed) {
			m := &d.Missing[unnamed[n]]
			down.Cluster, down.ClusterKnown = m.Cluster, m.ClusterKnown
			*m = down
			continue
		}
		d.Missing = append(d.Missing, down)
	}
}

// address is one of a URL of the connection.
type address struct {
	scheme, host, shown string
	at                  netip.AddrPort
	named               bool // the host is a name
}

// family tells the addresses of a name apart by IPv4 and IPv6.
func (a address) family() string {
	if a.at.Addr().Unmap().Is4() {
		return a.host + " 4"
	}
	return a.host + " 6"
}

// addresses are those of the URLs. A name that does not resolve has none.
func (e Expected) addresses(ctx context.Context) []address {
	var out []address
	ctx, cancel := context.WithTimeout(ctx, longestLook)
	defer cancel()
	for _, text := range e.URLs {
		u, err := url.Parse(text)
		if err != nil {
			continue
		}
		port, err := strconv.ParseUint(u.Port(), 10, 16)
		if err != nil {
			port = map[string]uint64{"ws": 80, "wss": 443}[u.Scheme]
			if port == 0 {
				port = 4222
			}
		}
		a := address{scheme: u.Scheme, host: u.Hostname()}
		ips := []netip.Addr{}
		if ip, err := netip.ParseAddr(a.host); err == nil {
			ips = append(ips, ip)
		} else {
			a.named = true
			ips, _ = net.DefaultResolver.LookupNetIP(ctx, "ip", a.host) // none: what it leads to is not known
		}
		for _, ip := range ips {
			if len(out) >= mostLooked {
				return out
			}
			a.at = netip.AddrPortFrom(ip.Unmap(), uint16(port))
			if a.shown = a.at.String(); !slices.ContainsFunc(out, func(o address) bool { return o.at == a.at }) {
				out = append(out, a)
			}
		}
	}
	return out
}
