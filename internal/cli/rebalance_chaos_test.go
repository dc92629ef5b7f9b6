package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/internal/lab"
	"github.com/nats-balance/nats-balance/internal/report"
)

// TestRebalanceInChaos: whatever happens in the middle of a run, it closed what it says,
// nobody is spread worse than before, and clients of another account stay connected.
// Each scenario has an account of its own in one cluster. See TestRebalanceThatHarms
// for a server that dies and for clients that never come back.
func TestRebalanceInChaos(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	const limit = 100
	l, err := lab.Start(ctx, lab.Topology{Clusters: []lab.Cluster{{Name: "C1", Servers: 3, MaxConnections: limit, Configure: func(_ int, o *server.Options) {
		o.LameDuckDuration, o.LameDuckGracePeriod = time.Minute, 10*time.Millisecond
	}}}, Accounts: []string{"OTHERS", "MANY", "BOTH", "CUT", "FILLED", "DRAINED"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Stop)
	others := witnesses(ctx, t, l, "OTHERS", map[string]int{"C1-n1": 2, "C1-n2": 2, "C1-n3": 2})
	leaning := map[string]int{"C1-n1": 17, "C1-n2": 2, "C1-n3": 2}
	apply := func(account string) []string {
		return []string{"--account", account, "--apply", "--yes", "--rate", "100", "--batch", "4"}
	}
	ran := func(w *witness, through string, timeout time.Duration, happens func()) report.Rebalance {
		t.Helper()
		over := make(chan struct{})
		go func() {
			defer close(over)
			w.moved(ctx)
			happens()
		}()
		doc := rebalancedBy(ctx, t, l.Server(through).URL(lab.SystemAccount), []nats.Option{nats.Name("run of " + w.account)}, timeout, 3, apply(w.account)...)
		<-over
		return doc
	}

	// Another operator says yes to the same plan at the same moment.
	w := witnesses(ctx, t, l, "BOTH", leaning)
	first, second := together(ctx, t, l, w.account)
	w.unharmed(ctx, t, "", first, second)
	if !noticed(&first) && !noticed(&second) {
		t.Errorf("two at once: %s, %+v and %s, %+v", first.Outcome, first.Stop, second.Outcome, second.Stop)
	}

	// The run's own connection is closed.
	w = witnesses(ctx, t, l, "CUT", leaning)
	doc := ran(w, "C1-n2", generous, func() { disconnect(t, l.Server("C1-n2"), "run of CUT") })
	stops(t, "its connection was closed", &doc, "connection-lost")
	w.unharmed(ctx, t, "", doc)

	// A survivor fills up with somebody else's clients.
	w = witnesses(ctx, t, l, "FILLED", leaning)
	var many *lab.Group
	doc = ran(w, "C1-n1", generous, func() {
		full := l.Server("C1-n2")
		if many, err = l.ConnectRaw(ctx, lab.RawClients{Account: "MANY", Server: full, Count: limit*96/100 - full.Embedded().NumClients()}); err != nil {
			t.Error(err)
		}
	})
	stops(t, "a survivor is full", &doc, "server-suffers")
	w.unharmed(ctx, t, "", doc)
	if many != nil {
		many.Close()
	}

	// The server that the run is connected to goes into lame duck mode.
	w = witnesses(ctx, t, l, "DRAINED", leaning)
	doc = ran(w, "C1-n2", 4*time.Second, func() { go l.Server("C1-n2").Embedded().LameDuckShutdown() })
	stops(t, "its server drains", &doc, "server-lost")
	if doc.Missing != nil && *doc.Missing > 0 {
		t.Errorf("its server drains: %d clients are missing, and C1-n2, where they may be, did not report", *doc.Missing)
	}
	l.Server("C1-n2").Shutdown()
	w.unharmed(ctx, t, "C1-n2", doc)
	others.closedAsTold(t, "C1-n2")
}

// disconnect has a server close the connection of the system account with a name.
func disconnect(t *testing.T, s *lab.Server, name string) {
	z, err := s.Embedded().Connz(&server.ConnzOptions{Account: lab.SystemAccount, Username: true})
	if err != nil {
		t.Error(err)
		return
	}
	for _, c := range z.Conns {
		if c.Name == name {
			if err := s.Embedded().DisconnectClientByID(c.Cid); err != nil {
				t.Error(err)
			}
			return
		}
	}
	t.Errorf("%s has no connection %q", s.Name(), name)
}

// noticed reports whether a run stopped because somebody else kicked.
func noticed(doc *report.Rebalance) bool {
	return doc.Stop != nil && doc.Stop.Code == "another-operator"
}

// together runs two rebalances of an account that are answered at the same moment.
func together(ctx context.Context, t *testing.T, l *lab.Lab, account string) (first, second report.Rebalance) {
	t.Helper()
	var asked, over sync.WaitGroup
	asked.Add(2)
	docs := make([]report.Rebalance, 2)
	for i, through := range []string{"C1-n1", "C1-n3"} {
		over.Go(func() {
			var out bytes.Buffer
			a := &answer{asked: &asked}
			r := newRebalance(Host{Out: &out, Err: io.Discard, Timeout: func() time.Duration { return generous }, Connect: func(context.Context) (*nats.Conn, error) {
				nc, err := nats.Connect(l.Server(through).URL(lab.SystemAccount), nats.Timeout(generous))
				if err == nil {
					t.Cleanup(nc.Close)
				}
				return nc, err
			}})
			r.accounts, r.apply, r.terminal, r.in, r.mostCPU, r.rate, r.batch = []string{account}, true, true, a, 1e6, 100, 4
			r.output.formats, r.output.format = []string{"text", "json"}, "json"
			err := r.run(ctx)
			a.once.Do(asked.Done) // the other does not wait for one that fails
			if jsonErr := json.Unmarshal(out.Bytes(), &docs[i]); jsonErr != nil {
				t.Errorf("%v, %v: %s", err, jsonErr, &out)
			}
		})
	}
	over.Wait()
	return docs[0], docs[1]
}

// answer is somebody at a terminal who says yes once all were asked.
type answer struct {
	asked *sync.WaitGroup
	once  sync.Once
}

// Read implements io.Reader.
func (a *answer) Read(b []byte) (int, error) {
	a.once.Do(a.asked.Done)
	a.asked.Wait()
	return strings.NewReader("y\n").Read(b)
}
