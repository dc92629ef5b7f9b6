package probe

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/source/sourcetest"
)

func TestServersGreet(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, scheme, listener, detail string
		configure                      func(testing.TB, *server.Options)
	}{
		{name: "plain", scheme: "nats", listener: "nats"},
		{name: "plain, though the URL demands TLS", scheme: "tls", listener: "nats",
			detail: "it offers no TLS, which a tls:// URL demands"},
		{name: "TLS after INFO", scheme: "tls", listener: "nats",
			configure: func(t testing.TB, o *server.Options) { o.TLSConfig, o.TLSTimeout = withTLS(t, false), 20 }},
		{name: "TLS after INFO, with client certificates", scheme: "nats", listener: "nats",
			configure: func(t testing.TB, o *server.Options) { o.TLSConfig, o.TLSTimeout = withTLS(t, true), 20 }},
		{name: "TLS first", scheme: "tls", listener: "tls-first", detail: "clients must set TLS first",
			configure: func(t testing.TB, o *server.Options) {
				o.TLSConfig, o.TLSTimeout, o.TLSHandshakeFirst = withTLS(t, false), 20, true
			}},
		{name: "TLS first, or INFO after a while", scheme: "nats", listener: "nats",
			configure: func(t testing.TB, o *server.Options) {
				o.TLSConfig, o.TLSTimeout, o.TLSHandshakeFirst = withTLS(t, false), 20, true
				o.TLSHandshakeFirstFallback = 50 * time.Millisecond
			}},
		{name: "PROXY protocol", scheme: "nats", listener: "proxy-protocol",
			detail:    "it takes the PROXY protocol: clients may come through a load balancer",
			configure: func(_ testing.TB, o *server.Options) { o.ProxyProtocol = true }},
		{name: "full", scheme: "nats", listener: "nats",
			configure: func(_ testing.TB, o *server.Options) { o.MaxConn = -1 }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := run(t, func(o *server.Options) {
				o.Cluster.Name = "C1"
				if tt.configure != nil {
					tt.configure(t, o)
				}
			})
			addr := clientPort(s)
			c := patient().Contact(within(t), tt.scheme, "n1.example", addr)
			g := seen(t, c, s, tt.listener)
			if c.Detail != tt.detail {
				t.Errorf("detail %q, want %q", c.Detail, tt.detail)
			}
			if g.Cluster != "C1" || g.Host != "127.0.0.1" || g.Port != int(addr.Port()) {
				t.Errorf("greeting %+v; want cluster C1 at %s", g, addr)
			}
			if want := map[bool]netip.Addr{false: addr.Addr()}[tt.listener == "proxy-protocol"]; g.ClientIP != want {
				t.Errorf("the server sees %s, want %s", g.ClientIP, want)
			}
			if c = patient().Again(within(t), tt.scheme, "n1.example", addr, c, 3); c.Tries != 4 || c.Greetings[0].Count != 4 {
				t.Errorf("asked three times again: %+v", c)
			}
		})
	}
}

// A server that greets in time is left in peace: nothing in its log but that
// somebody came and went. One too busy to greet in time is asked more.
func TestNothingIsSaidToWhoGreets(t *testing.T) {
	t.Parallel()
	for range 20 {
		s, log := runLogged(t, nil)
		dials := 0
		p := Prober{Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
			dials++
			return new(net.Dialer).DialContext(ctx, network, address)
		}}
		seen(t, p.Contact(within(t), "nats", "n1", clientPort(s)), s, "nats")
		waitFor(t, "the connection to end", func() bool { return strings.Contains(log.text(), "Client connection closed") })
		if dials > 1 {
			continue
		}
		if text := log.text(); strings.Contains(text, "rror") || strings.Contains(text, "<<-") {
			t.Errorf("the server was told something:\n%s", text)
		}
		return
	}
	t.Error("no server of 20 greeted in time")
}

func TestIPv6(t *testing.T) {
	t.Parallel()
	if l, err := net.Listen("tcp", "[::1]:0"); err != nil {
		t.Skip("this machine has no IPv6")
	} else {
		l.Close()
	}
	s := run(t, func(o *server.Options) { o.Host = "::1" })
	one := netip.IPv6Loopback()
	c := patient().Contact(within(t), "nats", "[::1]", netip.AddrPortFrom(one, clientPort(s).Port()))
	if c.Outcome != checks.ContactServer || c.Greetings[0].ClientIP != one || c.Greetings[0].LocalIP != one {
		t.Errorf("got %+v", c)
	}
}

func TestMappedAddress(t *testing.T) {
	t.Parallel()
	s := run(t, nil)
	addr := clientPort(s)
	mapped := netip.AddrPortFrom(netip.AddrFrom16(addr.Addr().As16()), addr.Port())
	seen(t, patient().Contact(within(t), "nats", "n1", mapped), s, "nats")
}

func TestWebSocket(t *testing.T) {
	t.Parallel()
	for _, secure := range []bool{false, true} {
		t.Run(fmt.Sprintf("secure=%v", secure), func(t *testing.T) {
			t.Parallel()
			s := run(t, func(o *server.Options) {
				o.Websocket.Host, o.Websocket.Port = "127.0.0.1", server.RANDOM_PORT
				o.Websocket.NoTLS, o.Websocket.Compression = true, true
				if secure {
					o.Websocket.NoTLS, o.Websocket.TLSConfig = false, withTLS(t, false)
				}
			})
			web := at(portOf(t, s.WebsocketURL()))
			right, wrong, advice := "ws", "wss", "a WebSocket listener without TLS: use ws://"
			if secure {
				right, wrong, advice = "wss", "ws", "a WebSocket listener with TLS: use wss://"
			}
			c := patient().Contact(within(t), right, "n1.example", web)
			g := seen(t, c, s, "websocket")
			if g.Port != int(web.Port()) || g.ClientIP != web.Addr() {
				t.Errorf("greeting %+v; want port %d, client 127.0.0.1", g, web.Port())
			}
			if c = patient().Again(within(t), right, "n1.example", web, c, 2); c.Tries != 3 {
				t.Errorf("asked twice again: %+v", c)
			}
			strange(t, steady().Contact(within(t), wrong, "", web), advice)
			strange(t, steady().Contact(within(t), "nats", "", web), advice)
			other := run(t, func(o *server.Options) { o.ServerName = "n2" })
			for _, scheme := range []string{"ws", "wss"} {
				c := steady().Contact(within(t), scheme, "127.0.0.1", clientPort(other))
				strange(t, c, `the NATS listener of server "n2", not a WebSocket one: use nats:// or tls://`)
				if c.Listener != "nats" {
					t.Errorf("%s: listener %q, want nats", scheme, c.Listener)
				}
			}
		})
	}
}

func portOf(t testing.TB, raw string) int {
	t.Helper()
	u, err := url.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	var port int
	if _, err := fmt.Sscan(u.Port(), &port); err != nil {
		t.Fatal(err)
	}
	return port
}

func TestClientCertificateWanted(t *testing.T) {
	t.Parallel()
	for _, version := range []uint16{0x0303, 0x0304} {
		s := run(t, func(o *server.Options) {
			o.TLSConfig, o.TLSTimeout, o.TLSHandshakeFirst = withTLS(t, true), 20, true
			o.TLSConfig.MinVersion, o.TLSConfig.MaxVersion = version, version
			o.Websocket.Host, o.Websocket.Port, o.Websocket.TLSConfig = "127.0.0.1", server.RANDOM_PORT, o.TLSConfig
		})
		strange(t, steady().Contact(within(t), "tls", "n1", clientPort(s)), "TLS first, and it wants a client certificate")
		strange(t, steady().Contact(within(t), "wss", "n1", at(portOf(t, s.WebsocketURL()))), "TLS, and it wants a client certificate")
	}
}

func TestPortsForServers(t *testing.T) {
	t.Parallel()
	const random = server.RANDOM_PORT
	s := run(t, func(o *server.Options) {
		system := server.NewAccount("SYS") // which gateways must have
		o.Accounts, o.SystemAccount, o.Username, o.Password = []*server.Account{system}, "SYS", "", ""
		o.Users = []*server.User{{Username: "app", Password: "secret", Account: system}}
		o.Cluster.Name, o.Cluster.Host, o.Cluster.Port = "C1", "127.0.0.1", random
		o.Gateway.Name, o.Gateway.Host, o.Gateway.Port = "C1", "127.0.0.1", random
		o.LeafNode.Host, o.LeafNode.Port = "127.0.0.1", random
	})
	v, err := s.Varz(nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, port := range map[string]int{
		"route": s.ClusterAddr().Port, "gateway": s.GatewayAddr().Port, "leafnode": v.LeafNode.Port,
	} {
		c := patient().Contact(within(t), "nats", "n1", at(port))
		strange(t, c, "a leafnode, route or gateway port, not one for clients")
		if t.Failed() {
			t.Fatal(name)
		}
	}
	seen(t, patient().Contact(within(t), "nats", "n1", clientPort(s)), s, "nats")
}

func TestMQTTSaysNothing(t *testing.T) {
	t.Parallel()
	s := run(t, func(o *server.Options) {
		o.JetStream, o.StoreDir = true, t.TempDir()
		o.MQTT.Host, o.MQTT.Port = "127.0.0.1", server.RANDOM_PORT
	})
	v, err := s.Varz(nil)
	if err != nil {
		t.Fatal(err)
	}
	strange(t, brief().Contact(within(t), "nats", "n1", at(v.MQTT.Port)), "accepts connections but says nothing")
}

func TestManyConnectURLs(t *testing.T) {
	t.Parallel()
	s := run(t, nil)
	addr := balanceWith(t, s, 5_000)
	c := patient().Contact(within(t), "nats", "n1", addr)
	if c.Outcome != checks.ContactServer || len(c.Greetings[0].ConnectURLs) != 256 || c.Greetings[0].ConnectURLs[1] != "10.0.0.1:4222" {
		t.Errorf("got %d URLs, outcome %s", len(c.Greetings[0].ConnectURLs), c.Outcome)
	}
}

// balanceWith speaks for a server of a cluster of n.
func balanceWith(t testing.TB, s *server.Server, n int) netip.AddrPort {
	urls := make([]string, n)
	for i := range urls {
		urls[i] = fmt.Sprintf(`"10.0.%d.%d:4222"`, i/256, i%256)
	}
	return says(t, fmt.Sprintf(`INFO {"server_id":%q,"connect_urls":[%s]} `+"\r\n", s.ID(), strings.Join(urls, ",")))
}

func TestAgain(t *testing.T) {
	t.Parallel()
	n1, n2 := run(t, nil), run(t, func(o *server.Options) { o.ServerName = "n2" })
	both := balance(t, clientPort(n1), clientPort(n2))
	first := patient().Contact(within(t), "nats", "lb", both)
	seen(t, first, n1, "nats")
	c := patient().Again(within(t), "nats", "lb", both, first, 10)
	if len(c.Greetings) != 2 || c.Greetings[0].ID != n1.ID() || c.Greetings[1].ID != n2.ID() || c.Tries != 11 {
		t.Errorf("two servers: got %+v, want both in eleven tries", c)
	}
	if len(first.Greetings) != 1 || first.Greetings[0].Count != 1 {
		t.Errorf("what it was given changed: %+v", first)
	}

	one := balance(t, clientPort(n1))
	c = patient().Contact(within(t), "nats", "lb", one)
	if c = patient().Again(within(t), "nats", "lb", one, c, 9); len(c.Greetings) != 1 || c.Tries != 10 || c.Greetings[0].Count != 10 {
		t.Errorf("one server: got %+v, want ten tries", c)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if c := patient().Again(ended, "nats", "lb", one, c, 9); c.Tries != 10 {
		t.Errorf("the context has ended, and still it asked: %+v", c)
	}
}

// A balancer with a dead server behind it loses every second try.
func TestAgainWithFailures(t *testing.T) {
	t.Parallel()
	s := run(t, nil)
	addr := balance(t, clientPort(s), sourcetest.ClosedPort(t))
	c := patient().Contact(within(t), "nats", "lb", addr)
	if c = patient().Again(within(t), "nats", "lb", addr, c, 4); c.Tries != 3 || c.Greetings[0].Count != 3 {
		t.Errorf("got %+v, want three of five tries", c)
	}
	refused := checks.Contact{Outcome: checks.ContactRefused, Detail: "connection refused"}
	if c := patient().Again(within(t), "nats", "lb", addr, refused, 4); c.Tries != 0 || c.Outcome != checks.ContactRefused {
		t.Errorf("a refused contact became %+v", c)
	}
}

func TestNoConnection(t *testing.T) {
	t.Parallel()
	refused := patient().Contact(within(t), "nats", "n1", sourcetest.ClosedPort(t))
	if refused.Outcome != checks.ContactRefused {
		t.Errorf("a closed port: %+v", refused)
	}
	if c := patient().Contact(within(t), "nats", "n1", netip.AddrPort{}); c.Outcome != checks.ContactNone {
		t.Errorf("no address: %+v", c)
	}
	hangs := func(ctx context.Context, _, _ string) (net.Conn, error) {
		<-ctx.Done()
		return nil, fmt.Errorf("dial: %w", ctx.Err())
	}
	c := Prober{Timeout: 50 * time.Millisecond, Dial: hangs}.Contact(within(t), "nats", "n1", at(4222))
	if c.Outcome != checks.ContactTimeout {
		t.Errorf("no answer: %+v", c)
	}
	for err, want := range map[error]checks.ContactOutcome{
		syscall.ENETUNREACH:  checks.ContactUnroutable,
		syscall.EHOSTUNREACH: checks.ContactUnroutable,
		syscall.EACCES:       checks.ContactUnroutable,
		syscall.ETIMEDOUT:    checks.ContactTimeout,
		syscall.ECONNREFUSED: checks.ContactRefused,
		syscall.ECONNRESET:   checks.ContactClosed,
		syscall.EMFILE:       checks.ContactNone,
		wsaECONNREFUSED:      checks.ContactRefused,
		wsaENETUNREACH:       checks.ContactUnroutable,
		wsaETIMEDOUT:         checks.ContactTimeout,
		errors.New("socks"):  checks.ContactNone,
	} {
		fails := func(context.Context, string, string) (net.Conn, error) {
			return nil, &net.OpError{Op: "dial", Net: "tcp", Err: err}
		}
		c := Prober{Dial: fails}.Contact(within(t), "nats", "n1", at(4222))
		if c.Outcome != want || c.Detail == "" || len(c.Greetings) > 0 {
			t.Errorf("%v: got %+v, want %s", err, c, want)
		}
	}
}

// What is given up is not what the address is like.
func TestContextEnds(t *testing.T) {
	t.Parallel()
	silent := says(t, "")
	drip := serve(t, func(_ int, conn net.Conn) {
		for _, err := conn.Write([]byte("I")); err == nil; _, err = conn.Write([]byte(" ")) {
			time.Sleep(time.Millisecond)
		}
	})
	for _, addr := range []netip.AddrPort{silent, drip} {
		for _, scheme := range []string{"nats", "wss"} {
			ctx, cancel := context.WithCancel(within(t))
			connected := make(chan struct{}, 10)
			p := patient()
			p.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
				defer func() { connected <- struct{}{} }()
				return new(net.Dialer).DialContext(ctx, network, address)
			}
			if addr == drip {
				cancel() // before it begins; a drip is soon settled
			} else {
				go func() {
					<-connected
					cancel()
				}()
			}
			if c := p.Contact(ctx, scheme, "n1", addr); c.Outcome != checks.ContactNone || c.Detail == "" {
				t.Errorf("got %+v, want that it was not probed", c)
			}
			cancel()
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if c := patient().Contact(ctx, "nats", "n1", silent); c.Outcome != checks.ContactNone {
		t.Errorf("its deadline is over: %+v", c)
	}
}

func TestDialedAddress(t *testing.T) {
	t.Parallel()
	var dialed []string
	p := Prober{Dial: func(_ context.Context, network, address string) (net.Conn, error) {
		dialed = append(dialed, network+" "+address)
		return nil, syscall.ECONNREFUSED
	}}
	p.Contact(within(t), "nats", "one.example", netip.MustParseAddrPort("[fe80::1%eth0]:4222"))
	p.Contact(within(t), "ws", "one.example", netip.MustParseAddrPort("[::ffff:192.0.2.7]:80"))
	if want := []string{"tcp [fe80::1%eth0]:4222", "tcp 192.0.2.7:80"}; !slices.Equal(dialed, want) {
		t.Errorf("dialed %q, want %q", dialed, want)
	}
}
