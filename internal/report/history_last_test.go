package report

import (
	"strings"
	"testing"
	"time"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/record"
	"github.com/nats-balance/nats-balance/internal/record/history"
)

// A server hangs with the 20 connections that an account leans with. The last spread is of the
// servers that report, 3 of 3 on n2, and says so: n2 is not the one that it leans to.
func TestLastOfTheServersThatReport(t *testing.T) {
	t.Parallel()
	at := func(second int) time.Time { return time.Date(2026, 1, 2, 3, 4, second, 0, time.Local) }
	spread := func(server string, n, second int, v checks.Verdict) *record.DocumentSpread {
		return &record.DocumentSpread{Time: at(second), Verdict: v, Connections: n, OnServer: n, SharePercent: 100, Servers: []record.DocumentShare{{Server: record.DocumentServer{Name: server}, Connections: n}}}
	}
	for _, c := range []struct {
		last *record.DocumentSpread
		want string
	}{
		{spread("n2", 3, 40, checks.Incomplete), "last:   3 of 3 connections (100.0%) on n2, by the servers that reported at 2026-01-02 03:04:40\n"},
		{spread("n1", 21, 40, checks.Found), "last:   21 of 21 connections (100.0%) on n1\n"},
	} {
		e := history.Episode{Account: record.DocumentAccount{ID: "ORDERS", Name: "ORDERS"}, Cluster: "C1", Began: at(0), Finding: true, Then: spread("n1", 20, 0, checks.Found), Last: c.last}
		text := HistoryText(history.History{First: at(0), Episodes: []history.Episode{e}}, "", true, at(0), at(50))
		if !strings.Contains(text, c.want) || !strings.Contains(text, "then:   20 of 20 connections (100.0%) on n1\n") {
			t.Error(text)
		}
	}
}
