package history

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/lab"
	"github.com/nats-balance/nats-balance/internal/record"
	"github.com/nats-balance/nats-balance/internal/source/sourcetest"
)

// A stream that is full takes no change, and its bucket does: who reads learns since when
// changes wait and how many, and after the recorder ended without having written them, that
// what happened since then is unknown.
func TestFullStreamIsKnownToBeUnwritten(t *testing.T) {
	t.Parallel()
	srv := keeper(t)
	ctx := sourcetest.Within(t)
	s, err := Use(ctx, sourcetest.Connect(t, srv.ClientURL()), limits())
	if err != nil {
		t.Fatal(err)
	}
	running, stop := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() { s.Run(running, func(bool) {}); close(done) }()
	all := leaning()
	s.Add(all[:3])
	waitWritten(t, s)
	full := s.streamConfig()
	full.Discard, full.MaxMsgs = jetstream.DiscardNew, 3
	if _, err := s.js.UpdateStream(ctx, full); err != nil {
		t.Fatal(err)
	}
	s.Add(all[5:8])
	r, err := Read(ctx, sourcetest.Connect(t, srv.ClientURL()))
	if err != nil {
		t.Fatal(err)
	}
	reads := func(until time.Time, waiting int) {
		t.Helper()
		err := lab.Poll(ctx, func() error {
			got, err := r.Reading(ctx, Query{}, time.Now())
			if err == nil && (!got.Until.Equal(until) || got.Waiting != waiting) {
				err = fmt.Errorf("until %s, %d wait, want %s, %d", got.Until, got.Waiting, until, waiting)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	reads(all[5].Time, 3)
	full.MaxMsgs = 100
	if _, err := s.js.UpdateStream(ctx, full); err != nil {
		t.Fatal(err)
	}
	reads(time.Time{}, 0)
	full.MaxMsgs = 6
	if _, err := s.js.UpdateStream(ctx, full); err != nil {
		t.Fatal(err)
	}
	s.Add(all[8:9])
	reads(all[8].Time, 1)
	stop()
	<-done
	if at := r.LastAlive(ctx); !at.Equal(all[8].Time) {
		t.Errorf("recorded until %s", at)
	}
}

// What a recorder says of itself is read as it was written, and what is none is not.
func TestWord(t *testing.T) {
	t.Parallel()
	for _, w := range []word{{}, {recorded: began()}, {began(), 3}} {
		if got := wordOf(w.text()); got != w {
			t.Errorf("%+v: %+v", w, got)
		}
	}
	at := word{recorded: began()}.text()
	for _, text := range []string{"", "x", at + " ", at + " x", at + " -1", "x 3"} {
		if got := wordOf(text); got != (word{}) {
			t.Errorf("%q: %+v", text, got)
		}
	}
}

// Changes that were too many to wait leave a gap.
func TestLostChangesAreAGap(t *testing.T) {
	t.Parallel()
	s, err := OpenLocal(sourcetest.Within(t), t.TempDir(), limits())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	all := leaning()
	s.lost, s.lostFrom = 2, all[2].Time
	written(t, s, all[5:])
	r, err := s.Reading(sourcetest.Within(t), Query{}, time.Now())
	want := Gap{all[2].Time, all[5].Time}
	if h := r.Tell(time.Now()); err != nil || !slices.Contains(h.Gaps, want) {
		t.Errorf("%+v, want %+v, %v", h.Gaps, want, err)
	}
}

// Every time in which nobody recorded is a gap, but not that in which another one did. An
// account that leans to another server after it is said to.
func TestShortGaps(t *testing.T) {
	t.Parallel()
	at := func(seconds int) time.Time { return began().Add(time.Duration(seconds) * time.Second) }
	start := func(second, since int) record.Change {
		c := record.Change{Kind: record.Watching, Time: at(second), Of: &record.Totals{}}
		if since >= 0 {
			c.Since = at(since)
		}
		return c
	}
	leans := func(second, n1, n2 int) record.Change {
		s := spread(at(second), n1, n2, 1)
		slices.SortFunc(s.Servers, func(a, b record.Share) int { return b.Connections - a.Connections })
		c := record.Change{Kind: record.Crossed, Time: at(second), Since: at(1), Cluster: "C1", Spread: s, LeansTo: s.Servers[0].Server}
		switch {
		case n2 > n1: // as watch says that it moved
			c.Since, c.Left = at(second), &record.Left{Server: checks.ServerRef{ID: "N1", Name: "n1"}, Since: at(1)}
		case second > 1:
			c.Kind = record.Shifted
		}
		return c
	}
	for name, c := range map[string]struct {
		of    []record.Change
		gaps  []Gap
		moved int
	}{
		"the first one":         {[]record.Change{start(0, -1), leans(1, 20, 1)}, nil, 0},
		"at once":               {[]record.Change{start(0, -1), leans(1, 20, 1), start(5, 5)}, nil, 0},
		"the clock was set":     {[]record.Change{start(0, -1), leans(1, 20, 1), start(5, 6)}, nil, 0},
		"3 s":                   {[]record.Change{start(0, -1), leans(1, 20, 1), start(8, 5), leans(8, 20, 1)}, []Gap{{at(5), at(8)}}, 0},
		"another server":        {[]record.Change{start(0, -1), leans(1, 20, 1), start(8, 5), leans(8, 1, 20), leans(9, 1, 30)}, []Gap{{at(5), at(8)}}, 1},
		"while it was recorded": {[]record.Change{start(0, -1), leans(1, 20, 1), leans(6, 1, 20)}, nil, 1},
	} {
		h := tell(documents(c.of))
		if !slices.Equal(h.Gaps, c.gaps) || len(h.Episodes) != 1+c.moved || (h.Episodes[c.moved].Next.Name == "n2") != (c.moved > 0) || c.moved > 0 && !slices.Equal(h.Episodes[1].Unseen, c.gaps) {
			t.Errorf("%s: %+v, %+v", name, h.Gaps, h.Episodes)
		}
	}
	s := &Store{queue: documents([]record.Change{start(5, 1), start(9, 1), start(10, -1)})}
	s.recorded(at(7))
	for i, want := range []time.Time{at(5), at(7), {}} {
		if got := s.queue[i].Since; (got == nil) != want.IsZero() || got != nil && !got.Equal(want) {
			t.Errorf("%d: %v, want %s", i, got, want)
		}
	}
}

// The folder is removed while it is recorded into: that is said, and it is made again.
func TestFolderIsRemoved(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("files that are open can't be removed")
	}
	t.Parallel()
	ctx := sourcetest.Within(t)
	dir := filepath.Join(t.TempDir(), "kept")
	s, err := OpenLocal(ctx, dir, Limits{Keep: 24 * time.Hour, Bytes: 16 << 20})
	if err != nil {
		t.Fatal(err)
	}
	said, made := make(chan error, 10), make(chan bool, 10)
	s.Writing, s.Made = func(err error) { said <- err }, func() { made <- true }
	running, stop := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() { s.Run(running, func(bool) {}); close(done) }()
	all := leaning()
	s.Add(all[:3])
	waitWritten(t, s)
	if err := lab.Poll(ctx, func() error { return os.RemoveAll(dir) }); err != nil {
		t.Fatal(err)
	}
	s.Add(all[3:])
	next := func() error {
		select {
		case err := <-said:
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	var gone *GoneError
	if err := next(); !errors.As(err, &gone) {
		t.Fatalf("it is not said that it was removed: %v", err)
	}
	if err := next(); err != nil || len(made) != 1 {
		t.Fatalf("%v, made %d times", err, len(made))
	}
	waitWritten(t, s)
	stop()
	<-done
	s.Close()
	if s, err = OpenLocal(ctx, dir, Limits{Keep: 24 * time.Hour, Bytes: 16 << 20}); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	docs, _, err := s.Documents(ctx, Query{})
	if err != nil || len(docs) != len(all)-3 {
		t.Errorf("%d documents, %v", len(docs), err)
	}
}
