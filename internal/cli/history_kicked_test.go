package cli

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nats-balance/nats-balance/internal/lab"
	"github.com/nats-balance/nats-balance/internal/record/history"
	"github.com/nats-balance/nats-balance/internal/source/sourcetest"
)

// TestRebalanceIsInTheHistory: a rebalance ends that ORDERS leans, and the history says
// how many were kicked for it and of which service.
func TestRebalanceIsInTheHistory(t *testing.T) {
	t.Parallel()
	st := stageOf(t, "restart-drift")
	dir := filepath.Join(t.TempDir(), "kept")
	out, stop := watching(t, st.SystemURL(), dir)
	defer stop()
	shows(t, out, &watched{}, "FINDING ORDERS (C1)")
	args := append([]string{"--account", "ORDERS", "--apply", "--yes", "--rate", "100"}, st.Args...)
	doc := rebalanced(t, st.Lab, generous, 0, args...)
	moved := 0
	for _, m := range doc.Moves {
		if m.Outcome == "kicked" {
			moved++
		}
	}
	shows(t, out, &watched{}, "connections of ORDERS kicked from server C1-n1 (C1) (")
	read := func(args ...string) string {
		t.Helper()
		var stdout, stderr watched
		if status := runHere(sourcetest.Within(t), &stdout, &stderr, append([]string{"history", "--store", dir}, args...)...); status != 0 {
			t.Errorf("%d: %s", status, stderr.String())
		}
		return stdout.String()
	}
	// What is told is recorded a moment later, and the last of it after some seconds.
	var h history.Document
	n := 0
	if err := lab.Poll(sourcetest.Within(t), func() error {
		if err := json.Unmarshal([]byte(read("--json")), &h); err != nil {
			t.Fatal(err)
		}
		n = 0
		for _, k := range h.Kicked {
			n += k.Connections
		}
		if n < moved {
			return fmt.Errorf("%d of %d are recorded", n, moved)
		}
		return nil
	}); err != nil {
		t.Fatal(err, out)
	}
	if len(h.Episodes) != 1 || h.Episodes[0].Ended == nil || len(h.Episodes[0].Kicked) == 0 || n != moved || moved == 0 || h.Kicked[0].Server.Name != "C1-n1" {
		t.Errorf("%d were kicked: %+v", moved, h)
	}
	if text := read(); !strings.Contains(text, "  kicked: ") || !strings.Contains(text, " connections from C1-n1 at ") {
		t.Error(text)
	}
	if page := read("--format", "html"); !strings.Contains(page, "connections kicked from C1-n1 at ") {
		t.Error(page)
	}
}
