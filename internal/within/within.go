// Package within runs what knows no context, such as reading a file that is not
// on this machine, and leaves it behind when a context ends. It ends nothing:
// what is left behind goes on until the program ends.
package within

import (
	"context"
	"time"
)

// Context returns what f returns, or the context's error where that ended, and so
// long ago, before it did.
func Context[T any](ctx context.Context, patience time.Duration, f func() (T, error)) (T, error) {
	type result struct {
		value T
		err   error
	}
	done := make(chan result, 1)
	go func() {
		value, err := f()
		done <- result{value, err}
	}()
	select {
	case r := <-done:
		return r.value, r.err
	case <-ctx.Done():
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case r := <-done:
		return r.value, r.err
	case <-timer.C:
		var none T
		return none, ctx.Err()
	}
}
