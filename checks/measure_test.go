package checks

import "testing"

// leafnodeConnections is a measure whose numbers the model has.
func leafnodeConnections() Measure {
	return Measure{
		Check: Check{Code: "OPT_LEAF_001", Name: "Leafnode Hotspot"}, Command: "leafnodes", Unit: "leafnode connection", Noun: "leafnode",
		Of: func(u Usage) int { return int(u.Leafnodes) },
	}
}

// The rule is the same whatever is counted, and a limit of client connections
// bounds nothing else.
func TestAnotherMeasure(t *testing.T) {
	t.Parallel()
	d := &Deployment{Accounts: []Account{{ID: "A", Name: "A"}}, Expected: 3}
	for i, name := range []string{"n1", "n2", "n3"} {
		d.Servers = append(d.Servers, Server{ID: name, Name: name, Cluster: "C",
			Usage: []Usage{{Connections: []uint32{1, 30, 1}[i], Leafnodes: []uint32{30, 2, 1}[i]}}})
	}
	p := leafnodeConnections().Defaults()
	r := CheckHotspots(d, p)
	if len(r.Findings) != 1 || r.Findings[0].Server.Name != "n1" || r.Findings[0].OnServer != 30 || r.Summary.Connections != 33 || r.Findings[0].Accounts[0].Concentrated != Unknown {
		t.Errorf("%+v", r)
	}
	few := 5
	d.Missing = []Missing{{ID: "n4", Name: "n4", Cluster: "C", ClusterKnown: true, Bound: &few}}
	if r := CheckHotspots(d, p); r.Outcome != OutcomeIncomplete {
		t.Errorf("a server that may have any number of leafnodes is missing: %s", r.Outcome)
	}
	if *d.Missing[0].Bound != few {
		t.Error("it changed the deployment")
	}
	none := 0
	d.Missing = []Missing{{ID: "n4", Name: "n4", Cluster: "C", ClusterKnown: true, Bound: &none, Kind: Down}}
	if r := CheckHotspots(d, p); r.Outcome != OutcomeFinding {
		t.Errorf("a server is down, which has none: %s", r.Outcome)
	}
}
