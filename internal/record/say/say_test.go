package say

import (
	"testing"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/record"
)

// What happened to a server is said in one way, wherever it is said.
func TestHappened(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		change   record.Change
		want, at string
	}{
		{record.Change{Kind: record.Started}, "started", "started at noon"},
		{record.Change{Kind: record.Answering}, "answers again", "answers again at noon"},
		{record.Change{Kind: record.Draining}, "drains (lame duck)", "drains (lame duck) at noon"},
		{record.Change{Kind: record.Stopped}, "shut down", "shut down at noon"},
		{record.Change{Kind: record.Stopped, Reason: "any sentence"}, "shut down", "shut down at noon"},
		{record.Change{Kind: record.Stopped, Unannounced: record.Drained}, "is gone: it drained, and sends no events any more", "is gone at noon: it drained, and sends no events any more"},
		{record.Change{Kind: record.Stopped, Unannounced: record.Replaced}, "is gone: its former process, without a goodbye; another one runs", "is gone at noon: its former process, without a goodbye; another one runs"},
		{record.Change{Kind: record.Stopped, Unannounced: "of a later version"}, "is gone", "is gone at noon"},
		{record.Change{Kind: record.Silent, Reason: "it hangs\x1b"}, `does not report: it hangs\x1b`, `does not report at noon: it hangs\x1b`},
		{record.Change{Kind: record.Silent}, "does not report", "does not report at noon"},
		{record.Change{Kind: record.Refused, Count: 1200, Reason: "Authentication Failure"}, "refused 1,200 connections: Authentication Failure", "refused 1,200 connections at noon: Authentication Failure"},
		{record.Change{Kind: record.Refused, Count: 1}, "refused 1 connection: no reason given", "refused 1 connection at noon: no reason given"},
	} {
		c.change.Server = checks.ServerRef{ID: "N1", Name: "n1"}
		d := record.DocumentOf(c.change)
		if got := Happened(&d); got.String() != c.want || got.At("noon") != c.at {
			t.Errorf("%q, %q, want %q, %q", got, got.At("noon"), c.want, c.at)
		}
	}
}
