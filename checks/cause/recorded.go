package cause

import (
	"slices"
	"time"

	"github.com/nats-balance/nats-balance/checks"
)

// restarts is what a recorder saw of the restarts after which the clients are where
// they are: those that ended in the processes of the other servers that run now.
type restarts struct {
	seen   seen
	before checks.RecordedSpread // the last one before the first of them stopped
	amid   checks.RecordedSpread // of leanedAmid
	from   time.Time             // when the first of them stopped,
	to     time.Time             // and when the last one was back
	left   int                   // connections that went from the others to this one, at the least
	ended  int                   // of replaced: connections that ended meanwhile
}

// seen is what a recorder saw of whether restarts moved clients.
type seen int

const (
	// nothing: that is unknown.
	nothing seen = iota
	// moved: the account was not concentrated here, every other server that the clients
	// can reach stopped with clients on it, and then these services came here.
	moved
	// leanedBefore: the account was concentrated on this server before.
	leanedBefore
	// leanedAmid: more were here than servers that had stopped by then can have sent.
	leanedAmid
	// replaced: so many connections ended meanwhile that those that are here may have
	// replaced them, as a deployment does.
	replaced
)

// recordedShare is by how many percent a share can differ from the last that was
// written down: by less than 5 in what is written, and 5 while it is read.
const recordedShare = 10

// recorded returns what a recorder saw of the restarts. Without one, and where what
// it wrote down last is not what there is now, nothing is known.
func (s *Situation) recorded() (out restarts) {
	r := s.Recorded
	if r == nil || s.Missing > 0 || len(s.Others) == 0 || !s.stillRecorded() {
		return restarts{}
	}
	stops := map[string]time.Time{} // by name
	reached := s.reachableThen()
	for i, o := range s.Others {
		stop, start, ok := restartOf(r, o)
		if ok {
			stops[o.Name] = stop
		}
		if reached[i+1] == checks.No {
			continue
		}
		if !ok {
			return restarts{}
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
		return restarts{}
	}
	out.before = r.Spreads[at]
	after := r.Spreads[at+1:]
	if s.Exceeds(out.before.On(s.Server.Name), out.before.Connections) {
		out.seen = leanedBefore
		return out
	}
	if at := slices.IndexFunc(after, func(x checks.RecordedSpread) bool { return s.leansWithout(out.before, x, stops) }); at >= 0 {
		out.seen, out.amid = leanedAmid, after[at]
		return out
	}
	out.seen = s.movedBy(&out, after, reached)
	return out
}

// leansWithout reports whether the account is concentrated here and more of it is here
// than was here and on servers that have stopped by then: others brought them.
func (s *Situation) leansWithout(before, then checks.RecordedSpread, stops map[string]time.Time) bool {
	most := before.On(s.Server.Name) + before.Connections*recordedShare/100
	for name, stop := range stops {
		if !stop.After(then.Time) {
			most += before.On(name)
		}
	}
	on := then.On(s.Server.Name)
	return s.Exceeds(on, then.Connections) && on > most
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

// movedBy returns moved where the services that are here came here as every other server that
// they can reach stopped, enough of them to explain half of what the server has above
// an even share. Servers that stop do not say who leaves them, so that is known by
// counts: the account has as many connections as it had, those that are missing on
// the others are here, and who came was seen. What came instead of connections that
// ended by themselves, and what there is more of, did not come from there.
func (s *Situation) movedBy(r *restarts, after []checks.RecordedSpread, reached []checks.Answer) seen {
	if !s.conserved(r.before) {
		return nothing
	}
	names := map[string]bool{s.Server.Name: true}
	for i, o := range s.Others {
		if names[o.Name] {
			return nothing // whose events these are is unknown
		}
		names[o.Name] = true
		had := r.before.On(o.Name)
		if had == 0 && reached[i+1] != checks.No {
			return nothing
		}
		r.left += max(0, had-s.on(o.ID))
	}
	r.left = max(0, r.left-s.kickedFrom(names, r.before.Time))
	stayed := r.before.On(s.Server.Name)
	if slices.ContainsFunc(s.Recorded.Events, func(e checks.RecordedEvent) bool {
		return !e.Started && !e.Answers && e.Server.Name == s.Server.Name && e.Time.After(r.before.Time)
	}) {
		if len(s.everyone) != 1 {
			return nothing // another service may have come back
		}
		stayed = 0
	}
	came := s.Finding.OnServer - stayed
	above := s.Finding.OnServer - s.Finding.Connections/(1+len(s.Others))
	r.left = min(came, r.left, s.recordedToCome(s.Server.Name, r.before.Time))
	if r.left <= 0 || 2*r.left < above {
		return nothing
	}
	ended, known := s.endedSince(after)
	if !known {
		return nothing
	}
	r.ended = ended
	r.left = min(r.left, came-ended-max(0, s.whole.Finding.Connections-r.before.Connections))
	switch {
	case 2*r.left >= above:
		return moved
	case 2*(r.left+ended) >= above:
		return replaced
	}
	return nothing
}

// endedSince is how many connections of the account ended by themselves in the time of
// spreads and since, at the most: those that were recorded, and after the last spread
// those that servers remember of these services.
func (s *Situation) endedSince(after []checks.RecordedSpread) (n int, known bool) {
	if len(after) == 0 || slices.ContainsFunc(s.cluster(), func(o *checks.Server) bool { return !s.Remember[o.ID] }) {
		return 0, false
	}
	for _, x := range after {
		if x.Ended == nil {
			return 0, false
		}
		n += *x.Ended
	}
	last := after[len(after)-1].Time.Add(-fineClock)
	for _, c := range s.History {
		if c.Last.After(last) && !c.Reason.ByOperator() && !c.Reason.Refused() {
			n += c.Connections
		}
	}
	return n, true
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

// cameElsewhere reports whether enough of these services came to other servers too since a
// time before these stopped. Where none did, clients may have ended with their servers, and
// others have come that know the concentrated server alone: the record does not tell apart
// who comes back from who is new.
func (s *Situation) cameElsewhere(since time.Time) bool {
	n := 0
	for _, o := range s.Others {
		n += max(s.on(o.ID), s.recordedToCome(o.Name, since))
	}
	return n >= fewestElsewhere
}

// recordedToCome is how many connections of these services were recorded to come to
// a server since a time; at the least: the same ones may be recorded
// with several changes. Those without a name are known where the account has no
// other service.
func (s *Situation) recordedToCome(server string, since time.Time) int {
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
		if c == nil || m.Left || !m.Time.After(since) || m.Server.Name != server {
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
	if s.Profile == nil {
		return j
	}
	const layout = "15:04:05"
	before := func(but string) Evidence {
		return say("history", "%s before the first of them stopped, at %s UTC, %d of the account's %s were on %s.", but,
			r.from.UTC().Format(layout), r.before.On(s.Server.Name), connectionsOf(r.before.Connections), label(s.Server))
	}
	// What lists confirm stands: then an earlier restart did the same.
	against := func(e Evidence) judgement {
		if j.verdict == Likely || j.verdict == Possible {
			j.verdict, j.confidence = Possible, min(j.confidence, 0.3)
			j.evidence = append(j.evidence, e)
		}
		return j
	}
	switch r.seen {
	case nothing:
		return j
	case leanedBefore:
		return against(before("But"))
	case leanedAmid:
		return against(say("history", "But at %s UTC, %s had %d of the account's %s: more than were there and on servers that had stopped by then.",
			r.amid.Time.UTC().Format(layout), label(s.Server), r.amid.On(s.Server.Name), connectionsOf(r.amid.Connections)))
	case replaced:
		return against(say("history", "But since the first of them stopped, at %s UTC, %s of the account ended that no server closed as it stopped: those that replaced them, as in a deployment, were not moved by a restart.",
			r.from.UTC().Format(layout), connectionsOf(r.ended)))
	case moved:
	}
	// That these clients know other servers was seen: they were on them.
	_, emptied, _ := s.emptied()
	_, _, fits := s.startsFit()
	walked := s.walked()
	switch {
	case cameAfter(s.Profile):
		return j
	case fits || emptied || walked == checks.Yes:
		j.verdict, j.confidence = Likely, 0.9
		if s.Profile.Whole && (s.cameElsewhere(r.before.Time) || s.reachable() == checks.Yes && s.knowOthers()) {
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
		say("history", "From then until %s UTC, %s stopped and started again and lost at least %s, and as many came to %s.",
			r.to.UTC().Format(layout), otherNames(s.Others), connectionsOf(r.left), label(s.Server)))
	return j
}
