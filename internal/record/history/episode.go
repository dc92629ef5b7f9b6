package history

import (
	"cmp"
	"slices"
	"time"

	"github.com/nats-balance/nats-balance/internal/record"
)

// around is how far from the beginning of an episode what happened to servers is
// told with it.
const around = time.Minute

// mostAround is how many of these are told, those closest to it: of thousands of accounts
// that lean at once, each has all of them.
const mostAround = 50

// Episode is a time in which an account leaned to one server of a cluster.
type Episode struct {
	Account record.DocumentAccount
	Cluster string
	// To is the server that it leaned to; From the one that it leaned to until it began, and
	// Next the one that it leaned to from when it ended, where it moved without being back.
	// They are empty where there is none.
	To, From, Next record.DocumentServer
	// Began is when it crossed the threshold, or was first seen above it.
	Began time.Time
	// NotBefore is set where it was not seen to begin: it began between that and
	// Began, or at any time before Began where it is zero.
	NotBefore *time.Time
	// Undecided is that it was unknown from then on whether it leaned.
	Undecided bool
	// Unread is that what was recorded of its beginning is gone, or was not read: it may have
	// begun earlier.
	Unread  bool
	Ended   *time.Time // nil while it lasts
	Finding bool       // it lasted as long as a finding takes
	Before  *record.DocumentSpread
	Then    *record.DocumentSpread // when it began; nil where not known, as Before
	Last    *record.DocumentSpread // the last that is known
	Moves   []record.DocumentMove
	// MoreMoves and MovesMissed are as in [record.Change].
	MoreMoves   int
	MovesMissed bool
	// Around is what happened to servers of the cluster within a minute of its
	// beginning, and before it ended, in order, at most [mostAround]. Episodes share it: it is to be read only.
	Around []record.Document
	// Kicked are connections of the account that were kicked from a minute before it
	// began until a minute after it ended.
	Kicked []Kicked
	// Unseen are the parts of it in which nothing was recorded, or the verdict was unknown.
	Unseen []Gap
}

// Beginning is what is known of when it began.
func (e *Episode) Beginning() record.Beginning {
	switch {
	case e.NotBefore == nil && e.Unread:
		return record.Beginning{Begun: record.Unread}
	case e.NotBefore == nil:
		return record.Beginning{}
	case e.NotBefore.IsZero():
		return record.Beginning{Begun: record.NeverKnown}
	case e.Undecided:
		return record.BegunSince(*e.NotBefore, record.WhileUnknown)
	}
	return record.BegunSince(*e.NotBefore, record.WhileUnrecorded)
}

// Gap is a time of which nothing is known.
type Gap struct{ From, To time.Time }

// gapOf is the time before a document in which nobody recorded, however short it was, or what
// was to be is lost.
func gapOf(d *record.Document) (g Gap, is bool) {
	if d.Change != record.Watching && d.Change != record.Unrecorded || d.Since == nil {
		return g, false
	}
	return Gap{*d.Since, d.Time}, d.Since.Before(d.Time)
}

// History is what documents tell.
type History struct {
	Episodes []Episode // the last to begin first
	Gaps     []Gap
	Unknown  []Unknown
	// Unchecked are the times in which clusters had too few servers.
	Unchecked []Unchecked
	Kicked    []Kicked // also those of no episode, the first to begin first
	// Since, First, Until, Waiting, Cut and Damage are those of the [Reading].
	Since, First, Until time.Time
	Waiting             int
	Cut                 bool
	Damage              Damage

	clusters map[string][]string // those in which there is something of an account, by its id and by its name
}

type pair struct{ account, cluster string }

// Tell is what was read tells until now: of times that had not ended before [Reading.Since].
func (r *Reading) Tell(now time.Time) History {
	h := History{clusters: map[string][]string{}, Since: r.Since, First: r.First, Until: r.Until, Waiting: r.Waiting, Cut: r.Cut, Damage: r.Damage}
	if h.First.IsZero() && len(r.Docs) > 0 {
		h.First = r.Docs[0].Time
	}
	verdicts := unknowns{open: map[string]int{}}
	told := episodes{open: map[pair]*Episode{}, ended: map[pair]time.Time{}}
	for i := range r.Docs {
		d := &r.Docs[i]
		verdicts.take(d)
		if d.Account != nil && d.Cluster != nil {
			h.has(d.Account.ID, *d.Cluster)
			h.has(d.Account.Name, *d.Cluster)
		}
		if g, is := gapOf(d); is {
			h.Gaps = append(h.Gaps, g)
		}
		told.take(d)
	}
	if len(r.Damage.Gaps) > 0 { // which a recorder that began after it may have said already
		h.Gaps = Joined(slices.Concat(h.Gaps, Before(r.Damage.Gaps, cmp.Or(h.Until, now))))
	}
	if !h.Until.IsZero() && h.Until.Before(now) {
		h.Gaps = append(h.Gaps, Gap{h.Until, now})
	}
	h.Kicked, h.Unknown, h.Unchecked = kickedIn(r.Docs), verdicts.all, uncheckedIn(r.Docs)
	kicks, servers := kickedBy(h.Kicked), ofServersIn(r.Docs)
	for _, e := range told.all {
		if e.Ended != nil && e.Ended.Before(r.Since) {
			continue
		}
		for _, at := range kicks[pair{e.Account.ID, e.Cluster}].during(h.Kicked, e) {
			h.Kicked[at].Apart = false
			e.Kicked = append(e.Kicked, h.Kicked[at])
		}
		until := now
		if e.Ended != nil {
			until = *e.Ended
		}
		to := e.Began.Add(around)
		if until.Before(to) { // what came after it has nothing to do with it
			to = until
		}
		e.Around = closest(within(servers[e.Cluster], e.Began.Add(-around), to), e.Began)
		e.Unseen = h.unseen(e.Cluster, e.Began, until)
		h.Episodes = append(h.Episodes, *e)
	}
	slices.SortStableFunc(h.Episodes, func(a, b Episode) int { return b.Began.Compare(a.Began) })
	h.leaveOut(r.Since)
	return h
}

// leaveOut leaves out what had ended before a time.
func (h *History) leaveOut(before time.Time) {
	ended := func(to *time.Time) bool { return to != nil && to.Before(before) }
	h.Gaps = slices.DeleteFunc(h.Gaps, func(g Gap) bool { return ended(&g.To) })
	h.Unknown = slices.DeleteFunc(h.Unknown, func(u Unknown) bool { return ended(u.To) })
	h.Unchecked = slices.DeleteFunc(h.Unchecked, func(u Unchecked) bool { return ended(u.To) })
	h.Kicked = slices.DeleteFunc(h.Kicked, func(k Kicked) bool { return k.To.Before(before) })
}

// episodes are those of documents in the order of their times.
type episodes struct {
	all     []*Episode
	open    map[pair]*Episode  // those that last
	ended   map[pair]time.Time // when the last one of each ended
	started record.Document    // the last start of a recorder
}

func (x *episodes) take(d *record.Document) {
	if d.Change == record.Watching {
		x.started = *d
	}
	if d.Account == nil || d.Cluster == nil || d.Change == record.Kicked {
		return
	}
	k := pair{d.Account.ID, *d.Cluster}
	e := x.open[k]
	if e != nil && e.movedBy(d) {
		ended := d.Time
		e.Ended, e.Next, x.ended[k] = &ended, *d.LeansTo, ended
		e = nil
	}
	if e == nil {
		// Of two recorders that saw it end the first one has said so.
		if ended, is := x.ended[k]; d.Since == nil || is && d.Change == record.Back && !d.Since.After(ended) {
			return
		}
		e = x.begin(d)
		x.open[k] = e
		x.all = append(x.all, e)
	}
	e.Last = d.Spread
	e.Finding = e.Finding || d.Change == record.Held || d.Finding != nil && *d.Finding
	if d.Change == record.Back {
		ended := d.Time
		e.Ended, x.ended[k] = &ended, ended
		delete(x.open, k)
	}
}

// movedBy reports whether by a document an account leans to another server than it did. Of two
// recorders the first one has said so. A server that started again is the same one.
func (e *Episode) movedBy(d *record.Document) bool {
	if d.LeansTo == nil || d.Change == record.Back || e.To == (record.DocumentServer{}) || d.LeansTo.ID == e.To.ID {
		return false
	}
	return d.MovedFrom != nil || d.LeansTo.Name != e.To.Name
}

// ofServersIn are the documents of what happened to servers, by their cluster, in order.
func ofServersIn(docs []record.Document) map[string][]record.Document {
	out := map[string][]record.Document{}
	for _, d := range docs {
		if d.Server != nil && d.Cluster != nil && d.Change != record.Kicked {
			out[*d.Cluster] = append(out[*d.Cluster], d)
		}
	}
	return out
}

// within are the documents from one time to another, both included. They are a part of
// all: a thousand accounts may begin to lean with one server, among thousands of events.
func within(all []record.Document, from, to time.Time) []record.Document {
	begin, _ := slices.BinarySearchFunc(all, from, func(d record.Document, t time.Time) int { return d.Time.Compare(t) })
	end, _ := slices.BinarySearchFunc(all, to, func(d record.Document, t time.Time) int {
		if d.Time.After(t) {
			return 1
		}
		return -1
	})
	return all[begin:max(begin, end):max(begin, end)]
}

// closest are those of documents that are closest to a time, at most [mostAround].
func closest(all []record.Document, to time.Time) []record.Document {
	at, _ := slices.BinarySearchFunc(all, to, func(d record.Document, t time.Time) int { return d.Time.Compare(t) })
	all = all[max(0, at-mostAround):min(len(all), at+mostAround)]
	for len(all) > mostAround {
		if last := len(all) - 1; to.Sub(all[0].Time) > all[last].Time.Sub(to) {
			all = all[1:]
		} else {
			all = all[:last]
		}
	}
	return all
}
