package live

import (
	"fmt"
	"slices"
	"sync"
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
	l *lab.Lab

	groupsMu sync.Mutex
	groups   map[string][]*lab.Group
	late     []time.Duration // how long after the last connect a concentration was noticed
}

func (o *operation) connect(account string, c lab.Clients) {
	o.t.Helper()
	c.Account, c.Name = account, account+"-api-1"
	g, err := o.l.Connect(sourcetest.Within(o.t), c)
	if err != nil {
		o.t.Fatal(err)
	}
	o.groupsMu.Lock()
	defer o.groupsMu.Unlock()
	o.groups[account] = append(o.groups[account], g)
}

// close closes all clients of an account.
func (o *operation) close(account string) {
	o.groupsMu.Lock()
	groups := o.groups[account]
	o.groups[account] = nil
	o.groupsMu.Unlock()
	for _, g := range groups {
		g.Close()
	}
}

// running are the client URLs of the servers that run.
func (o *operation) running() (urls []string) {
	for _, s := range o.l.Servers() {
		if s.Running() {
			urls = append(urls, s.ClientURL())
		}
	}
	return urls
}

// clients are where the clients of an account say that they are connected, and how many
// there are.
func (o *operation) clients(account string) (at map[string]int, all int) {
	o.groupsMu.Lock()
	defer o.groupsMu.Unlock()
	at = map[string]int{}
	for _, g := range o.groups[account] {
		for _, nc := range g.Conns() {
			all++
			if nc.IsConnected() {
				at[nc.ConnectedServerName()]++
			}
		}
	}
	return at, all
}

// known is the cluster by what its clients say; an error where one of them is between
// two servers.
func (o *operation) known(accounts []string) (*checks.Deployment, error) {
	var err error
	d := &checks.Deployment{}
	none := 0
	for _, s := range o.l.Servers() {
		if s.Running() {
			d.Servers = append(d.Servers, checks.Server{ID: s.ID(), Name: s.Name(), Cluster: s.Cluster()})
		} else if s.ID() != "" {
			d.Missing = append(d.Missing, checks.Missing{ID: s.ID(), Name: s.Name(), Cluster: s.Cluster(), ClusterKnown: true, Kind: checks.Down, Bound: &none})
		}
	}
	for i, a := range accounts {
		d.Accounts = append(d.Accounts, checks.Account{ID: a, Name: a})
		sum := 0
		clients, want := o.clients(a)
		for name, n := range clients {
			at := slices.IndexFunc(d.Servers, func(s checks.Server) bool { return s.Name == name })
			if at < 0 {
				err = fmt.Errorf("clients of %s are still on %s", a, name)
				continue
			}
			d.Servers[at].Usage = append(d.Servers[at].Usage, checks.Usage{Account: uint32(i), Connections: uint32(n)}) //nolint:gosec // small
			sum += n
		}
		if sum != want && err == nil {
			err = fmt.Errorf("%d of %d clients of %s are connected", sum, want, a)
		}
	}
	return d, err
}

// above are the accounts above the threshold, by the rule.
func above(d *checks.Deployment) (ids []string) {
	for _, f := range checks.CheckConcentration(d, checks.Defaults()).Findings {
		ids = append(ids, f.Account.ID)
	}
	slices.Sort(ids)
	return ids
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
		d, err := o.known(accounts)
		if err != nil {
			return err
		}
		truth := map[string]int{}
		for _, s := range d.Servers {
			for _, u := range s.Usage {
				truth[d.Accounts[u.Account].ID+" on "+s.Name] = int(u.Connections)
			}
		}
		o.Look(func(w *record.Watch, _ bool) {
			have := matrix(w)
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
			var over []string
			for _, c := range w.Over(time.Now()) {
				over = append(over, c.Spread.Account.ID)
			}
			slices.Sort(over)
			if found := above(d); err == nil && !slices.Equal(over, found) {
				err = fmt.Errorf("%q are above the threshold, by the clients %q", over, found)
			}
		})
		return err
	})
	if err != nil {
		o.mu.Lock()
		defer o.mu.Unlock()
		for _, c := range o.all[max(0, len(o.all)-20):] {
			o.t.Logf("%s %s %s %s %s", c.Time.Format(time.StampMilli), c.Kind, c.Cluster, c.Server.Name, c.Reason)
		}
		o.t.Fatalf("%s: %v", step, err)
	}
	o.t.Logf("%-30s settled after %s, last %v", step, time.Since(from).Round(10*time.Millisecond), last)
}

// restart stops a server and starts it again.
func (o *operation) restart(s *lab.Server, accounts []string) {
	o.t.Helper()
	s.Shutdown()
	o.settled("server "+s.Name()+" is down", accounts)
	if err := s.Start(sourcetest.Within(o.t)); err != nil {
		o.t.Fatal(err)
	}
	o.settled("server "+s.Name()+" is up", accounts)
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
	o := &operation{l: l, groups: map[string][]*lab.Group{}}
	o.follower = follow(t, l.SystemURL, record.Settings{Reconcile: time.Hour, For: time.Hour})
	o.kind(record.Watching)
	for _, a := range accounts {
		o.connect(a, lab.Clients{URLs: o.running(), Count: 15})
	}
	o.settled("clients connect", accounts)
	for _, s := range l.Servers()[:3] { // a rolling restart; the first one is the watch's own
		o.restart(s, accounts)
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
		o.close(a)
		for _, s := range l.Servers() {
			o.connect(a, lab.Clients{Server: s, Count: 5})
		}
		o.settled(a+" is deployed", accounts)
	}
	o.restart(l.Servers()[3], accounts)
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
