package checks

import (
	"cmp"
	"fmt"
	"math"
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
