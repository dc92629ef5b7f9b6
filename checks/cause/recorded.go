package cause

import (
	"slices"
	"time"

	"github.com/nats-balance/nats-balance/checks"
)

// restarts is what a recorder saw of the restarts after which the clients are where
// they are: those that ended in the processes of the other servers that run now.
type restarts struct {
	// moved is Yes where the recorder saw all of it: the account was not
	// concentrated here, every other server that the clients can reach stopped with
	// clients on it, and then these services came here. It is No where the account was
	// concentrated on this server before.
	moved  checks.Answer
	before checks.RecordedSpread // the last one before the first of them stopped
	from   time.Time             // when the first of them stopped,
	to     time.Time             // and when the last one was back
	left   int                   // connections that went from the others to this one
}

// recordedShare is by how many percent a share can differ from the last that was
// written down: by less than 5 in what is written, and 5 while it is read.
const recordedShare = 10

// recorded returns what a recorder saw of the restarts. Without one, and where what
// it wrote down last is not what there is now, nothing is known.
func (s *Situation) recorded() restarts {
	r := s.Recorded
	unknown := restarts{moved: checks.Unknown}
	if r == nil || s.Missing > 0 || len(s.Others) == 0 || !s.stillRecorded() {
		return unknown
	}
	out := unknown
	reached := s.reachableThen()
	for i, o := range s.Others {
		if reached[i+1] == checks.No {
			continue
		}
		stop, start, ok := restartOf(r, o)
		if !ok {
			return unknown
		}
		if out.from.IsZero() || stop.Before(out.from) {
			out.from = stop
		}
		if start.After(out.to) {
			out.to = start
		}
	}
	at := -1
	for i, x := range r.Spreads {
		if x.Time.Before(out.from) {
			at = i
		}
	}
	if at < 0 || r.Spreads[at].Connections == 0 {
		return unknown
	}
	out.before = r.Spreads[at]
	if s.Exceeds(out.before.On(s.Server.Name), out.before.Connections) {
		out.moved = checks.No
		return out
	}
	out.moved = s.movedBy(&out, reached)
	return out
}

// restartOf is when the process of a server before the one that runs now stopped,
// and when this one was first seen; ok is false where one of them was not recorded.
func restartOf(r *checks.Recorded, o *checks.Server) (stop, start time.Time, ok bool) {
	at := slices.IndexFunc(r.Events, func(e checks.RecordedEvent) bool { return e.Started && e.Server.ID == o.ID })
	if at < 0 {
		return stop, start, false
	}
	before := ""
	for _, e := range slices.Backward(r.Events[:at]) {
		if e.Server.Name != o.Name {
			continue
		}
		if e.Started || e.Answers || e.Server.ID == o.ID || before != "" && e.Server.ID != before {
			break
		}
		before, stop = e.Server.ID, e.Time // it drains, and then it stops
	}
	return stop, r.Events[at].Time, before != ""
}

// stillRecorded reports whether the last that was written down of the account is
// what there is now.
func (s *Situation) stillRecorded() bool {
	f, spreads := s.whole.Finding, s.Recorded.Spreads
	if len(spreads) == 0 {
		return false
	}
	last := spreads[len(spreads)-1]
	if last.Connections == 0 || f.Connections == 0 || last.Connections > 2*f.Connections || f.Connections > 2*last.Connections {
		return false
	}
	at := slices.IndexFunc(last.Servers, func(x checks.RecordedShare) bool { return x.Server.ID == f.Server.ID })
	if at < 0 {
		return false
	}
	was, is := 100*last.Servers[at].Connections/last.Connections, 100*f.OnServer/f.Connections
	return max(was, is)-min(was, is) <= recordedShare
}

// movedBy reports whether the services that are here came here as every other server that
// they can reach stopped, enough of them to explain half of what the server has above
// an even share. Servers that stop do not say who leaves them, so that is known by
// counts: the account has as many connections as it had, those that are missing on
// the others are here, and who came was seen.
func (s *Situation) movedBy(r *restarts, reached []checks.Answer) checks.Answer {
	if !s.conserved(r.before) {
		return checks.Unknown
	}
	names := map[string]bool{s.Server.Name: true}
	for i, o := range s.Others {
		if names[o.Name] {
			return checks.Unknown // whose events these are is unknown
		}
		names[o.Name] = true
		had := r.before.On(o.Name)
		if had == 0 && reached[i+1] != checks.No {
			return checks.Unknown
		}
		r.left += max(0, had-s.on(o.ID))
	}
	r.left = max(0, r.left-s.kickedFrom(names, r.before.Time))
	stayed := r.before.On(s.Server.Name)
	if slices.ContainsFunc(s.Recorded.Events, func(e checks.RecordedEvent) bool {
		return !e.Started && !e.Answers && e.Server.Name == s.Server.Name && e.Time.After(r.before.Time)
	}) {
		if len(s.everyone) != 1 {
			return checks.Unknown // another service may have come back
		}
		stayed = 0
	}
	came := s.Finding.OnServer - stayed
	above := s.Finding.OnServer - s.Finding.Connections/(1+len(s.Others))
	if came <= 0 || 2*min(came, r.left, s.recordedToCome(r.before.Time)) < above {
		return checks.Unknown
	}
	r.left = min(r.left, came)
	return checks.Yes
}

// kickedFrom is how many connections other servers closed since a time as somebody asked
// them to: these did not leave with a restart.
func (s *Situation) kickedFrom(servers map[string]bool, since time.Time) (n int) {
	for _, k := range s.Recorded.Kicked {
		if servers[k.Server.Name] && k.Server.Name != s.Server.Name && k.Time.After(since) {
			n += k.Connections
		}
	}
	return n
}

// conserved reports whether the account has about as many connections as it had.
func (s *Situation) conserved(before checks.RecordedSpread) bool {
	now := s.whole.Finding.Connections
	return 4*max(now, before.Connections) <= 5*min(now, before.Connections)
}

// movesOf is how long before a change what came is recorded with it.
const movesOf = 2 * time.Minute

// recordedToCome is how many connections of these services were recorded to come to
// the concentrated server since a time; at the least: the same ones may be recorded
// with several changes. Those without a name are known where the account has no
// other service.
func (s *Situation) recordedToCome(since time.Time) int {
	type counted struct {
		most, sum int
		at        time.Time // of the most
	}
	by := map[string]*counted{}
	if s.Profile != nil {
		for _, x := range s.Profile.Services {
			if !x.Remainder && (x.Stem != "" || len(s.everyone) == 1) {
				by[x.Stem] = &counted{}
			}
		}
	}
	for _, m := range s.Recorded.Moves {
		c := by[m.Service]
		if c == nil || m.Left || !m.Time.After(since) || m.Server.Name != s.Server.Name {
			continue
		}
		switch {
		case m.Time.Sub(c.at) > movesOf: // others than those before
			c.sum += c.most
			c.most, c.at = m.Connections, m.Time
		case m.Connections > c.most:
			c.most, c.at = m.Connections, m.Time
		}
	}
	n := 0
	for _, c := range by {
		n += c.sum + c.most
	}
	return n
}

// withRecord is the verdict on the restarts with what a recorder saw of them. Where it
// saw the clients on the other servers until these stopped, and then come here, they
// can reach those, whatever lists say, and nothing else brought them.
func (s *Situation) withRecord(j judgement) judgement {
	r := s.recorded()
	if r.moved == checks.Unknown || s.Profile == nil {
		return j
	}
	const layout = "15:04:05"
	before := func(but string) Evidence {
		return say("history", "%s before the first of them stopped, at %s UTC, %d of the account's %s were on %s.", but,
			r.from.UTC().Format(layout), r.before.On(s.Server.Name), connectionsOf(r.before.Connections), label(s.Server))
	}
	if r.moved == checks.No {
		// What lists confirm stands: then an earlier restart did the same.
		if j.verdict == Likely || j.verdict == Possible {
			j.verdict, j.confidence = Possible, min(j.confidence, 0.3)
			j.evidence = append(j.evidence, before("But"))
		}
		return j
	}
	_, _, fits := s.startsFit()
	// That these clients know other servers was seen: they were on them.
	_, emptied, _ := s.emptied()
	walked := s.walked()
	switch {
	case cameAfter(s.Profile):
		return j
	case fits || emptied || walked == checks.Yes:
		j.verdict, j.confidence = Likely, 0.9
		if s.Profile.Whole {
			// Who is told to take the list in its order comes back to its first
			// server, whatever brought them to the others.
			j.verdict, j.confidence, j.direct = Confirmed, 0.95, !s.toldToOrder()
		}
	case walked == checks.Unknown && j.verdict != RuledOut:
		j.verdict, j.confidence = Likely, 0.8
	default:
		return j
	}
	j.explains = s.explained(max(j.explains, r.left))
	j.evidence = append(j.evidence, before("Just"),
		say("history", "From then until %s UTC, %s stopped and started again, and %s went from there to %s.",
			r.to.UTC().Format(layout), otherNames(s.Others), connectionsOf(r.left), label(s.Server)))
	return j
}
