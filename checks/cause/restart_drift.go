package cause

import (
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/nats-balance/nats-balance/checks"
)

// restartDrift: when these clients connected, the other servers were down or
// did not exist yet, and nobody has moved them since.
//
// The start of each connection is compared with the start of each server's
// process, both as the servers say (CONNZ, VARZ), allowing for what their clocks
// differ. A connection that began while k servers were up is expected on one of
// them with probability 1/k; where the sum explains what the server has, within
// three standard deviations, it fits. An earlier process of a server leaves no
// trace, so start times alone make it likely. Confirmed takes a list of the
// account with other servers' own addresses, since DNS and load balancers may
// have led elsewhere then, and that clients which take their servers in order
// would be elsewhere. Where lists lead to the concentrated server alone, the
// clients would be there anyway, if these lists are all: it is possible then.
func restartDrift() rule {
	return rule{
		Definition: Definition{Code: RestartDrift, Title: "The clients connected when the other servers were down", Role: Root, Moved: GoOn,
			Helps: []Help{{RemedyRebalance, Immediate}, {RemedyDrain, ShortTerm}, {RemedyRestartOrder, ShortTerm}, {RemedyKeepItSo, LongTerm}}},
		judge:    judgeRestartDrift,
		silenced: []Code{AccountGap, ListenerGap, SingleURL, SingleAddressDNS},
	}
}

func judgeRestartDrift(s *Situation) judgement {
	p := s.Profile
	if p == nil {
		return notTested("CONNZ", "The connections were not read.").settledBy(NeedConnections)
	}
	if len(p.StartOrder) == 0 || len(p.Starts) == 0 {
		return notTested("VARZ", "When the servers started is not known.")
	}
	alone, explained, fits := s.startsFit()
	if !fits {
		if !p.Whole {
			return s.notWhole()
		}
		if untold := s.untimed(); len(untold) > 0 {
			return notTested("VARZ", "When %s started, and by which clock, is not known.", otherNames(untold))
		}
		return ruledOut("start times", "When the clients connected, other servers were up: of the %s on %s, %s began before all other servers started.",
			connectionsOf(s.onServer()), label(s.Server), noneOr(alone))
	}
	j := judgement{verdict: Likely, confidence: 0.75, explains: s.explained(max(alone, explained))}
	j.evidence = append(j.evidence, s.startEvidence(alone))
	if s.reachable() == checks.No {
		j.verdict, j.confidence = Possible, 0.25
		j.evidence = append(j.evidence, say("client URLs", "But the account's list leads to %s alone, whenever clients connect.", label(s.Server)))
		return j
	}
	later, laterHere := s.afterAll()
	spreads := later >= 5 && laterHere*100 <= 60*later
	if later > 0 {
		j.evidence = append(j.evidence, say("start times", "Of %s that began when all servers were up, %s on %s.", connectionsOf(later), noneOr(laterHere)+isOrAre(laterHere), label(s.Server)))
	}
	if s.Missing == 0 && p.Whole && s.reachable() == checks.Yes && s.ownAddresses() && !s.firstInOrder() {
		j.verdict, j.confidence = Confirmed, 0.95
	} else if spreads {
		j.confidence = 0.85
	}
	return j
}

// startsFit is whether when the clients connected explains where they are: how
// many began while no other server was up, and how many that explains.
func (s *Situation) startsFit() (alone, explained int, fits bool) {
	if s.Profile == nil || len(s.Profile.StartOrder) == 0 || len(s.Profile.Starts) == 0 {
		return 0, 0, false
	}
	alone, expected, variance := s.startsExplain()
	even := float64(s.Finding.Connections) / float64(len(s.Others)+1)
	on := float64(s.Finding.OnServer)
	return alone, int(expected - even), on-expected <= 3*math.Sqrt(variance)+0.5 && expected-even >= (on-even)/2
}

// ownAddresses is whether all lists of the account that lead to several servers
// have their own addresses.
func (s *Situation) ownAddresses() bool {
	return !slices.ContainsFunc(listsOf(s.Own, wide), func(f List) bool {
		return slices.ContainsFunc(f.Reach.Arrivals, func(a Arrival) bool { return a.Own != checks.Yes || !a.OwnName })
	})
}

// startsExplain are the connections of the server that began while no other was
// up, and how many it is expected to have if clients choose evenly among the
// servers that are up, with the variance.
func (s *Situation) startsExplain() (alone int, expected, variance float64) {
	p := s.Profile
	rank := 0 // of the concentrated server among the starts
	for at, server := range p.StartOrder {
		if server == 0 {
			rank = at
		}
	}
	for k := range len(p.StartOrder) + 1 {
		total := 0
		for server := range p.Starts {
			if k < len(p.Starts[server]) {
				total += p.Starts[server][k]
			}
		}
		if k <= 1 && k < len(p.Starts[0]) {
			alone += p.Starts[0][k]
		}
		if k > 0 && rank >= k {
			continue // it was not up itself
		}
		chance := 1 / float64(max(k, 1))
		expected += float64(total) * chance
		variance += float64(total) * chance * (1 - chance)
	}
	return alone, expected, variance
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

// untimed are the servers of which it is not known when they started: they
// count as up always.
func (s *Situation) untimed() []*checks.Server {
	var out []*checks.Server
	for _, server := range append([]*checks.Server{s.Server}, s.Others...) {
		if server.Start.IsZero() || server.Details == nil || server.Details.Margin <= 0 {
			out = append(out, server)
		}
	}
	return out
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

func (s *Situation) startEvidence(alone int) Evidence {
	var first time.Time
	name := ""
	for _, o := range s.Others {
		if o.Start.IsZero() || o.Details == nil {
			continue
		}
		// By the auditor's clock, as the times of the connections are.
		if start := o.Start.Add(-o.Details.Offset); first.IsZero() || start.Before(first) {
			first, name = start, label(o)
		}
	}
	const layout = "2006-01-02 15:04:05"
	if alone == 0 || first.IsZero() {
		return say("start times", "Part of the servers started after the clients of %s had connected (%s to %s UTC).",
			label(s.Server), s.Profile.Oldest.UTC().Format(layout), s.Profile.Newest.UTC().Format(layout))
	}
	return say("start times", "%d of the %s on %s began before any other server started: the first of them, %s, at %s UTC, the oldest connection at %s.",
		alone, connectionsOf(s.onServer()), label(s.Server), name, first.UTC().Format(layout), s.Profile.Oldest.UTC().Format(layout))
}
