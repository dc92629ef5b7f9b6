package rebalance

import (
	"context"
	"errors"
	"slices"

	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/internal/sysreq"
)

var errLost = errors.New("the connection was lost")

// drainingError is that a server began to drain: it answers nothing any more, and its
// clients go elsewhere though nobody moves them.
type drainingError struct{ server string }

func (e *drainingError) Error() string { return e.server + " began to drain" }

// guard ends the run when the connection is lost, a request is forbidden, or one of the
// servers begins to drain.
func guard(c *sysreq.Client, servers []Server, cancel context.CancelCauseFunc) (stop func()) {
	stopListening := c.OnRefusal(func(e *sysreq.PermissionError) bool {
		if e.Operation != sysreq.Subscribe || e.Subject != sysreq.LameDuck { // one that drains is found silent then
			cancel(e)
		}
		return true
	})
	stopWatching, err := c.Watch(sysreq.LameDuck, func(m *nats.Msg) {
		id := sysreq.Draining(m.Subject)
		if at := slices.IndexFunc(servers, func(s Server) bool { return s.ID == id }); at >= 0 {
			cancel(&drainingError{servers[at].Name})
		}
	})
	nc := c.Conn()
	lost := nc.StatusChanged(nats.RECONNECTING, nats.DISCONNECTED, nats.CLOSED)
	over := make(chan struct{})
	go func() {
		select {
		case <-lost:
			cancel(errLost)
		case <-over:
		}
	}()
	if err != nil || !nc.IsConnected() {
		cancel(errLost)
	}
	return func() {
		close(over)
		nc.RemoveStatusListener(lost)
		stopListening()
		if err == nil {
			stopWatching()
		}
	}
}
