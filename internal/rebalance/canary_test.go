package rebalance

import (
	"slices"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/internal/lab"
)

// fixed connects Go clients of an account to a server: they know no other, and with
// NoReconnect they are gone once they are closed.
func fixed(t *testing.T, s *lab.Server, account string, count int, options ...nats.Option) {
	t.Helper()
	for range count {
		connect(t, s.URL(account), append([]nats.Option{nats.Name(account + "-app"), nats.ReconnectWait(10 * time.Millisecond),
			nats.IgnoreDiscoveredServers()}, options...)...)
	}
}

// closed counts what was closed by the account of an index.
func closed(r Run, s *State) map[string]int {
	out := map[string]int{}
	for _, m := range r.Moves {
		if m.Outcome == Kicked {
			out[s.Accounts[s.Services[m.Service].Account].Name]++
		}
	}
	return out
}

// Each service is judged by its own canaries, however few these are next to the run:
// one that lost one and one of which all came back are left out, and the third is moved.
func TestCanariesDecideForTheirService(t *testing.T) {
	t.Parallel()
	accounts := []string{"GONE", "PINNED", "ROAMS"}
	l := startLab(t, three(accounts...))
	fixed(t, l.Server("C1-n1"), "GONE", 9, nats.NoReconnect())
	fixed(t, l.Server("C1-n1"), "PINNED", 9)
	roam(t, "ROAMS", 60, "go", l.Cluster("C1")...)
	scope, state := stageOf(t, l, "C1", accounts...)
	pace := calm(4*time.Second, 20)
	pace.Canary = 2
	r := Apply(within(t), connect(t, l.SystemURL()), scope, state, everywhere(), pace)
	kicked := closed(r, state)
	if kicked["GONE"] != 2 || kicked["PINNED"] != 2 || kicked["ROAMS"] < 20 {
		t.Errorf("stop %+v, kicked %v, batches %+v", r.Stop, kicked, r.Batches)
	}
	for i, x := range r.Last.Services {
		name := r.Last.Accounts[x.Account].Name
		if stays := x.Stays != nil; stays != slices.Contains(accounts[:2], name) {
			t.Errorf("%s: %+v, %+v", name, x.Stays, r.Services[i])
		}
	}
}

// Where no service is left to move, that is why the run stops.
func TestCanariesOfAllServicesAreLost(t *testing.T) {
	t.Parallel()
	l := startLab(t, three("GONE"))
	fixed(t, l.Server("C1-n1"), "GONE", 12, nats.NoReconnect())
	scope, state := stageOf(t, l, "C1", "GONE")
	pace := calm(4*time.Second, 20)
	pace.Canary = 1
	r := Apply(within(t), connect(t, l.SystemURL()), scope, state, everywhere(), pace)
	stopped(t, r, StopNotReconnected)
	if got := outcomes(r); got[Kicked] != 1 || r.Missing != 1 {
		t.Errorf("%v, %d missing", got, r.Missing)
	}
}

// What canaries show is judged without the fewest that a run asks for.
func TestFewCanaries(t *testing.T) {
	t.Parallel()
	third := func(n int) gain { return gain{float64(n) / 3, float64(n) * 2 / 9} }
	for _, c := range []struct {
		tally
		failed, bad bool
	}{
		{tally{kicked: 1, returned: 1}, true, false},
		{tally{kicked: 3, returned: 3}, true, false},
		{tally{kicked: 3, returned: 2}, true, false},
		{tally{kicked: 3, returned: 1}, false, false},
		{tally{kicked: 3}, false, false},
		{tally{kicked: 3, returned: 3, expected: third(3)}, true, false}, // all came back, if by chance
		{tally{kicked: 3, returned: 2, expected: third(3)}, false, false},
		{tally{kicked: 4, returned: 4}, true, true},
	} {
		if c.tally.failed() != c.failed || c.tally.bad() != c.bad {
			t.Errorf("%+v: failed %v, bad %v", c.tally, c.tally.failed(), c.tally.bad())
		}
	}
}
