package cli

import (
	"time"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/record"
	"github.com/nats-balance/nats-balance/internal/record/history"
)

func serverRef(s record.DocumentServer) checks.ServerRef { return checks.ServerRef(s) }

// historyJSON is a history as JSON, type nats-balance.v1.history.
type historyJSON struct {
	Type     string        `json:"type"`
	Time     time.Time     `json:"time"`
	Since    time.Time     `json:"since"`
	First    *time.Time    `json:"first_recorded"`
	Episodes []episodeJSON `json:"episodes"`
	Gaps     []gapJSON     `json:"gaps"`
}

type episodeJSON struct {
	Account   record.DocumentAccount `json:"account"`
	Cluster   string                 `json:"cluster"`
	Finding   bool                   `json:"finding"`
	Began     time.Time              `json:"began"`
	Seen      bool                   `json:"began_seen"`
	NotBefore *time.Time             `json:"began_not_before"`
	Ended     *time.Time             `json:"ended"`
	Before    *record.DocumentSpread `json:"before"`
	Then      *record.DocumentSpread `json:"then"`
	Last      *record.DocumentSpread `json:"last"`
	Moves     []record.DocumentMove  `json:"moves"`
	Around    []record.Document      `json:"around"`
}

type gapJSON struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
}

func historyDocument(h history.History, since, now time.Time) historyJSON {
	out := historyJSON{Type: "nats-balance.v1.history", Time: now.UTC(), Since: since.UTC(), Episodes: []episodeJSON{}, Gaps: []gapJSON{}}
	if !h.First.IsZero() {
		first := h.First.UTC()
		out.First = &first
	}
	for _, e := range h.Episodes {
		j := episodeJSON{Account: e.Account, Cluster: e.Cluster, Finding: e.Finding, Began: e.Began.UTC(), Seen: e.NotBefore == nil, Ended: e.Ended,
			Before: e.Before, Then: e.Then, Last: e.Last, Moves: e.Moves, Around: e.Around}
		if e.NotBefore != nil && !e.NotBefore.IsZero() {
			j.NotBefore = e.NotBefore
		}
		if j.Moves == nil {
			j.Moves = []record.DocumentMove{}
		}
		if j.Around == nil {
			j.Around = []record.Document{}
		}
		out.Episodes = append(out.Episodes, j)
	}
	for _, g := range h.Gaps {
		out.Gaps = append(out.Gaps, gapJSON{g.From.UTC(), g.To.UTC()})
	}
	return out
}
