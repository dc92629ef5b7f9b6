package probe

import (
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/nats-balance/nats-balance/checks"
)

func TestStrangersWhoSpeakFirst(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, says, detail string }{
		{"SSH", "SSH-2.0-OpenSSH_9.6p1 Ubuntu-3ubuntu13.5-extra\r\n", `no nats-server: it says "SSH-2.0-OpenSSH_9.6p1 Ubuntu-3ubuntu13.5"`},
		{"SMTP", "220 mail.example ESMTP\r\n250 more\r\n", `no nats-server: it says "220 mail.example ESMTP"`},
		{"an HTTP error", "HTTP/1.1 400 Bad Request\r\n\r\n", "a WebSocket or HTTP listener: use ws:// or wss://"},
		{"binary", "\x00\x01\xff\x1b[31m\"\\", `no nats-server: it says "\x00\x01\xff\x1b[31m\x22\x5c"`},
		{"less than INFO", "INF\r\n", `no nats-server: it says "INF"`},
		{"a NATS error", "-ERR 'maximum connections exceeded'\r\n", `no nats-server: it says "-ERR 'maximum connections exceeded'"`},
		{"no JSON", "INFO nothing\r\n", "it greets like a nats-server, but not readably: no INFO of a nats-server: its JSON can't be read"},
		{"half an object", `INFO {"server_id":"A"` + "\r\n", "it greets like a nats-server, but not readably: no INFO of a nats-server: its JSON can't be read"},
		{"other types", `INFO {"server_id":7}` + "\r\n", "it greets like a nats-server, but not readably: no INFO of a nats-server: its JSON can't be read"},
		{"no id", `INFO {"server_name":"n1"}` + "\r\n", "it greets like a nats-server, but not readably: no INFO of a nats-server: it has no server_id"},
		{"a long id", `INFO {"server_id":"` + strings.Repeat("x", 200) + `"}` + "\r\n", "it greets like a nats-server, but not readably: no INFO of a nats-server: its server_id is too long"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			strange(t, steady().Contact(within(t), "nats", "n1", says(t, tt.says)), tt.detail)
		})
	}
}

func TestEndlessLine(t *testing.T) {
	t.Parallel()
	addr := serve(t, func(_ int, conn net.Conn) {
		_, err := io.WriteString(conn, `INFO {"server_id":"`)
		for part := strings.Repeat("x", 1<<16); err == nil; {
			_, err = io.WriteString(conn, part)
		}
	})
	strange(t, patient().Contact(within(t), "nats", "n1", addr),
		"it greets like a nats-server, but not readably: no INFO of a nats-server: its line has no end")
}

func TestEndlessDrip(t *testing.T) {
	t.Parallel()
	addr := serve(t, func(_ int, conn net.Conn) {
		for _, err := io.WriteString(conn, `INFO {"`); err == nil; _, err = io.WriteString(conn, "x") {
			time.Sleep(10 * time.Millisecond)
		}
	})
	c := Prober{Timeout: 300 * time.Millisecond}.Contact(within(t), "nats", "n1", addr)
	if c.Outcome != checks.ContactUnreadable || !strings.Contains(c.Detail, "its line is cut off") {
		t.Errorf("got %+v", c)
	}
	if strings.Contains(c.Detail, "127.0.0.1") {
		t.Errorf("detail %q has addresses, which change from run to run", c.Detail)
	}
}

func TestClosesWithoutAWord(t *testing.T) {
	t.Parallel()
	addr := serve(t, func(int, net.Conn) {})
	resets := serve(t, func(_ int, conn net.Conn) { conn.(*net.TCPConn).SetLinger(0) })
	for _, scheme := range []string{"nats", "tls", "ws", "wss"} {
		for _, addr := range []netip.AddrPort{addr, resets} {
			if c := steady().Contact(within(t), scheme, "n1", addr); c.Outcome != checks.ContactClosed || c.Detail == "" {
				t.Errorf("%s: got %+v, want closed", scheme, c)
			}
		}
	}
}

func TestBlackBoxes(t *testing.T) {
	t.Parallel()
	addr := says(t, "")
	for _, scheme := range []string{"nats", "ws", "wss"} {
		t.Run(scheme, func(t *testing.T) {
			t.Parallel()
			strange(t, brief().Contact(within(t), scheme, "n1", addr), "accepts connections but says nothing")
		})
	}
}

// A load balancer that wants a PROXY header before it passes anything on.
func TestProxyHeaderDemanded(t *testing.T) {
	t.Parallel()
	s := run(t, func(o *server.Options) { o.ProxyProtocol = true })
	addr := serve(t, func(_ int, conn net.Conn) {
		header := make([]byte, len(unknownClient))
		if _, err := io.ReadFull(conn, header); err != nil || string(header) != unknownClient {
			return
		}
		back, err := net.Dial("tcp", clientPort(s).String())
		if err != nil {
			return
		}
		defer back.Close()
		line := make([]byte, 1<<12)
		n, _ := back.Read(line)
		conn.Write(line[:n])
		io.Copy(io.Discard, conn)
	})
	c := steady().Contact(within(t), "nats", "lb", addr)
	seen(t, c, s, "proxy-protocol")
	if c.Detail != "it greets after a PROXY header: clients come through a load balancer" {
		t.Errorf("detail %q", c.Detail)
	}
	if c = steady().Again(within(t), "nats", "lb", addr, c, 2); c.Tries != 3 {
		t.Errorf("asked twice again: %+v", c)
	}
}

// A server so busy that it greets only after it was asked for TLS is no less a
// plain one.
func TestLateGreeting(t *testing.T) {
	t.Parallel()
	addr := serve(t, func(n int, conn net.Conn) {
		if n == 1 {
			conn.Read(make([]byte, 1))
			io.WriteString(conn, `INFO {"server_id":"A","client_id":1,"client_ip":"::ffff:10.0.0.7"}`+"\r\n")
		}
		io.Copy(io.Discard, conn)
	})
	c := steady().Contact(within(t), "nats", "n1", addr)
	if c.Outcome != checks.ContactServer || c.Listener != "nats" || c.Greetings[0].ClientIP != netip.MustParseAddr("10.0.0.7") {
		t.Errorf("got %+v", c)
	}
}

func TestHTTPServers(t *testing.T) {
	t.Parallel()
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Host != "" && r.Header.Get("Authorization") == "" {
			http.NotFound(w, r)
		}
	})
	plain, secure := httptest.NewServer(handler), httptest.NewUnstartedServer(handler)
	secure.Config.ErrorLog = log.New(io.Discard, "", 0)
	secure.StartTLS()
	t.Cleanup(plain.Close)
	t.Cleanup(secure.Close)
	for scheme, want := range map[string]string{
		"nats": "a WebSocket or HTTP listener: use ws:// or wss://",
		"ws":   "an HTTP server that grants no WebSocket (status 404)",
		"wss":  "an HTTP server that grants no WebSocket (status 404)",
	} {
		for _, s := range []*httptest.Server{plain, secure} {
			if scheme == "wss" && s == plain || scheme == "ws" && s == secure {
				continue
			}
			u, err := url.Parse(s.URL)
			if err != nil {
				t.Fatal(err)
			}
			strange(t, steady().Contact(within(t), scheme, "web\r\nX: y", netip.MustParseAddrPort(u.Host)), want)
		}
	}
}

// Those who switch to a WebSocket and then send no INFO.
func TestHostileWebSockets(t *testing.T) {
	t.Parallel()
	const info = `INFO {"server_id":"A"}` + "\r\n"
	for _, tt := range []struct {
		name, accept, frames, detail string
	}{
		{"wrong key", "nonsense", frame(0x82, info), "an HTTP server that grants no WebSocket (status 101)"},
		{"masked", "", "\x82\x81abcdI", "a WebSocket, but not of a nats-server"},
		{"closes", "", frame(0x88, "\x03\xe8"), "a WebSocket, but not of a nats-server"},
		{"endless frame", "", "\x82\x7f\xff\xff\xff\xff\xff\xff\xff\xff" + info, "a WebSocket, but not of a nats-server"},
		{"chat", "", frame(0x81, "hello, who are you?"), "a WebSocket, but not of a nats-server"},
		{"bad INFO", "", frame(0x81, "INFO {}\r\n"), "it greets like a nats-server, but not readably: no INFO of a nats-server: it has no server_id"},
		{"cut off", "", frame(0x81, "INFO {") + frame(0x88, ""), "it greets like a nats-server, but not readably: no INFO of a nats-server: its line is cut off"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			strange(t, steady().Contact(within(t), "ws", "n1", webSocket(t, tt.accept, tt.frames)), tt.detail)
		})
	}
	t.Run("in pieces, with a ping", func(t *testing.T) {
		t.Parallel()
		addr := webSocket(t, "", frame(0x02, info[:3])+frame(0x89, "you")+frame(0x00, "")+frame(0x80, info[3:]))
		if c := steady().Contact(within(t), "ws", "n1", addr); c.Outcome != checks.ContactServer || c.Greetings[0].ID != "A" {
			t.Errorf("got %+v", c)
		}
	})
}

func frame(first byte, payload string) string {
	return string([]byte{first, byte(len(payload))}) + payload
}

// webSocket grants every upgrade and sends frames; accept replaces the answer
// to the key.
func webSocket(t testing.TB, accept, frames string) netip.AddrPort {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			return
		}
		defer conn.Close()
		if accept == "" {
			accept = acceptOf(r.Header.Get("Sec-WebSocket-Key"))
		}
		fmt.Fprintf(conn, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n%s", accept, frames)
		io.Copy(io.Discard, conn)
	}))
	t.Cleanup(s.Close)
	u, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	return netip.MustParseAddrPort(u.Host)
}
