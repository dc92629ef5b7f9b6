package rebalance

import (
	"cmp"
	"context"
	"math"
	"slices"
	"sync"
	"time"

	natsd "github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/checks/cause"
	"github.com/nats-balance/nats-balance/internal/sysreq"
	"github.com/nats-balance/nats-balance/internal/wire"
)

// Ended is a connection of a service that a server remembers.
type Ended struct {
	Service, Server int // indexes
	Name            string
	Kicked          bool      // somebody asked the server to close it
	Start, Stop     time.Time // by the clock of the auditor
}

// client is who has a connection, as far as a name says that.
type client struct {
	service int
	name    string
}

// Remembered reads which connections of the services of a state the servers remember:
// those that closed last, without those of a server that does not say.
func (s *State) Remembered(ctx context.Context, nc *nats.Conn, patience time.Duration) []Ended {
	c := sysreq.New(nc, nil)
	defer c.Close()
	accounts, services := map[string]int{}, map[serviceKey]int{}
	for i, a := range s.Accounts {
		accounts[a.ID] = i
	}
	for i, x := range s.Services {
		services[serviceKey{x.Account, x.Stem, x.User, x.Language, x.Protocol}] = i
	}
	var out []Ended
	var mu sync.Mutex
	remembered(ctx, c, patience, s.Servers, func(at int, x *wire.Connection) {
		account, ours := accounts[cmp.Or(string(x.Account), checks.GlobalAccount)]
		name, protocol := called(x)
		service, known := services[serviceKey{account, cause.Stem(name), string(x.User), string(x.Language), protocol}]
		if !ours || !known || x.Stop.IsZero() {
			return
		}
		offset := s.Servers[at].Offset
		mu.Lock()
		defer mu.Unlock()
		out = append(out, Ended{service, at, name, checks.Reason(x.Reason) == checks.ReasonKicked, x.Start.Add(-offset), x.Stop.Add(-offset)})
	})
	return out
}

// remembered reads the connections of servers that closed last. It takes from several
// goroutines.
func remembered(ctx context.Context, c *sysreq.Client, patience time.Duration, servers []Server, take func(server int, x *wire.Connection)) {
	at := map[string]int{}
	for i, s := range servers {
		at[s.ID] = i
	}
	each(servers, func(s Server) {
		reply, err := ask(ctx, c, patience, sysreq.Connz(s.ID), natsd.ConnzOptions{Sort: natsd.ByStop, State: natsd.ConnClosed, Username: true, Limit: wire.PageSize})
		if err != nil {
			return
		}
		d := wire.NewDecoder()
		body, err := d.Open(reply)
		if err != nil {
			return
		}
		// What came before an error is right.
		_, _ = d.Closed(ctx, body, s.ID, func(x *wire.Connection) { take(at[s.ID], x) })
	})
}

// missedBefore are the servers that clients did not come to when they were closed since
// these started, as far as servers remember that.
func (s *State) missedBefore(ended []Ended) []Missed {
	all, first := passages{}, make([]time.Time, len(s.Services))
	for _, e := range ended {
		if e.Kicked && (first[e.Service].IsZero() || e.Stop.Before(first[e.Service])) {
			first[e.Service] = e.Stop
		}
	}
	back, to := make([]int, len(s.Services)), make([][]bool, len(s.Services))
	came := func(service, server int, start time.Time) {
		if !first[service].IsZero() && !start.Before(first[service]) {
			if to[service] == nil {
				to[service] = make([]bool, len(s.Servers))
			}
			back[service]++
			to[service][server] = true
		}
	}
	for _, c := range s.Connections {
		came(c.Service, c.Server, c.Start)
	}
	for _, e := range ended {
		came(e.Service, e.Server, e.Start)
	}
	full, of := s.full(Goal{}), s.traced(ended)
	order := make([]int, len(ended))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return ended[a].Stop.Compare(ended[b].Stop) })
	for _, at := range order {
		e := ended[at]
		if !e.Kicked || !leftFrom(to[e.Service], e.Server) { // those that came back say nothing
			continue
		}
		if back[e.Service]--; back[e.Service] < 0 {
			continue
		}
		chances := s.walk(of[at], full)
		for i := range chances {
			if !e.Stop.After(s.Servers[i].Start) { // it was not there yet
				chances[i] = 0
			}
		}
		p := all.of(way{e.Service, e.Server}, len(s.Servers))
		s.goes(p, of[at], chances, full)
		for i, came := range to[e.Service] {
			p.to[i] = came && i != e.Server
		}
	}
	return s.missed(all)
}

// moment is how soon after its connection was closed a client has the next one.
const moment = time.Second

// traced returns the cohort of each connection that ended. One that began the moment after
// another of its name was closed on request is its client's. Later it may be that of a new
// process, whose list is another.
func (s *State) traced(ended []Ended) []cohort {
	waiting, out := map[client][]int{}, make([]cohort, len(ended))
	order := make([]int, len(ended))
	for i, e := range ended {
		order[i], out[i] = i, cohort{service: e.Service, server: e.Server}
	}
	slices.SortStableFunc(order, func(a, b int) int { return ended[a].Start.Compare(ended[b].Start) })
	latest := moment // after that no connection is one's next, by whichever clocks
	for i := range s.Servers {
		latest = max(latest, moment+s.clocks(i, i))
	}
	for _, at := range order {
		e, of := ended[at], client{ended[at].Service, ended[at].Name}
		waiting[of] = slices.DeleteFunc(waiting[of], func(was int) bool { return e.Start.Sub(ended[was].Stop) > latest })
		nearest, k := time.Duration(math.MaxInt64), -1
		for i, was := range waiting[of] {
			off, after := s.clocks(ended[was].Server, e.Server), e.Start.Sub(ended[was].Stop)
			if after >= -off && after <= moment+off && after.Abs() < nearest {
				nearest, k = after.Abs(), i
			}
		}
		if k >= 0 {
			was := out[waiting[of][k]]
			out[at].trail, out[at].tries = was.trail.then(was.server), was.tries+1
			waiting[of] = slices.Delete(waiting[of], k, k+1)
		}
		if e.Kicked {
			waiting[of] = append(waiting[of], at)
		}
	}
	return out
}

// leftFrom reports whether clients came to another server than that one.
func leftFrom(to []bool, server int) bool {
	for i, came := range to {
		if came && i != server {
			return true
		}
	}
	return false
}

// Leave plans no client for a server that it did not come to when it was closed before.
func (s *State) Leave(ended []Ended) []Missed {
	all := s.missedBefore(ended)
	for _, x := range all {
		s.leave(x)
	}
	return all
}

// clocks is how far two servers' clocks may be off each other once what they are known to
// differ is taken off, where a server did not say how well that is known.
func (s *State) clocks(a, b int) time.Duration {
	const unknown = time.Second
	return cmp.Or(s.Servers[a].Margin, unknown) + cmp.Or(s.Servers[b].Margin, unknown)
}

// Lost returns the services whose clients were closed at somebody's request and have not
// connected again. Whether they have is unknown where clients of other names have come
// since: those may be the same.
func (s *State) Lost(ended []Ended) []Recalled {
	type fate struct {
		closed, back int
		first        time.Time
		server       int // that closed the first
	}
	fates, out, last := map[client]*fate{}, make([]Recalled, len(s.Services)), make([]int, len(s.Services))
	for _, e := range ended {
		if !e.Kicked {
			continue
		}
		of, r := client{e.Service, e.Name}, &out[e.Service]
		if fates[of] == nil {
			fates[of] = &fate{first: e.Stop, server: e.Server}
		}
		f := fates[of]
		f.closed++
		if e.Stop.Before(f.first) {
			f.first, f.server = e.Stop, e.Server
		}
		if r.Closed++; e.Stop.After(r.At) {
			r.At, r.Server, last[e.Service] = e.Stop, s.Servers[e.Server].Name, e.Server
		}
	}
	anew := make([]bool, len(s.Services)) // clients of other names have come since
	see := func(of client, server int, start time.Time) {
		switch f := fates[of]; {
		case f != nil && start.After(f.first.Add(-s.clocks(server, f.server))):
			f.back++
		case f == nil && out[of.service].Closed > 0 && start.After(out[of.service].At.Add(-s.clocks(server, last[of.service]))):
			anew[of.service] = true
		}
	}
	for _, c := range s.Connections {
		see(client{c.Service, c.Name}, c.Server, c.Start)
	}
	for _, e := range ended {
		see(client{e.Service, e.Name}, e.Server, e.Start)
	}
	for of, f := range fates {
		out[of.service].Lost += max(0, f.closed-f.back)
	}
	for i := range out {
		out[i].Service, out[i].Name = i, s.nameOf(i)
	}
	return slices.DeleteFunc(out, func(r Recalled) bool {
		return anew[r.Service] || r.Lost == 0 || 2*r.Lost <= r.Closed && !tooManyMissing(r.Lost, r.Closed)
	})
}
