package dnscheck

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/miekg/dns"

	"github.com/nats-balance/nats-balance/internal/words"
)

// ednsSize is the UDP size that is offered: what passes everywhere without
// fragments (DNS flag day 2020).
const ednsSize = 1232

// headerSize is the size of a message's header, in bytes (RFC 1035, 4.1.1).
const headerSize = 12

// asker puts questions to one resolver, one after the other.
type asker struct {
	server   string
	timeout  time.Duration
	attempts int
	plain    bool // the resolver does not know EDNS
	queries  int
}

// ask returns the answer to a question, with whatever rcode. It tries again
// where none came, or none that can be read.
func (a *asker) ask(ctx context.Context, name string, qtype uint16) (*dns.Msg, error) {
	var err error
	for range a.attempts {
		if ctx.Err() != nil {
			break
		}
		var m *dns.Msg
		if m, err = a.try(ctx, name, qtype); err == nil {
			return m, nil
		}
	}
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return nil, errors.New("no answer came before the time was up (time-out)")
	case ctx.Err() != nil:
		return nil, fmt.Errorf("it was stopped before an answer came: %w", ctx.Err())
	}
	return nil, err
}

// try asks over UDP, without EDNS where that is refused (RFC 6891, section 7),
// and over TCP where the answer was truncated (RFC 7766, section 5).
func (a *asker) try(ctx context.Context, name string, qtype uint16) (*dns.Msg, error) {
	m, err := a.exchange(ctx, "udp", name, qtype)
	if err == nil && !a.plain && refusesEDNS(m) {
		a.plain = true
		m, err = a.exchange(ctx, "udp", name, qtype)
	}
	if err != nil || !m.Truncated {
		return m, err
	}
	switch m, err = a.exchange(ctx, "tcp", name, qtype); {
	case err != nil:
		return nil, fmt.Errorf("the answer is truncated, and over TCP %w", err)
	case m.Truncated:
		return nil, errors.New("the answer is truncated, even over TCP")
	}
	return m, nil
}

func refusesEDNS(m *dns.Msg) bool {
	return m.Rcode == dns.RcodeFormatError || m.Rcode == dns.RcodeNotImplemented || m.Rcode == dns.RcodeBadVers
}

// exchange sends a question once and waits for its answer. The socket is
// connected: the operating system passes on only what comes from the resolver.
func (a *asker) exchange(ctx context.Context, network, name string, qtype uint16) (*dns.Msg, error) {
	ctx, cancel := context.WithTimeout(ctx, a.timeout)
	defer cancel()
	query := new(dns.Msg).SetQuestion(name, qtype)
	if !a.plain {
		query.SetEdns0(ednsSize, false)
	}
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, network, a.server)
	if err != nil {
		return nil, a.unanswered(err, 0)
	}
	defer func() { _ = conn.Close() }()
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })()
	wire := &dns.Conn{Conn: conn}
	a.queries++
	if err := wire.WriteMsg(query); err != nil {
		return nil, a.unanswered(err, 0)
	}
	if network == "tcp" {
		p, err := wire.ReadMsgHeader(nil)
		if err != nil {
			return nil, a.unanswered(err, 0)
		}
		m, ours, err := decode(p, query)
		if err == nil && !ours {
			err = errors.New("a malformed answer came: it belongs to another question")
		}
		return m, err
	}
	buf := make([]byte, dns.MaxMsgSize)
	for strange := 0; ; strange++ {
		n, err := conn.Read(buf)
		if err != nil {
			return nil, a.unanswered(err, strange)
		}
		// What belongs to another question may be forged, or late: the answer
		// may still come.
		if m, ours, err := decode(buf[:n], query); ours {
			return m, err
		}
	}
}

// decode reads a packet. It is ours where it answers the query: an error then
// says what is wrong with it.
func decode(p []byte, query *dns.Msg) (m *dns.Msg, ours bool, err error) {
	if len(p) < headerSize || binary.BigEndian.Uint16(p) != query.Id {
		return nil, false, nil
	}
	bits := binary.BigEndian.Uint16(p[2:])
	if response := bits&(1<<15) != 0; !response || bits>>11&0xf != dns.OpcodeQuery {
		return nil, false, nil
	}
	truncated := bits&(1<<9) != 0
	m = new(dns.Msg)
	if err := m.Unpack(p); err != nil {
		if truncated {
			// It may break off anywhere; nothing of it is used.
			return &dns.Msg{MsgHdr: dns.MsgHdr{Id: query.Id, Truncated: true}}, true, nil
		}
		return nil, true, fmt.Errorf("a malformed answer came: %w", err)
	}
	if !sameQuestion(m, query) {
		return nil, false, nil
	}
	// The library takes a message that ends early for a shorter one.
	short := int(binary.BigEndian.Uint16(p[6:])) != len(m.Answer) || int(binary.BigEndian.Uint16(p[8:])) != len(m.Ns)
	if short && !truncated {
		return nil, true, errors.New("a malformed answer came: it has fewer records than it says")
	}
	return m, true, nil
}

// sameQuestion compares without regard to case. Servers that can't or won't
// read a question may answer without it.
func sameQuestion(m, query *dns.Msg) bool {
	if len(m.Question) == 0 {
		return m.Rcode != dns.RcodeSuccess && m.Rcode != dns.RcodeNameError
	}
	got, want := m.Question[0], query.Question[0]
	return len(m.Question) == 1 && strings.EqualFold(got.Name, want.Name) && got.Qtype == want.Qtype && got.Qclass == want.Qclass
}

// unanswered says in a clause why no answer came, after so many packets that
// were none.
func (a *asker) unanswered(err error, strange int) error {
	var netErr net.Error
	var errno syscall.Errno
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded), errors.As(err, &netErr) && netErr.Timeout():
		if strange > 0 {
			return fmt.Errorf("no answer came within %s (time-out), only %s packets that answer another question", a.timeout, words.Count(strange))
		}
		return fmt.Errorf("no answer came within %s (time-out)", a.timeout)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("the resolver closed the connection before its answer was whole")
	case errors.Is(err, dns.ErrShortRead):
		return errors.New("a malformed answer came: it is shorter than a header")
	case errors.As(err, &errno):
		return fmt.Errorf("the network failed: %w", errno)
	}
	return fmt.Errorf("the network failed: %w", err)
}
