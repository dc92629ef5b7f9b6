package probe

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"testing"

	"github.com/nats-balance/nats-balance/checks"
)

// A proxy lets WebSocket clients through at one path only.
func TestPathOfAWebSocket(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	info := `INFO {"server_id":"NA","server_name":"n1","version":"2.12.0","proto":1,"host":"0.0.0.0","port":4222,"max_payload":1048576} ` + "\r\n"
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/nats" {
			http.NotFound(w, r)
			return
		}
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		fmt.Fprintf(conn, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n", acceptOf(r.Header.Get("Sec-WebSocket-Key")))
		_, _ = conn.Write(append([]byte{0x82, 126, byte(len(info) >> 8), byte(len(info))}, info...))
		_ = conn.Close()
	})}
	go func() { _ = server.Serve(l) }()
	t.Cleanup(func() { _ = server.Close() })
	at := netip.MustParseAddrPort(l.Addr().String())
	for path, want := range map[string]checks.ContactOutcome{"/nats": checks.ContactServer, "": checks.ContactUnreadable, "/na ts": checks.ContactUnreadable} {
		if c := (Prober{Path: path}).Contact(t.Context(), "ws", "127.0.0.1", at); c.Outcome != want {
			t.Errorf("path %q: %+v, want %s", path, c, want)
		}
	}
}
