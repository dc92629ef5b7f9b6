package rebalance

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/internal/sysreq"
)

// Apply makes the moves of a plan in rounds: it moves a batch, waits until the
// clients are back, looks where they are and how the servers do, and plans again,
// until all is level or does not get better. It stops at the first sign that it
// does harm or no good, and at once when the context is cancelled. The connection
// must be one to the system account; it takes its error handler for the time being.
func Apply(ctx context.Context, nc *nats.Conn, scope Scope, first *State, goal Goal, pace Pace) Run {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	c := sysreq.New(nc, nil)
	defer c.Close()
	defer guard(c, first.Servers, cancel)()
	scope.Services = slices.Clone(first.Services) // so that each has one number throughout
	a := &applying{client: c, scope: scope, now: first, goal: goal, pace: pace, accounts: scope.ids(), run: Run{Services: map[int]Arrived{}}}
	if a.pace.MostCPU == 0 {
		a.pace.MostCPU = 90
	}
	a.planned = PlanMoves(first, goal)
	a.run.Stop = a.all(ctx)
	for _, m := range a.left {
		a.run.Moves = append(a.run.Moves, Done{Move: m, Outcome: NotTried})
	}
	return a.run
}

// applying is a run under way.
type applying struct {
	client   *sysreq.Client
	scope    Scope
	accounts map[string]int
	goal     Goal
	pace     Pace
	planned  Plan // the first one
	left     []Move
	run      Run

	now          *State
	loads        []int             // before the first move
	shares       [][]int           // of the accounts, before the first move
	before       map[string]health // before the first move
	ours         map[killed]bool   // connections that this run closed
	known        map[killed]bool   // connections that others closed before
	kicked, gone int               // of the whole run
	tallies      map[int]*tally    // by service
	flocks       []flock           // by server
	unlearnt     []flock           // the same next to what was expected before anything was learnt
	caused       caused            // what came of it to the accounts
	least        unevenness        // the least so far of either
	since        int               // moves since then
	canariesLost map[int]bool      // services whose canaries are not back
	ways         passages          // what became of the clients by way
	missed       []Missed          // servers that clients were shown not to get to
	hadAbroad    map[site]int      // clients in other clusters before the first move
	away         map[site]int      // how many more there are now
	foundAway    map[int]int       // of those that were moved, by account
}

// mostVain is how many batches in a row may bring nothing, and no more than have moved
// what is too much twice; of small ones as many as have moved it once more.
const mostVain = 4

// start notes what is so before the first move.
func (a *applying) start() {
	a.loads, a.shares, a.flocks, a.unlearnt, a.tallies = a.now.Loads(), a.now.Held(), make([]flock, len(a.now.Servers)), make([]flock, len(a.now.Servers)), map[int]*tally{}
	a.canariesLost, a.ways, a.foundAway = map[int]bool{}, passages{}, map[int]int{}
	a.caused = caused{}
	a.ours, a.least = map[killed]bool{}, a.now.unevenness(a.goal)
}

func (a *applying) all(ctx context.Context) *Stop {
	a.left = a.planned.Moves
	held, err := counts(ctx, a.client, a.pace.Patience, a.accounts, a.scope.Cluster, a.now.Servers)
	if err != nil {
		return a.ended(ctx, err)
	}
	a.before = healths(ctx, a.client, a.pace.Patience, a.now.Servers)
	if ctx.Err() != nil {
		return a.ended(ctx, nil)
	}
	a.start()
	if stop := a.vanished(held, a.before); stop != nil {
		return stop
	}
	if a.hadAbroad, err = a.abroad(ctx); err != nil {
		return a.ended(ctx, err)
	}
	a.known = kicks(ctx, a.client, a.pace.Patience, a.now.Servers)
	canary := a.pace.Canary > 0
	for {
		goal := a.goal
		if goal.MaxMoves > 0 {
			if goal.MaxMoves -= a.kicked + a.gone; goal.MaxMoves <= 0 {
				return nil
			}
		}
		plan := PlanMoves(a.now, goal)
		batch, try := a.next(plan, canary)
		canary = false
		a.left = nil
		switch {
		case len(batch) == 0:
			if !a.now.Level(a.goal) && len(plan.Short) > 0 {
				a.run.Enough = NoMoreMoves{plan.Short}
			}
			if of := a.unnamed(goal); len(of) > 0 {
				a.run.Enough = NotNamed{of}
			}
			return a.unreached()
		case a.kicked+a.gone >= len(a.planned.Moves) && a.now.Level(a.goal), len(a.missed) > 0 && a.now.Level(a.goal):
			if kept := a.now.Kept(a.goal); len(kept) > 0 {
				a.run.Enough = KeptAbove{kept}
			}
			return a.unreached()
		case a.inVain():
			a.run.Enough = a.why()
			return a.unreached()
		}
		if hot := a.now.Hottest(a.goal, a.loads); hot != nil {
			return &Stop{StopWorse, *hot}
		}
		a.left = rest(plan.Moves, batch)
		if stop := a.batch(ctx, batch, try); stop != nil {
			return stop
		}
		a.left = nil
		if a.pace.Progress != nil {
			over := len(a.run.Moves)
			a.pace.Progress(over, max(over, len(a.planned.Moves)))
		}
		a.noteGain(len(batch))
	}
}

// next is the batch to move, as a plan has it, and what it is to show.
func (a *applying) next(plan Plan, canary bool) ([]Move, trial) {
	plan.Moves = a.now.bounded(plan.Moves, a.goal)
	batch := nextBatch(plan, a.pace.Batch)
	if canary {
		batch = canaries(plan, a.pace.Canary)
	}
	try := trial{all: canary, services: a.now.unproven(batch)}
	batch = try.few(batch)
	if try.seeks = a.now.untried(batch); canary {
		return batch, try
	}
	if try.seeks {
		batch = seeking(batch)
	}
	return a.calm(batch), try
}

// noteGain notes whether a batch of so many moves made anything more even: the servers'
// loads or an account. On the way to the one the other may be a little less even, as
// where clients go by other servers to one that joined.
func (a *applying) noteGain(moves int) {
	now := a.now.unevenness(a.goal)
	if now.loads >= a.least.loads && now.accounts >= a.least.accounts {
		a.since += moves
		return
	}
	a.since = 0
	a.least = unevenness{min(a.least.loads, now.loads), min(a.least.accounts, now.accounts)}
}

// inVain reports whether so many moves brought nothing that more will not either.
func (a *applying) inVain() bool {
	return a.since >= max(min(mostVain*a.pace.Batch, 2*a.planned.Excess), a.planned.Excess)
}

// rest is the moves that are not in a batch.
func rest(all, batch []Move) []Move {
	taken := map[place]bool{}
	for _, m := range batch {
		taken[place{m.Server, m.ID}] = true
	}
	return slices.DeleteFunc(slices.Clone(all), func(m Move) bool { return taken[place{m.Server, m.ID}] })
}

// ended is why the context ended, or a request failed.
func (a *applying) ended(ctx context.Context, err error) *Stop {
	cause := context.Cause(ctx)
	if cause == nil {
		cause = err
	}
	var f *sysreq.PermissionError
	var drains *drainingError
	switch {
	case errors.As(cause, &drains):
		return &Stop{StopServerLost, Drains{drains.server}}
	case errors.As(cause, &f):
		return &Stop{StopForbidden, Forbidden{f.Violation}}
	case errors.Is(cause, errLost), errors.Is(cause, nats.ErrConnectionClosed):
		return &Stop{StopConnection, ConnectionLost{}}
	case ctx.Err() != nil:
		return &Stop{StopInterrupted, Interrupted{}}
	}
	return &Stop{StopConnection, NotAsked{cause}}
}

// batch makes moves and looks at what came of it. Where they are a trial each service is
// judged by its own, however few.
func (a *applying) batch(ctx context.Context, moves []Move, try trial) *Stop {
	started := time.Now()
	from := len(a.run.Moves)
	for _, m := range moves {
		a.run.Moves = append(a.run.Moves, Done{Move: m, Outcome: NotTried})
	}
	batch := a.run.Moves[from:]
	a.kickAll(ctx, batch)
	b := Batch{}
	var moved []Move
	silent := ""
	for _, m := range batch {
		name := a.now.Servers[m.Server].Name
		switch m.Outcome {
		case Kicked:
			b.Kicked++
			moved = append(moved, m.Move)
			a.ours[killed{a.now.Servers[m.Server].ID, m.ID}] = true
		case Gone:
			b.Gone++
		case NoAnswer:
			b.Failed++
			silent = name
			a.ours[killed{a.now.Servers[m.Server].ID, m.ID}] = true
		case Planned, Refused, NotTried:
			b.Failed++
		}
	}
	a.kicked, a.gone = a.kicked+b.Kicked, a.gone+b.Gone
	defer func() {
		b.Took = time.Since(started)
		a.run.Batches = append(a.run.Batches, b)
	}()
	a.run.Missing, a.run.Unseen = a.run.Missing+b.Kicked, a.run.Unseen || b.Kicked > 0
	if ctx.Err() != nil {
		return a.ended(ctx, nil)
	}
	after, silentAt, err := a.settled(ctx, b.Kicked, b.Gone)
	if err != nil {
		return a.ended(ctx, err)
	}
	now := healths(ctx, a.client, a.pace.Patience, a.now.Servers)
	if ctx.Err() != nil {
		return a.ended(ctx, nil)
	}
	if stop := a.vanished(silentAt, now); stop != nil {
		return stop
	}
	if after == nil {
		return &Stop{StopServerLost, NotAllRead{}}
	}
	for i := range after.Servers {
		if n, ok := now[after.Servers[i].ID]; ok {
			after.Servers[i].Connections = &n.connections
		}
	}
	expected, services := a.expect(moved)
	arrived := after.Learn(a.now, moved)
	a.caused.came(a.now, after, moved, &arrived)
	a.found(&arrived)
	a.passed(a.now, moved, arrived)
	a.now, a.run.Last = after, after
	a.scope.Services = append(a.scope.Services, after.Services[len(a.scope.Services):]...)
	b.Returned = arrived.Back
	for _, t := range services {
		b.Expected += t.expected.mean
	}
	b.Late = a.missing(arrived)
	a.run.Missing, a.run.Unseen = b.Late, false
	switch stop := a.suffering(now); {
	case silent != "":
		return &Stop{StopServerLost, SilentAtClose{silent}}
	case stop != nil:
		return stop
	}
	a.hold(arrived, try)
	if stop := a.stayAway(arrived); stop != nil {
		return stop
	}
	if stop := a.cameBack(&arrived, services, try); stop != nil {
		return stop
	}
	if stop := a.others(ctx); stop != nil {
		return stop
	}
	if stop := a.harmed(arrived, expected, try); stop != nil {
		return stop
	}
	a.miss()
	return nil
}

// kickAll makes moves at the rate, a few at a time, until one is not answered
// or the context ends.
func (a *applying) kickAll(ctx context.Context, batch []Done) {
	tick := time.NewTicker(time.Second / time.Duration(a.pace.Rate))
	defer tick.Stop()
	// So many that a round trip of 100 ms does not slow the rate down.
	free := make(chan struct{}, max(together, a.pace.Rate/5))
	var wg sync.WaitGroup
	defer wg.Wait()
	giveUp, cancel := context.WithCancel(ctx)
	defer cancel()
	for i := range batch {
		m := &batch[i]
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
			if m.Outcome, m.Why = a.kick(ctx, m.Move); m.Outcome == NoAnswer {
				cancel()
			}
			if a.pace.Tried != nil {
				a.pace.Tried(a.now.Servers[m.Server].Name, m.Outcome)
			}
		})
	}
}

// kick closes the connection of a move.
func (a *applying) kick(ctx context.Context, m Move) (Outcome, NotClosed) {
	account := a.now.Accounts[a.now.Services[m.Service].Account].ID
	return kick(ctx, a.client, a.pace.Patience, account, a.now.Servers[m.Server].ID, m.ID)
}

// lookEvery is the pause between two looks at where the clients are.
const lookEvery = 250 * time.Millisecond

// settled waits until as many clients are there as before, and no longer than
// patience, and then reads who they are: nil where not all could be read. It also
// returns the last counts, by server.
func (a *applying) settled(ctx context.Context, kicked, gone int) (*State, map[string]int, error) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	over := time.Now().Add(a.pace.Patience)
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil, nil, context.Cause(ctx)
		}
		held, err := counts(ctx, a.client, a.pace.Patience, a.accounts, a.scope.Cluster, a.now.Servers)
		if err != nil {
			return nil, nil, err
		}
		now := 0
		for _, n := range held {
			now += n
		}
		missing := slices.ContainsFunc(a.now.Servers, func(s Server) bool { _, ok := held[s.ID]; return !ok })
		if want := len(a.now.Connections) + a.inOthers() - gone; !missing && now < want-a.inOthers() && kicked > 0 {
			more, err := a.goneTo(ctx)
			if err != nil {
				return nil, nil, err
			}
			if now+more < want && time.Now().Before(over) {
				continue
			}
		}
		if missing {
			return nil, held, nil
		}
		after, err := look(ctx, a.client, a.pace.Patience, a.scope)
		if ctx.Err() != nil {
			return nil, nil, context.Cause(ctx)
		}
		if err != nil {
			return nil, held, nil //nolint:nilerr // who did not answer is found by how the servers are
		}
		return after, held, nil
	}
}
