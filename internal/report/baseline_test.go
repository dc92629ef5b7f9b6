package report

import (
	"bytes"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/source/account"
)

// documentOf is the JSON of a fixture.
func documentOf(t testing.TB, name string) []byte {
	t.Helper()
	return []byte(jsonOf(t, fixtureNamed(t, name).in))
}

// Every document that this program writes is a baseline, and the same audit
// again has nothing new.
func TestEveryDocumentIsABaseline(t *testing.T) {
	unchanged := 0
	for _, f := range fixtures() {
		past, err := ReadBaseline(strings.NewReader(jsonOf(t, f.in)))
		if err != nil {
			t.Errorf("%s: %v", f.name, err)
			continue
		}
		in := f.in
		in.Baseline, in.NewOnly = past, true
		doc := New(in)
		b := doc.Baseline
		if n := len(b.New) + len(b.Worse) + len(b.Better) + len(b.Gone) + len(b.Unknown); n > 0 || b.Unchanged != len(doc.Findings) {
			t.Errorf("%s: %d differ, %d are unchanged of %d", f.name, n, b.Unchanged, len(doc.Findings))
		}
		unchanged += b.Unchanged
		want := checks.OutcomePass
		if o := checks.Outcome(doc.Outcome); o == checks.OutcomeIncomplete || o == checks.OutcomeNotJudged {
			want = o
		}
		if got := doc.NewOutcome(); got != want {
			t.Errorf("%s: by what is new it is %s", f.name, got)
		}
		var text bytes.Buffer
		if err := writeText(&text, doc, Style{}); err != nil {
			t.Fatal(err)
		}
		checkText(t, text.String())
	}
	if unchanged < 50 {
		t.Errorf("only %d findings in all", unchanged)
	}
}

func TestWorseAndBetter(t *testing.T) {
	for _, c := range []struct{ wasOn, was, on, now, want int }{
		{17, 18, 17, 18, 0}, {80, 100, 81, 100, 1}, {800, 1000, 809, 1000, 0}, {800, 1000, 810, 1000, 1}, {81, 100, 80, 100, -1},
		{90, 100, 99, 110, 1}, {90, 100, 98, 109, 0}, {99, 110, 90, 100, -1}, {98, 109, 90, 100, 0},
		{100, 100, 10, 10, -1}, {10, 10, 100, 100, 1}, {30, 31, 12, 12, 1}, {12, 12, 30, 31, 1},
		{800, 1000, 80, 100, -1}, {1, 1, 1, 1, 0},
	} {
		row := func(on, of int) Row { return Row{OnServer: on, Connections: of, SharePercent: percent(on, of)} }
		if got := change(row(c.wasOn, c.was), row(c.on, c.now)); got != c.want {
			t.Errorf("%d of %d, then %d of %d: %d, want %d", c.wasOn, c.was, c.on, c.now, got, c.want)
		}
	}
}

// The outcome by what is new or worse is that of these findings alone.
func TestNewOutcome(t *testing.T) {
	past := func(name string) *Past {
		past, err := ReadBaseline(bytes.NewReader(documentOf(t, name)))
		if err != nil {
			t.Fatal(err)
		}
		return past
	}
	for _, c := range []struct {
		name     string
		baseline *Past
		change   func(*Input)
		want     checks.Outcome
	}{
		{"finding", nil, nil, checks.OutcomeFinding},
		{"finding", past("pass"), nil, checks.OutcomeFinding},
		{"critical-of-several", past("pass"), nil, checks.OutcomeCritical},
		{"pass", past("finding"), nil, checks.OutcomePass},
		{"incomplete", past("finding"), nil, checks.OutcomeIncomplete},
		{"incomplete-critical", past("finding"), nil, checks.OutcomeIncomplete},
		{"baseline", past("baseline"), nil, checks.OutcomePass},
		// Nobody knows what became of what was a finding, as a server did not report.
		{"pass", past("finding"), func(in *Input) {
			in.Parameters.AllowPartial = true
			in.Deployment.Missing = append(in.Deployment.Missing, checks.Missing{Name: "gone", Kind: checks.Forgotten})
		}, checks.OutcomeIncomplete},
	} {
		in := fixtureNamed(t, c.name).in
		in.Baseline = c.baseline
		if c.change != nil {
			c.change(&in)
		}
		if got := New(in).NewOutcome(); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
	// The only critical one was there before.
	in := fixtureNamed(t, "critical-of-several").in
	in.Baseline = past("critical-of-several")
	for i, row := range in.Baseline.Findings {
		if row.OnServer*100 < *in.Baseline.Parameters.CriticalPercent*row.Connections {
			in.Baseline.Findings[i].OnServer /= 2
		}
	}
	if doc := New(in); doc.NewOutcome() != checks.OutcomeFinding || doc.Outcome != "critical" || len(doc.Baseline.Worse) == 0 {
		t.Errorf("%s, %s, %+v", doc.NewOutcome(), doc.Outcome, doc.Baseline)
	}
}

func TestBaselineIsRefused(t *testing.T) {
	good := string(documentOf(t, "finding"))
	hotspot, err := os.ReadFile("testdata/hotspot/finding.json.golden")
	if err != nil {
		t.Fatal(err)
	}
	const garbage = "it is not an audit document, or it is cut short: pass what audit concentration --json wrote"
	for text, want := range map[string]string{
		"": garbage, "{}": "it has no field type", "[]": garbage, "null": garbage, "text": garbage, "{\"": garbage, "\x00\xff": garbage,
		good[:len(good)-3]:                   garbage,
		good[:len(good)/2]:                   garbage,
		good + "{}":                          "it has more than one document",
		good + "x":                           "it has more than one document",
		string(hotspot):                      `it is of type "nats-balance.v1.hotspot": pass a document of type nats-balance.v1.audit`,
		`{"type": "\u001b[31m"}`:             `it is of type "\\x1b[31m"`,
		strings.Repeat("[", 1<<20):           garbage,
		`{"x":` + strings.Repeat("[", 1<<20): garbage,
		strings.Replace(good, "OPT_BALANCE_006", "OPT_BALANCE_002", 1):                     `it is of check "OPT_BALANCE_002": pass a document of OPT_BALANCE_006`,
		strings.Replace(good, `"findings": [`, `"others": [`, 1):                           "it has no field findings",
		strings.Replace(good, `"findings": [`, `"findings": [1,`, 1):                       garbage,
		strings.Replace(good, `"on_server": 17`, `"on_server": 19`, 1):                     garbage,
		strings.Replace(good, `"on_server": 17`, `"on_server": -1`, 1):                     garbage,
		strings.Replace(good, `"on_server": 17`, `"on_server": 1.5`, 1):                    garbage,
		strings.Replace(good, `"on_server": 17`, `"on_server": "17"`, 1):                   garbage,
		strings.Replace(good, `"connections": 18`, `"connections": 99999999999999`, 2):     garbage,
		strings.Replace(good, `"2026-02-03T03:05:06Z"`, `"yesterday"`, 1):                  garbage,
		strings.Replace(good, `"outcome"`, `"time": "2026-01-01T00:00:00Z", "outcome"`, 1): garbage,
		strings.Replace(good, `"outcome"`, `"type"`, 1):                                    garbage,
	} {
		past, err := ReadBaseline(strings.NewReader(text))
		if err == nil || past != nil || !strings.Contains(err.Error(), want) || strings.ContainsAny(err.Error(), "\x1b\n") {
			t.Errorf("%.60q…: %v, want %s", text, err, want)
		}
	}
	if _, err := readBaseline(strings.NewReader(good), int64(len(good)), mostRead); err != nil {
		t.Errorf("of the largest size: %v", err)
	}
	endless := io.MultiReader(strings.NewReader(`{"x":"`), zeros{})
	if _, err := readBaseline(endless, 1<<20, mostRead); err == nil || !strings.Contains(err.Error(), "it has more than 256 MiB") {
		t.Errorf("endless: %v", err)
	}
	for what, c := range map[string]struct{ text, want string }{
		"white space":   {`{"type"` + strings.Repeat(" ", 2*longestText) + `:"x"}`, `it is of type "x"`},
		"a long text":   {`{"x":"` + strings.Repeat("a", longestText+1) + `"}`, "it has a text of more than 1 MiB"},
		"a long number": {`{"x":` + strings.Repeat("1", longestText+1) + `}`, "it has a text of more than 1 MiB"},
		"long enough":   {`{"x":"` + strings.Repeat(`\"`, longestText/3) + `"}`, "it has no field type"},
		"two numbers":   {`{"x":1  2}`, garbage},
		"many servers":  {`{"clusters":[{"servers":[` + strings.Repeat("{},", 1000) + `{}]}]}`, "it has more than 1,000,000 servers"},
	} {
		if _, err := readBaseline(strings.NewReader(c.text), largestBaseline, 1000); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", what, err, c.want)
		}
		if _, err := readImpact(strings.NewReader(c.text), "n1", 1000); err == nil || what != "long enough" && what != "white space" && what != "two numbers" && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s, of impact: %v, want %s", what, err, c.want)
		}
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = '0'
	}
	return len(p), nil
}

func FuzzBaseline(f *testing.F) {
	for _, name := range []string{"finding", "baseline", "pass", "hostile"} {
		f.Add(documentOf(f, name))
	}
	f.Add([]byte(`{"type":"nats-balance.v1.audit","findings":[{"account":{"id":"A"},"connections":1e3,"on_server":-1}]}`))
	in := fixtureNamed(f, "finding").in
	f.Fuzz(func(t *testing.T, text []byte) {
		past, err := ReadBaseline(bytes.NewReader(text))
		if err != nil {
			if past != nil || strings.ContainsAny(err.Error(), "\n\r\x1b") {
				t.Errorf("%v, %v", past, err)
			}
			return
		}
		in := in
		in.Baseline = past
		var b bytes.Buffer
		if err := writeText(&b, New(in), Style{}); err != nil {
			t.Fatal(err)
		}
		checkText(t, b.String())
		if err := JSON(&b, New(in)); err != nil {
			t.Fatal(err)
		}
	})
}

// What an audit can't see of the baseline is not called gone, and no acceptance
// is called unused by it.
func TestBaselineOfWhatIsNotSeen(t *testing.T) {
	away := Row{Account: Account{ID: "AWAY", Name: "AWAY"}, Cluster: "C1", Server: ServerRef{Name: "C1-n1"}, Connections: 20, OnServer: 20, SharePercent: 100}
	for _, c := range []struct {
		name    string
		change  func(*Input)
		reason  string
		unknown bool
		noted   bool
	}{
		{"all is seen", func(*Input) {}, "no-connections", false, true},
		{"another account", func(in *Input) { in.Parameters.Accounts = []string{"ORDERS"} }, "not-asked-for", true, false},
		{"this account", func(in *Input) { in.Parameters.Accounts = []string{"AWAY"} }, "no-connections", false, false},
		{"another cluster", func(in *Input) { in.Parameters.Clusters = []string{"C2"} }, "not-asked-for", true, false},
		{"an ordinary account", func(in *Input) { in.SourceKind = account.Kind() }, "not-asked-for", true, false},
		{"this ordinary account", func(in *Input) {
			in.SourceKind = account.Kind()
			in.Deployment.Accounts = append(in.Deployment.Accounts, checks.Account{ID: "AWAY", Name: "AWAY"})
		}, "no-connections", false, false},
		{"a server is missing", func(in *Input) { in.Deployment = &skewed().missing("C1", "C1-n4", -1, silent).Deployment }, "incomplete", true, false},
		{"and accepted", func(in *Input) {
			in.Deployment, in.Parameters.AllowPartial = &skewed().missing("C1", "C1-n4", -1, silent).Deployment, true
		}, "incomplete", true, false},
		{"the same, and few connections are left elsewhere", func(in *Input) {
			in.Deployment, in.Parameters.AllowPartial = &skewed().server("C1", "C1-n5", 0, "AWAY", 3).missing("C1", "C1-n4", -1, silent).Deployment, true
		}, "incomplete", true, false},
		{"the same, and they are even elsewhere", func(in *Input) {
			in.Deployment, in.Parameters.AllowPartial = &skewed().server("C1", "C1-n4", 0, "AWAY", 20).server("C1", "C1-n5", 0, "AWAY", 20).missing("?", "", -1, silent).Deployment, true
		}, "incomplete", true, false},
		{"the missing one has no connections", func(in *Input) {
			in.Deployment, in.Parameters.AllowPartial = &skewed().server("C1", "C1-n5", 0, "AWAY", 3).missing("C1", "C1-n4", 0, silent).Deployment, true
		}, "too-few-connections", false, false},
		{"it is in another cluster", func(in *Input) {
			in.Deployment, in.Parameters.AllowPartial = &skewed().server("C1", "C1-n5", 0, "AWAY", 3).missing("C2", "C2-n4", -1, silent).Deployment, true
		}, "too-few-connections", false, false},
		{"few connections are left", func(in *Input) { in.Deployment = &skewed().server("C1", "C1-n4", 0, "AWAY", 3).Deployment }, "too-few-connections", false, true},
		{"they are even", func(in *Input) {
			in.Deployment = &skewed().server("C1", "C1-n4", 0, "AWAY", 20).server("C1", "C1-n5", 0, "AWAY", 20).Deployment
		}, "below-threshold", false, true},
	} {
		in := fixtureInput(skewed())
		c.change(&in)
		past, err := ReadBaseline(bytes.NewReader(documentOf(t, "pass")))
		if err != nil {
			t.Fatal(err)
		}
		past.Findings = []Row{away, away} // the second is the same one
		in.Baseline = past
		p := in.Parameters
		p.All = true
		in.Result = checks.Accept(checks.CheckConcentration(in.Deployment, p),
			[]checks.Acceptance{{Account: "AWAY", Cluster: "C1", Reason: "r", Expires: day("2026-12-31"), Origin: "c.yaml:3"}}, in.Time)
		doc := New(in)
		got := doc.Baseline.Gone
		if c.unknown {
			got = doc.Baseline.Unknown
		}
		if len(got) != 1 || got[0].Reason != c.reason || len(doc.Baseline.Gone)+len(doc.Baseline.Unknown) != 1 {
			t.Errorf("%s: %+v", c.name, doc.Baseline)
		}
		if noted := strings.Contains(strings.Join(doc.Coverage.Notes, "\n"), "accepted AWAY in C1 (c.yaml:3) matches no finding: remove it?"); noted != c.noted {
			t.Errorf("%s: notes %q", c.name, doc.Coverage.Notes)
		}
		if len(doc.Accounts) > 0 {
			t.Errorf("%s: there are accounts without --all", c.name)
		}
	}
}
