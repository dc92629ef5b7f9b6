package record

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/nats-balance/nats-balance/checks"
)

// pair is what is known of an account in a cluster over time.
type pair struct {
	cluster string
	over    bool             // above the threshold
	on      checks.ServerRef // the server that it leans to
	since   time.Time
	held    bool // for long enough
	// notBefore, atStart and unseen are what [Lean] has of it, and dark is since when it is
	// unknown whether it leans still; zero where that is known.
	notBefore, dark time.Time
	atStart         bool
	unseen          time.Duration
	open            bool // by what is known now: a server that is missing decides
	// unknown is until when, of a pair that an earlier watch knew, the server that had
	// most is not known to have less: nobody knows the server. Zero otherwise.
	unknown time.Time
	// doubted is when the clients had come since which servers are asked whether they live;
	// zero where none is, see [Watch.doubtful].
	doubted time.Time
	// most is how many connections it had before some ended, at fell, and last when it
	// was last judged; see [pair.between].
	most, last int
	fell       time.Time
	// claimed is that one count says that it is above the threshold, see [Watch.unconfirmed].
	claimed claim
	// judged is the last verdict on it; empty where there was none yet.
	judged checks.Verdict
	// written is what was last written down, with the server that has most alone; nil where
	// nothing was. Known are those in which no server was missing that decides, the last one
	// last, see [pair.complete].
	written *Spread
	known   []*Spread
	// clear is until when it was known whether it leaned, and to which server, where that is
	// not known since; zero otherwise. See [Watch.unclear].
	clear time.Time
	// said is when that was said last, or was known again, and never that it was not yet known
	// once.
	said  time.Time
	never bool
	// settles is from when on it may be said to lean, see [Watch.Inherit].
	settles time.Time
}

const (
	// enough is by how many percent of its connections an account's largest share
	// must change to be written down.
	enough = 5
	// restBetween is the shortest time between two spreads that are written down of
	// one account in one cluster, unless the verdict changes.
	restBetween = 5 * time.Second
	// acceptedAgain is how often what is accepted is judged if nothing changes.
	acceptedAgain = time.Hour
)

// pair returns what is known of a pair, which is nothing yet where it is new.
func (w *Watch) pair(k pairKey) (p *pair, known bool) {
	for _, p := range w.pairs[k.account] {
		if p.cluster == k.cluster {
			return p, true
		}
	}
	return &pair{cluster: k.cluster}, false
}

// judge judges by the rule what changed since it was last judged, and what has been
// above the threshold for long enough.
func (w *Watch) judge(now time.Time) {
	for k, from := range w.later {
		if !now.Before(from) {
			w.m.changed[k] = struct{}{}
			delete(w.later, k)
		}
	}
	w.lacking()
	// While no events come, nobody knows whose clients went where. A server may have shut
	// down, and its clients count there and on the others.
	if !w.unsure && len(w.m.changed)+len(w.m.moved) > 0 {
		w.rejudge(now)
	}
	for k, p := range w.over {
		if !p.held && !p.open && !p.falling(now) && p.doubted.IsZero() && !w.unsure && now.Sub(p.since)-p.lean(now).Unknown >= w.s.For {
			p.held = true
			spread := w.spread(k, now, mostEmpty)
			spread.Verdict = checks.Found
			c := Change{Kind: Held, Time: now, Cluster: k.cluster, Spread: spread}
			c.set(p.lean(now))
			w.tell(c)
		}
	}
}

// dirty is what to judge: what changed, and all in clusters whose servers changed.
func (w *Watch) dirty() map[pairKey]struct{} {
	pairs := w.m.changed
	w.m.changed = map[pairKey]struct{}{}
	if len(w.m.moved) > 0 {
		add := func(a uint32, cluster string) {
			if _, moved := w.m.moved[cluster]; moved {
				pairs[pairKey{a, cluster}] = struct{}{}
			}
		}
		for a := range w.m.accounts {
			for _, c := range w.m.accounts[a].cells {
				add(uint32(a), w.m.servers[c.server].cluster) //nolint:gosec // in range
			}
		}
		for a, all := range w.pairs { // of which nothing may be left
			for _, p := range all {
				add(a, p.cluster)
			}
		}
		clear(w.m.moved)
	}
	for k := range pairs {
		if w.m.accounts[k.account].System {
			delete(pairs, k)
		}
	}
	return pairs
}

func (w *Watch) rejudge(now time.Time) {
	pairs := w.dirty()
	d, numbers := w.deployment(pairs)
	p := w.s.Parameters
	p.All = true
	var due []Change
	take := func(k pairKey, r checks.Row) {
		if c := w.verdict(k, r, now); c != nil {
			due = append(due, *c)
		}
	}
	for _, r := range checks.Accept(checks.CheckConcentration(d, p), w.s.Accepted, now).Rows {
		k := pairKey{numbers[r.Account.ID], r.Cluster}
		delete(pairs, k)
		take(k, r)
	}
	for k := range pairs { // those without a connection left
		p, known := w.pair(k)
		if !known {
			continue
		}
		if slices.ContainsFunc(d.Missing, func(m checks.Missing) bool { return m.MayBeIn(k.cluster) && (m.Bound == nil || *m.Bound > 0) }) {
			w.leave(p, true) // it may have all of them
			w.unclear(p, &checks.Row{Verdict: checks.Incomplete}, false, now)
			continue
		}
		if p.over && w.unheardOf(k, p, now) {
			continue
		}
		if between := p.between(0, now); between && p.over {
			w.again(k, p.fell.Add(betweenFor))
			continue
		}
		take(k, checks.Row{Account: w.m.accounts[k.account].Account, Cluster: k.cluster, Verdict: checks.TooFewConnections})
		w.leave(p, false)
		w.pairs[k.account] = slices.DeleteFunc(w.pairs[k.account], func(other *pair) bool { return other == p })
		if len(w.pairs[k.account]) == 0 {
			delete(w.pairs, k.account)
		}
	}
	w.judged = true
	w.explain(due, now)
	w.out = append(w.out, due...)
}

// deployment is the part of the matrix that is to be judged, as the rule takes it.
func (w *Watch) deployment(pairs map[pairKey]struct{}) (*checks.Deployment, map[string]uint32) {
	accounts, clusters := map[uint32]uint32{}, map[string]bool{}
	for k := range pairs {
		accounts[k.account], clusters[k.cluster] = 0, true
	}
	d := &checks.Deployment{Missing: w.absentIn(clusters)}
	at := make([]int, len(w.m.servers))
	formerly := w.formerly()
	for i := range w.m.servers {
		if s := &w.m.servers[i]; s.ID != "" && clusters[s.cluster] {
			former := formerly[[2]string{s.Name, s.cluster}]
			if s.replaced {
				at[i] = -1
				continue
			}
			if m := s.uncounted(former); m != nil {
				at[i], d.Missing = -1, append(d.Missing, *m)
				continue
			}
			at[i] = len(d.Servers)
			d.Servers = append(d.Servers, checks.Server{ID: s.ID, Name: s.Name, Host: s.Host, Cluster: s.cluster, Start: s.start})
		}
	}
	numbers := map[string]uint32{}
	for a := range accounts {
		accounts[a] = uint32(len(d.Accounts)) //nolint:gosec // in range
		d.Accounts = append(d.Accounts, w.m.accounts[a].Account)
		numbers[w.m.accounts[a].ID] = a
	}
	for k := range pairs {
		for _, c := range w.m.accounts[k.account].cells {
			if w.m.servers[c.server].cluster == k.cluster && at[c.server] >= 0 {
				s := &d.Servers[at[c.server]]
				s.Usage = append(s.Usage, checks.Usage{Account: accounts[k.account], Connections: c.clients, Leafnodes: c.leaves})
			}
		}
	}
	d.Expected = len(d.Servers) + d.Absent()
	return d, numbers
}

// verdict takes the verdict on a pair, and returns what is to be told of it.
func (w *Watch) verdict(k pairKey, r checks.Row, now time.Time) *Change {
	few := r.Verdict == checks.TooFewConnections || r.Verdict == checks.TooFewServers
	p, known := w.pair(k)
	if !known {
		if few {
			return nil
		}
		w.pairs[k.account] = append(w.pairs[k.account], p)
	}
	if r.Verdict == checks.AcceptedFinding {
		w.again(k, now.Add(acceptedAgain)) // it may have expired then
	}
	over := r.Verdict == checks.Found || r.Verdict == checks.Critical
	if over && !p.over && now.Before(p.settles) {
		w.again(k, p.settles)
		return nil
	}
	moved := over && p.over && !w.stays(k, p, &r)
	differs := over != p.over || moved
	between := p.between(r.Connections, now)
	w.unclear(p, &r, differs, now)
	switch {
	case !w.judged || r.Verdict == checks.Incomplete || !w.doubtful(k, p, over, differs, now):
		p.doubted = time.Time{}
	case differs:
		return nil
	}
	if between && w.judged && differs && r.Verdict != checks.Incomplete {
		w.again(k, p.fell.Add(betweenFor))
		return nil
	}
	if !over {
		p.claimed = claim{}
	} else if differs && w.unconfirmed(k, p, r, now) {
		return nil
	}
	p.judged = r.Verdict
	c := Change{Time: now, Cluster: k.cluster, Before: p.before()}
	c.set(p.lean(now))
	w.leave(p, r.Verdict == checks.Incomplete || differs && p.over && w.unheardOf(k, p, now))
	if over && !differs {
		p.on = w.leansTo(p, &r)
	}
	switch {
	case p.open: // as it was: who is missing decides. When that began is in what is written down
		if r.Connections == 0 || !w.shifted(k, p.written, r) {
			return nil
		}
		if p.written != nil && now.Sub(p.written.Time) < restBetween {
			w.again(k, p.written.Time.Add(restBetween))
			return nil
		}
		c.Kind = Shifted
	case over && differs:
		if c.Kind = Crossed; moved {
			c.Left = &Left{p.on, p.since, p.held}
		}
		p.take(Lean{To: r.Server, Since: now, NotBefore: p.clear, AtStart: !w.judged || p.claimed.atStart || p.never})
		if p.never {
			p.notBefore = time.Time{}
		}
		c.set(p.lean(now))
		p.say(now)
		p.claimed = claim{}
		w.over[k] = p
	case !over && p.over:
		p.drop()
		p.say(now)
		c.Kind = Back
		delete(w.over, k)
	case few || !w.shifted(k, p.written, r):
		return nil
	case p.written != nil && now.Sub(p.written.Time) < restBetween:
		w.again(k, p.written.Time.Add(restBetween))
		return nil
	default:
		c.Kind = Shifted
	}
	empty := mostEmpty
	if c.Kind == Shifted { // of which there are many at the start
		empty = 0
	}
	c.Spread = w.spread(k, now, empty)
	c.Spread.Verdict = r.Verdict
	p.written = &Spread{Time: now, Account: r.Account, Cluster: r.Cluster, Connections: r.Connections, Of: c.Spread.Of, Verdict: r.Verdict,
		Servers: []Share{{r.Server, r.OnServer}}}
	p.complete(p.written)
	return &c
}

// unheardOf reports whether the server that had most of a pair is one that an
// earlier watch saw and that nobody knows now. It may hang with all it had.
func (w *Watch) unheardOf(k pairKey, p *pair, now time.Time) bool {
	if p.unknown.IsZero() {
		return false
	}
	top := p.on
	if !now.Before(p.unknown) || top == (checks.ServerRef{}) || w.accounted(top, k.cluster) {
		p.unknown = time.Time{}
		return false
	}
	w.leave(p, true)
	w.again(k, p.unknown)
	return true
}

// shifted reports whether a spread is worth writing down after another one: the largest
// share changed, or the server that had it has less of one, as its clients went elsewhere.
// Where no share is as much as a quarter of the threshold it is only if connections double
// or halve: of thousands of accounts on many servers, one client more would be worth it
// each time.
func (w *Watch) shifted(k pairKey, before *Spread, r checks.Row) bool {
	if before == nil {
		return true
	}
	a := before.Top()
	was, is := 100*a.Connections/max(1, before.Connections), 100*r.OnServer/max(1, r.Connections)
	doubled := r.Connections > 2*before.Connections || before.Connections > 2*r.Connections
	if 4*max(was, is) < w.s.Parameters.ThresholdPercent {
		return doubled
	}
	left := was - 100*w.m.clients(k.account, a.Server.ID)/max(1, r.Connections)
	return doubled || max(was, is)-min(was, is) >= enough || a.Server.ID != r.Server.ID && (was != is || left >= enough)
}

// explain adds what came and left in the minute before changes.
func (w *Watch) explain(changes []Change, now time.Time) {
	ids := map[string]bool{}
	for _, c := range changes {
		ids[c.Spread.Account.ID] = true
	}
	all := w.moves.of(ids, now)
	in := map[string]string{} // the cluster of a server
	for i := range w.m.servers {
		in[w.m.servers[i].ID] = w.m.servers[i].cluster
	}
	for id, d := range w.down {
		in[id] = d.cluster
	}
	for i := range changes {
		c := &changes[i]
		for _, m := range all[c.Spread.Account.ID] {
			if in[m.Server.ID] == c.Cluster {
				c.addMove(m)
			}
		}
		c.MovesMissed = w.moves.missed(now)
	}
}

// Over are the accounts that are above the threshold now, the longest first.
func (w *Watch) Over(now time.Time) []Change {
	var out []Change
	for k, p := range w.over {
		kind := Crossed
		if p.held {
			kind = Held
		}
		spread := w.spread(k, now, mostEmpty)
		if p.open && spread.Connections == 0 && p.written != nil {
			last := *p.written // that is known
			last.Verdict, spread = spread.Verdict, &last
		}
		c := Change{Kind: kind, Time: now, Cluster: k.cluster, Spread: spread}
		c.set(p.lean(now))
		out = append(out, c)
	}
	slices.SortFunc(out, func(a, b Change) int {
		return cmp.Or(a.Since.Compare(b.Since), strings.Compare(a.Spread.Account.ID, b.Spread.Account.ID), strings.Compare(a.Cluster, b.Cluster))
	})
	return out
}
