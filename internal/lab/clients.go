package lab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
)

// reconnectWait is the pause of the lab's nats.go clients between two attempts
// to reconnect, up to twice that with jitter. The client's default of 2 s is
// meant for networks. A scenario that needs it can pass nats.ReconnectWait.
const reconnectWait = 100 * time.Millisecond

// patience is how long clients wait for a connection, for a server's greeting
// and for what it confirms. One that gives up on a busy server goes to another
// that it was told of, even before it was connected; and where a listener has no
// place left for who waits, the kernel tries again after a second, and then after
// two and four more.
const patience = 20 * time.Second

// Clients describes real nats.go clients of one account, all alike.
type Clients struct {
	// Account is the account they belong to; [SystemAccount] works too.
	Account string
	// Server is the one server in their URL list, with URLs empty. They may
	// still learn of others from it, and move there when it goes.
	Server *Server
	// URLs is their server list, from which each picks one at random. An entry
	// without credentials gets those of the account's user.
	URLs []string
	// Count is their number.
	Count int
	// Name is the connection name of all of them.
	Name string
	// Source is the loopback address that they connect from, such as
	// 127.0.0.9. Addresses other than 127.0.0.1 work on Linux only.
	Source string
	// Resolver looks up host names in URLs, nil for the system's. Each
	// connection takes the addresses of a name in random order.
	Resolver *net.Resolver
	// Blocked, if not nil, says which addresses, host:port, a firewall between
	// them and the servers refuses.
	Blocked func(address string) bool
	// Subscriptions is the number of subscriptions of each client.
	Subscriptions int
	// NoRandomize makes them try URLs, and the addresses of a name, in order.
	NoRandomize bool
	// Options come last and may override the lab's: unlimited reconnects, each
	// after 100 to 200 ms.
	Options []nats.Option
}

// Group is a number of clients that were connected together.
type Group struct {
	account string

	mu    sync.Mutex
	conns []*nats.Conn
	raw   []*rawConn
}

// Conns returns the connections of nats.go clients; raw clients have none.
func (g *Group) Conns() []*nats.Conn {
	g.mu.Lock()
	defer g.mu.Unlock()
	return append([]*nats.Conn(nil), g.conns...)
}

// Groups returns the clients that were connected, in that order.
func (l *Lab) Groups() []*Group {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.clients)
}

// Connected returns how many clients of the group are connected now.
func (g *Group) Connected() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	n := 0
	for _, c := range g.conns {
		if c.IsConnected() {
			n++
		}
	}
	for _, c := range g.raw {
		if c.alive() {
			n++
		}
	}
	return n
}

// Close closes the clients. The servers notice a moment later. It may be called
// more than once; [Lab.Stop] calls it for every group.
func (g *Group) Close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, c := range g.conns {
		c.Close()
	}
	for _, c := range g.raw {
		c.close()
	}
	for _, c := range g.raw {
		<-c.done
	}
}

// Connect connects clients and returns when all are connected and the servers
// have their subscriptions. When one of them can't connect, or the context
// ends, it closes them all and returns the first error. They stay until
// [Group.Close] or [Lab.Stop]; the context ends only what Connect does.
func (l *Lab) Connect(ctx context.Context, c Clients) (*Group, error) {
	urls := c.URLs
	if len(urls) == 0 && c.Server != nil {
		urls = []string{c.Server.ClientURL()}
	}
	if len(urls) == 0 || c.Count < 1 || c.Subscriptions < 0 {
		return nil, errors.New("lab: clients need a server or URLs, and a count")
	}
	options, err := l.options(c)
	if err != nil {
		return nil, err
	}
	g := &Group{account: c.Account}
	err = each(ctx, c.Count, func(ctx context.Context, i int) error {
		nc, err := connect(ctx, strings.Join(urls, ","), options)
		if err != nil {
			return err
		}
		g.mu.Lock()
		g.conns = append(g.conns, nc)
		g.mu.Unlock()
		return subscribe(ctx, nc, c, i)
	})
	return l.keep(g, err)
}

// connect connects a client as its supervisor does: one that finds no server ends, and
// is started again, a few times here. On a busy machine one try of many fails.
func connect(ctx context.Context, urls string, options []nats.Option) (nc *nats.Conn, err error) {
	for range 3 {
		if nc, err = nats.Connect(urls, options...); err == nil {
			break
		}
		select {
		case <-time.After(PollEvery):
		case <-ctx.Done():
			return nil, err
		}
	}
	return nc, err
}

func (l *Lab) options(c Clients) ([]nats.Option, error) {
	if c.Source != "" && !isLoopback(c.Source) {
		return nil, fmt.Errorf("lab: source address %q is not loopback", c.Source)
	}
	options := []nats.Option{
		nats.UserInfo(UserOf(c.Account), Password),
		nats.Name(c.Name),
		nats.MaxReconnects(-1),
		nats.ReconnectWait(reconnectWait),
		nats.ReconnectJitter(reconnectWait, reconnectWait),
		nats.Timeout(patience),
		nats.SkipHostLookup(), // the dialer does it
		nats.SyncQueueLen(clientQueue),
		nats.SetCustomDialer(dialer{life: l.life, source: c.Source, resolver: c.Resolver, blocked: c.Blocked, ordered: c.NoRandomize}),
		// Without a handler nats.go prints asynchronous errors, such as a kick.
		nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}),
	}
	if c.NoRandomize {
		options = append(options, nats.DontRandomize())
	}
	return append(options, c.Options...), nil
}

// clientQueue is how many messages a client's synchronous subscription holds. With
// nats.go's default each subscription takes half a megabyte.
const clientQueue = 64

// subscribe makes the subscriptions of client i. They are synchronous, because
// those cost no goroutine; what arrives is dropped once the queue is full.
func subscribe(ctx context.Context, nc *nats.Conn, c Clients, i int) error {
	if c.Subscriptions == 0 {
		return nil
	}
	for k := range c.Subscriptions {
		if _, err := nc.SubscribeSync(fmt.Sprintf("lab.%d.%d", i, k)); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return nc.FlushWithContext(ctx)
}

// keep hands a group over to the lab, or closes it if there was an error.
func (l *Lab) keep(g *Group, err error) (*Group, error) {
	l.mu.Lock()
	if err == nil && l.stopped {
		err = errStopped
	}
	if err == nil {
		l.clients = append(l.clients, g)
	}
	l.mu.Unlock()
	if err != nil {
		g.Close()
		return nil, fmt.Errorf("lab: connect: %w", err)
	}
	return g, nil
}

func isLoopback(address string) bool {
	ip := net.ParseIP(address)
	return ip != nil && ip.IsLoopback()
}
