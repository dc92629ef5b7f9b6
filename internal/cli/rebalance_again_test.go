package cli

import (
	"context"
	"errors"
	"testing"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/source/system"
)

// TestStillSystem: whose credentials they are is known from before the run, so that a
// server that answers as if they were others' is asked again.
func TestStillSystem(t *testing.T) {
	t.Parallel()
	other, want := &system.NotSystemAccountError{Account: "SYS"}, &checks.Deployment{}
	asked := 0
	d, err := stillSystem(t.Context(), func() (*checks.Deployment, error) {
		if asked++; asked == 1 {
			return nil, other
		}
		return want, nil
	})
	if d != want || err != nil || asked != 2 {
		t.Errorf("%v, %v after %d", d, err, asked)
	}
	ctx, cancel := context.WithCancel(t.Context())
	d, err = stillSystem(ctx, func() (*checks.Deployment, error) {
		cancel()
		return nil, other
	})
	if d != nil || err == nil || errors.As(err, new(*system.NotSystemAccountError)) {
		t.Errorf("%v, %v", d, err)
	}
	lost := errors.New("lost")
	if _, err = stillSystem(t.Context(), func() (*checks.Deployment, error) { return nil, lost }); !errors.Is(err, lost) {
		t.Errorf("%v", err)
	}
}
