package report

import (
	"strings"
	"testing"
	"time"

	"github.com/nats-balance/nats-balance/internal/record/history"
)

// A history that was cut says so, and how to read further back.
func TestHistoryThatWasCut(t *testing.T) {
	t.Parallel()
	now := time.Now()
	for account, want := range map[string]string{"": "at once. To read further back, pass --account NAME.\n", "ORDERS": "at once.\n"} {
		if text := HistoryText(history.History{First: now, Cut: true}, account, true, now, now); !strings.Contains(text, "Older changes were left out") || !strings.HasSuffix(text, want+"Times are UTC.\n") {
			t.Errorf("%s", text)
		}
	}
}
