package checks

import (
	"fmt"
	"reflect"
	"slices"
	"testing"
)

func TestLeafnodesOnOneServer(t *testing.T) {
	t.Parallel()
	p := Defaults()
	for _, r := range []struct {
		name    string
		change  func(*Parameters)
		servers []string
		want    []string
	}{
		{"all on one", nil, []string{"C/n1 A=2+30", "C/n2 A=1", "C/n3 A=1"}, []string{"A@C n1 30/30"}},
		{"no clients", nil, []string{"C/n1 A=0+30", "C/n2", "C/n3"}, []string{"A@C n1 30/30"}},
		{"8 of 10", nil, []string{"C/n1 A=0+8", "C/n2 A=0+1", "C/n3 A=0+1"}, []string{"A@C n1 8/10"}},
		{"7 of 10", nil, []string{"C/n1 A=0+7", "C/n2 A=0+2", "C/n3 A=0+1"}, nil},
		{"9 of 9", nil, []string{"C/n1 A=0+9", "C/n2", "C/n3"}, nil},
		{"spread", nil, []string{"C/n1 A=30+10", "C/n2 A=0+10", "C/n3 A=0+10"}, nil},
		{"clients are no leafnodes", nil, []string{"C/n1 A=30", "C/n2", "C/n3"}, nil},
		{"two servers", nil, []string{"C/n1 A=0+30", "C/n2"}, nil},
		{"three with a missing one", nil, []string{"C/n1 A=0+30", "C/n2", "C/n3 missing"}, []string{"A@C n1 30/30"}},
		{"a server of its own", nil, []string{"n1 A=0+30", "n2", "n3"}, nil},
		{"the system account", nil, []string{"C/n1 SYS=0+30", "C/n2", "C/n3"}, nil},
		{"each cluster for itself, the most first", nil, []string{"C/n1 A=0+10 B=0+12", "C/n2", "C/n3", "D/n1 A=0+5", "D/n2 A=0+5", "D/n3 A=0+5"}, []string{"B@C n1 12/12", "A@C n1 10/10"}},
		{"another account was asked for", func(p *Parameters) { p.Accounts = []string{"B"} }, []string{"C/n1 A=0+30 B=1", "C/n2", "C/n3"}, nil},
		{"another cluster was asked for", func(p *Parameters) { p.Clusters = []string{"D"} }, []string{"C/n1 A=0+30", "C/n2", "C/n3", "D/n1"}, nil},
		{"by other numbers", func(p *Parameters) { p.ThresholdPercent, p.MinConnections, p.MinServers = 60, 5, 2 }, []string{"C/n1 A=0+4", "C/n2 A=0+2"}, []string{"A@C n1 4/6"}},
	} {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			d, p := build(t, r.servers...), p
			if r.change != nil {
				r.change(&p)
			}
			var got []string
			for _, x := range LeafnodesOnOneServer(d, p) {
				got = append(got, fmt.Sprintf("%s@%s %s %d/%d", x.Account.ID, x.Cluster, x.Server.Name, x.OnServer, x.Leafnodes))
			}
			if !slices.Equal(got, r.want) {
				t.Errorf("got %v, want %v", got, r.want)
			}
		})
	}
}

// TestLeafnodesChangeNoVerdict: with any leafnodes added, all that is judged is
// the same.
func TestLeafnodesChangeNoVerdict(t *testing.T) {
	t.Parallel()
	plain := build(t, "C/n1 A=20 B=4", "C/n2 A=2 B=4", "C/n3 B=4")
	more := build(t, "C/n1 A=20+3 B=4", "C/n2 A=2+400 B=4+9", "C/n3 A=0+1 B=4")
	got, want := CheckConcentration(more, Defaults()), CheckConcentration(plain, Defaults())
	if f := got.Findings[0]; f.Leafnodes != 404 || f.LeafnodesHere != 3 {
		t.Errorf("%d leafnodes, %d of them here", f.Leafnodes, f.LeafnodesHere)
	}
	got.Findings[0].Leafnodes, got.Findings[0].LeafnodesHere, got.Summary.Leafnodes = 0, 0, 0
	for i := range got.Clusters[0].Servers { // an account with leafnodes alone is there, too
		got.Clusters[0].Servers[i].Accounts, want.Clusters[0].Servers[i].Accounts = nil, nil
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}
