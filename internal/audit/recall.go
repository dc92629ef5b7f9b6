package audit

import (
	"context"
	"slices"
	"time"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/source"
)

// Gone returns the servers of a deployment that a recorder saw go and has not seen since,
// and warnings.
type Gone func(ctx context.Context, d *checks.Deployment) ([]checks.RecordedGone, []string)

// recall adds to the servers that are missing what a recorder saw of them, and those
// that it found silent and that nobody knows any more: others forget one that hangs,
// too. Who says how many there are, or names them all, has the last word.
func (a *Run) recall(ctx context.Context) {
	d := a.Deployment
	if a.Request.Gone == nil {
		return
	}
	asking, cancel := source.ForHistory.Context(ctx)
	gone, warnings := a.Request.Gone(asking, d)
	cancel()
	a.warnings = append(a.warnings, warnings...)
	rest := recalled(d, gone)
	e := a.Request.Expected
	for _, g := range rest {
		known := len(d.Servers) + d.Absent()
		if g.Kind != checks.Silent || time.Since(g.At) > checks.MayHang || e.namesAll(d) {
			continue
		}
		if at := slices.IndexFunc(d.Missing, func(m checks.Missing) bool { return standsIn(d, &m, g) }); at >= 0 {
			m := &d.Missing[at]
			if m.Fills != nil && checks.Others(d.Missing, g.Cluster, g.Lacked)[at] {
				place := *m.Fills
				m.Fills = nil
				d.Missing = append(d.Missing, place)
				d.Expected = max(d.Expected, len(d.Servers)+d.Absent())
				m = &d.Missing[at]
			}
			m.Name, m.Host, m.Cluster, m.ClusterKnown, m.Gone = g.Server.Name, g.Server.Host, g.Cluster, true, g
			continue
		}
		if e.Count > 0 && e.Count <= known || len(d.Missing) >= mostMissing {
			continue
		}
		reason := "it did not say that it shuts down, and no server that answered knows of it: it may hang with its clients, or be cut off with them"
		if d.CountsNameless(g.Cluster) {
			reason = "it did not say that it shuts down, and whether servers that answered know of it is unknown: it may hang with its clients, or be cut off with them"
		}
		d.Missing = append(d.Missing, checks.Missing{ID: g.Server.ID, Name: g.Server.Name, Host: g.Server.Host, Cluster: g.Cluster, ClusterKnown: !checks.Generated(g.Cluster) || slices.Contains(clustersIn(d), g.Cluster),
			Kind: checks.Forgotten, Gone: g, Reason: reason})
		d.CountOnce()
		d.Expected = max(d.Expected, len(d.Servers)+d.Absent())
	}
}

// standsIn reports whether a missing server of which nothing else is known is the one
// that a recorder found silent: others still count it, or nobody of its cluster answered.
func standsIn(d *checks.Deployment, m *checks.Missing, g *checks.RecordedGone) bool {
	counted := m.Kind == checks.Counted && m.Nameless() && m.Gone == nil && m.MayBeIn(g.Cluster) && time.Since(g.At) < checks.StillCounted
	return counted || d.StandsFor(m, g.Cluster)
}

// recalled ties servers that a recorder saw go to those that are missing: by name, and
// where as many are missing without a name in a cluster as went there, each to one that was
// not missing while it was there.
// It returns those that are none of them, and are not there either.
func recalled(d *checks.Deployment, gone []checks.RecordedGone) []*checks.RecordedGone {
	var rest []*checks.RecordedGone
	for i := range gone {
		g := &gone[i]
		at := slices.IndexFunc(d.Missing, func(m checks.Missing) bool {
			return m.Name == g.Server.Name && (!m.ClusterKnown || d.SameCluster(g.Cluster, m.Cluster))
		})
		switch {
		case at >= 0 && d.Missing[at].Gone == nil:
			d.Missing[at].Gone = g
		case at < 0 && !g.IsBack(d):
			rest = append(rest, g)
		}
	}
	var apart []checks.Missing // that were missing while one that others count was there
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
		if nameless != 1 || len(went) != 1 {
			continue
		}
		switch other := checks.Others(d.Missing, m.Cluster, went[0].Lacked)[i]; {
		case !other:
			m.Placed = m.Placed || m.IsAddress()
			m.Name, m.Gone = went[0].Server.Name, went[0]
		case m.Fills != nil:
			apart = append(apart, *m.Fills)
			m.Name, m.Gone, m.Fills = went[0].Server.Name, went[0], nil
		}
	}
	if len(apart) > 0 {
		d.Missing = append(d.Missing, apart...)
		d.Expected = max(d.Expected, len(d.Servers)+d.Absent())
	}
	return slices.DeleteFunc(rest, func(g *checks.RecordedGone) bool {
		return slices.ContainsFunc(d.Missing, func(m checks.Missing) bool { return m.Gone == g })
	})
}
