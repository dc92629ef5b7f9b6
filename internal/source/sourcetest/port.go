package sourcetest

import (
	"net/netip"
	"testing"

	"github.com/nats-balance/nats-balance/internal/lab"
)

// Port is a port of 127.0.0.1 that no other test is given, see [lab.Port].
func Port(t testing.TB) int {
	t.Helper()
	port, err := lab.Port("127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// ClosedPort is a port of 127.0.0.1 that nobody listens at, but the test itself, if it
// wants to.
func ClosedPort(t testing.TB) netip.AddrPort {
	t.Helper()
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), uint16(Port(t))) //nolint:gosec // it is a port
}
