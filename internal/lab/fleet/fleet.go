package fleet

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/internal/lab"
)

const (
	// defaultLines is how many connections the fleet answers on by default.
	defaultLines = 2
	// backlog is how many requests may wait on one connection.
	backlog = 4096
	// heartbeatEvery is how often the carrier hears of every server, as of real ones.
	heartbeatEvery = 10 * time.Second
	// startTimeout bounds the carrier's start.
	startTimeout = 30 * time.Second
)

// Size says how big a simulated fleet is. The same size and seed make the
// same fleet, but for the times.
type Size struct {
	Servers     int   // simulated servers; the carrier is one more
	Clusters    int   // the servers are shared out evenly
	Accounts    int   // ordinary accounts, each in one or a few clusters
	Connections int   // client connections of all accounts together
	Seed        int64 // any number
	Skewed      int   // of the accounts: over 70% of 12 to 51 connections on one server of one cluster

	// Lines is on how many connections the replies come to the carrier, 2 if 0.
	// The carrier slows one line down by 10 ms at most for each batch that it
	// reads when the auditor is behind. With more lines than there are cores a
	// reader of hundreds of MiB is cut off as slow at times, as it may be in a
	// real fleet, where routes are not slowed down at all.
	Lines int
	// MaxPending is how many bytes the carrier holds for a client that does not
	// keep up before it cuts it off, 64 MiB if 0, as in any nats-server.
	MaxPending int64
}

// Fleet answers monitoring requests in the system account of one real server,
// the carrier, as Servers servers in Clusters clusters would. Connections of
// the carrier itself are the only real ones.
//
// The carrier has every default of nats-server but one: max_payload is 64 MiB,
// since a client, as which the fleet replies, is held to it where a server is
// not.
type Fleet struct {
	model    *model
	carrier  *server.Server
	template *template
	stranger *simServer
	conns    []*conn
	faults   faults
	done     chan struct{}
	wg       sync.WaitGroup
	stopped  sync.Once
	unhook   func() bool // of the context
}

// Start builds a fleet and starts to answer. When it returns, every
// server is subscribed and the carrier counts them all in active_servers. A
// fleet ends with Stop or when ctx does, whichever comes first.
func Start(ctx context.Context, size Size) (*Fleet, error) {
	model, err := newModel(size, time.Now())
	if err != nil {
		return nil, err
	}
	if err := model.encodeAll(ctx); err != nil {
		return nil, err
	}
	f := &Fleet{model: model, done: make(chan struct{})}
	f.stranger, err = model.newStranger()
	if err == nil {
		err = f.start(ctx)
	}
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		f.Stop()
		return nil, err
	}
	f.unhook = context.AfterFunc(ctx, f.stop)
	return f, nil
}

// encodeAll compresses the rows of all servers, on every core.
func (m *model) encodeAll(ctx context.Context) error {
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(m.servers)) {
		wg.Go(func() {
			var p packer
			var scratch []byte
			st := newAccountStat()
			for ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= len(m.servers) {
					return
				}
				scratch = m.encode(m.servers[i], &p, st, scratch)
			}
		})
	}
	wg.Wait()
	return ctx.Err()
}

// start brings up the carrier and the connections.
func (f *Fleet) start(ctx context.Context) error {
	sys := server.NewAccount(lab.SystemAccount)
	carrier, err := server.NewServer(&server.Options{
		ServerName: "carrier", Host: "127.0.0.1", Port: server.RANDOM_PORT, NoLog: true, NoSigs: true,
		MaxPayload: server.MAX_PENDING_SIZE, MaxPending: max(f.model.size.MaxPending, server.MAX_PENDING_SIZE),
		Accounts: []*server.Account{sys}, SystemAccount: lab.SystemAccount,
		Users: []*server.User{{Username: lab.UserOf(lab.SystemAccount), Password: lab.Password, Account: sys}},
	})
	if err != nil {
		return fmt.Errorf("fleet: the carrier: %w", err)
	}
	f.carrier = carrier
	carrier.Start()
	if !carrier.ReadyForConnections(startTimeout) {
		return errors.New("fleet: the carrier does not start")
	}
	if f.template, err = newTemplate(carrier); err != nil {
		return err
	}
	n := min(cmp.Or(f.model.size.Lines, defaultLines), len(f.model.servers))
	for k := range n {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := f.connect(k, n); err != nil {
			return fmt.Errorf("fleet: connection %d: %w", k, err)
		}
	}
	return f.enroll(ctx)
}

// connect opens connection k of n and subscribes it for its servers.
func (f *Fleet) connect(k, n int) error {
	c := &conn{f: f, in: make(chan *nats.Msg, backlog), late: make(chan delayed), first: k == 0,
		byID: make(map[string]*simServer), stat: newAccountStat()}
	for i := k; i < len(f.model.servers); i += n {
		s := f.model.servers[i]
		c.servers = append(c.servers, s)
		c.byID[s.id] = s
	}
	nc, err := nats.Connect(f.URL(), nats.Name(fmt.Sprintf("fleet-%d", k)), nats.NoReconnect(),
		nats.Timeout(startTimeout), nats.NoEcho())
	if err != nil {
		return err
	}
	c.nc = nc
	f.conns = append(f.conns, c)
	f.wg.Go(c.run)
	for _, subject := range c.subjects() {
		if _, err := nc.ChanSubscribe(subject, c.in); err != nil {
			return err
		}
	}
	return nc.FlushTimeout(startTimeout)
}

// enroll makes the carrier count every server, and keeps it doing so.
func (f *Fleet) enroll(ctx context.Context) error {
	f.announceAll()
	deadline := time.NewTimer(startTimeout)
	defer deadline.Stop()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for f.activeServers() < len(f.model.servers)+1 {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-deadline.C:
			return errors.New("fleet: the carrier does not count all servers")
		case <-tick.C:
		}
	}
	f.wg.Go(func() {
		beat := time.NewTicker(heartbeatEvery)
		defer beat.Stop()
		for {
			select {
			case <-beat.C:
				f.announceAll()
			case <-f.done:
				return
			}
		}
	})
	return nil
}

// activeServers is how many servers the carrier says there are, itself included.
func (f *Fleet) activeServers() int {
	msg, err := f.conns[0].nc.Request("$SYS.REQ.SERVER."+f.carrier.ID()+".STATSZ", nil, time.Second)
	if err != nil {
		return 0
	}
	var st server.ServerStatsMsg
	if json.Unmarshal(msg.Data, &st) != nil {
		return 0
	}
	return st.Stats.ActiveServers
}

// announceAll publishes what servers publish of themselves.
func (f *Fleet) announceAll() {
	for i := range f.model.servers {
		if !f.faults.absent(i) {
			f.announce(i)
		}
	}
}

// announce tells the carrier that server i is there, or is gone.
func (f *Fleet) announce(i int) {
	if i < 0 || i >= len(f.model.servers) {
		return
	}
	s := f.model.servers[i]
	c := f.conns[i%len(f.conns)]
	subject, v := "$SYS.SERVER."+s.id+".STATSZ", any(f.heartbeat(s))
	if f.faults.absent(i) {
		subject, v = "$SYS.SERVER."+s.id+".SHUTDOWN", f.info(s)
	}
	if b, err := json.Marshal(v); err == nil {
		_ = c.publish(subject, b, encodingPlain) // fails only when the fleet stops
	}
}

// URL is the carrier's address with the credentials of the system account.
func (f *Fleet) URL() string {
	u := url.URL{Scheme: "nats", User: url.UserPassword(lab.UserOf(lab.SystemAccount), lab.Password), Host: f.carrier.Addr().String()}
	return u.String()
}

// Bytes is the size in bytes of one full STATZ round, the payloads of all
// simulated servers together: before and after compression with snappy. The
// carrier's own reply of some hundred bytes is not in it, and a time that ends
// in zeros makes a reply a few bytes shorter.
func (f *Fleet) Bytes() (plain, compressed int64) {
	c := conn{f: f, stat: newAccountStat()}
	for _, s := range f.model.servers {
		if len(s.rows) == 0 {
			continue
		}
		head, err := c.appendStatzHead(nil, s)
		if err != nil {
			continue
		}
		plain += int64(len(head) + s.plain)
		compressed += int64(len(c.packer.snappy(head)) + len(s.body))
	}
	return plain, compressed
}

// Stop ends the fleet and returns when nothing of it is left. It may be called
// more than once.
func (f *Fleet) Stop() {
	if f.unhook != nil {
		f.unhook()
	}
	f.stop()
}

func (f *Fleet) stop() {
	f.stopped.Do(func() {
		close(f.done)
		for _, c := range f.conns {
			c.nc.Close()
		}
		f.wg.Wait()
		if f.carrier != nil {
			f.carrier.Shutdown()
			f.carrier.WaitForShutdown()
		}
	})
}
