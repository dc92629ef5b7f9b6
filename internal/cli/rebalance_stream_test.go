package cli

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/nats-balance/nats-balance/internal/lab"
)

const (
	// ackWait is how long a server waits for a confirmation before it sends a message again.
	ackWait = 3 * time.Second
	// atHand is how many messages of a consumer may be without a confirmation, for each of
	// its clients.
	atHand = 2
)

// crew is clients that work off a stream by one consumer.
type crew struct {
	conns    []*nats.Conn
	work     time.Duration // that a message makes
	careless bool          // they drop what they are at where they are disconnected

	mu        sync.Mutex
	seen      map[uint64]bool      // by number in the stream
	confirmed map[uint64]time.Time // since when a client knows that the server has its confirmation
	dropped   int
	again     int // messages that came again
	wrong     int // … long after they were confirmed
}

// take is what a client does with a message.
func (c *crew) take(nc *nats.Conn, m jetstream.Msg) {
	moves := nc.Stats().Reconnects
	meta, err := m.Metadata()
	if err != nil {
		return
	}
	number := meta.Sequence.Stream
	c.mu.Lock()
	c.seen[number] = true
	if meta.NumDelivered > 1 {
		c.again++
		// One that waited long for its confirmation may have come again meanwhile.
		if at, known := c.confirmed[number]; known && time.Since(at) > ackWait/2 {
			c.wrong++
		}
	}
	c.mu.Unlock()
	<-time.After(c.work)
	if c.careless && nc.Stats().Reconnects != moves {
		c.mu.Lock()
		c.dropped++
		c.mu.Unlock()
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), ackWait/4)
	defer cancel()
	// A client that is disconnected in between does not hear of it.
	if m.DoubleAck(ctx) == nil {
		c.mu.Lock()
		c.confirmed[number] = time.Now()
		c.mu.Unlock()
	}
}

// works starts clients on a consumer.
func works(ctx context.Context, t *testing.T, owner jetstream.JetStream, config jetstream.ConsumerConfig, c *crew) *crew {
	t.Helper()
	c.seen, c.confirmed = map[uint64]bool{}, map[uint64]time.Time{}
	config.AckPolicy, config.AckWait, config.MaxAckPending, config.MemoryStorage = jetstream.AckExplicitPolicy, ackWait, atHand*len(c.conns), true
	askedAgain(ctx, t, func(ctx context.Context) (err error) {
		if config.DeliverSubject == "" {
			_, err = owner.CreateConsumer(ctx, "ORDERS", config)
		} else {
			_, err = owner.CreatePushConsumer(ctx, "ORDERS", config)
		}
		return err
	})
	for _, nc := range c.conns {
		js, err := jetstream.New(nc)
		if err != nil {
			t.Fatal(err)
		}
		take := func(m jetstream.Msg) { c.take(nc, m) }
		var working jetstream.ConsumeContext
		askedAgain(ctx, t, func(ctx context.Context) error {
			if config.DeliverSubject == "" {
				pull, err := js.Consumer(ctx, "ORDERS", config.Durable)
				if err == nil {
					working, err = pull.Consume(take, jetstream.PullMaxMessages(atHand))
				}
				return err
			}
			push, err := js.PushConsumer(ctx, "ORDERS", config.Durable)
			if err == nil {
				working, err = push.Consume(take)
			}
			return err
		})
		t.Cleanup(working.Stop)
	}
	return c
}

// publishes has clients publish, each one message after the other, until stop, which
// returns how many the stream has. What is not confirmed is published again.
func publishes(ctx context.Context, t *testing.T, conns []*nats.Conn) (stop func() int) {
	t.Helper()
	over := make(chan struct{})
	var wg sync.WaitGroup
	sent := make([]int, len(conns))
	for i, nc := range conns {
		js, err := jetstream.New(nc)
		if err != nil {
			t.Fatal(err)
		}
		wg.Go(func() {
			tick := time.NewTicker(20 * time.Millisecond)
			defer tick.Stop()
			for {
				select {
				case <-tick.C:
				case <-over:
					return
				}
				id := jetstream.WithMsgID(fmt.Sprint(i, ".", sent[i]))
				if err := lab.Poll(ctx, func() error {
					once, cancel := context.WithTimeout(ctx, ackWait)
					defer cancel()
					_, err := js.Publish(once, "orders", nil, id)
					return err
				}); err != nil {
					t.Errorf("publishing: %v", err)
					return
				}
				sent[i]++
			}
		})
	}
	return func() int {
		close(over)
		wg.Wait()
		all := 0
		for _, n := range sent {
			all += n
		}
		return all
	}
}

// TestRebalanceUnderStreams: clients that work off a stream are moved while others
// publish to it, who are moved too: by a pull consumer and a push consumer that several
// share, and by push consumers of their own. All is worked off and confirmed, and what
// comes again was at hand where a client was disconnected.
func TestRebalanceUnderStreams(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	// MQTT brings the streams with it, and is not needed.
	l, err := lab.Start(ctx, lab.Topology{Clusters: []lab.Cluster{{Name: "C1", Servers: 3, MQTT: true, Configure: func(_ int, o *server.Options) { o.MQTT.Port = 0 }}}, Accounts: []string{"ORDERS"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Stop)
	dialled(ctx, t, l)
	w := witnesses(ctx, t, l, "ORDERS", nil)
	owner, err := jetstream.New(w.join(ctx, t, "C1-n2", 1, nats.Name("owner"))[0])
	if err != nil {
		t.Fatal(err)
	}
	askedAgain(ctx, t, func(ctx context.Context) error {
		_, err := owner.CreateStream(ctx, jetstream.StreamConfig{Name: "ORDERS", Subjects: []string{"orders"}, Storage: jetstream.MemoryStorage})
		return err
	})
	crews := map[string]*crew{}
	for _, x := range []struct {
		config   jetstream.ConsumerConfig
		n        int
		work     time.Duration // half of what the clients can do
		careless bool
	}{
		{jetstream.ConsumerConfig{Durable: "pull"}, 8, 40 * time.Millisecond, false},
		{jetstream.ConsumerConfig{Durable: "shared", DeliverSubject: "deliver.shared", DeliverGroup: "crew"}, 8, 40 * time.Millisecond, true},
		{jetstream.ConsumerConfig{Durable: "own-1", DeliverSubject: "deliver.own-1"}, 1, 5 * time.Millisecond, false},
		{jetstream.ConsumerConfig{Durable: "own-2", DeliverSubject: "deliver.own-2"}, 1, 5 * time.Millisecond, true},
	} {
		crews[x.config.Durable] = works(ctx, t, owner, x.config, &crew{conns: w.join(ctx, t, "C1-n1", x.n, nats.Name(x.config.Durable)), work: x.work, careless: x.careless})
	}
	stop := publishes(ctx, t, w.join(ctx, t, "C1-n1", 2, nats.Name("publisher")))
	w.most = 20
	doc := rebalanced(t, l, generous, 0, "--account", "ORDERS", "--apply", "--yes", "--rate", "100", "--batch", "5")
	if doc.Outcome != "balanced" || len(doc.Moves) < 12 {
		t.Errorf("%s, %+v, %d moves", doc.Outcome, doc.Stop, len(doc.Moves))
	}
	w.unharmed(ctx, t, "", doc)
	published := stop()
	for name, c := range crews {
		if err := lab.Poll(ctx, func() error {
			s, err := owner.Stream(ctx, "ORDERS")
			if err != nil {
				return err
			}
			info, err := consumerInfo(ctx, s, name)
			if err == nil && (info.NumPending > 0 || info.NumAckPending > 0) {
				err = fmt.Errorf("%s: %d messages wait, %d are not confirmed", name, info.NumPending, info.NumAckPending)
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
		moves := 0
		for _, nc := range c.conns {
			moves += int(nc.Stats().Reconnects)
		}
		c.mu.Lock()
		// What a server sent to a connection as it closed it comes again too.
		if len(c.seen) != published || c.wrong > 0 || c.again < c.dropped || c.again > c.dropped+moves*atHand {
			t.Errorf("%s: %d of %d messages were worked off, %d dropped in %d moves; %d came again, %d of them confirmed before", name, len(c.seen), published, c.dropped, moves, c.again, c.wrong)
		}
		t.Logf("%s: %d messages, %d moves, %d dropped, %d came again", name, published, moves, c.dropped, c.again)
		c.mu.Unlock()
	}
}

// askedAgain asks JetStream until it answers: nobody does while servers choose who leads.
func askedAgain(ctx context.Context, t *testing.T, ask func(ctx context.Context) error) {
	t.Helper()
	if err := lab.Poll(ctx, func() error {
		ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		return ask(ctx)
	}); err != nil {
		t.Fatal(err)
	}
}

// dialled waits until every server of a cluster that starts with all its routes has been
// dialled by another: one to which all routes are its own is not known to be there.
func dialled(ctx context.Context, t *testing.T, l *lab.Lab) {
	t.Helper()
	if err := lab.Poll(ctx, func() error {
		to := map[string]bool{}
		for _, s := range l.Cluster("C1") {
			z, err := s.Embedded().Routez(nil)
			if err != nil {
				return err
			}
			for _, r := range z.Routes {
				to[r.RemoteID] = to[r.RemoteID] || r.IsConfigured
			}
		}
		for _, s := range l.Cluster("C1") {
			if !to[s.ID()] {
				return fmt.Errorf("nobody has dialled %s", s.Name())
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

// consumerInfo is how far a consumer of either kind is.
func consumerInfo(ctx context.Context, s jetstream.Stream, name string) (*jetstream.ConsumerInfo, error) {
	if name == "pull" {
		c, err := s.Consumer(ctx, name)
		if err != nil {
			return nil, err
		}
		return c.Info(ctx)
	}
	c, err := s.PushConsumer(ctx, name)
	if err != nil {
		return nil, err
	}
	return c.Info(ctx)
}
