package cause

import (
	"slices"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/words"
)

// StepName names a step of the funnel.
type StepName string

// The steps, in their order. A client ends on a server if each of them lets the
// server through, and if the client then chooses it.
const (
	Listed    StepName = "listed"
	Resolved  StepName = "resolved"
	Forwarded StepName = "forwarded"
	Serves    StepName = "serves"
	Accepts   StepName = "accepts"
	Room      StepName = "room"
	Up        StepName = "up"
	Chosen    StepName = "chosen"
)

// Step is what one step of the funnel says of a service, server by server.
type Step struct {
	Name StepName
	// Servers are those of the cluster, the concentrated one first. A server that
	// did not report is not among them, and is unknown at every step.
	Servers []checks.ServerRef
	// Passes says which of them the step lets through, Left which of them are
	// left after it and all before it.
	Passes, Left []checks.Answer
	// Leaves reports whether it is here that only the concentrated server is left.
	Leaves bool
	// Dropped reports whether the service's connections contradict the step: they are
	// on servers that it holds back, so it is not this service's.
	Dropped bool
	// Text is what it says, in a sentence.
	Text string
}

// funnelStep says which servers of the cluster a step lets through.
type funnelStep struct {
	name   StepName
	passes func(*Situation) []checks.Answer
}

func funnelSteps() []funnelStep {
	return []funnelStep{
		{Listed, func(s *Situation) []checks.Answer { return s.listPasses(Listed) }},
		{Resolved, func(s *Situation) []checks.Answer { return s.listPasses(Resolved) }},
		{Forwarded, func(s *Situation) []checks.Answer { return s.listPasses(Forwarded) }},
		{Serves, (*Situation).serves},
		{Accepts, (*Situation).accepts},
		{Room, (*Situation).room},
		{Up, (*Situation).wereUp},
	}
}

// cluster is the servers of the cluster that reported, the concentrated one
// first.
func (s *Situation) cluster() []*checks.Server {
	return append([]*checks.Server{s.Server}, s.Others...)
}

// all is an answer for every server.
func (s *Situation) all(a checks.Answer) []checks.Answer {
	return slices.Repeat([]checks.Answer{a}, 1+len(s.Others))
}

// on returns how many of the service's connections a server has, as far as that is
// known.
func (s *Situation) on(id string) int {
	if s.counts == nil {
		s.counts = map[string]int{}
		for _, server := range s.cluster() {
			s.counts[server.ID] = s.count(server.ID)
		}
	}
	return s.counts[id]
}

func (s *Situation) count(id string) int {
	if s.Profile != nil && len(s.Profile.Servers) == len(s.Profile.Read) {
		if at := slices.Index(s.Profile.Servers, id); at >= 0 {
			return s.Profile.Read[at]
		}
	}
	for _, share := range s.Finding.Distribution {
		if share.Server.ID == id && share.Connections != nil {
			return *share.Connections
		}
	}
	return 0
}

// strayPercent is how many of a service's connections may be on servers that a
// step holds back: clients that failed over, or were moved since.
const strayPercent = 30

// contradicted reports whether the service's connections are on servers that a
// step holds back.
func (s *Situation) contradicted(passes []checks.Answer) bool {
	if passes[0] == checks.No {
		return true
	}
	held, all := 0, 0
	for i, server := range s.cluster() {
		n := s.on(server.ID)
		all += n
		if passes[i] == checks.No {
			held += n
		}
	}
	return held > 0 && held*100 > strayPercent*all
}

// funnel walks through the steps.
func (s *Situation) funnel() []Step {
	var refs []checks.ServerRef
	for _, server := range s.cluster() {
		refs = append(refs, server.Ref())
	}
	left := s.all(checks.Yes)
	var out []Step
	fallen := false
	for _, f := range funnelSteps() {
		step := Step{Name: f.name, Servers: refs, Passes: f.passes(s)}
		if s.contradicted(step.Passes) {
			step.Dropped = true
		} else {
			left = both(left, step.Passes)
		}
		step.Left = slices.Clone(left)
		step.Leaves = !fallen && s.alone(left)
		fallen = fallen || step.Leaves
		step.Text = s.stepText(step)
		out = append(out, step)
	}
	return out
}

// leftBefore says which servers the steps before one let through, without those that
// the service's connections contradict.
func (s *Situation) leftBefore(name StepName) []checks.Answer {
	out := s.all(checks.Yes)
	for _, f := range funnelSteps() {
		if f.name == name {
			break
		}
		if step := f.passes(s); !s.contradicted(step) {
			out = both(out, step)
		}
	}
	return out
}

// both is what two steps let through.
func both(a, b []checks.Answer) []checks.Answer {
	out := make([]checks.Answer, len(a))
	for i := range a {
		switch {
		case a[i] == checks.No || b[i] == checks.No:
			out[i] = checks.No
		case a[i] == checks.Yes && b[i] == checks.Yes:
			out[i] = checks.Yes
		default:
			out[i] = checks.Unknown
		}
	}
	return out
}

// alone reports whether no server but the concentrated one can be left.
func (s *Situation) alone(left []checks.Answer) bool {
	return len(left) > 1 && s.Missing == 0 && !slices.ContainsFunc(left[1:], func(a checks.Answer) bool { return a != checks.No })
}

// step returns a step of the funnel.
func (s *Situation) step(name StepName) Step {
	if s.steps == nil {
		s.steps = s.funnel()
	}
	for _, step := range s.steps {
		if step.Name == name {
			return step
		}
	}
	return Step{}
}

// stepNouns say what a step did with servers: held back, let through, unknown.
func stepNouns(name StepName) (no, yes, unknown string) {
	switch name {
	case Listed:
		return "The URLs do not name %s.", "The URLs name %s.", "It is unknown whether the URLs name %s."
	case Resolved:
		return "The name does not resolve to %s.", "The name resolves to %s.", "It is unknown whether the name resolves to %s."
	case Forwarded:
		return "The address does not lead to %s.", "The addresses lead to %s.", "It is unknown whether the addresses lead to %s."
	case Serves:
		return "The clients' protocol is not served by %s.", "The clients' protocol is served by %s.", "It is unknown whether the protocol is served by %s."
	case Accepts:
		return "The account or the user can't log in to %s.", "The account can log in to %s.", "It is unknown whether the clients can log in to %s."
	case Room:
		return "There is no room on %s.", "There is room on %s.", "It is unknown whether there is room on %s."
	case Up:
		return "Most of them connected before the start of %s.", "When they connected, the process was running on %s.",
			"It is unknown which of them were up when the clients connected: %s."
	case Chosen:
	}
	return "", "", ""
}

// stepText says what a step does, in a sentence.
func (s *Situation) stepText(step Step) string {
	no, yes, unknown := stepNouns(step.Name)
	at := func(a checks.Answer) string {
		var names []string
		for i, server := range s.cluster() {
			if step.Passes[i] == a {
				names = append(names, label(server))
			}
		}
		return words.Few(names)
	}
	switch held := at(checks.No); {
	case step.Dropped:
		return "Not the step of these clients: they are on servers that it holds back."
	case held != "":
		return fill(no, held)
	case at(checks.Unknown) == "":
		return fill(yes, at(checks.Yes))
	}
	return fill(unknown, at(checks.Unknown))
}
