package serve

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/record"
	"github.com/nats-balance/nats-balance/internal/words"
)

// hostile is what a terminal must not get, and a password.
const hostile = "A\u009b31m\x7f\x1b\u202e\xff nats://u:hunter2@h"

// Names that a terminal would obey or that have a password are served as no such
// thing, and two that look alike then do not break the metrics.
func TestHostileNames(t *testing.T) {
	t.Parallel()
	state := func(most int) State {
		now := time.Now()
		w := record.New(record.Settings{Parameters: checks.Defaults(), Reconcile: time.Minute})
		w.Ask(now)
		d := &checks.Deployment{Expected: 1, Servers: []checks.Server{{ID: hostile, Name: hostile, Cluster: hostile}}}
		for i, id := range []string{hostile, strings.Repeat("x", 300) + "1", strings.Repeat("x", 300) + "2"} {
			d.Accounts = append(d.Accounts, checks.Account{ID: id, Name: id})
			d.Servers[0].Usage = append(d.Servers[0].Usage, checks.Usage{Account: uint32(i), Connections: 20}) //nolint:gosec // in range
		}
		w.Reconcile(d, time.Second, now)
		return State{Snapshot: w.Snapshot(now, most)}
	}
	s := listening(t, Options{State: state})
	status, metrics, _ := get(t, s, "/metrics", nil)
	if status != http.StatusOK || strings.Count(metrics, "nats_balance_watch_account_connections{") != 2 || !strings.Contains(metrics, "series_left_out 1") {
		t.Errorf("%d, %s", status, metrics)
	}
	_, page, _ := get(t, s, "/", nil)
	snapshot := state(mostShown)
	snapshot.Over = []record.Change{{Kind: record.Crossed, Cluster: hostile, Spread: snapshot.Spreads[0], Reason: hostile}}
	answered, err := json.Marshal(answerOf(snapshot, snapshot.Spreads))
	if err != nil {
		t.Fatal(err)
	}
	for what, text := range map[string]string{"/metrics": metrics, "/": page, "an answer": string(answered)} {
		for l := range strings.Lines(text) {
			if l = strings.TrimSuffix(l, "\n"); !words.IsPrintable(l) || strings.Contains(l, "hunter2") {
				t.Errorf("%s: %q", what, l)
			}
		}
	}
}
