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
	// rotate is how often what came and left is put aside, so that a change is told
	// with what happened in the minute or two before it.
	rotate = time.Minute
	// mostMoves is how many kinds of moves are kept apart: names are the clients'
	// choice, and there may be a million of them.
	mostMoves = 20_000
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

// moves counts what came and left, in this minute and the one before.
type moves struct {
	now, before map[moveKey]int
	missed      [2]bool // some were not heard of, in this minute and the one before
	since       time.Time
	names       map[string]checks.ServerRef // of servers in the keys, which may be gone
	dropped     uint64                      // that were too many to keep apart
}

func newMoves() *moves {
	return &moves{now: map[moveKey]int{}, before: map[moveKey]int{}, names: map[string]checks.ServerRef{}}
}

func (m *moves) add(e wire.ClientEvent, left bool) {
	name := e.Name
	if name == "" {
		name = e.MQTTClient
	}
	k := moveKey{account: e.Account, server: e.From.ID, service: cause.Stem(name), left: left, reason: e.Reason}
	if _, known := m.now[k]; !known && len(m.now) >= mostMoves {
		k.service = "" // the rest of the account's
		if _, known := m.now[k]; !known && len(m.now) >= 2*mostMoves {
			m.dropped++
			m.miss()
			return
		}
	}
	m.now[k]++
	m.names[e.From.ID] = checks.ServerRef{ID: e.From.ID, Name: e.From.Name, Host: e.From.Host}
}

// miss is that some came or left of which nothing was heard.
func (m *moves) miss() { m.missed[0] = true }

func (m *moves) tick(now time.Time) {
	switch age := now.Sub(m.since); {
	case age < rotate:
		return
	case age < 2*rotate:
		m.before, m.missed[1] = m.now, m.missed[0]
	default:
		m.before, m.missed[1] = map[moveKey]int{}, false
	}
	m.now, m.missed[0], m.since = map[moveKey]int{}, false, now
	names := map[string]checks.ServerRef{}
	for k := range m.before {
		names[k.server] = m.names[k.server]
	}
	m.names = names
}

// of returns what came and left of accounts, the most first, by the account's id.
// Going through all of it costs as much for many accounts as for one.
func (m *moves) of(accounts map[string]bool) map[string][]Move {
	if len(accounts) == 0 || len(m.now)+len(m.before) == 0 {
		return nil
	}
	sums := map[moveKey]int{}
	for _, minute := range []map[moveKey]int{m.before, m.now} {
		for k, n := range minute {
			if accounts[k.account] {
				sums[k] += n
			}
		}
	}
	out := map[string][]Move{}
	for k, n := range sums {
		out[k.account] = append(out[k.account], Move{Left: k.left, Service: k.service, Server: m.names[k.server], Reason: k.reason, Count: n})
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
