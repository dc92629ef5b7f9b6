package cause

import (
	"slices"
	"time"

	"github.com/nats-balance/nats-balance/checks"
)

// refusedUntil is how often a server refused the users of these clients, and when
// last, by the clock of the auditor.
func (s *Situation) refusedUntil(o *checks.Server) (n int, last time.Time) {
	for _, c := range s.pastRefusals(o) {
		n += c.Connections
		if c.Last.After(last) {
			last = c.Last
		}
	}
	return n, last
}

// changed is when a server last took over a configuration, or in operator mode a JWT,
// from which it knows users, by the clock of the auditor; ok is false where it did
// not say. A server has one clock: what it closed and what it loaded can be compared
// without a margin.
func (s *Situation) changed(o *checks.Server) (at time.Time, ok bool) {
	if o.Details == nil || o.Details.Loaded.IsZero() {
		return at, false
	}
	at = o.Details.Loaded
	if operatorMode(s.Finding.Account.ID) {
		updated := s.Accounts[o.ID].Updated
		if updated.IsZero() {
			return time.Time{}, false
		}
		if updated.After(at) {
			at = updated
		}
	}
	return at.Add(-o.Details.Offset), true
}

// mended says whether a server that refused the users of these clients may take them
// now: Yes where one of them logged in since, or where it loaded its configuration
// after the last refusal; No where it did not.
func (s *Situation) mended(o *checks.Server) checks.Answer {
	_, last := s.refusedUntil(o)
	if s.knows(o) == checks.Yes && s.refused(o) == 0 {
		return checks.Yes // they are logged in there, or were after that
	}
	at, ok := s.changed(o)
	switch {
	case !ok || last.IsZero():
		return checks.Unknown
	case at.After(last):
		return checks.Yes
	}
	return checks.No
}

// refusedBefore are the other servers that refused these clients and may take them
// now, when the last refusal was, and from when on the first of them may take them.
func (s *Situation) refusedBefore() (by []*checks.Server, times int, last, taken time.Time) {
	for _, o := range s.Others {
		if s.knows(o) != checks.Yes || s.mended(o) != checks.Yes {
			continue
		}
		n, until := s.refusedUntil(o)
		if n == 0 {
			continue
		}
		by, times = append(by, o), times+n
		if until.After(last) {
			last = until
		}
		if at, ok := s.changed(o); ok && at.After(until) && (taken.IsZero() || at.Before(taken)) {
			taken = at
		}
		for _, c := range s.pastRefusals(o) {
			if at := loginAfter(s.History, c); !at.IsZero() && (taken.IsZero() || at.Before(taken)) {
				taken = at
			}
		}
	}
	return by, times, last, taken
}

// refusedOnce reports whether a server refused the users of these clients at some time.
func (s *Situation) refusedOnce(o *checks.Server) bool {
	n, _ := s.refusedUntil(o)
	return n > 0
}

// refusedWhenTheyCame reports whether a server refused the users of these clients, and
// loaded no configuration after that before the first of them connected: whatever it
// does now, it held them back then.
func (s *Situation) refusedWhenTheyCame(o *checks.Server) bool {
	at, ok := s.changed(o)
	return s.refusedOnce(o) && (!ok || s.Profile == nil || !at.Before(s.Profile.Oldest))
}

// beyond reports of a server whether a step before holds these clients back from it, as
// a list that does not name it: then what it would accept does not matter. Where that
// is so of all that do not accept them as well, the others are where they could go.
func (s *Situation) beyond(without []*checks.Server) func(*checks.Server) bool {
	left := s.leftBefore(Accepts)
	held := func(o *checks.Server) bool { return left[1+slices.Index(s.Others, o)] == checks.No }
	if !slices.ContainsFunc(without, func(o *checks.Server) bool { return !held(o) }) {
		return func(*checks.Server) bool { return false }
	}
	return held
}

// sayOpen says of which servers it is unknown whether they take these clients.
func (s *Situation) sayOpen(open []*checks.Server) Evidence {
	if slices.ContainsFunc(open, func(o *checks.Server) bool { return s.knows(o) == checks.Yes }) {
		return say("ACCOUNT INFO", "Whether %s can take these clients is unknown.", otherNames(open)).settledBy(NeedUsers)
	}
	return say("ACCOUNT INFO", "%s did not say.", s.silentNames(open)).settledBy(NeedAccountInfo)
}

// mayHaveRefused reports whether some other server refused these clients before, or has
// none of them and did not say what it remembers.
func (s *Situation) mayHaveRefused() bool {
	return slices.ContainsFunc(s.Others, func(o *checks.Server) bool {
		return s.refusedOnce(o) || s.on(o.ID) == 0 && !s.Remember[o.ID]
	})
}

// overBy are the refusals by a server that a login there ended.
func (s *Situation) overBy(o *checks.Server) []checks.Closed {
	return slices.DeleteFunc(slices.Clone(s.over), func(c checks.Closed) bool { return c.Server != o.ID || !s.isUser(c.User) })
}

// fewRefusals is how many clients one refusal explains at the most: who takes a list of
// several servers at random is refused about once before it ends on the only one that
// takes it. Fewer may be somebody who mistyped a password.
const fewRefusals = 4

// judgeMended judges refusals that are of the past: they explain where the clients are,
// and keep nobody away now. ok is false where not every other server refused them, or
// all of them connected after that.
func (s *Situation) judgeMended() (j judgement, ok bool) {
	by, n, last, taken := s.refusedBefore()
	if len(by) == 0 || len(by) < len(s.Others) || s.Missing > 0 || s.Profile == nil || !taken.IsZero() && !s.Profile.Oldest.Before(taken) {
		return j, false
	}
	j = judgement{verdict: Likely, confidence: 0.75, explains: s.Finding.OnServer, direct: true, past: true}
	j.evidence = append(j.evidence, say("closed connections", "%s refused the login of these clients' users %s, the last time at %s.",
		otherNames(by), times(n), last.UTC().Format("15:04:05 UTC")))
	unproven := slices.DeleteFunc(slices.Clone(by), func(o *checks.Server) bool { return s.takesUser(o) == checks.Yes })
	switch {
	case len(unproven) > 0:
		j.evidence = append(j.evidence, say("VARZ", "%s loaded %s configuration after that, so this may be mended: whether %s these users now is unknown until one logs in.",
			otherNames(unproven), verb(unproven, "its", "their"), verb(unproven, "it takes", "they take")).settledBy(NeedUsers))
	case slices.ContainsFunc(by, func(o *checks.Server) bool { return len(s.overBy(o)) > 0 }):
		j.evidence = append(j.evidence, say("closed connections", "After that, clients with these users logged in there: it is mended, and they can be moved."))
	default:
		j.evidence = append(j.evidence, say("CONNZ", "Now clients with these users are logged in there."))
	}
	if n*fewRefusals < s.Finding.OnServer {
		j.verdict, j.confidence = Possible, 0.4
		j.evidence = append(j.evidence, say("closed connections", "That is few refusals for %s.", connectionsOf(s.Finding.OnServer)))
	}
	if !taken.IsZero() && s.Profile.Newest.After(taken) {
		j.verdict, j.confidence = Possible, 0.4
		j.evidence = append(j.evidence, say("CONNZ", "But some of the clients on %s connected later.", label(s.Server)))
	}
	return j, true
}
