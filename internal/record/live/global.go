package live

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/record"
	"github.com/nats-balance/nats-balance/internal/sysreq"
	"github.com/nats-balance/nats-balance/internal/wire"
)

const (
	// askOver is how long a server is asked again after its count of the global account last
	// changed, or would not change: those that were about to log in have by then, or were
	// closed. By default servers leave them 2 seconds for that, and 2 more for TLS.
	askOver = 5 * time.Second
	// askLater is that where the account has no more than it had before all of that.
	askLater = 1200 * time.Millisecond
	// mostAsked is how many servers are asked with each tick.
	mostAsked = 32
)

// pauses are those before a server is asked for the first time after a client of the global
// account came or left, for the second time, and so on: a storm of connections that log in
// is over within seconds, and one that goes on must not be a load.
func pauses(asked int) time.Duration {
	all := [...]time.Duration{200 * time.Millisecond, 500 * time.Millisecond, 750 * time.Millisecond, time.Second, 1500 * time.Millisecond}
	return all[min(asked, len(all)-1)]
}

// global counts the global account where a client of it came or left, by asking
// that server until it stays.
type global struct {
	s     *session
	inbox string
	dec   *wire.Decoder // of replies, which come one after the other

	mu   sync.Mutex
	asks map[string]*asking // by the id of the server
	// settled is what servers had when they were last asked for the last time, by id, where
	// that was anything.
	settled map[string]uint32
}

// asking is that a server is asked.
type asking struct {
	of      wire.Server
	asked   int       // how often
	next    time.Time // when again
	changed time.Time // when its count last was another one, or something said that it may be
	answers int       // in a row that are alike, since then
	last    uint32
}

func newGlobal(s *session) *global {
	return &global{s: s, inbox: s.events.NewInbox(), dec: wire.NewDecoder(), asks: map[string]*asking{}, settled: map[string]uint32{}}
}

// look has a server asked: a client of the account came to it or left it, or of what it has
// some may only have been about to log in to another account.
func (g *global) look(at wire.Server, now time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	a := g.asks[at.ID]
	if a == nil {
		a = &asking{of: at, next: now.Add(pauses(0))}
		g.asks[at.ID] = a
	}
	a.changed, a.answers = now, 0
}

// report is a full report.
func (g *global) report(d *checks.Deployment, now time.Time) {
	there := map[string]bool{}
	for i := range d.Servers {
		s := &d.Servers[i]
		there[s.ID] = true
		for _, u := range s.Usage {
			if u.Connections > 0 && d.Accounts[u.Account].ID == checks.GlobalAccount {
				g.look(wire.Server{ID: s.ID, Name: s.Name, Host: s.Host, Cluster: s.Cluster}, now)
			}
		}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	maps.DeleteFunc(g.settled, func(id string, _ uint32) bool { return !there[id] })
}

// ask asks the servers that are due.
func (g *global) ask(now time.Time) {
	for _, at := range g.due(now) {
		body, _ := json.Marshal(sysreq.Filter{Accounts: []string{checks.GlobalAccount}, Name: at.Name, Cluster: at.Cluster, Exact: true, Unused: true}) // a plain struct: can't fail
		_ = g.s.events.PublishRequest(sysreq.AccountStatz, g.inbox+".1", body)                                                                          // fails only where the connection is gone
	}
}

// due are the servers to ask now.
func (g *global) due(now time.Time) (out []wire.Server) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for id, a := range g.asks {
		switch {
		case now.Sub(a.changed) >= askOver:
			g.end(id)
		case len(out) < mostAsked && !now.Before(a.next.Add(-tickEvery/2)): // the nearest tick
			a.asked++
			a.next = now.Add(pauses(a.asked))
			out = append(out, a.of)
		}
	}
	return out
}

// answered takes in what a server has. It is asked no more where that stays, and is not more
// than it was before.
func (g *global) answered(id string, n uint32, now time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	a := g.asks[id]
	switch {
	case a == nil:
		return
	case n != a.last:
		a.changed, a.answers = now, 0
	}
	a.last = n
	if a.answers++; a.answers > 1 && n <= g.settled[id] && now.Sub(a.changed) >= askLater {
		g.end(id)
	}
}

// end has a server asked no more.
func (g *global) end(id string) {
	delete(g.settled, id)
	if a := g.asks[id]; a.answers > 0 && a.last > 0 {
		g.settled[id] = a.last
	}
	delete(g.asks, id)
}

func (g *global) reply(m *nats.Msg) {
	if sysreq.NoResponders(m) {
		return
	}
	from, rows, err := g.dec.Rows(context.Background(), bytes.NewReader(m.Data))
	n, leaves := uint32(0), uint32(0)
	for _, r := range rows {
		if r.ID == checks.GlobalAccount {
			n, leaves = r.Connections, r.Leafnodes
		}
	}
	if err == nil {
		g.answered(from.ID, n, time.Now())
	}
	g.s.feed(err, true, func(w *record.Watch, now time.Time) { w.CountedNow(from.ID, n, leaves, now) })
}
