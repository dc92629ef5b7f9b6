package cause

import (
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/nats-balance/nats-balance/checks"
)

// RestartDrift is the code of the cause.
const RestartDrift Code = "restart-drift"

// restartDrift: when these clients connected, the other servers were down or
// did not exist yet, and nobody has moved them since.
//
// The start of each connection is compared with the start of each server's
// process, both as the servers say (CONNZ, VARZ), allowing for what their clocks
// differ. Only servers count that these clients can have reached: those that the
// steps before let through, as far as that is known. A connection that began while
// k of them were up is expected on one of them with probability 1/k; where the sum
// explains what the server has, within three standard deviations, it fits. After a
// rolling restart of the whole cluster, where clients go on in a list that was
// shuffled once, all accounts together show it, see [rolling].
//
// That holds for every other server which they could have reached: where one was up
// when most of them connected, and no rolling restart explains it, it is possible.
//
// An earlier process of a server leaves no trace, and clients that know one server alone
// are there whenever they came: start times alone make it possible. Likely takes
// what shows that these clients take others too, or what restarts did to clients
// that do, see [Situation.shownFree]. Confirmed takes what a recorder saw, see
// [Situation.withRecord], or lists of the account with other servers' own addresses,
// since DNS and load balancers may have led elsewhere then, that clients which take
// their servers in order would be elsewhere, and that most other accounts were asked.
// It is ruled out where every other server was up when the clients came, or one that
// they reach: not by clocks that differ by more than the times do, nor for all services
// together where it is not for each of them, see [Situation.byRestart].
func restartDrift() rule {
	return rule{
		Definition: Definition{Code: RestartDrift, Title: "The clients connected when the other servers were down", Role: Root, Step: Up, Moved: GoOn,
			Helps: []Help{{RemedyRebalance, Immediate}, {RemedyDrain, ShortTerm}, {RemedyRestartOrder, ShortTerm}, {RemedyKeepItSo, LongTerm}}},
		thing: (*Situation).itsRestart,
		judge: judgeRestartDrift,
	}
}

// wereUp says which servers were up when the clients of the concentrated server
// connected. Of one that started later that is not known where the rest of the cluster
// says that it was there before.
func (s *Situation) wereUp() []checks.Answer {
	out := s.wereRunning()
	if _, unlike := s.unlikeOthers(); unlike {
		for i := range out {
			if out[i] == checks.No {
				out[i] = checks.Unknown
			}
		}
	}
	return out
}

// wereRunning says of which servers the process that runs now ran then.
func (s *Situation) wereRunning() []checks.Answer {
	out := s.all(checks.Unknown)
	out[0] = checks.Yes
	p := s.Profile
	if p == nil || len(p.StartOrder) == 0 || len(p.Starts) == 0 || len(p.StartOrder) != len(p.Servers) {
		return out
	}
	for i, o := range s.Others {
		at := slices.Index(p.Servers, o.ID)
		if at < 0 || untimed(o) || untimed(s.Server) {
			continue
		}
		position, may, all := slices.Index(p.StartOrder, at), 0, 0
		for k, n := range p.Starts[0] {
			all += n
			if k > position {
				may += n
			}
		}
		switch {
		case all == 0:
		case may*10 <= 3*all:
			out[i+1] = checks.No
		case at < len(p.SurelyUp) && p.SurelyUp[at]*2 >= all:
			out[i+1] = checks.Yes
		}
	}
	for i, o := range s.Others {
		if out[i+1] == checks.Unknown && s.wasThere(o) {
			out[i+1] = checks.Yes
		}
	}
	return out
}

// wasThere reports whether a server had connections of these clients, closed by
// now, while those of the concentrated server began.
func (s *Situation) wasThere(o *checks.Server) bool {
	return slices.ContainsFunc(s.History, func(c checks.Closed) bool {
		return c.Server == o.ID && s.isUser(c.User) && !c.Reason.Refused() && !c.First.IsZero() && c.First.Before(s.Profile.Newest) && c.Last.After(s.Profile.Oldest)
	})
}

// fineClock is a margin of clocks that is good enough to compare events by.
const fineClock = 5 * time.Second

// reachableThen returns for each server whether the clients could reach it when they
// connected, leaving aside whether it was up: No where an earlier step of the funnel holds
// it back, Yes where none does, or where two clients of the service are on it.
func (s *Situation) reachableThen() []checks.Answer {
	out := s.leftBefore(Up)
	for i, o := range s.Others {
		if n := s.on(o.ID); n >= 2 {
			out[i+1] = checks.Yes
		}
	}
	return out
}

func judgeRestartDrift(s *Situation) judgement {
	j := s.withRecord(judgeStarts(s))
	if last := s.onlyWithout(); last != nil && j.title == "" {
		j.title = "The clients connected before " + label(last) + " started"
	}
	return j
}

// judgeStarts judges by the start times of servers and connections.
func judgeStarts(s *Situation) judgement {
	p := s.Profile
	rolled, pool := s.rolled()
	if p == nil {
		if rolled {
			return judgement{verdict: Likely, confidence: 0.7, explains: s.Finding.OnServer, evidence: []Evidence{pool}}
		}
		return notTested("CONNZ", "The connections were not read.").settledBy(NeedConnections)
	}
	if len(p.StartOrder) == 0 || len(p.Starts) == 0 {
		return notTested("VARZ", "When the servers started is unknown.")
	}
	if len(s.Others) == 0 {
		return notTested("VARZ", "No other server of the cluster reported when it started.")
	}
	alone, explained, fits := s.startsFit()
	if !fits && !rolled {
		if _, emptied, seen := s.emptied(); emptied {
			return judgement{verdict: Possible, confidence: 0.4, explains: s.Finding.OnServer, evidence: []Evidence{seen, s.thereAnyway()}}
		}
		return s.notDrift()
	}
	j := judgement{verdict: Likely, confidence: 0.75, explains: s.explained(max(alone, explained))}
	if rolled {
		j.explains = s.Finding.OnServer
		j.evidence = append(j.evidence, pool)
	}
	if fits {
		j.evidence = append(j.evidence, s.startEvidence(alone))
	}
	if rolled && !fits && s.toldToOrder() {
		j.lower("But these clients walk through their list in its order, as an option beside it says, and not as after a restart.")
		return j
	}
	against, unlike := s.unlikeOthers()
	if unlike {
		j.evidence = append(j.evidence, against)
		j.confidence = 0.5
		if _, unmoved := s.unmoved(); s.reachable() != checks.Yes || unmoved && s.firstInOrder() {
			j.verdict, j.confidence = Possible, 0.25
			return j
		}
	}
	if down, up := s.downThen(); fits && !rolled && len(up) > 0 {
		j.verdict, j.confidence = Possible, 0.3
		if len(down) == 0 {
			j.evidence = append(j.evidence, say("start times", "But %s %s up when most of them connected.", otherNames(up), wasOrWere(up)))
		} else {
			j.evidence = append(j.evidence, say("start times", "Most of them connected before %s last started, but %s %s up.", otherNames(down), otherNames(up), wasOrWere(up)))
		}
		return j
	} else if fits && len(down) > 0 {
		j.evidence = append(j.evidence, say("start times", "Most of them connected before %s last started.", otherNames(down)))
	}
	if s.reachable() == checks.No {
		j.verdict, j.confidence = Possible, 0.25
		j.evidence = append(j.evidence, say("client URLs", "But the account's list leads to %s alone, whenever clients connect.", label(s.Server)))
		return j
	}
	free, shown := s.shownFree()
	if !shown && !rolled {
		j.verdict, j.confidence = Possible, 0.4
		j.evidence = append(j.evidence, s.thereAnyway())
		return j
	}
	if !rolled {
		j.evidence = append(j.evidence, free...)
	}
	later, laterHere := s.afterAll()
	if later > 0 && fits {
		j.evidence = append(j.evidence, say("start times", "Of %s that began when all servers were up, %s on %s.", connectionsOf(later), noneOr(laterHere)+isOrAre(laterHere), label(s.Server)))
	}
	if fits && !unlike && s.Missing == 0 && p.Whole && s.reachable() == checks.Yes && s.ownAddresses() && !s.firstInOrder() && s.askBystanders().asked() {
		j.verdict, j.confidence = Confirmed, 0.95
	} else if s.spreadLater() {
		j.confidence = 0.85
	}
	return j
}

// thereAnyway is the doubt where nothing shows that these clients take other servers, or
// that others take them.
func (s *Situation) thereAnyway() Evidence {
	if unsure := s.unsureOfUsers(); s.knowOthers() && len(unsure) > 0 {
		return say("ACCOUNT INFO", "But whether %s %s these clients' users is unknown: if not, they would be there too, whenever others started.",
			otherNames(unsure), verb(unsure, "takes", "take")).settledBy(NeedUsers)
	}
	return say("start times", "But clients that know %s alone, or take it first, would be there too, whenever they came.", label(s.Server)).settledBy(NeedClientConfig)
}

// downThen divides the other servers that these clients could have reached: those
// that were down when most of them connected, and those that were up.
func (s *Situation) downThen() (down, up []*checks.Server) {
	reached := s.reachableThen()
	for i, a := range s.wereUp()[1:] {
		switch {
		case reached[i+1] == checks.No:
		case a == checks.No:
			down = append(down, s.Others[i])
		case a == checks.Yes:
			up = append(up, s.Others[i])
		}
	}
	return down, up
}

func wasOrWere(servers []*checks.Server) string {
	if len(servers) == 1 {
		return "was"
	}
	return "were"
}

// notDrift is the verdict where the start times do not explain the placements.
func (s *Situation) notDrift() judgement {
	if !s.Profile.Whole {
		return s.notWhole()
	}
	var unknown []*checks.Server
	for _, o := range s.cluster() {
		if untimed(o) {
			unknown = append(unknown, o)
		}
	}
	if len(unknown) > 0 {
		return notTested("VARZ", "When %s started, and by which clock, is unknown.", otherNames(unknown)).settledBy(s.Gap.details())
	}
	up, reached := s.wereUp(), s.reachableThen()
	alone, _, _, _ := s.startsExplain(func(int) bool { return false })
	every, one := true, false
	var down []*checks.Server
	for i, a := range up[1:] {
		every = every && a == checks.Yes
		one = one || a == checks.Yes && reached[i+1] == checks.Yes
		if a == checks.No {
			down = append(down, s.Others[i])
		}
	}
	walked := s.walked()
	against, unlike := s.unlikeOthers()
	switch {
	case unlike && slices.Contains(s.wereRunning(), checks.No):
		return judgement{verdict: Possible, confidence: 0.2, explains: s.Finding.OnServer, evidence: []Evidence{
			say("start times", "Other servers last started after most of these clients had connected."), against}}
	case s.Missing == 0 && one && len(down) > 0 && walked == checks.Yes:
		return judgement{verdict: Possible, confidence: 0.4, explains: s.Finding.OnServer, evidence: []Evidence{
			say("start times", "The servers started one after the other, %s first: a rolling restart leaves clients like this. More accounts would show whether it did.", label(s.Server))}}
	case s.Missing == 0 && (every || one && walked != checks.Unknown) && s.mayBeSomeServices():
		return notTested("CONNZ", "Some of the connections on %s began before all other servers started, and which services those are is unknown.", label(s.Server)).settledBy(NeedConnections)
	case s.Missing == 0 && (every || one && walked != checks.Unknown):
		return ruledOut("start times", "When the clients connected, other servers were up: of the %s, %s began before all other servers started.",
			s.ofThese(), noneOr(alone))
	case len(down) > 0:
		return judgement{verdict: Possible, confidence: 0.3, explains: s.Finding.OnServer, evidence: []Evidence{
			say("start times", "%s started after most of these clients had connected. If their URLs lead to no other server, that is why.", otherNames(down)).settledBy(NeedClientConfig)}}
	}
	return notTested("start times", "The clocks of the servers are not exact enough to compare when the clients connected.")
}

// startsFit reports whether when the clients connected explains where they are: how
// many began while no other server was up, and how many that explains.
func (s *Situation) startsFit() (alone, explained int, fits bool) {
	if s.Profile == nil || len(s.Profile.StartOrder) == 0 || len(s.Profile.Starts) == 0 || len(s.Others) == 0 {
		return 0, 0, false
	}
	out := s.reachableThen()
	held := func(at int) bool {
		i := slices.IndexFunc(s.cluster(), func(o *checks.Server) bool { return o.ID == s.Profile.Servers[at] })
		return i > 0 && out[i] == checks.No
	}
	alone, expected, variance, servers := s.startsExplain(held)
	even := float64(s.Finding.Connections) / float64(servers)
	on := float64(s.Finding.OnServer)
	return alone, int(expected - even), servers > 1 && on-expected <= 3*math.Sqrt(variance)+0.5 && expected-even >= (on-even)/2
}

// ownAddresses reports whether all lists of the account that lead to several servers
// have their own addresses.
func (s *Situation) ownAddresses() bool {
	return !slices.ContainsFunc(listsOf(s.Own, wide), func(f List) bool {
		return slices.ContainsFunc(f.Reach.Arrivals, func(a Arrival) bool { return a.Own != checks.Yes || !a.OwnName })
	})
}

// startsExplain are the connections of the server that began while no other was
// up, and how many it is expected to have if clients choose evenly among the
// servers that are up and not held back, with the variance and how many those are.
func (s *Situation) startsExplain(held func(int) bool) (alone int, expected, variance float64, servers int) {
	p := s.Profile
	k := make([]int, len(p.StartOrder)+1) // by how many started, how many of them can be had
	here := len(p.StartOrder) + 1         // from when on the concentrated server is up
	for at, server := range p.StartOrder {
		k[at+1] = k[at]
		if !held(server) {
			k[at+1]++
		}
		if server == 0 {
			here = at + 1
		}
	}
	for at := range k {
		total := 0
		for server := range p.Starts {
			if at < len(p.Starts[server]) && !held(server) {
				total += p.Starts[server][at]
			}
		}
		if k[at] <= 1 && at < len(p.Starts[0]) {
			alone += p.Starts[0][at]
		}
		if at > 0 && at < here {
			continue // it was not up itself
		}
		chance := 1 / float64(max(k[at], 1))
		expected += float64(total) * chance
		variance += float64(total) * chance * (1 - chance)
	}
	return alone, expected, variance, max(k[len(k)-1], 1)
}

// afterAll counts the connections that began when all servers were up.
func (s *Situation) afterAll() (all, here int) {
	last := len(s.Profile.StartOrder)
	for server, starts := range s.Profile.Starts {
		if last < len(starts) {
			all += starts[last]
			if server == 0 {
				here = starts[last]
			}
		}
	}
	return all, here
}

// untimed reports whether it is not known when a server started, by the auditor's
// clock: it counts as up always.
func untimed(server *checks.Server) bool {
	return server.Start.IsZero() || server.Details == nil || server.Details.Margin <= 0
}

func noneOr(n int) string {
	if n == 0 {
		return "none"
	}
	return strconv.Itoa(n)
}

func isOrAre(n int) string {
	if n == 0 || n == 1 {
		return " is"
	}
	return " are"
}
