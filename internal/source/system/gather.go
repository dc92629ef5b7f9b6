package system

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/source"
	"github.com/nats-balance/nats-balance/internal/sysreq"
	"github.com/nats-balance/nats-balance/internal/wire"
)

// identity is whose account reports came.
type identity struct {
	system  string // id of the system account
	through string // of the account of the credentials, where that is another one
}

// gatherAs gathers a deployment through a connection to the system account, and says
// as whom. It returns as soon as every server that is known has reported, and at the latest
// at [source.GiveUp]; what is missing then is in the model. What is missing is
// asked for again at [source.AskAgain].
//
// An error means that there is nothing to judge: [NotSystemAccountError],
// [sysreq.PermissionError], [source.NoAnswerError], a lost connection, or the
// context's error.
func gatherAs(ctx context.Context, nc *nats.Conn, o source.Options) (*checks.Deployment, identity, error) {
	started := time.Now()
	deadline, cancel := context.WithTimeout(ctx, source.GiveUp.Of(o.Timeout))
	defer cancel()
	g := &gathering{
		nc: nc, o: o, started: started,
		url:      sysreq.At(nc),
		accounts: wire.NewAccounts(),
		servers:  map[string]*seen{},
		events:   make(chan event, 64),
		notes:    map[string]int{},
		drained:  map[string]bool{},
		named:    map[place]bool{},
	}
	stop, err := g.listen(deadline)
	if err != nil {
		return nil, identity{}, err
	}
	defer stop()
	if err := g.run(deadline); err != nil {
		return nil, identity{}, err
	}
	if err := ctx.Err(); err != nil {
		return nil, identity{}, err
	}
	d, as := g.deployment(time.Since(started)), identity{system: g.systemAccount()}
	if g.self != nil && g.self.Account != "" && g.self.Account != as.system {
		as.through = cmp.Or(g.self.Name, g.self.Account)
	}
	return d, as, nil
}

// gathering is one that is under way. Its state belongs to the goroutine of run;
// what others find out arrives there as an event.
type gathering struct {
	nc       *nats.Conn
	client   *sysreq.Client
	inboxes  map[kind]*sysreq.Inbox
	o        source.Options
	started  time.Time
	url      string // of the server that was connected to at the start
	accounts *wire.Accounts
	servers  map[string]*seen
	events   chan event
	notes    map[string]int // what to say of the coverage → how often it was

	questions []question   // that were asked, by their tag
	arrivals  int          // of account reports, counted as they come
	reading   atomic.Int64 // account reports that came and are not taken in yet

	self       *wire.User
	connected  *wire.Varz      // of the connected server; nil until it came
	identified bool            // it came, or can't
	noVarz     bool            // servers may not be asked for their VARZ
	unheard    bool            // nobody listens to that question, not even the connected server
	drained    map[string]bool // names of servers that began to drain before they answered
	noLinks    bool            // nor for their routes or leafnodes
	unused     bool            // all reports are asked for with unused accounts
	ofOne      int             // reports of the credentials' account alone, where there may be others
	ofAll      int             // and those of all accounts
	oneByOne   bool            // questions to all get one answer only
	named      map[place]bool  // who was asked by name for that
	refused    bool            // nobody listens to the roster request
	asked      int             // rounds of questions so far
	closing    bool            // the roster was asked for once more, for who is still there
	counted    int             // the most servers that a server counts
	answered   int             // how many answered the roster
	planned    bool            // the reports have been asked for
	// firstReports is the tag of the first question for reports.
	firstReports int
	compressed   bool // reports are
	waves        []wave
	inFlight     int // what is still to come of the reports asked for, about
	bytes        int64
	last         time.Time     // of the last reply
	slowest      time.Duration // to answer the roster
	fatal        error
	lostOnce     bool
}

// kind is a kind of replies.
type kind string

const (
	ofUser   kind = "user"
	ofRoster kind = "roster"
	ofReport kind = "report"
	ofVarz   kind = "varz"
	ofRoutez kind = "routez"
	ofLeafz  kind = "leafz"
)

// question is one that was asked of a server or more.
type question struct {
	round int
	at    time.Time
	kind  kind
	of    string // the id of the server, where it is one
	all   bool   // it is for every server
	heard int    // how many answers to it came
}

// leastSettling and mostSettling bound [gathering.settling].
const (
	leastSettling = 50 * time.Millisecond
	mostSettling  = 150 * time.Millisecond
)

// settling is how long is waited after the last reply, for another one in the name of a
// server that reported: three times as long as the slowest took to answer.
func (g *gathering) settling() time.Duration {
	return min(mostSettling, max(leastSettling, 3*g.slowest))
}

// event changes the state of a gathering.
type event func(*gathering)

// send hands an event to run, unless the gathering is over.
func (g *gathering) send(ctx context.Context, e event) {
	select {
	case g.events <- e:
	case <-ctx.Done():
	}
}

// ask publishes a request whose replies arrive at the handler of that kind.
func (g *gathering) ask(subject string, k kind, body any) {
	g.askOf("", subject, k, body)
}

// askRoster asks everyone for the roster.
func (g *gathering) askRoster() {
	g.ask(sysreq.Statsz, ofRoster, nil)
	g.questions[len(g.questions)-1].all = true
}

// askVarz asks one server for its VARZ.
func (g *gathering) askVarz(id string) { g.askOf(id, sysreq.Varz(id), ofVarz, nil) }

func (g *gathering) askOf(id, subject string, k kind, body any) {
	g.questions = append(g.questions, question{round: g.asked, at: time.Now(), kind: k, of: id})
	if err := g.inboxes[k].Ask(len(g.questions)-1, subject, body, k == ofReport && g.compressed); err != nil && !g.nc.IsClosed() {
		g.notes[err.Error()]++
	}
}

// run asks and waits until everything is there, the time is over, or nothing
// can come any more.
func (g *gathering) run(ctx context.Context) error {
	status := g.nc.StatusChanged(nats.CONNECTED, nats.RECONNECTING, nats.CLOSED)
	defer g.nc.RemoveStatusListener(status)
	g.ask(sysreq.UserInfo, ofUser, nil)
	g.askVarz(g.nc.ConnectedServerId())
	g.askRoster()
	moment := time.NewTimer(time.Hour)
	defer moment.Stop()
	patience := time.NewTimer(source.WaitForRoster.Of(g.o.Timeout))
	defer patience.Stop()
	again := time.NewTimer(source.AskAgain.Of(g.o.Timeout))
	defer again.Stop()
	unconfirmed := time.NewTimer(time.Hour)
	defer unconfirmed.Stop()
	if g.nc.IsClosed() { // before anyone listened
		return g.closed()
	}
	for {
		unsettled := false
		select {
		case e := <-g.events:
			e(g)
			// It ends when nothing has come for a while. To look at what all of a thousand
			// servers say takes milliseconds, and so is not done at each word of one.
			if unsettled = g.closing; unsettled {
				moment.Reset(g.settling())
			}
			if g.o.Progress != nil {
				// What expected says takes milliseconds in a large fleet.
				g.o.Progress(source.Progress{Expected: max(len(g.servers), g.counted), Reported: g.whole(), Bytes: g.bytes})
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
		case <-moment.C:
		case <-unconfirmed.C: // those that are there answer the question to all at once
			g.oneByOne = g.oneByOne || g.oneAnswer()
			g.confirmEach()
		case <-patience.C:
			if !g.planned {
				g.askReports()
			}
			g.oneByOne = g.oneAnswer()
		case <-again.C:
			// While replies still come in, asking again would only add to them.
			if quiet := sysreq.Lull - time.Since(g.last); quiet > 0 {
				again.Reset(quiet)
				continue
			}
			if g.partly() != "" {
				return g.notSystem()
			}
			if len(g.waves) > 0 {
				g.inFlight = 0 // what is late is asked for again later
				g.nextWaves()
				again.Reset(sysreq.Lull)
				continue
			}
			g.askAgain()
			unconfirmed.Reset(sysreq.Lull)
		case <-ctx.Done():
			return g.timeOver(ctx)
		}
		if !g.planned && g.identified && g.self != nil && g.rosterDone() {
			g.askReports()
		}
		g.askByName()
		switch {
		case g.fatal != nil:
			return g.fatal
		case g.refused && g.self != nil:
			return g.notSystem()
		case unsettled:
		case g.complete():
			// Who reported must still be there, as the same process: one that was
			// restarted meanwhile has nothing of what it reported.
			if !g.closing {
				g.closing = true
				g.askRoster()
				g.confirmByName()
				g.askConfigured()
				unconfirmed.Reset(sysreq.Lull)
			}
			left := g.settling() - time.Since(g.last)
			late := left + sysreq.Lull
			told := late <= 0 || g.configured()
			g.askLinks()
			g.askSeeds()
			if left <= 0 && g.reading.Load() == 0 && g.confirmed() && g.linked() && told {
				if g.partly() != "" {
					return g.notSystem()
				}
				return nil
			}
			switch {
			case left > 0:
				moment.Reset(left)
			case !told:
				moment.Reset(late)
			}
		}
	}
}

// rosterDone reports whether everyone that is known of has answered the roster.
func (g *gathering) rosterDone() bool {
	if g.answered == 0 || g.answered < max(g.counted, len(g.servers)) {
		return false // cheap, and nearly always so
	}
	n, _ := expected(g.servers)
	return g.answered >= n
}

func (g *gathering) notSystem() error {
	e := &NotSystemAccountError{}
	if g.heard() { // which an account hears that imports some services only
		e.Lacks = g.partly()
	}
	if g.self != nil {
		e.Account, e.Name = g.self.Account, g.self.Name
	}
	return e
}

// heard reports whether any server answered the roster. Before, nobody knows how
// many there are, and what was reported is no model.
func (g *gathering) heard() bool {
	for _, s := range g.servers {
		if s.roster != nil {
			return true
		}
	}
	return false
}

// onlyOwn reports whether all that was reported is of the account of our
// credentials, as in an ordinary account, which only gets its own.
func (g *gathering) onlyOwn() bool {
	accounts := g.accounts.All()
	return len(accounts) == 1 && g.self != nil && accounts[0].ID == g.self.Account
}

// timeOver tells a wait that ended without any answer from a coverage with
// holes, which the model tells.
func (g *gathering) timeOver(ctx context.Context) error {
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return ctx.Err()
	case g.refused || !g.heard() && g.onlyOwn() || g.partly() != "":
		return g.notSystem()
	case !g.heard():
		return &source.NoAnswerError{Server: g.url, Waited: time.Since(g.started)}
	case !g.nc.IsConnected():
		g.notes["the connection was lost and did not come back"]++
	}
	return nil
}

// closed does the same for a connection that was closed for good.
func (g *gathering) closed() error {
	if !g.heard() {
		return fmt.Errorf("the connection closed before any server answered: %w", g.client.Ended())
	}
	why := ""
	var protocol *sysreq.ProtocolError
	if errors.As(g.client.Ended(), &protocol) {
		why = ": " + protocol.Error()
	}
	g.notes["the connection closed before every server had answered"+why]++
	return nil
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

// confirmed reports whether every server that reported has answered the roster
// since.
func (g *gathering) confirmed() bool {
	for _, s := range g.servers {
		if s.whole && !s.confirmed && g.successor(s) == nil && s.draining.IsZero() {
			return false
		}
	}
	return true
}

func (g *gathering) complete() bool {
	if g.self == nil || !g.identified || len(g.servers) == 0 {
		return false
	}
	for _, s := range g.servers {
		if (s.roster == nil || !s.whole) && !s.strange && !s.contradicted && s.draining.IsZero() { // of which no more is to come
			return false
		}
	}
	n, _ := expected(g.servers)
	return len(g.servers)+len(behind(g.servers)) >= n
}
