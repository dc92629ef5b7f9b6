package sourcetest

import (
	"net"
	"net/netip"
	"testing"

	"github.com/nats-balance/nats-balance/internal/lab"
)

// ClosedPort is a port of 127.0.0.1 that nobody listens at until the test ends, but
// the test itself, if it wants to: no other test is given it, as it might be one that
// was just closed.
func ClosedPort(t testing.TB) netip.AddrPort {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	at := l.Addr().(*net.TCPAddr).AddrPort()
	_ = l.Close()
	t.Cleanup(lab.Hold("127.0.0.1", int(at.Port())))
	return at
}
