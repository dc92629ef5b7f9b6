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

// TestOneThatCameBackByChance: behind a balancer nobody has got to the other servers yet, so
// a client is moved alone first. That it came back is no proof: the next one may go elsewhere.
// Where all come back a few are enough.
func TestOneThatCameBackByChance(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		mended bool // after the first client came back
		kicked int  // at the least
		stop   StopCode
	}{
		{"the balancer spreads them", true, 16, ""},
		{"the balancer sends all to one", false, 3, StopCameBack},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			l := startLab(t, three("ORDERS"))
			backends := []string{l.Server("C1-n1").Addr(), l.Server("C1-n2").Addr(), l.Server("C1-n3").Addr()}
			b, err := lab.StartBalancer(within(t), lab.BalancerConfig{Mode: lab.OnlyFirst, Backends: backends})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(b.Stop)
			for range 24 {
				connect(t, "nats://ORDERS:"+lab.Password+"@"+b.Addr(), nats.Name("app"), nats.ReconnectWait(10*time.Millisecond), nats.IgnoreDiscoveredServers())
			}
			scope, state := stageOf(t, l, "C1", "ORDERS")
			for i := range state.Services {
				state.Services[i].ByName, state.Services[i].Unproven = true, true
			}
			pace := calm(4*time.Second, 8)
			pace.Progress = func(over, _ int) {
				if c.mended && over == 1 {
					b.SetMode(lab.LeastConnections)
				}
			}
			r := Apply(within(t), connect(t, l.SystemURL()), scope, state, everywhere(), pace)
			if c.stop != "" {
				stopped(t, r, c.stop)
			} else if r.Stop != nil || !r.Last.Level(everywhere()) {
				t.Errorf("stop %+v, %v", r.Stop, r.Last.Loads())
			}
			got := outcomes(r)[Kicked]
			if got < c.kicked || c.stop != "" && got > c.kicked || r.Batches[0].Kicked != 1 || r.Batches[0].Returned != 1 {
				t.Errorf("%d closed: %+v", got, r.Batches)
			}
		})
	}
}

// What canaries show is judged without the fewest that a run asks for.
func TestFewCanaries(t *testing.T) {
	t.Parallel()
	third := func(n int) gain { return gain{float64(n) / 3, float64(n) * 2 / 9} }
	for _, c := range []struct {
		tally
		failed, shown, bad bool
	}{
		{tally{kicked: 1, returned: 1}, true, true, false},
		{tally{kicked: 3, returned: 3}, true, true, false},
		{tally{kicked: 3, returned: 2}, true, true, false},
		{tally{kicked: 3, returned: 1}, false, false, false},
		{tally{kicked: 3}, false, false, false},
		{tally{kicked: 1, returned: 1, expected: third(1)}, true, false, false}, // all came back, if by chance
		{tally{kicked: 2, returned: 2, expected: third(2)}, true, false, false},
		{tally{kicked: 3, returned: 3, expected: third(3)}, true, true, false},
		{tally{kicked: 3, returned: 2, expected: third(3)}, false, false, false},
		{tally{kicked: 4, returned: 4}, true, true, true},
	} {
		if c.tally.failed() != c.failed || c.tally.shown() != c.shown || c.tally.bad() != c.bad {
			t.Errorf("%+v: failed %v, shown %v, bad %v", c.tally, c.tally.failed(), c.tally.shown(), c.tally.bad())
		}
	}
}
