package cause

import (
	"testing"

	"github.com/nats-balance/nats-balance/checks"
)

// TestLossOf: an account is counted on the server that is asked about, and what is
// not known of its clients is not known of the loss.
func TestLossOf(t *testing.T) {
	t.Parallel()
	limit, few := 1000, 9
	d := &checks.Deployment{Accounts: []checks.Account{{ID: "A", Name: "A"}, {ID: "B", Name: "B"}}}
	for i, n := range []uint32{20, 5, 5} {
		d.Servers = append(d.Servers, checks.Server{ID: string(rune('1' + i)), Name: "n" + string(rune('1'+i)), Cluster: "C1", MaxConnections: &limit,
			Usage: []checks.Usage{{Account: 0, Connections: n}, {Account: 1, Connections: 10 - uint32(i)}}})
	}
	diagnosed := func(server string) []Diagnosis {
		var out []Diagnosis
		for _, f := range checks.OnServer(d, server) {
			out = append(out, Diagnose(Case{Finding: f, Deployment: d}))
		}
		return out
	}
	l := LossOf(d, d.Servers[1].Ref(), diagnosed("2"))
	if l.Cluster != "C1" || l.Connections != 14 || l.Can != 0 || l.Stranded != 0 || l.Fits != checks.Yes || l.Outcome() != checks.OutcomeIncomplete ||
		len(l.Accounts) != 2 || l.Accounts[0].Account.ID != "B" || l.Accounts[0].OnServer != 9 || l.Accounts[1].Connections != 30 {
		t.Errorf("%+v", l)
	}
	if now, after := *l.Survivors[0].Now, *l.Survivors[0].After; now != 30 || after != 37 {
		t.Errorf("n1 goes from %d to %d", now, after)
	}
	// The others are full: where to go does not matter then.
	for i := range d.Servers {
		d.Servers[i].MaxConnections = &few
	}
	if l := LossOf(d, d.Servers[1].Ref(), diagnosed("2")); l.Fits != checks.No || l.Outcome() != checks.OutcomeFinding {
		t.Errorf("%+v", l)
	} else if l.Can != 0 || l.Stranded != 14 || l.Accounts[0].Services[0].Can != checks.No || l.Accounts[0].Services[0].Why != nowhere(Room) {
		t.Errorf("nobody finds room: %+v", l)
	}
	// They have room for 6 of the 14: 8 find none for certain, whoever these are.
	for i, limit := range []int{32, 99, 17} {
		d.Servers[i].MaxConnections = &limit
	}
	if l := LossOf(d, d.Servers[1].Ref(), diagnosed("2")); l.Fits != checks.No || l.Stranded != 8 || l.Can > 6 || l.Accounts[0].Services[0].Can != checks.Unknown {
		t.Errorf("room for 6: %+v", l)
	}
	solo := &checks.Deployment{Accounts: d.Accounts, Servers: []checks.Server{{ID: "1", Name: "solo", Usage: []checks.Usage{{Account: 0, Connections: 20}}}}}
	f := checks.OnServer(solo, "1")
	if l := LossOf(solo, solo.Servers[0].Ref(), []Diagnosis{Diagnose(Case{Finding: f[0], Deployment: solo})}); l.Stranded != 20 || l.Accounts[0].Services[0].Why != "the cluster has no other server" {
		t.Errorf("a server alone: %+v", l)
	}
	if l := LossOf(d, checks.ServerRef{ID: "9"}, nil); l.Outcome() != checks.OutcomePass || l.Connections != 0 {
		t.Errorf("a server with nobody: %+v", l)
	}
	if got := checks.Fullest(d); len(got) != 1 || got[0].ID != "1" {
		t.Errorf("the fullest: %v", got)
	}
}
