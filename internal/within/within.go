// Package within runs what knows no context, such as reading a file that is not
// on this machine, and leaves it behind when a context ends. It ends nothing:
// what is left behind goes on until the program ends.
package within

import (
	"context"
	"fmt"
	"runtime/debug"
	"time"
)

// Crash is what a function panicked with, in the goroutine of who waits for it: there
// it can be seen to. Stack is where it was.
type Crash struct {
	What  any
	Stack []byte
}

func (c *Crash) String() string { return fmt.Sprint(c.What) }

// Context returns what f returns, or the context's error where that ended, and so
// long ago, before it did. Where f panics, so does it, with a [Crash]; a panic of what
// was left behind is nobody's any more.
func Context[T any](ctx context.Context, patience time.Duration, f func() (T, error)) (T, error) {
	type result struct {
		value T
		err   error
		crash *Crash
	}
	done := make(chan result, 1)
	go func() {
		var r result
		defer func() {
			if what := recover(); what != nil {
				r.crash = &Crash{what, debug.Stack()}
			}
			done <- r
		}()
		r.value, r.err = f()
	}()
	returned := func(r result) (T, error) {
		if r.crash != nil {
			panic(r.crash)
		}
		return r.value, r.err
	}
	select {
	case r := <-done:
		return returned(r)
	case <-ctx.Done():
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case r := <-done:
		return returned(r)
	case <-timer.C:
		var none T
		return none, ctx.Err()
	}
}
