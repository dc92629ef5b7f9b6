package lab

import (
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// leafReconnect is the pause before a leaf dials its hub again. The server's
// default of a second is meant for networks; here it would only be waited for.
const leafReconnect = 100 * time.Millisecond

// urlsOf returns the URLs of one kind of listener of the given servers, but for
// s itself, with the credentials of an account if not "". Those whose port is
// not known yet are left out: they will dial this server when they start.
func (s *Server) urlsOf(servers []*Server, account string, port func(ports) int) []*url.URL {
	var urls []*url.URL
	for _, other := range servers {
		p := port(other.knownPorts())
		if other == s || p == 0 || !other.expected() {
			continue
		}
		u := other.urlOf("nats", account, p)
		if account == "" {
			u.User = nil
		}
		urls = append(urls, u)
	}
	return urls
}

// addRemotes connects a leaf to its hub, once for each account.
func (s *Server) addRemotes(o *server.Options) {
	leaf := s.group.leaf
	accounts := leaf.Accounts
	if !leaf.OwnSystem {
		accounts = append([]string{SystemAccount}, accounts...)
	}
	o.LeafNode.ReconnectInterval = leafReconnect
	// A compressor takes megabytes a connection, and nothing here is worth one.
	o.LeafNode.Compression.Mode = server.CompressionOff
	for _, account := range accounts {
		urls := s.urlsOf(s.group.hub, account, func(p ports) int { return p.leaf })
		if len(urls) == 0 {
			continue
		}
		o.LeafNode.Remotes = append(o.LeafNode.Remotes, &server.RemoteLeafOpts{Compression: o.LeafNode.Compression, LocalAccount: account, URLs: urls,
			FirstInfoTimeout: AuthTimeout * time.Second})
	}
}

// addMQTT opens the MQTT listener and what it can't do without.
func (s *Server) addMQTT(o *server.Options, port int) {
	const megabyte = 1 << 20
	o.MQTT.Host, o.MQTT.Port = s.host, port
	// The first client waits for streams to be made: by default 5 s, and 2 s for its
	// CONNECT, which a busy machine takes longer for.
	o.MQTT.AuthTimeout, o.MQTT.JSAPITimeout = AuthTimeout, patience
	o.JetStream = true
	o.StoreDir = filepath.Join(s.lab.dir, s.group.Name, s.name)
	o.JetStreamMaxMemory, o.JetStreamMaxStore = 64*megabyte, 256*megabyte
}

// jetStreamAccount makes an account that has JetStream, which MQTT needs, as only
// a configuration can. With EnableJetStream, on a server that runs, one that was
// sent a stream first refuses that stream for good.
func jetStreamAccount(name string) (*server.Account, error) {
	var o server.Options
	if err := o.ProcessConfigString(fmt.Sprintf("accounts: {%q: {jetstream: enabled}}", name)); err != nil {
		return nil, err
	}
	return o.Accounts[0], nil
}

// CheckLoopback refuses options that would listen on anything but loopback.
func CheckLoopback(o *server.Options) error {
	listeners := []struct {
		host string
		port int
	}{
		{o.Host, o.Port},
		{o.Cluster.Host, o.Cluster.Port},
		{o.Gateway.Host, o.Gateway.Port},
		{o.LeafNode.Host, o.LeafNode.Port},
		{o.Websocket.Host, o.Websocket.Port},
		{o.MQTT.Host, o.MQTT.Port},
		{o.HTTPHost, o.HTTPPort},
		{o.HTTPHost, o.HTTPSPort},
		{o.Host, o.ProfPort},
	}
	for i, l := range listeners {
		// The client listener is open whatever its port.
		if i > 0 && l.port == 0 {
			continue
		}
		if ip := net.ParseIP(l.host); ip == nil || !ip.IsLoopback() {
			return fmt.Errorf("server %s: listen address %q is not loopback", o.ServerName, l.host)
		}
	}
	return nil
}

// faults keeps the first fatal message of an embedded server, which it logs
// where as a program it would exit (a port that is taken), and drops the rest.
type faults struct {
	mu    sync.Mutex
	first error
}

func (f *faults) fatal() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.first
}

// Fatalf implements server.Logger.
func (f *faults) Fatalf(format string, v ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.first == nil {
		f.first = fmt.Errorf(format, v...)
	}
}

// Noticef implements server.Logger.
func (*faults) Noticef(string, ...any) {}

// Warnf implements server.Logger.
func (*faults) Warnf(string, ...any) {}

// Errorf implements server.Logger.
func (*faults) Errorf(string, ...any) {}

// Debugf implements server.Logger.
func (*faults) Debugf(string, ...any) {}

// Tracef implements server.Logger.
func (*faults) Tracef(string, ...any) {}
