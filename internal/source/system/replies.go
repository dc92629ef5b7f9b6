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
	"github.com/nats-balance/nats-balance/internal/words"
)

func (g *gathering) userReply(ctx context.Context, m *nats.Msg) {
	user, _ := wire.DecodeUserInfo(m.Data) // of no account where nobody is there
	g.client.Trace("<<< user info, %d bytes", len(m.Data))
	g.send(ctx, func(g *gathering) {
		if g.self != nil {
			return
		}
		g.self = &user
	})
}

func (g *gathering) rosterReply(ctx context.Context, tag int, m *nats.Msg) {
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
		if errors.Is(err, wire.ErrServerID) {
			g.stranger(r.From)
		}
		if r.From.ID == "" {
			return
		}
		s := g.server(r.From)
		g.questions[tag].heard++
		if err != nil {
			return
		}
		asked := g.questions[tag]
		s.confirmed = s.confirmed || s.whole && asked.at.After(s.reported)
		s.heard = time.Now()
		s.takes = max(s.takes, s.heard.Sub(asked.at))
		g.slowest = max(g.slowest, s.takes)
		if s.roster == nil {
			g.answered++
		}
		s.roster = &r
		g.counted = max(g.counted, r.Servers)
		if asked.round == 0 && tag == firstRoster {
			s.rosterReplies++
		}
		g.unused = g.unused || source.LeavesOutLeafnodes(r.Version)
		// A server without clients has nothing to report and would send nothing;
		// whether it has leafnodes says its VARZ.
		if r.Connections == 0 && !s.whole && !s.polled {
			s.polled = true
			g.askVarz(s.ID)
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
		s = &seen{Server: from, answers: map[int]answer{}}
		if g.planned {
			s.asked = -1 // it may not have heard that reports were asked for
		}
		g.servers[from.ID] = s
	}
	if s.Server != from {
		s.contradict()
	}
	return s
}

// stranger takes in a server that gives an id which no server has. Nothing can
// be asked of it.
func (g *gathering) stranger(from wire.Server) {
	if key := " " + from.Name + " " + from.Cluster; len(g.servers) < wire.MostServers {
		g.servers[key] = &seen{Server: from, strange: true}
	}
}

// contradict takes in that two answers in the server's name differ. Which of
// them is its own can't be known.
func (s *seen) contradict() {
	s.contradicted, s.whole, s.usage = true, false, nil
}

func (g *gathering) varzReply(ctx context.Context, tag int, m *nats.Msg) {
	v, err := wire.DecodeVarz(m.Data)
	if tag == ownVarz && sysreq.NoResponders(m) {
		g.send(ctx, func(g *gathering) { g.unheard = !g.lostOnce })
	}
	if err == nil && v.From.ID == g.nc.ConnectedServerId() || sysreq.NoResponders(m) {
		g.send(ctx, func(g *gathering) {
			g.identified = true
			if err == nil && g.connected == nil {
				g.connected = &v
			}
		})
	}
	g.send(ctx, func(g *gathering) { g.configuredBy(tag, v, err) })
	if err != nil || v.Connections == nil || v.Leafnodes == nil {
		return // the report is asked for again in any case
	}
	g.client.Trace("<<< %s varz, %d bytes", v.From.Name, len(m.Data))
	g.send(ctx, func(g *gathering) {
		s, ok := g.servers[v.From.ID]
		if !ok {
			return
		}
		if !s.polled {
			return // it was asked for something else
		}
		g.last = time.Now()
		s.limit = v.MaxConnections
		if *v.Connections == 0 && *v.Leafnodes == 0 && !s.whole && !s.contradicted {
			s.whole, s.problem, s.reported = true, "", time.Now()
			g.arrived(s)
		}
	})
}

// reported takes in a decoded account report. The first whole one counts; others
// that answer the same question must say the same.
func (g *gathering) reported(r wire.Report, err error, reply reportReply, size int64) {
	g.last = time.Now()
	g.bytes += size
	if errors.Is(err, wire.ErrServerID) {
		g.stranger(r.From)
	}
	if r.From.ID == "" {
		g.notes[fmt.Sprintf("an account report of %s can't be used", r.From)]++
		return
	}
	if err == nil && g.scoped() {
		if r.Listed < 2 {
			g.ofOne++
			return // the other answer lists the system account too
		}
		g.ofAll++
	}
	s := g.server(r.From)
	if reply.tag == g.firstReports {
		s.reportReplies++
	}
	if s.contradicted {
		return
	}
	before, twice := s.answers[reply.tag]
	switch {
	case twice && (before.broken != (err != nil) || !sameUsage(before.usage, r.Usage)):
		s.contradict()
		g.arrived(s)
		return
	case twice:
		return
	}
	s.answers[reply.tag] = answer{r.Usage, err != nil}
	if s.whole && len(s.usage) > 0 && (err != nil || reply.nth > s.nth) {
		return
	}
	if err != nil {
		s.problem = err.Error()
		g.arrived(s)
		return
	}
	s.usage, s.whole, s.problem, s.nth, s.reported = r.Usage, true, "", reply.nth, time.Now()
	g.arrived(s)
}

// sameUsage reports whether two reports say the same, in whatever order.
func sameUsage(a, b []checks.Usage) bool {
	sorted := func(of []checks.Usage) []checks.Usage {
		return slices.SortedFunc(slices.Values(of), func(a, b checks.Usage) int { return cmp.Compare(a.Account, b.Account) })
	}
	return len(a) == len(b) && slices.Equal(sorted(a), sorted(b))
}

// forbidden: the server refuses to let us publish or subscribe.
func (g *gathering) forbidden(e *sysreq.PermissionError) {
	switch {
	case e.Operation == sysreq.Subscribe && e.Subject == sysreq.LameDuck: // who begins to drain is not known then
	case e.Operation != sysreq.Publish:
		g.fatal = e
	case e.Subject == sysreq.UserInfo:
		if g.self == nil {
			g.self = &wire.User{}
		}
	case strings.HasSuffix(e.Subject, ".VARZ"):
		g.noVarz, g.identified = true, true
	case strings.HasSuffix(e.Subject, ".ROUTEZ"), strings.HasSuffix(e.Subject, ".LEAFZ"):
		g.noLinks = true
	default:
		g.fatal = e
	}
}

// deployment is the model of what was gathered.
func (g *gathering) deployment(waited time.Duration) *checks.Deployment {
	g.dropUnconfirmed()
	dropUnrouted(g.servers)
	links, configured := peers(g.servers), g.links()
	d := &checks.Deployment{Accounts: g.accounts.All(), Missing: missing(g.servers, waited, g.asked+1)}
	for i := range d.Missing {
		if m := &d.Missing[i]; m.ID == "" && m.Name != "" && g.drained[m.Name] {
			m.Kind, m.Announced, m.Reason = checks.Draining, true, "it began to drain during this audit, and answers nothing more"
		}
	}
	d.Expected, _ = expected(g.servers)
	for _, s := range g.servers {
		if s.replaced {
			d.Expected--
		}
	}
	g.noteIdentity()
	g.noteYoung()
	g.noteOneByOne()
	d.Gateways = g.connected == nil || g.connected.Gateway
	system := g.systemAccount()
	for i := range d.Accounts {
		d.Accounts[i].System = d.Accounts[i].ID == system
	}
	for _, id := range slices.Sorted(maps.Keys(g.servers)) {
		s := g.servers[id]
		if s.rosterReplies > 1 {
			g.notes[fmt.Sprintf("%s answered the roster %s times", s.Server, words.Count(s.rosterReplies))] = 1
		}
		if s.reportReplies > 1 && !s.contradicted { // which one is missing then, with that reason
			g.notes[fmt.Sprintf("%s sent its account report %s times, the first counts", s.Server, words.Count(s.reportReplies))] = 1
		}
		if !s.whole {
			continue
		}
		if s.roster == nil {
			g.notes[fmt.Sprintf("%s sent an account report but did not answer the roster", s.Server)] = 1
		}
		out := checks.Server{ID: s.ID, Name: s.Name, Host: s.Host, Cluster: s.Cluster, Peers: links[id], Configured: s.joined, Usage: s.usage, MaxConnections: s.limit, Links: configured[id]}
		if s.roster != nil {
			out.Start = s.roster.Start
		}
		d.Servers = append(d.Servers, out)
	}
	g.leaveOutAuditor(d)
	if g.noVarz {
		g.notes["not allowed to ask servers for their VARZ: limits of connections, and servers that only the configuration of others names, are unknown"]++
	}
	if of := hubs(g.servers); len(of) > 0 && len(behind(g.servers)) > 0 {
		g.notes[fmt.Sprintf("%s does not pass on the answers of servers behind its leafnodes, as between leafnode clusters of one name: connect to %s to see them all, or to one of them", of[0].Called(), of[0].Called())] = 1
	}
	for note, times := range g.notes {
		if times > 1 {
			note = fmt.Sprintf("%s (%s times)", note, words.Count(times))
		}
		d.Notes = append(d.Notes, note)
	}
	slices.Sort(d.Notes)
	slices.SortFunc(d.Servers, func(a, b checks.Server) int { return cmp.Compare(a.ID, b.ID) })
	source.DropCutOff(d)
	d.Separate()
	return d
}

// leaveOutAuditor takes our own connection out of its account: the system
// account where the server does not say.
func (g *gathering) leaveOutAuditor(d *checks.Deployment) {
	account := ""
	if g.self != nil { // it may never come
		account = g.self.Account
	}
	for i := range d.Servers {
		s := &d.Servers[i]
		if s.ID != g.nc.ConnectedServerId() {
			continue
		}
		own := slices.IndexFunc(s.Usage, func(u checks.Usage) bool {
			a := d.Accounts[u.Account]
			return u.Connections > 0 && (account != "" && a.ID == account || account == "" && a.System)
		})
		if own < 0 {
			continue
		}
		if s.Usage[own].Connections--; s.Usage[own].Connections == 0 && s.Usage[own].Leafnodes == 0 {
			s.Usage = slices.Delete(s.Usage, own, own+1)
		}
	}
}
