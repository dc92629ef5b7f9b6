package record

import (
	"cmp"
	"slices"
	"time"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/checks/cause"
	"github.com/nats-balance/nats-balance/internal/wire"
)

const (
	// movesFor is for how long what came and left is told: a change is told with what
	// happened in the minute before it.
	movesFor = time.Minute
	// movesEach is how exactly it is known when that was.
	movesEach = 250 * time.Millisecond
	// sweepMoves is how often what is older is dropped.
	sweepMoves = 15 * time.Second
	// mostMoves is how many kinds of moves are kept apart: names are the clients'
	// choice, and there may be a million of them.
	mostMoves = 20_000
	// mostMoments is how many counts are kept of all kinds.
	mostMoments = 500_000
	// shownMoves is how many of them a change has.
	shownMoves = 6
)

// moveKey is what connections that came or left share.
type moveKey struct {
	account string // id
	server  string // id
	service string
	reason  checks.Reason // empty for those that came
	left    bool
}

// moves counts what came and left of late.
type moves struct {
	kinds   map[moveKey][]moment
	kept    int                         // moments in them
	lacking time.Time                   // when some were last not heard of; zero: never
	swept   time.Time                   // when what is old was last dropped
	names   map[string]checks.ServerRef // of servers in the keys, which may be gone
	dropped uint64                      // that were too many to keep apart
}

// moment is how many came or left at a time, or less than [movesEach] after it.
type moment struct {
	at time.Time
	n  int
}

func newMoves() *moves {
	return &moves{kinds: map[moveKey][]moment{}, names: map[string]checks.ServerRef{}}
}

func (m *moves) add(e wire.ClientEvent, left bool, now time.Time) {
	name := e.Name
	if name == "" {
		name = e.MQTTClient
	}
	k := moveKey{account: e.Account, server: e.From.ID, service: cause.Stem(name), left: left, reason: e.Reason}
	of, known := m.kinds[k]
	if !known && len(m.kinds) >= mostMoves {
		k.service = "" // the rest of the account's
		of, known = m.kinds[k]
		if !known && len(m.kinds) >= 2*mostMoves {
			m.dropped++
			m.miss(now)
			return
		}
	}
	if last := len(of) - 1; last >= 0 && now.Sub(of[last].at) < movesEach {
		of[last].n++
		return
	}
	if m.kept >= mostMoments {
		m.dropped++
		m.miss(now)
		return
	}
	m.kept++
	m.kinds[k] = append(of, moment{now, 1})
	m.names[e.From.ID] = checks.ServerRef{ID: e.From.ID, Name: e.From.Name, Host: e.From.Host}
}

// miss is that some came or left of which nothing was heard.
func (m *moves) miss(now time.Time) { m.lacking = now }

// missed reports whether some came or left of late of which nothing was heard.
func (m *moves) missed(now time.Time) bool { return !m.lacking.IsZero() && late(m.lacking, now) }

// late reports whether a time is within the minute before another one.
func late(at, now time.Time) bool { return now.Sub(at) <= movesFor }

// tick drops what is too old to be told.
func (m *moves) tick(now time.Time) {
	if now.Sub(m.swept) < sweepMoves {
		return
	}
	m.swept, m.kept = now, 0
	names := map[string]checks.ServerRef{}
	for k, of := range m.kinds {
		first := slices.IndexFunc(of, func(x moment) bool { return late(x.at, now) })
		if first < 0 {
			delete(m.kinds, k)
			continue
		}
		if first > 0 { // a slice of its own, as the old one is kept as a whole
			m.kinds[k] = slices.Clone(of[first:])
		}
		m.kept += len(of) - first
		names[k.server] = m.names[k.server]
	}
	m.names = names
}

// of returns what came and left of accounts, the most first, by the account's id.
// Going through all of it costs as much for many accounts as for one.
func (m *moves) of(accounts map[string]bool, now time.Time) map[string][]Move {
	if len(accounts) == 0 || len(m.kinds) == 0 {
		return nil
	}
	out := map[string][]Move{}
	for k, of := range m.kinds {
		if !accounts[k.account] {
			continue
		}
		n := 0
		for _, x := range of {
			if late(x.at, now) {
				n += x.n
			}
		}
		if n > 0 {
			out[k.account] = append(out[k.account], Move{Left: k.left, Service: k.service, Server: m.names[k.server], Reason: k.reason, Count: n})
		}
	}
	for id, all := range out {
		slices.SortFunc(all, func(a, b Move) int {
			return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Service, b.Service), checks.CompareServers(a.Server, b.Server), cmp.Compare(a.Reason, b.Reason))
		})
		out[id] = all
	}
	return out
}

// ByName has moves to and from processes of one server together, for people: these have one
// name.
func ByName(moves []Move) []Move {
	var out []Move
	for _, m := range moves {
		at := slices.IndexFunc(out, func(o Move) bool {
			return o.Left == m.Left && o.Service == m.Service && o.Reason == m.Reason && o.Server.Name == m.Server.Name && m.Server.Name != ""
		})
		if at >= 0 {
			out[at].Count += m.Count
			continue
		}
		out = append(out, m)
	}
	slices.SortStableFunc(out, func(a, b Move) int { return cmp.Compare(b.Count, a.Count) })
	return out
}

// MovesOf are the moves of documents.
func MovesOf(docs []DocumentMove) []Move {
	var out []Move
	for _, m := range docs {
		out = append(out, Move{Left: m.Left, Service: m.Service, Server: checks.ServerRef(m.Server), Reason: checks.Reason(m.Reason), Count: m.Connections})
	}
	return out
}

// addMove adds a move, the next by their number, as far as a change has them one by one.
func (c *Change) addMove(m Move) {
	if len(c.Moves) < shownMoves {
		c.Moves = append(c.Moves, m)
		return
	}
	c.MoreMoves += m.Count
}
