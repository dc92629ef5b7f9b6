package cli

import (
	"strings"
	"testing"
	"time"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/record"
)

// What watch says of times in which verdicts are unknown, and of connections that may not
// have logged in.
func TestWatchSaysWhatItCannotKnow(t *testing.T) {
	t.Parallel()
	now := time.Now()
	of := func(id string) *record.Spread {
		return &record.Spread{Time: now, Account: checks.Account{ID: id, Name: id}, Cluster: "C1", Connections: 60, Of: 3,
			Servers: []record.Share{{Server: checks.ServerRef{ID: "N2", Name: "n2"}, Connections: 60}}}
	}
	left := []record.Move{{Left: true, Server: checks.ServerRef{Name: "n2"}, Reason: checks.ReasonAuthTimeout, Count: 30}, {Server: checks.ServerRef{Name: "n2"}, Count: 60}}
	const counts = "servers count a connection in $G until it has logged in"
	for name, c := range map[string]struct {
		change record.Change
		want   string
		not    string
	}{
		"unknown":      {record.Change{Kind: record.Undecided, Time: now, Cluster: "C1", Count: 2, Reason: "n3"}, "unknown whether 2 accounts lean in C1: that depends on n3", "null"},
		"one":          {record.Change{Kind: record.Undecided, Time: now, Cluster: "C1", Count: 1, Reason: "n3"}, "unknown whether 1 account leans in C1: ", "accounts"},
		"known":        {record.Change{Kind: record.Decided, Time: now, Since: now.Add(-4 * time.Minute), Cluster: "C1"}, "known again which accounts in C1 lean, after 4m", "unknown"},
		"global":       {record.Change{Kind: record.Held, Time: now, Since: now, Cluster: "C1", Spread: of("$G")}, counts, "ended without"},
		"global leans": {record.Change{Kind: record.Crossed, Time: now, Since: now, Cluster: "C1", Spread: of("$G"), Moves: left}, counts + "; 30 connections ended without", "no connections"},
		"leans since": {record.Change{Kind: record.Crossed, Time: now, Since: now, NotBefore: time.Date(2026, 1, 2, 3, 4, 5, 0, time.Local), Cluster: "C1", Spread: of("ORDERS")},
			"before: unknown\n                     it may have begun at any time from 2026-01-02 03:04:05 on: whether it leaned was unknown", "a finding"},
		"leans":          {record.Change{Kind: record.Crossed, Time: now, Since: now, Cluster: "C1", Spread: of("ORDERS"), Before: of("ORDERS")}, "before: 60 of 60", "unknown"},
		"leans at first": {record.Change{Kind: record.Crossed, Time: now, Since: now, Cluster: "C1", Spread: of("ORDERS")}, "ORDERS (C1) leans", "before"},
		"another":        {record.Change{Kind: record.Held, Time: now, Since: now, Cluster: "C1", Spread: of("ORDERS")}, "FINDING ORDERS (C1)", "logged in"},
	} {
		a := &watch{host: Host{}.withDefaults()}
		if text := a.text(c.change); !strings.Contains(text, c.want) || strings.Contains(text, c.not) {
			t.Errorf("%s: %s", name, text)
		}
	}
	// That no event comes is said on stderr.
	a := &watch{host: Host{}.withDefaults()}
	if text := a.text(record.Change{Kind: record.Undecided, Time: now, Everywhere: true}); text != "" {
		t.Error(text)
	}
}

// Replicas are of a store that has servers: elsewhere they would be ignored.
func TestReplicasTakeAContext(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		place, replicas string
		off, ok         bool
	}{{"a-context", "3", false, true}, {t.TempDir(), "3", false, false}, {"", "3", false, false}, {"", "3", true, false}, {t.TempDir(), "1", false, true}, {"", "1", true, true}} {
		s := storeFlags{place: c.place, replicas: c.replicas, off: c.off, keep: "30d", bytes: "1GB"}
		if err := s.validate(); (err == nil) != c.ok {
			t.Errorf("%+v: %v", c, err)
		}
	}
}
