package history

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/nats-balance/nats-balance/internal/record"
	"github.com/nats-balance/nats-balance/internal/words"
)

// Damage is what of a record is not there any more, or can't be read.
type Damage struct {
	// Missing is how many documents are missing that neither age nor size removed: a file is
	// damaged, or somebody deleted them. All is that none is left.
	Missing int
	All     bool
	// Gaps are the times between what is left on both sides of what is missing.
	Gaps []Gap
	// Unreadable is how many documents are not such as this version writes.
	Unreadable int
}

// DamagedError is that documents of a record are missing: what it does not have may have
// happened.
type DamagedError struct{ Missing int }

func (e *DamagedError) Error() string {
	return fmt.Sprintf("%s missing in the record, as a file of it is damaged or somebody deleted them: what happened then is unknown",
		words.Plurals(e.Missing, "document is", "documents are"))
}

// writtenKey is the number in the stream of what was written last, and which stream that was:
// where a file is cut off, the stream does not know that there was more.
const writtenKey = "written"

// mark writes down how far the stream goes, where that changed.
func (s *Store) mark(ctx context.Context, js jetstream.JetStream, bucket jetstream.KeyValue) {
	s.mu.Lock()
	last, marked := s.number, s.marked
	s.mu.Unlock()
	if last == marked {
		return
	}
	stream, err := js.Stream(ctx, StreamName)
	if err != nil {
		return // it is marked again soon
	}
	if _, err = bucket.Put(ctx, writtenKey, []byte(markOf(last, stream.CachedInfo().Created))); err == nil {
		s.mu.Lock()
		s.marked = last
		s.mu.Unlock()
	}
}

func markOf(last uint64, created time.Time) string {
	return strconv.FormatUint(last, 10) + " " + created.UTC().Format(time.RFC3339Nano)
}

// marked is how far a stream goes at least, by what was written down; zero where nothing was
// of this stream. It is to be read before the stream's state is, which grows.
func marked(ctx context.Context, bucket jetstream.KeyValue) func(created time.Time) uint64 {
	var text string
	if bucket != nil {
		if e, err := bucket.Get(ctx, writtenKey); err == nil {
			text = string(e.Value())
		}
	}
	return func(created time.Time) uint64 {
		number, _, _ := strings.Cut(text, " ")
		last, err := strconv.ParseUint(number, 10, 64)
		if err != nil || text != markOf(last, created) {
			return 0
		}
		return last
	}
}

// mostHoles is of how many places in which documents are missing the times are read. Of more
// the last ones count as one.
const mostHoles = 50

// damage is what of the record is missing, but for what is unreadable, of which reading shows
// how much there is.
func (s *Store) damage(ctx context.Context, now time.Time) (d Damage, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	_, js, bucket := s.using()
	wrote := marked(ctx, bucket)
	stream, err := js.Stream(ctx, StreamName)
	if err != nil {
		return d, explain(ctx, "reading its stream", err)
	}
	info := stream.CachedInfo()
	state := info.State
	if state.Msgs == 0 {
		// Nothing is left of what is not old enough to be removed.
		d.All = state.LastSeq > 0 && (info.Config.MaxAge == 0 || now.Sub(state.LastTime) < info.Config.MaxAge)
		return d, nil
	}
	if state.NumDeleted > 0 && inOrder(&info.Config) {
		if info, err = stream.Info(ctx, jetstream.WithDeletedDetails(true)); err != nil {
			return d, explain(ctx, "reading its stream", err)
		}
		d.Missing = len(info.State.Deleted)
		for _, h := range holesIn(info.State.Deleted) {
			g := Gap{From: timeOf(ctx, stream, h.first-1), To: now}
			if h.last < info.State.LastSeq {
				g.To = timeOf(ctx, stream, h.last+1)
			}
			d.add(g)
		}
	}
	if last := wrote(info.Created); last > state.LastSeq {
		d.Missing += int(last - state.LastSeq) //nolint:gosec // in range
		d.add(Gap{timeOf(ctx, stream, lastLeft(info.State)), now})
	}
	return d, nil
}

// inOrder reports whether a stream removes the oldest messages alone. Where it keeps so many
// of a subject, or messages have ages of their own, what is missing inside is as somebody
// configured it, which this program never does.
func inOrder(c *jetstream.StreamConfig) bool { return c.MaxMsgsPerSubject <= 0 && !c.AllowMsgTTL }

// add takes in a time of which documents are missing, where that is known.
func (d *Damage) add(g Gap) {
	if !g.From.IsZero() && g.From.Before(g.To) {
		d.Gaps = append(d.Gaps, g)
	}
}

// lastLeft is the number of the last document that is left.
func lastLeft(state jetstream.StreamState) uint64 {
	last := state.LastSeq
	for _, n := range slices.Backward(state.Deleted) {
		if n != last {
			break
		}
		last--
	}
	return last
}

// hole is a place in which numbers are missing.
type hole struct{ first, last uint64 }

// holesIn are the places in which numbers in order are missing.
func holesIn(deleted []uint64) (all []hole) {
	for _, n := range deleted {
		if last := len(all) - 1; last >= 0 && (n == all[last].last+1 || len(all) == mostHoles) {
			all[last].last = n
			continue
		}
		all = append(all, hole{n, n})
	}
	return all
}

// timeOf is the time of a document; zero where it can't be read.
func timeOf(ctx context.Context, stream jetstream.Stream, number uint64) time.Time {
	m, err := stream.GetMsg(ctx, number)
	if err != nil {
		return time.Time{}
	}
	if d, ok := documentIn(m.Data); ok {
		return d.Time
	}
	return m.Time
}

// lastWritten is the time of the last document that is left, and whether there were more,
// which are missing.
func (s *Store) lastWritten(ctx context.Context, js jetstream.JetStream, bucket jetstream.KeyValue) (at time.Time, cut bool) {
	wrote := marked(ctx, bucket)
	stream, err := js.Stream(ctx, StreamName)
	if err != nil {
		return at, false
	}
	info := stream.CachedInfo()
	cut = info.State.Msgs > 0 && wrote(info.Created) > info.State.LastSeq
	if info.State.NumDeleted > 0 && inOrder(&info.Config) {
		if with, err := stream.Info(ctx, jetstream.WithDeletedDetails(true)); err == nil {
			info = with
		}
	}
	last := lastLeft(info.State)
	if cut = cut || last < info.State.LastSeq && info.State.Msgs > 0; cut {
		return timeOf(ctx, stream, last), true
	}
	if m, err := stream.GetMsg(ctx, last); err == nil {
		if d, ok := documentIn(m.Data); ok {
			at = d.Time
		}
	}
	return at, false
}

// whole is that nothing of the record is missing since a time; a [DamagedError] says what is.
func (s *Store) whole(ctx context.Context, since, now time.Time) error {
	d, err := s.damage(ctx, now)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(d.Gaps, func(g Gap) bool { return g.To.After(since) }) {
		return &DamagedError{d.Missing}
	}
	return nil
}

// documentIn is the document that a message has; ok is false where it has none of this version.
func documentIn(data []byte) (d record.Document, ok bool) {
	err := json.Unmarshal(data, &d)
	return d, err == nil && d.Type == record.DocumentType
}
