package report

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
		"still":        {record.Change{Kind: record.Undecided, Time: now, Cluster: "C1", Count: 2, Reason: "n3 and n4", Still: true}, "still unknown whether 2 accounts lean in C1: that depends on n3 and n4 now", "null"},
		"one":          {record.Change{Kind: record.Undecided, Time: now, Cluster: "C1", Count: 1, Reason: "n3"}, "unknown whether 1 account leans in C1: ", "accounts"},
		"known":        {record.Change{Kind: record.Decided, Time: now, Since: now.Add(-4 * time.Minute), Cluster: "C1"}, "known again which accounts in C1 lean, after 4m", "unknown"},
		"global":       {record.Change{Kind: record.Held, Time: now, Since: now, Cluster: "C1", Spread: of("$G")}, counts, "ended without"},
		"global leans": {record.Change{Kind: record.Crossed, Time: now, Since: now, Cluster: "C1", Spread: of("$G"), Moves: left}, counts + "; 30 connections ended without", "no connections"},
		"leans since": {record.Change{Kind: record.Crossed, Time: now, Since: now, NotBefore: time.Date(2026, 1, 2, 3, 4, 5, 0, time.Local), Cluster: "C1", Spread: of("ORDERS")},
			"before: unknown\n                     it may have begun at any time from 2026-01-02 03:04:05 on: whether it leaned was unknown", "a finding"},
		"leans": {record.Change{Kind: record.Crossed, Time: now, Since: now, Cluster: "C1", Spread: of("ORDERS"), Before: of("ORDERS")}, "before: 60 of 60", "unknown"},
		"found, and not seen to begin": {record.Change{Kind: record.Held, Time: now, Since: now, NotBefore: time.Date(2026, 1, 2, 3, 4, 5, 0, time.Local), Cluster: "C1", Spread: of("ORDERS")},
			"it may have begun at any time from 2026-01-02 03:04:05 on: whether it leaned was unknown\n                     since ", "null"},
		"found, and there at first": {record.Change{Kind: record.Held, Time: now, Since: now, AtStart: true, Cluster: "C1", Spread: of("ORDERS")},
			"it may have begun earlier: until then watch did not know whether it leaned\n", "any time"},
		"leans at first": {record.Change{Kind: record.Crossed, Time: now, Since: now, Cluster: "C1", Spread: of("ORDERS")}, "ORDERS (C1) leans", "before"},
		"moved": {record.Change{Kind: record.Crossed, Time: now, Since: now, Cluster: "C1", Spread: of("ORDERS"), Left: &record.Left{Server: checks.ServerRef{Name: "n2"}, Since: time.Date(2026, 1, 2, 3, 4, 5, 0, time.Local), Finding: true}},
			"moved from n2, to which it had leaned since 2026-01-02 03:04:05 (it was a finding)", "unknown"},
		"moved meanwhile": {record.Change{Kind: record.Crossed, Time: now, Since: now, NotBefore: now.Add(-time.Minute), Cluster: "C1", Spread: of("ORDERS"), Left: &record.Left{Server: checks.ServerRef{Name: "n2"}, Since: now.Add(-time.Hour)}},
			"moved from n2, to which it leaned when that was last known\n", "finding)"},
		"partly known": {record.Change{Kind: record.Held, Time: now, Since: time.Date(2026, 1, 2, 3, 4, 5, 0, time.Local), Unknown: 57 * time.Second, Cluster: "C1", Spread: of("ORDERS")},
			"since 2026-01-02 03:04:05, of which 57s unknown; why:", "began"},
		"back, partly known": {record.Change{Kind: record.Back, Time: now, Since: now.Add(-94 * time.Second), Unknown: 38 * time.Second, Finding: true, Cluster: "C1", Spread: of("ORDERS")},
			", after 1m34s, of which 38s unknown (it was a finding)", "null"},
		"back":    {record.Change{Kind: record.Back, Time: now, Since: now.Add(-94 * time.Second), Cluster: "C1", Spread: of("ORDERS")}, ", after 1m34s", "unknown"},
		"another": {record.Change{Kind: record.Held, Time: now, Since: now, Cluster: "C1", Spread: of("ORDERS")}, "FINDING ORDERS (C1)", "logged in"},
	} {
		if text := (WatchLines{}).Text(c.change); !strings.Contains(text, c.want) || strings.Contains(text, c.not) {
			t.Errorf("%s: %s", name, text)
		}
	}
	// That no event comes is said on stderr.
	if text := (WatchLines{}).Text(record.Change{Kind: record.Undecided, Time: now, Everywhere: true}); text != "" {
		t.Error(text)
	}
}

// The lines of watch fit, and the command in them is whole.
func TestWatchFitsTheTerminal(t *testing.T) {
	t.Parallel()
	x := WatchLines{Flags: "--context system --creds /etc/nats/system.creds", Columns: 60, Parameters: checks.Defaults()}
	x.Parameters.ThresholdPercent = 60
	spread := &record.Spread{Account: checks.Account{ID: "ORDERS", Name: "ORDERS"}, Cluster: "C1", Connections: 32,
		Servers: []record.Share{{Server: checks.ServerRef{Name: "a-server-of-a-long-name-1"}, Connections: 25}}}
	at := time.Date(2026, 2, 3, 4, 5, 6, 0, time.Local)
	got := x.Text(record.Change{Kind: record.Held, Time: at, Since: at, Spread: spread})
	want := "2026-02-03 04:05:06  FINDING ORDERS (C1): 25 of 32\n                     connections (78.1%) on\n                     a-server-of-a-long-name-1\n" +
		"                     since 2026-02-03 04:05:06; why:\n                     nats-balance audit concentration --account ORDERS --threshold 60 --context system --creds /etc/nats/system.creds\n"
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	x.Columns = 0
	if got := x.Text(record.Change{Kind: record.Held, Time: at, Since: at, Spread: spread}); strings.Count(got, "\n") != 3 {
		t.Errorf("in a log it is\n%s", got)
	}
}

// An account that nobody uses any more is not back.
func TestWatchSaysWhyItLeansNoLonger(t *testing.T) {
	t.Parallel()
	since := time.Now()
	got := WatchLines{}.Text(record.Change{Kind: record.Back, Time: since.Add(time.Minute), Since: since, Spread: &record.Spread{Account: checks.Account{ID: "ORDERS", Name: "ORDERS"}, Cluster: "C1"}})
	if !strings.Contains(got, "ORDERS (C1) leans no longer: it has no connections any more, after 1m") {
		t.Error(got)
	}
	// Why it is not above the threshold: not where as many are on one server as before.
	w := WatchLines{Parameters: checks.Defaults()}
	for verdict, want := range map[checks.Verdict]string{
		checks.TooFewServers:     "ORDERS (C1) is not checked any more: 20 of 20 connections (100.0%) on o1, after 1m\n                     clusters of fewer than 3 servers are not, and C1 has 2\n",
		checks.TooFewConnections: "ORDERS (C1) is not checked any more: 20 of 20 connections (100.0%) on o1, after 1m\n                     accounts of fewer than 10 connections in a cluster are not\n",
		checks.Pass:              "ORDERS (C1) is back: 20 of 20 connections (100.0%) on o1, after 1m\n",
	} {
		spread := &record.Spread{Account: checks.Account{ID: "ORDERS", Name: "ORDERS"}, Cluster: "C1", Connections: 20, Of: 2, Verdict: verdict, Servers: []record.Share{{Server: checks.ServerRef{ID: "o1", Name: "o1"}, Connections: 20}}}
		if got := w.Text(record.Change{Kind: record.Back, Time: since.Add(time.Minute), Since: since, Cluster: "C1", Spread: spread}); !strings.HasSuffix(got, want) {
			t.Errorf("%s: %s", verdict, got)
		}
	}
}
