package probe

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/source/sourcetest"
)

// patient is for what answers; brief is for what never does, which is waited
// for; steady is for what answers to some of what it is told.
func patient() Prober { return Prober{Timeout: 20 * time.Second} }
func steady() Prober  { return Prober{Timeout: 9 * time.Second} }
func brief() Prober   { return Prober{Timeout: 2 * time.Second} }

func TestMain(m *testing.M) { sourcetest.Main(m) }

func within(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// journal keeps what a server logs, traces included.
type journal struct {
	mu    sync.Mutex
	lines []string
}

func (j *journal) add(format string, v ...any) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lines = append(j.lines, fmt.Sprintf(format, v...))
}

func (j *journal) Noticef(format string, v ...any) { j.add(format, v...) }
func (j *journal) Warnf(format string, v ...any)   { j.add(format, v...) }
func (j *journal) Fatalf(format string, v ...any)  { j.add(format, v...) }
func (j *journal) Errorf(format string, v ...any)  { j.add(format, v...) }
func (j *journal) Debugf(format string, v ...any)  { j.add(format, v...) }
func (j *journal) Tracef(format string, v ...any)  { j.add(format, v...) }

func (j *journal) text() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return strings.Join(j.lines, "\n")
}

// run starts a nats-server that wants a password. When the test ends, nobody
// must have tried to log in, and nobody be connected.
func run(t *testing.T, configure func(*server.Options)) *server.Server {
	t.Helper()
	s, _ := runLogged(t, configure)
	return s
}

func runLogged(t *testing.T, configure func(*server.Options)) (*server.Server, *journal) {
	t.Helper()
	o := &server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, NoSigs: true, ServerName: "n1",
		Username: "app", Password: "secret",
	}
	if configure != nil {
		configure(o)
	}
	s, err := server.NewServer(o)
	if err != nil {
		t.Fatal(err)
	}
	log := &journal{}
	s.SetLoggerV2(log, true, true, false)
	s.Start()
	t.Cleanup(func() {
		waitFor(t, "connections to end", func() bool { return s.NumClients() == 0 })
		s.Shutdown()
		s.WaitForShutdown()
		for _, word := range []string{"CONNECT {", "secret"} {
			if strings.Contains(log.text(), word) {
				t.Errorf("the server logged %q:\n%s", word, log.text())
			}
		}
	})
	if !s.ReadyForConnections(30 * time.Second) {
		t.Fatal("the server does not start:\n" + log.text())
	}
	return s, log
}

func waitFor(t testing.TB, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited too long for %s", what)
		}
	}
}

// at is an address on loopback.
func at(port int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), uint16(port))
}

func clientPort(s *server.Server) netip.AddrPort { return at(s.Addr().(*net.TCPAddr).Port) }

// withTLS makes a self-signed certificate for servers; verify asks for those of
// clients.
func withTLS(t testing.TB, verify bool) *tls.Config {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "n1"}, DNSNames: []string{"n1.example"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	c := &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	if verify {
		root, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		c.ClientAuth, c.ClientCAs = tls.RequireAndVerifyClientCert, x509.NewCertPool()
		c.ClientCAs.AddCert(root)
	}
	return c
}

// serve handles every connection to an address by itself, until the test ends.
func serve(t testing.TB, handle func(n int, conn net.Conn)) netip.AddrPort {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var (
		wg    sync.WaitGroup
		mu    sync.Mutex
		conns []net.Conn
	)
	wg.Go(func() {
		for n := 0; ; n++ {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			conns = append(conns, conn)
			mu.Unlock()
			wg.Go(func() {
				defer conn.Close()
				handle(n, conn)
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		mu.Lock()
		for _, c := range conns {
			c.Close()
		}
		mu.Unlock()
		wg.Wait()
	})
	return at(l.Addr().(*net.TCPAddr).Port)
}

// says sends this to every connection, and stays until the other side goes.
func says(t testing.TB, what string) netip.AddrPort {
	return serve(t, func(_ int, conn net.Conn) {
		io.WriteString(conn, what)
		io.Copy(io.Discard, conn)
	})
}

// balance is a load balancer that takes turns.
func balance(t testing.TB, to ...netip.AddrPort) netip.AddrPort {
	return serve(t, func(n int, conn net.Conn) {
		back, err := net.Dial("tcp", to[n%len(to)].String())
		if err != nil {
			return
		}
		var wg sync.WaitGroup
		wg.Go(func() {
			io.Copy(back, conn)
			back.Close()
		})
		io.Copy(conn, back)
		conn.Close()
		wg.Wait()
	})
}

// seen checks a contact with one server.
func seen(t testing.TB, c checks.Contact, s *server.Server, listener string) checks.Greeting {
	t.Helper()
	if c.Outcome != checks.ContactServer || c.Listener != listener || c.Tries != 1 || len(c.Greetings) != 1 {
		t.Fatalf("got %+v; want server %s, listener %s", c, s.Name(), listener)
	}
	g := c.Greetings[0]
	if g.ID != s.ID() || g.Name != s.Name() || g.Count != 1 || g.LocalIP != at(1).Addr() {
		t.Errorf("greeting %+v; want that of %s, id %s, once, from 127.0.0.1", g, s.Name(), s.ID())
	}
	return g
}

// strange checks a contact with something that clients can't use.
func strange(t testing.TB, c checks.Contact, detail string) {
	t.Helper()
	if c.Outcome != checks.ContactUnreadable || c.Detail != detail || len(c.Greetings) > 0 || c.Tries > 0 {
		t.Errorf("got %+v\nwant unreadable, %s", c, detail)
	}
}
