package record

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/wire"
)

func epoch() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC) }

// world is the truth: servers that count, and say so in events that may be late or
// lost on their way to a watch.
type world struct {
	rand    *rand.Rand
	servers []*process
	started int
	queue   []func(*Watch, time.Time) // what is on its way, of each server in order
	now     time.Time
	watch   *Watch
	loses   bool
}

type process struct {
	from  wire.Server
	seq   uint64
	count map[string]uint32
	up    bool
}

func newWorld(seed uint64, s Settings) *world {
	v := &world{rand: rand.New(rand.NewPCG(seed, 7)), now: epoch(), watch: New(s)} //nolint:gosec // a test
	for i := range 4 {
		v.start(fmt.Sprintf("n%d", i+1))
	}
	return v
}

func (v *world) start(name string) {
	v.started++
	p := &process{from: wire.Server{ID: fmt.Sprintf("N%s_%d", name, v.started), Name: name, Cluster: "C1"}, count: map[string]uint32{}, up: true}
	v.servers = append(v.servers, p)
	v.say(func(w *Watch, now time.Time) {
		w.Stats(wire.Statsz{From: p.from, Connections: p.sum(), Servers: 4}, now)
	})
}

func (p *process) sum() int {
	n := 0
	for _, c := range p.count {
		n += int(c)
	}
	return n
}

func (v *world) up() []*process {
	return slices.DeleteFunc(slices.Clone(v.servers), func(p *process) bool { return !p.up })
}

func (v *world) say(event func(*Watch, time.Time)) { v.queue = append(v.queue, event) }

// connect changes an account's count on a server.
func (v *world) connect(p *process, account string, by int) {
	n := max(0, int(p.count[account])+by)
	p.count[account] = uint32(n) //nolint:gosec // small
	p.seq++
	e := wire.AccountConns{From: p.from, Stamp: wire.Stamp{Seq: p.seq}, Account: account, Clients: uint32(n)} //nolint:gosec // small
	v.say(func(w *Watch, now time.Time) { w.Counted(e, now) })
}

func (v *world) stop(p *process) {
	p.up = false
	p.count = map[string]uint32{}
	v.say(func(w *Watch, now time.Time) { w.Shut(wire.ServerEvent{From: p.from}, now) })
}

// deliver hands over the next events, some of which may be lost.
func (v *world) deliver(n int) {
	for ; n > 0 && len(v.queue) > 0; n-- {
		e := v.queue[0]
		v.queue = v.queue[1:]
		if v.loses && v.rand.IntN(4) == 0 {
			v.watch.Lose(1, "slow", v.now)
			continue
		}
		e(v.watch, v.now)
	}
}

// report is a full report of now.
func (v *world) report() *checks.Deployment {
	d := &checks.Deployment{}
	numbers := map[string]uint32{}
	for _, p := range v.up() {
		s := checks.Server{ID: p.from.ID, Name: p.from.Name, Cluster: p.from.Cluster}
		for account, n := range p.count {
			if _, ok := numbers[account]; !ok {
				numbers[account] = uint32(len(d.Accounts)) //nolint:gosec // small
				d.Accounts = append(d.Accounts, checks.Account{ID: account, Name: account})
			}
			if n > 0 {
				s.Usage = append(s.Usage, checks.Usage{Account: numbers[account], Connections: n})
			}
		}
		d.Servers = append(d.Servers, s)
	}
	d.Expected = len(d.Servers)
	return d
}

// truth is account/server → count.
func (v *world) truth() map[string]int {
	out := map[string]int{}
	for _, p := range v.up() {
		for account, n := range p.count {
			if n > 0 {
				out[account+"/"+p.from.ID] = int(n)
			}
		}
	}
	return out
}

func (w *Watch) table() map[string]int {
	out := map[string]int{}
	for i := range w.m.accounts {
		for _, c := range w.m.accounts[i].cells {
			if c.clients > 0 {
				out[w.m.accounts[i].ID+"/"+w.m.servers[c.server].ID] = int(c.clients)
			}
		}
	}
	return out
}

func (v *world) step() {
	v.now = v.now.Add(50 * time.Millisecond)
	up := v.up()
	switch p := up[v.rand.IntN(len(up))]; v.rand.IntN(40) {
	case 0:
		if len(up) > 2 {
			v.stop(p)
		}
	case 1:
		if len(up) < 4 {
			for _, other := range v.servers {
				if !other.up && !slices.ContainsFunc(up, func(x *process) bool { return x.from.Name == other.from.Name }) {
					v.start(other.from.Name)
					break
				}
			}
		}
	default:
		v.connect(p, fmt.Sprintf("A%d", v.rand.IntN(5)), v.rand.IntN(7)-3)
	}
	v.deliver(v.rand.IntN(4))
	v.tick()
}

// tick is one of the watch, and who is up answers where it asks whether they live.
func (v *world) tick() {
	v.watch.Tick(v.now)
	for _, s := range v.watch.ToAsk() {
		if slices.ContainsFunc(v.up(), func(p *process) bool { return p.from.ID == s.ID }) {
			v.watch.Answered(s.ID, v.now)
		}
	}
}

// The matrix is the truth once all events are there, whatever happened in between,
// and wherever full reports fell; where events were lost, once another report was
// made.
func TestMatrixEqualsTruth(t *testing.T) {
	t.Parallel()
	for seed := range uint64(300) {
		v := newWorld(seed, Settings{Parameters: checks.Defaults(), Reconcile: 5 * time.Minute})
		v.loses = seed%2 == 1
		for range 1 + v.rand.IntN(6) {
			for range v.rand.IntN(60) {
				v.step()
			}
			v.watch.Ask(v.now)
			for range v.rand.IntN(10) {
				v.step()
			}
			d := v.report()
			for range v.rand.IntN(10) {
				v.step()
			}
			v.watch.Reconcile(d, time.Second, v.now)
		}
		if !v.watch.ready {
			t.Fatal("not ready")
		}
		v.deliver(len(v.queue))
		if v.loses {
			v.watch.Ask(v.now)
			v.watch.Reconcile(v.report(), time.Second, v.now)
		}
		want, got := v.truth(), v.watch.table()
		if len(want) != len(got) {
			t.Fatalf("seed %d: %v, want %v", seed, got, want)
		}
		for k, n := range want {
			if got[k] != n {
				t.Fatalf("seed %d: %s is %d, want %d", seed, k, got[k], n)
			}
		}
		for i := range v.watch.m.servers {
			s := &v.watch.m.servers[i]
			sum := 0
			for k, n := range got {
				if s.ID != "" && len(k) > len(s.ID) && k[len(k)-len(s.ID):] == s.ID {
					sum += n
				}
			}
			if s.ID != "" && s.connections != sum {
				t.Fatalf("seed %d: %s sums up to %d, want %d", seed, s.Name, s.connections, sum)
			}
		}
		// What was judged piece by piece is what the rule says of the whole.
		for _, pass := range []time.Duration{10 * time.Second, askAgainIn, betweenFor} {
			v.now = v.now.Add(pass)
			v.tick()
		}
		d := v.report()
		d.Missing = append(d.Missing, v.watch.absentIn(map[string]bool{"C1": true})...)
		found := checks.CheckConcentration(d, checks.Defaults()).Findings
		over := slices.DeleteFunc(v.watch.Over(v.now), func(c Change) bool { // as it was, where a server that fell silent decides
			p, _ := v.watch.pair(pairKey{v.watch.m.byAccount[c.Spread.Account.ID], c.Cluster})
			return p.open
		})
		if len(over) != len(found) {
			t.Fatalf("seed %d: %d are above the threshold, want %d: %+v", seed, len(over), len(found), found)
		}
	}
}

// Events may claim any number of accounts and servers. What is beyond the most is not
// taken, and what is known stays.
func TestMatrixIsBounded(t *testing.T) {
	t.Parallel()
	m := newMatrix()
	for i := range mostServers {
		if m.addServer(checks.ServerRef{ID: fmt.Sprint("N", i)}, "C1") == nil {
			t.Fatalf("no server %d", i)
		}
	}
	if m.addServer(checks.ServerRef{ID: "one more"}, "C1") != nil || len(m.byID) != mostServers {
		t.Error("one server more than the most is taken")
	}
	if _, ok := m.account("known", ""); !ok {
		t.Error("the first account is not taken")
	}
	m.accounts = append(m.accounts, make([]account, mostAccounts-2)...)
	if _, ok := m.account("last", ""); !ok {
		t.Error("the last account is not taken")
	}
	if _, ok := m.account("one more", ""); ok || len(m.accounts) != mostAccounts {
		t.Error("one account more than the most is taken")
	}
	if a, ok := m.account("known", "name"); !ok || a != 0 {
		t.Errorf("a known account is %d, %t", a, ok)
	}
}

// A full report leaves out the connections of who asks for it: that the system account has
// more by events corrects nothing.
func TestSystemAccountIsNotCorrected(t *testing.T) {
	t.Parallel()
	d := watching(t, 0, 5, 5, 5)
	d.kinds()
	d.w.Counted(wire.AccountConns{From: at("n1"), Stamp: wire.Stamp{Seq: 1}, Account: "SYS", Clients: 52}, d.now)
	for range 3 {
		d.pass(time.Minute)
		d.w.Ask(d.now)
		d.report(5, 5, 5) // with 50 of SYS
		d.want()
	}
	d.w.Ask(d.now)
	d.report(5, 5, 6)
	if kinds := d.kinds(); !slices.Contains(kinds, Corrected) {
		t.Error(kinds)
	}
}

// The system account is known by a report that has none of its connections, as where who
// asks has the only ones: it is not judged by what events say of it.
func TestSystemAccountOfNoOtherClients(t *testing.T) {
	t.Parallel()
	m := newMatrix()
	m.addServer(checks.ServerRef{ID: "N1", Name: "n1"}, "C1")
	m.correct(&checks.Deployment{Accounts: []checks.Account{{ID: "ORDERS"}, {ID: "SYS", System: true}},
		Servers: []checks.Server{{ID: "N1", Name: "n1", Cluster: "C1", Usage: []checks.Usage{{Account: 0, Connections: 3}}}}})
	for id, want := range map[string]bool{"ORDERS": false, "SYS": true} {
		if a, ok := m.account(id, ""); !ok || m.accounts[a].System != want {
			t.Errorf("%s is the system account: %t", id, m.accounts[a].System)
		}
	}
}
