package record

import (
	"cmp"
	"slices"
	"time"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/wire"
)

// Settings are what to watch for.
type Settings struct {
	// Parameters are the rule, and the accounts and clusters to judge by it.
	Parameters checks.Parameters
	// Accepted are findings that are known and accepted.
	Accepted []checks.Acceptance
	// For is how long an account must be above the threshold to be a finding.
	For time.Duration
	// Reconcile is how often a full report is due if nothing else asks for one.
	Reconcile time.Duration
}

// Counters count since the start.
type Counters struct {
	Events          uint64 // that were read
	Bad             uint64 // that no server sends
	Stale           uint64 // that came after a later one of the same server
	Lost            uint64
	Refused         uint64 // connections
	Reconciliations uint64
	Corrected       uint64 // counts that a full report differed in
}

// Watch is a live matrix with what is to be said of it. It is for one goroutine at
// a time. Times are those of one clock, that of whoever calls.
type Watch struct {
	Counters Counters

	s         Settings
	m         *matrix
	moves     *moves
	arrivals  arrivals
	logins    logins
	pairs     map[uint32][]*pair    // by account
	over      map[pairKey]*pair     // those above the threshold
	later     map[pairKey]time.Time // what to judge again then
	missing   []checks.Missing      // by the last full report
	all       bool                  // the operator says that no other than these is, by the last full report
	lackSince time.Time             // the first report since which some were missing in each
	lacked    map[string]string     // who was missing when a cluster was last judged
	lastOf    map[string]time.Time  // when servers were last heard of that went since pairs were last judged, the first by cluster
	open      map[string]int        // how many pairs of a cluster are open
	doubts    map[string]doubt      // what was told of that, by cluster
	unchecked map[string]Change     // that clusters have too few servers, as it was told
	down      map[string]stopped    // servers that shut down or fell silent, by id, or by name and cluster
	before    []checks.RecordedPast // what earlier watches recorded, until it is known whether it is of this deployment
	hung      map[string]life       // server processes that said nothing and did not say that they stop, by id, when they were last heard of
	alive     map[string]time.Time  // servers that were asked whether they live, by id, since when
	toAsk     []wire.Server         // of these, who is still to be asked
	toCount   []wire.Server         // servers to ask for their global account
	began     time.Time             // when the first full report was asked for
	refused   map[refusal]int
	kicked    map[kickKey]*kicks
	flushed   time.Time // refusals
	out       []Change  // to be told with the next tick
	// clusters are those that share a name, by what they are called: the name that their
	// servers report.
	clusters map[string]string

	identity    *checks.Identity // of the deployment, by the last full report
	judged      bool             // what the first full report has was judged
	ready       bool             // there was a full report
	asking      bool             // one is being asked for,
	asked       time.Time        // since then
	reconciled  time.Time
	took        time.Duration
	waited      bool          // it waited for servers that are missing
	work        time.Duration // how long the last one took that did not
	wanted      string        // why a full report is due
	wantedAt    time.Time     // from when on
	quiet       bool          // it is because a server says nothing
	lost        bool          // events were, since a full report was begun
	lostWhy     string        // why, as it was last told since there was a full report
	noEvents    bool          // no events come
	unsure      bool          // what changed while none came is not known yet
	unsureSince time.Time     // as it was told
	unsureFrom  time.Time     // since when that is so, where it was noticed late
	stood       bool          // it is because watch stood still
	still       Standstill    // the last time in which it did
}

// stopped is a server process that shut down. What is still heard of it is of the
// past.
type stopped struct {
	life
	ref     checks.ServerRef
	cluster string
	at      time.Time
	back    bool // another process of the server runs
	silent  bool // it did not say so, and may come back
}

// anywhere reports whether only its name is known, not its cluster.
func (s stopped) anywhere() bool { return s.ref.ID == "" && s.cluster == "" }

// gone reports whether a server process shut down for good.
func (w *Watch) gone(id string) bool {
	d, ok := w.down[id]
	if ok && d.silent {
		delete(w.down, id)
		return false
	}
	return ok
}

// remembered is how long a server that shut down counts as one that is down. After
// it, the cluster is a smaller one.
const remembered = 15 * time.Minute

// unheard is how long a server that fell silent counts as one that may hang.
const unheard = checks.MayHang

// New starts to watch with nothing known: a full report is due.
func New(s Settings) *Watch {
	return &Watch{s: s, m: newMatrix(), moves: newMoves(), pairs: map[uint32][]*pair{}, over: map[pairKey]*pair{}, later: map[pairKey]time.Time{}, lastOf: map[string]time.Time{}, open: map[string]int{}, doubts: map[string]doubt{}, unchecked: map[string]Change{},
		down: map[string]stopped{},
		hung: map[string]life{}, alive: map[string]time.Time{}, refused: map[refusal]int{}, kicked: map[kickKey]*kicks{}, wanted: "the start"}
}

// row returns the row of the server that an event is from, which gets one if it has
// none; nil where it has none and gets none.
func (w *Watch) row(from wire.Server, now time.Time) *server {
	return w.rowSince(from, time.Time{}, now)
}

// rowSince is [Watch.row] of a server that says when its process started.
func (w *Watch) rowSince(from wire.Server, start, now time.Time) *server {
	if w.gone(from.ID) {
		w.Counters.Stale++
		return nil
	}
	s := w.m.server(from.ID)
	if s == nil {
		if s = w.m.addServer(checks.ServerRef{ID: from.ID, Name: from.Name, Host: from.Host}, from.Cluster); s == nil {
			w.Counters.Bad++
			return nil
		}
		s.start = start
		if w.ready {
			s.first = now
			w.started(s, now)
			w.want("a server that the last full report did not have", now.Add(settle))
		}
	}
	s.heard = now
	if s.replaced { // two servers share a name
		s.replaced = false
		w.m.moved[s.cluster] = struct{}{}
	}
	return s
}

// started is that a server runs that did not, or was not heard of.
func (w *Watch) started(s *server, now time.Time) {
	kind := Started
	if w.ranBefore(s) {
		kind, s.unknown, s.first = Answering, true, time.Time{}
		w.m.moved[s.cluster] = struct{}{}
	} else {
		s.unreported = &unreported{since: now}
	}
	delete(w.hung, s.ID)
	same := func(name, cluster string) bool { return name == s.Name && cluster == s.cluster }
	for id, d := range w.down {
		if same(d.ref.Name, d.cluster) && (d.ref.ID == "" || s.succeeds(d.heard)) || d.anywhere() && d.ref.Name == s.Name {
			d.back = true
			w.down[id] = d
		}
	}
	w.missing = slices.DeleteFunc(w.missing, func(m checks.Missing) bool {
		return m.ID == s.ID || same(m.Name, m.Cluster) || !m.ClusterKnown && m.Name == s.Name
	})
	for i := range w.m.servers {
		// A server that drains sends no event any more, not even that it shuts down.
		if old := &w.m.servers[i]; old.ID != "" && old.draining && old.ID != s.ID && same(old.Name, old.cluster) {
			w.down[old.ID] = stopped{life: old.life, ref: old.ServerRef, cluster: old.cluster, at: now, back: true}
			w.tell(Change{Kind: Stopped, Time: now, Cluster: old.cluster, Server: old.ServerRef})
			w.m.removeServer(old.ID)
		}
	}
	w.replace(s)
	w.tell(Change{Kind: kind, Time: now, Cluster: s.cluster, Server: s.ServerRef, Start: s.start})
}

func (w *Watch) tell(c Change) {
	switch c.Kind { //nolint:exhaustive // of servers that go
	case Draining, Stopped, Silent:
		c.Beside = w.beside(c.Cluster, c.Server.ID)
	}
	w.out = append(w.out, c)
}

// Since is when the last full report came; ok is false where there was none yet.
func (w *Watch) Since() (at time.Time, ok bool) { return w.reconciled, w.ready }

// Again is that events come again by a new connection: a full report is due, and
// one that was asked for before does not come.
func (w *Watch) Again(now time.Time) {
	w.asking = false
	w.missedMoves(now)
	w.want("a new connection", now)
}

// Hear says whether events come. Where none do, nobody knows what is above the
// threshold: nothing becomes a finding until a full report says how it is now.
func (w *Watch) Hear(events bool) {
	w.noEvents = !events
	w.unsure = w.unsure || w.noEvents
}

// Bad counts an event that can't be read, or is not what its subject says.
func (w *Watch) Bad() { w.Counters.Bad++ }

// Lose is that events were lost, and why. A full report is due.
func (w *Watch) Lose(n int, why string, now time.Time) {
	w.Counters.Lost += uint64(max(n, 0)) //nolint:gosec // in range
	w.lost = true
	w.missedMoves(now)
	// A server takes credentials in the second in which they expire, and closes the connection
	// at once, again and again: until a full report nothing more is missed by that.
	if n > 0 || why != w.lostWhy {
		w.tell(Change{Kind: Lost, Time: now, Count: n, Reason: why})
	}
	w.lostWhy = why
	w.want(why, now)
}

// Counted is an account's count on a server.
func (w *Watch) Counted(e wire.AccountConns, now time.Time) {
	w.Counters.Events++
	s := w.row(e.From, now)
	if s == nil {
		return
	}
	if e.Stamp.Seq != 0 {
		if e.Stamp.Seq <= s.seq {
			w.Counters.Stale++
			return
		}
		s.seq = e.Stamp.Seq
	}
	w.count(s, e.Account, e.Name, e.Clients, e.Leafnodes)
}

func (w *Watch) count(s *server, account, name string, clients, leaves uint32) {
	a, ok := w.m.account(account, name)
	if !ok {
		w.Counters.Bad++
		return
	}
	c := w.m.at(a, w.m.byID[s.ID])
	c.touched = w.m.round
	if clients > c.clients {
		w.m.accounts[a].rising(int(clients-c.clients), s.heard)
	}
	if w.m.put(a, c, clients, leaves) {
		s.events++
	}
}

// Connected is a client that connected. It counts for what is told of a change
// alone: the counts come by [Watch.Counted].
func (w *Watch) Connected(e wire.ClientEvent, now time.Time) { w.client(e, false, now) }

// Disconnected is a client whose connection ended.
func (w *Watch) Disconnected(e wire.ClientEvent, now time.Time) { w.client(e, true, now) }

func (w *Watch) client(e wire.ClientEvent, left bool, now time.Time) {
	w.Counters.Events++
	if s := w.row(e.From, now); s != nil && e.Client && (left || w.came(e, now)) {
		w.moves.add(e, left, now)
		if left {
			w.end(e, s.cluster)
		} else {
			w.arrivals.add(e, now)
		}
		if left && e.Reason == checks.ReasonKicked {
			w.kick(e, s.cluster, now)
		}
	}
}

// Stats is a server's heartbeat, or its answer to the roster.
func (w *Watch) Stats(e wire.Statsz, now time.Time) {
	w.Counters.Events++
	s := w.rowSince(e.From, e.Start, now)
	if s == nil {
		return
	}
	s.start = e.Start
	w.claims(s, e.Connections)
	if s.heartbeat.disagrees(e.Connections, s.connections, s.events) && w.ready {
		w.want("a heartbeat of "+cmp.Or(s.Name, s.ID)+" that counts other connections", now)
	}
}

// Drain is a server that entered lame duck mode.
func (w *Watch) Drain(e wire.ServerEvent, now time.Time) {
	w.Counters.Events++
	if s := w.row(e.From, now); s != nil && !s.draining {
		s.draining = true
		w.tell(Change{Kind: Draining, Time: now, Cluster: s.cluster, Server: s.ServerRef, Had: w.had(s.ID, now)})
	}
}

// Shut is a server that shut down.
func (w *Watch) Shut(e wire.ServerEvent, now time.Time) {
	w.Counters.Events++
	s := w.row(e.From, now)
	if s == nil {
		return
	}
	w.down[s.ID] = stopped{life: s.life, ref: s.ServerRef, cluster: s.cluster, at: now}
	w.tell(Change{Kind: Stopped, Time: now, Cluster: s.cluster, Server: s.ServerRef, Had: w.had(s.ID, now.Add(-onTheWay))})
	w.m.removeServer(s.ID)
}

// refusal is what refused connections share.
type refusal struct{ server, name, cluster, reason string }

const (
	// mostRefusals is how many kinds of refusals are kept apart.
	mostRefusals = 1000
	// refusedEvery is how often refusals are told.
	refusedEvery = 10 * time.Second
)

// Refuse is a client that was refused.
func (w *Watch) Refuse(e wire.ClientEvent, now time.Time) {
	w.Counters.Events++
	w.Counters.Refused++
	s := w.row(e.From, now)
	if s == nil {
		return
	}
	k := refusal{s.ID, s.Name, s.cluster, string(e.Reason)}
	if _, known := w.refused[k]; known || len(w.refused) < mostRefusals {
		w.refused[k]++
	}
}

func (w *Watch) tellRefused(now time.Time, all bool) {
	if len(w.refused) == 0 || !all && now.Sub(w.flushed) < refusedEvery {
		return
	}
	var told []Change
	for k, n := range w.refused {
		told = append(told, Change{Kind: Refused, Time: now, Cluster: k.cluster, Server: checks.ServerRef{ID: k.server, Name: k.name}, Reason: k.reason, Count: n})
	}
	slices.SortFunc(told, func(a, b Change) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), checks.CompareServers(a.Server, b.Server), cmp.Compare(a.Reason, b.Reason))
	})
	w.out = append(w.out, told...)
	w.refused, w.flushed = map[refusal]int{}, now
}

// Tick judges what changed, and returns what is to be told since the last tick.
func (w *Watch) Tick(now time.Time) []Change { return w.tick(now, false) }

// End is [Watch.Tick] for the last time: what is counted for a while before it is told,
// such as connections that were kicked, is told now.
func (w *Watch) End(now time.Time) []Change { return w.tick(now, true) }

func (w *Watch) tick(now time.Time, end bool) []Change {
	w.moves.tick(now)
	w.askSilent(now)
	w.askedAlive(now)
	w.tellRefused(now, end)
	w.tellKicked(now, end)
	if w.ready {
		w.judge(now)
		w.tellUndecided(now)
		w.darken(now)
		w.tellUnchecked(now)
	}
	out := w.out
	w.out = nil
	w.tellEnded(out)
	for i := range out {
		out[i].Reported = cmp.Or(w.clusters[out[i].Cluster], out[i].Cluster)
	}
	return out
}
