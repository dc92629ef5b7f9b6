package wire

import "time"

// plausible returns the time, or zero where it is centuries away from any server:
// JSON has no year beyond 9999, and a zone or a clock's offset moves one.
func plausible(t time.Time) time.Time {
	if y := t.UTC().Year(); y < 1000 || y > 9000 {
		return time.Time{}
	}
	return t
}
