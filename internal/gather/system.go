package gather

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/checks"
)

// The subjects of the system account that are asked, all of them only read.
const (
	subjectUser   = "$SYS.REQ.USER.INFO"
	subjectRoster = "$SYS.REQ.SERVER.PING"
	subjectReport = "$SYS.REQ.ACCOUNT.PING.STATZ"
	subjectVarz   = "$SYS.REQ.SERVER.%s.VARZ" // server id
)

// lull is how long nothing comes before what is missing is taken to be late.
const lull = 300 * time.Millisecond

// defaultSystemAccount is nats-server's name for it where none is configured.
const defaultSystemAccount = "$SYS"

// Options of a gathering.
type Options struct {
	// Timeout is the longest wait for all of it. What is missing is asked for
	// again at two fifths of it and given up at four fifths, which leaves
	// time for what is asked of single servers afterwards.
	Timeout time.Duration
	// Progress, if set, is called from one goroutine after every reply.
	Progress func(Progress)
	// Trace, if set, is told of every request and reply. It is called from
	// several goroutines, one at a time.
	Trace func(format string, args ...any)
}

// Progress is how far a gathering has come.
type Progress struct {
	Expected, Reported int   // servers; those expected are more once all links are known
	Bytes              int64 // of account reports, as they came
}

// System gathers a deployment through a connection to the system account. It
// returns as soon as every server that is known has reported, and at the
// latest when the time is over; what is missing then is in the model.
//
// An error means that there is nothing to judge: [NotSystemAccountError],
// [PermissionError], [SilentError], a lost connection, or the context's error.
func System(ctx context.Context, nc *nats.Conn, o Options) (*checks.Deployment, error) {
	started := time.Now()
	deadline, cancel := context.WithTimeout(ctx, o.Timeout*4/5)
	defer cancel()
	g := &system{
		nc: nc, o: o, started: started,
		url:      nc.ConnectedUrlRedacted(),
		inbox:    nc.NewInbox(),
		accounts: newInterner(),
		servers:  map[string]*seen{},
		events:   make(chan event, 64),
		notes:    map[string]int{},
	}
	stop, err := g.listen(deadline)
	if err != nil {
		return nil, fmt.Errorf("subscribing for replies: %w", err)
	}
	defer stop()
	if err := g.run(deadline); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return g.deployment(time.Since(started)), nil
}

// system is a gathering under way. Its state belongs to the goroutine of run;
// what others find out arrives there as an event.
type system struct {
	nc       *nats.Conn
	o        Options
	started  time.Time
	url      string // of the server that was connected to at the start
	inbox    string
	accounts *interner
	servers  map[string]*seen
	events   chan event
	notes    map[string]int // what to tell of the coverage → how often it was

	self     *server.UserInfo
	refused  bool // nobody listens to the roster request
	asked    int  // rounds of questions so far
	counted  int  // the most servers that a server counts
	answered int  // how many answered the roster
	planned  bool // the reports have been asked for
	waves    []wave
	inFlight int // what is still to come of the reports asked for, about
	bytes    int64
	last     time.Time // of the last reply
	fatal    error
	lostOnce bool

	tracing sync.Mutex // held while Trace is called
	over    bool       // Trace is not to be called any more
}

// event changes the state of a gathering.
type event func(*system)

// listen subscribes to the replies and to what the connection reports.
func (g *system) listen(ctx context.Context) (stop func(), err error) {
	var subs []*nats.Subscription
	workers, stopWorkers := g.startDecoders(ctx)
	previous := g.nc.ErrorHandler()
	stop = func() {
		g.tracing.Lock()
		g.over = true
		g.tracing.Unlock()
		for _, s := range subs {
			_ = s.Unsubscribe() // fails only where the connection is gone
		}
		g.nc.SetErrorHandler(previous)
		stopWorkers()
	}
	g.nc.SetErrorHandler(func(nc *nats.Conn, s *nats.Subscription, err error) {
		if errors.Is(err, nats.ErrPermissionViolation) {
			g.send(ctx, func(g *system) { g.forbidden(err) })
		} else if previous != nil {
			previous(nc, s, err)
		}
	})
	handlers := map[string]nats.MsgHandler{
		"user":   func(m *nats.Msg) { g.userReply(ctx, m) },
		"roster": func(m *nats.Msg) { g.rosterReply(ctx, m) },
		"varz":   func(m *nats.Msg) { g.varzReply(ctx, m) },
		"report": func(m *nats.Msg) {
			select {
			case workers <- m:
			case <-ctx.Done():
			}
		},
	}
	for kind, handler := range handlers {
		s, err := g.nc.Subscribe(g.inbox+"."+kind+".*", handler)
		if err == nil {
			// Replies wait in memory, compressed, for a decoder: with a limit
			// nats.go drops what is over it without a word.
			err = s.SetPendingLimits(-1, -1)
		}
		if err != nil {
			stop()
			return nil, err
		}
		subs = append(subs, s)
	}
	return stop, nil
}

// startDecoders starts a decoder for each processor.
func (g *system) startDecoders(ctx context.Context) (chan<- *nats.Msg, func()) {
	work := make(chan *nats.Msg)
	quit := make(chan struct{})
	for range runtime.GOMAXPROCS(0) {
		go func() {
			d := newDecoder()
			for {
				select {
				case m := <-work:
					r, err := d.report(ctx, m, g.accounts)
					round, size := roundOf(m.Subject), int64(len(m.Data))
					g.trace("<<< %s account report, %d bytes, %d accounts, %v", r.from.Name, size, len(r.usage), err)
					g.send(ctx, func(g *system) { g.reported(r, err, round, size) })
				case <-quit:
					return
				}
			}
		}()
	}
	return work, func() { close(quit) }
}

// send hands an event to run, unless the gathering is over.
func (g *system) send(ctx context.Context, e event) {
	select {
	case g.events <- e:
	case <-ctx.Done():
	}
}

// trace tells of a request or a reply, but of none that comes when the
// gathering is over.
func (g *system) trace(format string, args ...any) {
	if g.o.Trace == nil {
		return
	}
	g.tracing.Lock()
	defer g.tracing.Unlock()
	if !g.over {
		g.o.Trace(format, args...)
	}
}

// ask publishes a request whose replies arrive at the handler of that kind.
func (g *system) ask(subject, kind string, body any, header nats.Header) {
	data := []byte(nil)
	if body != nil {
		data, _ = json.Marshal(body) // plain structs: can't fail
	}
	m := &nats.Msg{Subject: subject, Reply: fmt.Sprintf("%s.%s.%d", g.inbox, kind, g.asked), Data: data, Header: header}
	g.trace(">>> %s %s", subject, data)
	if err := g.nc.PublishMsg(m); err != nil && !g.nc.IsClosed() {
		g.notes[fmt.Sprintf("asking %s failed: %v", subject, err)]++
	}
}

// roundOf is the round of questions that a reply belongs to.
func roundOf(subject string) int {
	n, err := strconv.Atoi(subject[strings.LastIndexByte(subject, '.')+1:])
	if err != nil {
		return -1
	}
	return n
}

// compressed makes a server compress its reply, see zReq in nats-server.
func compressed() nats.Header { return nats.Header{"Accept-Encoding": []string{"snappy"}} }

// run asks and waits until everything is there, the time is over, or nothing
// can come any more.
func (g *system) run(ctx context.Context) error {
	status := g.nc.StatusChanged(nats.CONNECTED, nats.RECONNECTING, nats.CLOSED)
	defer g.nc.RemoveStatusListener(status)
	g.ask(subjectUser, "user", nil, nil)
	g.ask(subjectRoster, "roster", nil, nil)
	patience := time.NewTimer(g.o.Timeout / 10)
	defer patience.Stop()
	again := time.NewTimer(g.o.Timeout * 2 / 5)
	defer again.Stop()
	if g.nc.IsClosed() { // before anyone listened
		return g.closed()
	}
	for {
		select {
		case e := <-g.events:
			e(g)
			if g.o.Progress != nil {
				// What expected says takes milliseconds in a large fleet.
				g.o.Progress(Progress{Expected: max(len(g.servers), g.counted), Reported: g.whole(), Bytes: g.bytes})
			}
		case s := <-status:
			switch s {
			case nats.CLOSED:
				return g.closed()
			case nats.RECONNECTING:
				g.lostOnce = true
			case nats.CONNECTED:
				if g.lostOnce {
					g.notes["the connection was lost and came back; what was missing was asked for again"]++
					g.askAgain()
				}
			default: // not listened to
			}
		case <-patience.C:
			if !g.planned {
				g.askReports()
			}
		case <-again.C:
			// While replies still come in, asking again would only add to them.
			if quiet := lull - time.Since(g.last); quiet > 0 {
				again.Reset(quiet)
				continue
			}
			if len(g.waves) > 0 {
				g.inFlight = 0 // what is late is asked for again later
				g.nextWaves()
				again.Reset(lull)
				continue
			}
			g.askAgain()
		case <-ctx.Done():
			return g.timeOver(ctx)
		}
		if !g.planned && g.rosterDone() {
			g.askReports()
		}
		switch {
		case g.fatal != nil:
			return g.fatal
		case g.refused && g.self != nil:
			return g.notSystem()
		case g.complete():
			return nil
		}
	}
}

// rosterDone is whether everyone that is known of has answered the roster.
func (g *system) rosterDone() bool {
	if g.answered == 0 || g.answered < max(g.counted, len(g.servers)) {
		return false // cheap, and nearly always so
	}
	n, _ := expected(g.servers)
	return g.answered >= n
}

func (g *system) notSystem() error {
	e := &NotSystemAccountError{}
	if g.self != nil {
		e.Account, e.Name = g.self.Account, g.self.AccountName
	}
	return e
}

// heard says whether any server answered the roster. Before, nobody knows how
// many there are, and what was reported is no model.
func (g *system) heard() bool {
	for _, s := range g.servers {
		if s.roster != nil {
			return true
		}
	}
	return false
}

// onlyOwn says whether all that was reported is of the account of our
// credentials, as in an ordinary account, which only gets its own.
func (g *system) onlyOwn() bool {
	accounts := g.accounts.all()
	return len(accounts) == 1 && g.self != nil && accounts[0].ID == g.self.Account
}

// timeOver tells a wait that ended without any answer from a coverage with
// holes, which the model tells.
func (g *system) timeOver(ctx context.Context) error {
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return ctx.Err()
	case g.refused || !g.heard() && g.onlyOwn():
		return g.notSystem()
	case !g.heard():
		return &SilentError{Server: g.url, Waited: time.Since(g.started).Round(100 * time.Millisecond).String()}
	case !g.nc.IsConnected():
		g.notes["the connection was lost and did not come back"]++
	}
	return nil
}

// closed does the same for a connection that was closed for good.
func (g *system) closed() error {
	if !g.heard() {
		return fmt.Errorf("the connection closed before any server answered: %w", cmp.Or(g.nc.LastError(), nats.ErrConnectionClosed))
	}
	g.notes["the connection closed before every server had answered"]++
	return nil
}

func (g *system) whole() int {
	n := 0
	for _, s := range g.servers {
		if s.whole {
			n++
		}
	}
	return n
}

func (g *system) complete() bool {
	if g.self == nil || len(g.servers) == 0 {
		return false
	}
	for _, s := range g.servers {
		if s.roster == nil || !s.whole {
			return false
		}
	}
	n, _ := expected(g.servers)
	return len(g.servers) >= n
}

// filter addresses servers by name, the only way that the account report has.
type filter struct {
	Name    string `json:"server_name,omitempty"`
	Cluster string `json:"cluster,omitempty"`
	Exact   bool   `json:"exact_match"`
	Unused  bool   `json:"include_unused,omitempty"`
}

// askAgain asks those that are missing directly, and where one is missing that
// did not answer at all, everyone for the roster: for those whose names are not
// known, and whether the others still know it.
func (g *system) askAgain() {
	g.asked++
	if g.self == nil {
		g.ask(subjectUser, "user", nil, nil)
	}
	g.planned = true
	late := 0
	for _, s := range g.servers {
		if !s.whole {
			late += s.size()
		}
	}
	if late > window {
		g.planWaves()
	}
	for _, s := range g.servers {
		if !s.whole || s.roster == nil {
			s.asked = g.asked
			g.ask(subjectRoster, "roster", filter{Name: s.Name, Cluster: s.Cluster, Exact: true}, nil)
			if late <= window {
				g.askReport(s.Name, s.Cluster)
			}
		}
	}
	if n, _ := expected(g.servers); n > len(g.servers) || len(g.servers) == 0 {
		g.ask(subjectRoster, "roster", nil, nil)
	}
}

// askReport asks one server for its report. One with nothing to report stays
// silent unless unused accounts are asked for, too.
func (g *system) askReport(name, cluster string) {
	g.ask(subjectReport, "report", filter{Name: name, Cluster: cluster, Exact: true, Unused: true}, compressed())
}
