package checks

import (
	"reflect"
	"testing"
	"time"
)

// acceptable has a finding of 80 % of ORDERS and one of 95 % of BATCH in C1, and
// one of ORDERS in C2.
func acceptable() *Deployment {
	d := &Deployment{Accounts: []Account{{ID: "AORDERS", Name: "ORDERS"}, {ID: "BATCH", Name: "BATCH"}}}
	for _, s := range []struct {
		cluster, name string
		orders, batch uint32
	}{{"C1", "a", 80, 95}, {"C1", "b", 20, 5}, {"C1", "c", 0, 0}, {"C2", "d", 30, 0}, {"C2", "e", 1, 0}, {"C2", "f", 1, 0}} {
		d.Servers = append(d.Servers, Server{ID: s.name, Name: s.name, Cluster: s.cluster, Usage: []Usage{{0, s.orders, 0}, {1, s.batch, 0}}})
	}
	return d
}

func TestAccept(t *testing.T) {
	noon := time.Date(2026, 2, 3, 12, 0, 0, 0, time.UTC)
	day := func(text string) time.Time {
		at, err := time.Parse(time.DateOnly, text)
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	later, today, yesterday := day("2026-12-31"), day("2026-02-03"), day("2026-02-02")
	all := Acceptance{Account: "*", Cluster: "*", Expires: later}
	for _, c := range []struct {
		name     string
		list     []Acceptance
		now      time.Time
		critical int
		findings int
		lapsed   *Lapse // of the first finding
		by       string // the reasons of what accepts, in order
		unused   int
		outcome  Outcome
	}{
		{name: "nothing", findings: 3, outcome: OutcomeFinding},
		{name: "all", list: []Acceptance{all}, by: "|||", outcome: OutcomePass},
		{name: "critical too", list: []Acceptance{all}, critical: 90, by: "|||", outcome: OutcomePass},
		{name: "one, by id", list: []Acceptance{{Account: "AORDERS", Cluster: "C1", Expires: later, Reason: "r"}}, findings: 2, by: "r|", outcome: OutcomeFinding},
		{name: "by name, everywhere", list: []Acceptance{{Account: "ORDERS", Cluster: "*", Expires: later}}, findings: 1, by: "||", outcome: OutcomeFinding},
		{name: "the critical one", critical: 90, list: []Acceptance{{Account: "BA*", Cluster: "C1", Expires: later}, {Account: "ORDERS", Cluster: "C2", Expires: later}}, findings: 1, by: "||", outcome: OutcomeFinding},
		{name: "others than the critical one", critical: 95, list: []Acceptance{{Account: "ORDERS", Cluster: "*", Expires: later}}, findings: 1, by: "||", outcome: OutcomeCritical},
		{name: "wrong cluster and account", list: []Acceptance{{Account: "BATCH", Cluster: "C2", Expires: later}, {Account: "orders", Cluster: "*", Expires: later}, {Account: "*", Cluster: "C*", Expires: later}}, findings: 3, unused: 3, outcome: OutcomeFinding},
		{name: "to the end of the day", list: []Acceptance{{Account: "*", Cluster: "*", Expires: today}}, now: time.Date(2026, 2, 3, 23, 59, 59, 999, time.UTC), by: "|||", outcome: OutcomePass},
		{name: "in UTC", list: []Acceptance{{Account: "*", Cluster: "*", Expires: today}}, now: time.Date(2026, 2, 4, 1, 0, 0, 0, time.FixedZone("", 2*3600)), by: "|||", outcome: OutcomePass},
		{name: "and no longer", list: []Acceptance{{Account: "*", Cluster: "*", Expires: yesterday}}, findings: 3, lapsed: &Lapse{Acceptance{Account: "*", Cluster: "*", Expires: yesterday}, Expired}, outcome: OutcomeFinding},
		{name: "expired and valid", list: []Acceptance{{Account: "*", Cluster: "*", Expires: yesterday, Reason: "old"}, {Account: "*", Cluster: "*", Expires: later, Reason: "new"}}, by: "new|new|new|", outcome: OutcomePass},
		{name: "valid and expired", list: []Acceptance{{Account: "*", Cluster: "*", Expires: later, Reason: "new"}, {Account: "*", Cluster: "*", Expires: yesterday, Reason: "old"}}, by: "new|new|new|", outcome: OutcomePass},
		{name: "up to its share", list: []Acceptance{{Account: "BATCH", Cluster: "C1", Expires: later, MaxSharePercent: 95}}, findings: 2, by: "|", outcome: OutcomeFinding},
		{name: "above its share", list: []Acceptance{{Account: "BATCH", Cluster: "C1", Expires: later, MaxSharePercent: 94}}, findings: 3, lapsed: &Lapse{Acceptance{Account: "BATCH", Cluster: "C1", Expires: later, MaxSharePercent: 94}, AboveShare}, outcome: OutcomeFinding},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := Defaults()
			p.CriticalPercent, p.All = c.critical, true
			if c.now.IsZero() {
				c.now = noon
			}
			before := CheckConcentration(acceptable(), p)
			rows := len(before.Rows)
			got := Accept(before, c.list, c.now)
			by, lapsed := "", (*Lapse)(nil)
			for _, a := range got.Accepted {
				by += a.By.Reason + "|"
			}
			if len(got.Findings) > 0 {
				lapsed = got.Findings[0].Lapsed
			}
			if len(got.Findings) != c.findings || by != c.by || len(got.Unmatched) != c.unused || got.Outcome != c.outcome || !reflect.DeepEqual(lapsed, c.lapsed) {
				t.Errorf("%d findings, lapsed %v, by %q, %d unused, %s", len(got.Findings), lapsed, by, len(got.Unmatched), got.Outcome)
			}
			marked := 0
			for _, row := range got.Rows {
				if row.Verdict == AcceptedFinding {
					marked++
				}
			}
			if marked != len(got.Accepted) || len(got.Rows) != rows {
				t.Errorf("%d of %d rows are accepted, want %d of %d", marked, len(got.Rows), len(got.Accepted), rows)
			}
			for _, row := range before.Rows {
				if row.Verdict == AcceptedFinding {
					t.Error("the result that was handed in has changed")
				}
			}
		})
	}
}

// What a missing server may change stays open, and nothing that is for it is
// called unused.
func TestAcceptLeavesOpenWhatIsOpen(t *testing.T) {
	d := acceptable()
	d.Missing = []Missing{{ID: "g", Name: "g", Cluster: "C1", ClusterKnown: true}}
	later := time.Date(2026, 12, 31, 0, 0, 0, 0, time.UTC)
	got := Accept(CheckConcentration(d, Defaults()), []Acceptance{
		{Account: "BATCH", Cluster: "C1", Expires: later}, {Account: "ORDERS", Cluster: "C2", Expires: later},
		{Account: "GONE", Cluster: "C1", Expires: later}, {Account: "GONE", Cluster: "C2", Expires: later},
	}, later)
	if got.Outcome != OutcomeIncomplete || len(got.Open) != 2 || len(got.Findings) != 0 || len(got.Accepted) != 1 {
		t.Errorf("%s: %d open, %d findings, %d accepted", got.Outcome, len(got.Open), len(got.Findings), len(got.Accepted))
	}
	if len(got.Unmatched) != 1 || got.Unmatched[0].Cluster != "C2" {
		t.Errorf("unmatched: %+v", got.Unmatched)
	}
}
