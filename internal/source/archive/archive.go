// Package archive is the source of an audit that reads what `nats audit gather`
// wrote into a file.
package archive

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	jsm "github.com/nats-io/jsm.go/audit/archive"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/checks/cause"
	"github.com/nats-balance/nats-balance/internal/source"
)

// Source is a deployment as `nats audit gather` wrote it into a file. What is
// counted is client_connections of each account on each server, which is exact;
// an archive's lists of connections end at 1,024 of an account on a server.
//
// Its errors name the file. Memory grows with servers × accounts, and with the
// largest answer of a server, see [Open].
type Source struct {
	reader *jsm.Reader
	name   string // of the file, empty where not known
	// The run of nats audit gather began after from and ended before to, by the
	// clock of the machine that it ran on; zero where not known.
	from, to time.Time
	through  string // the name of the server that it ran through

	loaded *contents          // nil until it was asked for
	model  *checks.Deployment // the last one that was made
}

// Open opens the archive at path, which is to be closed. It refuses what
// is no archive, and what can't be read within bounds: answers of servers larger
// than 16 MiB, lists of connections and routes larger than 64 MiB, more than
// 500,000 members.
func Open(path string) (*Source, error) {
	name := filepath.Base(path)
	from, err := checkArchive(path)
	if err != nil {
		return nil, fmt.Errorf("archive %s: %w", name, err)
	}
	r, err := jsm.NewReader(path)
	if err != nil {
		return nil, fmt.Errorf("archive %s: %w", name, err)
	}
	a := New(r)
	a.name = name
	// Both times are of the same clock; where they make no sense, neither does.
	if !a.to.Before(from) && a.to.Sub(from) < longestRun {
		a.from = from
	}
	return a, nil
}

// longestRun is the longest that gathering may take for its times to be believed.
const longestRun = 24 * time.Hour

// New is of a reader that was opened elsewhere, and that is closed there.
// The sizes of what is in it are not bounded, and the clocks of its servers stay
// unknown.
func New(r *jsm.Reader) *Source {
	a := &Source{reader: r}
	var meta jsm.AuditMetadata
	if r.Load(&meta, jsm.TagSpecial("audit_gather_metadata")) == nil {
		a.to, a.through = meta.Timestamp, meta.ConnectedServerName // written at the end; one without is as good
	}
	return a
}

// Close closes the file.
func (a *Source) Close() error { return a.reader.Close() }

// Kind is that of a source which somebody has gathered before.
func Kind() source.Kind {
	return source.Kind{Name: "archive", Past: true, Reports: "is in the archive", Report: "are in the archive",
		BringsIn: "Another nats audit gather, with a longer --timeout, may bring them in"}
}

// Kind is what the document calls the source.
func (*Source) Kind() source.Kind { return Kind() }

// Limits are what is not in the file, and that it is read without a network.
func (*Source) Limits() source.Limits {
	return source.Limits{Gap: cause.GapRecorded, NoSystem: true, Offline: true}
}

// Detail is the name of the file and when it was gathered, as far as known.
func (a *Source) Detail() []string {
	detail := []string{cmp.Or(a.name, "an archive")}
	if at := a.to; !at.IsZero() {
		detail = append(detail, "gathered "+at.UTC().Format(time.RFC3339))
	}
	return detail
}

// wrong is an error about this archive.
func (a *Source) wrong(err error) error {
	switch {
	case errors.Is(err, context.Canceled):
		return err
	case errors.Is(err, context.DeadlineExceeded):
		err = errors.New("it was not read to the end in time: pass a longer --timeout")
	}
	if a.name == "" {
		return fmt.Errorf("the archive: %w", err)
	}
	return fmt.Errorf("archive %s: %w", a.name, err)
}

// each hands over every answer with these tags, as its JSON. There may be none.
func (a *Source) each(ctx context.Context, take func(body []byte) error, tags ...*jsm.Tag) error {
	err := jsm.ForEachTaggedArtifact(a.reader, tags, func(body *json.RawMessage) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		return take(*body)
	})
	if errors.Is(err, jsm.ErrNoMatches) {
		return ctx.Err()
	}
	return err
}

// clock is when an answer of a server was asked for and came, as far as known:
// at some time of the run. What is between is the margin of the server's clock.
func (a *Source) clock() (asked, came time.Time, known bool) {
	return a.from, a.to, !a.from.IsZero() && !a.to.IsZero()
}
