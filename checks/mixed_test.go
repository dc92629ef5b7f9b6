package checks

import "testing"

// Servers that may be several clusters of one name are a pass only where the
// account is none in whichever way they belong together.
func TestClusterThatMayBeSeveral(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		conns   []uint32
		servers int
		mixed   bool
		want    Outcome
	}{
		{"two and two, one of them lopsided", []uint32{12, 11, 15, 0}, 2, true, OutcomeIncomplete},
		{"the same, surely one", []uint32{12, 11, 15, 0}, 2, false, OutcomePass},
		{"the same, where three are a cluster", []uint32{12, 11, 15, 0}, 3, true, OutcomePass},
		{"three and three", []uint32{9, 9, 9, 20, 0, 1}, 3, true, OutcomeIncomplete},
		{"even in every way", []uint32{9, 9, 9, 9, 9, 9}, 3, true, OutcomePass},
		{"few on the lopsided ones", []uint32{5, 5, 5, 8, 1, 1}, 3, true, OutcomeIncomplete},
		{"few", []uint32{2, 2, 2, 3, 0, 0}, 3, true, OutcomePass},
		{"a finding as one is one apart", []uint32{1, 1, 1, 30, 0, 0}, 3, true, OutcomeFinding},
	} {
		d := &Deployment{Accounts: []Account{{ID: "A", Name: "A"}}}
		for i, n := range c.conns {
			id := string(rune('a' + i))
			d.Servers = append(d.Servers, Server{ID: id, Name: id, Cluster: "C", Usage: []Usage{{Connections: n}}})
		}
		if c.mixed {
			d.Mixed = []string{"C"}
		}
		for _, partial := range []bool{false, true} {
			p := Defaults()
			p.MinServers, p.AllowPartial = c.servers, partial
			if got := CheckConcentration(d, p).Outcome; got != c.want {
				t.Errorf("%s: %s, want %s", c.name, got, c.want)
			}
		}
	}
}
