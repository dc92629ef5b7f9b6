package cause

import "time"

// kicked is the server's word for a connection that it closed as somebody asked it to,
// as a rebalance does.
const kicked = "Kicked"

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
		closed := 0
		for _, c := range d.History {
			if c.Server == d.Server.ID && c.Reason == kicked && c.Stem == x.Stem && c.User == x.User {
				closed += c.Connections
				at = latest(at, c.Last)
			}
		}
		if n += closed; closed > 0 {
			elsewhere += x.Connections() - x.Here()
			newest = latest(newest, x.Last)
		}
	}
	// A client that was closed last is back last. What began later is of processes that
	// started since, perhaps with other lists.
	ok = n >= fewestKicked && 2*elsewhere < n && !at.IsZero() && !newest.Before(at) && newest.Before(at.Add(backWithin))
	return n, at, ok
}

func latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
