package report

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-balance/nats-balance/checks"
)

// TestServicesOfAServerThatIsGone: what is said of a service follows from what the
// cluster had of it then and has now; where either is unknown, so is who is back.
func TestServicesOfAServerThatIsGone(t *testing.T) {
	t.Parallel()
	type counts = map[string]int
	past := &PastImpact{Server: "n1", Cluster: "C1"}
	for _, c := range []struct {
		what     string
		held     counts // then
		services map[string]counts
		unread   Open
		want     string
	}{
		{"all came to another", counts{"n1": 8}, map[string]counts{"api": {"n2": 8}}, nil, "8 back, 0 missing, [{n2 8}]"},
		{"it also had some elsewhere", counts{"n1": 8, "n2": 4}, map[string]counts{"api": {"n2": 9}}, nil, "5 back, 3 missing, [{n2 5}]"},
		{"it grew meanwhile", counts{"n1": 8, "n2": 4}, map[string]counts{"api": {"n2": 9, "n3": 20}}, nil, "8 back, 0 missing, [{n3 20} {n2 5}]"},
		{"others left too", counts{"n1": 8, "n2": 40}, map[string]counts{"api": {"n2": 3}}, nil, "0 back, 8 missing, []"},
		{"nobody is there", counts{"n1": 8}, map[string]counts{}, nil, "0 back, 8 missing, []"},
		{"the server is there again", counts{"n1": 8, "n2": 2}, map[string]counts{"api": {"n1": 6, "n2": 2}}, nil, "6 back, 2 missing, [{n1 6}]"},
		{"n3 was not read, and they are all there without", counts{"n1": 8}, map[string]counts{"api": {"n2": 8}}, OpenSilent{Server: "n3"}, "8 back, 0 missing, [{n2 8}]"},
		{"n3 was not read", counts{"n1": 8}, map[string]counts{"api": {"n2": 7}}, OpenSilent{Server: "n3"}, "n3 did not report"},
		{"nothing was read", counts{"n1": 8}, nil, OpenUnread{}, "its connections of now were not read"},
		{"where else it was is unknown", nil, map[string]counts{"api": {"n2": 8}}, nil, "what others had of it then is unknown"},
	} {
		is := Present{Services: c.services, Unread: c.unread}
		got := past.serviceSince(PastService{Name: "api", OnServer: 8, Held: c.held}, PastAccount{}, is)
		var said string
		if got.Why != nil {
			said = *got.Why
		} else {
			said = fmt.Sprintf("%d back, %d missing, %v", *got.Back, *got.Missing, got.On)
		}
		if said != c.want || (got.Back == nil) != (got.Missing == nil) {
			t.Errorf("%s: %s, want %s", c.what, said, c.want)
		}
	}
}

// TestServiceThatDidNotComeBack: the account has as many connections as then, as another
// service of it grew. That one of its services is missing is a finding all the same.
func TestServiceThatDidNotComeBack(t *testing.T) {
	t.Parallel()
	past := &PastImpact{Server: "n1", Cluster: "C1", Connections: 8, Time: time.Now(), Accounts: []PastAccount{{ID: "A", Name: "ORDERS", OnServer: 8, InCluster: 8, Held: map[string]int{"n1": 8},
		Services: []PastService{{"api", 5, map[string]int{"n1": 5}}, {"batch", 3, map[string]int{"n1": 3}}}}}}
	in := fixtureInput(newFleet().server("C1", "n2", 100, "A", 8))
	doc := NewImpacts(ImpactInput{Time: in.Time, SourceKind: in.SourceKind, Deployment: in.Deployment, Gone: past.Since(func(string) Present {
		return Present{Held: map[string]int{"n2": 8}, Services: map[string]map[string]int{"api": {"n2": 8}}}
	})})
	var b strings.Builder
	if err := ImpactText(&b, doc, Style{}); err != nil {
		t.Fatal(err)
	}
	text := strings.Join(strings.Fields(b.String()), " ")
	for _, want := range []string{"as many as then, but not all of their services do", "ORDERS: 8 of 8 connections back (8 more on n2) Missing: batch 3 of 3. Back: api 5 of 5 (8 more on n2)."} {
		if doc.Outcome != "finding" || !strings.Contains(text, want) {
			t.Errorf("outcome %s; %q is not in\n%s", doc.Outcome, want, b.String())
		}
	}
}

// TestServicesThatNobodyKnows: watch records accounts and no services.
func TestServicesThatNobodyKnows(t *testing.T) {
	t.Parallel()
	g := goneOf("n1", time.Now())
	g.Accounts[0].Services = nil
	for recorded, want := range map[bool]string{false: "Which services of 1 account were on it is unknown: the baseline does not say.", true: "as watch does not record that"} {
		how := "down"
		if g.Recorded = nil; recorded {
			g.Recorded = &how
		}
		if got := g.unnamed(); !strings.Contains(got, want) {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

// What came to others about when a server fell silent may have been on it before, or not.
// Where that decides who is back, it is unknown.
func TestWhoCameAsAServerFellSilent(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name      string
		came, now int
		unseen    bool
		back      int
		missing   string
		outcome   checks.Outcome
	}{
		{"nobody came", 0, 4, false, 0, "10", checks.OutcomeFinding},
		{"nobody came until then, and all since", 0, 14, false, 10, "0", checks.OutcomePass},
		{"as many came", 10, 14, false, 0, "unknown", checks.OutcomeIncomplete},
		{"six came, and ten since", 6, 20, false, 10, "0", checks.OutcomePass},
		{"six came, and seven since", 6, 17, false, 7, "unknown", checks.OutcomeIncomplete},
		{"those that came are gone", 6, 4, false, 0, "10", checks.OutcomeFinding},
		{"who came was not seen, and some are there", 0, 4, true, 0, "unknown", checks.OutcomeIncomplete},
		{"who came was not seen, and many are there", 0, 40, true, 0, "unknown", checks.OutcomeIncomplete},
		{"who came was not seen, and nobody is there", 0, 0, true, 0, "10", checks.OutcomeFinding},
	} {
		others := 4
		if c.unseen {
			others = 0
		}
		past := &PastImpact{Server: "n3", Cluster: "C1", Recorded: checks.Silent, Connections: 10, Accounts: []PastAccount{{ID: "A", Name: "ORDERS", OnServer: 10, InCluster: 10 + others, Came: c.came, Unseen: c.unseen}}}
		g := past.Since(func(string) Present { return Present{Held: map[string]int{"n1": c.now}} })
		missing := "unknown"
		if g.Missing != nil {
			missing = fmt.Sprint(*g.Missing)
		}
		if g.Back != c.back || missing != c.missing || g.outcome() != c.outcome || (g.Accounts[0].Why == nil) != (g.Missing != nil) {
			t.Errorf("%s: %d are back, %s missing: %s", c.name, g.Back, missing, g.outcome())
		}
		of := checks.RecordedOn{Connections: 10, Others: others, Came: c.came, Unseen: c.unseen}
		if least, most := of.Back(c.now); least != c.back || (least == most) != (g.Missing != nil) {
			t.Errorf("%s: %d to %d are elsewhere", c.name, least, most)
		}
	}
}

// Clients may go to another cluster: what that has more than then is not missing, and
// where nobody knows what it had, nobody knows whether any came back.
func TestWhoIsInAnotherCluster(t *testing.T) {
	t.Parallel()
	type counts = map[string]int
	for _, c := range []struct {
		name      string
		had, has  counts // of other clusters
		back      int
		missing   string
		service   string
		clusters  string
		uncounted Open
	}{
		{"no other cluster has it", counts{}, nil, 3, "5 missing", "5 missing", "[]", nil},
		{"all the others are there", counts{}, counts{"WEST": 5}, 8, "0 missing", "0 missing", "[{WEST 5}]", nil},
		{"some are, in two of them", counts{"WEST": 0}, counts{"SOUTH": 1, "WEST": 2}, 6, "2 missing", "2 missing", "[{SOUTH 1} {WEST 2}]", nil},
		{"it had some before", counts{"WEST": 10}, counts{"WEST": 12}, 5, "3 missing", "how many of it other clusters had then is unknown", "[{WEST 2}]", nil},
		{"it had as many before", counts{"WEST": 10}, counts{"WEST": 10}, 3, "5 missing", "how many of it other clusters had then is unknown", "[]", nil},
		{"what it had before is unknown", nil, counts{"WEST": 12}, 3, "WEST has 12 of the account, and what other clusters had of it then is unknown", "how many of it other clusters had then is unknown", "[]", nil},
		{"a server there did not report", counts{}, counts{"WEST": 2}, 5, "w3 did not report", "3 missing", "[{WEST 2}]", OpenSilent{Server: "w3"}},
	} {
		past := &PastImpact{Server: "n1", Cluster: "EAST", Connections: 8, Accounts: []PastAccount{{ID: "A", Name: "ORDERS", OnServer: 8, InCluster: 8, OtherClusters: c.had,
			Services: []PastService{{Name: "api", OnServer: 8, Held: counts{"n1": 8}}}}}}
		g := past.Since(func(string) Present {
			return Present{Held: counts{"n2": 3}, Services: map[string]counts{"api": {"n2": 3}}, OtherClusters: c.has, Away: map[string]counts{"api": c.has}, Uncounted: c.uncounted}
		})
		a := g.Accounts[0]
		said := func(n *int, why *string) string {
			if n != nil {
				return fmt.Sprintf("%d missing", *n)
			}
			return *why
		}
		missing, service := said(a.Missing, a.Why), said(a.Services[0].Missing, a.Services[0].Why)
		if a.Back != c.back || missing != c.missing || service != c.service || fmt.Sprint(a.OtherClusters) != c.clusters {
			t.Errorf("%s: %d back, missing %s, service %s, %v", c.name, a.Back, missing, service, a.OtherClusters)
		}
	}
}
