package natsconn

import (
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// closedConn is closed by the other side, which has said why.
type closedConn struct {
	net.Conn
	said string
}

func (c *closedConn) Write([]byte) (int, error)       { return 0, syscall.EPIPE }
func (c *closedConn) SetReadDeadline(time.Time) error { return nil }
func (c *closedConn) Read(p []byte) (n int, err error) {
	if n = copy(p, c.said); n == 0 {
		err = syscall.ECONNRESET
	}
	c.said = c.said[n:]
	return n, err
}

// A server at its limit closes the connection, perhaps before it is written to.
func TestConnectHearsOut(t *testing.T) {
	g := &greeting{Conn: &closedConn{said: "-ERR 'maximum connections exceeded'\r\n"}}
	_, err := g.Write([]byte("CONNECT {}"))
	if !errors.Is(err, syscall.EPIPE) || !errors.Is((&login{}).said(err, string(g.heard)), nats.ErrMaxConnectionsExceeded) {
		t.Errorf("got %v, heard %q", err, g.heard)
	}
}

// nats.go's errors are told by what servers say, not by their own text, which
// is another.
func TestServerError(t *testing.T) {
	l := &login{}
	for text, want := range map[string]error{
		"Authorization Violation":                     nats.ErrAuthorization,
		"User Authentication Expired":                 nats.ErrAuthExpired,
		"User Authentication Revoked":                 nats.ErrAuthRevoked,
		"Account Authentication Expired":              nats.ErrAccountAuthExpired,
		"maximum connections exceeded":                nats.ErrMaxConnectionsExceeded,
		"maximum account active connections exceeded": nats.ErrMaxAccountConnectionsExceeded,
	} {
		for _, err := range []serverError{
			l.said(errors.New("nats: "+text), ""), l.said(nats.ErrNoInfoReceived, "-ERR '"+text+"'\r\n"),
			l.said(syscall.EPIPE, fmt.Sprintf("INFO {}\r\n-ERR '%s'\r\n", text)),
		} {
			for _, target := range []error{nats.ErrAuthorization, nats.ErrAuthExpired, nats.ErrAuthRevoked, nats.ErrAccountAuthExpired,
				nats.ErrMaxConnectionsExceeded, nats.ErrMaxAccountConnectionsExceeded, nats.ErrNoInfoReceived} {
				if is := errors.Is(err, target); is != errors.Is(want, target) {
					t.Errorf("%q is %v: %t", err, target, is)
				}
			}
		}
	}
	if server.ErrTooManyConnections.Error() != nats.MAX_CONNECTIONS_ERR || server.ErrTooManyAccountConnections.Error() != nats.MAX_ACCOUNT_CONNECTIONS_ERR {
		t.Error("the server words its limits otherwise than nats.go")
	}
	// A resolver that gives up is no server that is silent.
	var err error
	if l.servers, err = parseServers("nats.example.com"); err != nil {
		t.Fatal(err)
	}
	f := l.explain(0, &dialer{}, &net.OpError{Op: "dial", Err: &net.DNSError{Err: "i/o timeout", IsTimeout: true}})
	if f.reason != "its name can't be resolved (i/o timeout)" {
		t.Errorf("got %s", f.reason)
	}
	all := &connectError{failures: []*failure{{err: context.DeadlineExceeded}, {err: nats.ErrTimeout}}}
	if !errors.Is(all, nats.ErrTimeout) || errors.Is(all, context.Canceled) {
		t.Error("the errors of the servers are not to be found in the sentence's")
	}
}
