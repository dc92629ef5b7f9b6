package cause

import (
	"slices"

	"github.com/nats-balance/nats-balance/checks"
)

// Unserved are connections that speak a protocol that no other server of the
// cluster takes.
type Unserved struct {
	Connections int
	// Protocols are "MQTT" and "WebSocket".
	Protocols []string
}

// unserved counts those on the concentrated server. What a server did not say
// counts as taken.
func (s *Situation) unserved() Unserved {
	var u Unserved
	if s.Profile == nil || s.Missing > 0 || len(s.Others) == 0 {
		return u
	}
	for _, p := range protocols()[:2] {
		here, _ := countKeys(s.Profile.Protocols, p.keys)
		taken := func(o *checks.Server) bool { return p.servedBy(o) != checks.No }
		if here > 0 && !slices.ContainsFunc(s.Others, taken) {
			u.Connections += here
			u.Protocols = append(u.Protocols, p.name)
		}
	}
	u.Connections = s.explained(u.Connections)
	return u
}
