package audit

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/words"
)

// OtherDeploymentError is that an earlier audit has none of the servers that are known
// now: what it says can't be compared.
type OtherDeploymentError struct{ Servers int }

func (e *OtherDeploymentError) Error() string {
	return fmt.Sprintf("%s in it, and none is known now: it is of another deployment, or all servers were replaced: pass a document of these servers",
		words.Plurals(e.Servers, "server is", "servers are"))
}

// sameDeployment returns an [OtherDeploymentError] where an earlier audit has servers
// with names of their own, and none of these is known now.
func (e Expected) sameDeployment(d *checks.Deployment) error {
	for _, s := range e.Earlier {
		if slices.ContainsFunc(d.Servers, func(x checks.Server) bool { return x.Name == s.Name }) ||
			slices.ContainsFunc(d.Missing, func(x checks.Missing) bool { return x.Name == s.Name }) {
			return nil
		}
	}
	if len(e.Earlier) == 0 || e.Kin {
		return nil
	}
	return &OtherDeploymentError{len(e.Earlier)}
}

// addEarlier adds the servers of an earlier audit that nobody knows now. How many there
// are now the operator knows better: servers may have been taken away since. Where
// some of them are missing and it is open which, it returns a clause that names them.
func (e Expected) addEarlier(d *checks.Deployment) (candidates string) {
	known := "in the baseline of " + when(e.EarlierAt)
	var absent []checks.Missing
	for _, s := range e.Earlier {
		m := checks.Missing{Name: s.Name, Host: s.Host, Cluster: s.Cluster, ClusterKnown: !checks.Generated(s.Cluster) || slices.Contains(clustersIn(d), s.Cluster),
			Kind: checks.Forgotten, Known: known, Reason: known}
		if !has(d, &m) {
			absent = append(absent, m)
		}
	}
	var gone []string
	switch places, limited := e.places(d); {
	case e.namesAll(d):
		absent = slices.DeleteFunc(absent, func(m checks.Missing) bool {
			if slices.Contains(e.Names, m.Name) {
				return false
			}
			gone = append(gone, m.Name)
			return true
		})
	case limited && places < len(absent):
		for _, m := range absent {
			gone = append(gone, m.Name)
		}
		absent = nil
		if places > 0 {
			return fmt.Sprintf("; it may be one of those %s: %s", known, words.Few(gone))
		}
	}
	// Which of several somebody still knows of, without a name, is open.
	unnamed := 0
	for i := range d.Missing {
		if x := &d.Missing[i]; nameless(x) && x.At == "" {
			unnamed++
		}
	}
	for _, m := range absent {
		e.addOne(d, m, len(absent) <= unnamed)
	}
	if len(gone) > 0 {
		says := fmt.Sprintf("--expect-servers %d says", e.Count)
		if e.Count == 0 {
			says = "--expect-servers, which names others, says"
		}
		d.Note(fmt.Sprintf("%s, but not here: %s; %s that there are no more", known, words.Few(gone), says))
	}
	return ""
}

// places is how many servers can be missing that have no name yet, where the operator
// said how many servers there are.
func (e Expected) places(d *checks.Deployment) (n int, limited bool) {
	n = e.Count - len(d.Servers)
	for i := range d.Missing {
		if !nameless(&d.Missing[i]) {
			n--
		}
	}
	return n, e.Count > 0
}

// addUnnamed adds as many servers as the earlier audit had more without a name of
// their own: each has its id for one, which is another one after a restart.
func (e Expected) addUnnamed(d *checks.Deployment) {
	if e.Count > 0 && len(d.Servers) >= e.Count {
		return // the operator says that there are no more
	}
	n := 0
	for i := range d.Servers {
		if d.Servers[i].Name == d.Servers[i].ID {
			n++
		}
	}
	for _, m := range d.Missing {
		if m.Nameless() || m.Name == m.ID {
			n++
		}
	}
	for ; n < e.EarlierUnnamed && len(d.Missing) < mostMissing; n++ {
		d.Missing = append(d.Missing, checks.Missing{Kind: checks.Forgotten, Reason: fmt.Sprintf(
			"the baseline of %s has %s without server_name, and fewer are known now; which one is missing can't be said, as their ids change when they restart", when(e.EarlierAt), words.Plural(e.EarlierUnnamed, "server"))})
	}
}

// has reports whether the model has a server of that name and cluster.
func has(d *checks.Deployment, m *checks.Missing) bool {
	return slices.ContainsFunc(d.Servers, func(s checks.Server) bool { return s.Name == m.Name && mayBeOne(d, m, s.Cluster, true) }) ||
		slices.ContainsFunc(d.Missing, func(x checks.Missing) bool {
			return x.Name == m.Name && mayBeOne(d, m, x.Cluster, x.ClusterKnown)
		})
}

// mayBeOne reports whether a missing server may be in a cluster.
func mayBeOne(d *checks.Deployment, m *checks.Missing, cluster string, known bool) bool {
	return !known || !m.ClusterKnown || d.SameCluster(cluster, m.Cluster)
}

// addNamed adds a server of a name that the model does not have. One that it has
// without a name, and that may be it, gets the name.
func (e Expected) addNamed(d *checks.Deployment, m checks.Missing) { e.addOne(d, m, true) }

// addOne is addNamed where other servers may be the one without a name as well, unless
// only is true: then it is said that it may be.
func (e Expected) addOne(d *checks.Deployment, m checks.Missing, only bool) {
	if has(d, &m) || len(d.Missing) >= mostMissing {
		return
	}
	if at, certain := unnamedOf(d, &m); at >= 0 { // somebody knows of it
		x := &d.Missing[at]
		said := m.Reason + ": "
		if !certain || !only {
			said = m.Reason + ", and perhaps this one: "
		}
		x.Placed = x.Placed || x.IsAddress()
		x.ID, x.Name, x.Host, x.Reason = cmp.Or(x.ID, m.ID), m.Name, m.Host, said+x.Reason
		if x.Kind == checks.Counted || x.Kind == checks.Configured {
			x.Kind = m.Kind
		}
		if m.ClusterKnown {
			x.Cluster, x.ClusterKnown = m.Cluster, true
		}
		return
	}
	if m.Kind == checks.Forgotten {
		m.Reason += ", but no server that answered knows of it"
	}
	e.place(d, &m)
	d.AddAnywhere(m)
}

// unnamedOf is the missing server without a name that a server of a name may be, the
// one at its host first; -1 where there is none. It is not certain where others are at
// that address as well. One that stands for a cluster of which nobody reported is one
// of its servers, the last to get a name.
func unnamedOf(d *checks.Deployment, m *checks.Missing) (at int, certain bool) {
	best, others := 0, 0
	at = -1
	for i := range d.Missing {
		x := &d.Missing[i]
		if !nameless(x) || m.ID != "" && x.At != "" && x.Kind != checks.Configured || !mayBeOne(d, m, x.Cluster, x.ClusterKnown) {
			continue
		}
		fit := 2
		switch {
		case x.ClusterKnown && !slices.Contains(clustersIn(d), x.Cluster):
			if !m.ClusterKnown {
				continue // it may be of another cluster
			}
			fit = 1
		case x.At != "" && x.Host == m.Host:
			fit = 3
		}
		switch {
		case fit > best:
			best, at, others = fit, i, 0
		case fit == best && x.At != "":
			others++
		}
	}
	return at, at < 0 || others == 0 || d.Missing[at].At == "" || d.Missing[at].Kind == checks.Configured
}

// nameless reports whether nothing is known of a missing server but that it is
// one, or its address.
func nameless(m *checks.Missing) bool { return m.Nameless() && !m.Apart }

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
