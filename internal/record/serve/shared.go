package serve

import (
	"context"
	"time"

	"github.com/nats-balance/nats-balance/internal/record/history"
)

const (
	// readFor is how long a history is shown before it is read again.
	readFor = 30 * time.Second
	// readsIn is how long reading it may take.
	readsIn = 10 * time.Second
)

// Shared makes a function that reads a history twice a minute at most, whoever asks
// and however often; nil stays nil. Reading goes on until ctx ends: who asked may be
// gone before, and what was read is for others too.
func Shared(ctx context.Context, read func(context.Context) (history.History, error)) func(context.Context) (history.History, error) {
	if read == nil {
		return nil
	}
	turn := make(chan struct{}, 1) // whoever is in it has what follows
	var past history.History
	var failed error
	var at time.Time
	return func(asking context.Context) (history.History, error) {
		select {
		case turn <- struct{}{}:
		case <-asking.Done():
			return history.History{}, asking.Err()
		}
		defer func() { <-turn }()
		if at.IsZero() || time.Since(at) >= readFor {
			ctx, cancel := context.WithTimeout(ctx, readsIn)
			defer cancel()
			past, failed = read(ctx)
			at = time.Now()
		}
		return past, failed
	}
}
