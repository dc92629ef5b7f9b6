package serve

import (
	"strings"
	"testing"
	"time"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/record"
	"github.com/nats-balance/nats-balance/internal/record/history"
)

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
