package audit

import (
	"testing"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/source"
)

// forgetful has a model to which it did nothing at its end.
type forgetful struct {
	modelSource
	kind source.Kind
}

func (s forgetful) Kind() source.Kind { return s.kind }

// A source can't have an audit say that it is complete by forgetting something at the end
// of its model.
func TestSourceThatForgetsTheEndOfItsModel(t *testing.T) {
	t.Parallel()
	model := func(peers ...[]string) *checks.Deployment {
		d := &checks.Deployment{Accounts: []checks.Account{{ID: "ORDERS", Name: "ORDERS"}}}
		for i, name := range []string{"n1", "n2", "n3"} {
			s := checks.Server{ID: name, Name: name, Cluster: "C", Usage: []checks.Usage{{Connections: 10}}}
			if i < len(peers) {
				s.Peers = peers[i]
			}
			d.Servers = append(d.Servers, s)
		}
		return d
	}
	full := [][]string{{"n2", "n3"}, {"n1", "n3"}, {"n1", "n2"}}
	for name, c := range map[string]struct {
		kind     source.Kind
		model    *checks.Deployment
		want     checks.Outcome
		expected int
		clusters []string
	}{
		"without routes":                       {source.Kind{Name: "new"}, model(), checks.OutcomeIncomplete, 4, []string{"C"}},
		"with routes":                          {source.Kind{Name: "new"}, model(full...), checks.OutcomePass, 3, []string{"C"}},
		"without routes, but with a roster":    {source.Kind{Name: "new", FindsServers: true}, model(), checks.OutcomePass, 3, []string{"C"}},
		"two clusters of one name":             {source.Kind{Name: "new"}, model([]string{"n2"}, []string{"n1"}, []string{}), checks.OutcomeNotJudged, 3, []string{"C (n1, …)", "C (n1, …)", "C (n3)"}},
		"one that did not report, with routes": {source.Kind{Name: "new"}, withMissing(model(full...)), checks.OutcomeIncomplete, 4, []string{"C"}},
	} {
		a := New(forgetful{modelSource{model: c.model}, c.kind}, Request{Parameters: checks.Defaults()})
		if err := a.Gather(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := a.judge(); got.Outcome != c.want || c.model.Expected != c.expected {
			t.Errorf("%s: %s, %d expected; want %s, %d", name, got.Outcome, c.model.Expected, c.want, c.expected)
		}
		for i, want := range c.clusters {
			if got := c.model.Servers[i].Cluster; got != want {
				t.Errorf("%s: %s is in %s, want %s", name, c.model.Servers[i].Name, got, want)
			}
		}
	}
}

func withMissing(d *checks.Deployment) *checks.Deployment {
	d.Missing = append(d.Missing, checks.Missing{ID: "n4", Name: "n4", Cluster: "C", ClusterKnown: true, Peers: []string{"n1"}, Kind: checks.Silent, Reason: "it did not answer"})
	return d
}
