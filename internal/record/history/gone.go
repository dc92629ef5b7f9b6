package history

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/record"
)

// Past returns what was recorded of the servers of the deployment that is recorded now,
// those that went last first. It returns a [StaleError] where no recorder was there of
// late, and a [DamagedError] where documents are missing: those that went may be back.
func (s *Store) Past(ctx context.Context, now time.Time) (checks.RecordedPast, error) {
	last := s.LastAlive(ctx)
	if last.IsZero() || now.Sub(last).Abs() > lastSeen {
		return checks.RecordedPast{}, &StaleError{last, now}
	}
	if err := s.whole(ctx, now.Add(-evidenceFor), now); err != nil {
		return checks.RecordedPast{}, err
	}
	all, err := s.pasts(ctx, now, last)
	if len(all) == 0 {
		return checks.RecordedPast{}, err
	}
	return all[len(all)-1], err
}

// pasts is what was recorded of servers until the last recorder was there.
func (s *Store) pasts(ctx context.Context, now, last time.Time) ([]checks.RecordedPast, error) {
	since, docs := now.Add(-evidenceFor), newRecent()
	err := s.read(ctx, jetstream.OrderedConsumerConfig{FilterSubjects: []string{ofServers + ">", ofWatch}, DeliverPolicy: jetstream.DeliverByStartTimePolicy, OptStartTime: &since}, func(d record.Document) {
		if d.Server != nil || d.Change == record.Watching {
			docs.add(d)
		}
	})
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(docs.docs, func(a, b record.Document) int { return a.Time.Compare(b.Time) })
	return pastsBy(docs.docs, last), nil
}

// pastsBy is what documents, in the order of their times, say of each deployment that
// was recorded, that of the last watch last: a store may have been that of another one
// before. What a watch wrote is of the deployment of an earlier one where processes, or
// names and accounts, say so.
func pastsBy(docs []record.Document, last time.Time) []checks.RecordedPast {
	type deployment struct {
		who  checks.Identity
		docs []record.Document
	}
	var all []*deployment
	watches := watchesOf(docs)
	for i, docs := range watches {
		who := record.Identity(docs)
		if until := untilNext(watches[i+1:], last); until.After(who.Until) {
			who.Until = until
		}
		at, best := -1, checks.Doubted
		for k, x := range all {
			if kin := x.who.Became(who); kin > checks.Doubted && kin >= best {
				at, best = k, kin
			}
		}
		x := &deployment{}
		if at >= 0 {
			x = all[at]
			all = slices.Delete(all, at, at+1)
		}
		x.who, x.docs = x.who.And(who), append(x.docs, docs...)
		all = append(all, x)
	}
	out := make([]checks.RecordedPast, len(all))
	for i, x := range all {
		out[i] = checks.RecordedPast{Identity: x.who}
		out[i].Gone, out[i].Former = wentBy(x.docs)
		for _, before := range all[:i] {
			if before.who.Became(x.who) == checks.Doubted {
				gone, _ := wentBy(before.docs)
				out[i].Doubted = append(out[i].Doubted, gone...)
			}
		}
	}
	return out
}

// watchesOf are documents by the watch that wrote them. What it knows of servers when
// it begins has the time of its word that it watches, and comes before that.
func watchesOf(docs []record.Document) (out [][]record.Document) {
	begin := 0
	for i, d := range docs {
		if d.Change != record.Watching {
			continue
		}
		at := i
		for at > begin && docs[at-1].Time.Equal(d.Time) {
			at--
		}
		if at > begin {
			out = append(out, docs[begin:at])
		}
		begin = at
	}
	if begin < len(docs) {
		out = append(out, docs[begin:])
	}
	return out
}

// untilNext is until when a watch was there: by the one after it, or that of the last one.
// It is zero where that is not known.
func untilNext(later [][]record.Document, last time.Time) time.Time {
	if len(later) == 0 {
		return last
	}
	for _, d := range later[0] {
		if d.Change == record.Watching && d.Since != nil {
			return *d.Since
		}
	}
	return time.Time{}
}

// wentBy is what documents, in the order of their times, say of servers that went and are
// not back, and of processes that ended without a goodbye and whose servers run again. Of a
// server that went several times the last one counts.
func wentBy(docs []record.Document) (all, former []checks.RecordedGone) {
	type place struct{ name, cluster string }
	gone, back, runs := map[place]*checks.RecordedGone{}, map[place]bool{}, map[place]string{}
	for i := range docs {
		d := &docs[i]
		if d.Change == record.Watching && d.Who != nil { // they came back while nobody recorded
			for _, x := range d.Who.Servers {
				back[place{x.Server.Name, x.Cluster}] = true
			}
		}
		if d.Server == nil || d.Cluster == nil || d.Server.Name == "" {
			continue
		}
		k := place{d.Server.Name, *d.Cluster}
		g := gone[k]
		switch d.Change { //nolint:exhaustive // the others are not of whether it runs
		case record.Started, record.Answering:
			if g != nil && g.Kind == checks.Silent && g.Server.ID != d.Server.ID {
				former = append(former, *g)
			}
			delete(gone, k)
			runs[k] = d.Server.ID
		case record.Draining, record.Stopped, record.Silent:
			kind := goneKind(d)
			if d.Change == record.Stopped && d.Unannounced != nil && runs[k] != "" && runs[k] != d.Server.ID { // which was noticed late
				if kind == checks.Silent {
					former = append(former, goneOf(d))
				}
				continue
			}
			if g == nil || back[k] || g.Server.ID != "" && d.Server.ID != "" && g.Server.ID != d.Server.ID {
				went := goneOf(d)
				g = &went
				gone[k] = g
				delete(back, k)
			}
			if d.Had != nil && !g.Known {
				*g = withHad(*g, d.Had)
			}
		}
	}
	for _, g := range gone {
		all = append(all, *g)
	}
	slices.SortFunc(all, func(a, b checks.RecordedGone) int {
		return cmp.Or(b.At.Compare(a.At), strings.Compare(a.Cluster, b.Cluster), strings.Compare(a.Server.Name, b.Server.Name))
	})
	return all, former
}

// goneOf is a server that went, by the document that says so alone.
func goneOf(d *record.Document) checks.RecordedGone {
	return checks.RecordedGone{Server: checks.ServerRef(*d.Server), Cluster: *d.Cluster, Reported: d.ReportedCluster(), At: d.Time, Kind: goneKind(d)}
}

// withHad is a server that went, with who was on it.
func withHad(g checks.RecordedGone, had *record.DocumentHad) checks.RecordedGone {
	g.Known, g.Connections, g.Accounts, g.Lacked = true, max(0, had.Connections), max(0, had.Accounts), had.Lacked
	for _, x := range had.Of {
		on := checks.RecordedOn{Account: checks.Account{ID: x.Account.ID, Name: x.Account.Name}, Connections: max(0, x.Connections)}
		if on.Unseen = x.Unseen || x.Others == nil || x.Came == nil; !on.Unseen {
			on.Others, on.Came = max(0, *x.Others), max(0, *x.Came)
		}
		g.Of = append(g.Of, on)
	}
	return g
}

// goneKind is how a server went: as the last that it said of itself was. One that said
// nothing may hang.
func goneKind(d *record.Document) checks.MissingKind {
	switch {
	case d.Change == record.Draining, d.Change == record.Stopped && d.Unannounced != nil && *d.Unannounced == record.Drained:
		return checks.Draining
	case d.Change == record.Stopped && d.Unannounced == nil:
		return checks.Down
	}
	return checks.Silent
}
