package history

import (
	"time"

	"github.com/nats-balance/nats-balance/internal/record"
	"github.com/nats-balance/nats-balance/internal/words"
)

// Document is a history as JSON.
type Document struct {
	Type string    `json:"type"`
	Time time.Time `json:"time"`
	// Since is from when on is told of; null is since the record begins, at First.
	Since *time.Time `json:"since"`
	First *time.Time `json:"first_recorded"`
	// Until is until when a recorder recorded: what had not ended is known until then. It is
	// null where one records now. Waiting is how many changes wait where one is there that
	// can't write them.
	Until   *time.Time `json:"recorded_until"`
	Waiting int        `json:"waiting"`
	// Recorded is that there is something: with an account, something of it. The command
	// looks for that in all there is.
	Recorded  bool                `json:"recorded"`
	Cut       bool                `json:"truncated"` // older changes were too many to be read
	Damage    DamageDocument      `json:"damage"`
	Episodes  []EpisodeDocument   `json:"episodes"`
	Kicked    []KickedDocument    `json:"kicked"`
	Gaps      []GapDocument       `json:"gaps"`
	Unknown   []UnknownDocument   `json:"unknown"`
	Unchecked []UncheckedDocument `json:"unchecked"`
}

// DamageDocument is [Damage] as JSON, without its gaps, which are those of the history.
type DamageDocument struct {
	Missing    int  `json:"missing"`
	All        bool `json:"nothing_left"`
	Unreadable int  `json:"unreadable"`
}

// EpisodeDocument is an episode as JSON. What is unknown is null.
type EpisodeDocument struct {
	Account     record.DocumentAccount `json:"account"`
	Cluster     string                 `json:"cluster"`
	Server      *record.DocumentServer `json:"server"`
	MovedFrom   *record.DocumentServer `json:"moved_from"`
	MovedTo     *record.DocumentServer `json:"moved_to"`
	Finding     bool                   `json:"finding"`
	Began       time.Time              `json:"began"`
	Seen        bool                   `json:"began_seen"`
	NotBefore   *time.Time             `json:"began_not_before"`
	Ended       *time.Time             `json:"ended"`
	Before      *record.DocumentSpread `json:"before"`
	Then        *record.DocumentSpread `json:"then"`
	Last        *record.DocumentSpread `json:"last"`
	Moves       []record.DocumentMove  `json:"moves"`
	MoreMoves   int                    `json:"more_moves"`
	MovesMissed bool                   `json:"moves_missed"`
	Around      []record.Document      `json:"around"`
	Kicked      []KickedDocument       `json:"kicked"`
	Unseen      []GapDocument          `json:"unseen"`
}

// GapDocument is a time of which nothing is known, as JSON.
type GapDocument struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
}

// DocumentOf is a history as JSON, type nats-balance.v1.history; with an account, by
// id or name, that of it alone. Names are harmless, as in all output.
func DocumentOf(h History, account string, now time.Time) Document {
	out := Document{Type: "nats-balance.v1.history", Time: now.UTC(), Recorded: !h.First.IsZero() && (account == "" || h.Has(account)), Waiting: h.Waiting, Cut: h.Cut, Damage: DamageDocument{h.Damage.Missing, h.Damage.All, h.Damage.Unreadable}, Episodes: []EpisodeDocument{}, Kicked: kickedDocuments(h.Kicked, account), Gaps: gapDocuments(h.Gaps), Unknown: unknownDocuments(h.Unknowns(account)), Unchecked: uncheckedDocuments(h.Unchecked)}
	known := func(t time.Time) *time.Time {
		if t = t.UTC(); t.IsZero() {
			return nil
		}
		return &t
	}
	out.Since, out.First, out.Until = known(h.Since), known(h.First), known(h.Until)
	for _, e := range h.Episodes {
		if account != "" && e.Account.ID != account && e.Account.Name != account {
			continue
		}
		j := EpisodeDocument{Account: e.Account.Harmless(), Cluster: words.Harmless(e.Cluster), Finding: e.Finding, Began: e.Began.UTC(), Seen: e.Beginning().Seen(), Ended: e.Ended,
			Before: e.Before.Harmless(), Then: e.Then.Harmless(), Last: e.Last.Harmless(), Moves: record.HarmlessMoves(e.Moves), MoreMoves: e.MoreMoves, MovesMissed: e.MovesMissed, Around: []record.Document{}, Kicked: kickedDocuments(e.Kicked, ""), Unseen: gapDocuments(e.Unseen)}
		if from, is := e.Beginning().Earliest(); is {
			j.NotBefore = &from
		}
		j.Server, j.MovedFrom, j.MovedTo = serverDocument(e.To), serverDocument(e.From), serverDocument(e.Next)
		for _, d := range e.Around {
			j.Around = append(j.Around, d.Harmless())
		}
		out.Episodes = append(out.Episodes, j)
	}
	return out
}

// serverDocument is a server for output; nil where there is none.
func serverDocument(s record.DocumentServer) *record.DocumentServer {
	if s == (record.DocumentServer{}) {
		return nil
	}
	s = s.Harmless()
	return &s
}

func gapDocuments(gaps []Gap) []GapDocument {
	out := []GapDocument{}
	for _, g := range gaps {
		out = append(out, GapDocument{g.From.UTC(), g.To.UTC()})
	}
	return out
}
