package checks

import (
	"fmt"
	"strings"
	"testing"
)

// showImpact is an impact in a line: what is lost, the survivors, stranded.
func showImpact(f Finding) string {
	number := func(n *int) string {
		if n == nil {
			return "?"
		}
		return fmt.Sprint(*n)
	}
	s := fmt.Sprintf("%s: lost %d,", f.Priority, f.Impact.ConnectionsLost)
	for _, x := range f.Impact.Survivors {
		s += fmt.Sprintf(" %s %s>%s/%s", x.Server.Name, number(x.Now), number(x.After), number(x.Limit))
	}
	return fmt.Sprintf("%s, stranded %s, %s", s, number(f.Impact.Stranded), f.Impact.CanFailOver)
}

func TestImpact(t *testing.T) {
	for _, c := range []struct {
		name    string
		servers []string
		want    string // of the finding of account A
	}{
		{"even split", []string{"C/n1 A=20", "C/n2", "C/n3"},
			"low: lost 20, n2 0>10/? n3 0>10/?, stranded ?, unknown"},
		{"the remainder goes to the first by name", []string{"C/n3", "C/n4", "C/n2", "C/n1 A=20"},
			"low: lost 20, n2 0>7/? n3 0>7/? n4 0>6/?, stranded ?, unknown"},
		{"one connection less than servers", []string{"C/n1", "C/n2 A=11", "C/n3", "C/n4"},
			"low: lost 11, n1 0>4/? n3 0>4/? n4 0>3/?, stranded ?, unknown"},
		{"connections of all accounts move and are there", []string{"C/n1 A=20 B=30", "C/n2 A=2 B=30", "C/n3 B=30"},
			"low: lost 20, n2 32>57/? n3 30>55/?, stranded ?, unknown"},
		{"those of the system account and leafnodes do not", []string{"C/n1 A=20+99 SYS=50", "C/n2 SYS=50", "C/n3 A=0+99"},
			"low: lost 20, n2 0>10/? n3 0>10/?, stranded ?, unknown"},
		{"within the limits", []string{"C/n1 A=60", "C/n2 limit=30", "C/n3 limit=30"},
			"normal: lost 60, n2 0>30/30 n3 0>30/30, stranded 0, unknown"},
		{"its own limit does not matter", []string{"C/n1 A=60 limit=1", "C/n2 limit=90", "C/n3"},
			"normal: lost 60, n2 0>30/90 n3 0>30/?, stranded ?, unknown"},
		{"a survivor passes its limit, the other has room", []string{"C/n1 A=60", "C/n2 limit=29", "C/n3 limit=900"},
			"high: lost 60, n2 0>30/29 n3 0>30/900, stranded 0, unknown"},
		{"no room for one", []string{"C/n1 A=60", "C/n2 limit=30", "C/n3 limit=29"},
			"high: lost 60, n2 0>30/30 n3 0>30/29, stranded 1, no"},
		{"over the limit already", []string{"C/n1 A=300", "C/n2 B=50 limit=30", "C/n3 limit=60"},
			"high: lost 300, n2 50>200/30 n3 0>150/60, stranded 240, no"},
		{"others need the room too: at least those", []string{"C/n1 A=60 B=100", "C/n2 limit=50", "C/n3 limit=50"},
			"high: lost 60, n2 0>80/50 n3 0>80/50, stranded 0, unknown"},
		{"a limit of nothing", []string{"C/n1 A=20", "C/n2 limit=0", "C/n3 limit=0"},
			"low: lost 20, n2 0>10/0 n3 0>10/0, stranded 20, no"},
		{"what is missing may have room", []string{"C/n1 A=60", "C/n2 limit=30", "C/n3 limit=9", "C/n4 missing"},
			"high: lost 60, n2 0>30/30 n3 0>30/9 n4 ?>?/?, stranded ?, unknown"},
		{"so may what belongs anywhere", []string{"C/n1 A=60", "C/n2 limit=9", "C/n3 limit=9", "?/? missing"},
			"high: lost 60, n2 0>30/9 n3 0>30/9, stranded ?, unknown"},
		{"what is missing elsewhere has none", []string{"C/n1 A=60", "C/n2 limit=9", "C/n3 limit=9", "D/m1 missing"},
			"high: lost 60, n2 0>30/9 n3 0>30/9, stranded 42, no"},
		{"nobody else reported", []string{"C/n1 A=60", "C/n2 missing", "C/n3 missing"},
			"normal: lost 60, n2 ?>?/? n3 ?>?/?, stranded ?, unknown"},
		{"49 connections are low", []string{"C/n1 A=49", "C/n2 limit=1", "C/n3 limit=1"},
			"low: lost 49, n2 0>25/1 n3 0>24/1, stranded 47, no"},
		{"50 connections are not, of which fewer drop", []string{"C/n1 A=40", "C/n2 A=10", "C/n3"},
			"normal: lost 40, n2 10>30/? n3 0>20/?, stranded ?, unknown"},
		{"999 drop", []string{"C/n1 A=999", "C/n2 A=5", "C/n3"},
			"normal: lost 999, n2 5>505/? n3 0>499/?, stranded ?, unknown"},
		{"1,000 drop", []string{"C/n1 A=1000", "C/n2", "C/n3"},
			"high: lost 1000, n2 0>500/? n3 0>500/?, stranded ?, unknown"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := Defaults()
			p.AllowPartial = true
			p.Accounts = []string{"A"}
			d := build(t, c.servers...)
			r := CheckConcentration(d, p)
			if len(r.Findings) != 1 {
				t.Fatalf("%s", show(r))
			}
			if got := showImpact(r.Findings[0]); got != c.want {
				t.Errorf("\ngot  %s\nwant %s", got, c.want)
			}
			checkInvariants(t, d, p, r)
		})
	}
}

// 50 that can't fail over make it high also where no single survivor that
// reported would pass its limit: that can't be, so this holds the two rules
// together.
func TestStrandedMeansOverLimit(t *testing.T) {
	for limit := range 80 {
		d := build(t, "C/n1 A=100 B=7", fmt.Sprintf("C/n2 B=3 limit=%d", limit), fmt.Sprintf("C/n3 limit=%d", 2*limit))
		f := CheckConcentration(d, Defaults()).Findings[0]
		over := strings.Contains(fmt.Sprint(f.Impact.Survivors[0].overLimit(), f.Impact.Survivors[1].overLimit()), "true")
		if *f.Impact.Stranded > 0 && !over {
			t.Errorf("limit %d: %s", limit, showImpact(f))
		}
	}
}

// Findings on one server share its survivors, as there may be many, and nobody can add
// to what is shared. Those on another server have their own.
func TestFindingsShareSurvivors(t *testing.T) {
	t.Parallel()
	d := build(t, "C/n1 A=100 B=90", "C/n2 D=80 limit=500", "C/n3", "C/n4 missing")
	p := Defaults()
	p.AllowPartial = true
	of := map[string][]Survivor{}
	for _, f := range CheckConcentration(d, p).Findings {
		of[f.Account.ID] = f.Impact.Survivors
	}
	if a, b, other := of["A"], of["B"], of["D"]; len(a) != 3 || len(b) != 3 || &a[0] != &b[0] || cap(a) != 3 || len(other) != 3 || other[0].Server.Name != "n1" || *other[0].Now != 190 {
		t.Errorf("%+v", of)
	}
}
