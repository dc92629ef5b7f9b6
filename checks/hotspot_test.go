package checks

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// verdictsOf lists the servers' verdicts but pass, as "C/n1 finding", clusters
// that are open by missing servers alone, and "elsewhere".
func verdictsOf(r HotspotResult) string {
	var out []string
	for _, c := range r.Clusters {
		open := c.Verdict == Incomplete
		for _, s := range c.Servers {
			if s.Verdict != Pass {
				out = append(out, fmt.Sprintf("%s/%s %s", c.Name, s.Server.Name, s.Verdict))
				open = open && s.Verdict != Incomplete
			}
		}
		if open {
			out = append(out, c.Name+" "+string(c.Verdict))
		}
	}
	if r.OpenElsewhere {
		out = append(out, "elsewhere")
	}
	return strings.Join(out, ", ")
}

func TestHotspotRule(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		lines   []string
		change  func(*HotspotParameters)
		outcome Outcome
		want    string
	}{
		{"exactly twice the average is none", []string{"C/n1 A=24", "C/n2 A=6", "C/n3 A=6"}, nil, OutcomePass, ""},
		{"one more is", []string{"C/n1 A=25", "C/n2 A=6", "C/n3 A=6"}, nil, OutcomeFinding, "C/n1 finding"},
		{"accounts count together", []string{"C/n1 A=13 B=12", "C/n2 A=6", "C/n3 B=6"}, nil, OutcomeFinding, "C/n1 finding"},
		{"the system account and leafnodes do not count", []string{"C/n1 A=5+90 SYS=90", "C/n2 A=5", "C/n3 A=5"}, nil, OutcomePass, ""},
		{"a server without a connection counts", []string{"C/n1 A=10", "C/n2", "C/n3"}, nil, OutcomeFinding, "C/n1 finding"},
		{"nine connections are too few", []string{"C/n1 A=9", "C/n2", "C/n3"}, nil, OutcomePass,
			"C/n1 too-few-connections, C/n2 too-few-connections, C/n3 too-few-connections"},
		{"unless asked for", []string{"C/n1 A=9", "C/n2", "C/n3"}, func(p *HotspotParameters) { p.MinConnections = 9 }, OutcomeFinding, "C/n1 finding"},
		{"of two servers none has more than twice the average", []string{"C/n1 A=100", "C/n2"}, nil, OutcomePass, ""},
		{"but more than one and a half times", []string{"C/n1 A=100", "C/n2"}, func(p *HotspotParameters) { p.FactorPercent = 150 }, OutcomeFinding, "C/n1 finding"},
		{"a server alone is no cluster", []string{"n1 A=100"}, nil, OutcomeNotJudged, "/n1 too-few-servers"},
		{"clusters are judged apart", []string{"C/n1 A=30", "C/n2", "C/n3", "D/n1 A=30", "D/n2 A=30", "D/n3 A=30"}, nil, OutcomeFinding, "C/n1 finding"},
		{"two of six", []string{"C/n1 A=30", "C/n2 A=31", "C/n3", "C/n4", "C/n5", "C/n6"}, nil, OutcomeFinding, "C/n1 finding, C/n2 finding"},
		{"only the cluster asked for", []string{"C/n1 A=30", "C/n2", "C/n3", "D/n1 A=30", "D/n2 A=30", "D/n3 A=30"},
			func(p *HotspotParameters) { p.Clusters = []string{"D"} }, OutcomePass, ""},

		{"a missing server may take the verdict away, or be hot itself", []string{"C/n1 A=30", "C/n2", "C/n3", "C/n4 missing"}, nil, OutcomeIncomplete, "C/n1 incomplete, C/n4 incomplete"},
		{"not with so few", []string{"C/n1 A=30", "C/n2", "C/n3", "C/n4 missing 10"}, nil, OutcomeFinding, "C/n1 finding"},
		{"30 of 60 in four servers is twice", []string{"C/n1 A=30", "C/n2", "C/n3", "C/n4 missing 30"}, nil, OutcomeIncomplete, "C/n1 incomplete"},
		{"a full one may be hot", []string{"C/n1 A=10", "C/n2 A=10", "C/n3 A=10", "C/n4 missing 31"}, nil, OutcomeIncomplete, "C/n4 incomplete"},
		{"or not", []string{"C/n1 A=10", "C/n2 A=10", "C/n3 A=10", "C/n4 missing 30"}, nil, OutcomePass, ""},
		{"one more server, empty, would make it hot", []string{"C/n1 A=20", "C/n2 A=10", "C/n3 A=10", "? missing 0"}, nil, OutcomePass, ""},
		{"a server more makes the average less", []string{"C/n1 A=21", "C/n2 A=10", "C/n3 A=10", "? missing 0"}, nil, OutcomeIncomplete, "C/n1 incomplete"},
		{"three unknown ones may be a cluster", []string{"C/n1 A=10", "C/n2 A=10", "? missing 0", "? missing 0", "? missing 9"},
			func(p *HotspotParameters) { p.MinConnections = 9; p.FactorPercent = 290 }, OutcomeIncomplete, "elsewhere"},
		{"what is allowed", []string{"C/n1 A=30", "C/n2", "C/n3", "C/n4 missing", "? missing"}, func(p *HotspotParameters) { p.AllowPartial = true }, OutcomeFinding, "C/n1 finding"},
		{"a silent cluster", []string{"C/n1 A=10", "C/n2 A=10", "C/n3 A=10", "D/ missing"}, nil, OutcomeIncomplete, "D/ incomplete"},
	} {
		p := ClientConnections().Defaults()
		if c.change != nil {
			c.change(&p)
		}
		r := CheckHotspots(build(t, c.lines...), p)
		if got := verdictsOf(r); got != c.want || r.Outcome != c.outcome {
			t.Errorf("%s: %s, %q; want %s, %q", c.name, r.Outcome, got, c.outcome, c.want)
		}
	}
}

// hotTruth goes through all ways to fill the missing servers: on each reporting
// server, whether it is always and sometimes hot, and whether a missing one is.
func hotTruth(reported []int, members, unplaced []Missing, p HotspotParameters) (always, sometimes []bool, missing bool) {
	always, sometimes = slices.Repeat([]bool{true}, len(reported)), make([]bool, len(reported))
	eachWorld(reported, members, unplaced, func(w world) {
		sum := 0
		for _, n := range w.counts {
			sum += n
		}
		for i, n := range w.counts {
			hot := sum >= p.MinConnections && w.members >= p.MinServers && n*w.members*100 > p.FactorPercent*sum
			if i < len(reported) {
				always[i], sometimes[i] = always[i] && hot, sometimes[i] || hot
			} else {
				missing = missing || hot
			}
		}
	})
	return always, sometimes, missing
}

// A verdict is open exactly where a missing server could change it.
func TestHotspotMissingServersAgainstBruteForce(t *testing.T) {
	t.Parallel()
	cases := 3000
	if testing.Short() {
		cases = 300
	}
	seen := map[Verdict]int{}
	for seed := range uint64(cases) {
		r := rand.New(rand.NewPCG(seed, 9))
		d := smallDeployment(r)
		p := HotspotParameters{Measure: ClientConnections(), FactorPercent: 125 + 25*r.IntN(8), MinServers: 2 + r.IntN(3), MinConnections: 1 + r.IntN(smallWorld)}
		result := CheckHotspots(d, p)
		var unplaced, apart []Missing
		for _, m := range d.Missing {
			switch {
			case m.ClusterKnown:
			case m.Apart:
				apart = append(apart, m)
			default:
				unplaced = append(unplaced, m)
			}
		}
		if _, _, elsewhere := hotTruth(nil, nil, append(apart, unplaced...), p); elsewhere != result.OpenElsewhere {
			t.Fatalf("seed %d:\n%s%+v\nopen elsewhere is %v", seed, describe(d), p, result.OpenElsewhere)
		}
		for _, c := range result.Clusters {
			seen[c.Verdict]++
			if c.Name == "" {
				if c.Verdict == Found || c.Verdict == Incomplete {
					t.Fatalf("seed %d: a server alone is judged", seed)
				}
				continue
			}
			var reported []int
			var members []Missing
			for _, s := range c.Servers {
				if s.Connections != nil {
					reported = append(reported, *s.Connections)
				}
			}
			silent := len(reported) == 0 // however few of it are known
			for _, m := range d.Missing {
				if m.ClusterKnown && m.Cluster == c.Name {
					members = append(members, m)
				}
			}
			always, sometimes, missing := hotTruth(reported, members, unplaced, p)
			open := missing || silent
			for i, s := range c.Servers[:len(reported)] {
				open = open || sometimes[i] && !always[i]
				if got := [2]bool{s.Verdict == Found, s.Verdict == Incomplete}; got != [2]bool{always[i], sometimes[i] && !always[i]} {
					t.Fatalf("seed %d:\n%s%+v\n%s/%s is %s, always hot %v, sometimes %v", seed, describe(d), p, c.Name, s.Server.Name, s.Verdict, always[i], sometimes[i])
				}
			}
			if (c.Verdict == Incomplete) != open {
				t.Fatalf("seed %d:\n%s%+v\n%s is %s, open %v", seed, describe(d), p, c.Name, c.Verdict, open)
			}
		}
	}
	for _, v := range []Verdict{Pass, Found, Incomplete, TooFewConnections, TooFewServers} {
		if seen[v] < cases/100 {
			t.Errorf("only %d clusters are %q: the cases are too tame", seen[v], v)
		}
	}
}

func TestHotspotAccounts(t *testing.T) {
	t.Parallel()
	d := build(t,
		"C/n1 A=18 B=4 SYS=50 D=8 E=9",
		"C/n2 A=1 B=8 SYS=2 D=1",
		"C/n3 A=1 B=0 SYS=2 D=1")
	r := CheckHotspots(d, ClientConnections().Defaults())
	if len(r.Findings) != 1 {
		t.Fatalf("%+v", r)
	}
	f := r.Findings[0]
	if f.Load != (Load{Connections: 51, OnServer: 39, Servers: 3}) || f.Server.Name != "n1" || f.Cluster != "C" {
		t.Errorf("%+v", f)
	}
	var got []string
	for _, a := range f.Accounts {
		got = append(got, fmt.Sprintf("%s %d/%d %s", a.Account.ID, a.OnServer, a.Connections, a.Concentrated))
	}
	// B has an even share, the system account never counts, E has too few to be
	// concentrated.
	if want := "A 18/20 yes, E 9/9 no, D 8/10 yes"; strings.Join(got, ", ") != want || f.MoreAccounts != 0 {
		t.Errorf("%q and %d more, want %q", got, f.MoreAccounts, want)
	}
	for i, want := range []int{39, 10, 2} {
		if n := f.Distribution[i].Connections; n == nil || *n != want {
			t.Errorf("%d: %+v, want %d", i, f.Distribution[i], want)
		}
	}

	// With a server missing: A is so in any case, D and E may be.
	d = build(t, "C/n1 A=180 B=4 D=8 E=9", "C/n2 A=1 B=8 D=1", "C/n3 A=1 B=0 D=1", "C/n4 missing 4")
	f = CheckHotspots(d, ClientConnections().Defaults()).Findings[0]
	for i, want := range []Answer{Yes, Unknown, Unknown} {
		if f.Accounts[i].Concentrated != want {
			t.Errorf("%+v", f.Accounts[i])
		}
	}
	if last := f.Distribution[3]; last.Connections != nil || last.Server.Name != "n4" {
		t.Errorf("%+v", last)
	}
}

func TestHotspotListsTenAccounts(t *testing.T) {
	t.Parallel()
	line := "C/n1"
	for n := range 14 {
		line += fmt.Sprintf(" %c=%d", 'A'+n, 3+n)
	}
	f := CheckHotspots(build(t, line, "C/n2 A=1", "C/n3"), ClientConnections().Defaults()).Findings[0]
	if len(f.Accounts) != 10 || f.MoreAccounts != 4 || f.Accounts[0].Account.ID != "N" {
		t.Errorf("%d accounts, %d more, first %+v", len(f.Accounts), f.MoreAccounts, f.Accounts[0])
	}
}

func TestHotspotsComeHottestFirst(t *testing.T) {
	t.Parallel()
	d := build(t, "C/n1 A=300", "C/n2 A=50", "C/n3 A=50", "D/n1 A=20", "D/n2", "D/n3", "D/n4")
	r := CheckHotspots(d, ClientConnections().Defaults())
	if len(r.Findings) != 2 || r.Findings[0].Cluster != "D" || r.Findings[1].Cluster != "C" {
		t.Fatalf("%+v", r.Findings)
	}
	if want := (HotspotSummary{Clusters: 2, Servers: 7, Connections: 420, Evaluated: 2}); r.Summary != want {
		t.Errorf("%+v, want %+v", r.Summary, want)
	}
}

// Concentrated and hot are different things.
func TestConcentrationSaysWhetherItsServerIsAHotspot(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		lines   []string
		partial bool
		want    Answer
		load    Load
	}{
		{"concentrated in an even cluster", []string{"C/n1 A=18 B=1", "C/n2 A=1 B=18", "C/n3 A=1 B=18"}, false, No, Load{57, 19, 3}},
		{"exactly twice", []string{"C/n1 A=18 B=6", "C/n2 B=6", "C/n3 B=6"}, false, No, Load{36, 24, 3}},
		{"concentrated and hot", []string{"C/n1 A=18 B=7", "C/n2 B=6", "C/n3 B=6 SYS=9"}, false, Yes, Load{37, 25, 3}},
		{"a missing server decides", []string{"C/n1 A=180 B=7", "C/n2 B=99", "C/n3 B=20", "C/n4 missing 70"}, false, Unknown, Load{306, 187, 4}},
		{"or is accepted, and in no average", []string{"C/n1 A=180 B=7", "C/n2 B=99", "C/n3 B=20", "C/n4 missing 70"}, true, No, Load{306, 187, 3}},
	} {
		p := Defaults()
		p.AllowPartial, p.Accounts = c.partial, []string{"A"}
		r := CheckConcentration(build(t, c.lines...), p)
		if len(r.Findings) != 1 || r.Findings[0].Hotspot != c.want || r.Findings[0].Load != c.load {
			t.Errorf("%s: %+v", c.name, r.Findings)
		}
	}
}

// A missing server that is accepted is in no average, with a name or as the ghost of
// a restart, as nobody knows what it carries; one that is down carries nothing. Both
// checks say the same.
func TestMissingServersAreNotAveraged(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		kind MissingKind
		of   int
		hot  Answer
	}{{"", Counted, 3, No}, {"n4", Silent, 3, No}, {"n4", Draining, 3, No}, {"n4", Forgotten, 3, No}, {"n4", Down, 4, Yes}} {
		d := build(t, "C/n1 A=180 B=7", "C/n2 B=99", "C/n3 B=20", "C/n4 missing 70")
		d.Missing[0].ID, d.Missing[0].Name, d.Missing[0].Kind = "", c.name, c.kind
		p, h := Defaults(), ClientConnections().Defaults()
		p.AllowPartial, h.AllowPartial, p.Accounts = true, true, []string{"A"}
		r := CheckConcentration(d, p)
		if len(r.Findings) != 1 || r.Findings[0].Hotspot != c.hot || r.Findings[0].Load != (Load{306, 187, c.of}) {
			t.Errorf("%q, %s: %+v", c.name, c.kind, r.Findings)
		}
		if r := CheckHotspots(d, h); (len(r.Findings) > 0) != (c.hot == Yes) || r.Clusters[0].Averaged != c.of {
			t.Errorf("%q, %s: %+v", c.name, c.kind, r)
		}
	}
}

func TestHotspotParameters(t *testing.T) {
	t.Parallel()
	if err := ClientConnections().Defaults().Validate(); err != nil {
		t.Error(err)
	}
	for want, change := range map[string]func(*HotspotParameters){
		"factor is 1.00: pass":        func(p *HotspotParameters) { p.FactorPercent = 100 },
		"factor is 100.01: pass":      func(p *HotspotParameters) { p.FactorPercent = 10001 },
		"min-servers is 1: pass":      func(p *HotspotParameters) { p.MinServers = 1 },
		"min-connections is 0: pass":  func(p *HotspotParameters) { p.MinConnections = 0 },
		"min-connections is -1: pass": func(p *HotspotParameters) { p.MinConnections = -1 },
	} {
		p := ClientConnections().Defaults()
		change(&p)
		if err := p.Validate(); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	p := ClientConnections().Defaults()
	p.Clusters = []string{"D"}
	if err := p.Select(build(t, "C/n1 A=1")); err == nil {
		t.Error("a cluster that is not there was taken")
	}
	for _, part := range []string{"more than 2 times", "at least 2 servers", "at least 10"} {
		if !strings.Contains(hotspotCheck().Rule, part) {
			t.Errorf("the rule does not say %q", part)
		}
	}
}

// Numbers as large as a hostile server can report overflow nowhere.
func TestHotspotOfHugeNumbers(t *testing.T) {
	t.Parallel()
	d := &Deployment{Accounts: []Account{{ID: "A", Name: "A"}, {ID: "B", Name: "B"}}}
	for n := range 4 {
		s := Server{ID: fmt.Sprint(n), Name: fmt.Sprint(n), Cluster: "C"}
		if n == 0 {
			s.Usage = []Usage{{Account: 0, Connections: math.MaxUint32}, {Account: 1, Connections: math.MaxUint32}}
		}
		d.Servers = append(d.Servers, s)
	}
	huge := math.MaxInt
	negative := -5
	d.Missing = []Missing{{Name: "m", Cluster: "C", ClusterKnown: true, Bound: &huge}, {Bound: &huge}, {Bound: &negative}}
	r := CheckHotspots(d, ClientConnections().Defaults())
	if got := verdictsOf(r); got != "C/0 incomplete, C/m incomplete" {
		t.Errorf("%q", got)
	}
	d.Missing = nil
	most := min(uint64(2*math.MaxUint32), math.MaxInt)
	if r := CheckHotspots(d, ClientConnections().Defaults()); len(r.Findings) != 1 || uint64(r.Findings[0].OnServer) != most { //nolint:gosec // it is positive
		t.Errorf("%+v", r)
	}
	if times(math.MaxInt/2, 3) != math.MaxInt || times(0, 7) != 0 || times(7, 0) != 0 || times(6, 7) != 42 {
		t.Error("times")
	}
}

func TestHotspotOrderOfInputDoesNotMatter(t *testing.T) {
	t.Parallel()
	for seed := range uint64(400) {
		r := rand.New(rand.NewPCG(seed, 10))
		d := randomDeployment(r)
		p := ClientConnections().Defaults()
		p.FactorPercent, p.AllowPartial = 150, seed%2 == 0
		// Pointers are shown by what they point at.
		show := func(d *Deployment) string {
			text, err := json.Marshal(CheckHotspots(d, p))
			if err != nil {
				t.Fatal(err)
			}
			return string(text)
		}
		if a, b := show(d), show(shuffled(d, r)); a != b {
			t.Fatalf("seed %d:\n%s\n%s", seed, a, b)
		}
	}
}

// A server that is down has no connection: what is found stands, and that nothing
// is found is no pass.
func TestHotspotsWithoutAServerThatIsDown(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		most    uint32
		partial bool
		cluster string
		want    Outcome
	}{{40, false, "", OutcomeFinding}, {10, false, "", OutcomeIncomplete}, {10, true, "", OutcomePass}, {10, false, "D", OutcomePass}} {
		d := &Deployment{Accounts: []Account{{ID: "A", Name: "A"}}, Missing: []Missing{{Name: "n4", Cluster: "C", ClusterKnown: true, Kind: Down, Bound: new(int)}}}
		for i, n := range []uint32{c.most, 10, 10} {
			d.Servers = append(d.Servers, Server{ID: fmt.Sprint(i), Name: fmt.Sprint(i), Cluster: "C", Usage: []Usage{{0, n, 0}}},
				Server{ID: fmt.Sprint("d", i), Name: fmt.Sprint(i), Cluster: "D", Usage: []Usage{{0, 10, 0}}})
		}
		p := ClientConnections().Defaults()
		p.AllowPartial = c.partial
		if c.cluster != "" {
			p.Clusters = []string{c.cluster}
		}
		if r := CheckHotspots(d, p); r.Outcome != c.want {
			t.Errorf("%+v: %s", c, r.Outcome)
		}
	}
}
