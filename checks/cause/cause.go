package cause

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/nats-balance/nats-balance/checks"
)

// Verdict is how sure a cause is.
type Verdict string

// In the order in which causes are told.
const (
	// Confirmed: observed directly.
	Confirmed Verdict = "confirmed"
	// Likely: what was observed speaks for it, and for nothing else as much.
	Likely Verdict = "likely"
	// Possible: what was observed does not speak against it.
	Possible Verdict = "possible"
	// NotTested: it could not be tested; the evidence says what to pass.
	NotTested Verdict = "unknown"
	// RuledOut: tested, and it is not that.
	RuledOut Verdict = "ruled-out"
)

// Cause is a possible reason of a finding, tested or not.
type Cause struct {
	Code    Code
	Title   string
	Role    Role
	Verdict Verdict
	// Confidence is from 0, where nothing speaks for it, to 1.
	Confidence float64
	// Evidence is what was seen, one sentence each.
	Evidence []Evidence
	// Explains is how many of the connections on the concentrated server it
	// explains.
	Explains int
}

// Strong reports whether the cause is confirmed or likely.
func (c Cause) Strong() bool { return c.Verdict == Confirmed || c.Verdict == Likely }

// Evidence is what was seen, in a sentence, and where.
type Evidence struct {
	Text, Source string
	// Settle is what would settle it, where it leaves something open; it may then
	// be all that there is to say.
	Settle Need
}

// Case is a finding with all that is known of it.
type Case struct {
	Finding    checks.Finding
	Deployment *checks.Deployment
	// Profile is nil where the connections were not read.
	Profile *checks.Profile
	// Accounts is what the servers of the cluster know of the account, by
	// server id.
	Accounts map[string]checks.AccountOn
	// Lists are client URL lists of any account.
	Lists []checks.URLList
	// ThresholdPercent is the share that makes a finding; 0 is the default.
	ThresholdPercent int
	// Gap is why the source may lack what servers say of themselves.
	Gap Gap
}

// Exceeds reports whether a share is a finding's by the threshold of the case.
func (c Case) Exceeds(onServer, connections int) bool {
	p := checks.Defaults()
	p.ThresholdPercent = cmp.Or(c.ThresholdPercent, p.ThresholdPercent)
	return p.Exceeds(onServer, connections)
}

// rule is one cause: what it is and how it is judged.
type rule struct {
	Definition
	judge func(*Situation) judgement
	// silenced are the causes that explain this one, or stand in its way: where
	// one of them is at least likely, this is no more than possible.
	silenced []Code
	// firm causes are certain where they are observed; others are confirmed only
	// where no second root cause is likely.
	firm bool
}

// judgement is what a rule says of a case.
type judgement struct {
	verdict    Verdict
	confidence float64
	explains   int
	evidence   []Evidence
}

// rules lists the causes, the most certain kind of evidence first; a new cause
// adds its line here.
func rules() []rule {
	return []rule{
		accountGap(), listenerGap(), singleURL(), singleAddressDNS(), stickyLoadBalancer(), serverFull(),
		restartDrift(), networkAffinity(), orderedConnect(), singleProcess(), discoveryOff(), smallAccount(),
	}
}

// judge judges every cause. It returns all of them: confirmed, likely, possible,
// unknown, ruled out; at the same verdict root causes before contributing ones,
// then by what explains most of the connections.
func (s *Situation) judge() []Cause {
	all := rules()
	judged := make([]judgement, len(all))
	for i, r := range all {
		judged[i] = r.judge(s)
	}
	silence(all, judged)
	moderate(all, judged)
	out := make([]Cause, len(all))
	for i, r := range all {
		j := judged[i]
		out[i] = Cause{Code: r.Code, Title: r.Title, Role: r.Role, Verdict: j.verdict,
			Confidence: j.confidence, Explains: j.explains, Evidence: j.evidence}
	}
	slices.SortStableFunc(out, func(a, b Cause) int {
		return cmp.Or(
			cmp.Compare(order(a.Verdict), order(b.Verdict)),
			cmp.Compare(b.Role, a.Role), // root before contributing
			cmp.Compare(b.Explains, a.Explains),
			cmp.Compare(b.Confidence, a.Confidence),
		)
	})
	return out
}

func order(v Verdict) int {
	return slices.Index([]Verdict{Confirmed, Likely, Possible, NotTested, RuledOut}, v)
}

// silence lowers causes that another one explains.
func silence(all []rule, judged []judgement) {
	const enough = 0.6 // what only hints speak for explains nothing away
	strong := map[Code]Verdict{}
	for i, r := range all {
		if order(judged[i].verdict) <= order(Likely) && judged[i].confidence >= enough {
			strong[r.Code] = judged[i].verdict
		}
	}
	for i, r := range all {
		if order(judged[i].verdict) > order(Likely) {
			continue
		}
		for _, by := range r.silenced {
			// What is confirmed gives way only to what is confirmed too.
			if v, ok := strong[by]; !ok || order(v) > order(judged[i].verdict) {
				continue
			}
			judged[i].verdict, judged[i].confidence = Possible, min(judged[i].confidence, 0.3)
			judged[i].evidence = append(judged[i].evidence, Evidence{Text: string(by) + " explains the same connections.", Source: "the other causes"})
			break
		}
	}
}

// moderate lowers what is confirmed by circumstances where another root cause
// could be behind it too.
func moderate(all []rule, judged []judgement) {
	strong := 0
	for i, r := range all {
		if r.Role == Root && order(judged[i].verdict) <= order(Likely) {
			strong++
		}
	}
	for i, r := range all {
		if r.Role == Root && !r.firm && judged[i].verdict == Confirmed && strong > 1 {
			judged[i].verdict, judged[i].confidence = Likely, min(judged[i].confidence, 0.8)
			judged[i].evidence = append(judged[i].evidence, Evidence{Text: "Another cause is likely too, so this one is not certain.", Source: "the other causes"})
		}
	}
}

// say is evidence.
func say(source, format string, args ...any) Evidence {
	return Evidence{Text: fmt.Sprintf(format, args...), Source: source}
}

// notTested is the verdict where something is missing to judge.
func notTested(source, format string, args ...any) judgement {
	return judgement{verdict: NotTested, evidence: []Evidence{say(source, format, args...)}}
}

// ruledOut is the verdict where it was tested, and is not that.
func ruledOut(source, format string, args ...any) judgement {
	return judgement{verdict: RuledOut, evidence: []Evidence{say(source, format, args...)}}
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
