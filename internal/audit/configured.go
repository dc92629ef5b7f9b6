package audit

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/source"
	"github.com/nats-balance/nats-balance/internal/words"
)

// addConfigured adds the servers that the configuration of those that answered
// names and that nobody knows: peers forget one that hangs or died after some
// minutes, and one that never came they never knew. Who says how many there are, or
// names them all, has the last word.
func (e Expected) addConfigured(ctx context.Context, d *checks.Deployment) {
	known := len(d.Servers) + len(d.Missing)
	if e.namesAll(d) {
		return
	}
	if e.Count > 0 && e.Count <= known {
		d.AddSilent(unknownClusters(d, ""), 0)
		return
	}
	most, found := e.mostMore(d), e.lackingBy(ctx, d)
	d.Missing = append(d.Missing, found...)
	d.AddSilent(unknownClusters(d, e.ifNoMore(known)), most-len(found))
}

// mostMore is how many servers can be missing besides those that are known.
func (e Expected) mostMore(d *checks.Deployment) int {
	if e.Count > 0 {
		return e.Count - len(d.Servers) - len(d.Missing)
	}
	return mostMissing - len(d.Missing)
}

// ifNoMore is a clause that says what to do where there are no more servers than those.
func (e Expected) ifNoMore(known int) string {
	if e.Count > 0 {
		return words.Plural(e.Count, "server") + " " + is(e.Count) + " expected"
	}
	return fmt.Sprintf("pass --expect-servers %d if no more are meant to be", known)
}

// lackingBy are the servers that clusters lack by the routes that are configured.
func (e Expected) lackingBy(ctx context.Context, d *checks.Deployment) []checks.Missing {
	all := routedClusters(d)
	short := slices.DeleteFunc(all, func(c *routedCluster) bool { return c.lacking() == 0 })
	if len(short) > 0 {
		short = e.certain(ctx, d, short)
	}
	var found []checks.Missing
	known := len(d.Servers) + len(d.Missing)
	for _, c := range fullest(short) {
		do := e.ifNoMore(known)
		if s, _ := joining(d, c.name, time.Now()); s != nil && e.Count == 0 {
			do = s.Name + " has just started, and may not have joined the others yet: try again in a few seconds, or " + do
		}
		found = append(found, c.missing(do)...)
	}
	return found[:max(0, min(e.mostMore(d), len(found)))]
}

// certain asks the servers of clusters that seem to lack some for all that tells
// whose an address is, and then DNS, and leaves those that still lack some.
func (e Expected) certain(ctx context.Context, d *checks.Deployment, short []*routedCluster) []*routedCluster {
	if e.Details != nil {
		var names []string
		for _, c := range short {
			names = append(names, c.name)
		}
		_ = e.Details(ctx, names) // what is not known explains nothing
		short = slices.DeleteFunc(routedClusters(d), func(c *routedCluster) bool {
			return c.lacking() == 0 || !slices.Contains(names, c.name)
		})
	}
	if !e.DNS {
		return short
	}
	ctx, cancel := source.LookForServers.Context(ctx)
	defer cancel()
	ctx, stop := context.WithTimeout(ctx, source.LongestLook)
	defer stop()
	leads := map[string][]netip.Addr{}
	for _, c := range short {
		c.resolve(ctx, leads)
	}
	return slices.DeleteFunc(short, func(c *routedCluster) bool {
		c.learn(leads)
		c.unjoined = unjoined(d, c.name, leads)
		return c.lacking() == 0
	})
}

// namesAll reports whether names were given and every server that answered has one
// of them: those are all then, as the operator sees it.
func (e Expected) namesAll(d *checks.Deployment) bool {
	return len(e.Names) > 0 && !slices.ContainsFunc(d.Servers, func(s checks.Server) bool { return !slices.Contains(e.Names, s.Name) })
}

// missing are the servers that a cluster lacks, by the addresses that are no known
// server's where that is certain. What is a clause that the reason ends with.
func (c *routedCluster) missing(what string) []checks.Missing {
	n, open := c.lacking(), c.open()
	reason := fmt.Sprintf("others have routes configured to %s addresses, but only %s %s known: %s",
		words.Count(c.addresses()), words.Plural(len(c.members), "server"), is(len(c.members)), what)
	switch {
	case c.alone:
		reason = "the only server that is known has routes configured to others, and has none: it is cut off, or they are down: " + what
	case c.unnamed() == 0:
		reason = fmt.Sprintf("nobody has a route to %s of the %s that others have routes configured to%s: %s", words.Count(n), words.Plurals(c.addresses(), "address", "addresses"), orAlias(open), what)
	}
	var out []checks.Missing
	for i := range n {
		m := checks.Missing{Cluster: c.name, ClusterKnown: true, Kind: checks.Configured, Reason: reason}
		if len(open) == n { // every known server has another address
			m.Name, m.At, m.Host = open[i].text, open[i].text, open[i].host
		}
		out = append(out, m)
	}
	return out
}

// orAlias is a clause on an address that may be another one of a server that is there, as it
// is a name of which nobody knows what it leads to; empty where there is none.
func orAlias(open []route) string {
	at := slices.IndexFunc(open, func(r route) bool { return !r.ip.IsValid() && len(r.ips) == 0 })
	if at < 0 {
		return ""
	}
	return ", unless " + open[at].text + " is another name of a server that is there"
}

// unknownClusters are those that servers have gateways configured to, and to which
// no server that is known belongs.
func unknownClusters(d *checks.Deployment, what string) []checks.Missing {
	there := map[string]bool{}
	for i := range d.Servers {
		there[d.Reported(d.Servers[i].Cluster)] = true
	}
	for i := range d.Missing {
		there[d.Reported(d.Missing[i].Cluster)] = true
	}
	for _, name := range d.Silent {
		there[name] = true
	}
	var out []checks.Missing
	for i := range d.Servers {
		s := &d.Servers[i]
		if s.Links == nil {
			continue
		}
		for _, name := range s.Links.Clusters {
			if !there[name] {
				there[name] = true
				known := s.Name + " has a gateway configured to its cluster"
				out = append(out, checks.Missing{Cluster: name, ClusterKnown: true, Kind: checks.Configured, Known: known,
					Reason: known + ", but no server of it is known, nor how many there are: " + what})
			}
		}
	}
	return out
}
