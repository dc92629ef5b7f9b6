package system

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/source"
	"github.com/nats-balance/nats-balance/internal/sysreq"
	"github.com/nats-balance/nats-balance/internal/wire"
)

func (g *gathering) userReply(ctx context.Context, m *nats.Msg) {
	user, err := wire.DecodeUserInfo(m.Data)
	g.client.Trace("<<< user info, %d bytes", len(m.Data))
	g.send(ctx, func(g *gathering) {
		if g.self != nil {
			return
		}
		if err != nil { // one of nobody there, too
			g.notes["the server does not say which account the credentials are of, the system account is taken to be "+source.DefaultSystemAccount]++
		}
		g.self = &user
	})
}

func (g *gathering) rosterReply(ctx context.Context, round int, m *nats.Msg) {
	if sysreq.NoResponders(m) {
		// In the system account every server listens, the one that we are
		// connected to included.
		g.send(ctx, func(g *gathering) { g.refused = !g.heard() })
		return
	}
	r, err := wire.DecodeStatsz(m.Data)
	var refused *wire.Error
	errors.As(err, &refused)
	g.client.Trace("<<< %s roster, %d bytes, %v", r.From.Name, len(m.Data), err)
	g.send(ctx, func(g *gathering) {
		g.last = time.Now()
		switch {
		case refused != nil:
			g.notes[fmt.Sprintf("%s answered the roster with an error", r.From)]++
		case err != nil:
			g.notes[fmt.Sprintf("a roster reply of %s can't be read", r.From)]++
		}
		if r.From.ID == "" {
			return
		}
		s := g.server(r.From)
		if err != nil {
			return
		}
		if s.roster == nil {
			g.answered++
		}
		s.roster = &r
		g.counted = max(g.counted, r.Servers)
		if round == 0 {
			s.rosterReplies++
		}
		// A server without clients has nothing to report and would send nothing;
		// whether it has leafnodes says its VARZ.
		if r.Connections == 0 && !s.whole && !s.polled {
			s.polled = true
			g.ask(sysreq.Varz(s.ID), ofVarz, nil)
		}
		// One that was not known when the others were asked again.
		if s.asked < g.asked && !s.whole {
			s.asked = g.asked
			g.askReport(s.Name, s.Cluster)
		}
	})
}

// server finds a server by id, or starts to know it.
func (g *gathering) server(from wire.Server) *seen {
	s, ok := g.servers[from.ID]
	if !ok {
		s = &seen{Server: from}
		g.servers[from.ID] = s
	}
	return s
}

func (g *gathering) varzReply(ctx context.Context, m *nats.Msg) {
	v, err := wire.DecodeVarz(m.Data)
	if err != nil || v.Connections == nil || v.Leafnodes == nil {
		return // the report is asked for again in any case
	}
	g.client.Trace("<<< %s varz, %d bytes", v.From.Name, len(m.Data))
	g.send(ctx, func(g *gathering) {
		g.last = time.Now()
		s, ok := g.servers[v.From.ID]
		if !ok {
			return
		}
		s.limit = v.MaxConnections
		if *v.Connections == 0 && *v.Leafnodes == 0 && !s.whole {
			s.whole, s.problem = true, ""
			g.arrived(s)
		}
	})
}

// reported takes in a decoded account report.
func (g *gathering) reported(r wire.Report, err error, round int, size int64) {
	g.last = time.Now()
	g.bytes += size
	if r.From.ID == "" {
		g.notes[fmt.Sprintf("an account report of %s can't be used", r.From)]++
		return
	}
	s := g.server(r.From)
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
	s.usage, s.whole, s.problem = r.Usage, true, ""
	g.arrived(s)
}

// forbidden: the server refuses to let us publish or subscribe.
func (g *gathering) forbidden(e *sysreq.PermissionError) {
	switch {
	case e.Operation != sysreq.Publish:
		g.fatal = e
	case e.Subject == sysreq.UserInfo:
		g.notes["not allowed to ask "+sysreq.UserInfo+", the system account is taken to be "+source.DefaultSystemAccount]++
		if g.self == nil {
			g.self = &wire.User{}
		}
	case strings.HasSuffix(e.Subject, ".VARZ"):
		g.notes["not allowed to ask servers for their VARZ: limits of connections are not known"]++
	default:
		g.fatal = e
	}
}

// deployment is the model of what was gathered.
func (g *gathering) deployment(waited time.Duration) *checks.Deployment {
	d := &checks.Deployment{Accounts: g.accounts.All(), Missing: missing(g.servers, waited, g.asked+1)}
	d.Expected, _ = expected(g.servers)
	for i := range d.Accounts {
		a := &d.Accounts[i]
		a.System = a.ID == source.DefaultSystemAccount || (g.self != nil && g.self.Account != "" && a.ID == g.self.Account)
	}
	for _, id := range slices.Sorted(maps.Keys(g.servers)) {
		s := g.servers[id]
		if s.rosterReplies > 1 {
			g.notes[fmt.Sprintf("%s answered the roster %d times", s.Server, s.rosterReplies)] = 1
		}
		if s.reportReplies > 1 {
			g.notes[fmt.Sprintf("%s sent its account report %d times, the first counts", s.Server, s.reportReplies)] = 1
		}
		if !s.whole {
			continue
		}
		if s.roster == nil {
			g.notes[fmt.Sprintf("%s sent an account report but did not answer the roster", s.Server)] = 1
		}
		out := checks.Server{ID: s.ID, Name: s.Name, Host: s.Host, Cluster: s.Cluster, Usage: s.usage, MaxConnections: s.limit}
		if s.roster != nil {
			out.Start = s.roster.Start
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
func (g *gathering) leaveOutAuditor(d *checks.Deployment) {
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
