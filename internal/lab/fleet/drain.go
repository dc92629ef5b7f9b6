package fleet

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
)

// Drain sends the STATZ request of all accounts of all servers, snappy
// accepted, and throws the replies away as they come, undecoded: the least time
// in which a client can have them. It returns how many came (one of each server
// that has a connection, and the carrier's), the bytes of their payloads as
// they came, compressed, and the time from the request to the last of them.
//
// The client is a plain nats.go connection without a pending limit of its own;
// that it was cut off by the server as too slow is an error. Faults that keep
// replies away make Drain wait for them until ctx ends, and return its error
// with what came until then.
func (f *Fleet) Drain(ctx context.Context) (replies int, bytes int64, elapsed time.Duration, err error) {
	want := 1 // the carrier has the fleet's connections
	for _, s := range f.model.servers {
		if len(s.rows) > 0 {
			want++
		}
	}
	failed := make(chan error, 1)
	fail := func(e error) {
		select {
		case failed <- e:
		default:
		}
	}
	nc, err := nats.Connect(f.URL(), nats.Name("fleet-drain"), nats.NoReconnect(), nats.Timeout(startTimeout),
		nats.DisconnectErrHandler(func(_ *nats.Conn, e error) {
			fail(fmt.Errorf("fleet: the draining client lost its connection: %w", errors.Join(nats.ErrDisconnected, e)))
		}),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, e error) { fail(e) }))
	if err != nil {
		return 0, 0, 0, err
	}
	defer nc.Close()
	type size struct {
		n  int
		at time.Time
	}
	sizes := make(chan size, want+1)
	reply := nc.NewRespInbox()
	quit := make(chan struct{})
	defer close(quit)
	sub, err := nc.Subscribe(reply, func(m *nats.Msg) {
		select {
		case sizes <- size{len(m.Data), time.Now()}:
		case <-quit:
		}
	})
	if err != nil {
		return 0, 0, 0, err
	}
	if err := sub.SetPendingLimits(-1, -1); err != nil {
		return 0, 0, 0, err
	}
	req := nats.NewMsg("$SYS.REQ.ACCOUNT.PING.STATZ")
	req.Reply = reply
	req.Header.Set("Accept-Encoding", encodingSnappy)
	start := time.Now()
	if err := nc.PublishMsg(req); err != nil {
		return 0, 0, 0, err
	}
	for replies < want {
		select {
		case s := <-sizes:
			replies++
			bytes += int64(s.n)
			elapsed = s.at.Sub(start)
		case err := <-failed:
			return replies, bytes, elapsed, err
		case <-ctx.Done():
			return replies, bytes, elapsed, ctx.Err()
		}
	}
	return replies, bytes, elapsed, nil
}
