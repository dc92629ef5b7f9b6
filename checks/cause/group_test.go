package cause

import (
	"fmt"
	"slices"
	"testing"

	"github.com/nats-balance/nats-balance/checks"
)

// as is a case of another account, with its id in its own lists.
func as(id string, c Case) Case {
	c.Finding.Account = checks.Account{ID: id, Name: id}
	for i := range c.Lists {
		if c.Lists[i].Account != "" {
			c.Lists[i].Account = id
		}
	}
	for i := range c.Deployment.Accounts {
		if c.Deployment.Accounts[i].ID == "ORDERS" {
			c.Deployment.Accounts[i] = c.Finding.Account
		}
	}
	return c
}

func TestGroups(t *testing.T) {
	t.Parallel()
	one := list(urlsOf(1)...)
	behindOne := slices.Clip(with(counts(13, 0, 0), from("10.0.0.8"), sharedWith("10.0.0.8", 5, everyN1)))
	perhaps := with(counts(24, 0, 0), aloneAtFirst, loginAs("api"))
	for _, r := range []struct {
		name  string
		cases [][]change
		want  []string
	}{
		{"the same list", [][]change{with(one), with(one), with(one)}, []string{"single-url confirmed [0 1 2] normal"}},
		{"other lists", [][]change{with(one), with(list("nats://n1.example:4222"), dns("n1.example", checks.NameSingle, "10.0.0.1"))}, []string{"single-url confirmed [0] low", "single-url confirmed [1] low"}},
		{"the same name", [][]change{with(list("nats://nats.example:4222"), dns("nats.example", checks.NameSingle, "10.0.0.1")),
			with(list("nats://nats.example:4222"), dns("nats.example", checks.NameSingle, "10.0.0.1"))}, []string{"single-address-dns confirmed [0 1] low"}},
		{"a list and a name", [][]change{with(one), with(list("nats://nats.example:4222"), dns("nats.example", checks.NameSingle, "10.0.0.1"))},
			[]string{"single-url confirmed [0] low", "single-address-dns confirmed [1] low"}},
		{"one address, with a list of each account", [][]change{with(append(behindOne, another("nats://10.0.0.8:4222"), twoProxies)...), with(append(behindOne, list("nats://10.0.0.8:4222"), twoProxies)...)},
			[]string{"sticky-load-balancer confirmed [0 1] low"}},
		{"one address, which may be a NAT's", [][]change{with(behindOne...), with(behindOne...)}, []string{"sticky-load-balancer possible [0 1] low"}},
		{"two addresses, and a list of nobody's for one of them", [][]change{with(append(behindOne, anyones("nats://10.0.0.8:4222"), twoProxies)...),
			with(counts(13, 0, 0), from("10.0.0.7"), sharedWith("10.0.0.7", 5, everyN1), anyones("nats://10.0.0.8:4222"), twoProxies)},
			[]string{"sticky-load-balancer likely [0] low", "  [1] low"}},
		{"one address that may be a NAT's, and only one account is a finding", [][]change{with(behindOne...)}, []string{"  [0] low"}},
		{"no cause", [][]change{nil, nil}, []string{"  [0] low", "  [1] low"}},
		{"one process each", [][]change{with(oneProcess), with(oneProcess)}, []string{"single-process likely [0] low", "single-process likely [1] low"}},
		{"the same restart", [][]change{with(aloneAtFirst), with(aloneAtFirst)}, []string{"restart-drift likely [0 1] low"}},
		{"perhaps the same restart", [][]change{perhaps, perhaps}, []string{"restart-drift possible [0 1] low"}},
		{"perhaps a restart, of one account", [][]change{perhaps}, []string{"  [0] low"}},
		{"the same full servers", [][]change{with(on(func(s *checks.Server) { *s.Details.Connections = *s.MaxConnections }, 2, 3)),
			with(on(func(s *checks.Server) { *s.Details.Connections = *s.MaxConnections }, 2, 3))}, []string{"server-full likely [0 1] low"}},
		{"many small findings are no small group", [][]change{with(counts(40, 2, 2), one), with(counts(40, 2, 2), one)}, []string{"single-url confirmed [0 1] normal"}},
		{"enough have nowhere to go", [][]change{with(counts(40, 0, 0), one, mute), with(counts(40, 0, 0), one, mute)}, []string{"single-url confirmed [0 1] high"}},
		{"none", nil, nil},
	} {
		var all []Diagnosis
		for i, changes := range r.cases {
			all = append(all, Diagnose(as(fmt.Sprintf("A%d", i), caseOf(changes...))))
		}
		var got []string
		seen := map[int]bool{}
		for _, g := range Groups(all) {
			got = append(got, fmt.Sprintf("%s %s %v %s", g.Code, g.Verdict, g.Findings, g.Priority))
			for _, i := range g.Findings {
				if seen[i] {
					t.Errorf("%s: finding %d is in two groups", r.name, i)
				}
				seen[i] = true
			}
			if len(g.Accounts) != len(g.Findings) || g.Connections < g.OnServer || g.Server.ID != "N1" {
				t.Errorf("%s: %+v", r.name, g)
			}
		}
		if !slices.Equal(got, r.want) || len(seen) != len(all) {
			t.Errorf("%s:\ngot  %q\nwant %q", r.name, got, r.want)
		}
	}
}
