package gather

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"

	"github.com/nats-io/jsm.go/audit/archive"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/words"
)

// Details sets what the servers of clusters say of themselves, as far as the
// archive has their VARZ and ROUTEZ, and notes what it lacks. When a server was
// asked is not in the archive, but that it was between the beginning and the end
// of the run: the clock's margin is half of that time.
func (a *Archive) Details(ctx context.Context, d *checks.Deployment, clusters []string) error {
	asked, came, known := a.clock()
	servers := map[string]*checks.Server{}
	for i := range d.Servers {
		if s := &d.Servers[i]; slices.Contains(clusters, s.Cluster) {
			servers[s.ID] = s
		}
	}
	err := a.each(ctx, func(body []byte) error {
		s := servers[sender(body)]
		if s == nil || s.Details != nil {
			return nil
		}
		// One that can't be read leaves the server without, which is noted.
		if limit, details, err := decodeDetails(body, s.ID, asked, came); err == nil {
			s.MaxConnections, s.Details = limit, details
			if !known {
				details.Offset, details.Margin = 0, 0
			}
		}
		return nil
	}, archive.TagServerVars())
	if err != nil {
		return a.wrong(err)
	}
	routed := map[string]bool{}
	err = a.each(ctx, func(body []byte) error {
		id := sender(body)
		peers, err := decodeRoutez(body, id)
		if err == nil && servers[id] != nil {
			routed[id] = true
		}
		for _, p := range peers {
			s := servers[p.id]
			if s != nil && s.Details != nil && p.id != id && len(s.Details.Seen) < mostSeen && !slices.Contains(s.Details.Seen, p.addr) {
				s.Details.Seen = append(s.Details.Seen, p.addr)
			}
		}
		return nil
	}, archive.TagServerRoutes())
	if err != nil {
		return a.wrong(err)
	}
	noVarz := 0
	for _, s := range servers {
		if s.Details == nil {
			noVarz++
			continue
		}
		slices.SortFunc(s.Details.Seen, netip.Addr.Compare)
	}
	noteLacking(d, "VARZ", "limits, listeners and clocks", noVarz, len(servers))
	noteLacking(d, "ROUTEZ", "peers' addresses", len(servers)-len(routed), len(servers))
	return nil
}

// noteLacking notes what an archive does not have of some servers.
func noteLacking(d *checks.Deployment, kind, what string, missing, of int) {
	if missing > 0 {
		note(d, fmt.Sprintf("the %s of %s of %s servers are not known: the archive has no %s of them, or none that can be read", what, words.Count(missing), words.Count(of), kind))
	}
}

// sender is the id of the server that an answer is from; empty where it does not
// say.
func sender(body []byte) string {
	var reply struct {
		Server identity `json:"server"`
	}
	if json.Unmarshal(body, &reply) != nil {
		return ""
	}
	return reply.Server.ID
}

// Examine reads who is connected of each suspect, as far as the archive has it,
// and which servers know its account.
func (a *Archive) Examine(ctx context.Context, d *checks.Deployment, of []Suspect) ([]Report, map[Suspect]map[string]checks.AccountOn, error) {
	l, err := a.load(ctx)
	if err != nil {
		return nil, nil, err
	}
	reports := make([]Report, len(of))
	accounts := map[Suspect]map[string]checks.AccountOn{}
	for i, s := range of {
		r, err := newReading(d, s)
		if err != nil {
			return nil, nil, a.wrong(err)
		}
		if err := a.readProfile(ctx, d, r); err != nil {
			return nil, nil, a.wrong(err)
		}
		reports[i] = r.report()
		// What an archive has of connections does not name their users.
		reports[i].Profile.Users = nil
		if accounts[s], err = a.accountOn(ctx, l, d, s); err != nil {
			return nil, nil, a.wrong(err)
		}
	}
	return reports, accounts, nil
}

// readProfile reads the connections of a suspect. Where there are more on a
// server than an archive has, those that it has are the oldest.
func (a *Archive) readProfile(ctx context.Context, d *checks.Deployment, r *reading) error {
	tasks := map[string]task{}
	for _, t := range r.tasks {
		tasks[t.id] = t
	}
	dec := newDecoder()
	problems := map[string]string{} // by server, of those that were read
	err := a.each(ctx, func(body []byte) error {
		id := sender(body)
		t, asked := tasks[id]
		if _, again := problems[id]; !asked || again {
			return nil
		}
		read := 0
		n, err := dec.page(ctx, &nats.Msg{Data: body}, func(c *connection) {
			if !c.client {
				return
			}
			read++
			r.profile.add(t.server, c)
			if t.server == 0 {
				r.subscriptions += int(c.subscriptions)
			}
		})
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			problems[id] = "has a list of connections that can't be used: " + err.Error()
		case n >= pageSize && read < usageOf(d, id, r.suspect.Account):
			problems[id] = "has more than the 1,024 that an archive holds, which are the oldest"
		default:
			problems[id] = ""
		}
		return nil
	}, archive.TagAccount(r.suspect.Account), archive.TagAccountConnections())
	if err != nil {
		return err
	}
	for _, t := range r.tasks {
		problem, there := problems[t.id]
		if !there {
			problem = "has no list of connections in the archive"
		}
		switch {
		case problem != "":
			r.failed++
			if r.problem == "" {
				r.problem = t.name + " " + problem
			}
		case t.server == 0:
			r.whole = true
		}
	}
	return nil
}

// usageOf is how many client connections an account has on a server.
func usageOf(d *checks.Deployment, server, account string) int {
	for _, s := range d.Servers {
		for _, u := range s.Usage {
			if s.ID == server && d.Accounts[u.Account].ID == account {
				return int(u.Connections)
			}
		}
	}
	return 0
}

// accountOn is what each server of the suspect's cluster knows of its account.
// One that lists its accounts without this one does not have it; in operator
// mode it may not have needed it yet.
func (a *Archive) accountOn(ctx context.Context, l *archived, d *checks.Deployment, s Suspect) (map[string]checks.AccountOn, error) {
	out := map[string]checks.AccountOn{}
	for _, model := range d.Servers {
		if model.Cluster != s.Cluster {
			continue
		}
		switch known := l.servers[model.ID]; {
		case known == nil || !known.listed:
			out[model.ID] = unknown("the archive does not tell")
		case known.accounts[l.account(s.Account)]:
			out[model.ID] = checks.AccountOn{Usable: checks.Yes, Detail: "it lists the account"}
		case nkeys.IsValidPublicAccountKey(s.Account):
			out[model.ID] = unknown("it has not loaded the account, which a server in operator mode does when it needs it")
		default:
			out[model.ID] = checks.AccountOn{Usable: checks.No, Detail: "it does not list the account"}
		}
	}
	err := a.each(ctx, func(body []byte) error {
		if from, on, err := decodeInfo(body, s.Account); err == nil {
			if _, asked := out[from]; asked {
				out[from] = on
			}
		}
		return nil
	}, archive.TagAccount(s.Account), archive.TagAccountInfo())
	return out, err
}

// Subscriptions counts those of the client connections of accounts on servers of
// the model; nil where the archive does not have all of them.
func (a *Archive) Subscriptions(ctx context.Context, d *checks.Deployment, of []Held) ([]*int, error) {
	var suspects []Suspect
	for _, h := range of {
		for _, s := range d.Servers {
			if s.ID == h.Server {
				suspects = append(suspects, Suspect{Account: h.Account, Server: h.Server, Cluster: s.Cluster})
			}
		}
	}
	reports, _, err := a.Examine(ctx, d, suspects)
	if err != nil || len(reports) != len(of) {
		return make([]*int, len(of)), err
	}
	out := make([]*int, len(of))
	for i := range reports {
		out[i] = reports[i].Subscriptions
	}
	return out, nil
}
