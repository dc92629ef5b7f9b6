package record

import (
	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/words"
)

// Harmless is a document for output: all names are [words.Harmless], as in the JSON
// of the audit. What is kept in a history is as it came, so that it can be compared.
func (d Document) Harmless() Document {
	d.Type, d.Change = words.Harmless(d.Type), Kind(words.Harmless(string(d.Change)))
	if d.Cluster != nil {
		cluster := words.Harmless(*d.Cluster)
		d.Cluster = &cluster
	}
	if d.Reported != nil {
		reported := words.Harmless(*d.Reported)
		d.Reported = &reported
	}
	if d.Account != nil {
		account := d.Account.Harmless()
		d.Account = &account
	}
	if d.Server != nil {
		server := d.Server.Harmless()
		d.Server = &server
	}
	if d.LeansTo != nil {
		to := d.LeansTo.Harmless()
		d.LeansTo = &to
	}
	if d.MovedFrom != nil {
		from := *d.MovedFrom
		from.Server = from.Server.Harmless()
		d.MovedFrom = &from
	}
	on := make([]string, 0, len(d.DependsOn))
	for _, s := range d.DependsOn {
		on = append(on, words.Harmless(s))
	}
	d.DependsOn = on
	if d.Unannounced != nil {
		how := Unannounced(words.Harmless(string(*d.Unannounced)))
		d.Unannounced = &how
	}
	if d.Reason != nil {
		reason := words.Sentence(*d.Reason)
		d.Reason = &reason
	}
	beside := make([]DocumentServer, 0, len(d.Beside))
	for _, s := range d.Beside {
		beside = append(beside, s.Harmless())
	}
	d.Beside, d.Who, d.Doubt = beside, d.Who.harmless(), d.Doubt.harmless()
	if d.Had != nil {
		had := *d.Had
		had.Of = make([]DocumentHadShare, 0, len(d.Had.Of))
		for _, x := range d.Had.Of {
			had.Of = append(had.Of, DocumentHadShare{x.Account.Harmless(), x.Connections, x.Others, x.Came, x.Unseen})
		}
		had.Lacked = make([]string, 0, len(d.Had.Lacked))
		for _, at := range d.Had.Lacked {
			had.Lacked = append(had.Lacked, words.Harmless(at))
		}
		d.Had = &had
	}
	d.Spread, d.Before, d.Moves = d.Spread.Harmless(), d.Before.Harmless(), HarmlessMoves(d.Moves)
	return d
}

// Harmless is an account for output.
func (a DocumentAccount) Harmless() DocumentAccount {
	return DocumentAccount{words.Harmless(a.ID), words.Harmless(a.Name)}
}

// Harmless is a server for output.
func (s DocumentServer) Harmless() DocumentServer {
	return DocumentServer{words.Harmless(s.ID), words.Harmless(s.Name), words.Harmless(s.Host)}
}

// Harmless is a spread for output; nil where there is none.
func (s *DocumentSpread) Harmless() *DocumentSpread {
	if s == nil {
		return nil
	}
	out := *s
	out.Verdict, out.Servers = checks.Verdict(words.Harmless(string(s.Verdict))), make([]DocumentShare, 0, len(s.Servers))
	for _, x := range s.Servers {
		out.Servers = append(out.Servers, DocumentShare{x.Server.Harmless(), x.Connections})
	}
	return &out
}

// HarmlessMoves are moves for output; none is an empty list.
func HarmlessMoves(moves []DocumentMove) []DocumentMove {
	out := make([]DocumentMove, 0, len(moves))
	for _, m := range moves {
		m.Service, m.Server, m.Reason = words.Harmless(m.Service), m.Server.Harmless(), words.Harmless(m.Reason)
		out = append(out, m)
	}
	return out
}
