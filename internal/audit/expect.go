package audit

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/words"
)

// Expected are the servers that there should be, beside those that servers know
// of: peers forget one that died after some minutes.
type Expected struct {
	// Count is how many there are at least; 0 is not known.
	Count int
	// Names are those of servers.
	Names []string
	// Earlier are the servers of an earlier audit, of EarlierAt. It says who was
	// there then, and nothing of who has come since.
	Earlier   []EarlierServer
	EarlierAt time.Time
	// EarlierUnnamed is how many more it had that had no name of their own: of these
	// only the number can be compared.
	EarlierUnnamed int
	// URLs are those that the connection was configured with.
	URLs []string
	// ConnectedURL is the one of them that is connected to, and ConnectedAddress
	// where that goes.
	ConnectedURL, ConnectedAddress string
	// Clients are URLs that clients have, where these are a sign of a server: to
	// an ordinary account nobody tells of one that does not answer.
	Clients []string
	// NoProbe is that no address is connected to.
	NoProbe bool
	// DNS is that names in the configuration of servers may be looked up.
	DNS bool
	// Details, if set, asks servers of clusters for what they say of themselves.
	Details func(ctx context.Context, clusters []string) error
}

// EarlierServer is a server of an earlier audit; Host is empty where not known.
type EarlierServer struct{ Name, Host, Cluster string }

// Add adds to the model the servers that are expected and that it does not have.
// It connects to addresses for two fifths of the time that is left, 2 s at most.
func (e Expected) Add(ctx context.Context, d *checks.Deployment) {
	settleClusters(d)
	for _, s := range e.Earlier {
		known := "in the baseline of " + when(e.EarlierAt)
		e.addNamed(d, s.Name, checks.Missing{Name: s.Name, Host: s.Host, Cluster: s.Cluster, ClusterKnown: !generated(s.Cluster) || slices.Contains(clustersIn(d), s.Cluster),
			Kind: checks.Forgotten, Known: known, Reason: known})
	}
	e.addUnnamed(d)
	for _, name := range e.Names {
		e.addNamed(d, name, checks.Missing{Name: name, Kind: checks.Forgotten, Known: "expected by name", Reason: "expected by name"})
	}
	e.settleCount(d)
	e.addConfigured(ctx, d)
	e.look(ctx, d)
	known := len(d.Servers) + len(d.Missing)
	for n := known; n < e.Count; n++ {
		d.Missing = append(d.Missing, checks.Missing{Kind: checks.Forgotten,
			Reason: fmt.Sprintf("%s expected, but those that answered know of %s only", words.Plural(e.Count, "server")+" "+is(e.Count), words.Count(known))})
	}
	settleClusters(d)
	d.Expected = max(d.Expected, len(d.Servers)+len(d.Missing))
}

// addUnnamed adds as many servers as the earlier audit had more without a name of
// their own: each has its id for one, which is another one after a restart.
func (e Expected) addUnnamed(d *checks.Deployment) {
	n := 0
	for i := range d.Servers {
		if d.Servers[i].Name == d.Servers[i].ID {
			n++
		}
	}
	for _, m := range d.Missing {
		if m.Name == "" || m.Name == m.ID {
			n++
		}
	}
	for ; n < e.EarlierUnnamed && len(d.Missing) < mostMissing; n++ {
		d.Missing = append(d.Missing, checks.Missing{Kind: checks.Forgotten, Reason: fmt.Sprintf(
			"the baseline of %s has %s without server_name, and fewer are known now; which one is missing can't be said, as their ids change when they restart", when(e.EarlierAt), words.Plural(e.EarlierUnnamed, "server"))})
	}
}

// generated reports whether a cluster's name looks like one that servers made up, as
// none is configured. It is another one after all of them have restarted.
func generated(cluster string) bool {
	const long = 22
	digit, upper, lower := false, false, false
	for _, r := range cluster {
		switch {
		case r >= '0' && r <= '9':
			digit = true
		case r >= 'A' && r <= 'Z':
			upper = true
		case r >= 'a' && r <= 'z':
			lower = true
		default:
			return false
		}
	}
	return len(cluster) == long && digit && upper && lower
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
			if x.Kind == checks.Counted || x.Kind == checks.Configured {
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
// one, or its address in a configuration. One of a cluster of which nobody reported
// stands for all of them.
func nameless(d *checks.Deployment, m checks.Missing) bool {
	return m.ID == "" && (m.Name == "" || m.Kind == checks.Configured) && !m.Apart && (!m.ClusterKnown || slices.ContainsFunc(d.Servers, func(s checks.Server) bool { return s.Cluster == m.Cluster }))
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
