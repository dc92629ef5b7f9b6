package words

import (
	"fmt"
	"strings"
	"time"
)

// Duration returns a duration to the second, without the parts that are zero: 45s, 1m30s,
// 2m, 1h30m, 30d. It is in days only where it is whole days.
func Duration(d time.Duration) string {
	const day = 24 * time.Hour
	switch d = d.Round(time.Second); {
	case d < 0:
		return "-" + Duration(-d)
	case d == 0:
		return "0s"
	case d%day == 0:
		return fmt.Sprintf("%dd", d/day)
	}
	var b strings.Builder
	for _, part := range []struct {
		n    time.Duration
		unit string
	}{{d / time.Hour, "h"}, {d % time.Hour / time.Minute, "m"}, {d % time.Minute / time.Second, "s"}} {
		if part.n > 0 {
			fmt.Fprintf(&b, "%d%s", part.n, part.unit)
		}
	}
	return b.String()
}
