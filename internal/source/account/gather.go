package account

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/source"
	"github.com/nats-balance/nats-balance/internal/sysreq"
	"github.com/nats-balance/nats-balance/internal/wire"
)

// globalAccount is the account of clients where no accounts are configured.
const globalAccount = "$G"

// ownNote is the first thing to know of what an ordinary account sees.
const ownNote = "an ordinary account can't know how many servers there are: expected are those that answered and those that servers advertise"

// view is what an ordinary account sees of itself.
type view struct {
	account checks.Account
	// deployment has this one account, without the auditor's own connection.
	// Start, MaxConnections and Details of servers stay unknown.
	deployment *checks.Deployment
	// on is what each server knows of the account, by the server's id.
	on map[string]checks.AccountOn

	self auditor
}

// auditor is the auditor's own connection.
type auditor struct {
	server string // id
	cid    uint64 // 0 where the server does not tell it
}

func auditorOf(nc *nats.Conn) auditor {
	cid, _ := nc.GetClientID() // 0: not reported
	return auditor{nc.ConnectedServerId(), cid}
}

// gather gathers what the account of an ordinary user has on each server. Each
// server answers the account's own report, also with nothing in it; how many
// there are nobody tells an account. So it waits for
// [source.WaitForRoster] at least, until nothing has come for 300 ms, and asks again until no new server
// answers. Servers at the addresses that did not answer are missing, and waited
// for until [source.AskAgain]; check, if not nil, looks once who is
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
		self: auditorOf(nc), servers: map[string]*seen{}, notes: map[string]bool{ownNote: true},
		byName: map[int]bool{}, general: map[int]map[string]bool{},
		dec: wire.NewDecoder(), replies: make(chan reply, 64), refused: make(chan *sysreq.PermissionError, 1),
	}
	defer g.client.Close()
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
	check     func(context.Context, []*address) // nil when it was done
	started   time.Time
	url       string // of the server that was connected to at the start
	cluster   string // of the same
	self      auditor
	servers   map[string]*seen
	notes     map[string]bool
	rounds    int
	asked     bool                    // the last question but the first brought no further server
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
	problem string // why its last answer can't be used
	round   int    // the last one that it answered
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
		case len(g.servers) > 0 && !fresh && g.rounds > 0 && g.checkAddresses(ctx):
		case len(g.servers) > 0 && !fresh && g.rounds > 0 && (g.settled() || time.Since(g.started) > source.AskAgain.Of(g.o.Timeout)):
			g.rounds++
			return nil
		}
	}
}

// round asks everyone once. It says whether a server answered that had not yet.
func (g *gathering) round(ctx context.Context, status <-chan nats.Status) (fresh bool, err error) {
	if err := g.inbox.Ask(g.rounds, sysreq.AccountStatz, sysreq.Filter{Unused: true}, false); err != nil {
		return false, err
	}
	if err := g.askByName(); err != nil {
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
			// and counts from before have it elsewhere.
			g.notes["the connection was lost and came back; everything was asked for again"] = true
			g.self, g.servers = auditorOf(g.nc), map[string]*seen{}
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
	s.doubles, s.times, s.round = s.doubles || double, max(s.times, first.times), max(s.round, r.round)
	if known && (s.Server != from || double && (first.broken != (err != nil) || !sameRows(first.rows, rows))) {
		s.contradicted, s.whole, s.problem = true, false, ""
	}
	switch {
	case s.whole || s.contradicted: // the first one counts
		return false
	case err != nil:
		s.problem = err.Error()
		return false
	}
	s.rows, s.whole, s.problem = rows, true, ""
	return true
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

// allAnswered reports whether every server that is known answered this round.
func (g *gathering) allAnswered() bool {
	for _, s := range g.servers {
		if s.round != g.rounds {
			return false
		}
	}
	return len(g.servers) > 0
}

// settled reports whether nobody is known to be missing.
func (g *gathering) settled() bool {
	return g.whole() == len(g.servers) && len(g.absent())+len(g.claimed()) == 0
}

// view makes the model.
func (g *gathering) view() (*view, error) {
	a := checks.Account{ID: g.named, Name: g.named}
	for _, s := range g.servers {
		if s.ID == g.self.server && len(s.rows) == 1 {
			a = checks.Account{ID: s.rows[0].ID, Name: cmp.Or(s.rows[0].Name, s.rows[0].ID)}
		}
	}
	if a.ID == "" {
		return nil, fmt.Errorf("%s: the server does not say which account the credentials are of", g.url)
	}
	if a.ID == globalAccount {
		g.notes["the credentials are of "+globalAccount+", which is every client's account where the configuration has no accounts: an audit of all servers takes a system account with a user, see system_account"] = true
	}
	d := &checks.Deployment{Accounts: []checks.Account{a}}
	out := &view{account: a, deployment: d, on: map[string]checks.AccountOn{}, self: g.self}
	counted := false
	var doubles, others []string
	claimed := g.claimed()
	d.Missing = disbelieve(claimed)
	for _, id := range slices.Sorted(maps.Keys(g.servers)) {
		s := g.servers[id]
		if slices.Contains(claimed, s) {
			continue
		}
		if s.doubles {
			doubles = append(doubles, s.String())
		}
		if !s.whole {
			m := checks.Missing{ID: s.ID, Name: s.Name, Host: s.Host, Cluster: s.Cluster, ClusterKnown: s.Cluster != "", // or it is cut off
				Kind: checks.Unreadable, Reason: "its account report can't be used: " + s.problem}
			if s.contradicted {
				m.Kind, m.Reason = checks.Contradiction, "two answers in its name differ, and which of them is its own is unknown"
			}
			d.Missing = append(d.Missing, m)
			continue
		}
		server := checks.Server{ID: s.ID, Name: s.Name, Host: s.Host, Cluster: s.Cluster}
		usage, on, other := usageOf(s.rows, a.ID)
		if other != "" {
			others = append(others, fmt.Sprintf("%s for %q", s.Server, wire.Cut(other)))
		}
		out.on[s.ID] = on
		if s.ID == g.self.server && usage.Connections > 0 {
			usage.Connections--
			counted = true
		}
		if usage.Connections > 0 || usage.Leafnodes > 0 {
			server.Usage = []checks.Usage{usage}
		}
		d.Servers = append(d.Servers, server)
	}
	if len(doubles) > 0 {
		g.notes["sent their account report more than once, as servers behind leafnodes do, and count once: "+source.Few(doubles)] = true
	}
	if len(others) > 0 {
		g.notes["answered for an account of their own, which does not count: "+source.Few(others)] = true
	}
	if !counted {
		g.notes["this audit's own connection is not in any count, so that none was taken off"] = true
	}
	d.Missing = append(d.Missing, g.missing()...)
	if !g.asked && len(d.Missing) == 0 {
		d.Missing = append(d.Missing, checks.Missing{Kind: checks.Silent,
			Reason: "the time was over before a question brought no further server, so there may be others: pass a longer --timeout"})
	}
	d.Mixed = g.mixed()
	g.noteMixed(d.Mixed)
	g.noteOneByOne()
	d.Expected = len(d.Servers) + len(d.Missing)
	d.Notes = slices.Sorted(maps.Keys(g.notes))
	return out, nil
}
