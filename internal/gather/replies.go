package gather

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/checks"
)

// noResponders is how a server says that nobody listens on a subject.
func noResponders(m *nats.Msg) bool {
	return len(m.Data) == 0 && m.Header.Get("Status") == "503"
}

func (g *system) userReply(ctx context.Context, m *nats.Msg) {
	var reply struct {
		Data  *server.UserInfo `json:"data"`
		Error *server.ApiError `json:"error"`
	}
	err := json.Unmarshal(m.Data, &reply)
	g.trace("<<< user info, %d bytes", len(m.Data))
	g.send(ctx, func(g *system) {
		if g.self != nil {
			return
		}
		if noResponders(m) || err != nil || reply.Data == nil || reply.Data.Account == "" {
			g.notes["the server does not say which account the credentials are of, the system account is taken to be "+defaultSystemAccount]++
			reply.Data = &server.UserInfo{}
		}
		g.self = reply.Data
	})
}

func (g *system) rosterReply(ctx context.Context, m *nats.Msg) {
	if noResponders(m) {
		g.send(ctx, func(g *system) { g.unheard() })
		return
	}
	id, r, refused, err := decodeRoster(m.Data)
	round := roundOf(m.Subject)
	g.trace("<<< %s roster, %d bytes, %v", id.Name, len(m.Data), err)
	g.send(ctx, func(g *system) {
		g.last = time.Now()
		if err != nil {
			g.notes[named(id, "a roster reply of %s can't be read")]++
		}
		if refused != nil {
			g.notes[named(id, "%s answered the roster with an error")]++
		}
		if id.ID == "" {
			return
		}
		s := g.server(id)
		if r == nil {
			return
		}
		if s.roster == nil {
			g.answered++
		}
		s.roster = r
		g.counted = max(g.counted, r.known)
		if round == 0 {
			s.rosterReplies++
		}
		// A server without clients has nothing to report and would stay
		// silent; whether it has leafnodes says its VARZ.
		if r.connections == 0 && !s.whole && !s.polled {
			s.polled = true
			g.ask(fmt.Sprintf(subjectVarz, id.ID), "varz", nil, nil)
		}
		// One that was not known when the others were asked again.
		if s.asked < g.asked && !s.whole {
			s.asked = g.asked
			g.askReport(s.Name, s.Cluster)
		}
	})
}

// unheard: nobody listens to the roster request. In the system account every
// server does, the one that we are connected to included.
func (g *system) unheard() {
	g.refused = !g.heard()
}

// server finds a server by id, or starts to know it.
func (g *system) server(id identity) *seen {
	s, ok := g.servers[id.ID]
	if !ok {
		s = &seen{identity: id}
		g.servers[id.ID] = s
	}
	return s
}

func (g *system) varzReply(ctx context.Context, m *nats.Msg) {
	v, err := decodeVarz(m)
	if err != nil {
		return // the report is asked for again in any case
	}
	g.trace("<<< %s varz, %d bytes", v.from.Name, len(m.Data))
	g.send(ctx, func(g *system) {
		g.last = time.Now()
		s, ok := g.servers[v.from.ID]
		if !ok {
			return
		}
		s.limit = v.limit
		if v.connections == 0 && v.leafnodes == 0 && !s.whole {
			s.whole, s.problem = true, ""
			g.arrived(s)
		}
	})
}

// reported takes in a decoded account report.
func (g *system) reported(r report, err error, round int, size int64) {
	g.last = time.Now()
	g.bytes += size
	if r.from.ID == "" {
		g.notes[named(r.from, "an account report of %s can't be used")]++
		return
	}
	s := g.server(r.from)
	if round == 0 {
		s.reportReplies++
	}
	if s.whole && len(s.usage) > 0 {
		return // the first whole one counts; doubles are counted by round
	}
	if err != nil {
		s.problem = err.Error()
		g.arrived(s)
		return
	}
	s.usage, s.whole, s.problem = r.usage, true, ""
	g.arrived(s)
}

// forbidden: the server refuses to let us publish or subscribe.
func (g *system) forbidden(err error) {
	text := strings.TrimPrefix(err.Error(), nats.ErrPermissionViolation.Error()+": ")
	low := strings.ToLower(text)
	switch {
	case strings.Contains(low, strings.ToLower(subjectUser)):
		g.notes["not allowed to ask "+subjectUser+", the system account is taken to be "+defaultSystemAccount]++
		if g.self == nil {
			g.self = &server.UserInfo{}
		}
	case strings.Contains(low, ".varz"):
		g.notes["not allowed to ask servers for their VARZ: limits of connections are not known"]++
	default:
		g.fatal = &PermissionError{Violation: text}
	}
}

// named puts the server into a sentence about its reply.
func named(id identity, format string) string {
	who := "an unknown server"
	switch {
	case id.Name != "" && id.Cluster != "":
		who = id.Name + " in cluster " + id.Cluster
	case id.Name != "":
		who = id.Name
	case id.ID != "":
		who = id.ID
	}
	return fmt.Sprintf(format, who)
}

// deployment is the model of what was gathered.
func (g *system) deployment(waited time.Duration) *checks.Deployment {
	d := &checks.Deployment{Accounts: g.accounts.all(), Missing: missing(g.servers, waited, g.asked+1)}
	d.Expected, _ = expected(g.servers)
	for i := range d.Accounts {
		a := &d.Accounts[i]
		a.System = a.ID == defaultSystemAccount || (g.self != nil && g.self.Account != "" && a.ID == g.self.Account)
	}
	for _, id := range slices.Sorted(maps.Keys(g.servers)) {
		s := g.servers[id]
		if s.rosterReplies > 1 {
			g.notes[named(s.identity, fmt.Sprintf("%%s answered the roster %d times", s.rosterReplies))] = 1
		}
		if s.reportReplies > 1 {
			g.notes[named(s.identity, fmt.Sprintf("%%s sent its account report %d times, the first counts", s.reportReplies))] = 1
		}
		if !s.whole {
			continue
		}
		if s.roster == nil {
			g.notes[named(s.identity, "%s sent an account report but did not answer the roster")] = 1
		}
		out := checks.Server{ID: s.ID, Name: s.Name, Host: s.Host, Cluster: s.Cluster, Usage: s.usage, MaxConnections: s.limit}
		if s.roster != nil {
			out.Start = s.roster.start
		}
		d.Servers = append(d.Servers, out)
	}
	g.leaveOutAuditor(d)
	for note, times := range g.notes {
		if times > 1 {
			note = fmt.Sprintf("%s (%d times)", note, times)
		}
		d.Notes = append(d.Notes, note)
	}
	slices.Sort(d.Notes)
	slices.SortFunc(d.Servers, func(a, b checks.Server) int { return cmp.Compare(a.ID, b.ID) })
	return d
}

// leaveOutAuditor takes our own connection out of the system account.
func (g *system) leaveOutAuditor(d *checks.Deployment) {
	for i := range d.Servers {
		s := &d.Servers[i]
		if s.ID != g.nc.ConnectedServerId() {
			continue
		}
		own := slices.IndexFunc(s.Usage, func(u checks.Usage) bool { return d.Accounts[u.Account].System && u.Connections > 0 })
		if own < 0 {
			continue
		}
		if s.Usage[own].Connections--; s.Usage[own].Connections == 0 && s.Usage[own].Leafnodes == 0 {
			s.Usage = slices.Delete(s.Usage, own, own+1)
		}
	}
}
