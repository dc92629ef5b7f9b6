package live

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-balance/nats-balance/internal/lab"
	"github.com/nats-balance/nats-balance/internal/record"
	"github.com/nats-balance/nats-balance/internal/source/sourcetest"
)

// operateEnv is for how long TestHour operates a cluster, such as 1h.
const operateEnv = "NATS_BALANCE_OPERATE"

// seen is what the clients said of who is above the threshold, at a time.
type seen struct {
	at    time.Time
	above []string
}

// log writes down what the clients say, every so often.
type log struct {
	mu   sync.Mutex
	seen []seen
}

func (g *log) follow(ctx context.Context, o *operation, accounts []string) {
	for ctx.Err() == nil {
		d, _ := o.known(accounts) // clients that are between two servers are on none
		s := seen{time.Now(), above(d)}
		g.mu.Lock()
		if n := len(g.seen); n < 2 || !slices.Equal(g.seen[n-1].above, s.above) || !slices.Equal(g.seen[n-2].above, s.above) {
			g.seen = append(g.seen, s)
		} else {
			g.seen[n-1] = s // nothing changed in between
		}
		g.mu.Unlock()
		select {
		case <-ctx.Done():
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// was reports whether an account was above the threshold at any time, or not above it at
// any time, from one time to another.
func (g *log) was(account string, above bool, from, to time.Time) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	for i, s := range g.seen {
		next := s.at
		if i+1 < len(g.seen) {
			next = g.seen[i+1].at
		}
		if !next.Before(from) && !s.at.After(to) && slices.Contains(s.above, account) == above {
			return true
		}
	}
	return false
}

// leans are the times in which an account was above the threshold.
func (g *log) leans(account string) (out [][2]time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	open := false
	for _, s := range g.seen {
		is := slices.Contains(s.above, account)
		switch {
		case is && !open:
			out = append(out, [2]time.Time{s.at, s.at})
		case is:
			out[len(out)-1][1] = s.at
		}
		open = is
	}
	return out
}

// TestHour operates a cluster for a while: servers restart one by one or alone, the
// cluster grows and shrinks, applications are deployed on all servers or on one, a
// balancer that always leads to the same server appears, hundreds of clients come to one
// server or are all closed at once. After every step the matrix is what the clients say;
// what was told is compared with what the clients said at that time.
func TestHour(t *testing.T) {
	long := os.Getenv(operateEnv)
	if long == "" {
		t.Skip("set " + operateEnv + " to how long it should be, such as 1h")
	}
	t.Parallel()
	for_, err := time.ParseDuration(long)
	if err != nil {
		t.Fatal(err)
	}
	accounts := []string{"ORDERS", "BILLING", "WEB", "STOCK", "AUDIT"}
	topology := sourcetest.Three(accounts...)
	topology.Clusters[0].Servers, topology.Clusters[0].Late = 4, []int{3}
	l := sourcetest.StartLab(t, topology)
	o := &operation{l: l, groups: map[string][]*lab.Group{}}
	o.follower = follow(t, l.SystemURL, record.Settings{Reconcile: 5 * time.Minute, For: 3 * time.Second})
	o.kind(record.Watching)
	var g log
	ctx, stop := context.WithCancel(t.Context())
	var following sync.WaitGroup
	following.Go(func() { g.follow(ctx, o, accounts) })
	r := rand.New(rand.NewPCG(3, 9)) //nolint:gosec // a test
	for _, a := range accounts {
		o.connect(a, lab.Clients{URLs: o.running(), Count: 15})
	}
	o.settled("clients connect", accounts)
	steps := map[string]int{}
	end := time.Now().Add(for_)
	for time.Now().Before(end) {
		kind := o.step(r, accounts)
		steps[kind]++
		o.settled(kind, accounts)
		time.Sleep(time.Duration(r.IntN(3000)) * time.Millisecond) // what is told may take a while
	}
	time.Sleep(5 * time.Second)
	stop()
	following.Wait()
	t.Logf("steps: %v", steps)
	o.compare(&g, accounts)
}

// anyServer is one that runs.
func (o *operation) anyServer(r *rand.Rand) *lab.Server {
	for {
		if s := o.l.Servers()[r.IntN(len(o.l.Servers()))]; s.Running() {
			return s
		}
	}
}

// step does something that operators do, and says what.
func (o *operation) step(r *rand.Rand, accounts []string) string {
	a := accounts[r.IntN(len(accounts))]
	fourth := o.l.Server("C1-n4")
	switch r.IntN(8) {
	case 0:
		o.restart(o.anyServer(r), accounts)
		return "a server restarts"
	case 1:
		for _, s := range o.l.Servers() {
			if s.Running() {
				o.restart(s, accounts)
			}
		}
		return "all servers restart"
	case 2:
		if fourth.Running() {
			fourth.Shutdown()
			return "the cluster shrinks"
		}
		if err := fourth.Start(sourcetest.Within(o.t)); err != nil {
			o.t.Fatal(err)
		}
		return "the cluster grows"
	case 3:
		o.close(a)
		o.connect(a, lab.Clients{URLs: o.running(), Count: 10 + r.IntN(30)})
		return "an application is deployed"
	case 4:
		o.connect(a, lab.Clients{Server: o.anyServer(r), Count: 20 + r.IntN(150)})
		return "clients flood a server"
	case 5:
		var backends []string
		for _, s := range o.l.Servers() {
			if s.Running() {
				backends = append(backends, s.Addr())
			}
		}
		b, err := lab.StartBalancer(sourcetest.Within(o.t), lab.BalancerConfig{Mode: lab.SourceHash, Backends: backends})
		if err != nil {
			o.t.Fatal(err)
		}
		o.t.Cleanup(b.Stop)
		o.close(a)
		o.connect(a, lab.Clients{URLs: []string{"nats://" + b.Addr()}, Count: 20})
		return "a balancer appears"
	case 6:
		o.reconnect(a)
		return "all clients reconnect"
	default:
		o.close(a)
		for _, s := range o.l.Servers() {
			if s.Running() {
				o.connect(a, lab.Clients{Server: s, Count: 4})
			}
		}
		return "an application is spread"
	}
}

// reconnect has all clients of an account leave their servers for others.
func (o *operation) reconnect(account string) {
	o.t.Helper()
	o.groupsMu.Lock()
	defer o.groupsMu.Unlock()
	for _, g := range o.groups[account] {
		for _, nc := range g.Conns() {
			if err := nc.ForceReconnect(); err != nil {
				o.t.Error(err)
			}
		}
	}
}

// compare holds what was told against what the clients said: every account that was
// above the threshold for longer than it takes to tell was told, and none that was not.
func (o *operation) compare(g *log, accounts []string) {
	o.t.Helper()
	const soon, long = 2 * time.Second, 10 * time.Second
	o.mu.Lock()
	told := slices.Clone(o.all)
	o.mu.Unlock()
	var late []time.Duration
	leans := 0
	count := map[record.Kind]int{}
	for _, a := range accounts {
		var over []record.Change // when it was told to be above the threshold, and when not
		for _, c := range told {
			if c.Spread == nil || c.Spread.Account.ID != a {
				continue
			}
			switch c.Kind { //nolint:exhaustive // of the threshold alone
			case record.Crossed, record.Back, record.Held:
				if c.Kind != record.Held {
					over = append(over, c)
				}
				count[c.Kind]++
				if !g.was(a, c.Kind != record.Back, c.Time.Add(-soon), c.Time.Add(soon)) {
					o.t.Errorf("%s of %s at %s, the clients say something else: %+v", c.Kind, a, c.Time.Format(time.StampMilli), c.Spread)
				}
			}
		}
		for _, l := range g.leans(a) {
			leans++
			is := lastBefore(over, l[0].Add(soon))
			at := slices.IndexFunc(over, func(c record.Change) bool {
				return c.Kind == record.Crossed && c.Time.After(l[0].Add(-soon)) && !c.Time.After(l[1].Add(soon))
			})
			switch {
			case is != nil && is.Kind == record.Crossed && !is.Time.After(l[0].Add(-soon)): // said to be above it all the time
			case at >= 0:
				late = append(late, max(0, over[at].Time.Sub(l[0])))
			case l[1].Sub(l[0]) > long && (is == nil || is.Kind == record.Back):
				o.t.Errorf("%s was above the threshold from %s for %s, which nobody was told", a, l[0].Format(time.TimeOnly), l[1].Sub(l[0]))
			}
		}
	}
	slices.Sort(late)
	if len(late) == 0 {
		o.t.Fatal("nothing was noticed")
	}
	o.t.Logf("%d times above the threshold by the clients, %d told (median after %s, 95%% %s, worst %s), %d findings, corrected %s",
		leans, count[record.Crossed], late[len(late)/2], late[len(late)*95/100], late[len(late)-1], count[record.Held], strings.TrimSpace(o.counters()))
}

// lastBefore is the last change that was told before a time; nil where none was.
func lastBefore(all []record.Change, t time.Time) *record.Change {
	for i := len(all) - 1; i >= 0; i-- {
		if all[i].Time.Before(t) {
			return &all[i]
		}
	}
	return nil
}

func (o *operation) counters() (s string) {
	o.Look(func(w *record.Watch, _ bool) {
		s = fmt.Sprintf("%d of %d events in %d reports, bad %d, lost %d", w.Counters.Corrected, w.Counters.Events, w.Counters.Reconciliations, w.Counters.Bad, w.Counters.Lost)
	})
	return s
}
