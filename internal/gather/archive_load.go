package gather

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/jsm.go/audit/archive"
	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/checks"
)

// archived is what an archive tells of a deployment.
type archived struct {
	servers  map[string]*archivedServer // by id
	accounts []checks.Account
	index    map[string]uint32 // of accounts, by id
	byLists  int               // counts that are of lists of connections
}

// archivedServer is one server as far as the archive has it.
type archivedServer struct {
	identity
	start    time.Time
	bound    *int            // its client connections of all accounts; nil where not told
	varz     bool            // its VARZ is there
	listed   bool            // so is the list of its accounts,
	accounts map[uint32]bool // which are these
	counted  map[uint32]checks.Usage
	routes   bool              // its ROUTEZ is there
	peers    map[string]string // the names of other ends of routes, by id
	gateways map[string]bool   // names of clusters at the other end
}

// load reads the archive once; what it found stays.
func (a *Archive) load(ctx context.Context) (*archived, error) {
	if a.loaded != nil {
		return a.loaded, nil
	}
	l := &archived{servers: map[string]*archivedServer{}, index: map[string]uint32{}}
	for _, part := range []struct {
		tag  *archive.Tag
		take func([]byte) error
	}{
		{archive.TagServerVars(), l.varz},
		{archive.TagServerAccounts(), l.accountz},
		{archive.TagAccountInfo(), l.info},
		{archive.TagServerRoutes(), l.routez},
		{archive.TagServerGateways(), l.gatewayz},
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
func (a *Archive) countLists(ctx context.Context, l *archived) error {
	lacking := map[string]bool{}
	for _, s := range l.servers {
		for _, id := range l.lacks(s) {
			lacking[id] = true
		}
	}
	dec := newDecoder()
	for id := range lacking {
		number := l.account(id)
		err := a.each(ctx, func(body []byte) error {
			s, clients := l.servers[sender(body)], uint32(0)
			if s == nil {
				return nil
			}
			n, err := dec.page(ctx, &nats.Msg{Data: body}, func(c *connection) {
				if c.client {
					clients++
				}
			})
			if _, counted := s.counted[number]; err == nil && n < pageSize && !counted {
				s.counted[number] = checks.Usage{Account: number, Connections: clients}
				l.byLists++
			}
			return ctx.Err()
		}, archive.TagAccount(id), archive.TagAccountConnections())
		if err != nil {
			return err
		}
	}
	return nil
}

// from is the server that an answer is from, which is new or known.
func (l *archived) from(id identity, refused *errorReply, data bool) (*archivedServer, error) {
	switch {
	case refused != nil:
		return nil, refused
	case id.ID == "" || !data:
		return nil, errors.New("it has no server or no data")
	}
	s := l.servers[id.ID]
	if s == nil {
		if len(l.servers) == mostServers {
			return nil, errors.New("there are more servers than are believed")
		}
		s = &archivedServer{identity: id, accounts: map[uint32]bool{}, counted: map[uint32]checks.Usage{}, peers: map[string]string{}, gateways: map[string]bool{}}
		l.servers[id.ID] = s
	}
	return s, nil
}

// account is the number of an account.
func (l *archived) account(id string) uint32 {
	n, ok := l.index[id]
	if !ok {
		n = uint32(len(l.accounts)) //nolint:gosec // answers are bounded, and so are accounts
		l.index[id] = n
		l.accounts = append(l.accounts, checks.Account{ID: id, Name: id})
	}
	return n
}

func (l *archived) system(id string) {
	if id != "" {
		l.accounts[l.account(id)].System = true
	}
}

func (l *archived) varz(body []byte) error {
	var reply struct {
		Server identity `json:"server"`
		Data   *struct {
			Start       time.Time `json:"start"`
			Connections *int      `json:"connections"`
			System      string    `json:"system_account"`
		} `json:"data"`
		Error *errorReply `json:"error"`
	}
	if err := json.Unmarshal(body, &reply); err != nil {
		return unreadable(err)
	}
	s, err := l.from(reply.Server, reply.Error, reply.Data != nil)
	if err != nil {
		return err
	}
	s.varz, s.start = true, reply.Data.Start
	if n := reply.Data.Connections; n != nil && *n >= 0 && *n <= most {
		s.bound = n
	}
	l.system(reply.Data.System)
	return nil
}

func (l *archived) accountz(body []byte) error {
	var reply struct {
		Server identity `json:"server"`
		Data   *struct {
			System   string   `json:"system_account"`
			Accounts []string `json:"accounts"`
		} `json:"data"`
		Error *errorReply `json:"error"`
	}
	if err := json.Unmarshal(body, &reply); err != nil {
		return unreadable(err)
	}
	s, err := l.from(reply.Server, reply.Error, reply.Data != nil)
	if err != nil {
		return err
	}
	s.listed = true
	for _, id := range reply.Data.Accounts {
		s.accounts[l.account(id)] = true
	}
	l.system(reply.Data.System)
	return nil
}

func (l *archived) info(body []byte) error {
	var reply struct {
		Server identity `json:"server"`
		Data   *struct {
			Account   string `json:"account_name"`
			Name      string `json:"name_tag"`
			System    bool   `json:"is_system"`
			Clients   *int   `json:"client_connections"`
			Leafnodes int    `json:"leafnode_connections"`
		} `json:"data"`
		Error *errorReply `json:"error"`
	}
	if err := json.Unmarshal(body, &reply); err != nil {
		return unreadable(err)
	}
	s, err := l.from(reply.Server, reply.Error, reply.Data != nil)
	if err != nil {
		return err
	}
	v := reply.Data
	switch {
	case v.Account == "" || v.Clients == nil:
		return fmt.Errorf("%s tells no account or no connections", cut(s.Name))
	case *v.Clients < 0 || *v.Clients > most || v.Leafnodes < 0 || v.Leafnodes > most:
		return fmt.Errorf("%s has a count of account %q that is out of range", cut(s.Name), cut(v.Account))
	}
	n := l.account(v.Account)
	if _, again := s.counted[n]; again {
		return fmt.Errorf("%s is there twice for account %q", cut(s.Name), cut(v.Account))
	}
	s.counted[n] = checks.Usage{Account: n, Connections: uint32(*v.Clients), Leafnodes: uint32(v.Leafnodes)} //nolint:gosec // in range
	if v.Name != "" {
		l.accounts[n].Name = v.Name
	}
	if v.System {
		l.system(v.Account)
	}
	return nil
}

func (l *archived) routez(body []byte) error {
	var reply struct {
		Server identity `json:"server"`
		Data   *struct {
			Routes []struct {
				ID   string `json:"remote_id"`
				Name string `json:"remote_name"`
			} `json:"routes"`
		} `json:"data"`
		Error *errorReply `json:"error"`
	}
	if err := json.Unmarshal(body, &reply); err != nil {
		return unreadable(err)
	}
	s, err := l.from(reply.Server, reply.Error, reply.Data != nil)
	if err != nil {
		return err
	}
	s.routes = true
	for _, r := range reply.Data.Routes {
		if r.ID != "" && len(s.peers) < mostServers {
			s.peers[r.ID] = r.Name
		}
	}
	return nil
}

func (l *archived) gatewayz(body []byte) error {
	var reply struct {
		Server identity `json:"server"`
		Data   *struct {
			Out map[string]json.RawMessage `json:"outbound_gateways"`
			In  map[string]json.RawMessage `json:"inbound_gateways"`
		} `json:"data"`
		Error *errorReply `json:"error"`
	}
	if err := json.Unmarshal(body, &reply); err != nil {
		return unreadable(err)
	}
	s, err := l.from(reply.Server, reply.Error, reply.Data != nil)
	if err != nil {
		return err
	}
	for _, side := range []map[string]json.RawMessage{reply.Data.Out, reply.Data.In} {
		for cluster := range side {
			if cluster != "" && len(s.gateways) < mostServers {
				s.gateways[cluster] = true
			}
		}
	}
	return nil
}

// unreadable is an error of reading an answer, in words.
func unreadable(err error) error {
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) {
		return fmt.Errorf("it is malformed: it has %s where something else belongs", wrong.Value)
	}
	return malformedPage(err)
}

// uncounted are the ordinary accounts that servers list and of which the archive
// has no count at all: nats audit gather can't ask for one with a dot or a blank
// in its name.
func (l *archived) uncounted() map[uint32]bool {
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
func (l *archived) lacks(s *archivedServer) []string {
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
