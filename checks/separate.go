package checks

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/nats-balance/nats-balance/internal/words"
)

// Separate tells clusters of one name apart: servers that report the same name
// and have no routes to each other, not even by others. It names each after its
// first server, as in "EDGE (berlin1, …)", and notes it. [Deployment.Reported]
// still has the name that the servers report.
//
// A server whose cluster can't be told then is Missing, of an unknown cluster.
func (d *Deployment) Separate() {
	names := map[string]bool{}
	for i := range d.Servers {
		names[d.Servers[i].Cluster] = true
	}
	delete(names, "")
	for _, name := range sortedKeys(names) {
		d.separate(name)
	}
}

// Reported is the name that the servers of a cluster report.
func (d *Deployment) Reported(cluster string) string {
	if name, ok := d.split[cluster]; ok {
		return name
	}
	return cluster
}

// Shared reports whether several clusters report the name.
func (d *Deployment) Shared(name string) bool { return len(d.called(name)) > 0 }

// called are the clusters whose servers report the name, in order.
func (d *Deployment) called(name string) []string {
	var out []string
	for cluster, reported := range d.split {
		if reported == name {
			out = append(out, cluster)
		}
	}
	slices.Sort(out)
	return out
}

// member is a server of a cluster, as an index into Deployment.Servers, or with
// those added into Deployment.Missing.
type member struct {
	at    int
	peers []string // nil is not known
	ref   ServerRef
}

func (d *Deployment) separate(name string) {
	var all []member
	for i := range d.Servers {
		if s := &d.Servers[i]; s.Cluster == name {
			all = append(all, member{i, s.Peers, s.Ref()})
		}
	}
	for i := range d.Missing {
		// One without routes says nothing of where it is.
		if m := &d.Missing[i]; m.ClusterKnown && m.Cluster == name && len(m.Peers) > 0 {
			all = append(all, member{len(d.Servers) + i, m.Peers, m.Ref()})
		}
	}
	groups, loose := joined(all)
	if len(groups) == 1 && len(loose) > 0 {
		groups[0], loose = append(groups[0], loose...), nil
	}
	if len(groups) < 2 {
		return
	}
	d.rename(name, groups)
	d.loosen(name, loose)
}

// joined are the members that have routes to each other, and those of which that
// is not known.
func joined(all []member) (groups [][]member, loose []member) {
	root, ids := make([]int, len(all)), map[string]int{}
	for i, m := range all {
		root[i] = i
		if m.ref.ID != "" {
			ids[m.ref.ID] = i
		}
	}
	find := func(i int) int {
		for root[i] != i {
			root[i] = root[root[i]]
			i = root[i]
		}
		return i
	}
	linked := make([]bool, len(all))
	for i, m := range all {
		for _, peer := range m.peers {
			if k, ok := ids[peer]; ok && k != i {
				root[find(k)] = find(i)
				linked[i], linked[k] = true, true
			}
		}
	}
	at := map[int]int{}
	for i, m := range all {
		if m.peers == nil && !linked[i] {
			loose = append(loose, m)
			continue
		}
		g, ok := at[find(i)]
		if !ok {
			g = len(groups)
			at[find(i)], groups = g, append(groups, nil)
		}
		groups[g] = append(groups[g], m)
	}
	return groups, loose
}

// rename gives each group a name of its own.
func (d *Deployment) rename(name string, groups [][]member) {
	for _, g := range groups {
		slices.SortFunc(g, func(a, b member) int { return CompareServers(a.ref, b.ref) })
	}
	slices.SortFunc(groups, func(a, b []member) int { return CompareServers(a[0].ref, b[0].ref) })
	if d.split == nil {
		d.split = map[string]string{}
	}
	var told, clusters []string
	for _, g := range groups {
		cluster := nameOf(name, g, cmp.Or(g[0].ref.Name, g[0].ref.ID))
		if _, taken := d.split[cluster]; taken { // servers of one name in both
			cluster = nameOf(name, g, g[0].ref.Name+" "+g[0].ref.ID)
		}
		d.split[cluster] = name
		d.CalledThen(words.Harmless(cluster), words.Harmless(name)) // by what it is known in documents
		clusters = append(clusters, cluster)
		told = append(told, fmt.Sprintf("%s with %s", cluster, words.Plural(len(g), "server")))
		for _, m := range g {
			if m.at < len(d.Servers) {
				d.Servers[m.at].Cluster = cluster
			} else {
				d.Missing[m.at-len(d.Servers)].Cluster = cluster
			}
		}
	}
	for i := range d.Missing {
		if m := &d.Missing[i]; m.ClusterKnown && m.Cluster == name {
			m.Cluster, m.ClusterKnown = "", false
		}
	}
	var uncounted []Uncounted
	for _, u := range d.Uncounted {
		if u.Cluster != name {
			uncounted = append(uncounted, u)
			continue
		}
		for _, cluster := range clusters {
			uncounted = append(uncounted, Uncounted{u.Accounts, cluster, u.Reason})
		}
	}
	d.Uncounted = uncounted
	d.Note(fmt.Sprintf("%s clusters are called %s and have no routes to each other, so each is checked on its own: %s", words.Count(len(groups)), name, words.Few(told)))
}

func nameOf(name string, g []member, first string) string {
	more := ""
	if len(g) > 1 {
		more = ", …"
	}
	return fmt.Sprintf("%s (%s%s)", name, first, more)
}

// loosen takes out servers that may be in one of several clusters.
func (d *Deployment) loosen(name string, loose []member) {
	for _, m := range loose {
		s := d.Servers[m.at]
		total := 0
		for _, u := range s.Usage {
			total += int(u.Connections)
		}
		d.Missing = append(d.Missing, Missing{ID: s.ID, Name: s.Name, Host: s.Host, Bound: &total, Kind: Unreadable,
			Reason: fmt.Sprintf("it did not say to which servers it has routes, so it is unknown which of the clusters called %s it is in", name)})
	}
	d.Servers = slices.DeleteFunc(d.Servers, func(s Server) bool { return s.Cluster == name })
}

// Note adds a sentence, once.
func (d *Deployment) Note(sentence string) {
	if !slices.Contains(d.Notes, sentence) {
		d.Notes = append(d.Notes, sentence)
		slices.Sort(d.Notes)
	}
}

// CalledThen takes over what a cluster was called at an earlier time, as [Deployment.Separate]
// calls one of several of a name, and the name that its servers reported then.
func (d *Deployment) CalledThen(cluster, reported string) {
	if cluster == reported || reported == "" {
		return
	}
	if d.then == nil {
		d.then = map[string]string{}
	}
	d.then[cluster] = reported
}

// SameCluster reports whether two names may be those of one cluster, one of them
// perhaps of a time when there was only one of that name.
func (d *Deployment) SameCluster(a, b string) bool {
	plain := func(name string) string {
		if reported := d.Reported(name); reported != name {
			return reported
		}
		if reported, ok := d.then[name]; ok {
			return reported
		}
		return name
	}
	return a == b || plain(a) == plain(b) && (a == plain(a) || b == plain(b))
}

func sortedKeys[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for key := range m {
		out = append(out, key)
	}
	slices.Sort(out)
	return out
}
