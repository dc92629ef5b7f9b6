package report

import (
	"slices"
	"time"

	"github.com/nats-balance/nats-balance/internal/record/history"
	"github.com/nats-balance/nats-balance/internal/words"
)

// shortGap is how long a time in which nothing was recorded is at most that is not listed
// alone where there are many: a watch was started again.
const shortGap = time.Minute

// gapsText lists the times in which nothing was recorded, the last ones first. Many short ones
// are one line.
func gapsText(line func(indent, format string, args ...any), h history.History) {
	const few = 3
	short := func(g history.Gap) bool { return g.To.Sub(g.From) < shortGap }
	var gaps, folded []history.Gap
	for _, g := range slices.Backward(h.Gaps) {
		switch {
		case !h.Until.IsZero() && g.From.Equal(h.Until): // said at first
		case short(g):
			folded = append(folded, g)
			fallthrough
		default:
			gaps = append(gaps, g)
		}
	}
	if len(folded) <= few {
		folded = nil
	} else {
		gaps = slices.DeleteFunc(gaps, short)
	}
	if len(gaps)+len(folded) > 0 {
		line("", "")
	}
	for i, g := range gaps {
		if i == mostUnknown {
			line("", "%s before that: see --json.", words.Plurals(len(gaps)-i, "such time", "such times"))
			break
		}
		line("", "Nothing was recorded %s.", periodText(g.From, g.To))
	}
	if len(folded) == 0 {
		return
	}
	var all time.Duration
	for _, g := range folded {
		all += g.To.Sub(g.From)
	}
	line("", "There were %s times of less than a minute in which nothing was recorded, %s in all. The last one was %s.",
		words.Count(len(folded)), words.Duration(max(all, time.Second)), periodText(folded[0].From, folded[0].To))
}
