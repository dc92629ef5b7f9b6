package bench

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// series are the measurements of one thing, in the order they were taken.
type series []float64

func (s series) sorted() series { return slices.Sorted(slices.Values(s)) }

func (s series) min() float64 { return slices.Min(s) }

func (s series) max() float64 { return slices.Max(s) }

func (s series) median() float64 {
	o, n := s.sorted(), len(s)
	return (o[(n-1)/2] + o[n/2]) / 2
}

// over is the ratio of each measurement to the other's of the same turn: what
// disturbs one turn disturbs both.
func (s series) over(other series) series {
	out := make(series, min(len(s), len(other)))
	for i := range out {
		out[i] = s[i] / other[i]
	}
	return out
}

// spread is minimum, median and maximum.
func (s series) spread(format string) string {
	return fmt.Sprintf(format+" / "+format+" / "+format, s.min(), s.median(), s.max())
}

func (s series) list(format string) string {
	var b strings.Builder
	for i, v := range s {
		if i > 0 {
			b.WriteByte(' ')
		}
		fmt.Fprintf(&b, format, v)
	}
	return b.String()
}

// record is what was measured of one kind of process.
type record struct {
	wall, cpu, peak series // ms, ms, MiB
	inner           series // ms of a drain from the request to the last reply
	notes           []string
}

func (r *record) add(u usage) {
	r.wall = append(r.wall, ms(u.wall))
	r.cpu = append(r.cpu, ms(u.cpu))
	r.peak = append(r.peak, float64(u.peak)/(1<<20))
}

func (r *record) String() string {
	return fmt.Sprintf("%s ms wall, %s ms CPU, %s MiB (minimum / median / maximum)",
		r.wall.spread("%.0f"), r.cpu.spread("%.0f"), r.peak.spread("%.0f"))
}

// audited adds an audit.
func (r *record) audited(u usage, notes []string) {
	r.add(u)
	r.notes = append(r.notes, notes...)
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func mib(n int64) string { return fmt.Sprintf("%.0f MiB", float64(n)/(1<<20)) }
