package cause

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/nats-balance/nats-balance/internal/words"
)

// Verdict is how sure a cause is.
type Verdict string

// The verdicts, the surest first.
const (
	// Confirmed: observed directly.
	Confirmed Verdict = "confirmed"
	// Likely: the evidence is for it, and for no other cause as much.
	Likely Verdict = "likely"
	// Possible: what was observed does not speak against it.
	Possible Verdict = "possible"
	// NotTested: it could not be tested; the evidence says what to pass.
	NotTested Verdict = "unknown"
	// RuledOut: tested, and it is not that.
	RuledOut Verdict = "ruled-out"
)

// Strong reports whether a cause is confirmed or likely.
func (v Verdict) Strong() bool { return v == Confirmed || v == Likely }

// Compare compares verdicts in the order in which causes are told, the surest first: it
// is negative where v comes before o, and 0 where they are the same.
func (v Verdict) Compare(o Verdict) int { return cmp.Compare(v.order(), o.order()) }

// order is the place of a verdict among all; negative for what is not one.
func (v Verdict) order() int {
	return slices.Index([]Verdict{Confirmed, Likely, Possible, NotTested, RuledOut}, v)
}

// Cause is a possible reason of a finding, tested or not.
type Cause struct {
	Code  Code
	Title string
	Role  Role
	// Step is the step of the funnel that it is about; empty for contributing
	// causes.
	Step    StepName
	Verdict Verdict
	// Confidence is from 0, where there is no evidence for it, to 1.
	Confidence float64
	// Past reports whether it is over: it explains where the clients are, and keeps
	// none of them there.
	Past bool
	// Evidence is what was seen.
	Evidence []Evidence
	// Explains is how many of the connections on the concentrated server it
	// explains.
	Explains int
}

// Evidence is what was seen, in a sentence, and where.
type Evidence struct {
	Text, Where string
	// Shown is what closing connections showed of the cause, for a report to word. The
	// evidence then has no sentence of its own. Nil where nobody closed any.
	Shown Shown
	// Settle is what would settle it, where it leaves something open; it may then
	// be all that there is to say.
	Settle Need
}

// Shown is what closing connections showed, with its names and numbers.
type Shown interface{ Shows() }

// say is evidence.
//
// Numbers in it are counts, and get thousands separators. They are replaced where they
// are, as vet knows a function for one that formats by args going on as they came.
func say(where, format string, args ...any) Evidence {
	for i, arg := range args {
		if n, ok := arg.(int); ok {
			args[i] = grouped(n)
		}
	}
	return Evidence{Text: fmt.Sprintf(format, args...), Where: where}
}

// grouped is a number that every verb writes as [words.Count] does.
type grouped int

// Format implements [fmt.Formatter].
func (n grouped) Format(f fmt.State, _ rune) { fmt.Fprint(f, words.Count(int(n))) }

// notTested is the verdict where something is missing to judge.
func notTested(where, format string, args ...any) judgement {
	return judgement{verdict: NotTested, evidence: []Evidence{say(where, format, args...)}}
}

// ruledOut is the verdict where it was tested, and is not that.
func ruledOut(where, format string, args ...any) judgement {
	return judgement{verdict: RuledOut, evidence: []Evidence{say(where, format, args...)}}
}

// settledBy says of the last evidence what would settle it.
func (j judgement) settledBy(n Need) judgement {
	j.evidence[len(j.evidence)-1].Settle = n
	return j
}

// settledBy says what would settle it.
func (e Evidence) settledBy(n Need) Evidence {
	e.Settle = n
	return e
}
