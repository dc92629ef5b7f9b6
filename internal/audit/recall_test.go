package audit

import (
	"testing"

	"github.com/nats-balance/nats-balance/checks"
)

// What a recorder saw go is told of the server that is missing as that: by its name,
// or because no other one can be meant.
func TestServersThatARecorderSawGo(t *testing.T) {
	t.Parallel()
	gone := func(name, cluster string) checks.RecordedGone {
		return checks.RecordedGone{Server: checks.ServerRef{Name: name}, Cluster: cluster, Beside: []string{"N1"}}
	}
	named := checks.Missing{Name: "n3", Cluster: "C1", ClusterKnown: true}
	counted := checks.Missing{Cluster: "C1", ClusterKnown: true, Kind: checks.Counted}
	for _, c := range []struct {
		name    string
		missing []checks.Missing
		gone    []checks.RecordedGone
		want    []string // who each missing server is, where it was seen to go
	}{
		{"by name", []checks.Missing{named}, []checks.RecordedGone{gone("n4", "C1"), gone("n3", "C1")}, []string{"n3"}},
		{"of another cluster", []checks.Missing{named}, []checks.RecordedGone{gone("n3", "C2")}, []string{""}},
		{"without a name", []checks.Missing{counted}, []checks.RecordedGone{gone("n3", "C1")}, []string{"n3"}},
		{"without a name, two went", []checks.Missing{counted}, []checks.RecordedGone{gone("n3", "C1"), gone("n4", "C1")}, []string{""}},
		{"two without a name, one went", []checks.Missing{counted, counted}, []checks.RecordedGone{gone("n3", "C1")}, []string{"", ""}},
		{"without a name, it reported", []checks.Missing{counted}, []checks.RecordedGone{gone("n1", "C1")}, []string{""}},
		{"without a name, of an unknown cluster", []checks.Missing{{Kind: checks.Counted}}, []checks.RecordedGone{gone("n3", "C1")}, []string{""}},
		{"the other one has the name", []checks.Missing{named, counted}, []checks.RecordedGone{gone("n3", "C1"), gone("n4", "C1")}, []string{"n3", "n4"}},
		{"of another deployment", []checks.Missing{named}, []checks.RecordedGone{{Server: checks.ServerRef{Name: "n3"}, Cluster: "C1", Beside: []string{"X1"}}}, []string{""}},
		{"nothing was recorded", []checks.Missing{named, counted}, nil, []string{"", ""}},
	} {
		d := &checks.Deployment{Servers: []checks.Server{{ID: "N1", Name: "n1", Cluster: "C1"}}, Missing: c.missing}
		recalled(d, c.gone)
		for i, want := range c.want {
			got := ""
			if m := d.Missing[i]; m.Gone != nil {
				got = m.Gone.Server.Name
			}
			if got != want {
				t.Errorf("%s: missing server %d is %q, want %q", c.name, i, got, want)
			}
		}
	}
}
