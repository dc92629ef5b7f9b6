package serve

import (
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/record"
	"github.com/nats-balance/nats-balance/internal/record/history"
)

// One lean has one date, on the page, below it in what is past, and in the metrics.
func TestWhenALeanBegan(t *testing.T) {
	t.Parallel()
	at := func(minute int) time.Time { return time.Date(2026, 1, 2, 3, minute, 0, 0, time.UTC) }
	for name, c := range map[string]struct {
		notBefore time.Time
		atStart   bool
		page      string
		metric    int64
	}{
		"seen":     {time.Time{}, false, "since " + at(5).Format(pageTime), at(5).Unix()},
		"unknown":  {at(1), false, "since " + at(5).Format(pageTime) + ", or from any time since " + at(1).Format(pageTime), at(1).Unix()},
		"at first": {time.Time{}, true, "since " + at(5).Format(pageTime) + " or earlier", 0},
	} {
		spread := &record.Spread{Account: checks.Account{ID: "ORDERS", Name: "ORDERS"}, Cluster: "C1", Connections: 20, Servers: []record.Share{{Server: checks.ServerRef{ID: "N1", Name: "n1"}, Connections: 20}}}
		lean := record.Change{Kind: record.Crossed, Time: at(5), Since: at(5), NotBefore: c.notBefore, AtStart: c.atStart, LeansTo: checks.ServerRef{ID: "N1", Name: "n1"}, Cluster: "C1", Spread: spread}
		past := history.Reading{Docs: []record.Document{record.DocumentOf(lean)}}
		state := State{Snapshot: record.Snapshot{Time: at(9), Over: []record.Change{lean}, Spreads: []*record.Spread{spread}}}
		p := pageOf(state, past.Tell(at(9)), nil, Options{})
		if now := "since " + p.Findings[0].Since; now != c.page || p.Past[0].Since != c.page {
			t.Errorf("%s: %q and %q, want %q", name, now, p.Past[0].Since, c.page)
		}
		registry := prometheus.NewPedanticRegistry()
		registry.MustRegister(newCollector(func() State { return state }))
		all, err := registry.Gather()
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range all {
			if m.GetName() == "nats_balance_watch_account_leaning_not_before_seconds" && int64(m.GetMetric()[0].GetGauge().GetValue()) != c.metric {
				t.Errorf("%s: %v, want %d", name, m, c.metric)
			}
		}
	}
}

// The page is not well while a server does not report, which may decide: one that said
// that it shuts down decides nothing. It says which account waits for it.
func TestPageWithServersThatDoNotReport(t *testing.T) {
	t.Parallel()
	none, now := 0, time.Now()
	lean := &record.Spread{Account: checks.Account{ID: "ORDERS", Name: "ORDERS"}, Cluster: "C1", Connections: 20, Verdict: checks.Incomplete,
		Servers: []record.Share{{Server: checks.ServerRef{ID: "N1", Name: "n1"}, Connections: 20}}}
	for name, c := range map[string]struct {
		missing []checks.Missing
		well    bool
	}{
		"none":      {nil, true},
		"shut down": {[]checks.Missing{{Name: "n3", Cluster: "C1", Bound: &none, Reason: "it shut down"}}, true},
		"silent":    {[]checks.Missing{{Name: "n3", Cluster: "C1", Reason: "it did not answer"}}, false},
	} {
		s := State{Connected: true}
		s.Time, s.Reconciled, s.Missing = now, now, c.missing
		s.Over = []record.Change{{Kind: record.Crossed, Cluster: "C1", Spread: lean, Since: now}}
		_, body, _ := get(t, listening(t, Options{State: func(int) State { return s }, Stale: time.Hour}), "/healthz", nil)
		if strings.TrimSpace(body) != map[bool]string{true: "ok", false: "ok, but 1 server does not report, which may decide on verdicts"}[c.well] {
			t.Errorf("%s: %s", name, body)
		}
		p := pageOf(s, history.History{}, nil, Options{})
		if p.Well != c.well || strings.Contains(p.Health, "1 server does not report") == c.well || !p.Findings[0].Open || !p.Findings[0].Partly {
			t.Errorf("%s: %v, %s, %+v", name, p.Well, p.Health, p.Findings)
		}
	}
	// Where no connection is left on those that report, what is shown is what was last known.
	s := State{Connected: true}
	s.Time, s.Reconciled = now, now
	s.Over = []record.Change{{Kind: record.Crossed, Time: now.Add(time.Minute), Cluster: "C1", Spread: lean, Since: now}}
	if p := pageOf(s, history.History{}, nil, Options{}); !p.Findings[0].Open || p.Findings[0].Partly {
		t.Errorf("%+v", p.Findings)
	}
}
