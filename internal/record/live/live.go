package live

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/record"
	"github.com/nats-balance/nats-balance/internal/source"
	"github.com/nats-balance/nats-balance/internal/source/system"
	"github.com/nats-balance/nats-balance/internal/sysreq"
	"github.com/nats-balance/nats-balance/internal/wire"
)

const (
	// tickEvery is how often what changed is judged: well within the two seconds in
	// which a change is to be told.
	tickEvery = 250 * time.Millisecond
	// firstPause and longestPause are how long to wait before connecting again
	// where a connection was closed for good.
	firstPause   = time.Second
	longestPause = 30 * time.Second
	// eventsIn is how soon the first heartbeat of a server must have come: each
	// sends one every 10 seconds.
	eventsIn = 25 * time.Second
	// lostFor is how long a connection is lost before that is said: the next server
	// usually takes over in less.
	lostFor = 2 * time.Second
	// stoodFor is how long after a look the next one comes where watch itself stood still,
	// which was to come after tickEvery.
	stoodFor = 10 * time.Second
)

// Options are what to follow, and whom to tell.
type Options struct {
	// Connect opens a connection to the system account, a new one with each call.
	Connect func(context.Context) (*nats.Conn, error)
	// Timeout is the longest wait for a full report.
	Timeout time.Duration
	// Trace, if set, is told of every request and message of a full report.
	Trace func(format string, args ...any)
	// Report, if set, makes a full report by asking a source, with the servers that should
	// be there, and says for how long of that it waited.
	Report func(ctx context.Context, from source.Source) (d *checks.Deployment, waited time.Duration, err error)
	// Tell gets what changed, from one goroutine.
	Tell func([]record.Change)
	// Connected, if set, is told when no events have come by the connection for a
	// moment, and when they come again, after how long.
	Connected func(is bool, after time.Duration)
}

// Live follows the servers of a deployment.
type Live struct {
	o    Options
	wall func() time.Time // what the clock on the wall says: it goes on while a machine is paused
	mu   sync.Mutex       // over w and what is below it
	w    *record.Watch

	connected bool
	followed  bool // a session began since the last one ended
	heartbeat bool // one came
	lostAt    time.Time
	saidLost  bool
}

// New returns what follows the servers of a deployment, and feeds a watch.
func New(w *record.Watch, o Options) *Live {
	return &Live{o: o, w: w, wall: func() time.Time { return time.Now().Round(0) }}
}

// Look calls f while nothing else uses the watch. The watch is connected where its
// events come.
func (l *Live) Look(f func(w *record.Watch, connected bool)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f(l.w, l.connected)
}

// NoEventsError is that no server's events come, though servers answer.
type NoEventsError struct{}

func (*NoEventsError) Error() string {
	return fmt.Sprintf("servers answer, but no event of any server came within %s: pass credentials of the system account itself, not of an account that imports its services", eventsIn)
}

// fatalError ends following, whenever it comes.
type fatalError struct{ error }

func (e *fatalError) Unwrap() error { return e.error }

// Run follows until the context ends, and returns nil then. An error is one of the
// first connection or of the first full report; later ones are told, and tried
// again. What was still being counted when it ends is told before it returns.
func (l *Live) Run(ctx context.Context) error {
	defer l.end()
	pause := firstPause
	fails := 0 // attempts since the last session
	for {
		ready, err := l.session(ctx)
		var fatal *fatalError
		switch {
		case ctx.Err() != nil:
			return nil //nolint:nilerr // that is how it is to end
		case errors.As(err, &fatal):
			return fatal.error
		case ready:
			pause = firstPause
		}
		l.mu.Lock()
		_, watching := l.w.Since()
		if fails++; l.followed {
			l.followed, fails = false, 0
		}
		l.lose(time.Now())
		if fails < 2 { // that it ended, and why there is no other one: the next attempts find nothing new
			l.w.Lose(0, "the connection ended: "+err.Error(), time.Now())
		}
		changes := l.w.Tick(time.Now())
		l.mu.Unlock()
		if !watching {
			return err
		}
		l.o.Tell(changes)
		l.say(time.Now(), 0)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(pause):
		}
		pause = min(2*pause, longestPause)
	}
}

// end tells what was seen and not told yet.
func (l *Live) end() {
	l.mu.Lock()
	changes := l.w.End(time.Now())
	_, watching := l.w.Since()
	l.mu.Unlock()
	if watching && len(changes) > 0 {
		l.o.Tell(changes)
	}
}

// session is one of a pair of connections: events come by one, full reports by the
// other, whose error handler is the source's.
type session struct {
	l            *Live
	events, asks *nats.Conn
	subs         []*nats.Subscription
	dropped      []int
	counts       wire.CountReader // of the subscription to accounts alone
	global       *global
	alive        string    // where servers answer that are asked whether they live
	looked       time.Time // when what was to do was last done, by the clock on the wall
	heard        time.Time // when the last event came, by that clock,
	resumed      time.Time // and when this last went on after it stood still
	gathered     chan gathered
}

// gathered is a full report, or why there is none.
type gathered struct {
	d    *checks.Deployment
	err  error
	took time.Duration
}

// session follows until a connection is closed for good, and reports whether a full
// report came by it.
func (l *Live) session(ctx context.Context) (ready bool, err error) {
	s := &session{l: l, gathered: make(chan gathered, 1)}
	if s.events, err = l.o.Connect(ctx); err != nil {
		return false, err
	}
	defer s.events.Close()
	if s.asks, err = l.o.Connect(ctx); err != nil {
		return false, err
	}
	defer s.asks.Close()
	if s.events == s.asks {
		return false, &fatalError{errors.New("watching takes a connection of its own for events")}
	}
	if err := s.subscribe(); err != nil {
		return false, err
	}
	l.mu.Lock()
	l.hear()
	s.heard = l.wall()
	l.w.Again(time.Now())
	l.mu.Unlock()
	gathering, stop := context.WithCancel(ctx)
	defer stop()
	status := s.events.StatusChanged(nats.CONNECTED, nats.RECONNECTING, nats.CLOSED)
	defer s.events.RemoveStatusListener(status)
	closed := s.asks.StatusChanged(nats.CLOSED)
	defer s.asks.RemoveStatusListener(closed)
	tick := time.NewTicker(tickEvery)
	defer tick.Stop()
	began := time.Now()
	s.looked = l.wall()
	for {
		select {
		case <-ctx.Done():
			return ready, ctx.Err()
		case <-tick.C: // whose time is the past where this stood still
			now := time.Now()
			s.tick(gathering, now)
			if l.silent() && ready && now.Sub(began) > eventsIn && s.events.IsConnected() {
				return ready, &fatalError{&NoEventsError{}}
			}
		case g := <-s.gathered:
			if err := s.reconcile(g); err != nil {
				return ready, err
			}
			s.looked = l.wall()
			ready = ready || g.err == nil
		case st := <-status:
			if err := s.changed(st); err != nil {
				return ready, err
			}
		case <-closed:
			return ready, s.ended(s.asks)
		}
	}
}

func (l *Live) silent() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return !l.heartbeat
}

// lose takes note that no events come from now on, with the lock held.
func (l *Live) lose(now time.Time) {
	l.lostSince(now)
	l.w.Hear(false)
}

// hear takes note that events come, with the lock held.
func (l *Live) hear() {
	l.connected, l.followed = true, true
	l.w.Hear(true)
}

// say says that the connection has been lost for so long, and that it is back, once
// each.
func (l *Live) say(now time.Time, long time.Duration) {
	l.mu.Lock()
	is, after := l.connected, now.Sub(l.lostAt)
	due := is == l.saidLost && (is || after >= long)
	if due {
		l.saidLost = !is
	}
	l.mu.Unlock()
	if due && l.o.Connected != nil {
		l.o.Connected(is, after)
	}
}

// changed takes a change of the connection that events come by.
func (s *session) changed(st nats.Status) error {
	s.l.mu.Lock()
	defer s.l.mu.Unlock()
	switch st {
	case nats.RECONNECTING:
		s.l.lose(time.Now())
	case nats.CONNECTED:
		if !s.l.connected {
			s.l.hear()
			s.heard = s.l.wall()
			s.l.w.Lose(0, "the connection was lost for "+shortly(time.Since(s.l.lostAt)), time.Now())
		}
	case nats.CLOSED:
		return s.ended(s.events)
	default: // not listened to
	}
	return nil
}

func (*session) ended(nc *nats.Conn) error {
	err := sysreq.Ended(nc)
	if errors.Is(err, nats.ErrNoServers) {
		return errors.New("none of its servers could be reached again")
	}
	return err
}

// shortly is a duration to a tenth of a second.
func shortly(d time.Duration) string {
	const tenth = 100 * time.Millisecond
	if d < tenth {
		return "less than " + tenth.String()
	}
	return d.Round(tenth).String()
}

// tick tells what changed, and asks for a full report where one is due.
func (s *session) tick(ctx context.Context, now time.Time) {
	s.l.mu.Lock()
	lost := 0
	for i, sub := range s.subs {
		if n, err := sub.Dropped(); err == nil && n > s.dropped[i] {
			lost += n - s.dropped[i]
			s.dropped[i] = n
		}
	}
	if lost > 0 {
		s.l.w.Lose(lost, "they came faster than they could be read", now)
	}
	stood := s.l.wall().Sub(s.looked)
	if stood >= stoodFor {
		s.l.w.Stood(now.Add(-stood), now)
	}
	if stood >= lostFor { // what came meanwhile is still to be read
		s.resumed = s.l.wall()
	}
	hangs := s.hangs()
	if hangs {
		s.l.lostSince(s.heard)
		s.l.w.NoEvents(s.heard)
	}
	changes := s.l.w.Tick(now)
	s.looked = s.l.wall()
	why, due := s.l.w.Due(now)
	if due && s.asks.IsConnected() {
		s.l.w.Ask(now)
		go s.gather(ctx, why)
	}
	ask, count := s.l.w.ToAsk(), s.l.w.ToCount()
	s.l.mu.Unlock()
	for _, x := range count {
		s.global.look(x, now)
	}
	if hangs {
		s.reconnect()
	}
	for _, x := range ask {
		body, _ := json.Marshal(sysreq.Filter{Name: x.Name, Cluster: x.Cluster, Exact: true}) // a plain struct: can't fail
		_ = s.events.PublishRequest(sysreq.Statsz, s.alive, body)                             // fails only where the connection is gone
	}
	s.global.ask(now)
	if len(changes) > 0 {
		s.l.o.Tell(changes)
	}
	s.l.say(now, lostFor)
}

func (s *session) gather(ctx context.Context, why string) {
	if s.l.o.Trace != nil {
		s.l.o.Trace("asking every server for a full report: %s", why)
	}
	ctx, cancel := context.WithTimeout(ctx, s.l.o.Timeout)
	defer cancel()
	began := time.Now()
	from := system.New(s.asks, source.Options{Timeout: s.l.o.Timeout, Trace: s.l.o.Trace})
	var g gathered
	var waited time.Duration
	if s.l.o.Report != nil {
		g.d, waited, g.err = s.l.o.Report(ctx, from)
	} else {
		g.d, g.err = from.Deployment(ctx)
	}
	g.took = time.Since(began) - waited
	s.gathered <- g
}

// reconcile takes a full report. An error is one that ends the session: the first
// report failed, or the credentials are not those of the system account.
func (s *session) reconcile(g gathered) error {
	s.l.mu.Lock()
	defer s.l.mu.Unlock()
	now := time.Now()
	if g.err == nil {
		s.l.w.Reconcile(g.d, g.took, now)
		s.global.report(g.d, now)
		return nil
	}
	s.l.w.Failed(now)
	var other *system.NotSystemAccountError
	var forbidden *sysreq.PermissionError
	_, watching := s.l.w.Since()
	switch {
	case !watching, errors.As(g.err, &other), errors.As(g.err, &forbidden):
		return &fatalError{g.err}
	}
	if s.l.o.Trace != nil {
		s.l.o.Trace("!!! no full report: %v", g.err)
	}
	return nil
}
