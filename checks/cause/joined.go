package cause

import (
	"math"

	"github.com/nats-balance/nats-balance/checks"
)

// onlyWithout is the server that started last, where these clients are spread evenly over
// all others and it has nearly none: so it is where one joined, or was the only one to be
// down. Else it is nil, and where when servers started is not known.
func (s *Situation) onlyWithout() *checks.Server {
	all := s.cluster()
	var last *checks.Server
	for _, o := range all {
		if o.Start.IsZero() {
			return nil
		}
		if last == nil || startOf(o).After(startOf(last)) {
			last = o
		}
	}
	if len(all) < 3 || last == s.Server || s.on(last.ID)*10 > s.Finding.Connections {
		return nil
	}
	rest := float64(s.Finding.Connections - s.on(last.ID))
	even := rest / float64(len(all)-1)
	const chance = 2 // standard deviations
	for _, o := range all {
		if n := float64(s.on(o.ID)); o != last && (2*n < even || math.Abs(n-even) > chance*math.Sqrt(even)) {
			return nil
		}
	}
	return last
}
