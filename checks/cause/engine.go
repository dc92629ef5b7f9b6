package cause

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/nats-balance/nats-balance/checks"
)

// rule is one cause: what it is and how it is judged.
type rule struct {
	Definition
	judge func(*Situation) judgement
	// thing is what findings with this cause have in common if it is the same for
	// them, as a list or a server; nil where it is each account's own.
	thing func(*Situation) string
	// byLists says whether only the clients' own lists can rule it out: those that
	// may be other clients' can't.
	byLists bool
	// likelihood says how well a choice model explains the placements; ok is false
	// where the model does not apply. Nil for the steps before the choice.
	likelihood func(*Situation) (l Likelihood, ok bool)
}

// judgement is what a rule says of a case.
type judgement struct {
	verdict    Verdict
	confidence float64
	explains   int
	evidence   []Evidence
	// title is the cause's where its own says more than was seen; empty where it fits.
	title string
	// direct says whether the cause itself was observed of these clients, as an
	// option in their configuration or a refusal; other causes are concluded from
	// circumstances.
	direct bool
	// past says that what caused it is over: it explains where the clients are, and
	// keeps none of them there.
	past bool
	// fixed says that DNS gives the addresses in a fixed order, and that the clients'
	// libraries keep it.
	fixed bool
}

// rules lists the causes, in the order of the funnel; a new cause adds its line
// here.
func rules() []rule {
	return []rule{
		singleURL(), singleAddressDNS(), stickyLoadBalancer(), listenerGap(), accountGap(), serverFull(),
		restartDrift(), networkAffinity(), orderedConnect(), singleProcess(), discoveryOff(), smallAccount(),
	}
}

// judge judges every cause of one service, or of several of which the same is
// known, in the order of the rules.
func (s *Situation) judge(all []rule) []judgement {
	s.steps = s.funnel()
	judged := make([]judgement, len(all))
	unlike := s.unlikeList()
	for i, r := range all {
		judged[i] = r.judge(s)
		switch {
		case judged[i].verdict != RuledOut || !r.byLists:
		case !s.theirs, len(s.beside) > 0:
			judged[i].verdict = NotTested
			judged[i].evidence = append(judged[i].evidence, s.notJustTheirs())
		case unlike:
			judged[i].verdict = NotTested
			judged[i].evidence = append(judged[i].evidence, s.sayUnlike())
		}
	}
	s.compare(all, judged)
	s.lowerUncertain(all, judged)
	s.fall(all, judged)
	return judged
}

// sayUnlike says that the list that is known does not bring clients to where these are,
// or that it takes clients that keep to its order.
func (s *Situation) sayUnlike() Evidence {
	text := fmt.Sprintf("The clients on %s are not where the list that is known would bring them, so they may have come by another list.", label(s.Server))
	if s.firstInOrder() {
		text = fmt.Sprintf("The list leads to other servers than %s too: these clients take it in its order, as an option of theirs may say, or came by another one.", label(s.Server))
	}
	if slices.ContainsFunc(s.Own, func(l List) bool { return l.Workload != "" }) {
		text = strings.TrimSuffix(text, ".") + ", from before its file was changed: then a restart may already spread them."
	}
	return say("CONNZ", "%s", text).settledBy(NeedOwnURLs)
}

// notJustTheirs says that a list may be another service's, with what settles it:
// that it is the account's was said already where it is tied.
func (s *Situation) notJustTheirs() Evidence {
	e := Evidence{Text: "Whether these are the lists of just these clients is unknown.", Where: "client URLs", Settle: NeedOwnURLs}
	switch {
	case s.theirs:
		e.Settle = NeedOneList
	case s.Tied:
		e.Settle = NeedServiceURLs
	}
	return e
}

// compare lowers choice models that do not explain the placements better than
// chance and than every other model by far. What was observed directly stands.
func (s *Situation) compare(all []rule, judged []judgement) {
	fits := make([]Likelihood, len(all))
	alive := make([]bool, len(all))
	free := s.freely()
	for i, r := range all {
		if r.likelihood != nil && judged[i].verdict.Compare(Possible) <= 0 {
			fits[i], alive[i] = r.likelihood(s)
		}
	}
	for i := range all {
		if !alive[i] || judged[i].direct || !judged[i].verdict.Strong() {
			continue
		}
		if fits[i] < free+likelyOverFree {
			judged[i].lower("Chance explains the placements nearly as well.")
			continue
		}
		for k := range all {
			if k != i && alive[k] && fits[i] < fits[k]+judged[k].over() {
				judged[i].lower(string(all[k].Code) + " explains the placements as well or better.")
				break
			}
		}
	}
}

// freely is the likelihood where each client takes any server that was up when it
// connected, or walked through its list when servers restarted.
func (s *Situation) freely() Likelihood {
	p := s.placement()
	free := p.Free()
	p.Up, p.Order = s.upWhen()
	if p.Up == nil || slices.ContainsFunc(s.cluster(), func(o *checks.Server) bool { return untimed(o) || o.Details.Margin > fineClock }) {
		return free
	}
	p.Moved = true
	return max(free, p.WhileUp())
}

// fall applies the order of the funnel: where an earlier step was seen to leave
// the concentrated server alone, later steps would leave it alone too, and what
// clients choose among one server is no question.
func (s *Situation) fall(all []rule, judged []judgement) {
	for i, r := range all {
		if r.Role != Root || !judged[i].verdict.Strong() {
			continue
		}
		for k, earlier := range all[:i] {
			if earlier.Role != Root || !judged[k].verdict.Strong() || earlier.Step == r.Step || !s.settles(judged[k], r.Step) {
				continue
			}
			if judged[i].direct && (r.Step != Chosen || !judged[k].direct) {
				judged[i].confidence *= 0.9
				judged[i].evidence = append(judged[i].evidence, Evidence{Text: "An earlier step leaves the same server: " + string(earlier.Code) + ". Both have to be mended.", Where: "the other causes"})
			} else {
				judged[i].lower("An earlier step explains the same connections: " + string(earlier.Code) + ".")
			}
			break
		}
	}
}

// settles reports whether a step that leaves one server makes a later one
// pointless. What is concluded from circumstances only leaves clients no choice.
func (s *Situation) settles(earlier judgement, later StepName) bool {
	return earlier.direct || later == Chosen
}

// lowerUncertain lowers what is confirmed by circumstances unless all other steps are
// known, and some server that it explains passes them all: nothing else can then
// be behind it.
func (s *Situation) lowerUncertain(all []rule, judged []judgement) {
	for i, r := range all {
		if r.Role != Root || judged[i].verdict != Confirmed || judged[i].direct && r.Step != Chosen {
			continue
		}
		if !s.tested(r.Step) {
			judged[i].verdict, judged[i].confidence = Likely, min(judged[i].confidence, 0.8)
			judged[i].evidence = append(judged[i].evidence, Evidence{Text: "Another step may hold the other servers back too, so this is not certain.", Where: "the other causes"})
		}
	}
}

// tested reports whether every step but this one is known for the other servers,
// at least one of them passes all the others, and no other list of the account
// says otherwise.
func (s *Situation) tested(but StepName) bool {
	free := s.all(checks.Yes)
	for _, step := range s.steps {
		if step.Name != but && !step.Dropped {
			free = both(free, step.Passes)
		}
	}
	return s.Missing == 0 && len(s.beside) == 0 && !slices.Contains(free[1:], checks.Unknown) && slices.Contains(free[1:], checks.Yes)
}

// lower makes a cause possible, and says why.
func (j *judgement) lower(why string) {
	j.verdict, j.confidence = Possible, min(j.confidence, 0.3)
	j.evidence = append(j.evidence, Evidence{Text: why, Where: "the other causes"})
}

// over is by how much another model has to explain the placements better than this
// one, less than nothing for one that is merely possible.
func (j judgement) over() Likelihood {
	if j.verdict.Strong() {
		return likelyOverOthers
	}
	return -likelyOverOthers
}

// sorted puts causes in the order in which they are told: the surest first, of
// the same verdict root causes, of those what brings clients back, then what explains more.
func sorted(all []Cause) []Cause {
	slices.SortStableFunc(all, func(a, b Cause) int {
		return cmp.Or(
			a.Verdict.Compare(b.Verdict),
			cmp.Compare(b.Role, a.Role), // root before contributing
			leadsBack(b)-leadsBack(a),
			cmp.Compare(b.Explains, a.Explains),
			cmp.Compare(b.Confidence, a.Confidence),
		)
	})
	return all
}

// leadsBack is 1 for a cause that is sure enough and brings clients back that are moved:
// of two that are as sure it is the one to begin with, as moving them is of no use
// until it is mended.
func leadsBack(c Cause) int {
	if !c.Verdict.Strong() { // cheap, and nearly always so
		return 0
	}
	if d, _ := Define(c.Code); d.Moved == ComeBack || d.Moved == ComeBackUntold {
		return 1
	}
	return 0
}
