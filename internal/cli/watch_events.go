package cli

import (
	"slices"
	"sync"

	"github.com/nats-balance/nats-balance/internal/record"
	"github.com/nats-balance/nats-balance/internal/record/history"
	"github.com/nats-balance/nats-balance/internal/record/serve"
)

// mostHeld is how many changes a watch that stands by keeps, in case that it has to
// publish them.
const mostHeld = 1000

// watchEvents publishes what changes by the micro service. Where several watches have one
// store, the one that records publishes. While the store is away nobody knows which one that
// is, and each publishes: twice is better than not at all.
type watchEvents struct {
	store *history.Store // nil where nothing is recorded

	mu      sync.Mutex
	service *service
	held    []record.Change // not published here
}

// to says where to publish.
func (e *watchEvents) to(s *service) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.service = s
}

// publish publishes changes and what was held back, unless another watch does, or may do.
func (e *watchEvents) publish(changes []record.Change) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.service == nil {
		return
	}
	for _, c := range changes {
		if serve.IsEvent(c.Kind) {
			e.held = append(e.held, c)
		}
	}
	if e.store != nil {
		state := e.store.State()
		e.held = slices.DeleteFunc(e.held, func(c record.Change) bool { return c.Time.Before(state.Written) })
		if !state.Leads && state.Err == nil {
			e.held = e.held[max(0, len(e.held)-mostHeld):]
			return
		}
	}
	e.service.Publish(e.held)
	e.held = nil
}
