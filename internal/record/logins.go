package record

import (
	"time"

	"github.com/nats-balance/nats-balance/internal/wire"
)

// A server sends CONNECT for a client that logs in, and again for each client that is there
// when its configuration is reloaded: reloadAuthorization in reload.go of nats-server checks
// who may stay by isClientAuthorized in auth.go, which sends the event. The two have the same
// fields. What tells them apart is that a connection logs in once: its id (client.id) was in
// a CONNECT before, or it began (client.start) longer ago than a login takes. How long that
// is, auth_timeout says, which is 2 seconds by default (3 with TLS) and has no maximum.

const (
	// longestLogin is how long logging in may take, of connections that began while every
	// CONNECT was heard: of these it is known whether they had logged in.
	longestLogin = 2 * time.Minute
	// usualLogin is that of the others.
	usualLogin = 10 * time.Second
	// mostLogins is how many words of the ids of connections are kept. A server numbers
	// connections one after the other, so that each is of up to 64 of them.
	mostLogins = 1_000_000
)

// login is what a CONNECT says of a connection.
type login int

const (
	// loggedIn: its client came.
	loggedIn login = iota
	// loggedInBefore: it was there already.
	loggedInBefore
	// loginUnknown: one of these.
	loginUnknown
)

// logins are the connections that logged in of late.
type logins struct {
	now, before map[loginKey]uint64 // of this longestLogin, and of the one before
	begun       time.Time           // of now
	from        time.Time           // every CONNECT was heard since then
}

// loginKey is a server process, and the ids of connections divided by 64.
type loginKey struct {
	server string
	word   uint64
}

// take takes in a CONNECT.
func (l *logins) take(e wire.ClientEvent, now time.Time) login {
	if e.ID == 0 || e.Start.IsZero() || e.Stamp.Time.IsZero() { // no server sends that
		return loggedIn
	}
	switch age := now.Sub(l.begun); {
	case age >= 2*longestLogin:
		l.before, l.now, l.begun = nil, map[loginKey]uint64{}, now
	case age >= longestLogin:
		l.before, l.now, l.begun = l.now, map[loginKey]uint64{}, now
	}
	k, bit := loginKey{e.From.ID, e.ID / 64}, uint64(1)<<(e.ID%64)
	seen := (l.now[k]|l.before[k])&bit != 0
	if _, known := l.now[k]; !known && len(l.now) >= mostLogins {
		l.from = now // as if it was not heard
	} else {
		l.now[k] |= bit
	}
	age := e.Stamp.Time.Sub(e.Start) // both by the server's clock
	switch {
	case seen || age > longestLogin || l.from.IsZero(): // before the first full report it counts as there
		return loggedInBefore
	case now.Add(-age).After(l.from):
		return loggedIn
	case age > usualLogin:
		return loggedInBefore
	}
	return loginUnknown
}

// came reports whether a CONNECT is of a client that came, as far as that is known: where it
// is not, one may have. Of the system account, which watch and others log in to as they begin,
// nothing is told.
func (w *Watch) came(e wire.ClientEvent, now time.Time) bool {
	if a, known := w.m.byAccount[e.Account]; known && w.m.accounts[a].System {
		return false
	}
	was := w.logins.take(e, now)
	if was == loginUnknown {
		w.arrivals.missed(now)
		w.moves.miss(now)
	}
	return was == loggedIn
}

// missedMoves is that clients may have come and left of which nothing was heard.
func (w *Watch) missedMoves(now time.Time) {
	w.arrivals.missed(now)
	if !w.began.IsZero() { // what came before this watch did is not lost
		w.moves.miss(now)
	}
	w.logins.from = now
}
