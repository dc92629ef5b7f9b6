package cli

import (
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/nats-balance/nats-balance/internal/clienturl"
	"github.com/nats-balance/nats-balance/internal/source"
	"github.com/nats-balance/nats-balance/internal/words"
)

// progress is a line on stderr for gatherings that take long, on a terminal only
// that can delete it again.
type progress struct {
	mu          sync.Mutex
	w           io.Writer
	start, last time.Time
	shown       bool
}

func newProgress(w io.Writer) *progress {
	p := &progress{start: time.Now()}
	if rewritable(w) {
		p.w = w
	}
	return p
}

// show draws how much of a gathering is done.
func (p *progress) show(g source.Progress) {
	p.draw(fmt.Sprintf("%s of %s servers reported, %.1f MiB", words.Count(g.Reported), words.Count(g.Expected), float64(g.Bytes)/(1<<20)))
}

// read draws how much of the clients' configuration was read. It may be called
// from several goroutines.
func (p *progress) read(r clienturl.Progress) {
	p.draw(fmt.Sprintf("%s files of client configuration read, %.1f MiB", words.Count(r.Files), float64(r.Bytes)/(1<<20)))
}

// draw draws at most ten times a second, and nothing in the first half second,
// in which most is done.
func (p *progress) draw(line string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	if p.w == nil || now.Sub(p.start) < 500*time.Millisecond || now.Sub(p.last) < 100*time.Millisecond {
		return
	}
	p.last, p.shown = now, true
	fmt.Fprintf(p.w, "\r\x1b[K%s", line)
}

func (p *progress) clear() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.shown {
		fmt.Fprint(p.w, "\r\x1b[K")
	}
}
