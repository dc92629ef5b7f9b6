package cli

import (
	"encoding/json"
	"fmt"
	"maps"
	"sync"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/internal/lab"
	"github.com/nats-balance/nats-balance/internal/record"
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
	one, errsOne, stop := watchInto(t, l, store, "--service", store.context)
	shows(t, errsOne, one, "this watch records")
	two, errsTwo, _ := watchInto(t, l, store, "--service", store.context)
	shows(t, errsTwo, two, "this one stands by")
	shows(t, two, errsTwo, "watching 3 servers")

	sourcetest.Clients(t, l, "ORDERS", map[string]int{"C1-n1": 20, "C1-n2": 2})
	shows(t, one, errsOne, "ORDERS")
	shows(t, two, errsTwo, "ORDERS")
	// What the first one saw is written once it said so again a while later.
	waitLeases(t, nc)
	stop()
	sourcetest.Clients(t, l, "BILLING", map[string]int{"C1-n1": 20, "C1-n2": 2})
	shows(t, errsTwo, two, "this watch records")
	want := map[string]int{}
	for _, account := range []string{"ORDERS", "BILLING"} {
		for _, kind := range []record.Kind{record.Crossed, record.Held} {
			want[string(kind)+" "+account] = 1
		}
	}
	if err := lab.Poll(sourcetest.Within(t), func() error {
		mu.Lock()
		defer mu.Unlock()
		if !maps.Equal(published, want) {
			return fmt.Errorf("published are %v, want %v", published, want)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}
