package serve

import (
	"crypto/sha256"
	_ "embed" // for the script
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/nats-balance/nats-balance/internal/record/history"
)

//go:embed page.js
var scriptText string

func script(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/javascript; charset=utf-8")
	_, _ = io.WriteString(w, scriptText) // whoever asked is gone
}

const (
	// mostFollowers is how many pages are told of changes at a time. Others load
	// themselves again, as those without scripts do.
	mostFollowers = 32
	// toldWithin is how often a page is told at the least, as it also says how old
	// everything is.
	toldWithin = refreshEvery * time.Second
	// writtenIn is how long one event may take to be written.
	writtenIn = 10 * time.Second
)

// follow tells a page of every change of what it shows, by server-sent events: at most
// once a second, and at least every ten.
func (s *Server) follow(w http.ResponseWriter, r *http.Request) {
	if s.followers.Add(1) > mostFollowers {
		s.followers.Add(-1)
		http.Error(w, "too many pages follow: load it again", http.StatusServiceUnavailable)
		return
	}
	defer s.followers.Add(-1)
	w.Header().Set("Content-Type", "text/event-stream")
	out := http.NewResponseController(w)
	seconds := time.NewTicker(shownFor)
	defer seconds.Stop()
	var last [sha256.Size]byte
	var at time.Time
	for n := 0; ; n++ {
		if now := s.print(); n == 0 || now != last || time.Since(at) >= toldWithin {
			last, at = now, time.Now()
			if out.SetWriteDeadline(at.Add(writtenIn)) != nil {
				return
			}
			// The first one too: it may have changed since the page was read.
			if _, err := fmt.Fprintf(w, "event: change\ndata: %d\n\n", n); err != nil || out.Flush() != nil {
				return
			}
		}
		select {
		case <-seconds.C:
		case <-r.Context().Done():
			return
		}
	}
}

// print tells one page from another by what they show now, their time and what was
// recorded apart: what is recorded begins or ends with a change of that.
func (s *Server) print() [sha256.Size]byte {
	state := s.now()
	p := pageOf(state, history.History{}, nil, s.o)
	p.Time = ""
	if p.Well {
		p.Health = ""
	}
	data, _ := json.Marshal(p) // of texts and numbers: it does not fail
	return sha256.Sum256(data)
}
