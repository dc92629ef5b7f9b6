package rebalance

// Short is why there are fewer moves than it takes.
type Short struct {
	Code    ShortCode
	N       int         // connections, or clients, of which that is so
	Full    FullServers // of [ShortFull]
	Servers []string    // of [ShortKept]
}

// ShortCode says which reason it is.
type ShortCode string

// Why there are fewer moves than it takes.
const (
	ShortMaxMoves  ShortCode = "max-moves"
	ShortFull      ShortCode = "full"
	ShortUnnamed   ShortCode = "unnamed" // by the plan that was shown
	ShortStays     ShortCode = "stays"
	ShortTried     ShortCode = "tried" // often enough
	ShortNotAtOnce ShortCode = "not-at-once"
	ShortNothing   ShortCode = "nothing"
	ShortKept      ShortCode = "kept" // clients that stay keep servers above their even share
	ShortUnread    ShortCode = "unread"
)

// FullServers are those that take no more of the clients that are moved.
type FullServers struct {
	Names  []string
	Others bool // all others
}

// why says why there are fewer moves than it takes.
func (p *planning) why() Short {
	full, some := p.fullServers()
	stays, tried, left, unnamed := 0, 0, 0, 0
	for _, c := range p.Connections {
		switch {
		case p.give[c.Server] <= 0 && p.over[p.Services[c.Service].Account][c.Server] <= 0:
		case !p.moves(c.Service):
			stays++
		case !p.goal.names(c.Service):
			unnamed++
		case p.triedOut(c):
			tried++
		default:
			left++
		}
	}
	switch {
	case some:
		return Short{Code: ShortFull, Full: full}
	case unnamed > 0:
		return Short{Code: ShortUnnamed, N: unnamed}
	case stays > 0:
		return Short{Code: ShortStays, N: stays}
	case tried > 0:
		return Short{Code: ShortTried, N: tried}
	case left > 0:
		return Short{Code: ShortNotAtOnce}
	}
	return Short{Code: ShortNothing}
}

// fullServers returns the servers that take no more of those that are moved, and whether
// there are any.
func (p *planning) fullServers() (full FullServers, some bool) {
	others := 0
	for i := range p.free {
		if !p.passes[i] {
			others++
		}
		if p.free[i] < 1 {
			full.Names = append(full.Names, p.Servers[i].Name)
		}
	}
	full.Others = len(full.Names) >= others
	return full, len(full.Names) > 0
}
