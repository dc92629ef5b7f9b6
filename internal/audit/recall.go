package audit

import (
	"context"
	"slices"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/source"
)

// Gone returns the servers that a recorder saw go and has not seen since, and notes.
type Gone func(ctx context.Context) ([]checks.RecordedGone, []string)

// recall adds to the servers that are missing what a recorder saw of them.
func (a *Run) recall(ctx context.Context) {
	d := a.Deployment
	if a.Request.Gone == nil || len(d.Missing) == 0 {
		return
	}
	gone, notes := a.Request.Gone(ctx)
	for _, n := range notes {
		source.Note(d, n)
	}
	recalled(d, gone)
}

// recalled ties servers that a recorder saw go to those that are missing: by name, and
// where as many are missing without a name in a cluster as went there, each to one.
func recalled(d *checks.Deployment, gone []checks.RecordedGone) {
	var rest []*checks.RecordedGone
	for i := range gone {
		g := &gone[i]
		if !g.IsOf(d) {
			continue
		}
		at := slices.IndexFunc(d.Missing, func(m checks.Missing) bool {
			return m.Name == g.Server.Name && (!m.ClusterKnown || d.SameCluster(g.Cluster, m.Cluster))
		})
		switch {
		case at >= 0 && d.Missing[at].Gone == nil:
			d.Missing[at].Gone = g
		case at < 0 && !slices.ContainsFunc(d.Servers, func(s checks.Server) bool { return s.Name == g.Server.Name && d.SameCluster(g.Cluster, s.Cluster) }):
			rest = append(rest, g)
		}
	}
	for i := range d.Missing {
		m := &d.Missing[i]
		if !m.Nameless() || !m.ClusterKnown || m.Gone != nil {
			continue
		}
		nameless, went := 0, []*checks.RecordedGone{}
		for _, o := range d.Missing {
			if o.Nameless() && o.ClusterKnown && o.Cluster == m.Cluster {
				nameless++
			}
		}
		for _, g := range rest {
			if d.SameCluster(g.Cluster, m.Cluster) {
				went = append(went, g)
			}
		}
		if nameless == 1 && len(went) == 1 {
			m.Name, m.Gone = went[0].Server.Name, went[0]
		}
	}
}
