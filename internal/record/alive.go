package record

import (
	"cmp"
	"slices"
	"time"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/wire"
)

// A server that is killed says nothing, and its clients are on others within a moment. Until
// somebody notices, its row is there beside theirs: shares are too low, and an account of few
// clients has as many as it takes to be checked. So where clients came, and it hangs on a server
// that was not heard of since which side of the threshold an account is on, the server is asked
// whether it lives, and what is above the threshold stays as it was until it is heard of, or is
// missing. Where its row hides what changed, so that all seems to be as it was, it is asked only
// if half as many came, or more, as it had: they may be its clients.

const (
	// answersIn is how soon a server that lives has answered.
	answersIn = 2 * time.Second
	// askAgainIn is how soon what waits for an answer is judged again.
	askAgainIn = 200 * time.Millisecond
	// mostAsked is how many servers are asked at a time.
	mostAsked = 64
)

// doubtful reports whether what is known of a pair would be on the other side of the
// threshold than over is, if servers were gone that were not heard of since clients came.
// These are asked, and who comes meanwhile does not have them asked again.
func (w *Watch) doubtful(k pairKey, p *pair, over, differs bool, now time.Time) bool {
	a := &w.m.accounts[k.account]
	came := a.rose
	if !p.doubted.IsZero() {
		came = p.doubted
	}
	if !differs && len(a.rises) == 0 {
		return false
	}
	silent := map[string]*server{}
	for _, c := range a.cells {
		s := &w.m.servers[c.server]
		if c.clients == 0 || !s.counts() || s.cluster != k.cluster || !s.heard.Before(came) {
			continue
		}
		if differs || int(c.clients) <= 2*a.roseSince(s.heard) {
			silent[s.ID] = s
		}
	}
	if len(silent) == 0 || !differs && !over && !w.mayCross(k, silent) {
		return false
	}
	without := func(gone func(id string) bool) bool {
		d, _ := w.deployment(map[pairKey]struct{}{k: {}})
		for i := range d.Servers {
			if gone(d.Servers[i].ID) {
				d.Servers[i].Usage = nil
			}
		}
		parameters := w.s.Parameters
		parameters.All = true
		rows := checks.Accept(checks.CheckConcentration(d, parameters), w.s.Accepted, now).Rows
		return slices.ContainsFunc(rows, func(r checks.Row) bool { return r.Verdict == checks.Found || r.Verdict == checks.Critical })
	}
	doubtful := without(func(id string) bool { return silent[id] != nil }) != over
	for only := range silent {
		doubtful = doubtful || len(silent) > 1 && without(func(id string) bool { return id == only }) != over
	}
	if doubtful {
		p.doubted = came
		for id, s := range silent {
			if _, asked := w.alive[id]; !asked && len(w.alive) < mostAsked {
				w.askWhether(s, now)
			}
		}
		w.again(k, now.Add(askAgainIn))
	}
	return doubtful
}

// mayCross reports whether an account may be above the threshold without some servers. It is
// what can be said without the rule, which is much work for each client that comes.
func (w *Watch) mayCross(k pairKey, silent map[string]*server) bool {
	all, top, heard, topHeard, least := 0, 0, 0, 0, 0
	for _, c := range w.m.accounts[k.account].cells {
		s, n := &w.m.servers[c.server], int(c.clients)
		if s.cluster != k.cluster || !s.counts() {
			continue
		}
		all, top = all+n, max(top, n)
		if silent[s.ID] == nil {
			heard, topHeard = heard+n, max(topHeard, n)
		} else {
			least = max(least, n)
		}
	}
	p := w.s.Parameters.For(w.m.accounts[k.account].Account)
	return heard >= p.MinConnections && p.Exceeds(topHeard, heard) ||
		all >= p.MinConnections && p.Exceeds(min(top, all-least), all-least)
}

// rise is how many more clients of an account there were by events of a second.
type rise struct {
	at time.Time
	n  int
}

// rising takes in that an event says that more clients are on a server.
func (a *account) rising(n int, now time.Time) {
	a.rose = now
	a.rises = slices.DeleteFunc(a.rises, func(r rise) bool { return now.Sub(r.at) > silentAfter+arrivalsEach })
	if last := len(a.rises) - 1; last >= 0 && now.Sub(a.rises[last].at) < arrivalsEach {
		a.rises[last].n += n
		return
	}
	a.rises = append(a.rises, rise{now, n})
}

// roseSince is how many more there were since a time, or up to arrivalsEach before it.
func (a *account) roseSince(t time.Time) (n int) {
	for _, r := range a.rises {
		if r.at.Add(arrivalsEach).After(t) {
			n += r.n
		}
	}
	return n
}

func (w *Watch) askWhether(s *server, now time.Time) {
	w.alive[s.ID] = now
	w.toAsk = append(w.toAsk, wire.Server{ID: s.ID, Name: s.Name, Host: s.Host, Cluster: s.cluster})
}

// ToAsk are servers to ask for their STATSZ, each once: whether they live decides what is
// told. An answer goes to [Watch.Answered].
func (w *Watch) ToAsk() []wire.Server {
	out := w.toAsk
	w.toAsk = nil
	return out
}

// Answered is that a server answered.
func (w *Watch) Answered(id string, now time.Time) {
	if s := w.m.server(id); s != nil {
		s.heard = now
	}
}

// askedAlive has a full report asked for where a server does not answer.
func (w *Watch) askedAlive(now time.Time) {
	for id, since := range w.alive {
		s := w.m.server(id)
		switch {
		case s == nil || s.heard.After(since):
			delete(w.alive, id)
		case now.Sub(since) >= answersIn && !w.asking && w.wanted == "":
			w.quiet = true
			w.want("no answer of "+cmp.Or(s.Name, id)+" for "+answersIn.String(), now)
			w.askWhether(s, now) // once more, if the full report does not say
		}
	}
}
