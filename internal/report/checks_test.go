package report

import (
	"encoding/json"
	"testing"

	"github.com/nats-balance/nats-balance/checks"
)

// Every check has thresholds of its own to list.
func TestThresholds(t *testing.T) {
	t.Parallel()
	for _, c := range checks.All() {
		if len(thresholds(c)) < 3 {
			t.Errorf("%s has the thresholds %v", c.Code, thresholds(c))
		}
	}
	if text, err := json.Marshal(thresholds(checks.ClientConnections().Check)); err != nil || string(text) != `{"factor":2,"min_connections":10,"min_servers":2}` {
		t.Errorf("%s, %v", text, err)
	}
	if text, err := json.Marshal(thresholds(checks.Concentration())); err != nil || string(text) != `{"min_connections":10,"min_servers":3,"review_percent":50,"threshold_percent":70}` {
		t.Errorf("%s, %v", text, err)
	}
}
