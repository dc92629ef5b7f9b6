package cli

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/checks"
	balance "github.com/nats-balance/nats-balance/internal/rebalance"
	"github.com/nats-balance/nats-balance/internal/report"
	"github.com/nats-balance/nats-balance/internal/source"
	"github.com/nats-balance/nats-balance/internal/source/system"
	"github.com/nats-balance/nats-balance/internal/within"
	"github.com/nats-balance/nats-balance/internal/words"
)

// end says when a run should have ended: a plan after the configuration, the lists,
// the connection, who is there, why, and each connection were read within --timeout
// each. Moves take as long as they take, and what was done until an interrupt is
// still written, after a second one too.
func (r *rebalance) end() end {
	if !r.apply {
		left := func() string { return "a step of it did not end, or its output was not all written: nothing was moved" }
		return end{after: func() time.Duration { return 6 * r.host.Timeout() }, left: left}
	}
	left := func() string { return "what it did was not all written: " + r.closed.String() }
	return end{interrupted: r.host.Timeout(), hurried: grace, left: left}
}

// closures counts the connections that a run closes while it does: that is told
// where its document can't be. It is for several goroutines.
type closures struct {
	mu   sync.Mutex
	sure map[string]int // by server
	open int            // asked for, without an answer
}

// note takes what became of a move.
func (c *closures) note(server string, outcome balance.Outcome) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch outcome {
	case balance.Kicked:
		if c.sure == nil {
			c.sure = map[string]int{}
		}
		c.sure[server]++
	case balance.NoAnswer:
		c.open++
	case balance.Planned, balance.Gone, balance.Refused, balance.NotTried:
	}
}

// String is one clause.
func (c *closures) String() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return report.Closes(c.sure, c.open)
}

// write writes the document, to stdout where --outfile can't be written: what was
// done must not be lost. Where neither can be, the error has the numbers.
func (r *rebalance) write(doc *report.Rebalance) error {
	data, err := r.render(doc)
	if err != nil {
		return err
	}
	first := r.read(func() error { return r.output.put(r.host, data) })
	if first == nil || r.output.file == "" {
		return r.unwritten(doc, first)
	}
	elsewhere := r.output
	elsewhere.file = ""
	if err := r.read(func() error { return elsewhere.put(r.host, data) }); err != nil {
		return r.unwritten(doc, fmt.Errorf("%w; %w", first, err))
	}
	return first
}

// readWithin is how long whoever reads the output may take for what a pipe does not
// hold: a rebalance has no other end.
const readWithin = time.Minute

// read writes the output, and waits for who reads it for so long; at a terminal as long
// as it takes.
func (r *rebalance) read(put func() error) error {
	if !r.apply || isTerminal(r.host.Out) {
		return put()
	}
	ctx, cancel := context.WithTimeout(context.Background(), r.readWithin)
	defer cancel()
	_, err := within.Context(ctx, 0, func() (struct{}, error) { return struct{}{}, put() })
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("nobody read the output within %s", words.Duration(r.readWithin))
	}
	return err
}

// unwritten is an error of writing, with what was done where something was.
func (r *rebalance) unwritten(doc *report.Rebalance, err error) error {
	if err == nil || len(doc.Batches) == 0 {
		return err
	}
	return fmt.Errorf("%s, and where the clients are now can't be written: %w", r.closed.String(), err)
}

// again gathers anew, after an interrupt too: where the clients are now is what
// whoever interrupts has to know. A second one ends that.
func (r *rebalance) again(ctx context.Context, nc *nats.Conn) (d *checks.Deployment, err error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.host.Timeout())
	defer cancel()
	defer context.AfterFunc(r.host.Hurry, cancel)() //nolint:contextcheck // a second interrupt, whatever the first ended
	defer func() {                                  // what was moved is written all the same
		if what := recover(); what != nil {
			err = crash(what, "")
		}
	}()
	d, err = within.Context(ctx, 0, func() (*checks.Deployment, error) {
		return stillSystem(ctx, func() (*checks.Deployment, error) {
			return system.New(nc, source.Options{Timeout: r.host.Timeout()}).Deployment(ctx)
		})
	})
	if r.host.Hurry.Err() != nil {
		return nil, errors.New("it was interrupted again")
	}
	return d, err
}

// lookPause is the pause between two audits where the first could not be.
const lookPause = 250 * time.Millisecond

// stillSystem gathers by credentials that were the system account's before the run. A
// server that has just lost another may answer for a moment as if they were not: it is
// asked again, until the context ends.
func stillSystem(ctx context.Context, gather func() (*checks.Deployment, error)) (*checks.Deployment, error) {
	for {
		d, err := gather()
		var other *system.NotSystemAccountError
		if !errors.As(err, &other) {
			return d, err
		}
		select {
		case <-time.After(lookPause):
		case <-ctx.Done():
			return nil, errors.New("the servers do not answer the questions that they answered before the run")
		}
	}
}
