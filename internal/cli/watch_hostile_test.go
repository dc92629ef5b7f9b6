package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/lab"
	"github.com/nats-balance/nats-balance/internal/record"
	"github.com/nats-balance/nats-balance/internal/record/history"
	"github.com/nats-balance/nats-balance/internal/source/sourcetest"
	"github.com/nats-balance/nats-balance/internal/words"
)

// Names that a terminal would obey or that have a password are printed as no such
// thing by watch and by history, in every format; history finds an account by the
// name as it is.
func TestHostileNamesOfWatch(t *testing.T) {
	t.Parallel()
	const hostile = "A\u009b31m\x7f\u202e nats://u:hunter2@h"
	at := time.Now().Add(-time.Hour)
	server := checks.ServerRef{ID: hostile, Name: hostile, Host: hostile}
	spread := &record.Spread{Time: at, Account: checks.Account{ID: hostile, Name: hostile}, Cluster: hostile, Connections: 20, Of: 3, Servers: []record.Share{{Server: server, Connections: 20}}}
	changes := []record.Change{
		{Kind: record.Stopped, Time: at, Cluster: hostile, Server: server, Reason: hostile},
		{Kind: record.Crossed, Time: at, Since: at, Cluster: hostile, Spread: spread, Before: spread, Moves: []record.Move{{Service: hostile, Server: server, Reason: hostile, Count: 5}}},
	}
	harmless := func(what, text string) {
		t.Helper()
		for l := range strings.Lines(text) {
			if l = strings.TrimSuffix(l, "\n"); !words.IsPrintable(l) || strings.Contains(l, "hunter2") {
				t.Errorf("%s: %q", what, l)
			}
		}
	}
	for _, asJSON := range []bool{false, true} {
		var out watched
		w := watch{host: Host{Out: &out}.withDefaults(), json: asJSON}
		if err := w.print(changes); err != nil || !strings.Contains(out.String(), "u009b31m") {
			t.Errorf("%q, %v", out.String(), err)
		}
		harmless("watch", out.String())
	}

	dir := filepath.Join(t.TempDir(), "kept")
	ctx := sourcetest.Within(t)
	store, err := history.OpenLocal(ctx, dir, history.Limits{Keep: 24 * time.Hour, Bytes: 16 << 20})
	if err != nil {
		t.Fatal(err)
	}
	running, stop := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() { store.Run(running, func(bool) {}); close(done) }()
	store.Add(changes)
	if err := lab.Poll(ctx, func() error {
		if s := store.State(); s.Queued > 0 {
			return fmt.Errorf("%+v", s)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	stop()
	<-done
	store.Close()
	for _, format := range []string{"text", "json", "html"} {
		var out, errs watched
		if status := runHere(ctx, &out, &errs, "history", "--store", dir, "--account", hostile, "--format", format); status != 0 || !strings.Contains(out.String(), "u009b31m") {
			t.Errorf("%s: exit status %d: %s%s", format, status, out.String(), errs.String())
		}
		harmless(format, out.String())
		if format == "json" {
			var doc history.Document
			if err := json.Unmarshal([]byte(out.String()), &doc); err != nil || len(doc.Episodes) != 1 || len(doc.Episodes[0].Around) != 1 || len(doc.Episodes[0].Moves) != 1 || doc.Cut {
				t.Errorf("%+v, %v", doc, err)
			}
		}
	}
}

// That nothing can be recorded, or seen, is one line on stderr, and so is the end of
// that.
func TestTroubleOfWatchIsSaid(t *testing.T) {
	t.Parallel()
	var errs watched
	w := watch{host: Host{Err: &errs}.withDefaults()}
	w.recording(errors.New("no space left on device\n"), true)
	w.recording(nil, true)
	w.recording(nil, false)
	w.connected(false, 0)
	w.connected(true, 36*time.Second)
	for i, want := range []string{"recording fails: no space left on device: ", "recording works again", "the store answers again, and this watch stands by", "the connection is lost", "connected again after 36s"} {
		if lines := strings.Split(errs.String(), "\n"); len(lines) != 6 || !strings.HasPrefix(lines[i], "nats-balance: "+want) {
			t.Errorf("%q: no %q", lines, want)
		}
	}
}
