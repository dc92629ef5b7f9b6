package cause

import (
	"regexp"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/nats-balance/nats-balance/checks"
)

// sound tests what holds for the causes of any case.
func sound(t *testing.T, c Case, causes []Cause) {
	t.Helper()
	var codes []Code
	for i, cause := range causes {
		codes = append(codes, cause.Code)
		if cause.Confidence < 0 || cause.Confidence > 1 {
			t.Errorf("the confidence of %s is %v", cause.Code, cause.Confidence)
		}
		if cause.Explains < 0 || cause.Explains > max(0, c.Finding.OnServer) {
			t.Errorf("%s explains %d of %d", cause.Code, cause.Explains, c.Finding.OnServer)
		}
		if cause.Verdict.order() < 0 || cause.Title == "" || len(cause.Evidence) == 0 {
			t.Errorf("%s is %q with title %q and evidence %v", cause.Code, cause.Verdict, cause.Title, cause.Evidence)
		}
		if cause.Confidence > 0 && cause.Verdict.Compare(Possible) > 0 {
			t.Errorf("%s is %s with confidence %v", cause.Code, cause.Verdict, cause.Confidence)
		}
		for _, e := range cause.Evidence {
			if problem := wording(e.Text); problem != "" && (e.Text != "" || e.Settle == "") || e.Where == "" {
				t.Errorf("%s: evidence %q of %q: %s", cause.Code, e.Text, e.Where, problem)
			}
		}
		if i == 0 {
			continue
		}
		a := causes[i-1]
		before := []int{a.Verdict.order(), roleOrder(a.Role), -leadsBack(a), -a.Explains}
		if after := []int{cause.Verdict.order(), roleOrder(cause.Role), -leadsBack(cause), -cause.Explains}; slices.Compare(before, after) > 0 {
			t.Errorf("%s comes before %s", a.Code, cause.Code)
		}
	}
	var want []Code
	for _, d := range All() {
		want = append(want, d.Code)
	}
	slices.Sort(codes)
	slices.Sort(want)
	if !slices.Equal(codes, want) {
		t.Errorf("the causes are %v, want each of %v once", codes, want)
	}
}

func roleOrder(r Role) int { return slices.Index([]Role{Root, Contributing}, r) }

// slips are patterns of what no sentence has.
var slips = map[string]*regexp.Regexp{
	"no sentence":           regexp.MustCompile(`[^.?)]$`),
	"a slip in punctuation": regexp.MustCompile(`  |\.\.|,,| [.,:;]|: \.|^$`),
	"a value as Go has it":  regexp.MustCompile(`%!|<nil>|invalid IP|invalid Addr|0001-01-01`),
	"a wrong number":        regexp.MustCompile(`(^|[ (])1 (connections|tries|URLs|clients|servers|networks|addresses)\b`),
	"a wrong verb":          regexp.MustCompile(`\bn\d and n\d (is|has|serves|was|does)\b|more (is|has|serves)\b|^n\d (are|have|serve)\b`),
	"a missing name":        regexp.MustCompile(`\( |\'\'|""|On  |, and  `),
}

// fine are the sentences that were looked at already: most come again and again.
var fine sync.Map

// wording is what is wrong with a sentence; empty where nothing is.
func wording(text string) string {
	if _, ok := fine.Load(text); ok {
		return ""
	}
	for what, pattern := range slips {
		if pattern.MatchString(text) {
			return what
		}
	}
	fine.Store(text, true)
	return ""
}

// TestNothingKnown: what could not be looked at is neither a cause nor ruled out.
func TestNothingKnown(t *testing.T) {
	t.Parallel()
	bare := func(s *scene) {
		s.Profile, s.Accounts = nil, nil
		on(silentServer, 1, 2, 3)(s)
		for i := range s.Deployment.Servers {
			s.Deployment.Servers[i].Usage, s.Deployment.Servers[i].Start = nil, time.Time{}
		}
	}
	for name, c := range map[string]Case{
		"nothing but the finding": caseOf(bare),
		"an empty case":           {},
		"no deployment":           {Finding: caseOf().Finding},
		"an empty profile":        {Finding: caseOf().Finding, Deployment: &checks.Deployment{}, Profile: &checks.Profile{}},
	} {
		causes := Diagnose(c).Causes
		sound(t, c, causes)
		for _, cause := range causes {
			if cause.Verdict != NotTested && cause.Code != SmallAccount {
				t.Errorf("%s: %s is %s\n%s", name, cause.Code, cause.Verdict, tell([]Cause{cause}))
			}
		}
	}
}

// TestOrderOfCauses: what is surer comes first, of the same verdict root causes,
// of those what explains more.
func TestOrderOfCauses(t *testing.T) {
	t.Parallel()
	full := func(s *checks.Server) { *s.Details.Connections = *s.MaxConnections }
	causes := Diagnose(caseOf(counts(12, 1, 1), list(urlsOf(2, 1, 3)...), on(full, 2, 3), on(func(s *checks.Server) { s.Details.ConnectURLs = nil }, 1))).Causes
	var got []string
	for _, c := range causes[:4] {
		got = append(got, string(c.Verdict)+" "+string(c.Code))
	}
	want := []string{"confirmed server-full", "confirmed discovery-off", "confirmed small-account"}
	if !slices.Equal(got[:3], want) {
		t.Errorf("the first are %v, want %v", got, want)
	}
}

// TestCircumstances: two causes that circumstances speak for make each other
// less certain, what is observed does not.
func TestCircumstances(t *testing.T) {
	t.Parallel()
	full := on(func(s *checks.Server) { *s.Details.Connections = *s.MaxConnections }, 2, 3)
	everywhere := list(urlsOf(2, 1, 3)...)
	for _, r := range []struct {
		name    string
		changes []change
		want    map[Code]Verdict
	}{
		{"full servers alone", with(everywhere, full), map[Code]Verdict{ServerFull: Confirmed, RestartDrift: RuledOut}},
		{"drift alone", with(unordered(urlsOf(2, 1, 3)...), aloneAtFirst), map[Code]Verdict{ServerFull: RuledOut, RestartDrift: Confirmed}},
		{"both", with(everywhere, full, aloneAtFirst), map[Code]Verdict{ServerFull: Likely, RestartDrift: Likely}},
		{"both, and a single URL", with(list(urlsOf(1)...), full, aloneAtFirst),
			map[Code]Verdict{SingleURL: Likely, ServerFull: Possible, RestartDrift: Possible}},
	} {
		for _, c := range Diagnose(caseOf(r.changes...)).Causes {
			if want, ok := r.want[c.Code]; ok && c.Verdict != want {
				t.Errorf("%s: %s is %s, want %s", r.name, c.Code, c.Verdict, want)
			}
		}
	}
}
