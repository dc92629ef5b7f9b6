package cause

import (
	"net/netip"
	"testing"

	"github.com/nats-balance/nats-balance/checks"
)

const keptFrom = "10.0.0.9"

// kept has ORDERS with 12 clients on n1, and SHOP and TEAM with clients on n1, n2 and n3,
// all of them from one address. The auditor that connects to 10.0.0.9 is led to one
// server, by number, each time.
func kept(led int, shop, team []int) change {
	return func(s *scene) {
		withServices(serviceOf("orders-api", 12, 0, 0))(s)
		from(keptFrom)(s)
		s.Profile.Services[0].Sources = s.Profile.Sources
		leads("10.0.0.9:4222", 12, led)(s)
		through("10.0.0.9:4222", keptFrom)(s)
		profiles := map[string]*checks.Profile{"ORDERS": s.Profile}
		for id, on := range map[string][]int{"SHOP": shop, "TEAM": team} {
			if on == nil {
				continue
			}
			s.Deployment.Accounts = append(s.Deployment.Accounts, checks.Account{ID: id, Name: id})
			x := serviceOf(map[string]string{"SHOP": "shop-web", "TEAM": "team-app"}[id], on[0], on[1], on[2])
			x.Sources = []checks.Source{{Addr: netip.MustParseAddr(keptFrom), Counts: on, Kinds: 1}}
			profiles[id] = &checks.Profile{Servers: []string{"N1", "N2", "N3"}, Read: on, Whole: true, StartOrder: []int{0, 1, 2}, Starts: x.Starts,
				Services: []checks.Service{x}, Names: []checks.Group{{Key: x.Stem, Counts: on}}, Sources: x.Sources}
			for i, n := range on {
				s.Deployment.Servers[i].Usage = append(s.Deployment.Servers[i].Usage, checks.Usage{Account: uint32(len(s.Deployment.Accounts) - 1), Connections: uint32(n)}) //nolint:gosec // small
			}
		}
		s.Neighbours = NewNeighbours(s.Deployment, "C1", profiles, nil)
	}
}

// A balancer that keeps sources where they are leads each of few accounts to one server.
// Lists of their own behind a NAT do the same, so it takes a list of theirs to tell.
func TestFewTenants(t *testing.T) {
	t.Parallel()
	n1, n2, n3, all := []int{12, 0, 0}, []int{0, 12, 0}, []int{0, 0, 12}, []int{4, 4, 4}
	const balancer = "nats://10.0.0.9:4222"
	ours, anyone := list(balancer), anyones(balancer)
	of := func(account string) change {
		return written(wrote{account: account, ordered: checks.Unknown, urls: []string{balancer}})
	}
	workload := func(name string) change {
		return written(wrote{workload: name, ordered: checks.Unknown, urls: []string{balancer}})
	}
	for _, r := range []struct {
		name    string
		changes []change
		want    Verdict
		most    Code
		// together reports whether two such findings are one group, of that address.
		together bool
	}{
		{"no list", with(kept(1, n2, n3)), Possible, "none", true},
		{"no list, and two accounts", with(kept(1, n2, nil)), Possible, "none", true},
		{"anyone's, and the auditor is led here", with(kept(1, n2, n3), anyone), Possible, "none", true},
		{"anyone's, and the auditor is led elsewhere", with(kept(3, n2, n3), anyone), Possible, "none", true},
		{"theirs, and the auditor is led here", with(kept(1, n2, n3), ours), Possible, "none", true},
		{"theirs, and the auditor is led elsewhere", with(kept(3, n2, n3), ours), Likely, StickyLoadBalancer, true},
		{"the list of each, and the auditor is led here", with(kept(1, n2, n3), ours, of("SHOP"), of("TEAM")), Likely, StickyLoadBalancer, true},
		{"the list of two accounts", with(kept(1, n2, nil), ours, of("SHOP")), Likely, StickyLoadBalancer, true},
		{"the list of another one", with(kept(1, n2, n3), of("SHOP")), Likely, StickyLoadBalancer, true},
		{"the list of another one, where the auditor is led to", with(kept(2, n2, n3), of("SHOP")), Possible, "none", true},
		{"the workload of another one", with(kept(1, n2, n3), workload("shop-web")), Likely, StickyLoadBalancer, true},
		{"a workload of a name that nobody has", with(kept(1, n2, n3), workload("batch")), Possible, "none", true},
		{"one of them is on all servers", with(kept(1, n2, all), ours, of("SHOP")), Possible, "none", false},
		{"the auditor is behind the same NAT", with(kept(1, n2, n3), of("SHOP"), another(urlsOf(2)...), through("10.0.0.2:4222", keptFrom)), Possible, "none", true},
		{"all are here", with(kept(1, n1, n1), ours), Confirmed, StickyLoadBalancer, true},
	} {
		build := func() Case { return caseOf(r.changes...) }
		d := Diagnose(build())
		if got := d.Cause(StickyLoadBalancer).Verdict; got != r.want {
			t.Errorf("%s: %s, want %s\n%s", r.name, got, r.want, tell(d.Causes))
		}
		if c, ok := d.first(); ok != (r.most != "none") || ok && c.Code != r.most {
			t.Errorf("%s: %s\n%s", r.name, c.Code, tell(d.Causes))
		}
		other := d
		other.Finding.Account = checks.Account{ID: "OTHER", Name: "OTHER"}
		if g := Groups([]Diagnosis{d, other}); (len(g) == 1) != r.together || r.together && g[0].Key != keptFrom {
			t.Errorf("%s: %d groups, of %q\n%s", r.name, len(g), g[0].Key, tell(d.Causes))
		}
		lessIsNotMore(t, build)
	}
}
