package archive

import (
	"bytes"
	"context"
	"errors"
	"net/netip"
	"slices"

	jsm "github.com/nats-io/jsm.go/audit/archive"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/source"
	"github.com/nats-balance/nats-balance/internal/source/profile"
	"github.com/nats-balance/nats-balance/internal/wire"
)

// Details sets what the servers of clusters say of themselves, as far as the
// archive has their VARZ and ROUTEZ, and notes what it lacks. When a server was
// asked is not in the archive, but that it was between the beginning and the end
// of the run: the clock's margin is half of that time.
func (a *Source) Details(ctx context.Context, d *checks.Deployment, clusters []string) error {
	asked, came, known := a.clock()
	servers := map[string]*checks.Server{}
	for i := range d.Servers {
		if s := &d.Servers[i]; slices.Contains(clusters, s.Cluster) {
			servers[s.ID] = s
		}
	}
	err := a.each(ctx, func(body []byte) error {
		s := servers[wire.Sender(body)]
		if s == nil || s.Details != nil {
			return nil
		}
		// One that can't be read leaves the server without, which is noted.
		v, err := wire.DecodeVarz(body)
		if err != nil {
			return nil //nolint:nilerr // see above
		}
		if details, err := source.Details(v, asked, came); err == nil {
			s.MaxConnections, s.Details = v.MaxConnections, details
			if !known {
				details.Offset, details.Margin = 0, 0
			}
		}
		return nil
	}, jsm.TagServerVars())
	if err != nil {
		return a.wrong(err)
	}
	routed := map[string]bool{}
	err = a.each(ctx, func(body []byte) error {
		r, err := wire.DecodeRoutez(body)
		if err == nil && servers[r.From.ID] != nil {
			routed[r.From.ID] = true
		}
		for _, p := range r.Peers {
			if s := servers[p.ID]; s != nil && s.Details != nil {
				s.Details.Seen = source.AddSeen(s.Details.Seen, p.Addr)
			}
		}
		return nil
	}, jsm.TagServerRoutes())
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
	source.NoteUnknown(d, source.OfVarz, noVarz, len(servers), lacking("VARZ"))
	source.NoteUnknown(d, source.OfRoutez, len(servers)-len(routed), len(servers), lacking("ROUTEZ"))
	return nil
}

// lacking is why something of some servers is not known.
func lacking(kind string) string {
	return "the archive has no " + kind + " of them, or none that can be read"
}

// Examine reads who is connected of each suspect, as far as the archive has it,
// and which servers know its account.
func (a *Source) Examine(ctx context.Context, d *checks.Deployment, of []source.Suspect) ([]source.Report, map[source.Suspect]map[string]checks.AccountOn, error) {
	l, err := a.load(ctx)
	if err != nil {
		return nil, nil, err
	}
	reports, err := a.Connections(ctx, d, of)
	if err != nil {
		return nil, nil, err
	}
	accounts := map[source.Suspect]map[string]checks.AccountOn{}
	for _, s := range of {
		if accounts[s], err = a.accountOn(ctx, l, d, s); err != nil {
			return nil, nil, a.wrong(err)
		}
	}
	return reports, accounts, nil
}

// Connections reads only who is connected, as far as the archive has it.
func (a *Source) Connections(ctx context.Context, d *checks.Deployment, of []source.Suspect) ([]source.Report, error) {
	reports := make([]source.Report, len(of))
	for i, s := range of {
		r, err := profile.New(d, s)
		if err != nil {
			return nil, a.wrong(err)
		}
		if err := a.readProfile(ctx, d, s.Account, r); err != nil {
			return nil, a.wrong(err)
		}
		reports[i] = r.Report()
		// What an archive has of connections does not name their users.
		reports[i].Profile.Users = nil
	}
	return reports, nil
}

// readProfile reads the connections of a suspect. Where there are more on a
// server than an archive has, those that it has are the oldest.
func (a *Source) readProfile(ctx context.Context, d *checks.Deployment, account string, r *profile.Reading) error {
	tasks := map[string]profile.Task{}
	for _, t := range r.Tasks() {
		tasks[t.ID] = t
	}
	dec := wire.NewDecoder()
	problems := map[string]string{} // by server, of those that were read
	err := a.each(ctx, func(body []byte) error {
		id := wire.Sender(body)
		t, asked := tasks[id]
		if _, again := problems[id]; !asked || again {
			return nil
		}
		read := 0
		n, err := dec.Connections(ctx, bytes.NewReader(body), "", func(c *wire.Connection) {
			if c.Client {
				read++
				t.Add(c)
			}
		})
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			problems[id] = "has a list of connections that can't be used: " + err.Error()
		case n >= wire.PageSize && read < usageOf(d, id, t.Account()):
			problems[id] = "has more than the 1,024 that an archive holds, which are the oldest"
		default:
			problems[id] = ""
		}
		return nil
	}, jsm.TagAccount(account), jsm.TagAccountConnections())
	if err != nil {
		return err
	}
	for _, t := range r.Tasks() {
		problem, there := problems[t.ID]
		switch {
		case !there:
			t.End(errors.New("has no list of connections in the archive"))
		case problem != "":
			t.End(errors.New(problem))
		default:
			t.End(nil)
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
func (a *Source) accountOn(ctx context.Context, l *contents, d *checks.Deployment, s source.Suspect) (map[string]checks.AccountOn, error) {
	out := map[string]checks.AccountOn{}
	for _, model := range d.Servers {
		if model.Cluster != s.Cluster {
			continue
		}
		switch known := l.servers[model.ID]; {
		case known == nil || !known.listed:
			out[model.ID] = source.Unknown("the archive does not say")
		case known.accounts[l.account(s.Account)]:
			out[model.ID] = checks.AccountOn{Usable: checks.Yes, Detail: "it lists the account"}
		default:
			out[model.ID] = source.NotKnown(s.Account, "it does not list the account")
		}
	}
	err := a.each(ctx, func(body []byte) error {
		info, err := wire.DecodeAccountInfo(body)
		if on, err := source.AccountOn(info, err, s.Account); err == nil {
			if _, asked := out[info.From.ID]; asked {
				out[info.From.ID] = on
			}
		}
		return nil
	}, jsm.TagAccount(s.Account), jsm.TagAccountInfo())
	return out, err
}

// Subscriptions counts those of the client connections of accounts on servers of
// the last model; nil where the archive does not have all of them.
func (a *Source) Subscriptions(ctx context.Context, of []source.Held) ([]*int, error) {
	var suspects []source.Suspect
	for _, h := range of {
		for _, s := range a.model.Servers {
			if s.ID == h.Server {
				suspects = append(suspects, source.Suspect{Account: h.Account, Server: h.Server, Cluster: s.Cluster})
			}
		}
	}
	reports, _, err := a.Examine(ctx, a.model, suspects)
	if err != nil || len(reports) != len(of) {
		return make([]*int, len(of)), err
	}
	out := make([]*int, len(of))
	for i := range reports {
		out[i] = reports[i].Subscriptions
	}
	return out, nil
}
