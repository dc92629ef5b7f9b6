package cli

import (
	"bufio"
	"crypto/sha1" //nolint:gosec // WebSocket has it
	"crypto/tls"
	"encoding/base64"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/nats-balance/nats-balance/internal/natsconn"
	"github.com/nats-balance/nats-balance/internal/sysreq"
)

// What comes inside of TLS and WebSocket is bounded as what comes plainly, and
// credentials go to nobody whose certificate is another's.
func TestHostileServerWSS(t *testing.T) {
	t.Parallel()
	ca, stranger := newConnCA(t), newConnCA(t)
	pair, _, _ := ca.sign(t, time.Now().Add(time.Hour), "127.0.0.1")
	other, _, _ := ca.sign(t, time.Now().Add(time.Hour), "127.0.0.2")
	frame := func(text string) string { return "\x82" + string(rune(len(text))) + text }
	for name, c := range map[string]struct {
		pair       tls.Certificate
		then, want string
	}{
		"a size beyond memory":    {pair, frame("MSG x 1 9223372036854775807\r\nx"), "sends a message of 9223372036854775807 bytes"},
		"a frame beyond memory":   {pair, "\x82\x7f\x40\x00\x00\x00\x00\x00\x00\x00x", "sends a WebSocket frame of 4611686018427387904 bytes"},
		"what nobody asked for":   {pair, "\xc2\x01x", "compresses what it sends"},
		"another's name":          {other, "", "its TLS certificate is for another name"},
		"of an unknown authority": {firstOf(stranger.sign(t, time.Now().Add(time.Hour), "127.0.0.1")), "", "its TLS certificate is of an unknown authority"},
		"a frame of no kind":      {pair, "\x8b\x00", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			at := connListen(t, func(conn net.Conn) {
				conn = tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{c.pair}, MinVersion: tls.VersionTLS12})
				said := bufio.NewReader(conn)
				request, err := http.ReadRequest(said)
				if err != nil {
					return
				}
				sum := sha1.Sum([]byte(request.Header.Get("Sec-Websocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")) //nolint:gosec // the same
				_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "+
					base64.StdEncoding.EncodeToString(sum[:])+"\r\n\r\n"+frame(`INFO {"server_id":"X","version":"2.12.0","max_payload":1048576}`+"\r\n"))
				if _, err := said.ReadByte(); err != nil {
					return
				}
				_, _ = io.WriteString(conn, frame("PONG\r\n")+c.then)
				_, _ = io.Copy(io.Discard, said)
			})
			if c.want == "" {
				c.want = at // it is named, whatever is said of it
			}
			var out, errs connOutput
			status := Run([]string{"audit", "concentration", "--no-context", "--server", "wss://" + at, "--tlsca", ca.file, "--user", "sys", "--password", "S3cretPart0fIt", "--timeout", "5s"}, &out, &errs)
			said := errs.String()
			if status != ExitNotAudited || !strings.Contains(said, "wss://"+at) || !strings.Contains(said, c.want) || strings.Contains(said, "S3cret") {
				t.Errorf("status %d, want %q: %s", status, c.want, said)
			}
		})
	}
}

func firstOf(pair tls.Certificate, _, _ string) tls.Certificate { return pair }

// A connection that reconnects begins TLS again, by the name that was passed.
func TestReconnectWSS(t *testing.T) {
	t.Parallel()
	ca := newConnCA(t)
	pair, _, _ := ca.sign(t, time.Now().Add(time.Hour), "localhost")
	var servers []*server.Server
	var urls []string
	for range 2 {
		s := connServer(t, func(o *server.Options) {
			o.Websocket = server.WebsocketOpts{Host: "127.0.0.1", Port: server.RANDOM_PORT, TLSConfig: &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}}
		})
		servers, urls = append(servers, s), append(urls, strings.Replace(s.WebsocketURL(), "127.0.0.1", "localhost", 1))
	}
	settings := natsconn.Settings{NoContext: true, Servers: strings.Join(urls, ","), TLSCA: ca.file, User: "sys", Password: connPassword, Timeout: connPatience}
	nc, err := settings.Connect(t.Context(), func(string, ...any) {})
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	first := slices.Index(urls, sysreq.URL(nc)) // on a busy machine not always the first of the list
	if first < 0 {
		t.Fatalf("connected to %s, want one of %s", sysreq.URL(nc), urls)
	}
	servers[first].Shutdown()
	for deadline := time.Now().Add(connPatience); sysreq.URL(nc) != urls[1-first]; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("connected to %s, want %s", sysreq.URL(nc), urls[1-first])
		}
	}
	if err := nc.FlushTimeout(connPatience); err != nil {
		t.Error(err)
	}
}
