package cli

import (
	"context"
	"time"

	"github.com/nats-balance/nats-balance/internal/record"
	"github.com/nats-balance/nats-balance/internal/record/history"
	"github.com/nats-balance/nats-balance/internal/record/live"
	"github.com/nats-balance/nats-balance/internal/report"
)

// recording says that nothing can be recorded, and that it can again. A watch that stands
// by has written nothing.
func (a *watch) recording(err error, leads bool) {
	switch {
	case err == nil && leads:
		a.notice(report.RecordingAgain)
	case err == nil:
		a.notice(report.StandingByAgain)
	default:
		a.notice(report.RecordingFails(line(err.Error())))
	}
}

// led says whether this watch records, where several have one store.
func (a *watch) led(leading bool) {
	if directory, err := directory(a.store.place); err == nil && directory != "" {
		return // where there is one only
	}
	if leading {
		a.notice(report.Recording)
		return
	}
	a.notice(report.StandingBy)
}

// inherit takes over what another watch recorded last, where several have one store. It
// reports whether it did: before the first full report was judged it can't.
func (a *watch) inherit(ctx context.Context, store *history.Store, follow *live.Live) (did bool, err error) {
	if !a.began.Load() {
		return false, nil
	}
	var still record.Standstill
	follow.Look(func(w *record.Watch, _ bool) { still = w.StoodStill() })
	until, err := store.Inherited(ctx, still, func(r record.Recorded) {
		follow.Look(func(w *record.Watch, _ bool) { w.Inherit(r, time.Now()) })
	})
	if err == nil {
		follow.Look(func(w *record.Watch, _ bool) { w.InheritUntil(until) })
		var said []record.Change
		if said, err = store.Undecided(ctx); err == nil {
			follow.Look(func(w *record.Watch, _ bool) { store.Add(w.InheritUndecided(said, time.Now())) })
		}
	}
	if err != nil {
		a.host.tracef("!!! what was recorded last can't be read: %v", err)
	}
	return err == nil, err
}

// unmatched says which of the accounts and clusters that were asked for are not there.
func (a *watch) unmatched(follow *live.Live) {
	var accounts, clusters []string
	follow.Look(func(w *record.Watch, _ bool) { accounts, clusters = w.Unmatched() })
	for _, sentence := range report.Unmatched(accounts, clusters) {
		a.notice(sentence)
	}
}

// made says that the stream was made again, and writes into it what is known now.
func (a *watch) made(store *history.Store, follow *live.Live) {
	a.notice(report.StreamMade)
	follow.Look(func(w *record.Watch, _ bool) { store.Add(w.Standing(time.Now())) })
}
