package cause

import (
	"time"

	"github.com/nats-balance/nats-balance/checks"
)

const (
	// fewestKicked is how many connections have to be closed to show what becomes of them.
	fewestKicked = 3
	// backWithin is how long a client takes to be back, with its library's waits.
	backWithin = 30 * time.Second
)

// CameBack is how many connections were closed on the concentrated server as somebody
// asked it to, and when at the latest, where their services came back there and
// have not connected anew since: closing them again would show the same. ok is false
// where nothing shows that. Source: CONNZ of closed connections.
func (d Diagnosis) CameBack() (n int, at time.Time, ok bool) {
	if d.Profile == nil || !d.Profile.Whole {
		return 0, at, false
	}
	var newest time.Time
	elsewhere := 0
	for _, x := range d.Profile.Services {
		closed, last := Kicked(d.History, d.Server.ID, x.Stem, x.User)
		at = latest(at, last)
		if n += closed; closed > 0 {
			elsewhere += x.Connections() - x.Here()
			newest = latest(newest, x.Last)
		}
	}
	return n, at, n >= fewestKicked && 2*elsewhere < n && BackSince(at, newest)
}

// Kicked returns how many connections of a service servers closed on one of them as
// somebody asked them to, and when at the latest; the time is zero where they do not say.
func Kicked(history []checks.Closed, server, stem, user string) (n int, at time.Time) {
	for _, c := range history {
		if c.Server == server && c.Reason == checks.ReasonKicked && c.Stem == stem && c.User == user {
			n += c.Connections
			at = latest(at, c.Last)
		}
	}
	return n, at
}

// BackSince reports whether the newest connection of clients that were closed until then
// is of one that came back. A client that was closed last is back last. What began later
// is of processes that started since, perhaps with other lists.
func BackSince(closed, newest time.Time) bool {
	return !closed.IsZero() && !newest.Before(closed) && newest.Before(closed.Add(backWithin))
}

func latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
