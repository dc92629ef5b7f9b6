package account

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/internal/source"
	"github.com/nats-balance/nats-balance/internal/sysreq"
	"github.com/nats-balance/nats-balance/internal/wire"
)

// ownNote is the first thing to know of what an ordinary account sees.
const ownNote = "an ordinary account can't know how many servers there are: expected are those that answered and those that servers advertise"

// gather gathers what the account of an ordinary user has on each server. Each
// server answers the account's own report, also with nothing in it; how many
// there are nobody tells an account. So it waits for
// [source.WaitForRoster] at least, until nothing has come for 300 ms, and asks again until no new server
// answers and all do that did before. What each said last counts, as clients come and
// go. Servers at the addresses that did not answer, and those that do not any more, are
// missing, and waited for until [source.AskAgain]; check, if not nil, looks who is
// where, if that matters. What a leafnode hands on is answered twice; each
// server counts once.
//
// The account is that of the connected server's answer; named, which may be
// empty, is its id where that does not come. An error means that there is
// nothing to judge: [sysreq.PermissionError], [source.NoAnswerError],
// [NoServiceError], [SystemUserError], a lost connection, or the context's error.
func gather(ctx context.Context, nc *nats.Conn, named string, addresses []address, check func(context.Context, []*address), o source.Options) (*view, error) {
	limited, cancel := context.WithTimeout(ctx, source.GiveUp.Of(o.Timeout))
	defer cancel()
	g := &gathering{
		nc: nc, client: sysreq.New(nc, o.Trace), o: o, named: named, addresses: slices.Clone(addresses), check: check,
		started: time.Now(), url: sysreq.At(nc), cluster: nc.ConnectedClusterName(),
		self: auditorOf(nc), servers: map[string]*seen{}, lost: -1, notes: map[string]bool{ownNote: true},
		byName: map[int]bool{}, general: map[int]map[string]bool{},
		dec: wire.NewDecoder(), replies: make(chan reply, 64), refused: make(chan *sysreq.PermissionError, 1),
	}
	defer g.client.Close()
	if check != nil {
		g.passed = passedTo(limited, nc)
	}
	var err error
	g.inbox, err = g.client.Listen(func(round int, m *nats.Msg) {
		select {
		case g.replies <- reply{round, m}:
		case <-limited.Done():
		}
	})
	if err != nil {
		return nil, err
	}
	defer g.inbox.Close()
	defer g.client.OnRefusal(g.forbidden)()
	if err := g.run(limited); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return g.view()
}

// gathering is one of one account's own reports. Its state belongs to the
// goroutine of run.
type gathering struct {
	nc        *nats.Conn
	client    *sysreq.Client
	inbox     *sysreq.Inbox
	o         source.Options
	named     string
	addresses []address
	check     func(context.Context, []*address) // nil: no address is connected to
	checked   bool
	passed    []address // that the connection was configured with
	started   time.Time
	url       string // of the server that was connected to at the start
	cluster   string // of the same
	self      auditor
	servers   map[string]*seen
	notes     map[string]bool
	rounds    int
	toAll     int                     // the last round in which all were asked
	asked     bool                    // the last question but the first brought no further server
	lost      int                     // the last round in which the connection was lost, -1
	ofAll     bool                    // a report was of all accounts
	byName    map[int]bool            // rounds in which servers were asked by name
	general   map[int]map[string]bool // who answered the others, by id
	bytes     int64
	dec       *wire.Decoder
	replies   chan reply
	refused   chan *sysreq.PermissionError
}

// reply is an account report, and the round that it belongs to.
type reply struct {
	round int
	m     *nats.Msg
}

// seen is a server as far as it answered.
type seen struct {
	wire.Server
	rows    []wire.Row
	whole   bool
	counted int    // the round that rows are of
	problem string // why its last answer can't be used
	round   int    // the last one that it answered
	heard   int    // the last round in which it answered any
	doubles bool   // it answered a round more than once
	times   int    // the most that it answered a round

	answers      map[int]*answer // by round
	contradicted bool            // two answers to one question differ
}

// answer is the first in the name of a server to a question.
type answer struct {
	rows   []wire.Row
	broken bool // it can't be used
	times  int  // how many there are
}

// forbidden reports whether the server refuses the report or the replies to it.
func (g *gathering) forbidden(e *sysreq.PermissionError) bool {
	ours := e.Operation == sysreq.Subscribe || e.Subject == sysreq.AccountStatz || g.inbox.Owns(e.Subject)
	if ours {
		select {
		case g.refused <- e:
		default: // one is enough
		}
	}
	return ours
}

func (g *gathering) run(ctx context.Context) error {
	status := g.nc.StatusChanged(nats.CONNECTED, nats.CLOSED)
	defer g.nc.RemoveStatusListener(status)
	for ; ; g.rounds++ {
		fresh, err := g.round(ctx, status)
		// Clients come back when this audit's connection does.
		fresh = fresh || g.lost >= 0 && g.rounds == g.lost+1
		g.asked = g.rounds > 0 && !fresh && (g.asked || ctx.Err() == nil)
		g.refresh()
		switch {
		case err != nil:
			return err
		case errors.Is(ctx.Err(), context.Canceled):
			return ctx.Err()
		case len(g.servers) == 0 && g.ofAll:
			return &SystemUserError{}
		case ctx.Err() != nil:
			if !g.nc.IsConnected() {
				g.notes["the connection was lost and did not come back"] = true
			}
			if len(g.servers) == 0 {
				return &source.NoAnswerError{Server: g.url, Waited: time.Since(g.started)}
			}
			g.rounds++
			return nil
		case len(g.servers) > 0 && !fresh && g.rounds > 0 && (g.checkAddresses(ctx) || g.checkPassed(ctx)):
		case len(g.servers) > 0 && !fresh && g.rounds > 0 && (g.settled() || time.Since(g.started) > source.AskAgain.Of(g.o.Timeout)):
			g.rounds++
			return nil
		}
	}
}

// round asks everyone once. It says whether a server answered that had not yet.
func (g *gathering) round(ctx context.Context, status <-chan nats.Status) (fresh bool, err error) {
	if err := g.ask(); err != nil {
		return false, err
	}
	began := time.Now()
	last := began
	quiet := time.NewTimer(0)
	defer quiet.Stop()
	for {
		end := last.Add(sysreq.Lull)
		if least := began.Add(source.WaitForRoster.Of(g.o.Timeout)); least.After(end) && (g.rounds == 0 || !g.allAnswered()) {
			end = least
		}
		quiet.Reset(time.Until(end))
		select {
		case r := <-g.replies:
			last = time.Now()
			if sysreq.NoResponders(r.m) {
				return false, &NoServiceError{Subject: sysreq.AccountStatz}
			}
			fresh = g.reply(ctx, r) || fresh
			if g.o.Progress != nil {
				g.o.Progress(source.Progress{Expected: len(g.servers) + len(g.absent()), Reported: g.whole(), Bytes: g.bytes})
			}
		case e := <-g.refused:
			return false, e
		case s := <-status:
			if s == nats.CLOSED {
				return false, fmt.Errorf("the connection closed before every server had answered: %w", g.client.Ended())
			}
			// The own connection is another one now, perhaps on another server,
			// and counts from before have it elsewhere: who says nothing more is gone.
			g.notes["the connection was lost and came back; everything was asked for again"] = true
			g.self, g.lost = auditorOf(g.nc), g.rounds
			return true, nil
		case <-quiet.C:
			return fresh, nil
		case <-ctx.Done():
			return fresh, nil
		}
	}
}

// reply takes in an answer; it reports whether that is the first whole one of its
// server.
func (g *gathering) reply(ctx context.Context, r reply) bool {
	g.bytes += int64(len(r.m.Data))
	if r.round < 0 || r.round > g.rounds {
		return false // nobody asked
	}
	var rows []wire.Row
	var from wire.Server
	body, err := g.dec.Open(r.m)
	if err == nil {
		from, rows, err = g.dec.Rows(ctx, body)
	}
	g.client.Trace("<<< %s account report, %d bytes, %d accounts, %v", from.Name, len(r.m.Data), len(rows), err)
	if from.ID == "" || len(g.servers) >= wire.MostServers {
		g.notes[fmt.Sprintf("an account report of %s can't be used", from)] = true
		return false
	}
	if err == nil && len(rows) > 1 {
		// It is of all accounts: to the system account, or to one that imports this
		// service of it and gets a report of itself besides.
		g.ofAll = true
		return false
	}
	s, known := g.servers[from.ID]
	if !known {
		s = &seen{Server: from, round: -1, answers: map[int]*answer{}}
		g.servers[from.ID] = s
	}
	g.heard(r.round, from.ID)
	first, double := s.answers[r.round]
	if !double {
		first = &answer{rows: rows, broken: err != nil}
		s.answers[r.round] = first
	}
	first.times++
	s.doubles, s.times, s.round, s.heard = s.doubles || double, max(s.times, first.times), max(s.round, r.round), g.rounds
	if known && (s.Server != from || double && (first.broken != (err != nil) || !sameRows(first.rows, rows))) {
		s.contradicted, s.whole, s.problem = true, false, ""
	}
	switch {
	case s.contradicted, s.whole && r.round <= s.counted: // the first one to a question counts
		return false
	case err != nil:
		s.problem = err.Error()
		return false
	}
	fresh := !s.whole
	s.rows, s.whole, s.counted, s.problem = rows, true, r.round, ""
	return fresh
}

// sameRows reports whether two reports say the same, in whatever order.
func sameRows(a, b []wire.Row) bool {
	sorted := func(of []wire.Row) []wire.Row {
		return slices.SortedFunc(slices.Values(of), func(a, b wire.Row) int { return cmp.Compare(a.ID, b.ID) })
	}
	return slices.Equal(sorted(a), sorted(b))
}

func (g *gathering) whole() int {
	n := 0
	for _, s := range g.servers {
		if s.whole {
			n++
		}
	}
	return n
}

// allAnswered reports whether every server that is known answered since all were asked
// for the last time.
func (g *gathering) allAnswered() bool {
	for _, s := range g.servers {
		if s.round < g.toAll {
			return false
		}
	}
	return len(g.servers) > 0
}

// silent reports whether a server answered, and does not any more: it has gone, and
// where its clients are now others say.
func (g *gathering) silent(s *seen) bool { return s.heard < g.rounds-2 }

// settled reports whether nobody is known to be missing.
func (g *gathering) settled() bool {
	return g.whole() == len(g.servers) && g.allAnswered() && len(g.absent())+len(g.claimed()) == 0
}
