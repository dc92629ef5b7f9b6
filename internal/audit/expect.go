package audit

import (
	"context"
	"fmt"
	"slices"
	"strings"
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
	Earlier []EarlierServer
	// Called are what the earlier audit called its clusters: the names that their servers
	// reported.
	Called    map[string]string
	EarlierAt time.Time
	// EarlierUnnamed is how many more it had that had no name of their own: of these
	// only the number can be compared.
	EarlierUnnamed int
	// Kin is that who asks finds out whether the earlier audit is of this deployment.
	Kin bool
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

// flag is what another command needs to expect the same servers, quoted for a shell;
// empty where none were said to be expected. Without it a command refuses where
// servers came back under new ids and others still count the old ones.
func (e Expected) flag() string {
	switch {
	case e.Count > 0:
		return fmt.Sprintf("--expect-servers %d", e.Count)
	case len(e.Names) > 0:
		return "--expect-servers " + words.Shell(strings.Join(e.Names, ","))
	}
	return ""
}

// EarlierServer is a server of an earlier audit; Host is empty where not known.
type EarlierServer struct{ Name, Host, Cluster string }

// Add adds to the model the servers that are expected and that it does not have.
// It connects to addresses for two fifths of the time that is left, 2 s at most.
func (e Expected) Add(ctx context.Context, d *checks.Deployment) {
	for cluster, reported := range e.Called {
		d.CalledThen(cluster, reported)
	}
	settleClusters(d)
	candidates := e.addEarlier(d)
	e.addUnnamed(d)
	for _, name := range e.Names {
		e.addNamed(d, checks.Missing{Name: name, Kind: checks.Forgotten, Known: "expected by name", Reason: "expected by name"})
	}
	e.settleCount(d)
	e.fill(ctx, d)
	e.addConfigured(ctx, d)
	e.look(ctx, d)
	d.CountOnce()
	known := len(d.Servers) + d.Absent()
	for n := known; n < e.Count; n++ {
		d.Missing = append(d.Missing, checks.Missing{Kind: checks.Forgotten, Reason: e.fewer(known, candidates)})
	}
	settleClusters(d)
	d.Expected = max(d.Expected, len(d.Servers)+d.Absent())
	d.All = e.namesAll(d) || e.Count > 0 && e.Count <= len(d.Servers)
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

// mostMissing bounds how many servers are added.
const mostMissing = 100_000

// settleClusters gives missing servers of unknown clusters to the only cluster
// that there is.
func settleClusters(d *checks.Deployment) {
	if len(d.Servers) == 0 || d.Gateways || len(d.Silent) > 0 {
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
