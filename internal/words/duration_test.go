package words

import (
	"testing"
	"time"
)

// No digit of a part is taken for a part that is zero.
func TestDuration(t *testing.T) {
	t.Parallel()
	for text, d := range map[string]time.Duration{
		"0s": 400 * time.Millisecond, "1s": 1400 * time.Millisecond, "10s": 10 * time.Second, "59s": 59 * time.Second,
		"1m": time.Minute, "1m5s": 65 * time.Second, "1m10s": 70 * time.Second, "1m30s": 90 * time.Second, "2m30s": 150 * time.Second,
		"3m20s": 200 * time.Second, "10m": 10 * time.Minute, "10m50s": 650 * time.Second, "30m": 30 * time.Minute,
		"1h": time.Hour, "1h10m": 70 * time.Minute, "10h": 10 * time.Hour, "20h30m40s": 20*time.Hour + 30*time.Minute + 40*time.Second,
		"1h10s": time.Hour + 10*time.Second, "25h": 25 * time.Hour, "1d": 24 * time.Hour, "30d": 30 * 24 * time.Hour,
		"-1m30s": -90 * time.Second,
	} {
		if got := Duration(d); got != text {
			t.Errorf("Duration(%v) = %q, want %q", d, got, text)
		}
	}
}
