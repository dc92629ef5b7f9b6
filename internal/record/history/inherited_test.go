package history

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/record"
	"github.com/nats-balance/nats-balance/internal/source/sourcetest"
)

// handover is a recorder that wrote and ended, and one that takes over from it.
type handover struct {
	t     *testing.T
	first *Store
	next  *Store
	took  []record.Recorded
	until time.Time
}

// after is who takes over from a recorder that wrote changes and ended now.
func after(t *testing.T, changes ...record.Change) *handover {
	t.Helper()
	srv := keeper(t)
	use := func() *Store {
		s, err := Use(sourcetest.Within(t), sourcetest.Connect(t, srv.ClientURL()), limits())
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	h := &handover{t: t, first: use(), next: use()}
	written(t, h.first, changes)
	return h
}

// inherits takes over, and returns what is left to be written.
func (h *handover) inherits(still record.Standstill, changes ...record.Change) []record.Document {
	h.t.Helper()
	h.next.Add(changes)
	var err error
	if h.until, err = h.next.Inherited(sourcetest.Within(h.t), still, func(r record.Recorded) { h.took = append(h.took, r) }); err != nil {
		h.t.Fatal(err)
	}
	return h.next.queue
}

func kindsOf(docs []record.Document) (kinds []record.Kind) {
	for _, d := range docs {
		kinds = append(kinds, d.Change)
	}
	return kinds
}

// Of two recorders both saw the same a moment apart. The one that goes on writes nothing that
// the other one has written, and what it writes of the same time has its beginning.
func TestWhatIsRecordedIsNotWrittenAgain(t *testing.T) {
	t.Parallel()
	n1, n2 := checks.ServerRef{ID: "N1", Name: "n1"}, checks.ServerRef{ID: "N2", Name: "n2"}
	start := time.Now().Add(-time.Hour).UTC()
	at := func(d time.Duration) time.Time { return start.Add(d) }
	change := func(kind record.Kind, d, since time.Duration, to checks.ServerRef) record.Change {
		c := record.Change{Kind: kind, Time: at(d), Cluster: "C1", Spread: spread(at(d), 20, 1, 1)}
		if to != (checks.ServerRef{}) {
			c.Since, c.LeansTo = at(since), to
		}
		c.Finding = kind == record.Held
		return c
	}
	const ms, s = time.Millisecond, time.Second
	for name, c := range map[string]struct {
		recorded, queued []record.Change
		want             []record.Kind
	}{
		"it crossed": {[]record.Change{change(record.Crossed, 0, 0, n1)},
			[]record.Change{change(record.Crossed, 80*ms, 80*ms, n1)}, nil},
		"it crossed and is a finding": {[]record.Change{change(record.Crossed, 0, 0, n1), change(record.Held, 6*s, 0, n1)},
			[]record.Change{change(record.Crossed, 80*ms, 80*ms, n1), change(record.Held, 6*s+80*ms, 80*ms, n1)}, nil},
		"it crossed, and is a finding since": {[]record.Change{change(record.Crossed, 0, 0, n1)},
			[]record.Change{change(record.Crossed, 80*ms, 80*ms, n1), change(record.Held, 6*s, 80*ms, n1)}, []record.Kind{record.Held}},
		"it is back": {[]record.Change{change(record.Crossed, 0, 0, n1), change(record.Back, 8*s, 0, n1)},
			[]record.Change{change(record.Shifted, 8*s+10*ms, 80*ms, n1), change(record.Back, 8*s+80*ms, 80*ms, n1)}, nil},
		"it is back, and crossed again": {[]record.Change{change(record.Crossed, 0, 0, n1), change(record.Back, 8*s, 0, n1)},
			[]record.Change{change(record.Back, 8*s+80*ms, 80*ms, n1), change(record.Crossed, 9*s, 9*s, n1), change(record.Held, 12*s, 9*s, n1)}, []record.Kind{record.Crossed, record.Held}},
		"it crossed, and is back since": {[]record.Change{change(record.Crossed, 0, 0, n1)},
			[]record.Change{change(record.Crossed, 80*ms, 80*ms, n1), change(record.Back, 8*s, 80*ms, n1)}, []record.Kind{record.Back}},
		"it moved": {[]record.Change{change(record.Crossed, 0, 0, n1)},
			[]record.Change{change(record.Crossed, 80*ms, 80*ms, n1), change(record.Crossed, 8*s, 8*s, n2)}, []record.Kind{record.Crossed}},
		"nothing is recorded of it": {nil, []record.Change{change(record.Crossed, 0, 0, n1)}, []record.Kind{record.Crossed}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := after(t, c.recorded...)
			left := h.inherits(record.Standstill{}, c.queued...)
			if got := kindsOf(left); !slices.Equal(got, c.want) {
				t.Fatalf("it writes %v, want %v", got, c.want)
			}
			if len(c.recorded) > 0 && len(h.took) != 1 {
				t.Errorf("%+v", h.took)
			}
			if len(left) == 1 && left[0].Change != record.Crossed && !left[0].Since.Equal(at(0)) {
				t.Errorf("since %s", left[0].Since)
			}
		})
	}
}

// A recorder that is still starting takes over from one that recorded meanwhile and ended. What
// that one recorded is neither unknown nor missing: there is a gap from its end, and what the
// new one finds to lean began after the other one knew that it did not.
func TestStartingRecorderTakesOver(t *testing.T) {
	t.Parallel()
	alive := time.Now().Add(-time.Minute).UTC()
	back := alive.Add(4 * time.Second)
	h := after(t, record.Change{Kind: record.Back, Time: back, Since: alive.Add(-time.Minute), LeansTo: checks.ServerRef{ID: "N1", Name: "n1"}, Cluster: "C1", Spread: spread(back, 8, 7, 7)})
	ended := h.first.LastAlive(sourcetest.Within(t))
	begins := time.Now().UTC()
	e := newElection(h.next.bucket)
	h.next.Inherit = func(context.Context) (bool, error) { return false, nil }
	h.next.elect(sourcetest.Within(t), e, begins, func(bool) {})
	if !e.leading || !h.next.LastAlive(sourcetest.Within(t)).Equal(ended) {
		t.Fatal("it does not lead, or says that it records before it does")
	}
	left := h.inherits(record.Standstill{},
		record.Change{Kind: record.Watching, Time: begins, Since: alive, Of: &record.Totals{}},
		record.Change{Kind: record.Crossed, Time: begins, Since: begins, NotBefore: alive, AtStart: true, Cluster: "C1", LeansTo: checks.ServerRef{ID: "N1", Name: "n1"}, Spread: spread(begins, 20, 1, 1)})
	if len(left) != 2 || !left[0].Since.Equal(ended) || !left[1].NotBefore.Equal(ended) || !h.until.Equal(ended) {
		t.Errorf("the other one ended at %s: %+v", ended, left)
	}
}

// A recorder stood still while another one recorded, and leads again. Only what the other one
// did not record is unknown.
func TestStandstillWasRecordedByAnother(t *testing.T) {
	t.Parallel()
	stopped := time.Now().Add(-20 * time.Second).UTC()
	crossed := stopped.Add(4 * time.Second)
	n1 := checks.ServerRef{ID: "N1", Name: "n1"}
	lean := record.Change{Kind: record.Crossed, Time: crossed, Since: crossed, Cluster: "C1", LeansTo: n1, Spread: spread(crossed, 20, 1, 1)}
	finding := lean
	finding.Kind, finding.Time, finding.Finding = record.Held, crossed.Add(6*time.Second), true
	h := after(t, lean, finding)
	now := time.Now().UTC()
	still := record.Standstill{From: stopped, To: now.Add(-2 * time.Second)}
	again := lean
	again.Time, again.Since, again.NotBefore = still.To, still.To, stopped
	unknown := record.Change{Kind: record.Undecided, Time: still.To, Since: stopped, Everywhere: true}
	known := record.Change{Kind: record.Decided, Time: now.Add(time.Second), Since: stopped, Everywhere: true}
	elsewhere := record.Change{Kind: record.Undecided, Time: still.To, Since: stopped.Add(-time.Second), Everywhere: true}
	left := h.inherits(still, unknown, again, elsewhere, known)
	if len(left) != 2 || !left[0].Since.Equal(stopped.Add(-time.Second)) || left[1].Change != record.Decided || !left[1].Since.Equal(h.until) {
		t.Errorf("%+v", left)
	}
	if len(h.took) != 1 || !h.took[0].Lean.Finding || !h.took[0].Until.Equal(h.until) || h.took[0].Lean.Unknown != 0 {
		t.Errorf("%+v", h.took)
	}
}
