package live

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/lab"
	"github.com/nats-balance/nats-balance/internal/record"
	"github.com/nats-balance/nats-balance/internal/source/sourcetest"
)

// operation is a cluster that is operated, with clients that know where they are.
type operation struct {
	*follower
	l      *lab.Lab
	rand   *rand.Rand
	groups map[string][]*lab.Group
	late   []time.Duration // how long after the last connect a concentration was noticed
}

func (o *operation) connect(account string, c lab.Clients) {
	o.t.Helper()
	c.Account, c.Name = account, account+"-api-1"
	g, err := o.l.Connect(sourcetest.Within(o.t), c)
	if err != nil {
		o.t.Fatal(err)
	}
	o.groups[account] = append(o.groups[account], g)
}

// clients are where the clients of an account say that they are connected.
func (o *operation) clients(account string) map[string]int {
	out := map[string]int{}
	for _, g := range o.groups[account] {
		for _, nc := range g.Conns() {
			if nc.IsConnected() {
				out[nc.ConnectedServerName()]++
			}
		}
	}
	return out
}

// settled waits until the matrix is what the clients say, and what is above the
// threshold is what the rule says of that.
func (o *operation) settled(step string, accounts []string) {
	o.t.Helper()
	from := time.Now()
	var last error
	err := lab.Poll(sourcetest.Within(o.t), func() (err error) {
		defer func() {
			if err != nil {
				last = err
			}
		}()
		d := &checks.Deployment{}
		none := 0
		for _, s := range o.l.Servers() {
			if s.Running() {
				d.Servers = append(d.Servers, checks.Server{ID: s.ID(), Name: s.Name(), Cluster: s.Cluster()})
			} else if s.ID() != "" {
				d.Missing = append(d.Missing, checks.Missing{ID: s.ID(), Name: s.Name(), Cluster: s.Cluster(), ClusterKnown: true, Kind: checks.Down, Bound: &none})
			}
		}
		all := 0
		for i, a := range accounts {
			d.Accounts = append(d.Accounts, checks.Account{ID: a, Name: a})
			want := 0
			for _, g := range o.groups[a] {
				want += len(g.Conns())
			}
			sum := 0
			for name, n := range o.clients(a) {
				at := slices.IndexFunc(d.Servers, func(s checks.Server) bool { return s.Name == name })
				if at < 0 {
					return fmt.Errorf("clients of %s are still on %s", a, name)
				}
				d.Servers[at].Usage = append(d.Servers[at].Usage, checks.Usage{Account: uint32(i), Connections: uint32(n)}) //nolint:gosec // small
				sum += n
			}
			if sum != want {
				return fmt.Errorf("%d of %d clients of %s are connected", sum, want, a)
			}
			all += sum
		}
		truth := map[string]int{}
		for _, s := range d.Servers {
			for _, u := range s.Usage {
				truth[d.Accounts[u.Account].ID+" on "+s.Name] = int(u.Connections)
			}
		}
		o.Look(func(w *record.Watch, _ bool) {
			have := map[string]int{}
			w.Each(func(a checks.Account, s checks.ServerRef, _ string, clients, _ int) {
				if clients > 0 {
					have[a.ID+" on "+s.Name] = clients
				}
			})
			for k := range have {
				if have[k] != truth[k] {
					err = fmt.Errorf("%s is %d, the clients say %d", k, have[k], truth[k])
				}
			}
			for k := range truth {
				if have[k] != truth[k] {
					err = fmt.Errorf("%s is %d, the clients say %d", k, have[k], truth[k])
				}
			}
			var over, found []string
			for _, c := range w.Over(time.Now()) {
				over = append(over, c.Spread.Account.ID)
			}
			for _, f := range checks.CheckConcentration(d, checks.Defaults()).Findings {
				found = append(found, f.Account.ID)
			}
			slices.Sort(over)
			slices.Sort(found)
			if err == nil && !slices.Equal(over, found) {
				err = fmt.Errorf("%q are above the threshold, by the clients %q", over, found)
			}
		})
		return err
	})
	if err != nil {
		o.t.Fatalf("%s: %v", step, err)
	}
	o.t.Logf("%-30s settled after %s, last %v", step, time.Since(from).Round(10*time.Millisecond), last)
}

// TestOperation operates a cluster: servers restart, applications are deployed, the
// cluster grows, clients flood one server. After every step the matrix is what the
// clients themselves say, and what is above the threshold is what the rule says of
// that; every concentration is noticed within two seconds of the last connect.
func TestOperation(t *testing.T) {
	t.Parallel()
	topology := sourcetest.Three("ORDERS", "BILLING", "WEB")
	topology.Clusters[0].Servers, topology.Clusters[0].Late = 4, []int{3}
	l := sourcetest.StartLab(t, topology)
	accounts := []string{"ORDERS", "BILLING", "WEB"}
	o := &operation{l: l, rand: rand.New(rand.NewPCG(3, 9)), groups: map[string][]*lab.Group{}} //nolint:gosec // a test
	o.follower = follow(t, l.SystemURL, record.Settings{Reconcile: time.Hour, For: time.Hour})
	o.kind(record.Watching)
	anywhere := func() []string {
		var urls []string
		for _, s := range l.Servers() {
			if s.Running() {
				urls = append(urls, s.ClientURL())
			}
		}
		return urls
	}
	for _, a := range accounts {
		o.connect(a, lab.Clients{URLs: anywhere(), Count: 15})
	}
	o.settled("clients connect", accounts)
	restart := func(s *lab.Server) {
		s.Shutdown()
		o.settled("server "+s.Name()+" is down", accounts)
		if err := s.Start(sourcetest.Within(t)); err != nil {
			t.Fatal(err)
		}
		o.settled("server "+s.Name()+" is up", accounts)
	}
	for _, s := range l.Servers()[:3] { // a rolling restart; the first one is the watch's own
		restart(s)
	}
	if err := l.Server("C1-n4").Start(sourcetest.Within(t)); err != nil {
		t.Fatal(err)
	}
	o.settled("the cluster grows", accounts)
	for i, a := range accounts {
		to := l.Servers()[(i+1)%4]
		// A rolling restart may have left it leaning already.
		for _, s := range l.Servers() {
			o.connect(a, lab.Clients{Server: s, Count: 8})
		}
		o.settled(a+" is spread", accounts)
		o.mu.Lock()
		o.told = nil
		o.mu.Unlock()
		o.connect(a, lab.Clients{Server: to, Count: 150})
		last := time.Now()
		c := o.wait(a+" floods "+to.Name(), func(c record.Change) bool { return c.Kind == record.Crossed && c.Spread.Account.ID == a })
		o.late = append(o.late, c.Time.Sub(last))
		if c.Spread.Top().Server.Name != to.Name() {
			t.Errorf("%s: %+v", a, c.Spread)
		}
		o.settled(a+" floods "+to.Name(), accounts)
	}
	for _, a := range accounts[:2] { // deployed anew
		for _, g := range o.groups[a] {
			g.Close()
		}
		o.groups[a] = nil
		for _, s := range l.Servers() {
			o.connect(a, lab.Clients{Server: s, Count: 5})
		}
		o.settled(a+" is deployed", accounts)
	}
	restart(l.Servers()[3])
	slices.Sort(o.late)
	t.Logf("noticed after %s", o.late)
	if worst := o.late[len(o.late)-1]; worst > 2*time.Second {
		t.Errorf("noticed %s after the last connect", worst)
	}
	o.Look(func(w *record.Watch, _ bool) {
		if w.Counters.Bad > 0 {
			t.Errorf("%+v", w.Counters)
		}
	})
}
