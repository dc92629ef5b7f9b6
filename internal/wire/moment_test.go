package wire

import (
	"encoding/json"
	"testing"
	"time"
)

// TestTimesThatNoDocumentHolds: what JSON can't hold in UTC counts as not reported.
func TestTimesThatNoDocumentHolds(t *testing.T) {
	t.Parallel()
	for text, known := range map[string]bool{
		"2026-01-02T03:04:05Z": true, "9999-12-31T23:59:59-10:00": false, "9999-12-31T23:59:59Z": false, "0001-01-01T00:00:00+10:00": false, "0000-01-01T00:00:00Z": false,
	} {
		parsed, err := time.Parse(time.RFC3339, text)
		if err != nil {
			t.Fatal(err)
		}
		got := plausible(parsed)
		if got.IsZero() == known {
			t.Errorf("%s: %s", text, got)
		}
		if _, err := json.Marshal(got.UTC()); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
}
