package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// connListen serves each connection until the test ends.
func connListen(t *testing.T, serve func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	ctx, cancel := context.WithCancel(context.Background())
	wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
			wg.Go(func() {
				defer stop()
				defer conn.Close()
				serve(conn)
			})
		}
	})
	t.Cleanup(func() {
		cancel()
		_ = l.Close()
		wg.Wait()
	})
	return l.Addr().String()
}

// blackHole accepts and says nothing. It tells of each connection, and of its
// end.
func blackHole(t *testing.T) (addr string, accepted, ended <-chan struct{}) {
	t.Helper()
	begins, ends := make(chan struct{}, 1000), make(chan struct{}, 1000)
	return connListen(t, func(conn net.Conn) {
		begins <- struct{}{}
		_, _ = io.Copy(io.Discard, conn)
		ends <- struct{}{}
	}), begins, ends
}

// says is a server that speaks first, and answers a first line with more.
func says(t *testing.T, first, then string) string {
	t.Helper()
	return connListen(t, func(conn net.Conn) {
		_, _ = io.WriteString(conn, first)
		line, err := bufio.NewReader(conn).ReadString('\n')
		if err != nil {
			return
		}
		_, _ = io.WriteString(conn, strings.ReplaceAll(then, "LINE", strings.TrimSpace(line)))
		if then != "" {
			_, _ = io.Copy(io.Discard, conn)
		}
	})
}

func refusing(t *testing.T) string {
	t.Helper()
	// No test is ever given one of these ports, as it may be one that was free.
	for port := 2; port < 20; port++ {
		addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			return addr
		}
		conn.Close()
	}
	t.Fatal("something listens on all of these ports")
	return ""
}

// socks5 is a SOCKS5 proxy, with a password if user is not "". It counts what
// it has connected.
func socks5(t *testing.T, user, password string, reply byte, asked chan<- string) string {
	t.Helper()
	return connListen(t, func(conn net.Conn) {
		read := func(n int) []byte {
			b := make([]byte, n)
			if _, err := io.ReadFull(conn, b); err != nil {
				return make([]byte, n)
			}
			return b
		}
		method := byte(0)
		if user != "" {
			method = 2
		}
		if offers := read(int(read(2)[1])); !slices.Contains(offers, method) {
			_, _ = conn.Write([]byte{5, 0xff})
			return
		}
		_, _ = conn.Write([]byte{5, method})
		if user != "" {
			name := string(read(int(read(2)[1])))
			if name != user || string(read(int(read(1)[0]))) != password {
				_, _ = conn.Write([]byte{1, 1})
				return
			}
			_, _ = conn.Write([]byte{1, 0})
		}
		var host string
		switch kind := read(4)[3]; kind {
		case 1:
			host = net.IP(read(4)).String()
		case 3:
			host = string(read(int(read(1)[0])))
		case 4:
			host = net.IP(read(16)).String()
		}
		port := read(2)
		address := net.JoinHostPort(host, strconv.Itoa(int(port[0])<<8|int(port[1])))
		if asked != nil {
			asked <- address
		}
		to, err := net.Dial("tcp", strings.Replace(address, "only.known.invalid", "127.0.0.1", 1))
		_, _ = conn.Write([]byte{5, reply, 0, 1, 0, 0, 0, 0, 0, 0})
		if err != nil || reply != 0 {
			return
		}
		defer to.Close()
		go func() {
			_, _ = io.Copy(to, conn)
			_ = to.Close()
		}()
		_, _ = io.Copy(conn, to)
	})
}

func TestConnectProxy(t *testing.T) {
	connEnv(t)
	s := connServer(t, nil)
	asked := make(chan string, 100)
	open, closed := socks5(t, "", "", 0, asked), socks5(t, "me", connPassword, 0, asked)
	user := connSettings{"server": connAddr(s), "user": "sys", "password": connPassword}
	_, port, _ := net.SplitHostPort(connAddr(s))
	for name, test := range map[string]struct{ server, proxy, want string }{
		"address":                     {connAddr(s), "socks5://" + open, connAddr(s)},
		"user and password":           {connAddr(s), "socks5://me:" + connPassword + "@" + closed, connAddr(s)},
		"a name that the proxy knows": {"only.known.invalid:" + port, "socks5h://" + open, "only.known.invalid:" + port},
		"a name known here":           {"localhost:" + port, "socks5://" + open, "127.0.0.1:" + port},
		"a list":                      {refusing(t) + "," + connAddr(s), "socks5://" + open, ""},
	} {
		user["server"], user["socks-proxy"] = test.server, test.proxy
		t.Run(name, func(t *testing.T) {
			for len(asked) > 0 {
				<-asked
			}
			connEachWay(t, user, false)
			got := []string{<-asked}
			for len(asked) > 0 {
				got = append(got, <-asked)
			}
			if test.want != "" && !slices.Contains(got, test.want) {
				t.Errorf("the proxy was asked for %s", got)
			}
		})
	}
	t.Run("none", func(t *testing.T) {
		user["server"], user["socks-proxy"] = connAddr(s), "socks5://"+refusing(t)
		user.context(t, "proxied")
		connOK(t, "--context", "proxied", "--socks-proxy", "none")
	})
}

func TestConnectProxyFailures(t *testing.T) {
	connEnv(t)
	at, dead := connAddr(connServer(t, nil)), refusing(t)
	hole, _, _ := blackHole(t)
	never := socks5(t, "", "", 5, nil)
	locked := socks5(t, "me", connPassword, 0, nil)
	garbage := says(t, "garbage, and more of it\r\n", "")
	const running = "pass --server URL of a running server, or --socks-proxy none"
	for name, test := range map[string]struct{ proxy, want string }{
		"refused":           {"socks5://" + dead, "nats://SERVER: the SOCKS5 proxy PROXY can't be reached (connection refused): pass --socks-proxy URL of a running one, or --socks-proxy none"},
		"unknown":           {"socks5://me:" + connPassword + "@none.invalid:1080", ""},
		"black hole":        {"socks5://" + hole, "nats://SERVER: can't be reached through the SOCKS5 proxy PROXY within 1s: pass --server URL of a running server, or a longer --timeout"},
		"can't reach":       {"socks5://" + never, "nats://SERVER: can't be reached through the SOCKS5 proxy PROXY (connection refused): " + running},
		"without password":  {"socks5://" + locked, "nats://SERVER: can't be reached through the SOCKS5 proxy PROXY (no acceptable authentication methods): " + running},
		"wrong password":    {"socks5://me:" + connToken + "@" + locked, "nats://SERVER: can't be reached through the SOCKS5 proxy PROXY (username/password authentication failed): " + running},
		"garbage":           {"socks5://" + garbage, "nats://SERVER: can't be reached through the SOCKS5 proxy PROXY (unexpected protocol version 103): " + running},
		"another scheme":    {"http://" + dead, "the SOCKS proxy is not a socks5:// URL: pass --socks-proxy socks5://HOST:PORT, or none"},
		"no scheme":         {dead, "the SOCKS proxy is not a socks5:// URL: pass --socks-proxy socks5://HOST:PORT, or none"},
		"password unquoted": {"socks5://me:" + connPassword + "/@" + dead, "the SOCKS proxy is not a socks5:// URL: pass --socks-proxy socks5://HOST:PORT, or none"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := connFails(t, patience(test.want), "--server", at, "--user", "sys", "--password", connPassword, "--socks-proxy", test.proxy)
			proxy := test.proxy[max(strings.LastIndex(test.proxy, "/"), strings.LastIndex(test.proxy, "@"))+1:]
			if got = strings.NewReplacer(at, "SERVER", proxy, "PROXY").Replace(got); test.want != "" && got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}

// A list is tried to its end, and the time-out holds for all of it.
func TestConnectLists(t *testing.T) {
	connEnv(t)
	s := connServer(t, nil)
	user := []string{"--user", "sys", "--password", connPassword, "--server"}
	hole, _, _ := blackHole(t)
	dead := strings.Repeat(refusing(t)+",", 10)
	holes := strings.Repeat(hole+",", 4)
	for name, list := range map[string]string{
		"refused":             dead + connAddr(s),
		"black holes":         holes + connAddr(s),
		"both":                holes + dead + connAddr(s),
		"refuses credentials": connAddr(connTokenServer(t)) + "," + connAddr(s),
		"unknown name":        "none.invalid:4222," + connAddr(s),
		"black holes after":   connAddr(s) + "," + hole,
		"closed after":        connAddr(s) + "," + refusing(t),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if nc := connOK(t, append(user, list)...); nc.ConnectedServerName() != "n1" {
				t.Errorf("connected to %s", nc.ConnectedServerName())
			}
		})
	}
	t.Run("none", func(t *testing.T) {
		t.Parallel()
		refused := refusing(t)
		list := strings.Join([]string{refused, connAddr(s), hole, "tls://" + hole, refused}, ", ")
		got := connFails(t, time.Second, "--user", "sys", "--password", connToken, "--server", list)
		want := "nats://REFUSED: can't be reached (connection refused); " +
			"nats://SERVER: has no TLS; " +
			"nats://HOLE, tls://HOLE: accepts the connection but does not answer within 1s: " +
			"pass --server URL of a running server, no tls:// and no --tlsca, --tlscert or --tlskey, " +
			"--server URL with the port for clients, --tlsfirst if it begins with TLS, or a longer --timeout"
		if got = strings.NewReplacer(refused, "REFUSED", connAddr(s), "SERVER", hole, "HOLE").Replace(got); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	})
	t.Run("none of many", func(t *testing.T) {
		t.Parallel()
		var list []string
		for port := range 300 {
			list = append(list, fmt.Sprintf("127.0.0.1:%d", port+1))
		}
		got := connFails(t, connPatience, "--server", strings.Join(list, ","))
		want := "nats://127.0.0.1:1, nats://127.0.0.1:2, nats://127.0.0.1:3, nats://127.0.0.1:4, nats://127.0.0.1:5, nats://127.0.0.1:6, 294 more: " +
			"can't be reached (connection refused): pass --server URL of a running server"
		if got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	})
}

// Cancelling ends a wait at once, whatever is waited for.
func TestConnectCancel(t *testing.T) {
	connEnv(t)
	hole, accepted, ended := blackHole(t)
	full := connServer(t, func(o *server.Options) { o.ServerName = "n3" })
	for name, args := range map[string][]string{
		"black hole":      {"--server", hole},
		"TLS":             {"--server", hole, "--tlsfirst"},
		"WebSocket":       {"--server", "ws://" + hole},
		"wss":             {"--server", "wss://" + hole},
		"proxy":           {"--server", connAddr(full), "--socks-proxy", "socks5://" + hole},
		"one of the list": {"--server", refusing(t) + "," + hole},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			done := make(chan error, 1)
			go func() {
				done <- run(Host{Context: ctx, Out: io.Discard, Err: io.Discard}, append(args, "--timeout", "1m", "audit", "concentration"))
			}()
			<-accepted
			cancel()
			start := time.Now()
			err := <-done
			if took := time.Since(start); took > atOnce {
				t.Errorf("took %v", took)
			}
			if !errors.Is(err, context.Canceled) || ExitStatus(err) != ExitNotAudited {
				t.Errorf("got %v", err)
			}
			select {
			case <-ended:
			case <-time.After(connPatience):
				t.Error("the connection is still open")
			}
		})
	}
}
