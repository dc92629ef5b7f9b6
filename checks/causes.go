package checks

import (
	"cmp"
	"fmt"
	"slices"
)

// Role is what a cause has to do with a finding.
type Role string

// A Root cause brought the clients there; a Contributing one makes it worse, or
// says how bad it is.
const (
	Root         Role = "root"
	Contributing Role = "contributing"
)

// CauseVerdict is how sure a cause is.
type CauseVerdict string

// In the order in which causes are told.
const (
	// Confirmed: observed directly.
	Confirmed CauseVerdict = "confirmed"
	// Likely: what was observed speaks for it, and for nothing else as much.
	Likely CauseVerdict = "likely"
	// Possible: what was observed does not speak against it.
	Possible CauseVerdict = "possible"
	// NotTested: it could not be tested; the evidence says what to pass.
	NotTested CauseVerdict = "unknown"
	// RuledOut: tested, and it is not that.
	RuledOut CauseVerdict = "ruled-out"
)

// Cause is a possible reason of a finding, tested or not.
type Cause struct {
	Code, Title string
	Role        Role
	Verdict     CauseVerdict
	// Confidence is from 0, where nothing speaks for it, to 1.
	Confidence float64
	// Evidence is what was seen, one sentence each.
	Evidence []Evidence
	// Explains is how many of the connections on the concentrated server it
	// explains.
	Explains int
	// Remedies are the codes of those of the finding's remedies that help.
	Remedies []string
}

// Evidence is what was seen, and where.
type Evidence struct{ Text, Source string }

// Case is a finding with all that was found out about it.
type Case struct {
	Finding    Finding
	Deployment *Deployment
	// Profile is nil where the connections were not read.
	Profile *Profile
	// Accounts is what the servers of the cluster know of the account, by
	// server id.
	Accounts map[string]AccountOn
	// Lists are client URL lists; those that are tied to other accounts are
	// left out of account.
	Lists []URLList
	// ThresholdPercent is the share that makes a finding; 0 is the default.
	ThresholdPercent int
	// ToTell is what to do so that servers tell of themselves, in a clause;
	// empty is what helps with the system account.
	ToTell string
}

func (c Case) toTell() string {
	return cmp.Or(c.ToTell, "pass a longer --timeout, or allow the user $SYS.REQ.SERVER.*.VARZ")
}

// rule is one cause: what it is called and how it is judged.
type rule struct {
	code, title string
	role        Role
	judge       func(*situation) judgement
	// silenced are the causes that explain this one, or stand in its way: where
	// one of them is at least likely, this is no more than possible.
	silenced []string
	// firm causes are certain where they are observed; others are confirmed only
	// where no second root cause is likely.
	firm bool
}

// judgement is what a rule says of a case.
type judgement struct {
	verdict    CauseVerdict
	confidence float64
	explains   int
	evidence   []Evidence
}

// causeRules lists the causes, the most certain kind of evidence first; a new
// cause adds its line here.
func causeRules() []rule {
	return []rule{
		accountGap(), listenerGap(), singleURL(), singleAddressDNS(), stickyLoadBalancer(), serverFull(),
		restartDrift(), networkAffinity(), orderedConnect(), singleProcess(), discoveryOff(), smallAccount(),
	}
}

// CauseCodes are the codes of all causes.
func CauseCodes() []string {
	var out []string
	for _, r := range causeRules() {
		out = append(out, r.code)
	}
	return out
}

// Diagnose judges every cause of a finding. It returns all of them: confirmed,
// likely, possible, unknown, ruled out; at the same verdict root causes before
// contributing ones, then by what explains most of the connections.
func Diagnose(c Case) []Cause {
	s := newSituation(c)
	rules := causeRules()
	judged := make([]judgement, len(rules))
	for i, r := range rules {
		judged[i] = r.judge(s)
	}
	silence(rules, judged)
	moderate(rules, judged)
	out := make([]Cause, len(rules))
	for i, r := range rules {
		j := judged[i]
		out[i] = Cause{Code: r.code, Title: r.title, Role: r.role, Verdict: j.verdict,
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

func order(v CauseVerdict) int {
	return slices.Index([]CauseVerdict{Confirmed, Likely, Possible, NotTested, RuledOut}, v)
}

// silence lowers causes that another one explains.
func silence(rules []rule, judged []judgement) {
	const enough = 0.6 // what only hints speak for explains nothing away
	strong := map[string]CauseVerdict{}
	for i, r := range rules {
		if order(judged[i].verdict) <= order(Likely) && judged[i].confidence >= enough {
			strong[r.code] = judged[i].verdict
		}
	}
	for i, r := range rules {
		if order(judged[i].verdict) > order(Likely) {
			continue
		}
		for _, by := range r.silenced {
			// What is confirmed gives way only to what is confirmed too.
			if v, ok := strong[by]; !ok || order(v) > order(judged[i].verdict) {
				continue
			}
			judged[i].verdict, judged[i].confidence = Possible, min(judged[i].confidence, 0.3)
			judged[i].evidence = append(judged[i].evidence, Evidence{Text: by + " explains the same connections.", Source: "the other causes"})
			break
		}
	}
}

// moderate lowers what is confirmed by circumstances where another root cause
// could be behind it too.
func moderate(rules []rule, judged []judgement) {
	strong := 0
	for i, r := range rules {
		if r.role == Root && order(judged[i].verdict) <= order(Likely) {
			strong++
		}
	}
	for i, r := range rules {
		if r.role == Root && !r.firm && judged[i].verdict == Confirmed && strong > 1 {
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
