package rebalance

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/internal/sysreq"
	"github.com/nats-balance/nats-balance/internal/words"
)

// Outcome is what became of a move.
type Outcome string

// Only Kicked closed the connection for sure.
const (
	// Kicked: the server closed it.
	Kicked Outcome = "kicked"
	// Gone: it was closed before.
	Gone Outcome = "gone"
	// Refused: it was left alone, or the server would not close it.
	Refused Outcome = "refused"
	// NoAnswer: the server was asked and did not say; it may be closed or not.
	NoAnswer Outcome = "no-answer"
	// NotNeeded: the server holds no more than its share by now.
	NotNeeded Outcome = "not-needed"
	// NotTried: the run stopped before.
	NotTried Outcome = "not-tried"
)

// StopCode is why a run stopped early.
type StopCode string

// In the order in which they are looked for.
const (
	StopInterrupted    StopCode = "interrupted"
	StopConnection     StopCode = "connection-lost"
	StopForbidden      StopCode = "not-permitted"
	StopServerLost     StopCode = "server-lost"
	StopSuffering      StopCode = "server-suffers"
	StopCameBack       StopCode = "clients-came-back"
	StopFlock          StopCode = "clients-flock"
	StopWorse          StopCode = "spread-is-worse"
	StopNotReconnected StopCode = "clients-stay-away"
)

// Stop is why a run stopped early, in a sentence.
type Stop struct {
	Code StopCode
	Text string
}

// Pace is how fast to go, and when to stop.
type Pace struct {
	Rate  int // connections a second, 1 or more
	Batch int // connections between two looks, 1 or more
	// Patience is the longest wait for an answer, and for the clients of a
	// batch to be back.
	Patience time.Duration
	// MostCPU is the use of its processors, in percent, over which a server
	// suffers if it grew; 0 is 90.
	MostCPU float64
	// Progress, if set, is told after each batch how many moves are over. It is
	// called from one goroutine.
	Progress func(over, of int)
}

// Done is a move and what became of it.
type Done struct {
	Move
	Outcome Outcome
	Why     string // a clause; empty where there is nothing to say
	Batch   int    // from 1; 0 where it was not tried
}

// Batch is what was seen after a batch.
type Batch struct {
	Kicked, Gone, Failed int
	// Returned is how many more connections the servers have that clients were
	// moved from than if all had stayed away. Expected is the same by what is
	// known of the clients' libraries.
	Returned int
	Expected float64
	// Late is how many of the clients that were disconnected since the start were
	// not back anywhere when the patience was over.
	Late int
	Took time.Duration
}

// Run is what was done.
type Run struct {
	Moves   []Done
	Batches []Batch
	// Missing is how many of the clients that were disconnected were not back
	// anywhere at the last look.
	Missing int
	Stop    *Stop // nil where all moves were made
}

var errLost = errors.New("the connection was lost")

// Apply makes the moves of a plan, batch by batch. After each it waits until the
// clients are back and looks at where they are and how the servers do; it stops
// at the first sign that it does harm or no good, and at once when the context
// is cancelled. The account is given by id. The connection must be one to the
// system account; it takes its error handler for the time being.
func Apply(ctx context.Context, nc *nats.Conn, account, cluster string, p Plan, pace Pace) Run {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	c := sysreq.New(nc, nil)
	defer c.Close()
	defer guard(c, cancel)()
	a := &applying{client: c, account: account, cluster: cluster, plan: p, pace: pace}
	if a.pace.MostCPU == 0 {
		a.pace.MostCPU = 90
	}
	for _, m := range p.Moves {
		a.run.Moves = append(a.run.Moves, Done{Move: m, Outcome: NotTried})
	}
	a.run.Stop = a.all(ctx)
	return a.run
}

// guard ends the run when the connection is lost or a request is forbidden.
func guard(c *sysreq.Client, cancel context.CancelCauseFunc) (stop func()) {
	stopListening := c.OnRefusal(func(e *sysreq.PermissionError) bool {
		cancel(e)
		return true
	})
	nc := c.Conn()
	lost := nc.StatusChanged(nats.RECONNECTING, nats.DISCONNECTED, nats.CLOSED)
	over := make(chan struct{})
	go func() {
		select {
		case <-lost:
			cancel(errLost)
		case <-over:
		}
	}()
	if !nc.IsConnected() {
		cancel(errLost)
	}
	return func() {
		close(over)
		nc.RemoveStatusListener(lost)
		stopListening()
	}
}

// applying is a run under way.
type applying struct {
	client           *sysreq.Client
	account, cluster string
	plan             Plan
	pace             Pace
	run              Run

	first  map[string]int    // before the first move
	held   map[string]int    // by the last look
	before map[string]health // before the first move
	// Of the whole run.
	kicked, gone int
	tally        tally
	flocks       map[string]*flock // by server
}

func (a *applying) all(ctx context.Context) *Stop {
	var err error
	if a.held, err = held(ctx, a.client, a.pace.Patience, a.account, a.cluster, a.plan.Servers); err != nil {
		return a.ended(ctx, err)
	}
	a.first, a.flocks = a.held, map[string]*flock{}
	a.before = healths(ctx, a.client, a.pace.Patience, a.plan.Servers)
	if ctx.Err() != nil {
		return a.ended(ctx, nil)
	}
	if stop := a.vanished(a.held, a.before); stop != nil {
		return stop
	}
	for from := 0; from < len(a.run.Moves); {
		batch := a.next(&from)
		if len(batch) == 0 {
			continue
		}
		if stop := a.batch(ctx, batch); stop != nil {
			return stop
		}
		if a.pace.Progress != nil {
			a.pace.Progress(from, len(a.run.Moves))
		}
	}
	return nil
}

// ended is why the context ended, or a request failed.
func (a *applying) ended(ctx context.Context, err error) *Stop {
	cause := context.Cause(ctx)
	if cause == nil {
		cause = err
	}
	var f *sysreq.PermissionError
	switch {
	case errors.As(cause, &f):
		return &Stop{StopForbidden, "The user of these credentials lacks a permission: " + f.Violation + "."}
	case errors.Is(cause, errLost), errors.Is(cause, nats.ErrConnectionClosed):
		return &Stop{StopConnection, "The connection to the servers was lost."}
	case ctx.Err() != nil:
		return &Stop{StopInterrupted, "It was interrupted."}
	}
	return &Stop{StopConnection, fmt.Sprintf("The servers can't be asked: %v.", cause)}
}

// next takes the moves of the next batch. Those from servers that hold no more
// than an even share by now are not needed.
func (a *applying) next(from *int) []*Done {
	var batch []*Done
	left := map[string]int{}
	for ; *from < len(a.run.Moves) && len(batch) < a.pace.Batch; *from++ {
		m := &a.run.Moves[*from]
		if a.held[m.Server]-left[m.Server] <= a.plan.Even {
			m.Outcome, m.Why = NotNeeded, "its server has no more than its share by now"
			continue
		}
		left[m.Server]++
		batch = append(batch, m)
	}
	return batch
}

// batch makes moves and looks at what came of it.
func (a *applying) batch(ctx context.Context, batch []*Done) *Stop {
	started := time.Now()
	a.kickAll(ctx, batch)
	b := Batch{}
	kicked := map[string]int{} // by server
	var moved []Move
	silent := ""
	for _, m := range batch {
		switch m.Outcome {
		case Kicked:
			b.Kicked++
			kicked[m.Server]++
			moved = append(moved, m.Move)
		case Gone:
			b.Gone++
		case NoAnswer:
			b.Failed++
			silent = m.ServerName
		default:
			b.Failed++
		}
	}
	defer func() {
		b.Took = time.Since(started)
		a.run.Batches = append(a.run.Batches, b)
	}()
	a.kicked, a.gone = a.kicked+b.Kicked, a.gone+b.Gone
	if ctx.Err() != nil {
		return a.ended(ctx, nil)
	}
	expected := returning(a.plan.Servers, moved, kicked)
	b.Expected = expected.mean
	counts, err := a.settled(ctx, kicked, &b, expected)
	if err != nil {
		return a.ended(ctx, err)
	}
	a.run.Missing = b.Late
	now := healths(ctx, a.client, a.pace.Patience, a.plan.Servers)
	if ctx.Err() != nil {
		return a.ended(ctx, nil)
	}
	if stop := a.vanished(counts, now); stop != nil {
		return stop
	}
	was := a.held
	a.held = counts
	switch stop := a.suffering(now); {
	case silent != "":
		return &Stop{StopServerLost, fmt.Sprintf("%s did not answer when it was asked to close connections.", silent)}
	case stop != nil:
		return stop
	case b.Kicked > 0 && (b.Late*2 > b.Kicked || tooManyMissing(b.Late, a.kicked)):
		return &Stop{StopNotReconnected, fmt.Sprintf("%s of %s that were disconnected were not back on any server within %s.", words.Count(b.Late), words.Plural(a.kicked, "client"), a.pace.Patience)}
	}
	this := tally{b.Kicked, b.Returned, expected}
	a.tally.add(this)
	for _, t := range []tally{this, a.tally} {
		if t.bad() {
			return &Stop{StopCameBack, fmt.Sprintf("%s of %s came back to the servers that they were moved from.", words.Count(t.returned), words.Plural(t.kicked, "client"))}
		}
	}
	return a.harmed(was, counts, batch, moved)
}

// harmed is a stop where the clients all go to one server, or are spread worse
// than before.
func (a *applying) harmed(was, counts map[string]int, batch []*Done, moved []Move) *Stop {
	closed := map[string]int{}
	for _, m := range batch {
		if m.Outcome == Kicked || m.Outcome == Gone {
			closed[m.Server]++
		}
	}
	for i, g := range landing(a.plan.Servers, moved) {
		s := a.plan.Servers[i]
		got := counts[s.ID] - (was[s.ID] - closed[s.ID])
		all := a.flocks[s.ID]
		if all == nil {
			all = &flock{}
			a.flocks[s.ID] = all
		}
		all.add(got, g)
		for _, f := range []flock{{got, g}, *all} {
			if f.bad() {
				return &Stop{StopFlock, fmt.Sprintf("%s got %s where about %.0f were expected: the clients do not choose as they should.", s.Name, words.Plural(f.got, "client"), f.expected.mean)}
			}
		}
	}
	if worse(a.first, counts) {
		most, total := largest(counts)
		before, of := largest(a.first)
		return &Stop{StopWorse, fmt.Sprintf("The most on one server is now %s of %s, and was %s of %s.", words.Count(most), words.Count(total), words.Count(before), words.Count(of))}
	}
	return nil
}

// kickAll makes moves at the rate, a few at a time, until one is not answered
// or the context ends.
func (a *applying) kickAll(ctx context.Context, batch []*Done) {
	tick := time.NewTicker(time.Second / time.Duration(a.pace.Rate))
	defer tick.Stop()
	// So many that a round trip of 100 ms does not slow the rate down.
	free := make(chan struct{}, max(together, a.pace.Rate/5))
	var wg sync.WaitGroup
	defer wg.Wait()
	giveUp, cancel := context.WithCancel(ctx)
	defer cancel()
	for _, m := range batch {
		select {
		case <-tick.C:
		case <-giveUp.Done():
			return
		}
		select {
		case free <- struct{}{}:
		case <-giveUp.Done():
			return
		}
		m.Batch = len(a.run.Batches) + 1
		wg.Go(func() {
			defer func() { <-free }()
			// Without cancel: those that were asked together are waited for.
			if m.Outcome, m.Why = kick(ctx, a.client, a.pace.Patience, a.account, m.Move); m.Outcome == NoAnswer {
				cancel()
			}
		})
	}
}

// lookEvery is the pause between two looks at where the clients are.
const lookEvery = 250 * time.Millisecond

// settled waits until all clients of the run are back, elsewhere but for those
// that may return, and no longer than patience. It returns the last look.
func (a *applying) settled(ctx context.Context, kicked map[string]int, b *Batch, expected gain) (map[string]int, error) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	over := time.Now().Add(a.pace.Patience)
	_, total := largest(a.first)
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
		counts, err := held(ctx, a.client, a.pace.Patience, a.account, a.cluster, a.plan.Servers)
		if err != nil {
			return nil, err
		}
		_, now := largest(counts)
		b.Late, b.Returned = min(a.kicked, max(0, total-a.gone-now)), 0
		for id, n := range kicked {
			b.Returned += max(0, counts[id]-(a.held[id]-n))
		}
		fine := b.Late == 0 && !tally{b.Kicked, b.Returned, expected}.bad()
		gone := slices.ContainsFunc(a.plan.Servers, func(s Place) bool { _, ok := counts[s.ID]; return !ok })
		if fine || gone || time.Now().After(over) {
			return counts, nil
		}
	}
}
