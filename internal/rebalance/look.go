package rebalance

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	natsd "github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/checks/cause"
	"github.com/nats-balance/nats-balance/internal/sysreq"
	"github.com/nats-balance/nats-balance/internal/wire"
	"github.com/nats-balance/nats-balance/internal/words"
)

// Scope is whose connections a run is about.
type Scope struct {
	Cluster  string
	Servers  []Server
	Accounts []Account
	Services []Service
	// Elsewhere are the clusters of the servers, by id, that are in none of this one: those
	// of the accounts that are not back here may have gone there.
	Elsewhere map[string]string
	// Bound reports whether no other server takes a protocol than this one.
	Bound func(server int, protocol string) bool
}

// Look reads who is connected. What it has read is right also where it returns an
// error, which names the servers whose connections were not all read.
func Look(ctx context.Context, nc *nats.Conn, patience time.Duration, scope Scope) (*State, error) {
	c := sysreq.New(nc, nil)
	defer c.Close()
	return look(ctx, c, patience, scope)
}

func look(ctx context.Context, c *sysreq.Client, patience time.Duration, scope Scope) (*State, error) {
	s := &State{Servers: slices.Clone(scope.Servers), Accounts: scope.Accounts, Services: slices.Clone(scope.Services)}
	l := looking{state: s, scope: scope, accounts: scope.ids(), services: map[serviceKey]int{}}
	for i, x := range s.Services {
		l.services[serviceKey{x.Account, x.Stem, x.User, x.Language, x.Protocol}] = i
	}
	var wg sync.WaitGroup
	free := make(chan struct{}, together)
	failed := make([]error, len(s.Servers)) // the first of each server
	// A few accounts are asked for one by one, many are read together.
	const mostAlone = 8
	of := []string{""}
	if len(scope.Accounts) <= mostAlone {
		of = nil
		for _, a := range scope.Accounts {
			of = append(of, a.ID)
		}
	}
	for i, server := range s.Servers {
		for _, account := range of {
			free <- struct{}{}
			wg.Go(func() {
				defer func() { <-free }()
				if err := l.read(ctx, c, patience, i, account); err != nil {
					l.mu.Lock()
					defer l.mu.Unlock()
					failed[i] = cmp.Or(failed[i], fmt.Errorf("the connections on %s were not all read: it %w", server.Name, err))
				}
			})
		}
	}
	wg.Wait()
	slices.SortFunc(s.Connections, func(a, b Connection) int {
		if a.Server != b.Server {
			return a.Server - b.Server
		}
		if a.ID < b.ID {
			return -1
		}
		return 1
	})
	s.Connections = slices.CompactFunc(s.Connections, func(a, b Connection) bool { return a.Server == b.Server && a.ID == b.ID })
	s.restarts()
	return s, unread(failed)
}

// unread is one sentence of the servers that were not all read: the first of them
// and how many more.
func unread(failed []error) error {
	failed = slices.DeleteFunc(failed, func(err error) bool { return err == nil })
	switch n := len(failed) - 1; {
	case n < 0:
		return nil
	case n > 0:
		return fmt.Errorf("%w; nor were those of %s", failed[0], words.Plural(n, "more server"))
	}
	return failed[0]
}

func (scope Scope) ids() map[string]int {
	out := map[string]int{}
	for i, a := range scope.Accounts {
		out[a.ID] = i
	}
	return out
}

type serviceKey struct {
	account                        int
	stem, user, language, protocol string
}

// looking is a look under way.
type looking struct {
	mu       sync.Mutex
	state    *State
	scope    Scope
	accounts map[string]int
	services map[serviceKey]int
}

// mostServices bounds how many services are told apart.
const mostServices = 10_000

// mostPages bounds what is read of a server: a million connections.
const mostPages = 1000

// read reads the connections of an account on a server, of all where it is empty.
func (l *looking) read(ctx context.Context, c *sysreq.Client, patience time.Duration, at int, account string) error {
	server, d := l.state.Servers[at].ID, wire.NewDecoder()
	for offset, pages := 0, 0; pages < mostPages; pages++ {
		m, err := c.Request(ctx, sysreq.Connz(server), natsd.ConnzOptions{Sort: natsd.ByCid, Username: true, Account: account, Offset: offset, Limit: wire.PageSize}, patience, true)
		if err != nil {
			return fmt.Errorf("can't be asked: %w", err)
		}
		body, err := d.Open(m)
		n := 0
		if err == nil {
			n, err = d.Connections(ctx, body, server, func(x *wire.Connection) { l.add(at, account, x) })
		}
		var refused *wire.Error
		switch {
		case errors.As(err, &refused) && refused.UnknownAccount():
			return nil
		case err != nil:
			return fmt.Errorf("sent connections that can't be used: %w", err)
		case n < wire.PageSize:
			return nil
		}
		// Those that closed meanwhile shift the pages: read a few twice.
		const overlap = 64
		offset += wire.PageSize - overlap
	}
	return errors.New("has more connections than are read")
}

func (l *looking) add(at int, asked string, x *wire.Connection) {
	id := string(x.Account)
	if id == "" {
		if id = checks.GlobalAccount; asked != "" {
			id = asked
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	account, ours := l.accounts[id]
	if !ours || !x.Client {
		return
	}
	name, protocol := called(x)
	key := serviceKey{account, cause.Stem(name), string(x.User), string(x.Language), protocol}
	service, known := l.services[key]
	if !known {
		service = len(l.state.Services)
		if service >= mostServices {
			return
		}
		l.state.Services = append(l.state.Services, Service{Account: account, Stem: key.stem, User: key.user, Language: key.language, Protocol: protocol,
			Name:  words.Harmless(cause.ServiceName(checks.Service{Stem: key.stem, User: key.user, Language: key.language, Protocol: protocol})),
			Stays: l.rest(account)})
		l.services[key] = service
	}
	if of := &l.state.Services[service]; of.Stays == nil && l.scope.Bound != nil && l.scope.Bound(at, protocol) {
		of.Stays = NoListener{}
	}
	start := x.Start
	if !start.IsZero() {
		start = start.Add(-l.state.Servers[at].Offset)
	}
	l.state.Connections = append(l.state.Connections, Connection{Server: at, Service: service, ID: x.ID, Name: string(x.Name), Language: key.language,
		Protocol: protocol, Start: start, Idle: x.Idle, Subscriptions: int(x.Subscriptions), Pending: x.Pending})
}

// rest is why services that are not in the scope stay: those of an account of
// which no service is known move with it.
func (l *looking) rest(account int) Stay {
	if slices.ContainsFunc(l.scope.Services, func(x Service) bool { return x.Account == account }) {
		return Unexamined{}
	}
	return nil
}

// called is the name of a client, which over MQTT is its id, and its protocol.
func called(x *wire.Connection) (name, protocol string) {
	name, protocol = string(x.Name), cmp.Or(string(x.Protocol), checks.NATS)
	if protocol == checks.MQTT {
		name = string(x.MQTTClient)
	}
	return name, protocol
}
