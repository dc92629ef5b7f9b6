package cause

import (
	"net/netip"
	"slices"

	"github.com/nats-balance/nats-balance/checks"
)

// fewTenants reports whether few accounts come from an address, each of them to one
// server, and not all to the same one. A balancer that keeps each where it was first does
// that, and so do lists of their own behind a NAT, or a proxy with a port for each server:
// of so few, placements alone do not tell which.
func fewTenants(pinned, of, servers int) bool {
	return servers > 1 && pinned >= 2 && pinned == of && pinned < fewestTenants
}

// provenBalancer reports whether lists show that an address is that of a balancer which
// leads accounts to different servers: one of its accounts has, as is known, an address in
// its list that always leads the auditor to one server, from there, and its own clients
// from there are on another one. It says so.
func (s *Situation) provenBalancer(addr netip.Addr) (Evidence, bool) {
	if s.Neighbours == nil || !s.isBalancer(addr) {
		return Evidence{}, false
	}
	for _, l := range s.Lists {
		if l.Hint || l.Unused != "" {
			continue
		}
		for _, a := range ReachOf(s.Deployment, s.Finding.Cluster, l).Arrivals {
			if a.as != addr || a.Own != checks.No || !a.Sure || a.AllTries < enoughTries || !a.Steady() {
				continue
			}
			led := s.Deployment.Servers[a.Server]
			for _, id := range s.tenants(addr) {
				if on := s.ownListLeads(id, l, addr); on >= 0 && s.Deployment.Servers[on].ID != led.ID {
					return say(l.Origin, "%s is in the list of %s too, and led to %s; their clients from %s are on %s: it leads to several servers.",
						place(a), s.accountName(id), label(&led), addr, label(&s.Deployment.Servers[on])), true
				}
			}
		}
	}
	return Evidence{}, false
}

// ownListLeads looks at the clients of an account that come from an address and are known
// to have this list. It returns the server, an index into Deployment.Servers, that nearly
// all of them are on, -1 if there are no such clients or no such server.
func (s *Situation) ownListLeads(id string, l checks.URLList, addr netip.Addr) int {
	p := s.Neighbours.Profiles[id]
	account := slices.IndexFunc(s.Deployment.Accounts, func(a checks.Account) bool { return a.ID == id })
	if p == nil || account < 0 {
		return -1
	}
	c := s.Case
	c.Finding = checks.Finding{Row: checks.Row{Account: s.Deployment.Accounts[account], Cluster: s.Finding.Cluster, Server: s.Finding.Server}}
	c.Profile, c.Lists, c.History, c.Recorded = p, nil, nil, nil
	all := situationOf(c, nil, p.Services)
	parts := []*Situation{all}
	for i := range p.Services {
		parts = append(parts, all.project([]int{i}))
	}
	for _, x := range parts {
		if x.Profile.SourcesSampled || x.tieOf(l) < accounts {
			continue
		}
		counts := make([]int, len(p.Servers))
		for _, source := range x.Profile.Sources {
			if source.Addr.Unmap() == addr {
				counts = added(counts, source.Counts)
			}
		}
		at, most, total := top(counts)
		if total < fewestThere || float64(most) < nearlyAll*float64(total) || at >= len(p.Servers) {
			continue
		}
		return slices.IndexFunc(s.Deployment.Servers, func(o checks.Server) bool { return o.ID == p.Servers[at] })
	}
	return -1
}

// mayShareBalancer reports whether accounts that come from one address have perhaps one
// balancer as their cause, and no other one that anything speaks for: they are one thing to
// look into.
func (d Diagnosis) mayShareBalancer() bool {
	if _, behind := d.BehindAddress(); behind {
		return true
	}
	by := d.byAddress()
	if !by.few || by.verdict != Possible || d.Cause(StickyLoadBalancer).Verdict != Possible {
		return false
	}
	return !slices.ContainsFunc(d.Causes, func(c Cause) bool {
		return c.Role == Root && c.Code != StickyLoadBalancer && c.Verdict.Compare(Possible) <= 0
	})
}
