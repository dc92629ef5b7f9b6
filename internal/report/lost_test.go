package report

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-balance/nats-balance/checks"
)

// three are servers of C1 with these connections of ORDERS; one with less than 0 is
// missing.
func three(n ...int) Input {
	d := &checks.Deployment{Accounts: []checks.Account{{ID: "ORDERS", Name: "ORDERS"}}, Expected: len(n)}
	for i, n := range n {
		name := "n" + string(rune('1'+i))
		if n < 0 {
			d.Missing = append(d.Missing, checks.Missing{Name: name, Cluster: "C1", ClusterKnown: true, Kind: checks.Refusing, Reason: "nobody listens there"})
			continue
		}
		d.Servers = append(d.Servers, checks.Server{ID: name, Name: name, Cluster: "C1", Usage: []checks.Usage{{Connections: uint32(n)}}})
	}
	p := checks.Defaults()
	p.All = true
	return Input{Check: checks.Concentration(), Time: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), SourceKind: "system-account", Parameters: p, Deployment: d,
		Result: checks.CheckConcentration(d, p)}
}

// What a server that is gone had, by the baseline, and what of it is back.
func TestWhatADeadServerHad(t *testing.T) {
	t.Parallel()
	past, err := ReadBaseline(strings.NewReader(jsonOf(t, three(1, 1, 17))))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		now  Input
		want string
	}{
		{three(1, 1, -1), "n3 had 17 client connections of 1 account in the baseline: 0 of them are back on other servers, of ORDERS 0 of 17."},
		{three(7, 6, -1), "n3 had 17 client connections of 1 account in the baseline: 11 of them are back on other servers, of ORDERS 11 of 17."},
		{three(40, 40, -1), "n3 had 17 client connections of 1 account in the baseline: 17 of them are back on other servers, of ORDERS 17 of 17."},
		{three(7, -1, -1), "n3 had 17 client connections of 1 account in the baseline: how many are back on other servers is unknown, of ORDERS 5 of 17."},
		{three(1, 1, 17), ""},
	} {
		c.now.Baseline = past
		notes := New(c.now).Coverage.Notes
		has := func(text string) bool {
			return slices.ContainsFunc(notes, func(n string) bool { return strings.Contains(n+".", text) })
		}
		if c.want == "" && has("in the baseline") || !has(strings.TrimSuffix(c.want, ".")) && c.want != "" {
			t.Errorf("%q, want %q", notes, c.want)
		}
	}
}
