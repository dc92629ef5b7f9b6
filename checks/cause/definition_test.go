package cause

import (
	"slices"
	"testing"

	"github.com/nats-balance/nats-balance/checks"
)

// TestDefinitions holds when a cause is added.
func TestDefinitions(t *testing.T) {
	t.Parallel()
	for _, d := range All() {
		if again, ok := Define(d.Code); !ok || again.Title != d.Title || d.Title == "" || len(d.Helps) == 0 {
			t.Errorf("%s is %+v", d.Code, again)
		}
		if (d.Role == Root) != (d.Moved != "") {
			t.Errorf("%s is a %s cause, and moved clients %q", d.Code, d.Role, d.Moved)
		}
		if d.First != "" && !slices.ContainsFunc(d.Helps, func(h Help) bool { return h.Remedy == d.First }) {
			t.Errorf("%s: %s comes first, and does not help", d.Code, d.First)
		}
		if (d.Role == Root) != (d.Step != "") {
			t.Errorf("%s is a %s cause of step %q", d.Code, d.Role, d.Step)
		}
	}
	if d, ok := Define("wind"); ok || d.Moved != Undecided {
		t.Errorf("there is %+v", d)
	}
}

// TestComesBack: who knows one server only goes elsewhere if servers tell of
// others, and a client that takes its list in order goes to the next one.
func TestComesBack(t *testing.T) {
	t.Parallel()
	for _, r := range []struct {
		code         Code
		told, untold bool
	}{
		{SingleURL, false, true}, {SingleAddressDNS, true, true}, {StickyLoadBalancer, true, true}, {AccountGap, true, true}, {ListenerGap, true, true},
		{OrderedConnect, false, false}, {RestartDrift, false, false}, {ServerFull, false, false},
		{NetworkAffinity, false, false}, {SingleProcess, false, false}, {SmallAccount, false, false},
	} {
		for _, verdict := range []Verdict{RuledOut, Confirmed} {
			want := r.untold
			if verdict == RuledOut {
				want = r.told
			}
			d := Conclude(Case{}, []Cause{{Code: DiscoveryOff, Verdict: verdict}})
			if got := d.ComesBack(r.code); got != want {
				t.Errorf("%s, and discovery-off is %s: they come straight back: %v", r.code, verdict, got)
			}
		}
	}
}

// TestGaps: what is missing because of the source is settled by another one.
func TestGaps(t *testing.T) {
	t.Parallel()
	for gap, want := range map[Gap]Need{GapAnswers: NeedServerAnswers, GapOneAccount: NeedSystemAccount, GapRecorded: NeedServerEndpoints, GapPages: NeedLongerTimeout} {
		c := caseOf(on(silentServer, 1, 2, 3), func(s *scene) { s.Gap = gap })
		d := Diagnose(c)
		for _, code := range []Code{DiscoveryOff, ServerFull} {
			if e := d.Cause(code).Evidence; d.Cause(code).Verdict != NotTested || len(e) != 1 || e[0].Settle != want {
				t.Errorf("%q: %s has %+v", gap, code, e)
			}
		}
	}
}

// TestOpen: what is open says so from plain data, and where nobody listens is
// dead, unless it is a server's own address.
func TestOpen(t *testing.T) {
	t.Parallel()
	c := caseOf(list("nats://10.0.0.1:4222", "nats://10.0.0.8:4222"), without("10.0.0.1:4222", checks.ContactRefused))
	l := newSituation(c).Own[0]
	if o := l.Reach.Open; len(o) != 1 || o[0].Why != OpenRefused || o[0].URL != "nats://10.0.0.1:4222" || o[0].Detail != "n1" {
		t.Errorf("open is %+v", o)
	}
	if got := l.dead(); !slices.Equal(got, []string{"10.0.0.8:4222"}) {
		t.Errorf("dead are %v", got)
	}
}
