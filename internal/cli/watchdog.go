package cli

import (
	"context"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/choria-io/fisk"
)

// grace is how long a command may take to end once it should.
const grace = 2 * time.Second

// closing is how long is waited for what is being written to a server, once it has.
const closing = 500 * time.Millisecond

// stuckError says that a command was left behind: it should have ended.
type stuckError struct{ why string }

func (e *stuckError) Error() string {
	return e.why + ", and a step of the audit did not end: nothing was audited, or not completely"
}

// crashError is a bug of this program.
type crashError struct {
	what  any
	stack []byte
}

func (e *crashError) Error() string {
	return fmt.Sprintf("a bug of nats-balance ended it, nothing was audited (%v): please report that with what was run; --trace shows where", e.what)
}

// end says when a command should have ended: so long after it has begun, none
// for as long as it takes, and at an interrupt, with what it still does then.
type end struct{ after, interrupted func() time.Duration }

// action runs a command. It is the one place where a command is left behind that
// does not end, as what it waits for may know no context, and where it crashes.
func (h Host) action(e end, run func(context.Context) error) fisk.Action {
	return func(*fisk.ParseContext) error {
		done := make(chan error, 1)
		go func() {
			defer func() {
				if what := recover(); what != nil {
					done <- &crashError{what, debug.Stack()}
				}
			}()
			done <- run(h.Context)
		}()
		var over <-chan time.Time
		why := "--timeout is over"
		if e.after != nil {
			timer := time.NewTimer(max(0, e.after()) + grace) // one below 0 is refused
			defer timer.Stop()
			over = timer.C
		}
		interrupted := h.Context.Done()
		for {
			select {
			case err := <-done:
				return h.crashed(err)
			case <-interrupted:
				interrupted, why = nil, "it was interrupted"
				patience := grace
				if e.interrupted != nil {
					patience += e.interrupted()
				}
				timer := time.NewTimer(patience)
				defer timer.Stop()
				over = timer.C
			case <-over:
				return &stuckError{why}
			}
		}
	}
}

// crashed shows where a crash was.
func (h Host) crashed(err error) error {
	if crash, ok := err.(*crashError); ok && h.Trace() { //nolint:errorlint // it is as it was made
		fmt.Fprintf(h.Err, "%s\n", crash.stack)
	}
	return err
}

// twice is how long an audit takes at most: --timeout for connecting, and again
// for the rest.
func (h Host) twice() time.Duration { return 2 * h.Timeout() }
