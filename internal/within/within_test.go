package within

import (
	"context"
	"errors"
	"testing"
	"time"
)

func TestContext(t *testing.T) {
	t.Parallel()
	if n, err := Context(t.Context(), 0, func() (int, error) { return 1, nil }); n != 1 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	stuck := make(chan struct{})
	defer close(stuck)
	n, err := Context(ctx, time.Millisecond, func() (int, error) { <-stuck; return 1, nil })
	if n != 0 || !errors.Is(err, context.Canceled) {
		t.Errorf("what does not end: %d, %v", n, err)
	}
	n, err = Context(ctx, time.Minute, func() (int, error) { <-ctx.Done(); return 2, nil })
	if n != 2 || err != nil {
		t.Errorf("what ends with the context: %d, %v", n, err)
	}
}

// A panic is seen to by who waits, and by nobody where it was left behind.
func TestContextOfWhatPanics(t *testing.T) {
	t.Parallel()
	func() {
		defer func() {
			if c, ok := recover().(*Crash); !ok || c.String() != "a bug" || len(c.Stack) == 0 {
				t.Errorf("%v", c)
			}
		}()
		_, _ = Context(t.Context(), 0, func() (int, error) { panic("a bug") })
		t.Error("it returned")
	}()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	goOn, over := make(chan struct{}), make(chan struct{})
	_, err := Context(ctx, 0, func() (int, error) {
		defer close(over)
		<-goOn
		panic("later")
	})
	close(goOn)
	<-over
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
