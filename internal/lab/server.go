package lab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// routeUser is whom servers log in as at each other.
const routeUser = "route"

// Server is one server of a lab, running or not.
type Server struct {
	lab    *Lab
	group  *group
	index  int
	name   string
	host   string
	island int

	mu    sync.Mutex
	ports ports
	srv   *server.Server // nil when not running
	id    string
	conf  []string // configuration added since, in nats-server's language
	// retired is that the configuration of others does not name it any more.
	retired bool
}

// ports are a server's listeners, 0 for what is not known yet or not open. Once
// known they stay the same over restarts.
type ports struct {
	client, route, gateway, leaf, webSocket, mqtt, monitor int
}

// Name returns the server's name.
func (s *Server) Name() string { return s.name }

// Cluster returns the name of the server's cluster, "" for a server without.
func (s *Server) Cluster() string { return s.group.Name }

// Host returns the address that the server listens on.
func (s *Server) Host() string { return s.host }

// Port returns the client port. It is 0 only when the server has never been
// started, and is not late either.
func (s *Server) Port() int { return s.knownPorts().client }

// Addr returns host:port for clients.
func (s *Server) Addr() string { return hostPort(s.host, s.Port()) }

// ClientURL returns the URL for clients, without credentials.
func (s *Server) ClientURL() string { return "nats://" + s.Addr() }

// URL returns the URL for clients with the credentials of an account's user.
func (s *Server) URL(account string) string { return s.urlOf("nats", account, s.Port()).String() }

// WebSocketURL returns the URL for WebSocket clients with the credentials of
// an account's user, "" when the server does not listen for them.
func (s *Server) WebSocketURL(account string) string {
	if p := s.knownPorts().webSocket; p != 0 {
		return s.urlOf("ws", account, p).String()
	}
	return ""
}

// MQTTAddr returns host:port for MQTT clients, "" when the server does not
// listen for them.
func (s *Server) MQTTAddr() string {
	if p := s.knownPorts().mqtt; p != 0 {
		return hostPort(s.host, p)
	}
	return ""
}

// MonitorURL returns the URL of the HTTP monitoring port, "" without
// [Topology.Monitoring].
func (s *Server) MonitorURL() string {
	if p := s.knownPorts().monitor; p != 0 {
		return "http://" + hostPort(s.host, p)
	}
	return ""
}

// ID returns the server's id, a new one with every start; of a stopped server
// the last one, "" before the first start.
func (s *Server) ID() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.id
}

// Embedded returns the running server, nil when it is not running.
func (s *Server) Embedded() *server.Server {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.srv
}

// Running says whether the server is running.
func (s *Server) Running() bool { return s.Embedded() != nil }

// Connections returns the number of client connections of an account as the
// server reports it: leafnodes not counted, 0 when it is not running.
func (s *Server) Connections(account string) int {
	srv := s.Embedded()
	if srv == nil {
		return 0
	}
	stats, err := srv.AccountStatz(&server.AccountStatzOptions{Accounts: []string{account}})
	if err != nil || len(stats.Accounts) == 0 {
		return 0
	}
	return stats.Accounts[0].Conns
}

// Start starts a server that is late or was shut down, on the same ports and
// with a new id, and returns when it and the running servers it belongs to know
// each other. Starting a running server does nothing. When the context ends
// before, its error is returned and the server is stopped again.
func (s *Server) Start(ctx context.Context) error {
	if s.Running() {
		return nil
	}
	err := s.launch(ctx)
	if err == nil {
		err = s.lab.waitIslands(ctx, []*Server{s})
	}
	if err != nil {
		s.Shutdown()
		return fmt.Errorf("lab: %w", err)
	}
	return nil
}

// Retire is Shutdown for good: the configuration of servers that start later does not
// name it.
func (s *Server) Retire() {
	s.Shutdown()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.retired = true
}

// expected reports whether servers that start now have it in their configuration.
func (s *Server) expected() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.retired && (s.id != "" || !slices.Contains(s.group.Late, s.index))
}

// Shutdown stops the server cleanly: it closes its connections and has told
// the others. When it returns, its ports are closed. [Lab.WaitReady] waits
// until the others have noticed.
func (s *Server) Shutdown() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.srv == nil {
		return
	}
	s.srv.Shutdown()
	s.srv.WaitForShutdown()
	s.srv = nil
	s.lab.mu.Lock()
	s.lab.gone = append(s.lab.gone, server.ServerInfo{ID: s.id, Name: s.name, Cluster: s.group.Name})
	s.lab.mu.Unlock()
}

// launch starts the server and returns when all its listeners are open.
func (s *Server) launch(ctx context.Context) error {
	o, err := s.configured()
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case s.lab.isStopped():
		return errStopped
	case s.srv != nil:
		return nil
	}
	srv, err := server.NewServer(o)
	if err != nil {
		return fmt.Errorf("server %s: %w", s.name, err)
	}
	log := &faults{}
	srv.SetLoggerV2(log, false, false, false)
	srv.Start()
	err = s.lab.poll(ctx, func() error {
		if failed := log.fatal() != nil; !failed && !srv.ReadyForConnections(PollEvery/10) {
			return errors.New("not listening yet")
		}
		return nil //nolint:nilerr // the fatal error is taken below
	})
	if fatal := log.fatal(); fatal != nil {
		err = fatal
	}
	if err != nil {
		if log.fatal() == nil {
			// A listener that it is about to open when it is shut down it opens and keeps.
			srv.ReadyForConnections(2 * time.Second)
		}
		srv.Shutdown()
		srv.WaitForShutdown()
		return fmt.Errorf("server %s: %w", s.name, err)
	}
	s.srv, s.id, s.ports = srv, srv.ID(), portsOf(srv, o)
	return nil
}

// portsOf reads the ports of a server whose listeners are open. The server has
// written those it chose into the options, but for the ones it opens later
// in a goroutine of its own, which are asked for.
func portsOf(srv *server.Server, o *server.Options) ports {
	p := ports{client: o.Port, leaf: o.LeafNode.Port, webSocket: o.Websocket.Port, mqtt: o.MQTT.Port}
	if a := srv.ClusterAddr(); a != nil {
		p.route = a.Port
	}
	if a := srv.GatewayAddr(); a != nil {
		p.gateway = a.Port
	}
	if a := srv.MonitorAddr(); a != nil {
		p.monitor = a.Port
	}
	return p
}

func (s *Server) knownPorts() ports {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ports
}

func (s *Server) urlOf(scheme, account string, port int) *url.URL {
	return &url.URL{Scheme: scheme, User: url.UserPassword(UserOf(account), Password), Host: hostPort(s.host, port)}
}

// AuthTimeout is how long a server waits for a client's CONNECT, in seconds. The
// server's default of 2 s drops clients of a busy machine.
const AuthTimeout = 20

// UserOf returns the name of an account's user.
func UserOf(account string) string {
	if account == SystemAccount {
		return systemUser
	}
	return account
}

func hostPort(host string, port int) string { return net.JoinHostPort(host, strconv.Itoa(port)) }

// options are what the server starts with.
func (s *Server) options() (*server.Options, error) {
	t, g, p := s.lab.topology, s.group, s.knownPorts()
	var failed error
	chosen := func(known int) int {
		if known != 0 || failed != nil {
			return known
		}
		var port int
		port, failed = Port(s.host)
		return port
	}
	o := &server.Options{
		ServerName:    s.name,
		Host:          s.host,
		Port:          chosen(p.client),
		NoLog:         true,
		NoSigs:        true,
		MaxConn:       g.MaxConnections,
		AuthTimeout:   AuthTimeout,
		SystemAccount: SystemAccount,
		Tags:          slices.Clone(g.Tags[s.index]),
	}
	for _, name := range append([]string{SystemAccount}, t.Accounts...) {
		acc := server.NewAccount(name)
		if g.MQTT && name != SystemAccount {
			var err error
			if acc, err = jetStreamAccount(name); err != nil {
				return nil, fmt.Errorf("server %s: account %s: %w", s.name, name, err)
			}
		}
		o.Accounts = append(o.Accounts, acc)
		o.Users = append(o.Users, &server.User{Username: UserOf(name), Password: Password, Account: acc})
	}
	if t.Monitoring {
		o.HTTPHost, o.HTTPPort = s.host, chosen(p.monitor)
	}
	if g.Name != "" {
		o.Cluster = server.ClusterOpts{Name: g.Name, Host: s.host, Port: chosen(p.route), NoAdvertise: g.NoAdvertise,
			Username: routeUser, Password: s.lab.secret, AuthTimeout: AuthTimeout}
		if s.host != loopback {
			// Servers take a peer to be where its connections come from. That is
			// 127.0.0.1 for each, where a server of another lab may have the port.
			o.Cluster.Advertise = s.host
		}
		o.Routes = s.urlsOf(g.servers, "", func(p ports) int { return p.route })
		for _, u := range o.Routes {
			u.User = url.UserPassword(routeUser, s.lab.secret)
		}
	}
	if g.gateway {
		o.Gateway = server.GatewayOpts{Name: g.Name, Host: s.host, Port: chosen(p.gateway)}
		for _, other := range s.lab.groups {
			if !other.gateway || other == g {
				continue
			}
			if urls := s.urlsOf(other.servers, "", func(p ports) int { return p.gateway }); len(urls) > 0 {
				o.Gateway.Gateways = append(o.Gateway.Gateways, &server.RemoteGatewayOpts{Name: other.Name, URLs: urls})
			}
		}
	}
	if g.isHub {
		o.LeafNode.Host, o.LeafNode.Port, o.LeafNode.AuthTimeout = s.host, chosen(p.leaf), AuthTimeout
	}
	if g.leaf != nil {
		s.addRemotes(o)
	}
	if g.WebSocket {
		o.Websocket = server.WebsocketOpts{Host: s.host, Port: chosen(p.webSocket), NoTLS: true}
	}
	if g.MQTT {
		s.addMQTT(o, chosen(p.mqtt))
	}
	if failed != nil {
		return nil, fmt.Errorf("server %s: %w", s.name, failed)
	}
	if g.Configure != nil {
		g.Configure(s.index, o)
	}
	return o, nil
}
