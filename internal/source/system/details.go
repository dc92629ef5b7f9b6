package system

import (
	"context"
	"net/netip"
	"slices"

	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/source"
	"github.com/nats-balance/nats-balance/internal/sysreq"
	"github.com/nats-balance/nats-balance/internal/wire"
)

// details asks the servers of the named clusters what they say of themselves,
// and of their peers, and sets Details and MaxConnections in the model. It
// returns when all have answered, when the server refuses the questions, when
// nothing has come for a fourth of the time that there is (1 to 10 s), or when
// the context ends. Where a server's VARZ does not come, its details are
// nil: what is not known does not look like what is not there. What did not
// come is noted. An error means that the context was cancelled or that the
// connection can't be used.
func details(ctx context.Context, nc *nats.Conn, d *checks.Deployment, clusters []string) error {
	var servers []*checks.Server
	var questions []sysreq.Question
	index := map[string]int{}
	for i := range d.Servers {
		s := &d.Servers[i]
		if !slices.Contains(clusters, s.Cluster) {
			continue
		}
		index[s.ID] = len(servers)
		servers = append(servers, s)
		questions = append(questions,
			sysreq.Question{Subject: sysreq.Varz(s.ID), Replies: 1},
			sysreq.Question{Subject: sysreq.Routez(s.ID), Replies: 1, Compressed: len(d.Servers) > sysreq.FewRows})
	}
	type answered struct {
		limit   *int
		details *checks.Details
		links   *checks.Links
		routez  bool
		joined  []string
		seen    []netip.Addr
	}
	got := make([]answered, len(servers))
	dec := wire.NewDecoder()
	c := sysreq.New(nc, nil)
	defer c.Close()
	refused, err := c.AskAll(ctx, questions, source.Patience(ctx), func(a sysreq.Answer) bool {
		i := a.Question / 2
		body, err := dec.Reply(a.Message)
		if err != nil {
			return true
		}
		if a.Question%2 == 0 {
			v, err := wire.DecodeVarz(body)
			if err != nil || v.From.ID != servers[i].ID || got[i].details != nil {
				return true
			}
			got[i].links = source.Links(v)
			if details, err := source.Details(v, a.Asked, a.Came); err == nil {
				got[i].limit, got[i].details = v.MaxConnections, details
			}
			return true
		}
		r, err := wire.DecodeRoutez(body)
		if err != nil || r.From.ID != servers[i].ID || got[i].routez {
			return true
		}
		got[i].routez, got[i].joined = true, r.Configured()
		for _, p := range r.Peers {
			if k, ok := index[p.ID]; ok {
				got[k].seen = source.AddSeen(got[k].seen, p.Addr)
			}
		}
		return true
	})
	if err != nil {
		return err
	}
	noVarz, noRoutez := 0, 0
	for i, s := range servers {
		if !got[i].routez {
			noRoutez++
		}
		if got[i].links != nil {
			s.Links = got[i].links
		}
		if got[i].routez {
			s.Configured = got[i].joined
		}
		if got[i].details == nil {
			noVarz++
			continue
		}
		s.MaxConnections, s.Details = got[i].limit, got[i].details
		slices.SortFunc(got[i].seen, netip.Addr.Compare)
		s.Details.Seen = got[i].seen
	}
	source.NoteUnknown(d, source.OfVarz, noVarz, len(servers), why(refused, "VARZ"))
	source.NoteUnknown(d, source.OfRoutez, noRoutez, len(servers), why(refused, "ROUTEZ"))
	return nil
}

// why a service was not answered by some.
func why(refused sysreq.Refusals, service string) string {
	if e := refused.Of(service); e != nil {
		return "not allowed to ask for " + service + ": " + e.Violation
	}
	return "they did not answer " + service + " in time, or not readably"
}
