package checks

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// build makes a deployment of a table: a line is a server, "cluster/name" or
// "name" without a cluster, and then ACCOUNT=connections, with +leafnodes where
// there are any. "cluster/name missing" did not report, "cluster/name missing
// 12" holds at most 12 connections, "? missing" may be anywhere. The account
// SYS is the system account; A, B and so on have the names a, b.
func build(t testing.TB, lines ...string) *Deployment {
	t.Helper()
	d := &Deployment{}
	index := map[string]uint32{}
	for n, line := range lines {
		fields := strings.Fields(line)
		cluster, name, found := strings.Cut(fields[0], "/")
		if !found {
			cluster, name = "", fields[0]
		}
		d.Expected++
		if len(fields) > 1 && fields[1] == "missing" {
			m := Missing{Name: name, Cluster: cluster, ClusterKnown: true, Reason: "it did not answer"}
			if name == "?" {
				m.Name, m.ClusterKnown = "", false
			}
			if len(fields) > 2 {
				var bound int
				scan(t, fields[2], "%d", &bound)
				m.Bound = &bound
			}
			d.Missing = append(d.Missing, m)
			continue
		}
		s := Server{ID: fmt.Sprintf("ID%02d", n), Name: name, Host: "host-" + name, Cluster: cluster}
		for _, field := range fields[1:] {
			account, counts, _ := strings.Cut(field, "=")
			if account == "limit" {
				s.MaxConnections = new(int)
				scan(t, counts, "%d", s.MaxConnections)
				continue
			}
			at, ok := index[account]
			if !ok {
				at = uint32(len(d.Accounts))
				index[account] = at
				d.Accounts = append(d.Accounts, Account{ID: account, Name: strings.ToLower(account), System: account == "SYS"})
			}
			u := Usage{Account: at}
			connections, leafnodes, has := strings.Cut(counts, "+")
			scan(t, connections, "%d", &u.Connections)
			if has {
				scan(t, leafnodes, "%d", &u.Leafnodes)
			}
			s.Usage = append(s.Usage, u)
		}
		d.Servers = append(d.Servers, s)
	}
	return d
}

func scan(t testing.TB, text, format string, to any) {
	t.Helper()
	if _, err := fmt.Sscanf(text, format, to); err != nil {
		t.Fatalf("%q: %v", text, err)
	}
}

// show is a result in a line: findings, review, open rows and open clusters.
func show(r Result) string {
	var parts []string
	row := func(x Row) string {
		return fmt.Sprintf("%s@%s %s %d/%d", x.Account.ID, x.Cluster, x.Server.Name, x.OnServer, x.Connections)
	}
	for _, f := range r.Findings {
		s := string(f.Verdict) + " " + row(f.Row)
		if f.CriticalOpen {
			s += " critical open"
		}
		parts = append(parts, s)
	}
	for _, x := range r.Review {
		parts = append(parts, "review "+row(x))
	}
	for _, x := range r.Open {
		parts = append(parts, "open "+row(x))
	}
	for _, c := range r.OpenClusters {
		parts = append(parts, "open cluster "+c)
	}
	return string(r.Outcome) + ": " + strings.Join(parts, ", ")
}

func TestConcentration(t *testing.T) {
	with := func(change func(*Parameters)) Parameters {
		p := Defaults()
		change(&p)
		return p
	}
	critical := func(percent int) Parameters { return with(func(p *Parameters) { p.CriticalPercent = percent }) }
	partial := with(func(p *Parameters) { p.AllowPartial = true })
	for _, c := range []struct {
		name    string
		servers []string
		p       Parameters // zero: the defaults
		want    string
		outcome Outcome // empty: what follows from want
	}{
		// What is fine.
		{name: "no servers"},
		{name: "an idle cluster", servers: []string{"C/n1", "C/n2", "C/n3"}},
		{name: "even", servers: []string{"C/n1 A=4", "C/n2 A=4", "C/n3 A=4"}},
		{name: "7 of 10 is at the threshold, not over it", servers: []string{"C/n1 A=7", "C/n2 A=3", "C/n3"}, want: "review A@C n1 7/10"},
		{name: "7 of 10, zeros being rows", servers: []string{"C/n1 A=7", "C/n2 A=3", "C/n3 A=0"}, want: "review A@C n1 7/10"},
		{name: "700,000 of 1,000,000", servers: []string{"C/n1 A=700000", "C/n2 A=299999", "C/n3 A=1"}, want: "review A@C n1 700000/1000000"},
		{name: "9 connections", servers: []string{"C/n1 A=9", "C/n2", "C/n3"}},
		{name: "9 connections and leafnodes", servers: []string{"C/n1 A=9+500", "C/n2", "C/n3"}},
		{name: "2 servers", servers: []string{"C/n1 A=90", "C/n2"}, outcome: OutcomeNotJudged},
		{name: "1 server", servers: []string{"C/n1 A=90"}, outcome: OutcomeNotJudged},
		{name: "the clusters' sum is not judged", servers: []string{"C/n1 A=5", "C/n2", "C/n3", "D/m1 A=5", "D/m2", "D/m3"}},
		{name: "each cluster is judged alone", servers: []string{"C/n1 A=90", "C/n2", "D/m1", "D/m2"}, outcome: OutcomeNotJudged},
		{name: "servers without a cluster are alone", servers: []string{"n1 A=90", "n2", "n3", "n4"}, outcome: OutcomeNotJudged},
		{name: "servers without a cluster do not join one", servers: []string{"C/n1 A=90", "C/n2", "n3", "n4"}, outcome: OutcomeNotJudged},
		{name: "the system account", servers: []string{"C/n1 SYS=900", "C/n2 SYS=1", "C/n3"}},
		{name: "leafnodes only", servers: []string{"C/n1 A=0+900", "C/n2 A=0+1", "C/n3"}},
		{name: "another account is concentrated", servers: []string{"C/n1 A=90 B=3", "C/n2 B=3", "C/n3 B=4"}, p: with(func(p *Parameters) { p.Accounts = []string{"B"} })},
		{name: "another cluster is concentrated", servers: []string{"C/n1 A=90", "C/n2", "C/n3", "D/m1 A=3", "D/m2 A=3", "D/m3 A=4"}, p: with(func(p *Parameters) { p.Clusters = []string{"D"} })},
		{name: "no account of that name", servers: []string{"C/n1 A=90", "C/n2", "C/n3"}, p: with(func(p *Parameters) { p.Accounts = []string{"aa"} })},
		{name: "names are case-sensitive", servers: []string{"C/n1 A=90", "C/n2", "C/n3"}, p: with(func(p *Parameters) { p.Clusters = []string{"c"} })},
		{name: "higher threshold", servers: []string{"C/n1 A=90", "C/n2 A=10", "C/n3"}, p: with(func(p *Parameters) { p.ThresholdPercent = 90 }), want: "review A@C n1 90/100"},
		{name: "99 of 100 at threshold 99", servers: []string{"C/n1 A=99", "C/n2 A=1", "C/n3"}, p: with(func(p *Parameters) { p.ThresholdPercent = 99; p.ReviewPercent = 99 })},
		{name: "more servers asked for", servers: []string{"C/n1 A=90", "C/n2", "C/n3"}, p: with(func(p *Parameters) { p.MinServers = 4 }), outcome: OutcomeNotJudged},
		{name: "more connections asked for", servers: []string{"C/n1 A=90", "C/n2", "C/n3"}, p: with(func(p *Parameters) { p.MinConnections = 91 })},
		{name: "review is over its share", servers: []string{"C/n1 A=5", "C/n2 A=5", "C/n3"}},
		{name: "review starts above it", servers: []string{"C/n1 A=51", "C/n2 A=49", "C/n3"}, want: "review A@C n1 51/100"},
		{name: "review above the threshold is empty", servers: []string{"C/n1 A=60", "C/n2 A=40", "C/n3"}, p: with(func(p *Parameters) { p.ReviewPercent = 80 })},
		{name: "review needs the minimums too", servers: []string{"C/n1 A=6", "C/n2 A=3", "C/n3", "D/m1 A=60", "D/m2 A=40"}, outcome: OutcomeNotJudged},
		{name: "critical needs a finding", servers: []string{"C/n1 A=70", "C/n2 A=30", "C/n3"}, p: critical(10), want: "review A@C n1 70/100"},

		// What is not.
		{name: "8 of 10", servers: []string{"C/n1 A=8", "C/n2 A=2", "C/n3"}, want: "finding A@C n1 8/10"},
		{name: "8 of 10, zeros being rows", servers: []string{"C/n1 A=0", "C/n2 A=8", "C/n3 A=2"}, want: "finding A@C n2 8/10"},
		{name: "700,001 of 1,000,000", servers: []string{"C/n1 A=299999", "C/n2 A=700001", "C/n3 A=0"}, want: "finding A@C n2 700001/1000000"},
		{name: "all on one", servers: []string{"C/n1", "C/n2", "C/n3 A=10"}, want: "finding A@C n3 10/10"},
		{name: "huge", servers: []string{"C/n1 A=4294967295", "C/n2 A=1", "C/n3 A=4294967"}, want: "finding A@C n1 4294967295/4299262263"},
		{name: "2 servers where 2 will do", servers: []string{"C/n1 A=90", "C/n2"}, p: with(func(p *Parameters) { p.MinServers = 2 }), want: "finding A@C n1 90/90"},
		{name: "1 connection where 1 will do", servers: []string{"C/n1 A=1", "C/n2", "C/n3"}, p: with(func(p *Parameters) { p.MinConnections = 1 }), want: "finding A@C n1 1/1"},
		{name: "the first by name of equals leads", servers: []string{"C/n3 A=40", "C/n2 A=40", "C/n1 A=20"}, p: with(func(p *Parameters) { p.ThresholdPercent = 30 }), want: "finding A@C n2 40/100"},
		{name: "the first by id of servers of one name leads", servers: []string{"C/n A=40", "C/n A=40", "C/n A=20"}, p: with(func(p *Parameters) { p.ThresholdPercent = 30 }), want: "finding A@C n 40/100"},
		{name: "leafnodes change nothing", servers: []string{"C/n1 A=8+0", "C/n2 A=2+500", "C/n3 A=0+500"}, want: "finding A@C n1 8/10"},
		{name: "an account in two clusters", servers: []string{"D/m1 A=9", "D/m2 A=1", "D/m3", "C/n1 A=10", "C/n2", "C/n3"}, want: "finding A@C n1 10/10, finding A@D m1 9/10"},
		{name: "accounts of one cluster", servers: []string{"C/n1 A=20 B=4", "C/n2 B=4", "C/n3 B=4 D=30"}, want: "finding D@C n3 30/30, finding A@C n1 20/20"},
		{name: "filter by id", servers: []string{"C/n1 A=20 B=20", "C/n2", "C/n3"}, p: with(func(p *Parameters) { p.Accounts = []string{"B"} }), want: "finding B@C n1 20/20"},
		{name: "filter by name", servers: []string{"C/n1 A=20 B=20", "C/n2", "C/n3"}, p: with(func(p *Parameters) { p.Accounts = []string{"b", "x"} }), want: "finding B@C n1 20/20"},
		{name: "filter by cluster", servers: []string{"C/n1 A=20", "C/n2", "C/n3", "D/m1 A=20", "D/m2", "D/m3"}, p: with(func(p *Parameters) { p.Clusters = []string{"x", "D"} }), want: "finding A@D m1 20/20"},
		{name: "at critical", servers: []string{"C/n1 A=90", "C/n2 A=10", "C/n3"}, p: critical(90), want: "critical A@C n1 90/100"},
		{name: "below critical", servers: []string{"C/n1 A=899", "C/n2 A=101", "C/n3"}, p: critical(90), want: "finding A@C n1 899/1000"},
		{name: "critical at 100 is all", servers: []string{"C/n1 A=20 B=99", "C/n2 B=1", "C/n3"}, p: critical(100), want: "finding B@C n1 99/100, critical A@C n1 20/20"},

		// What missing servers leave open.
		{name: "missing in another cluster", servers: []string{"C/n1 A=9", "C/n2 A=1", "C/n3", "D/m1 missing 5", "D/m2"}, want: "finding A@C n1 9/10"},
		{name: "missing in another cluster, of which no server reported", servers: []string{"C/n1 A=9", "C/n2 A=1", "C/n3", "D/m1 missing 5"}, want: "finding A@C n1 9/10, open cluster D"},
		{name: "missing without a cluster", servers: []string{"C/n1 A=4", "C/n2 A=3", "C/n3 A=3", "m1 missing"}},
		{name: "missing and idle", servers: []string{"C/n1 A=4", "C/n2 A=3", "C/n3 A=3", "C/n4 missing 0"}},
		{name: "missing, too small to matter", servers: []string{"C/n1 A=400", "C/n2 A=300", "C/n3 A=300", "C/n4 missing 9"}},
		{name: "missing, large enough for an account nobody saw", servers: []string{"C/n1 A=400", "C/n2 A=300", "C/n3 A=300", "C/n4 missing 10"}, want: "open cluster C"},
		{name: "of two missing one needs most of ten", servers: []string{"C/n1", "C/n2 missing 7", "C/n3 missing 7"}},
		{name: "of two missing one may have most of ten", servers: []string{"C/n1", "C/n2 missing 8", "C/n3 missing 2"}, want: "open cluster C"},
		{name: "missing makes it three servers", servers: []string{"C/n1 A=90", "C/n2", "C/n3 missing 1"}, want: "finding A@C n1 90/90"},
		{name: "it stays a finding", servers: []string{"C/n1 A=90", "C/n2", "C/n3", "C/n4 missing 9"}, want: "finding A@C n1 90/90"},
		{name: "it may be none", servers: []string{"C/n1 A=72", "C/n2 A=28", "C/n3", "C/n4 missing 3"}, want: "open A@C n1 72/100"},
		{name: "it may become one", servers: []string{"C/n1 A=8", "C/n2 A=1", "C/n3", "C/n4 missing 1"}, want: "open A@C n1 8/9"},
		{name: "less than nothing is nothing", servers: []string{"C/n1 A=8", "C/n2 A=1", "C/n3 missing -9", "C/n4 missing 1"}, want: "open A@C n1 8/9"},
		{name: "it can't become one", servers: []string{"C/n1 A=7", "C/n2 A=2", "C/n3", "C/n4 missing 1"}},
		{name: "nothing is known of the missing one", servers: []string{"C/n1 A=90", "C/n2", "C/n3", "C/n4 missing"}, want: "open A@C n1 90/90, open cluster C"},
		{name: "two servers are no cluster of three", servers: []string{"C/n1", "D/m1", "D/m2 missing"}, outcome: OutcomeNotJudged},
		{name: "three servers may be one", servers: []string{"C/n1", "D/m1", "D/m2 missing", "D/m3 missing"}, want: "open cluster D"},
		{name: "of a silent cluster the size is not known", servers: []string{"C/n1", "D/ missing"}, want: "open cluster D"},
		{name: "nor where one of it is known", servers: []string{"C/n1", "D/m1 missing 0"}, want: "open cluster D"},
		{name: "nor where two are", servers: []string{"C/n1", "D/m1 missing", "D/m2 missing"}, want: "open cluster D"},
		{name: "another one was asked for", servers: []string{"C/n1 A=3", "C/n2 A=4", "C/n3 A=4", "D/m1 missing"}, p: with(func(p *Parameters) { p.Clusters = []string{"C"} })},
		{name: "of one where a server reported it is", servers: []string{"C/n1", "D/m1", "D/ missing"}, outcome: OutcomeNotJudged},
		{name: "an unplaced one may join any", servers: []string{"C/n1 A=30", "C/n2 A=30", "C/n3 A=30", "D/m1 A=30", "D/m2", "?/? missing"},
			want: "open A@D m1 30/30, open A@C n1 30/90, open cluster C, open cluster D"},
		{name: "three unplaced ones may be a cluster", servers: []string{"n1", "?/? missing", "?/? missing", "?/? missing"}, want: "open cluster "},
		{name: "sure ones beside open ones", servers: []string{"C/n1 A=90 B=72", "C/n2 B=28", "C/n3", "C/n4 missing 5"}, want: "finding A@C n1 90/90, open B@C n1 72/100"},
		{name: "the account asked for is sure", servers: []string{"C/n1 A=900", "C/n2", "C/n3", "C/n4 missing 20"}, p: with(func(p *Parameters) { p.Accounts = []string{"a"} }), want: "finding A@C n1 900/900"},
		{name: "the account asked for may be on the missing one", servers: []string{"C/n1 B=3", "C/n2 B=3", "C/n3", "D/m1 A=4", "C/n4 missing 20"}, p: with(func(p *Parameters) { p.Accounts = []string{"a"} }), want: "open cluster C"},
		{name: "the cluster asked for is complete", servers: []string{"C/n1 A=90", "C/n2", "C/n3", "D/m1 missing", "D/m2", "D/m3"}, p: with(func(p *Parameters) { p.Clusters = []string{"C"} }), want: "finding A@C n1 90/90"},
		{name: "critical for certain", servers: []string{"C/n1 A=900", "C/n2", "C/n3", "C/n4 missing 9"}, p: critical(90), want: "critical A@C n1 900/900"},
		{name: "critical or not", servers: []string{"C/n1 A=91", "C/n2 A=9", "C/n3", "C/n4 missing 2"}, p: critical(90), want: "finding A@C n1 91/100 critical open"},
		{name: "one critical for certain is enough", servers: []string{"C/n1 A=91 B=900", "C/n2 A=9", "C/n3", "C/n4 missing 2"}, p: critical(90), want: "critical B@C n1 900/900, finding A@C n1 91/100 critical open"},
		{name: "partial", servers: []string{"C/n1 A=90 B=72", "C/n2 B=28", "C/n3 missing", "?/? missing"}, p: partial, want: "finding A@C n1 90/90, finding B@C n1 72/100"},
		{name: "partial, an unplaced server is no member", servers: []string{"C/n1 A=90", "C/n2", "?/? missing"}, p: partial, outcome: OutcomeNotJudged},
		{name: "partial, all fine", servers: []string{"C/n1 A=5", "C/n2 A=5", "C/n3 missing"}, p: partial},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := c.p
			if p.ThresholdPercent == 0 {
				p = Defaults()
			}
			outcome := "pass"
			switch {
			case strings.Contains(c.want, "open ") || strings.Contains(c.want, "critical open") && !strings.HasPrefix(c.want, "critical "):
				outcome = "incomplete"
			case strings.Contains(c.want, "critical "):
				outcome = "critical"
			case strings.Contains(c.want, "finding "):
				outcome = "finding"
			}
			if strings.HasPrefix(c.want, "critical ") {
				outcome = "critical"
			}
			outcome = cmp.Or(string(c.outcome), outcome)
			d := build(t, c.servers...)
			r := CheckConcentration(d, p)
			if got, want := show(r), outcome+": "+c.want; got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
			checkInvariants(t, d, p, r)
		})
	}
}

func TestSummary(t *testing.T) {
	d := build(t,
		"C/n1 SYS=4 A=8+1 B=3 E=0 F=0+2",
		"C/n2 SYS=1+7 A=2 B=3 E=0",
		"C/n3 A=0+3 G=9",
		"C/n4 missing 0",
		"D/m1 A=20 SYS=1",
		"D/m2 B=5",
		"lone A=1",
		"?/? missing 0",
	)
	all := Defaults()
	all.AllowPartial = true
	only := all
	only.Accounts = []string{"a"}
	cluster := all
	cluster.Clusters = []string{"D"}
	for _, c := range []struct {
		name string
		p    Parameters
		want Summary
	}{
		// Pairs: A@C is evaluated; B@C, G@C, B@D and A@lone have too few connections, A@D too few servers; SYS@C, SYS@D.
		{"all", all, Summary{Clusters: 3, Servers: 7, Accounts: 4, Connections: 51, Leafnodes: 6, Evaluated: 1, TooFewConnections: 4, TooFewServers: 1, SystemAccount: 2}},
		{"one account", only, Summary{Clusters: 3, Servers: 7, Accounts: 4, Connections: 51, Leafnodes: 6, Evaluated: 1, TooFewConnections: 1, TooFewServers: 1}},
		{"one cluster", cluster, Summary{Clusters: 1, Servers: 2, Accounts: 2, Connections: 25, TooFewConnections: 1, TooFewServers: 1, SystemAccount: 1}},
	} {
		if got := CheckConcentration(d, c.p).Summary; got != c.want {
			t.Errorf("%s:\ngot  %+v\nwant %+v", c.name, got, c.want)
		}
	}
	var got []string
	for _, c := range CheckConcentration(d, all).Clusters {
		s := fmt.Sprintf("%s %d:", c.Name, c.Connections)
		for _, x := range c.Servers {
			s += " " + x.Server.Name + "="
			if x.Connections == nil || x.Accounts == nil {
				s += "?"
				continue
			}
			s += fmt.Sprintf("%d/%d", *x.Connections, *x.Accounts)
		}
		got = append(got, s)
	}
	if want := " 1: lone=1/1; C 25: n1=11/3 n2=5/2 n3=9/2 n4=?; D 25: m1=20/1 m2=5/1"; strings.Join(got, "; ") != want {
		t.Errorf("clusters:\ngot  %s\nwant %s", strings.Join(got, "; "), want)
	}
}

func TestRows(t *testing.T) {
	d := build(t,
		"D/m1 A=20", "D/m2",
		"C/n1 SYS=4 A=8 B=3 E=0 F=0+2 G=60 H=72", "C/n2 A=2 B=3 E=0 G=40 H=28", "C/n3", "C/n4 missing 3",
	)
	p := Defaults()
	if r := CheckConcentration(d, p); r.Rows != nil {
		t.Errorf("rows that nobody asked for: %v", r.Rows)
	}
	p.All = true
	var got []string
	for _, x := range CheckConcentration(d, p).Rows {
		got = append(got, fmt.Sprintf("%s@%s %s", x.Account.ID, x.Cluster, x.Verdict))
	}
	want := "A@C incomplete, B@C too-few-connections, G@C review, H@C incomplete, A@D too-few-servers"
	if s := strings.Join(got, ", "); s != want {
		t.Errorf("got  %s\nwant %s", s, want)
	}
}

func TestFindingsInOrder(t *testing.T) {
	// Priority first, then what drops at once, then the share, then names.
	d := build(t,
		"C/n1 LOW=49 LARGE=1000 SAME=50 ALIKE=50 SHARE=50 MORE=51 limit=9000", "C/n2 SHARE=10 limit=9000", "C/n3 limit=9000",
		"B/m1 SAME=50 limit=900", "B/m2 limit=900", "B/m3 limit=900",
	)
	var got []string
	for _, f := range CheckConcentration(d, Defaults()).Findings {
		got = append(got, fmt.Sprintf("%s@%s %s", f.Account.ID, f.Cluster, f.Priority))
	}
	want := "LARGE@C high, MORE@C normal, SAME@B normal, ALIKE@C normal, SAME@C normal, SHARE@C normal, LOW@C low"
	if s := strings.Join(got, ", "); s != want {
		t.Errorf("got  %s\nwant %s", s, want)
	}
}

func TestFindingInFull(t *testing.T) {
	d := build(t, "C/n2 A=5+2 B=10", "C/n1 A=0", "C/n3 A=15+1 B=40", "C/n0 missing 1")
	p := Defaults()
	r := CheckConcentration(d, p)
	if len(r.Findings) != 2 || r.Findings[1].Account.ID != "A" {
		t.Fatalf("got %s", show(r))
	}
	f := r.Findings[1]
	var got []string
	for _, s := range f.Distribution {
		n := "?"
		if s.Connections != nil {
			n = fmt.Sprint(*s.Connections)
		}
		got = append(got, s.Server.Name+"="+n)
	}
	if want := "n3=15 n2=5 n1=0 n0=?"; strings.Join(got, " ") != want {
		t.Errorf("distribution %v, want %s", got, want)
	}
	if f.Leafnodes != 3 {
		t.Errorf("%d leafnodes, want 3", f.Leafnodes)
	}
	if want := roundSignificant(Chance(20, 3, 15), 3); f.Chance != want || !(want > 0 && want < 0.001) {
		t.Errorf("chance %v, want %v", f.Chance, want)
	}
	if f.Server != (ServerRef{ID: "ID02", Name: "n3", Host: "host-n3"}) {
		t.Errorf("server %+v", f.Server)
	}
}

// Numbers at the end of the range neither overflow nor turn a verdict.
func TestHugeNumbers(t *testing.T) {
	d := build(t, "C/n1 A=4294967295 B=4294967295 limit=1", "C/n2 A=4294967295 limit=1", "C/n3 A=1 limit=1", "C/n4 missing", "C/n5 missing")
	huge := math.MaxInt
	d.Missing[0].Bound, d.Missing[1].Bound = &huge, &huge
	d.Servers[1].MaxConnections, d.Servers[2].MaxConnections = &huge, &huge
	p := Defaults()
	if got, want := show(CheckConcentration(d, p)), "incomplete: open B@C n1 4294967295/4294967295, open A@C n1 4294967295/8589934591, open cluster C"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	p.AllowPartial = true
	p.MinConnections = math.MaxInt
	if got, want := show(CheckConcentration(d, p)), "not-judged: "; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	p.MinConnections = 10
	if got, want := show(CheckConcentration(d, p)), "finding: finding B@C n1 4294967295/4294967295"; !strings.HasPrefix(got, want) {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got := compareProducts(math.MaxInt, math.MaxInt, math.MaxInt, math.MaxInt-1); got != 1 {
		t.Errorf("MaxInt² against less is %d", got)
	}
}

// randomDeployment is as a live one: clusters of servers, accounts of which
// some are concentrated, zeros, leafnodes, limits, missing servers.
func randomDeployment(r *rand.Rand) *Deployment {
	d := &Deployment{}
	for a := range 1 + r.IntN(8) {
		account := Account{ID: fmt.Sprintf("ID%d", a), Name: fmt.Sprintf("name%d", r.IntN(6)), System: r.IntN(8) == 0}
		d.Accounts = append(d.Accounts, account)
	}
	clusters := []string{"", "A", "A", "A", "B", "B", "ü"}
	for i := range r.IntN(14) {
		s := Server{ID: fmt.Sprintf("S%02d", i), Name: fmt.Sprintf("n%d", r.IntN(10)), Host: "h", Cluster: clusters[r.IntN(len(clusters))]}
		if r.IntN(3) > 0 {
			limit := r.IntN(3000)
			s.MaxConnections = &limit
		}
		for a := range d.Accounts {
			u := Usage{Account: uint32(a)}
			switch r.IntN(6) {
			case 0:
				continue
			case 1:
			case 2:
				u.Connections = uint32(r.IntN(2000))
			default:
				u.Connections = uint32(r.IntN(12))
			}
			u.Leafnodes = uint32(max(0, r.IntN(8)-5))
			s.Usage = append(s.Usage, u)
		}
		d.Servers = append(d.Servers, s)
	}
	for i := range max(0, r.IntN(10)-6) {
		m := Missing{Reason: "silent"}
		if r.IntN(3) > 0 {
			m.ID, m.Name = fmt.Sprintf("M%d", i), fmt.Sprintf("m%d", r.IntN(3))
		}
		if r.IntN(4) > 0 {
			m.ClusterKnown, m.Cluster = true, clusters[r.IntN(len(clusters))]
		}
		if r.IntN(2) == 0 {
			bound := r.IntN(30)
			m.Bound = &bound
		}
		d.Missing = append(d.Missing, m)
	}
	d.Expected = len(d.Servers) + len(d.Missing)
	return d
}

func randomParameters(r *rand.Rand) Parameters {
	p := Parameters{ThresholdPercent: 1 + r.IntN(99), MinServers: 2 + r.IntN(3), MinConnections: 1 + r.IntN(20),
		ReviewPercent: 1 + r.IntN(99), All: r.IntN(2) == 0, AllowPartial: r.IntN(3) == 0}
	if r.IntN(2) == 0 {
		p.CriticalPercent = 1 + r.IntN(100)
	}
	if r.IntN(5) == 0 {
		p.Accounts = []string{"name1", "ID2"}
	}
	if r.IntN(5) == 0 {
		p.Clusters = []string{"A", "ü"}
	}
	return p
}

// shuffled is the same deployment told in another order, with other indices.
func shuffled(d *Deployment, r *rand.Rand) *Deployment {
	out := *d
	place := r.Perm(len(d.Accounts))
	out.Accounts = make([]Account, len(d.Accounts))
	for i, a := range d.Accounts {
		out.Accounts[place[i]] = a
	}
	out.Servers = slices.Clone(d.Servers)
	for i, s := range out.Servers {
		usage := slices.Clone(s.Usage)
		for n := range usage {
			usage[n].Account = uint32(place[usage[n].Account])
		}
		r.Shuffle(len(usage), func(a, b int) { usage[a], usage[b] = usage[b], usage[a] })
		out.Servers[i].Usage = usage
	}
	r.Shuffle(len(out.Servers), func(a, b int) { out.Servers[a], out.Servers[b] = out.Servers[b], out.Servers[a] })
	out.Missing = slices.Clone(d.Missing)
	r.Shuffle(len(out.Missing), func(a, b int) { out.Missing[a], out.Missing[b] = out.Missing[b], out.Missing[a] })
	return &out
}

func TestOrderOfInputDoesNotMatter(t *testing.T) {
	for seed := range uint64(400) {
		r := rand.New(rand.NewPCG(seed, 8))
		d, p := randomDeployment(r), randomParameters(r)
		want := CheckConcentration(d, p)
		if again := CheckConcentration(d, p); !reflect.DeepEqual(again, want) {
			t.Fatalf("seed %d: another result for the same input:\n%s\n%s", seed, show(again), show(want))
		}
		if got := CheckConcentration(shuffled(d, r), p); !reflect.DeepEqual(got, want) {
			t.Fatalf("seed %d: another result for another order:\n%s\ngot  %s\nwant %s", seed, describe(d), show(got), show(want))
		}
	}
}

// FuzzConcentration also runs its seeds as a test.
func FuzzConcentration(f *testing.F) {
	for seed := range uint64(100) {
		f.Add(seed, uint32(0), 0)
	}
	f.Add(uint64(1), uint32(math.MaxUint32), math.MaxInt)
	f.Add(uint64(2), uint32(math.MaxUint32), math.MinInt)
	f.Fuzz(func(t *testing.T, seed uint64, connections uint32, bound int) {
		r := rand.New(rand.NewPCG(seed, 9))
		d, p := randomDeployment(r), randomParameters(r)
		if len(d.Servers) > 0 && len(d.Servers[0].Usage) > 0 {
			d.Servers[0].Usage[0].Connections = connections
			d.Servers[0].MaxConnections = &bound
		}
		if len(d.Missing) > 0 {
			d.Missing[0].Bound = &bound
		}
		before := shuffled(d, rand.New(rand.NewPCG(0, 0)))
		result := CheckConcentration(d, p)
		checkInvariants(t, d, p, result)
		if after := shuffled(d, rand.New(rand.NewPCG(0, 0))); !reflect.DeepEqual(before, after) {
			t.Error("the deployment was changed")
		}
	})
}

// checkInvariants holds what is so of every result.
func checkInvariants(t testing.TB, d *Deployment, p Parameters, r Result) {
	t.Helper()
	fail := func(format string, args ...any) {
		t.Helper()
		t.Fatalf("%s\n%s\nparameters %+v\n%s", fmt.Sprintf(format, args...), describe(d), p, show(r))
	}
	// The totals, counted another way.
	type key struct {
		cluster, alone string
		account        uint32
	}
	pairs := map[key]int{}
	clusters := map[[2]string]bool{}
	accounts := map[uint32]bool{}
	connections, leafnodes := 0, 0
	for _, s := range d.Servers {
		if len(p.Clusters) > 0 && !slices.Contains(p.Clusters, s.Cluster) {
			continue
		}
		alone := ""
		if s.Cluster == "" {
			alone = s.ID
		}
		clusters[[2]string{s.Cluster, alone}] = true
		for _, u := range s.Usage {
			if u.Connections > 0 {
				pairs[key{s.Cluster, alone, u.Account}] += int(u.Connections)
			}
			if a := d.Accounts[u.Account]; !a.System {
				connections += int(u.Connections)
				leafnodes += int(u.Leafnodes)
				if u.Connections > 0 || u.Leafnodes > 0 {
					accounts[u.Account] = true
				}
			}
		}
	}
	counted, system := 0, 0
	for k := range pairs {
		a := d.Accounts[k.account]
		switch {
		case a.System && len(p.Accounts) == 0:
			system++
		case !a.System && p.wantsAccount(a):
			counted++
		}
	}
	s := r.Summary
	if s.Evaluated+s.TooFewConnections+s.TooFewServers != counted || s.SystemAccount != system {
		fail("summary %+v: want %d pairs and %d of the system account", s, counted, system)
	}
	if s.Connections != connections || s.Leafnodes != leafnodes || s.Accounts != len(accounts) {
		fail("summary %+v: want %d connections, %d leafnodes, %d accounts", s, connections, leafnodes, len(accounts))
	}
	servers, carried := 0, 0
	for _, c := range r.Clusters {
		sum := 0
		for _, x := range c.Servers {
			servers++
			if (x.Connections == nil) != (x.Accounts == nil) {
				fail("server %+v has half of its counts", x)
			}
			if x.Connections != nil {
				sum += *x.Connections
			}
		}
		if sum != c.Connections {
			fail("cluster %s has %d connections, its servers %d", c.Name, c.Connections, sum)
		}
		carried += sum
	}
	if s.Clusters != len(r.Clusters) || s.Clusters < len(clusters) || s.Servers != servers || s.Connections != carried {
		fail("summary %+v, but %d clusters of %d servers with %d connections", s, len(r.Clusters), servers, carried)
	}
	if blind := len(d.Servers) == 0 && len(d.Missing) > 0; blind && r.Outcome != OutcomeIncomplete {
		fail("outcome %s, though no server reported", r.Outcome)
	}
	if p.AllowPartial && (len(r.Open) > 0 || len(r.OpenClusters) > 0) || len(d.Missing) == 0 && r.Outcome == OutcomeIncomplete {
		fail("incomplete where nothing is missing, or it is allowed")
	}
	for _, x := range r.Open {
		if x.Verdict != Incomplete {
			fail("open row %+v", x)
		}
	}
	for _, x := range r.Review {
		if x.Verdict != Review || x.OnServer*100 <= p.ReviewPercent*x.Connections || x.OnServer*100 > p.ThresholdPercent*x.Connections {
			fail("review row %+v", x)
		}
	}
	if p.All && len(r.Rows) != counted || !p.All && r.Rows != nil {
		fail("%d rows, want %d", len(r.Rows), counted)
	}
	for _, f := range r.Findings {
		checkFinding(fail, p, f)
	}
	ranks := []Priority{High, Normal, Low}
	for i := 1; i < len(r.Findings); i++ {
		a, b := r.Findings[i-1], r.Findings[i]
		if slices.Index(ranks, a.Priority) > slices.Index(ranks, b.Priority) || a.Priority == b.Priority && a.OnServer < b.OnServer {
			fail("finding %d is out of order", i)
		}
	}
}

func checkFinding(fail func(string, ...any), p Parameters, f Finding) {
	switch {
	case f.Verdict != Found && f.Verdict != Critical, f.Account.System:
		fail("finding %+v", f)
	case f.OnServer*100 <= p.ThresholdPercent*f.Connections, f.Connections < p.MinConnections, len(f.Distribution) < p.MinServers:
		fail("finding by no rule: %+v", f)
	case f.Verdict == Critical && (p.CriticalPercent == 0 || f.OnServer*100 < p.CriticalPercent*f.Connections):
		fail("critical by no rule: %+v", f)
	case f.CriticalOpen && (p.AllowPartial || f.Verdict == Critical || p.CriticalPercent == 0):
		fail("critical can't be open: %+v", f)
	case !(f.Chance >= 0 && f.Chance <= 1):
		fail("chance %v", f.Chance)
	}
	sum, last := 0, math.MaxInt
	reported := 0
	for i, s := range f.Distribution {
		if s.Connections == nil {
			last = -1
			continue
		}
		reported++
		if *s.Connections > last || i == 0 && (*s.Connections != f.OnServer || s.Server != f.Server) {
			fail("distribution is not by most first: %+v", f)
		}
		last = *s.Connections
		sum += last
	}
	if sum != f.Connections {
		fail("distribution of %d, not %d: %+v", sum, f.Connections, f)
	}
	checkImpact(fail, f, reported)
}

func checkImpact(fail func(string, ...any), f Finding, reported int) {
	i := f.Impact
	if i.ConnectionsLost != f.OnServer || len(i.Survivors) != len(f.Distribution)-1 {
		fail("impact %+v", i)
	}
	known, moved, fewest, most, over := 0, 0, math.MaxInt, 0, false
	for _, s := range i.Survivors {
		if (s.Now == nil) != (s.After == nil) {
			fail("survivor %+v", s)
		}
		if s.Now == nil {
			continue
		}
		known++
		step := *s.After - *s.Now
		moved += step
		fewest, most = min(fewest, step), max(most, step)
		over = over || s.Limit != nil && *s.After > *s.Limit
	}
	if known != reported-1 || known > 0 && (most-fewest > 1 || moved < i.ConnectionsLost) {
		fail("impact moves %d, of %d to %d each: %+v", moved, fewest, most, i)
	}
	if i.Stranded != nil && (*i.Stranded < 0 || *i.Stranded > i.ConnectionsLost) || (i.CanFailOver == No) != (i.Stranded != nil && *i.Stranded > 0) || i.CanFailOver == Yes {
		fail("impact %+v", i)
	}
	want := Normal
	switch {
	case f.Connections < 50:
		want = Low
	case f.OnServer >= 1000 || over || i.Stranded != nil && *i.Stranded >= 50:
		want = High
	}
	if f.Priority != want {
		fail("priority %s, want %s: %+v", f.Priority, want, f)
	}
}

// BenchmarkLargeFleet judges 1,000 servers of 40 clusters with 2,500 accounts
// on each, with and without findings.
func BenchmarkLargeFleet(b *testing.B) {
	d := &Deployment{}
	for a := range 2500 {
		d.Accounts = append(d.Accounts, Account{ID: fmt.Sprint("A", a), Name: fmt.Sprint("a", a)})
	}
	for i := range 1000 {
		s := Server{ID: fmt.Sprintf("%04d", i), Name: fmt.Sprintf("n%04d", i), Cluster: fmt.Sprint("C", i%40)}
		for a := range d.Accounts {
			n := uint32(1)
			if i/40 == a%25 && a < 500 {
				n = 90
			}
			s.Usage = append(s.Usage, Usage{Account: uint32(a), Connections: n})
		}
		d.Servers = append(d.Servers, s)
	}
	for _, missing := range []int{0, 3000} {
		d.Missing = make([]Missing, missing)
		b.Run(fmt.Sprint(missing, "-missing"), func(b *testing.B) {
			for b.Loop() {
				CheckConcentration(d, Defaults())
			}
		})
	}
}
