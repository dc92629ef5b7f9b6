package live

import (
	"bytes"
	"context"
	"encoding/json"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/record"
	"github.com/nats-balance/nats-balance/internal/sysreq"
	"github.com/nats-balance/nats-balance/internal/wire"
)

const (
	// globalAccount is the one of which servers do not say what they have of it when
	// that changes.
	globalAccount = "$G"
	// A server is asked soon after a client of the global account came or left, and
	// once more when that must have settled.
	askSoon  = 200 * time.Millisecond
	askLater = 1200 * time.Millisecond
	// After a full report it is asked once those that were about to log in have, or were
	// closed: by default servers leave them 2 seconds for that, and 2 more for TLS.
	askOver = 5 * time.Second
	// mostAsked is how many servers are asked with each tick.
	mostAsked = 32
)

// global counts the global account where a client of it came or left, by asking
// that server.
type global struct {
	s     *session
	inbox string
	dec   *wire.Decoder // of replies, which come one after the other

	mu  sync.Mutex
	due map[wire.Server]when
}

// when is when to ask a server. Zero is not.
type when struct{ soon, later time.Time }

func newGlobal(s *session) *global {
	return &global{s: s, inbox: s.events.NewInbox(), dec: wire.NewDecoder(), due: map[wire.Server]when{}}
}

// hint is that a client of the account came to a server or left it.
func (g *global) hint(from wire.Server) {
	now := time.Now()
	g.mu.Lock()
	defer g.mu.Unlock()
	w := g.due[from]
	if w.soon.IsZero() {
		w.soon = now.Add(askSoon)
	}
	w.later = now.Add(askLater)
	g.due[from] = w
}

// over asks a server soon, and when its clients have logged in that had not.
func (g *global) over(from wire.Server) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := time.Now()
	w := g.due[from]
	if w.soon.IsZero() {
		w.soon = now.Add(askSoon) // a report may have taken seconds, and most have by its end
	}
	w.later = now.Add(askOver)
	g.due[from] = w
}

// report is a full report. Of what it counts in the account some may only have been about to
// log in to another one.
func (g *global) report(d *checks.Deployment) {
	for i := range d.Servers {
		s := &d.Servers[i]
		for _, u := range s.Usage {
			if u.Connections > 0 && d.Accounts[u.Account].ID == globalAccount {
				g.over(wire.Server{ID: s.ID, Name: s.Name, Host: s.Host, Cluster: s.Cluster})
			}
		}
	}
}

// ask asks the servers that are due.
func (g *global) ask(now time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	asked := 0
	for from, w := range g.due {
		soon, later := !w.soon.IsZero() && !now.Before(w.soon), !now.Before(w.later)
		if asked == mostAsked || !soon && !later {
			continue
		}
		asked++
		if w.soon = (time.Time{}); later {
			delete(g.due, from)
		} else {
			g.due[from] = w
		}
		body, _ := json.Marshal(sysreq.Filter{Accounts: []string{globalAccount}, Name: from.Name, Cluster: from.Cluster, Exact: true, Unused: true}) // a plain struct: can't fail
		_ = g.s.events.PublishRequest(sysreq.AccountStatz, g.inbox+".1", body)                                                                       // fails only where the connection is gone
	}
}

func (g *global) reply(m *nats.Msg) {
	if sysreq.NoResponders(m) {
		return
	}
	from, rows, err := g.dec.Rows(context.Background(), bytes.NewReader(m.Data))
	g.s.feed(err, true, func(w *record.Watch, now time.Time) {
		n, leaves := uint32(0), uint32(0)
		for _, r := range rows {
			if r.ID == globalAccount {
				n, leaves = r.Connections, r.Leafnodes
			}
		}
		w.CountedNow(from.ID, globalAccount, n, leaves, now)
	})
}
