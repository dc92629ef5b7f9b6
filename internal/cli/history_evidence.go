package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/choria-io/fisk"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/audit"
	"github.com/nats-balance/nats-balance/internal/record"
	"github.com/nats-balance/nats-balance/internal/record/history"
	"github.com/nats-balance/nats-balance/internal/report"
	"github.com/nats-balance/nats-balance/internal/source"
	"github.com/nats-balance/nats-balance/internal/words"
)

// evidenceFlags say what an audit takes of what watch recorded.
type evidenceFlags struct {
	place string
	off   bool
}

func (f *evidenceFlags) flags(cmd *fisk.CmdClause) {
	placeFlag(cmd, "history", "Where watch records, as evidence: a directory, or a context (default this user's directory while watch records there)", &f.place)
	cmd.Flag("no-history", "Take nothing of what watch recorded as evidence").UnNegatableBoolVar(&f.off)
}

func (f *evidenceFlags) validate(s sourceFlags) error {
	from, _, _ := s.chosen()
	switch {
	case f.off && f.place != "":
		return errors.New("--history and --no-history are both given: pass one of them")
	case from.kind.Past && f.place != "":
		return fmt.Errorf("--history is of now, and --%s of the past: leave out one of them", from.flag)
	}
	return nil
}

// reader reads what was recorded of suspects; nil where nothing is to be read.
func (f *evidenceFlags) reader(h Host, s sourceFlags) audit.History {
	if from, _, _ := s.chosen(); f.off || from.kind.Past {
		return nil
	}
	timeout := h.Timeout()
	h.Timeout = func() time.Duration { return min(timeout, source.LongestHistory) } // which is what errors name
	return func(ctx context.Context, d *checks.Deployment, of []source.Suspect) ([]*checks.Recorded, []string) {
		ctx, cancel := context.WithTimeout(ctx, source.LongestHistory)
		defer cancel()
		store, where, err := f.open(ctx, h)
		if err != nil {
			return nil, []string{report.HistoryUnread(where, line(err.Error()))}
		}
		if store == nil {
			return nil, nil
		}
		defer store.Close()
		all := make([]history.Suspect, len(of))
		for i, x := range of {
			all[i] = history.Suspect{Account: x.Account, Cluster: x.Cluster}
		}
		recorded, err := store.Recorded(ctx, d, all, time.Now())
		if err != nil {
			return nil, []string{report.HistoryNoEvidence(where, line(err.Error()))}
		}
		return recorded, nil
	}
}

// gone reads which servers were recorded to go; nil where nothing is to be read.
func (f *evidenceFlags) gone(h Host, s sourceFlags) audit.Gone {
	if from, _, _ := s.chosen(); f.off || from.kind.Past {
		return nil
	}
	timeout := h.Timeout()
	h.Timeout = func() time.Duration { return min(timeout, source.LongestHistory) }
	return func(ctx context.Context, d *checks.Deployment) ([]checks.RecordedGone, []string) {
		ctx, cancel := context.WithTimeout(ctx, source.LongestHistory)
		defer cancel()
		store, where, err := f.open(ctx, h)
		if store != nil {
			defer store.Close()
		}
		var past checks.RecordedPast
		now := time.Now()
		if err == nil && store != nil {
			past, err = store.Past(ctx, now)
		}
		if err != nil {
			return nil, []string{report.HistoryOfMissingUnread(where, line(err.Error()))}
		}
		if len(past.Servers) == 0 { // nobody went
			return nil, nil
		}
		gone, kin := past.Of(d)
		if f.place == "" && kin == checks.Apart { // nobody said that it is of this one
			return nil, nil
		}
		if doubt := record.PastDoubtOf(&past, d, kin, now); doubt != nil {
			return gone, []string{report.HistoryInDoubt(where, *doubt)}
		}
		return gone, nil
	}
}

// open opens the history, and says for people where it is. Where none was named, it
// is that of a recorder of this user that runs, or nil.
func (f *evidenceFlags) open(ctx context.Context, h Host) (store *history.Store, where string, err error) {
	if f.place != "" {
		store, err := openHistory(ctx, "history", f.place, h)
		return store, words.Harmless(f.place), err
	}
	dir, err := history.DefaultDir()
	if err != nil {
		return nil, "", nil //nolint:nilerr // nobody named one, and there is none
	}
	store, err = history.ReadRunning(ctx, dir, via(h))
	return store, words.Harmless(dir), err
}
