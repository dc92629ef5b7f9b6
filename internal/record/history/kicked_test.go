package history

import (
	"context"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/record"
	"github.com/nats-balance/nats-balance/internal/source/sourcetest"
)

// moved is a rebalance of ORDERS that ends its episode: two documents of one run, and a
// connection that was kicked long after.
func moved() []record.Change {
	at := began().Add(59 * time.Minute)
	kicked := func(from, told time.Time, n int, services ...record.Move) record.Change {
		return record.Change{Kind: record.Kicked, Time: told, Since: from, Cluster: "C1", Server: checks.ServerRef{ID: "N1", Name: "n1"}, Account: checks.Account{ID: "ORDERS", Name: "orders"}, Count: n, Moves: services}
	}
	return []record.Change{
		kicked(at, at.Add(time.Minute), 10, record.Move{Left: true, Service: "api", Count: 6}, record.Move{Left: true, Service: "batch", Count: 4}),
		kicked(at.Add(61*time.Second), at.Add(70*time.Second), 3, record.Move{Left: true, Service: "batch", Count: 3}),
		kicked(at.Add(3*time.Hour), at.Add(3*time.Hour+5*time.Second), 1),
	}
}

func sorted(docs []record.Document) []record.Document {
	slices.SortStableFunc(docs, func(a, b record.Document) int { return a.Time.Compare(b.Time) })
	return docs
}

// TestTellKicked: the batches of a run are one, told with the episode that it ended; what
// was kicked while the account did not lean begins no episode and is told apart.
func TestTellKicked(t *testing.T) {
	t.Parallel()
	h := tell(sorted(documents(append(leaning(), moved()...))))
	if len(h.Episodes) != 1 || len(h.Kicked) != 2 || len(h.Episodes[0].Kicked) != 1 || len(h.Episodes[0].Around) != 2 {
		t.Fatalf("%+v", h)
	}
	k := h.Episodes[0].Kicked[0]
	if k.Connections != 13 || k.Server.Name != "n1" || len(k.Services) != 2 || k.Services[0].Service != "batch" || k.Services[0].Connections != 7 || !k.From.Equal(began().Add(59*time.Minute)) {
		t.Errorf("%+v", k)
	}
	if h.Kicked[0].Apart || !h.Kicked[1].Apart || h.Kicked[1].Connections != 1 {
		t.Errorf("%+v", h.Kicked)
	}
	for account, n := range map[string]int{"": 2, "orders": 2, "other": 0} {
		doc := DocumentOf(h, account, began())
		if len(doc.Kicked) != n || n > 0 && len(doc.Episodes[0].Kicked) != 1 {
			t.Errorf("%q: %+v", account, doc)
		}
	}
}

// TestKickedIsKept: kicks are read back and are evidence, and a watch that starts again
// knows of the account what it knew, although kicks were written last.
func TestKickedIsKept(t *testing.T) {
	t.Parallel()
	ctx := sourcetest.Within(t)
	s, err := OpenLocal(ctx, filepath.Join(t.TempDir(), "state"), limits())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	running, stop := context.WithCancel(ctx)
	defer stop()
	go s.Run(running, func(bool) {})
	s.Add(append(leaning()[:8], moved()...))
	waitWritten(t, s)
	docs, _, err := s.Documents(ctx, Query{Account: "orders"})
	if err != nil || len(tell(docs).Kicked) != 2 {
		t.Errorf("%+v, %v", docs, err)
	}
	w := record.New(record.Settings{Parameters: checks.Defaults()})
	if err := s.Restore(ctx, w); err != nil {
		t.Fatal(err)
	}
	if over := w.Over(time.Now()); len(over) != 1 || !over[0].Since.Equal(began()) {
		t.Errorf("%+v", over)
	}
	if r := recordedOf(docs, Suspect{"ORDERS", "C1"}); r == nil || len(r.Kicked) != 3 || r.Kicked[0].Connections != 10 || len(r.Events) != 3 {
		t.Errorf("%+v", r)
	}
}
