package history

import (
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
	// Began is when it crossed the threshold, or was first seen above it.
	Began time.Time
	// NotBefore is set where it was not seen to begin: it began between that and
	// Began, or at any time before Began where it is zero.
	NotBefore *time.Time
	// Undecided is that it was unknown until Began whether it leaned.
	Undecided bool
	Ended     *time.Time // nil while it lasts
	Finding   bool       // it lasted as long as a finding takes
	Before    *record.DocumentSpread
	Then      *record.DocumentSpread // when it began
	Last      *record.DocumentSpread // the last that is known
	Moves     []record.DocumentMove
	// MoreMoves and MovesMissed are as in [record.Change].
	MoreMoves   int
	MovesMissed bool
	// Around is what happened to servers of the cluster within a minute of its
	// beginning, in order, at most [mostAround]. Episodes share it: it is to be read only.
	Around []record.Document
	// Kicked are connections of the account that were kicked from a minute before it
	// began until a minute after it ended.
	Kicked []Kicked
	// Unseen are the parts of it in which nothing was recorded, or the verdict was unknown.
	Unseen []Gap
}

// Gap is a time of which nothing is known.
type Gap struct{ From, To time.Time }

// History is what documents tell.
type History struct {
	Episodes []Episode // the last to begin first
	Gaps     []Gap
	Unknown  []Unknown
	// Unchecked are the times in which clusters had too few servers.
	Unchecked []Unchecked
	Kicked    []Kicked  // also those of no episode, the first to begin first
	First     time.Time // of the documents; zero where there is none
	Cut       bool      // there were more than can be held: older ones were left out

	clusters map[string][]string // those in which there is something of an account, by its id and by its name
}

type pair struct{ account, cluster string }

// Tell makes out of documents, in the order of their times, what they tell until now.
func Tell(docs []record.Document, now time.Time) History {
	h := History{clusters: map[string][]string{}}
	verdicts := unknowns{open: map[string]int{}}
	open := map[pair]*Episode{}
	var all []*Episode
	var started record.Document // the last start of a recorder
	for _, d := range docs {
		if h.First.IsZero() {
			h.First = d.Time
		}
		verdicts.take(&d)
		if d.Account != nil && d.Cluster != nil {
			h.has(d.Account.ID, *d.Cluster)
			h.has(d.Account.Name, *d.Cluster)
		}
		if d.Change == record.Watching {
			started = d
			if d.Since != nil && d.Time.Sub(*d.Since) > 2*aliveEvery {
				h.Gaps = append(h.Gaps, Gap{*d.Since, d.Time})
			}
			continue
		}
		if d.Account == nil || d.Cluster == nil || d.Change == record.Kicked {
			continue
		}
		k := pair{d.Account.ID, *d.Cluster}
		e := open[k]
		if e == nil && d.Since != nil && d.Change != record.Back {
			e = &Episode{Account: *d.Account, Cluster: *d.Cluster, Began: *d.Since, Then: d.Spread, Before: d.Before, Moves: d.Moves, MoreMoves: d.MoreMoves, MovesMissed: d.MovesMissed}
			if d.AtStart != nil && *d.AtStart {
				e.NotBefore = &time.Time{}
				if d.Before != nil && started.Since != nil {
					e.NotBefore = started.Since
				}
			}
			open[k] = e
			all = append(all, e)
		}
		if e == nil {
			continue
		}
		e.Last = d.Spread
		switch d.Change { //nolint:exhaustive // the others are of servers
		case record.Held:
			e.Finding = true
		case record.Back:
			ended := d.Time
			e.Ended, e.Finding = &ended, e.Finding || d.Finding != nil && *d.Finding
			delete(open, k)
		default:
			e.Finding = e.Finding || d.Finding != nil && *d.Finding
		}
	}
	h.Kicked, h.Unknown, h.Unchecked = kickedIn(docs), verdicts.all, uncheckedIn(docs)
	kicks, servers := kickedBy(h.Kicked), ofServersIn(docs)
	for _, e := range all {
		e.notSeen(h.Unknown)
		for _, at := range kicks[pair{e.Account.ID, e.Cluster}].during(h.Kicked, e) {
			h.Kicked[at].Apart = false
			e.Kicked = append(e.Kicked, h.Kicked[at])
		}
		e.Around = closest(within(servers[e.Cluster], e.Began.Add(-around), e.Began.Add(around)), e.Began)
		until := now
		if e.Ended != nil {
			until = *e.Ended
		}
		e.Unseen = h.unseen(e.Cluster, e.Began, until)
		h.Episodes = append(h.Episodes, *e)
	}
	slices.SortStableFunc(h.Episodes, func(a, b Episode) int { return b.Began.Compare(a.Began) })
	return h
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
