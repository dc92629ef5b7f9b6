package cli

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/internal/lab"
	"github.com/nats-balance/nats-balance/internal/report"
)

// witness is clients of an account that note each time that they are disconnected, and
// from which server: what a run says that it closed is held against them.
type witness struct {
	lab     *lab.Lab
	account string
	clients int
	most    int // on one server, before the run

	mu     sync.Mutex
	on     map[*nats.Conn]string
	closed map[string]int // by the name of the server
}

// witnesses connects clients, "C1-n1" → how many of them.
func witnesses(ctx context.Context, t *testing.T, l *lab.Lab, account string, counts map[string]int) *witness {
	t.Helper()
	w := &witness{lab: l, account: account, on: map[*nats.Conn]string{}, closed: map[string]int{}}
	for server, n := range counts {
		w.join(ctx, t, server, n)
		w.most = max(w.most, n)
	}
	return w
}

// join connects more of them to a server, and waits until all have noted where they are.
func (w *witness) join(ctx context.Context, t *testing.T, server string, n int, options ...nats.Option) []*nats.Conn {
	t.Helper()
	arrives := func(nc *nats.Conn) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.on[nc] = nc.ConnectedServerName()
	}
	leaves := func(nc *nats.Conn, _ error) {
		w.mu.Lock()
		defer w.mu.Unlock()
		if server := w.on[nc]; server != "" { // otherwise it was closed by its own end
			w.closed[server]++
		}
		w.on[nc] = ""
	}
	options = append([]nats.Option{nats.ConnectHandler(arrives), nats.ReconnectHandler(arrives), nats.DisconnectErrHandler(leaves)}, options...)
	g, err := w.lab.Connect(ctx, lab.Clients{Account: w.account, Server: w.lab.Server(server), Count: n, Options: options})
	if err != nil {
		t.Fatal(err)
	}
	w.clients += n
	w.back(ctx, t)
	return g.Conns()
}

// back waits until all are connected and have noted where.
func (w *witness) back(ctx context.Context, t *testing.T) {
	t.Helper()
	if err := lab.Poll(ctx, func() error {
		w.mu.Lock()
		defer w.mu.Unlock()
		n := 0
		for _, server := range w.on {
			if server != "" {
				n++
			}
		}
		if n != w.clients {
			return fmt.Errorf("%d of %d clients of %s are back", n, w.clients, w.account)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

// moved waits until one of them was disconnected.
func (w *witness) moved(ctx context.Context) {
	_ = lab.Poll(ctx, func() error {
		w.mu.Lock()
		defer w.mu.Unlock()
		if len(w.closed) == 0 {
			return fmt.Errorf("no client of %s was disconnected", w.account)
		}
		return nil
	})
}

// closes are by server how many connections of the account runs say that they closed,
// each once, and how many may be closed, as the server did not say.
func closes(account string, docs ...report.Rebalance) (sure, maybe map[string]int) {
	type connection struct {
		server string
		id     uint64
	}
	sure, maybe = map[string]int{}, map[string]int{}
	counted := map[connection]bool{}
	for _, doc := range docs {
		for _, m := range doc.Moves {
			at := connection{m.ServerID, m.CID}
			switch {
			case m.Account != account || counted[at]:
			case m.Outcome == "kicked":
				sure[m.Server]++
				counted[at] = true
			case m.Outcome == "no-answer":
				maybe[m.Server]++
			}
		}
	}
	return sure, maybe
}

// closedAsTold compares: on the servers that live as many clients were disconnected as
// the runs say that they closed.
func (w *witness) closedAsTold(t *testing.T, died string, docs ...report.Rebalance) {
	t.Helper()
	sure, maybe := closes(w.account, docs...)
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range w.lab.Cluster("C1") {
		n := w.closed[s.Name()]
		switch more := n - sure[s.Name()]; {
		case s.Name() == died && more >= 0: // it closed the others itself
		case more < 0 || more > maybe[s.Name()]:
			t.Errorf("%s: on %s %d clients were disconnected, and %d connections are reported to be closed, %d without an answer", w.account, s.Name(), n, sure[s.Name()], maybe[s.Name()])
		}
	}
}

// unharmed waits until the clients are back. As many were disconnected as is reported,
// and no more of them are on one server than before the first run, but for those that a
// server closed as it died: they go where they like.
func (w *witness) unharmed(ctx context.Context, t *testing.T, died string, docs ...report.Rebalance) {
	t.Helper()
	w.back(ctx, t)
	w.closedAsTold(t, died, docs...)
	sure, _ := closes(w.account, docs...)
	w.mu.Lock()
	defer w.mu.Unlock()
	most, now := w.most+w.closed[died]-sure[died], map[string]int{}
	for _, server := range w.on {
		if now[server]++; now[server] == most+1 {
			t.Errorf("%s: %s has more than %d of %d, and no server had more than %d", w.account, server, most, w.clients, w.most)
		}
	}
}

// stops checks why a run stopped.
func stops(t *testing.T, what string, doc *report.Rebalance, codes ...string) {
	t.Helper()
	if doc.Outcome != "stopped" || doc.Stop == nil || !slices.Contains(codes, doc.Stop.Code) {
		t.Errorf("%s: %s, %+v, %+v", what, doc.Outcome, doc.Stop, doc.Batches)
	}
}
