package system

import (
	"slices"
	"time"

	"github.com/nats-balance/nats-balance/internal/source"
	"github.com/nats-balance/nats-balance/internal/sysreq"
)

// firstRoster is the tag of the first, general question for the roster, after
// those for the user and the connected server.
const firstRoster = 2

// ownVarz is that of the question for the connected server.
const ownVarz = 1

// scoped reports whether the credentials may be of another account, which gets
// reports of itself alone: every account imports that service. One that imports
// the system account's services gets two answers of each server, one for itself
// and one for all. With unused accounts included the latter lists the system
// account in any case, and so more than one.
func (g *gathering) scoped() bool {
	return g.self == nil || g.self.Account == "" || g.connected == nil || g.self.Account != g.systemAccount()
}

// partly is what an account lacks of the services of the system account where it
// imports some of them, by what it was answered; empty where it lacks nothing that
// the audit relies on, or that is not known yet. Without reports of all accounts it
// sees itself only, and without VARZ it does not know which one the system account
// is.
func (g *gathering) partly() string {
	switch {
	case g.ofOne > 0 && g.ofAll == 0: // the system account gets none of itself alone
		return sysreq.AccountStatz
	case g.connected == nil && (g.ofOne > 0 || g.unheard):
		return sysreq.Varz("*")
	}
	return ""
}

// systemAccount is the id of the system account: what the connected server says,
// and where it does not, the account of the credentials, unless that imports the
// system account's services.
func (g *gathering) systemAccount() string {
	switch {
	case g.connected != nil && g.connected.System != "":
		return g.connected.System
	case g.self != nil && g.self.Account != "":
		return g.self.Account
	}
	return source.DefaultSystemAccount
}

// noteIdentity says where the system account is a guess.
func (g *gathering) noteIdentity() {
	if (g.connected == nil || g.connected.System == "") && (g.self == nil || g.self.Account == "") {
		g.notes["neither the server nor the user says which one the system account is, it is taken to be "+source.DefaultSystemAccount]++
	}
}

// answerTime is how long a server that reported has had to answer once more before
// that it did not says something: longer than the way to another continent, and
// than a busy server takes.
const answerTime = time.Second

// dropUnconfirmed takes back the reports of servers that were asked for the roster
// afterwards and did not answer it. Where another process answers by the same
// name, that is the server, and it restarted meanwhile.
func (g *gathering) dropUnconfirmed() {
	asked := func(since time.Time, before time.Duration) bool {
		return slices.ContainsFunc(g.questions, func(q question) bool {
			return q.kind == ofRoster && q.at.After(since) && time.Since(q.at) > before
		})
	}
	var gone []*seen
	for _, s := range g.servers {
		before := answerTime
		if g.successor(s) != nil {
			before = sysreq.Lull
		}
		since := s.reported
		if s.heard.After(since) { // a late answer to what was asked before
			since = s.heard
		}
		before = max(before, s.takes) // one that is slow has as long again
		if s.whole && !s.confirmed && s.roster != nil && (asked(since, before) || !s.draining.IsZero()) {
			s.fellSilent = true
			gone = append(gone, s)
		}
	}
	for _, old := range gone {
		old.whole, old.usage = false, nil
		if s := g.successor(old); s != nil {
			s.restarted, s.whole, s.usage = true, false, nil
			old.replaced = true
		}
	}
}

// successor is the process that answers in the name of one that does not any
// more; nil where there is none.
func (g *gathering) successor(old *seen) *seen {
	for _, s := range g.servers {
		if s != old && s.roster != nil && s.Name == old.Name && s.Cluster == old.Cluster && s.start().After(old.start()) {
			return s
		}
	}
	return nil
}

// start is when the process started; zero where not known.
func (s *seen) start() time.Time {
	if s.roster == nil {
		return time.Time{}
	}
	return s.roster.Start
}
