package probe

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/netip"
	"time"
)

// maxRead bounds what is read of one connection, in bytes: an INFO line, and
// what HTTP and WebSocket put around it.
const maxRead = maxLine + 64<<10

// wire is a connection of which a bounded part is read, and whose first byte
// must come within quiet.
type wire struct {
	net.Conn
	r        *bufio.Reader
	quiet    time.Duration
	deadline time.Time
	first    bool // the first byte was asked for
}

func newWire(conn net.Conn, quiet time.Duration, deadline time.Time) *wire {
	return &wire{Conn: conn, r: bufio.NewReader(io.LimitReader(conn, maxRead)), quiet: quiet, deadline: deadline}
}

// peek waits at most so long for n bytes, and leaves them unread.
func (w *wire) peek(n int, wait time.Duration) ([]byte, error) {
	until := time.Now().Add(wait)
	if until.After(w.deadline) {
		until = w.deadline
	}
	if err := w.SetReadDeadline(until); err != nil {
		return nil, err
	}
	head, err := w.r.Peek(n)
	return head, errors.Join(err, w.SetReadDeadline(w.deadline))
}

// errClear is that the other side answered a TLS handshake in the clear.
var errClear = errors.New("it does not speak TLS")

// Read is for a TLS handshake on top. It leaves unread what is not TLS, so that
// it can be read in the clear.
func (w *wire) Read(p []byte) (int, error) {
	if !w.first {
		head, err := w.peek(1, w.quiet)
		if err != nil {
			return 0, err
		}
		const firstType, lastType = 20, 23 // of records: RFC 8446, 5.1
		if head[0] < firstType || head[0] > lastType {
			return 0, errClear
		}
		w.first = true
	}
	return w.r.Read(p)
}

// kind is what an attempt to be greeted led to.
type kind int

const (
	// noConnection: see sight.err.
	noConnection kind = iota
	// closed without a byte.
	closed
	// silent: open, and without a byte.
	silent
	// answered in HTTP, without a WebSocket.
	answered
	// upgraded to a WebSocket, in which no INFO came.
	upgraded
	// noise is bytes of another protocol, see sight.said.
	noise
	// unreadable is what begins like an INFO, see sight.err.
	unreadable
	// refusedTLS: it uses TLS, and closed the connection.
	refusedTLS
	// greeted with an INFO.
	greeted
)

// sight is what one connection saw.
type sight struct {
	kind kind
	info *info
	err  error
	said []byte
	// status is that of the HTTP answer.
	status int
	// secure reports whether it was seen inside TLS; web whether inside a WebSocket.
	secure, web bool
	// certificate reports whether a client certificate was asked for.
	certificate bool
	local       netip.Addr
}

// way is how a connection goes about being greeted; its zero value just listens.
type way struct {
	proxy  bool // begins with a PROXY header
	secure bool // then a TLS handshake
	web    bool // then a WebSocket upgrade
}

// unknownClient is the header of PROXY protocol version 1 with which a load
// balancer connects on its own behalf.
const unknownClient = "PROXY UNKNOWN\r\n"

// look connects once, at most for timeout.
func (p Prober) look(ctx context.Context, t target, w way, quiet time.Duration) sight {
	ctx, cancel := context.WithTimeout(ctx, p.timeout())
	defer cancel()
	began := time.Now()
	conn, err := p.dial()(ctx, "tcp", t.addr.String())
	took := time.Since(began)
	if err != nil {
		return sight{kind: noConnection, err: err}
	}
	defer func() { _ = conn.Close() }()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	deadline, _ := ctx.Deadline()
	_ = conn.SetDeadline(deadline) // one that has none is closed at the end of ctx
	s := t.talk(newWire(conn, quiet, deadline), w, took)
	if local, err := netip.ParseAddrPort(conn.LocalAddr().String()); err == nil {
		s.local = plainIP(local.Addr())
	}
	return s
}

// talk says what the way asks for, and listens. took is how long connecting did.
func (t target) talk(w *wire, how way, took time.Duration) sight {
	if how.web {
		// A NATS listener would take an upgrade or a TLS handshake for a failed
		// login, and log it; it greets within the time of a round trip.
		const grace = 50 * time.Millisecond
		if _, err := w.peek(1, min(w.quiet, 2*took+grace)); err == nil {
			return listen(w, "")
		}
	}
	if how.proxy {
		if _, err := io.WriteString(w, unknownClient); err != nil {
			return sight{kind: closed}
		}
	}
	if how.secure {
		return t.talkTLS(w, how)
	}
	if how.web {
		return t.upgrade(w)
	}
	return listen(w, "")
}

// talkTLS takes whatever certificate the server has, because nothing is told it.
func (t target) talkTLS(w *wire, how way) sight {
	asked := false
	conn := tls.Client(w, &tls.Config{
		InsecureSkipVerify: true,
		ServerName:         t.name(),
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			asked = true
			return new(tls.Certificate), nil
		},
	})
	err := conn.Handshake() //nolint:noctx // the wire has a deadline, and is closed when the context ends
	switch {
	case errors.Is(err, errClear):
		return listen(w, "")
	case err != nil && w.first:
		return sight{kind: refusedTLS, certificate: asked}
	case err != nil:
		return quietly(err)
	}
	defer func() { _ = conn.Close() }()
	inner := newWire(conn, w.quiet, w.deadline)
	var s sight
	if how.web {
		s = t.upgrade(inner)
	} else if s = listen(inner, ""); s.kind == silent {
		s = t.upgrade(inner) // what is silent inside TLS may be a WebSocket listener
	}
	s.secure, s.certificate = true, asked
	if s.kind == closed && asked {
		// From TLS 1.3 on, a server looks for the certificate after its side of
		// the handshake.
		s.kind = refusedTLS
	}
	return s
}

// upgrade asks for a WebSocket.
func (t target) upgrade(w *wire) sight {
	key := upgradeKey()
	if err := sendUpgrade(w, t.authority(), t.requestPath(), key); err != nil {
		return sight{kind: closed}
	}
	return listen(w, key)
}

// listen reads what is said: an INFO, or an answer to the upgrade with this
// key, or something else.
func listen(w *wire, key string) sight {
	if _, err := w.peek(1, w.quiet); err != nil {
		return quietly(err)
	}
	head, err := w.peek(len(infoOperation), time.Until(w.deadline))
	switch {
	case beginsInfo(head):
		return readGreeting(w.r)
	case err == nil && string(head) == "HTTP/":
		return listenHTTP(w, key)
	}
	// The rest of what it has to say is usually there, or comes at once.
	const some, soon = 40, 100 * time.Millisecond
	said, _ := w.peek(some, soon)
	return sight{kind: noise, said: said}
}

func listenHTTP(w *wire, key string) sight {
	status, ok := accepted(w.r, key)
	if !ok || key == "" {
		return sight{kind: answered, status: status}
	}
	defer sendClose(w)
	stream := bufio.NewReader(&frames{r: w.r})
	s := sight{kind: upgraded}
	if head, err := stream.Peek(len(infoOperation)); err == nil && beginsInfo(head) {
		s = readGreeting(stream)
	}
	s.web = true
	return s
}

func readGreeting(r *bufio.Reader) sight {
	i, err := readInfo(r)
	if err != nil {
		return sight{kind: unreadable, err: err}
	}
	return sight{kind: greeted, info: i}
}

// quietly is a connection from which nothing could be read. One that is closed
// on this side is out of time.
func quietly(err error) sight {
	if timedOut(err) || errors.Is(err, net.ErrClosed) || errors.Is(err, io.ErrClosedPipe) {
		return sight{kind: silent}
	}
	return sight{kind: closed}
}
