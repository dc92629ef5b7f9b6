package lab

import (
	"net/netip"

	"golang.org/x/sys/unix"
)

// Hold keeps a port of a server that is down from being given to anybody who asks for
// a free one, as servers of other labs do: those that look for the server would find
// them. It is bound and nobody listens, so that connections are refused, and the server
// itself can listen at it again. It returns what gives the port back.
func Hold(host string, port int) (release func()) {
	addr, err := netip.ParseAddr(host)
	if err != nil || !addr.Is4() || port == 0 {
		return func() {}
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return func() {}
	}
	// Where it does not work, it is as before.
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)
	_ = unix.Bind(fd, &unix.SockaddrInet4{Port: port, Addr: addr.As4()})
	return func() { _ = unix.Close(fd) }
}
