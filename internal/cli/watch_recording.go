package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-balance/nats-balance/internal/record"
	"github.com/nats-balance/nats-balance/internal/record/history"
	"github.com/nats-balance/nats-balance/internal/record/live"
	"github.com/nats-balance/nats-balance/internal/words"
)

// recording says that nothing can be recorded, and that it can again. A watch that stands
// by has written nothing.
func (a *watch) recording(err error, leads bool) {
	switch {
	case err == nil && leads:
		fmt.Fprintln(a.host.Err, "nats-balance: recording works again: what waited is written")
	case err == nil:
		fmt.Fprintln(a.host.Err, "nats-balance: the store answers again, and this watch stands by")
	default:
		fmt.Fprintf(a.host.Err, "nats-balance: recording fails: %s: what changes waits, and is lost if this watch ends before it can be written\n", line(err.Error()))
	}
}

// led says whether this watch records, where several have one store.
func (a *watch) led(leading bool) {
	if directory, err := directory(a.store.place); err == nil && directory != "" {
		return // where there is one only
	}
	if leading {
		fmt.Fprintln(a.host.Err, "nats-balance: this watch records")
		return
	}
	fmt.Fprintln(a.host.Err, "nats-balance: another watch records, this one stands by")
}

// inherit takes over what another watch recorded last, where several have one store.
func (a *watch) inherit(ctx context.Context, store *history.Store, follow *live.Live) {
	if dir, err := directory(a.store.place); err == nil && dir != "" {
		return
	}
	err := store.Leaning(ctx, func(last record.Spread, since time.Time, finding bool) {
		follow.Look(func(w *record.Watch, _ bool) { w.Inherit(last, since, finding) })
	})
	if err == nil {
		var said []record.Change
		if said, err = store.Undecided(ctx); err == nil {
			follow.Look(func(w *record.Watch, _ bool) { store.Add(w.InheritUndecided(said, time.Now())) })
		}
	}
	if err != nil {
		a.host.tracef("!!! what was recorded last can't be read: %v", err)
	}
}

// unmatched says which of the accounts and clusters that were asked for are not there.
func (a *watch) unmatched(follow *live.Live) {
	var accounts, clusters []string
	follow.Look(func(w *record.Watch, _ bool) { accounts, clusters = w.Unmatched() })
	for _, name := range accounts {
		fmt.Fprintf(a.host.Err, "nats-balance: no server reports an account %s: it is checked once one does\n", words.Harmless(name))
	}
	for _, name := range clusters {
		fmt.Fprintf(a.host.Err, "nats-balance: no server is in a cluster %s: it is checked once one is\n", words.Harmless(name))
	}
}

// made says that the stream was made again, and writes into it what is known now.
func (a *watch) made(store *history.Store, follow *live.Live) {
	fmt.Fprintln(a.host.Err, "nats-balance: the stream of the history was deleted, and is made again: what was recorded before is gone")
	follow.Look(func(w *record.Watch, _ bool) { store.Add(w.Standing(time.Now())) })
}
