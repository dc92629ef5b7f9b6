package cli

import (
	"fmt"
	"io"
	"time"

	"github.com/nats-balance/nats-balance/internal/source"
)

// progress is a line on stderr for gatherings that take long, on a terminal
// only.
type progress struct {
	w           io.Writer
	start, last time.Time
	shown       bool
}

func newProgress(w io.Writer) *progress {
	p := &progress{start: time.Now()}
	if isTerminal(w) {
		p.w = w
	}
	return p
}

// show draws at most ten times a second, and nothing in the first half second,
// in which most gatherings are done.
func (p *progress) show(g source.Progress) {
	now := time.Now()
	if p.w == nil || now.Sub(p.start) < 500*time.Millisecond || now.Sub(p.last) < 100*time.Millisecond {
		return
	}
	p.last, p.shown = now, true
	fmt.Fprintf(p.w, "\r\x1b[K%d of %d servers reported, %.1f MiB", g.Reported, g.Expected, float64(g.Bytes)/(1<<20))
}

func (p *progress) clear() {
	if p.shown {
		fmt.Fprint(p.w, "\r\x1b[K")
	}
}
