package rebalance

import (
	"slices"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/checks/cause"
)

// trail is the servers that a client is known to have been at before the one that
// it is on, by index, the last one last. It is a string so that it is a key.
type trail string

// longestTrail bounds how far back a trail goes.
const longestTrail = 8

// has reports whether a client was moved from a server.
func (t trail) has(server int) bool {
	return slices.Contains([]rune(string(t)), rune(server)) //nolint:gosec // clusters are bounded
}

func (t trail) then(server int) trail {
	all := []rune(string(t))
	if at := slices.Index(all, rune(server)); at >= 0 { // it went to the end again
		all = slices.Delete(all, at, at+1)
	}
	all = append(all, rune(server)) //nolint:gosec // clusters are bounded
	return trail(all[max(0, len(all)-longestTrail):])
}

// cohort is clients of one service that are alike in where they go next.
type cohort struct {
	service, server, epoch int
	trail                  trail
	tries, returns         int
}

func (c Connection) cohort() cohort {
	return cohort{c.Service, c.Server, c.epoch, c.trail, c.tries, c.returns}
}

// experience counts where the clients of each cohort went, by server.
type experience map[cohort][]int

func (x experience) add(c cohort, server, servers int) {
	if x[c] == nil {
		x[c] = make([]int, servers)
	}
	x[c][server]++
}

// trusted is how many clients weigh as much as what is known of their library.
const trusted = 4

// alike is what a cohort counts as for those of other services: clients that go through a
// list and were at the same servers at the same time went the same ways, whoever they are.
// It is false for others.
func (s *State) alike(c cohort) (cohort, bool) {
	x := &s.Services[c.service]
	c.service = -1
	return c, !x.mayReturn() && x.Order == nil
}

// chances returns the chance of each server for a client of the cohort whose connection is
// closed: by the walk of its library, by where those of other services went, and by where
// others like it did. Full servers are out of the question.
func (s *State) chances(c cohort, full []bool) []float64 {
	out := s.walk(c, full)
	if others, ok := s.alike(c); ok {
		went := slices.Clone(s.seen[others])
		for i := range went {
			if own := s.seen[c]; own != nil {
				went[i] -= own[i]
			}
			if !s.open(c.service, i, full) {
				went[i] = 0
			}
		}
		weigh(out, went)
	}
	weigh(out, s.seen[c])
	return out
}

// weigh makes chances those that clients show who went to the servers.
func weigh(chances []float64, went []int) {
	n := trusted
	for _, k := range went {
		n += k
	}
	for i := range chances {
		chances[i] *= trusted / float64(n)
		if i < len(went) {
			chances[i] += float64(went[i]) / float64(n)
		}
	}
}

// walk is what is known of libraries. Go, C, Java, JavaScript and .NET clients put
// the server that closed them at the end of a list that was shuffled once: they go
// to one of those that they have not been at, else to the one where they were
// longest ago. Python and Rust clients shuffle again. Others are not known. Clients that
// take their list in order go to the next one of it.
func (s *State) walk(c cohort, full []bool) []float64 {
	service := &s.Services[c.service]
	if at := slices.Index(service.Order, c.server); at >= 0 && !service.mayReturn() {
		for _, i := range slices.Concat(service.Order[at+1:], service.Order[:at]) {
			if s.open(c.service, i, full) {
				out := make([]float64, len(s.Servers))
				out[i] = 1
				return out
			}
		}
	}
	return s.shuffled(c, full)
}

// open reports whether the clients of a service get in to a server.
func (s *State) open(service, i int, full []bool) bool {
	return (i >= len(full) || !full[i]) && s.reaches(service, i)
}

// shuffled is walk for clients that do not take their list in order.
func (s *State) shuffled(c cohort, full []bool) []float64 {
	service := &s.Services[c.service]
	out := make([]float64, len(s.Servers))
	open := func(i int) bool { return s.open(c.service, i, full) }
	returns := service.mayReturn()
	been := []rune(string(c.trail))
	var to []int
	for i := range s.Servers {
		if i != c.server && open(i) && (returns || !slices.Contains(been, rune(i))) {
			to = append(to, i)
		}
	}
	if len(to) == 0 {
		for _, i := range been {
			if int(i) != c.server && int(i) < len(out) && open(int(i)) {
				to = append(to, int(i))
				break
			}
		}
	}
	if len(to) == 0 || returns {
		to = append(to, c.server)
	}
	for _, i := range to {
		out[i] = 1 / float64(len(to))
	}
	return out
}

// mayReturn reports whether a client may choose the server that closed it at once: by
// its library, or as MQTT clients know one address at the most.
func mayReturn(language, protocol string) bool {
	return protocol == checks.MQTT || cause.LibraryOf(language).MayReturn
}

// epochShare is the least share of the connections, in percent, that began between
// two starts where the servers were restarted one after the other.
const epochShare = 5

// restarts notes when connections began, counted in servers that had started by
// then, and sets the trails after a rolling restart: a client that began while a
// server was down came from there. It takes some that did for every server but the
// first, as servers that joined leave the same traces but for that.
func (s *State) restarts() {
	order := make([]int, 0, len(s.Servers))
	for i, server := range s.Servers {
		if server.Start.IsZero() {
			return
		}
		order = append(order, i)
	}
	slices.SortFunc(order, func(a, b int) int { return s.Servers[a].Start.Compare(s.Servers[b].Start) })
	began := make([]int, len(order)+1)
	for i := range s.Connections {
		c := &s.Connections[i]
		c.epoch = slices.IndexFunc(order, func(k int) bool { return s.Servers[k].Start.After(c.Start) })
		if c.epoch < 0 || c.Start.IsZero() {
			c.epoch = len(order)
		}
		began[c.epoch]++
	}
	for _, n := range began[1:len(order)] {
		if n*100 < epochShare*len(s.Connections) {
			return
		}
	}
	for i := range s.Connections {
		c := &s.Connections[i]
		if c.trail == "" && c.epoch > 0 && c.epoch < len(order) && order[c.epoch] != c.Server {
			c.trail = trail("").then(order[c.epoch])
		}
	}
}
