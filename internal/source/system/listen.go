package system

import (
	"context"
	"runtime"
	"sync"

	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/internal/sysreq"
	"github.com/nats-balance/nats-balance/internal/wire"
)

// listen subscribes to the replies and to what the connection reports.
func (g *gathering) listen(ctx context.Context) (stop func(), err error) {
	g.client = sysreq.New(g.nc, g.o.Trace)
	g.inboxes = map[kind]*sysreq.Inbox{}
	workers, stopWorkers := g.startDecoders(ctx)
	stop = func() {
		for _, in := range g.inboxes {
			in.Close()
		}
		g.client.Close()
		stopWorkers()
	}
	g.client.OnRefusal(func(e *sysreq.PermissionError) bool {
		g.send(ctx, func(g *gathering) { g.forbidden(e) })
		return true
	})
	handlers := map[kind]func(tag int, m *nats.Msg){
		ofUser:   func(_ int, m *nats.Msg) { g.userReply(ctx, m) },
		ofRoster: func(tag int, m *nats.Msg) { g.rosterReply(ctx, tag, m) },
		ofVarz:   func(tag int, m *nats.Msg) { g.varzReply(ctx, tag, m) },
		ofRoutez: func(_ int, m *nats.Msg) { g.routezReply(ctx, m) },
		ofLeafz:  func(_ int, m *nats.Msg) { g.leafzReply(ctx, m) },
		ofReport: func(tag int, m *nats.Msg) { // one after the other
			g.arrivals++
			g.reading.Add(1)
			select {
			case workers <- reportReply{tag, g.arrivals, m}:
			case <-ctx.Done():
			}
		},
	}
	for k, handle := range handlers {
		if g.inboxes[k], err = g.client.Listen(handle); err != nil {
			delete(g.inboxes, k)
			stop()
			return nil, err
		}
	}
	notDraining, err := g.watchDraining(ctx)
	if err != nil {
		stop()
		return nil, err
	}
	all := stop
	return func() { notDraining(); all() }, nil
}

// reportReply is an account report, the question that it answers, and which one
// it is: decoders run side by side.
type reportReply struct {
	tag, nth int
	m        *nats.Msg
}

// largeReport is the size of a report, compressed or not, from which on one is decoded
// at a time: that takes several times as much memory.
const largeReport = 4 << 20

// startDecoders starts a decoder for each processor.
func (g *gathering) startDecoders(ctx context.Context) (chan<- reportReply, func()) {
	work := make(chan reportReply)
	quit := make(chan struct{})
	var large sync.Mutex
	for range runtime.GOMAXPROCS(0) {
		go func() {
			d := wire.NewDecoder()
			for {
				select {
				case reply := <-work:
					size := int64(len(reply.m.Data))
					if size > largeReport {
						large.Lock()
					}
					r, err := d.Report(ctx, reply.m, g.accounts)
					if size > largeReport {
						large.Unlock()
					}
					g.client.Trace("<<< %s account report, %d bytes, %d accounts, %v", r.From.Name, size, len(r.Usage), err)
					g.send(ctx, func(g *gathering) {
						g.reading.Add(-1)
						g.reported(r, err, reply, size)
					})
				case <-quit:
					return
				}
			}
		}()
	}
	return work, func() { close(quit) }
}
