package history

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/lab"
	"github.com/nats-balance/nats-balance/internal/record"
	"github.com/nats-balance/nats-balance/internal/source/sourcetest"
)

func began() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC) }

func spread(at time.Time, n1, n2, n3 int) *record.Spread {
	s := &record.Spread{Time: at, Account: checks.Account{ID: "ORDERS", Name: "orders"}, Cluster: "C1", Connections: n1 + n2 + n3, Of: 3}
	for i, n := range []int{n1, n2, n3} {
		s.Servers = append(s.Servers, record.Share{Server: checks.ServerRef{ID: fmt.Sprintf("N%d", i+1), Name: fmt.Sprintf("n%d", i+1)}, Connections: n})
	}
	return s
}

// leaning is a restart of n2 in which ORDERS begins to lean, and an hour later comes
// back.
func leaning() []record.Change {
	at := began()
	n2 := checks.ServerRef{ID: "N2", Name: "n2"}
	return []record.Change{
		{Kind: record.Watching, Time: at.Add(-time.Hour), Of: &record.Totals{Servers: 3}},
		{Kind: record.Shifted, Time: at.Add(-time.Hour), Cluster: "C1", Spread: spread(at.Add(-time.Hour), 8, 7, 7)},
		{Kind: record.Stopped, Time: at.Add(-10 * time.Minute), Cluster: "C1", Server: n2},
		{Kind: record.Stopped, Time: at.Add(-10 * time.Second), Cluster: "C1", Server: n2},
		{Kind: record.Stopped, Time: at, Cluster: "OTHER", Server: n2},
		{Kind: record.Crossed, Time: at, Cluster: "C1", Spread: spread(at, 20, 1, 1), Before: spread(at.Add(-time.Hour), 8, 7, 7), Since: at,
			Moves: []record.Move{{Service: "api", Server: checks.ServerRef{Name: "n1"}, Count: 12}}},
		{Kind: record.Started, Time: at.Add(20 * time.Second), Cluster: "C1", Server: checks.ServerRef{ID: "N2b", Name: "n2"}},
		{Kind: record.Held, Time: at.Add(2 * time.Minute), Cluster: "C1", Spread: spread(at.Add(2*time.Minute), 20, 1, 1), Since: at, Finding: true},
		{Kind: record.Back, Time: at.Add(time.Hour), Cluster: "C1", Spread: spread(at.Add(time.Hour), 8, 7, 7), Since: at, Finding: true},
	}
}

func documents(changes []record.Change) (out []record.Document) {
	for _, c := range changes {
		out = append(out, record.DocumentOf(c))
	}
	return out
}

// A history tells when an account began to lean, and what happened within a minute
// of that.
func TestTell(t *testing.T) {
	t.Parallel()
	h := tell(documents(leaning()))
	if len(h.Episodes) != 1 || len(h.Gaps) != 0 {
		t.Fatalf("%+v", h)
	}
	e := h.Episodes[0]
	if !e.Began.Equal(began()) || e.Ended == nil || e.Ended.Sub(e.Began) != time.Hour || !e.Finding || e.NotBefore != nil ||
		e.Then.OnServer != 20 || e.Before.OnServer != 8 || len(e.Moves) != 1 {
		t.Errorf("%+v", e)
	}
	if len(e.Around) != 2 || e.Around[0].Change != record.Stopped || e.Around[1].Change != record.Started {
		t.Errorf("around: %+v", e.Around)
	}
	// What was leaning when a recorder started did not begin then.
	first := leaning()[5]
	first.Before, first.AtStart = nil, true
	h = tell(documents([]record.Change{{Kind: record.Watching, Time: began(), Of: &record.Totals{}}, first}))
	if len(h.Episodes) != 1 || h.Episodes[0].NotBefore == nil || !h.Episodes[0].NotBefore.IsZero() {
		t.Errorf("%+v", h)
	}
	// Nor is a time known in which nobody recorded.
	again := leaning()[5]
	again.AtStart, again.NotBefore = true, began().Add(-time.Hour)
	h = tell(documents([]record.Change{{Kind: record.Watching, Time: began(), Since: began().Add(-time.Hour), Of: &record.Totals{}}, again}))
	if len(h.Gaps) != 1 || h.Gaps[0].To.Sub(h.Gaps[0].From) != time.Hour || h.Episodes[0].NotBefore == nil || !h.Episodes[0].NotBefore.Equal(began().Add(-time.Hour)) {
		t.Errorf("%+v", h)
	}
}

// A name with what subjects are made of is one token.
func TestToken(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{"ORDERS": "ORDERS", "": "_", "_": "=5f", "a.b": "a=2eb", "*": "=2a", "a b>": "a=20b=3e", "é": "=c3=a9", "$G": "=24G"} {
		if got := token(name); got != want {
			t.Errorf("token(%q) = %q, want %q", name, got, want)
		}
	}
	if n := len(token(strings.Repeat("x", 5000))); n > longestToken {
		t.Error(n)
	}
}

func waitWritten(t *testing.T, s *Store) {
	t.Helper()
	err := lab.Poll(sourcetest.Within(t), func() error {
		if st := s.State(); st.Queued > 0 {
			return fmt.Errorf("%+v", st)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
