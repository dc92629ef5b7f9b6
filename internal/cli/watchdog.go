package cli

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"time"

	"github.com/choria-io/fisk"

	"github.com/nats-balance/nats-balance/internal/within"
)

// grace is how long a command may take to end once it should.
const grace = 2 * time.Second

// closing is how long is waited for what is being written to a server, or for a
// sentence to be written to stderr, once it has.
const closing = 500 * time.Millisecond

// stuckError says that a command was left behind: it should have ended.
type stuckError struct{ why, left string }

func (e *stuckError) Error() string { return e.why + ", and " + e.left }

// crashError is a bug of this program.
type crashError struct {
	what  any
	stack []byte
	left  string // what became of the command, as a clause
}

// crash is the error of what a panic was recovered with.
func crash(what any, left string) *crashError {
	stack := debug.Stack()
	if c, elsewhere := what.(*within.Crash); elsewhere {
		stack = c.Stack
	}
	return &crashError{what, stack, left}
}

func (e *crashError) Error() string {
	return fmt.Sprintf("a bug of nats-balance ended it, %s (%v): please report that with what was run; --trace shows where", cmp.Or(e.left, "nothing was audited"), e.what)
}

// end says when a command should have ended, and what is said of one that has not.
type end struct {
	// after is how long after it has begun; nil is for as long as it takes.
	after func() time.Duration
	// interrupted is how long after an interrupt, for what it still does then, and
	// hurried how long after the second one; where it records nothing, at once.
	interrupted, hurried time.Duration
	// left is what became of it, as a clause; nil is that of an audit.
	left func() string
}

// action runs a command. It is the one place where a command is left behind that
// does not end, as what it waits for may know no context, and where it crashes.
func (h Host) action(e end, run func(context.Context) error) fisk.Action {
	return func(*fisk.ParseContext) error {
		done := make(chan error, 1)
		go func() {
			defer func() {
				if what := recover(); what != nil {
					left := ""
					if e.left != nil {
						left = e.left()
					}
					done <- crash(what, left)
				}
			}()
			done <- run(h.Context)
		}()
		var over <-chan time.Time
		why := "--timeout is over"
		if e.after != nil {
			over = time.After(max(0, e.after()) + grace) // one below 0 is refused
		}
		interrupted, hurried := h.Context.Done(), h.Hurry.Done()
		for {
			select {
			case err := <-done:
				return h.crashed(err)
			case <-interrupted:
				interrupted, why = nil, "it was interrupted"
				over = time.After(e.interrupted + grace)
			case <-hurried:
				interrupted, hurried, why = nil, nil, "it was interrupted again"
				over = time.After(e.hurried)
			case <-over:
				return &stuckError{why, e.became()}
			}
		}
	}
}

// became is what became of a command that was left behind.
func (e end) became() string {
	if e.left != nil {
		return e.left()
	}
	return "a step of the audit did not end: nothing was audited, or not completely"
}

// crashed shows where a crash was.
func (h Host) crashed(err error) error {
	if bug, ok := err.(*crashError); ok && h.Trace() { //nolint:errorlint // it is as it was made
		tell(h.Err, string(bug.stack), grace)
	}
	return err
}

// twice is how long an audit takes at most: --timeout for connecting, and again
// for the rest.
func (h Host) twice() time.Duration { return 2 * h.Timeout() }

// page writes a text that takes no audit, such as help: until an interrupt, as who
// reads it may take their time.
func (h Host) page(text func() ([]byte, error)) error {
	left := func() string { return "the output was not all written" }
	return h.action(end{left: left}, func(context.Context) error {
		b, err := text()
		if err != nil {
			return err
		}
		return unwritable(io.Copy(h.Out, bytes.NewReader(b)))
	})(nil)
}

// tell writes what is for people, and no longer than that: nobody may read it.
func tell(w io.Writer, text string, most time.Duration) {
	over, cancel := context.WithCancel(context.Background())
	cancel()
	// There is nowhere else to say that it can't be written.
	_, _ = within.Context(over, most, func() (int, error) { return io.WriteString(w, text+"\n") })
}

// remaining is how long is waited for anything once a command ended so.
func remaining(err error, usual time.Duration) time.Duration {
	if stuck := (*stuckError)(nil); errors.As(err, &stuck) {
		return min(usual, closing)
	}
	return usual
}

// signalled returns contexts that end at the first and at the second of the
// signals. The third does what the system does of itself: it ends the program.
func signalled(signals ...os.Signal) (first, second context.Context, stop func()) {
	first, interrupt := context.WithCancel(context.Background())
	second, hurry := context.WithCancel(context.Background())
	heard := make(chan os.Signal, 2) // the second may come before the first was seen to
	signal.Notify(heard, signals...)
	over := make(chan struct{})
	go func() {
		defer signal.Stop(heard)
		for _, end := range []func(){interrupt, hurry} {
			select {
			case <-heard:
				end()
			case <-over:
				return
			}
		}
	}()
	return first, second, func() { close(over); interrupt(); hurry() }
}
