package rebalance

import (
	"slices"

	"github.com/nats-balance/nats-balance/checks/cause"
)

// WentElsewhere is that after so many of the closes of a run the clients went to other
// servers.
type WentElsewhere struct{ Stayed, Closed int }

// Shows implements [cause.Shown].
func (WentElsewhere) Shows() {}

// Shows implements [cause.Shown].
func (Returned) Shows() {}

// Shows implements [cause.Shown].
func (Miss) Shows() {}

// Judged returns the causes of an account with what a run has shown: clients that
// were disconnected and stayed on other servers rule out what would have led them
// back, and clients that came back rule out what would have let them go on. Where
// a few did that is still possible, and no more. Other few show nothing.
func Judged(causes []cause.Cause, a Arrived) []cause.Cause {
	out := slices.Clone(causes)
	stayed := a.Moved - a.Back - a.Missing
	var back, few bool
	switch {
	case a.Moved > 0 && a.Moved < fewest && a.Back == a.Moved: // as of one that was tried first
		back, few = true, true
	case a.Moved < fewest:
		return out
	case a.Back*2 > a.Moved:
		back = true
	case stayed*2 <= a.Moved:
		return out
	}
	var shown cause.Shown = WentElsewhere{stayed, a.Moved}
	if back {
		shown = Returned{a.Back, a.Moved}
	}
	for i := range out {
		definition, known := cause.Define(out[i].Code)
		if !known || out[i].Role != cause.Root || out[i].Verdict == cause.RuledOut {
			continue
		}
		// What servers advertise may have led them elsewhere for now.
		against := !back && definition.Moved == cause.ComeBack || back && definition.Moved == cause.GoOn
		if !against {
			continue
		}
		switch {
		case !few:
			out[i].Verdict, out[i].Confidence = cause.RuledOut, 0
		case out[i].Verdict.Strong():
			out[i].Verdict, out[i].Confidence = cause.Possible, unsure
		}
		out[i].Evidence = append(slices.Clone(out[i].Evidence), cause.Evidence{Shown: shown, Where: "this rebalance"})
	}
	slices.SortStableFunc(out, func(x, y cause.Cause) int { return x.Verdict.Compare(y.Verdict) })
	return out
}

// Unmet returns the causes of an account with what is known of servers that its clients
// did not come to, and where that was seen: none that would have let them go there is more
// than possible.
func Unmet(causes []cause.Cause, miss Miss, source string) []cause.Cause {
	out := slices.Clone(causes)
	for i := range out {
		if definition, known := cause.Define(out[i].Code); known && out[i].Role == cause.Root && out[i].Verdict.Strong() && definition.Moved == cause.GoOn {
			out[i].Verdict, out[i].Confidence = cause.Possible, unsure
			out[i].Evidence = append(slices.Clone(out[i].Evidence), cause.Evidence{Shown: miss, Where: source})
		}
	}
	slices.SortStableFunc(out, func(x, y cause.Cause) int { return x.Verdict.Compare(y.Verdict) })
	return out
}

// unsure is the confidence in a cause that a run speaks against.
const unsure = 0.2
