package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"sync"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/nats-balance/nats-balance/internal/lab"
	"github.com/nats-balance/nats-balance/internal/record"
	"github.com/nats-balance/nats-balance/internal/record/history"
	"github.com/nats-balance/nats-balance/internal/record/serve"
	"github.com/nats-balance/nats-balance/internal/source/sourcetest"
)

// Of two watches with one store and the micro service, each event is published once: by the
// one that records, and by the other one what it saw after the first had stopped.
func TestEventsArePublishedOnce(t *testing.T) {
	t.Parallel()
	l := sourcetest.StartLab(t, sourcetest.Three("ORDERS", "BILLING"))
	store := startKeeper(t)
	nc := sourcetest.Connect(t, store.ClientURL(), nats.UserInfo("u", "old"))
	var mu sync.Mutex
	published := map[string]int{}
	if _, err := nc.Subscribe(serve.EventSubjects+">", func(m *nats.Msg) {
		var d record.Document
		if err := json.Unmarshal(m.Data, &d); err != nil {
			t.Error(err)
			return
		}
		mu.Lock()
		defer mu.Unlock()
		published[string(d.Change)+" "+d.Account.Name]++
	}); err != nil {
		t.Fatal(err)
	}
	start := func() (out, errs *watched, stop func()) {
		out, errs = &watched{}, &watched{}
		ctx, interrupt := context.WithCancel(t.Context())
		ended := make(chan int, 1)
		go func() {
			ended <- runHere(ctx, out, errs, "watch", "--no-context", "--server", l.SystemURL(), "--store", store.context, "--service", store.context, "--for", "0s", "--timeout", generous.String())
			close(ended)
		}()
		stop = func() { interrupt(); <-ended }
		t.Cleanup(stop)
		return out, errs, stop
	}
	one, errsOne, stop := start()
	shows(t, errsOne, one, "this watch records")
	two, errsTwo, _ := start()
	shows(t, errsTwo, two, "this one stands by")
	shows(t, two, errsTwo, "watching 3 servers")

	sourcetest.Clients(t, l, "ORDERS", map[string]int{"C1-n1": 20, "C1-n2": 2})
	shows(t, one, errsOne, "ORDERS")
	shows(t, two, errsTwo, "ORDERS")
	// What the first one saw is written once it said so again a while later.
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	bucket, err := js.KeyValue(sourcetest.Within(t), history.BucketName)
	if err != nil {
		t.Fatal(err)
	}
	poll := func(f func() error) {
		t.Helper()
		if err := lab.Poll(sourcetest.Within(t), f); err != nil {
			t.Fatal(err)
		}
	}
	leases, last := 0, uint64(0)
	poll(func() error {
		said, err := bucket.Get(sourcetest.Within(t), "leader")
		if err != nil {
			return err
		}
		if said.Revision() != last {
			leases, last = leases+1, said.Revision()
		}
		if leases < 5 {
			return fmt.Errorf("%d leases", leases)
		}
		return nil
	})
	stop()
	sourcetest.Clients(t, l, "BILLING", map[string]int{"C1-n1": 20, "C1-n2": 2})
	shows(t, errsTwo, two, "this watch records")
	want := map[string]int{}
	for _, account := range []string{"ORDERS", "BILLING"} {
		for _, kind := range []record.Kind{record.Crossed, record.Held} {
			want[string(kind)+" "+account] = 1
		}
	}
	poll(func() error {
		mu.Lock()
		defer mu.Unlock()
		if !maps.Equal(published, want) {
			return fmt.Errorf("published are %v, want %v", published, want)
		}
		return nil
	})
}
