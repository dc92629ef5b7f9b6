package natsconn

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"sync/atomic"
	"syscall"

	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/internal/sysreq"
)

// bounded is a connection that ends when the server sends what no server sends.
// It sees what is inside of TLS, as it does the handshake itself.
type bounded struct {
	net.Conn
	server string // its name, fit to print
	follow interface{ read([]byte) error }
	// byLine hands on the greeting alone, so that nothing that came before TLS is
	// taken for what came inside of it.
	byLine  bool
	rest    []byte // was read, and is to be handed on
	secured bool
	failed  atomic.Pointer[error] // set by who reads, and seen by who writes
	lost    func(error)           // gets what ends it but the network
	over    *atomic.Bool          // the login is done
}

func newBounded(conn net.Conn, server string, web bool, over *atomic.Bool, told func([]string), lost func(error)) *bounded {
	b := &bounded{Conn: conn, server: server, follow: &protocol{told: told}, byLine: !web, over: over, lost: lost}
	if web {
		b.follow = &webSocket{inside: &protocol{told: told}}
	}
	return b
}

func (b *bounded) Read(p []byte) (int, error) {
	if failed := b.failed.Load(); failed != nil {
		return 0, *failed
	}
	if len(b.rest) > 0 {
		n := copy(p, b.rest)
		b.rest = b.rest[n:]
		return n, nil
	}
	n, err := b.Conn.Read(p)
	if wrong := b.follow.read(p[:n]); wrong != nil {
		return 0, b.fail(&sysreq.ProtocolError{Server: b.server, Fault: wrong.Error()})
	}
	if b.byLine && n > 0 {
		if end := bytes.IndexByte(p[:n], '\n') + 1; end > 0 {
			b.byLine = false
			b.rest = bytes.Clone(p[end:n])
			n = end
		}
	}
	return n, b.afterHandshake(err)
}

// fail ends the connection for its user, and returns why.
func (b *bounded) fail(err error) error {
	b.failed.Store(&err)
	b.lost(err)
	return err
}

func (b *bounded) Write(p []byte) (int, error) {
	if failed := b.failed.Load(); failed != nil {
		return 0, *failed
	}
	n, err := b.Conn.Write(p)
	return n, b.afterHandshake(err)
}

// afterHandshake says of an end that follows TLS at once what nats.go says: a
// server that wants a certificate closes the connection.
func (b *bounded) afterHandshake(err error) error {
	if err == nil || !b.secured || b.over.Load() {
		return err
	}
	if errors.Is(err, io.EOF) || errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNRESET) {
		err = fmt.Errorf("%w: connection closed by remote after TLS handshake: %w", nats.ErrTLS, err)
		b.lost(err)
	}
	return err
}

// secure begins TLS, as nats.go would.
func (b *bounded) secure(ctx context.Context, o *nats.Options, name string) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if o.TLSConfig != nil {
		config = o.TLSConfig.Clone()
	}
	if o.TLSCertCB != nil {
		certificate, err := o.TLSCertCB()
		if err != nil {
			_ = b.fail(err)
			return
		}
		config.Certificates = []tls.Certificate{certificate}
	}
	if o.RootCAsCB != nil {
		roots, err := o.RootCAsCB()
		if err != nil {
			_ = b.fail(err)
			return
		}
		config.RootCAs = roots
	}
	if config.ServerName == "" {
		config.ServerName = name
	}
	conn := tls.Client(b.Conn, config)
	if err := conn.HandshakeContext(ctx); err != nil {
		_ = b.fail(fmt.Errorf("%w: %w", nats.ErrTLS, err))
		return
	}
	_, web := b.follow.(*webSocket) // what ends a connection there is mostly a proxy
	b.Conn, b.secured, b.rest = conn, !web, nil
}
