package record

import (
	"cmp"
	"slices"
	"time"

	"github.com/nats-balance/nats-balance/checks"
)

const (
	// settle is how long a server that is new may take to be known to the others.
	// What it says before it knows who listens is lost.
	settle = time.Second
	// leastPause is the shortest time between two full reports that events ask for.
	leastPause = 2 * time.Second
	// leastMissingPause is that while servers are missing.
	leastMissingPause = 5 * time.Second
	// unsurePause is that where events did not come for a while.
	unsurePause = 500 * time.Millisecond
	// shareOfTime is how many times as long as a full report takes is left between
	// two of them: they are work for every server.
	shareOfTime = 10
	// silentAfter is how long a server may say nothing: its heartbeat comes every 10
	// seconds.
	silentAfter = 25 * time.Second
)

// want asks for a full report from a time on. The first reason counts.
func (w *Watch) want(why string, from time.Time) {
	switch {
	case w.wanted == "":
		w.wanted, w.wantedAt = why, from
	case from.Before(w.wantedAt):
		w.wantedAt = from
	}
}

// Due reports whether a full report is due, and why, in a clause.
func (w *Watch) Due(now time.Time) (string, bool) {
	switch {
	case w.asking:
		return "", false
	case w.wanted != "" && !now.Before(w.wantedAt) && (!w.ready || now.Sub(w.reconciled) >= w.pause()):
		return w.wanted, true
	case w.ready && now.Sub(w.reconciled) >= w.s.Reconcile:
		return "the interval is over", true
	case w.ready && len(w.missing) > 0 && now.Sub(w.reconciled) >= w.missingPause():
		return "servers were missing in the last full report", true
	}
	return "", false
}

// missingPause is how long after a full report in which servers are missing the next one is
// due: what they decide is unknown until it says that they are there, or are not known any
// more. It is as long as servers have been missing, so that one that is missing for days
// costs no more than the interval does.
func (w *Watch) missingPause() time.Duration {
	return max(leastMissingPause, w.took, shareOfTime*w.work, w.reconciled.Sub(w.lackSince))
}

// pause is the least time between the last full report and one that is wanted. A
// report that waited for servers that say nothing was no work for the others: the
// next server that falls silent does not wait for it, and neither does one that answers
// again. Until the one after a lost connection no verdict is known.
func (w *Watch) pause() time.Duration {
	switch {
	case w.unsure:
		return max(unsurePause, w.took)
	case w.quiet:
		return max(leastPause, w.took)
	case w.waited:
		return max(leastPause, w.took, shareOfTime*w.work)
	}
	return max(leastPause, shareOfTime*w.took)
}

// Ask is that a full report is being asked for, by a connection on which all
// events that come from now on are seen.
func (w *Watch) Ask(now time.Time) {
	w.m.round++
	w.asked = now
	if w.began.IsZero() {
		w.began, w.logins.from = now, now
	}
	w.asking, w.lost, w.wanted, w.quiet = true, false, "", false
}

// Failed is that a full report did not come. The next one is due after a pause.
func (w *Watch) Failed(now time.Time) {
	w.asking = false
	w.want("the last full report failed", now.Add(leastPause))
}

// Reconcile corrects the matrix by a full report, which was asked for at [Watch.Ask]
// and took so long.
func (w *Watch) Reconcile(d *checks.Deployment, took time.Duration, now time.Time) {
	first := !w.ready
	w.lostWhy = ""
	w.asking, w.ready, w.reconciled, w.took = false, true, now, took
	if w.waited = len(d.Missing) > 0; !w.waited {
		w.work = took
	}
	if len(w.missing) == 0 {
		w.lackSince = now
	}
	w.unsure = w.unsure && (w.noEvents || w.lost)
	w.Counters.Reconciliations++
	reported := w.rows(d, first, now)
	c := w.m.correct(d)
	w.name(d)
	doubt := w.recall(d, now)
	w.absent(d, reported, first, now)
	w.identity = w.who(d)
	switch {
	case first:
		w.tell(Change{Kind: Watching, Time: now, Of: w.totals(), Who: w.identity, Doubt: doubt})
	case c.counts > 0:
		w.Counters.Corrected += uint64(c.counts) //nolint:gosec // in range
		w.tell(Change{Kind: Corrected, Time: now, Count: c.counts, Connections: c.connections})
	}
	if c.unsettled > 0 && w.lost {
		w.want("events that were lost while the last full report was made", now)
	}
}

// rows adds and renames the rows of the servers that reported. When they did is not known,
// but that they were there when they were asked: one that was killed before the report was
// complete is in it.
func (w *Watch) rows(d *checks.Deployment, first bool, now time.Time) map[string]bool {
	reported := map[string]bool{}
	for i := range d.Servers {
		x := &d.Servers[i]
		if w.gone(x.ID) { // it reported, and shut down since
			continue
		}
		reported[x.ID] = true
		s := w.m.server(x.ID)
		if s == nil {
			if s = w.m.addServer(x.Ref(), x.Cluster); s == nil {
				continue
			}
			s.start, s.heard = x.Start, w.asked
			if !first {
				s.first = w.asked
				w.started(s, now)
				w.want("a server that was first heard of by the last full report", now.Add(settle))
			}
		}
		if s.cluster != x.Cluster { // two clusters of one name are told apart
			w.m.moved[s.cluster], w.m.moved[x.Cluster] = struct{}{}, struct{}{}
			s.cluster = x.Cluster
		}
		s.ServerRef, s.looked = x.Ref(), w.asked
		if w.asked.After(s.heard) {
			s.heard = w.asked
		}
		if s.replaced && !w.succeeded(s.ServerRef, s.cluster, s.heard) { // two servers share a name
			s.replaced = false
			w.m.moved[s.cluster] = struct{}{}
		}
		s.heartbeat.report()
		if s.unknown {
			s.unknown = false
			w.m.moved[s.cluster] = struct{}{}
		}
		w.wasReported(s)
		if !x.Start.IsZero() {
			s.start = x.Start
		}
	}
	return reported
}

// absent takes over which servers did not report. One that sends events has its
// row still, as one that drains does: it answers nothing, and its clients leave. One
// that the others do not know must have said something since they were asked.
func (w *Watch) absent(d *checks.Deployment, reported map[string]bool, first bool, now time.Time) {
	was := map[string]bool{}
	for _, m := range w.missing {
		was[m.ID+"\x00"+m.Name+"\x00"+m.Cluster] = true
	}
	missing := slices.DeleteFunc(slices.Clone(d.Missing), func(m checks.Missing) bool {
		s := w.m.server(m.ID)
		came := slices.ContainsFunc(w.m.servers, func(s server) bool { return w.justCame(&m, &s, now) })
		if came {
			w.want("a server that had just started, and did not report", now.Add(settle))
		}
		return came || w.gone(m.ID) || s != nil && now.Sub(s.heard) < silentAfter
	})
	w.seenToDrain(missing)
	w.runAgain()
	had := map[string]*Had{} // by id, and by name and cluster
	for _, s := range slices.Clone(w.m.servers) {
		known := slices.ContainsFunc(missing, func(m checks.Missing) bool {
			return m.ID == s.ID || m.ID == "" && m.Name == s.Name && m.Cluster == s.cluster
		})
		if s.ID == "" || reported[s.ID] || !known && s.heard.After(w.asked) || now.Sub(s.heard) < silentAfter && w.expects(d, &s, now) {
			continue
		}
		had[s.ID] = w.had(s.ID, s.heard)
		had[s.Name+" "+s.cluster] = had[s.ID]
		if !known {
			again := w.succeeded(s.ServerRef, s.cluster, s.heard)
			w.down[s.ID] = stopped{life: s.life, ref: s.ServerRef, cluster: s.cluster, at: now, back: again, silent: !s.draining}
			c := Change{Kind: Stopped, Time: now, Cluster: s.cluster, Server: s.ServerRef, Had: had[s.ID]}
			switch {
			case again: // the name alone would be that of the one that runs
				c.Unannounced = Replaced
			case s.draining:
				c.Unannounced = Drained
			default:
				c.Kind, c.Reason = Silent, unknownTo(d, s.cluster)
			}
			w.tell(c)
		}
		if (!s.draining || known) && len(w.hung) < mostServers {
			w.hung[s.ID] = s.life
		}
		w.wentUnheard(&s)
		w.m.removeServer(s.ID)
	}
	forgotten := w.missing
	w.missing = missing
	for _, m := range forgotten {
		switch {
		case saidToDrain(&m):
			w.drained(&m, now)
		case m.Kind != checks.Configured: // that is an address, and what was there has a name
			w.fellSilent(m.Ref(), m.Cluster, now)
		}
	}
	w.missing, w.all = w.withoutKnown(missing, reported, now), d.All
	w.lack(missing, reported)
	w.tellSilent(w.missing, was, had, first, now)
	if first {
		for _, p := range w.over { // by an earlier watch
			p.unknown = now.Add(unheard)
		}
	}
}

// justCame reports whether a server that did not answer is known by its name alone, and one of
// that name has just started, or answers again since the full report was asked for. Who has
// just started has no routes yet by which answers come.
func (w *Watch) justCame(m *checks.Missing, s *server, now time.Time) bool {
	return m.ID == "" && s.ID != "" && s.Name != "" && s.Name == m.Name && m.MayBeIn(s.cluster) &&
		(!s.first.IsZero() && now.Sub(s.first) < silentAfter || s.unknown && s.heard.After(w.asked))
}

// unknownTo is why a server counts as silent that says nothing and that nobody names, by a
// full report. Others may still count it; and it may live where only its routes are gone.
func unknownTo(d *checks.Deployment, cluster string) string {
	if d.CountsNameless(cluster) {
		return "it sends no events and does not answer, and other servers count one that is missing, which may be it: it hangs, was stopped without a goodbye, or is cut off with its clients"
	}
	return "it sends no events, and no server that answered knows of it: it was stopped without a goodbye, or is cut off with its clients"
}

// fellSilent takes in a server that was there, or was missing, and of which a full
// report says nothing: unless it said that it shuts down, it may hang.
func (w *Watch) fellSilent(x checks.ServerRef, cluster string, now time.Time) {
	if w.accounted(x, cluster) {
		return
	}
	if (x.ID != "" || x.Name != "") && len(w.down) < mostServers {
		l, ok := w.hung[x.ID]
		if !ok {
			l.heard = now
		}
		w.down[cmp.Or(x.ID, x.Name+" "+cluster)] = stopped{life: life{heard: l.heard, lacked: l.lacked}, ref: x, cluster: cluster, at: now, silent: true}
	}
}

// accounted reports whether a server has a row, is missing, or is known to be down. One
// that is expected by its name has no id, and perhaps no cluster that is known.
func (w *Watch) accounted(x checks.ServerRef, cluster string) bool {
	anywhere := x.ID == "" && cluster == ""
	same := func(o checks.ServerRef, of string) bool {
		return o.ID == x.ID && x.ID != "" || o.Name == x.Name && x.Name != "" && (of == cluster || anywhere)
	}
	// Another server may have its name, and say nothing of it.
	hung, known := w.hung[x.ID]
	is := func(o checks.ServerRef, of string, l life) bool {
		return same(o, of) && (o.ID == x.ID || o.ID == "" || !known || l.succeeds(hung.heard))
	}
	for i := range w.m.servers {
		if s := &w.m.servers[i]; s.ID != "" && is(s.ServerRef, s.cluster, s.life) {
			return true
		}
	}
	for id, d := range w.down {
		// The former process of one that runs again is down, which says nothing of this one.
		if is(d.ref, d.cluster, d.life) && (!d.back || id == x.ID) {
			return true
		}
	}
	return slices.ContainsFunc(w.missing, func(m checks.Missing) bool { return same(m.Ref(), m.Cluster) })
}

// tellSilent tells of servers that do not report and did the last time. Those of
// which nothing is known are told together.
func (w *Watch) tellSilent(missing []checks.Missing, was map[string]bool, had map[string]*Had, first bool, now time.Time) {
	unknown := map[string]int{} // by cluster and reason, in w.out
	for _, m := range missing {
		if first || !was[m.ID+"\x00"+m.Name+"\x00"+m.Cluster] {
			key := m.Cluster + "\x00" + m.Reason
			if at, told := unknown[key]; told && m.Name == "" && m.ID == "" {
				w.out[at].Count++
				continue
			}
			c := Change{Kind: Silent, Time: now, Cluster: m.Cluster, Server: m.Ref(), Reason: m.Reason, Had: had[cmp.Or(m.ID, m.Name+" "+m.Cluster)]}
			if m.Name == "" && m.ID == "" {
				c.Count, unknown[key] = 1, len(w.out)
			}
			w.tell(c)
		}
	}
}

// expects reports whether a full report knows of a server that did not report.
func (w *Watch) expects(d *checks.Deployment, s *server, now time.Time) bool {
	return slices.ContainsFunc(d.Missing, func(m checks.Missing) bool { return m.ID == s.ID || w.justCame(&m, s, now) })
}

// askSilent asks for a full report where a server says nothing any more, and forgets
// servers that shut down long ago.
func (w *Watch) askSilent(now time.Time) {
	for id, d := range w.down {
		long := remembered
		if d.silent && !d.back {
			long = unheard
		}
		if now.Sub(d.at) >= long {
			delete(w.down, id)
		}
	}
	for id, l := range w.hung {
		if now.Sub(l.heard) >= unheard {
			delete(w.hung, id)
		}
	}
	if !w.ready || w.asking || w.wanted != "" {
		return
	}
	for i := range w.m.servers {
		if s := &w.m.servers[i]; s.ID != "" && now.Sub(s.heard) >= silentAfter {
			w.quiet = true
			w.want("no event of "+cmp.Or(s.Name, s.ID)+" for "+silentAfter.String(), now)
			return
		}
	}
}

// Servers is how many servers are watched.
func (w *Watch) Servers() (n int) {
	for i := range w.m.servers {
		if w.m.servers[i].counts() {
			n++
		}
	}
	return n
}

// totals is what is watched.
func (w *Watch) totals() *Totals {
	t := Totals{Cells: w.m.cells, Servers: w.Servers()}
	clusters := map[string]bool{}
	for i := range w.m.servers {
		if s := &w.m.servers[i]; s.counts() {
			clusters[s.cluster] = true
		}
	}
	t.Clusters, t.Missing = len(clusters), len(w.absentIn(clusters))
	for i := range w.m.accounts {
		n, any := 0, false
		for _, c := range w.m.accounts[i].cells {
			if !w.m.servers[c.server].counts() {
				continue
			}
			n += int(c.clients)
			any = any || c.clients > 0 || c.leaves > 0
		}
		if any && !w.m.accounts[i].System {
			t.Accounts++
			t.Connections += n
		}
	}
	return &t
}
