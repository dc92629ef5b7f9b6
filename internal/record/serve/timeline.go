package serve

import (
	"bytes"
	"context"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/nats-balance/nats-balance/internal/record/history"
)

const (
	// timelineFor is how long the timeline of an account is shown before it is made
	// again, and mostTimelines how many are kept for that long.
	timelineFor   = 10 * time.Second
	mostTimelines = 32
	// timelinePast is how far back it goes.
	timelinePast = 7 * 24 * time.Hour
)

// timelines are pages with the timeline of one account each. They are made one at a
// time, whoever asks.
type timelines struct {
	mu   sync.Mutex
	made map[string]timeline

	turn chan struct{}
}

type timeline struct {
	at   time.Time
	page []byte
}

func newTimelines() *timelines {
	return &timelines{made: map[string]timeline{}, turn: make(chan struct{}, 1)}
}

// known is a page that was made of late; nil where there is none.
func (t *timelines) known(id string) []byte {
	t.mu.Lock()
	defer t.mu.Unlock()
	if m, ok := t.made[id]; ok && time.Since(m.at) < timelineFor {
		return m.page
	}
	return nil
}

// page is the timeline of an account by its id.
func (t *timelines) page(ctx context.Context, id string, o Options) ([]byte, error) {
	if page := t.known(id); page != nil {
		return page, nil
	}
	ctx, cancel := context.WithTimeout(ctx, readsIn)
	defer cancel()
	select {
	case t.turn <- struct{}{}:
		defer func() { <-t.turn }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if page := t.known(id); page != nil { // somebody else's request made it
		return page, nil
	}
	now := time.Now()
	r, err := o.Timeline(ctx, id, now.Add(-timelinePast))
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	chart := history.Chart{Account: id, From: from(&r, now), To: now, Until: r.Until, Waiting: r.Waiting, Damage: r.Damage, Version: o.Version, Cut: r.Cut, Refresh: refreshEvery, Back: "/"}
	if err := chart.Write(&b, r.Docs); err != nil {
		return nil, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.made) >= mostTimelines {
		clear(t.made)
	}
	t.made[id] = timeline{now, b.Bytes()}
	return b.Bytes(), nil
}

// from is where a timeline begins: with what was recorded, as a week of which there are
// some minutes would be a stroke at its end.
func from(r *history.Reading, now time.Time) time.Time {
	const least = 10 * time.Minute
	begin := r.First
	if begin.Before(r.Since) {
		begin = r.Since
	}
	if begin.IsZero() || now.Sub(begin) < least {
		return now.Add(-least)
	}
	return begin
}

// refreshEvery is after how many seconds a page loads itself again.
const refreshEvery = 10

// linkTo is the address of an account's timeline.
func linkTo(id string) string { return "/account?id=" + url.QueryEscape(id) }

// timeline serves the timeline of an account.
func (s *Server) timeline(w http.ResponseWriter, r *http.Request) {
	id := r.URL.Query().Get("id")
	if id == "" || s.o.Timeline == nil {
		http.NotFound(w, r)
		return
	}
	page, err := s.timelines.page(r.Context(), id, s.o)
	if err != nil {
		http.Error(w, "what was recorded can't be read now", http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Security-Policy", history.ChartPolicy()+"; frame-ancestors 'none'")
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = w.Write(page) // whoever asked is gone
}
