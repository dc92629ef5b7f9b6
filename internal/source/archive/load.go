package archive

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	jsm "github.com/nats-io/jsm.go/audit/archive"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/source"
	"github.com/nats-balance/nats-balance/internal/wire"
)

// contents is what an archive tells of a deployment.
type contents struct {
	gateway  bool               // a server has gateways
	servers  map[string]*server // by id
	accounts []checks.Account
	index    map[string]uint32 // of accounts, by id
	byLists  int               // counts that are of lists of connections
}

// server is one as far as the archive has it.
type server struct {
	wire.Server
	start    time.Time
	bound    *int            // its client connections of all accounts; nil where not reported
	varz     bool            // its VARZ is there
	listed   bool            // so is the list of its accounts,
	accounts map[uint32]bool // which are these
	counted  map[uint32]checks.Usage
	routes   bool              // its ROUTEZ is there
	joined   []string          // the ids of those that addresses of its configuration lead to
	peers    map[string]string // the names of other ends of routes, by id
	gateways map[string]bool   // names of clusters at the other end
	system   string            // id of its system account; empty where not known
	links    *checks.Links     // what its configuration names; nil where not known
	leafs    *wire.Leafz       // its leafnode connections of that one; nil where not known
	differs  string            // an account of which two counts differ; empty where none
}

// load reads the archive once; what it found stays.
func (a *Source) load(ctx context.Context) (*contents, error) {
	if a.loaded != nil {
		return a.loaded, nil
	}
	l := &contents{servers: map[string]*server{}, index: map[string]uint32{}}
	for _, part := range []struct {
		tag  *jsm.Tag
		take func([]byte) error
	}{
		{jsm.TagServerVars(), l.varz},
		{jsm.TagServerAccounts(), l.accountz},
		{jsm.TagAccountInfo(), l.info},
		{jsm.TagServerRoutes(), l.routez},
		{jsm.TagServerGateways(), l.gatewayz},
		{jsm.TagServerLeafs(), l.leafz}, // once it is known which the system account is
	} {
		err := a.each(ctx, func(body []byte) error {
			if err := part.take(body); err != nil {
				return fmt.Errorf("%s of a server: %w", part.tag.Value, err)
			}
			return nil
		}, part.tag)
		if err != nil {
			return nil, a.wrong(err)
		}
	}
	if err := a.countLists(ctx, l); err != nil {
		return nil, a.wrong(err)
	}
	a.loaded = l
	return l, nil
}

// countLists counts by the lists of connections, where these are whole, what the
// archive lacks the information of. nats audit gather loses answers: it waits
// for as many as there are servers that know an account, and takes the refusals
// of the others for some of them.
func (a *Source) countLists(ctx context.Context, l *contents) error {
	lacking := map[string]bool{}
	for _, s := range l.servers {
		for _, id := range l.lacks(s) {
			lacking[id] = true
		}
	}
	dec := wire.NewDecoder()
	for id := range lacking {
		number := l.account(id)
		err := a.each(ctx, func(body []byte) error {
			s, clients := l.servers[wire.Sender(body)], uint32(0)
			if s == nil {
				return nil
			}
			n, err := dec.Connections(ctx, bytes.NewReader(body), "", func(c *wire.Connection) {
				if c.Client {
					clients++
				}
			})
			if _, counted := s.counted[number]; err == nil && n < wire.PageSize && !counted {
				s.counted[number] = checks.Usage{Account: number, Connections: clients}
				l.byLists++
			}
			return ctx.Err()
		}, jsm.TagAccount(id), jsm.TagAccountConnections())
		if err != nil {
			return err
		}
	}
	return nil
}

// from is the server that an answer is from, which is new or known.
func (l *contents) from(id wire.Server) (*server, error) {
	s := l.servers[id.ID]
	if s == nil {
		if len(l.servers) == wire.MostServers {
			return nil, errors.New("there are more servers than the audit reads")
		}
		s = &server{Server: id, accounts: map[uint32]bool{}, counted: map[uint32]checks.Usage{}, peers: map[string]string{}, gateways: map[string]bool{}}
		l.servers[id.ID] = s
	}
	return s, nil
}

// account is the number of an account.
func (l *contents) account(id string) uint32 {
	n, ok := l.index[id]
	if !ok {
		n = uint32(len(l.accounts)) //nolint:gosec // answers are bounded, and so are accounts
		l.index[id] = n
		l.accounts = append(l.accounts, checks.Account{ID: id, Name: id})
	}
	return n
}

func (l *contents) system(id string) {
	if id != "" {
		l.accounts[l.account(id)].System = true
	}
}

func (l *contents) varz(body []byte) error {
	v, err := wire.DecodeVarz(body)
	if err != nil {
		return err
	}
	s, err := l.from(v.From)
	if err != nil {
		return err
	}
	s.varz, s.start, s.bound, s.system, s.links = true, v.Start, v.Connections, v.System, source.Links(v)
	l.system(v.System)
	l.gateway = l.gateway || v.Gateway
	return nil
}

func (l *contents) accountz(body []byte) error {
	z, err := wire.DecodeAccountz(body)
	if err != nil {
		return err
	}
	s, err := l.from(z.From)
	if err != nil {
		return err
	}
	s.listed, s.system = true, cmp.Or(s.system, z.System)
	for _, id := range z.Accounts {
		s.accounts[l.account(id)] = true
	}
	l.system(z.System)
	return nil
}

func (l *contents) info(body []byte) error {
	v, err := wire.DecodeAccountInfo(body)
	if err != nil {
		return err
	}
	s, err := l.from(v.From)
	if err != nil {
		return err
	}
	if v.ID == "" || v.Counts == nil {
		return fmt.Errorf("%s has no account, or a count that is out of range", wire.Cut(s.Name))
	}
	n := l.account(v.ID)
	counts := checks.Usage{Account: n, Connections: v.Counts.Clients, Leafnodes: v.Counts.Leafnodes}
	if before, again := s.counted[n]; again && before != counts {
		s.differs = v.ID // which of them is its own is unknown
	}
	s.counted[n] = counts
	if v.Name != "" {
		l.accounts[n].Name = v.Name
	}
	if v.System {
		l.system(v.ID)
	}
	return nil
}

func (l *contents) routez(body []byte) error {
	r, err := wire.DecodeRoutez(body)
	if err != nil {
		return err
	}
	s, err := l.from(r.From)
	if err != nil {
		return err
	}
	s.routes, s.joined = true, r.Configured()
	for _, p := range r.Peers {
		s.peers[p.ID] = p.Name
	}
	return nil
}

func (l *contents) gatewayz(body []byte) error {
	g, err := wire.DecodeGatewayz(body)
	if err != nil {
		return err
	}
	s, err := l.from(g.From)
	if err != nil {
		return err
	}
	for _, cluster := range g.Clusters {
		s.gateways[cluster] = true
	}
	return nil
}

// uncounted are the ordinary accounts that servers list and of which the archive
// has no count at all: nats audit gather can't ask for one with a dot or a blank
// in its name.
func (l *contents) uncounted() map[uint32]bool {
	out := map[uint32]bool{}
	for _, s := range l.servers {
		for n := range s.accounts {
			if !l.accounts[n].System {
				out[n] = true
			}
		}
	}
	for _, s := range l.servers {
		for n := range s.counted {
			delete(out, n)
		}
	}
	return out
}

// lacks are the ordinary accounts that the archive does not have the counts of
// on a server: of those that the server lists or, where its list is not there,
// of all.
func (l *contents) lacks(s *server) []string {
	var out []string
	for i, a := range l.accounts {
		n := uint32(i) //nolint:gosec // as many as account numbers
		if _, counted := s.counted[n]; !counted && !a.System && (s.accounts[n] || !s.listed) {
			out = append(out, a.ID)
		}
	}
	slices.Sort(out)
	return out
}
