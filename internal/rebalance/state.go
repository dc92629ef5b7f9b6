package rebalance

import (
	"cmp"
	"slices"
	"time"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/checks/cause"
)

// Server is a server of the cluster that reported: the only ones that are targets.
type Server struct {
	ID, Name string
	// Start is when it started, by the clock of the auditor; zero where not known.
	Start time.Time
	// Offset is what its clock is ahead of the auditor's, to within Margin; 0 where that is
	// not known.
	Offset, Margin time.Duration
	// Connections are all client connections and Limit is the most that the
	// server takes; nil where not known.
	Connections, Limit *int
	// KeptAway is that a tag says it is not for clients: those that it has may stay, and
	// it has no share of the others.
	KeptAway bool
}

// Account is an account that is balanced, or counted.
type Account struct {
	ID, Name string
	// Rule are the thresholds by which it is judged.
	Rule checks.Parameters
	// Stays is why it is left alone; nil where it is balanced.
	Stays Stay
	// Accepted reports whether the operator wants it left as it is: then it is not
	// counted as a finding that is left.
	Accepted bool
}

// Service is one application of an account. Causes are found for services, so
// it is services that are moved or left.
type Service struct {
	Account int // index
	// Stem, User, Language and Protocol tell its connections, see package
	// checks/cause.
	Stem, User, Language, Protocol string
	// Name is what people call it.
	Name string
	// Concentrated reports whether it is one of those that make its account a finding.
	Concentrated bool
	// Stays is why its connections are left where they are; nil where they may move.
	Stays Stay
	// Unproven reports whether no other server was known to take its users when the
	// causes were found: one of its connections is moved first, alone.
	Unproven bool
	// Unreached are the servers, by index, that its clients are not known to get to:
	// neither their lists nor what servers advertise leads there.
	Unreached []bool
	// Barriers are what keeps them from these, by server; nil where that is not known.
	Barriers []cause.Barrier
	// Known are the servers that something shows its clients to know: their lists, what
	// servers advertise, or that they were there. Nil where nobody looked.
	Known []bool
	// ByName reports whether its clients come by names, or addresses, that are not the
	// servers' own: the server that closes them is then among those that they
	// are told of, and not known to be the same.
	ByName bool
	// Order are the servers, by index, in the order in which its clients take them, the
	// first one again after the last; nil where they do not, or it is not known.
	Order []int
}

// mayReturn reports whether its clients may choose the server again that closed them.
func (x *Service) mayReturn() bool {
	own := mayReturn(x.Language, x.Protocol)
	return own || x.ByName && x.Order == nil
}

// shows reports whether a trial of this service shows that its clients come back. Devices
// know one address: one that came back says it of all.
func (x *Service) shows(t tally) bool {
	return t.shown() || x.Protocol == checks.MQTT && t.failed()
}

// Connection is a client connection with what it costs its client to lose it. Its
// texts are of whoever connected: any bytes.
type Connection struct {
	Server  int // index
	Service int // index
	ID      uint64

	Name, Language, Protocol string
	Start                    time.Time // by the clock of the auditor; zero where not known
	Idle                     time.Duration
	Subscriptions            int
	Pending                  int64 // bytes that wait to be sent to it

	trail   trail
	epoch   int // how many of the servers had started when it began
	tries   int // how often this run moved its client
	returns int // how often that came to a server that it had been moved from
}

// State is who is where at one moment, and what was seen of where clients go.
type State struct {
	Servers     []Server
	Accounts    []Account
	Services    []Service
	Connections []Connection
	seen        experience
	aim         *aim  // worked out before; nil where it was not
	peak        int   // the most on a server before the first move; 0 before it
	peaks       []int // the same of each account
}

// Goal is what to aim at.
type Goal struct {
	// Even is to spread every account evenly. Otherwise the servers' loads are made
	// even, and no account left above its threshold.
	Even bool
	// To is the index of the one server to fill up to its even share, below 0 for
	// all.
	To int
	// MaxMoves is the most connections to move, 0 for as many as it takes.
	MaxMoves int
	// Only are the services, by index, that may be moved, as the plan that was shown names
	// them; nil for all.
	Only []bool
	// IgnoreLimits plans as if no server had a limit.
	IgnoreLimits bool
	// Hotter is to go on where an even spread of each account leads more to a server than
	// the fullest had.
	Hotter bool
}

// names reports whether the plan that was shown names a service.
func (g Goal) names(service int) bool {
	return g.Only == nil || service < len(g.Only) && g.Only[service]
}

// Held are the connections of each account on each server.
func (s *State) Held() [][]int {
	out := make([][]int, len(s.Accounts))
	for i := range out {
		out[i] = make([]int, len(s.Servers))
	}
	for _, c := range s.Connections {
		out[s.Services[c.Service].Account][c.Server]++
	}
	return out
}

// Loads are the connections of all accounts together on each server.
func (s *State) Loads() []int {
	out := make([]int, len(s.Servers))
	for _, c := range s.Connections {
		out[c.Server]++
	}
	return out
}

// Even returns the most that a server has when the connections are spread evenly.
func (s *State) Even() int { return checks.EvenShare(len(s.Connections), len(s.Servers)) }

// reservePercent is how much of a server's connection limit a plan leaves free,
// for all accounts together.
const reservePercent = 10

// lastReservePercent is how much must stay free for a run to go on: less,
// because chance leads more clients to one server than to another.
const lastReservePercent = 5

// Free is how many more connections the server takes without using up the
// reserve; nil where it is not known.
func (s Server) Free() *int {
	if s.Connections == nil || s.Limit == nil {
		return nil
	}
	free := max(0, most(*s.Limit, reservePercent)-*s.Connections)
	return &free
}

// full says which servers refuse clients, who then go on to others.
func (s *State) full(goal Goal) []bool {
	out := make([]bool, len(s.Servers))
	for i, server := range s.Servers {
		out[i] = server.Connections != nil && server.Limit != nil && *server.Connections >= *server.Limit && !goal.IgnoreLimits
	}
	return out
}

// most is how many connections leave a reserve of a limit alone.
// Limits are as large as the server says: nothing is multiplied by one.
func most(limit, reserve int) int {
	return limit - limit/100*reserve - (limit%100*reserve+99)/100
}

// ceiling is the most of an account's connections that one server may have: the
// even share, or what is no finding.
func (a Account) ceiling(connections, servers, share int, even bool) int {
	switch {
	case even:
		return share
	case connections < a.Rule.MinConnections || servers < a.Rule.MinServers:
		return connections
	}
	return max(share, int(int64(connections)*int64(a.Rule.ThresholdPercent)/100))
}

// ceilings are those of the accounts: what is too much on one server, and what moves
// may not lead to. Of several accounts none comes to more than it had before the first
// move, or a few above its even share, but on the way for what chance does.
func (s *State) ceilings(goal Goal) (hard, soft []int) {
	own := s.aimOf(goal).own
	_, peaks := s.start()
	for a, held := range s.Held() {
		_, total := largest(held)
		ceiling := s.Accounts[a].ceiling(total, len(held), own[a], goal.Even)
		if len(s.Accounts) == 1 {
			hard, soft = append(hard, ceiling), append(soft, ceiling)
			continue
		}
		few := slack(own[a])
		most := max(peaks[a], own[a]+few)
		hard, soft = append(hard, min(ceiling, most)), append(soft, min(ceiling, most+few))
	}
	return hard, soft
}

// start notes what was before the first move.
func (s *State) start() (peak int, peaks []int) {
	if s.peak > 0 {
		return s.peak, s.peaks
	}
	for _, held := range s.Held() {
		peaks = append(peaks, slices.Max(held))
	}
	return slices.Max(s.Loads()), peaks
}

// slack is how far from an even share a server may be: a tenth, or a few where
// that is less than what chance alone does.
func slack(even int) int {
	root := 0
	for (root+1)*(root+1) <= even && root < 3 {
		root++
	}
	return max(even/10, root)
}

// cheaper orders connections by what it costs to close them.
func cheaper(a, b Connection) int {
	return cmp.Or(
		cmp.Compare(min(a.Pending, 1), min(b.Pending, 1)),
		cmp.Compare(idleClass(b.Idle), idleClass(a.Idle)),
		cmp.Compare(a.Subscriptions, b.Subscriptions),
		cmp.Compare(a.ID, b.ID),
	)
}

// idleClass is the order of magnitude of an idle time: whether it is 40 or 41
// seconds matters less than how many subscriptions there are.
func idleClass(d time.Duration) int {
	class := 0
	for _, from := range []time.Duration{time.Second, 10 * time.Second, time.Minute, 10 * time.Minute, time.Hour} {
		if d >= from {
			class++
		}
	}
	return class
}
