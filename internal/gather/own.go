package gather

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/words"
)

// subjectOwnReport is [subjectReport] in an ordinary account: every account
// imports it, and gets its own numbers only (registerSystemImports in
// nats-server).
const subjectOwnReport = subjectReport

// ownNote is the first thing to know of what an ordinary account sees.
const ownNote = "an ordinary account can't know how many servers there are: expected are those that answered and those that servers tell clients of"

// OwnAccount is what an ordinary account sees of itself.
type OwnAccount struct {
	Account checks.Account
	// Deployment has this one account, without the auditor's own connection.
	// Start, MaxConnections and Details of servers stay unknown.
	Deployment *checks.Deployment
	// On is what each server knows of the account, by the server's id.
	On map[string]checks.AccountOn

	self auditor
}

// auditor is the auditor's own connection.
type auditor struct {
	server string // id
	cid    uint64 // 0 where the server does not tell it
}

func auditorOf(nc *nats.Conn) auditor {
	cid, _ := nc.GetClientID() // 0: not told
	return auditor{nc.ConnectedServerId(), cid}
}

// Own gathers what the account of an ordinary user has on each server. Each
// server answers the account's own report, also with nothing in it; how many
// there are nobody tells an account. So it waits for a tenth of the time-out at
// least, until nothing has come for 300 ms, and asks again until no new server
// answers. Servers of told that did not answer are missing, and waited for until
// two fifths of the time-out. What a leafnode hands on is answered twice; each
// server counts once.
//
// The account is that of the connected server's answer; named, which may be
// empty, is its id where that does not come. An error means that there is
// nothing to judge: [PermissionError], [SilentError], [UnheardError],
// [SystemUserError], a lost connection, or the context's error. The
// connection must not be used by another function of this package at the same
// time.
func Own(ctx context.Context, nc *nats.Conn, named string, told []Told, o Options) (*OwnAccount, error) {
	limited, cancel := context.WithTimeout(ctx, o.Timeout*4/5)
	defer cancel()
	g := &own{
		nc: nc, o: o, named: named, told: told, started: time.Now(), url: nc.ConnectedUrlRedacted(), cluster: nc.ConnectedClusterName(),
		inbox: nc.NewInbox(), self: auditorOf(nc), servers: map[string]*ownSeen{}, notes: map[string]bool{ownNote: true},
		dec: newDecoder(), replies: make(chan *nats.Msg, 64), refused: make(chan string, 1),
	}
	w, unwatch := watch(nc)
	defer unwatch()
	defer w.listen(g.forbidden)()
	sub, err := nc.Subscribe(g.inbox+".*", func(m *nats.Msg) {
		select {
		case g.replies <- m:
		case <-limited.Done():
		}
	})
	if err != nil {
		return nil, fmt.Errorf("subscribing for replies: %w", err)
	}
	defer func() { _ = sub.Unsubscribe() }() // fails only where the connection is gone
	if err := g.run(limited); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return g.account()
}

// own is a gathering of one account's own reports. Its state belongs to the
// goroutine of run.
type own struct {
	nc      *nats.Conn
	o       Options
	named   string
	told    []Told
	started time.Time
	url     string // of the server that was connected to at the start
	cluster string // of the same
	inbox   string
	self    auditor
	servers map[string]*ownSeen
	notes   map[string]bool
	rounds  int
	bytes   int64
	dec     *decoder
	replies chan *nats.Msg
	refused chan string
}

// ownSeen is a server as far as it answered.
type ownSeen struct {
	identity
	rows    []ownRow
	whole   bool
	problem string // why its last answer can't be used
	round   int    // the last one that it answered
	doubles bool   // it answered a round more than once
}

// forbidden says whether the server's sentence is about the report or the
// replies to it.
func (g *own) forbidden(violation string) bool {
	upper := strings.ToUpper(violation)
	ours := strings.Contains(upper, strings.ToUpper(subjectOwnReport)) || strings.Contains(upper, strings.ToUpper(g.inbox)) || forbiddenKind(violation) == everything
	if ours {
		select {
		case g.refused <- violation:
		default: // one is enough
		}
	}
	return ours
}

func (g *own) run(ctx context.Context) error {
	status := g.nc.StatusChanged(nats.CONNECTED, nats.CLOSED)
	defer g.nc.RemoveStatusListener(status)
	for ; ; g.rounds++ {
		fresh, err := g.round(ctx, status)
		switch {
		case err != nil:
			return err
		case errors.Is(ctx.Err(), context.Canceled):
			return ctx.Err()
		case ctx.Err() != nil:
			if !g.nc.IsConnected() {
				g.notes["the connection was lost and did not come back"] = true
			}
			if len(g.servers) == 0 {
				return &SilentError{Server: g.url, Waited: time.Since(g.started).Round(100 * time.Millisecond).String()}
			}
			g.rounds++
			return nil
		case len(g.servers) > 0 && !fresh && g.rounds > 0 && (g.settled() || time.Since(g.started) > g.o.Timeout*2/5):
			g.rounds++
			return nil
		}
	}
}

// round asks everyone once. It says whether a server answered that had not yet.
func (g *own) round(ctx context.Context, status <-chan nats.Status) (fresh bool, err error) {
	body, _ := json.Marshal(filter{Unused: true}) // a plain struct: can't fail
	g.trace(">>> %s %s", subjectOwnReport, body)
	if err := g.nc.PublishRequest(subjectOwnReport, fmt.Sprintf("%s.%d", g.inbox, g.rounds), body); err != nil {
		return false, fmt.Errorf("asking %s: %w", subjectOwnReport, err)
	}
	began := time.Now()
	last := began
	quiet := time.NewTimer(0)
	defer quiet.Stop()
	for {
		end := last.Add(lull)
		if least := began.Add(g.o.Timeout / 10); least.After(end) && (g.rounds == 0 || !g.allAnswered()) {
			end = least
		}
		quiet.Reset(time.Until(end))
		select {
		case m := <-g.replies:
			last = time.Now()
			if noResponders(m) {
				return false, &UnheardError{Subject: subjectOwnReport}
			}
			fresh = g.reply(m) || fresh
			if g.o.Progress != nil {
				g.o.Progress(Progress{Expected: len(g.servers) + len(g.absent()), Reported: g.whole(), Bytes: g.bytes})
			}
		case violation := <-g.refused:
			return false, &PermissionError{Violation: violation}
		case s := <-status:
			if s == nats.CLOSED {
				return false, fmt.Errorf("the connection closed before every server had answered: %w", cmp.Or(g.nc.LastError(), nats.ErrConnectionClosed))
			}
			// The own connection is another one now, perhaps on another server,
			// and counts from before have it elsewhere.
			g.notes["the connection was lost and came back; everything was asked for again"] = true
			g.self, g.servers = auditorOf(g.nc), map[string]*ownSeen{}
			return true, nil
		case <-quiet.C:
			return fresh, nil
		case <-ctx.Done():
			return fresh, nil
		}
	}
}

func (g *own) trace(format string, args ...any) {
	if g.o.Trace != nil {
		g.o.Trace(format, args...)
	}
}

// reply takes in an answer; it says whether that is the first whole one of its
// server.
func (g *own) reply(m *nats.Msg) bool {
	g.bytes += int64(len(m.Data))
	from, rows, err := g.decode(m)
	g.trace("<<< %s account report, %d bytes, %d accounts, %v", from.Name, len(m.Data), len(rows), err)
	if from.ID == "" || len(g.servers) >= mostServers {
		g.notes[named(from, "an account report of %s can't be used")] = true
		return false
	}
	s, known := g.servers[from.ID]
	if !known {
		s = &ownSeen{identity: from, round: -1}
		g.servers[from.ID] = s
	}
	round := roundOf(m.Subject)
	s.doubles = s.doubles || s.round == round
	s.round = round
	switch {
	case s.whole: // the first one counts
		return false
	case err != nil:
		s.problem = err.Error()
		return false
	}
	s.rows, s.whole, s.problem = rows, true, ""
	return true
}

func (g *own) decode(m *nats.Msg) (identity, []ownRow, error) {
	body, err := g.dec.whole(m)
	if err != nil {
		return identity{}, nil, err
	}
	return decodeOwn(body)
}

func (g *own) whole() int {
	n := 0
	for _, s := range g.servers {
		if s.whole {
			n++
		}
	}
	return n
}

// allAnswered is whether every server that is known answered this round.
func (g *own) allAnswered() bool {
	for _, s := range g.servers {
		if s.round != g.rounds {
			return false
		}
	}
	return len(g.servers) > 0
}

// settled is whether nobody is known to be missing.
func (g *own) settled() bool { return g.whole() == len(g.servers) && len(g.absent()) == 0 }

// account makes the model.
func (g *own) account() (*OwnAccount, error) {
	a := checks.Account{ID: g.named, Name: g.named}
	for _, s := range g.servers {
		if len(s.rows) > 1 {
			return nil, &SystemUserError{}
		}
		if s.ID == g.self.server && len(s.rows) == 1 {
			a = checks.Account{ID: s.rows[0].ID, Name: cmp.Or(s.rows[0].Name, s.rows[0].ID)}
		}
	}
	if a.ID == "" {
		return nil, fmt.Errorf("%s: the server does not say which account the credentials are of", g.url)
	}
	d := &checks.Deployment{Accounts: []checks.Account{a}}
	out := &OwnAccount{Account: a, Deployment: d, On: map[string]checks.AccountOn{}, self: g.self}
	counted := false
	var doubles, others []string
	for _, id := range slices.Sorted(maps.Keys(g.servers)) {
		s := g.servers[id]
		if s.doubles {
			doubles = append(doubles, named(s.identity, "%s"))
		}
		if !s.whole {
			d.Missing = append(d.Missing, checks.Missing{ID: s.ID, Name: s.Name, Host: s.Host, Cluster: s.Cluster, ClusterKnown: true,
				Reason: "its account report can't be used: " + s.problem})
			continue
		}
		server := checks.Server{ID: s.ID, Name: s.Name, Host: s.Host, Cluster: s.Cluster}
		usage, on, other := ownUsage(s.rows, a.ID)
		if other != "" {
			others = append(others, fmt.Sprintf("%s for %q", named(s.identity, "%s"), cut(other)))
		}
		out.On[s.ID] = on
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
		g.notes["sent their account report more than once, as servers behind leafnodes do, and count once: "+few(doubles)] = true
	}
	if len(others) > 0 {
		g.notes["answered for an account of their own, which does not count: "+few(others)] = true
	}
	if !counted {
		g.notes["this audit's own connection is not in any count, so that none was taken off"] = true
	}
	d.Missing = append(d.Missing, g.lacking()...)
	d.Expected = len(d.Servers) + len(d.Missing)
	d.Notes = slices.Sorted(maps.Keys(g.notes))
	return out, nil
}

// few names the first of many.
func few(all []string) string { return words.ListUpTo(4, all) }
