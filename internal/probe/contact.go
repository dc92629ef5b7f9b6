package probe

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nats-balance/nats-balance/checks"
)

// What Contact.Listener can be.
const (
	listenerNATS      = "nats"
	listenerTLSFirst  = "tls-first"
	listenerWebSocket = "websocket"
	listenerProxy     = "proxy-protocol"
)

const (
	// defaultTimeout is what a connection over continents needs many times over.
	defaultTimeout = 2 * time.Second
	// mostQuiet is how long a server may take to greet, which it does at once.
	mostQuiet = 700 * time.Millisecond
)

// detailClosed is said of connections, too, that end while they are made.
const detailClosed = "it accepts connections and closes them without a word"

// Prober connects to addresses and reads what is said there. It never sends
// credentials. Its zero value is ready to use, and so is any by several
// goroutines at a time, where Dial is.
type Prober struct {
	// Timeout bounds one connection with its greeting; default 2 s. A context
	// that ends before bounds it, too.
	Timeout time.Duration
	// Dial connects; nil is a net.Dialer. It must give up when ctx ends.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Path is what a WebSocket's upgrade asks for; empty is the root.
	Path string
	// Only, if set, is the listener that is looked for, as [checks.Contact] has it:
	// it is connected to once, and nothing is sent that another kind waits for.
	Only string
}

func (p Prober) timeout() time.Duration {
	if p.Timeout > 0 {
		return p.Timeout
	}
	return defaultTimeout
}

func (p Prober) dial() func(ctx context.Context, network, address string) (net.Conn, error) {
	if p.Dial != nil {
		return p.Dial
	}
	return new(net.Dialer).DialContext
}

// Contact says what answers at an address to a client with a URL of this scheme
// (nats, tls, ws, wss, mqtt or mqtts) and host; for [Prober.Again] there is more to ask.
//
// It connects once where the server greets as the scheme has it. Where nothing
// is said it connects up to three times more, to tell a listener that clients
// of another kind can use from a stranger: all in all for twice the timeout at
// most. When ctx ends before that is settled, the outcome is
// [checks.ContactNone].
func (p Prober) Contact(ctx context.Context, scheme, host string, addr netip.AddrPort) checks.Contact {
	t := newTarget(scheme, host, addr)
	t.path = p.Path
	if !addr.IsValid() {
		return checks.Contact{Outcome: checks.ContactNone, Detail: "no address"}
	}
	whole, cancel := context.WithTimeout(ctx, 2*p.timeout())
	defer cancel()
	var best verdict
	ways := t.ways()
	if p.Only != "" {
		ways = []way{t.wayTo(p.Only)}
	}
	for n, w := range ways {
		quiet := p.timeout() / 3
		if n == 0 {
			quiet = min(quiet, mostQuiet)
		}
		s := p.look(whole, t, w, quiet)
		if s.kind != greeted && over(ctx) {
			return checks.Contact{Outcome: checks.ContactNone, Detail: "it was given up before it was clear what answers"}
		}
		if s.kind == noConnection && n > 0 {
			continue // what the earlier connections saw stands
		}
		if v := t.judge(w, s); v.weight > best.weight {
			best = v
		}
		if best.weight == settled || whole.Err() != nil {
			break
		}
	}
	return best.contact
}

// Again connects up to more times to the same address in the way that got c
// its greetings, and adds what it sees: a server that is new to the greetings,
// the count of one that is not, and the tries. Connections without a greeting
// add nothing. It stops when ctx ends. A contact of another outcome than
// [checks.ContactServer] comes back as it is. Each connection is bounded by the
// timeout, and stays open while the next few are made: a load balancer that
// chooses the server with the fewest connections would choose the same one each
// time if none of them stayed.
func (p Prober) Again(ctx context.Context, scheme, host string, addr netip.AddrPort, c checks.Contact, more int) checks.Contact {
	if c.Outcome != checks.ContactServer {
		return c
	}
	t := newTarget(scheme, host, addr)
	t.path = p.Path
	c.Greetings = slices.Clone(c.Greetings)
	w := t.wayTo(c.Listener)
	k := &keeper{dial: p.dial()}
	defer k.close(0)
	p.Dial = k.connect
	for range more {
		k.close(mostKept)
		if ctx.Err() != nil {
			break
		}
		s := p.look(ctx, t, w, p.timeout())
		if s.kind != greeted || s.info.forServers() {
			continue
		}
		c.Tries++
		known := slices.IndexFunc(c.Greetings, func(g checks.Greeting) bool { return g.ID == s.info.ID })
		if known < 0 {
			c.Greetings = append(c.Greetings, s.info.greeting(s.local))
			continue
		}
		c.Greetings[known].Count++
	}
	return c
}

// mostKept is how many connections stay open meanwhile: enough to even out small
// differences, and too few for somebody else's audit to judge.
const mostKept = 4

// keeper dials, and keeps the connections open that their users close.
type keeper struct {
	dial func(ctx context.Context, network, address string) (net.Conn, error)
	open []net.Conn // the oldest first
}

func (k *keeper) connect(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := k.dial(ctx, network, address)
	if err != nil {
		return nil, err
	}
	k.open = append(k.open, conn)
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	return kept{conn, func() error {
		if ctx.Err() != nil { // nobody waits for what it says any longer
			return conn.Close()
		}
		stop()
		return nil
	}}, nil
}

// close leaves so many of the connections open.
func (k *keeper) close(left int) {
	for len(k.open) > left {
		_ = k.open[0].Close()
		k.open = k.open[1:]
	}
}

// kept is a connection that stays open when its user closes it, unless the user's
// context is over.
type kept struct {
	net.Conn
	close func() error
}

// Close implements net.Conn.
func (k kept) Close() error { return k.close() }

// over reports whether ctx has ended, or does right now: a connection may notice its
// deadline before the context does.
func over(ctx context.Context) bool {
	deadline, ok := ctx.Deadline()
	return ctx.Err() != nil || ok && !time.Now().Before(deadline)
}

// target is an address as a URL names it.
type target struct {
	scheme, host string
	addr         netip.AddrPort
	path         string // of a WebSocket
}

func newTarget(scheme, host string, addr netip.AddrPort) target {
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	return target{scheme: strings.ToLower(scheme), host: host, addr: netip.AddrPortFrom(addr.Addr().Unmap(), addr.Port())}
}

// web reports whether the URL is one for WebSocket clients.
func (t target) web() bool { return t.scheme == "ws" || t.scheme == "wss" }

// mqtt reports whether the URL is one for MQTT clients, which servers do not greet.
func (t target) mqtt() bool { return t.scheme == "mqtt" || t.scheme == "mqtts" }

// requestPath is the path for HTTP.
func (t target) requestPath() string {
	if !strings.HasPrefix(t.path, "/") || strings.ContainsFunc(t.path, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return "/"
	}
	return t.path
}

// name is the host for a TLS handshake, where it is a name.
func (t target) name() string {
	if _, err := netip.ParseAddr(t.host); err == nil || !harmlessHost(t.host) {
		return ""
	}
	return t.host
}

// authority is the host and port for HTTP.
func (t target) authority() string {
	if !harmlessHost(t.host) {
		return t.addr.String()
	}
	return net.JoinHostPort(t.host, strconv.Itoa(int(t.addr.Port())))
}

// harmlessHost keeps what may break out of a header or a handshake out of it.
func harmlessHost(host string) bool {
	const longest = 253 // of a name: RFC 1035, 2.3.4
	return host != "" && len(host) <= longest && !strings.ContainsFunc(host, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune(".-_:", r)
	})
}

// ways are how to be greeted: first as the scheme has it, then by what else may
// be there.
func (t target) ways() []way {
	switch t.scheme {
	case "ws":
		return []way{{web: true}, {secure: true, web: true}}
	case "wss":
		return []way{{secure: true, web: true}, {web: true}}
	case "mqtt", "mqtts": // a listener that nobody greets at: any more would only fill its log
		return []way{{}}
	default:
		return []way{{}, {secure: true}, {web: true}, {proxy: true}}
	}
}

// wayTo is how a listener was got to greet.
func (t target) wayTo(listener string) way {
	switch listener {
	case listenerTLSFirst:
		return way{secure: true}
	case listenerWebSocket:
		return way{web: true, secure: t.scheme == "wss"}
	case listenerProxy:
		return way{proxy: true}
	default:
		return way{}
	}
}

// weight is how much a sight tells.
type weight int

const (
	_ weight = iota // nothing seen yet
	// closes and waits: it may have been the wrong way to be greeted.
	closes
	waits
	// speaksHTTP: another way may lead to a WebSocket.
	speaksHTTP
	settled
)

type verdict struct {
	contact checks.Contact
	weight  weight
}

// judge says what a sight means to a client with this URL.
func (t target) judge(w way, s sight) verdict {
	stranger := func(weight weight, detail string) verdict {
		return verdict{checks.Contact{Outcome: checks.ContactUnreadable, Detail: detail}, weight}
	}
	secure := func(detail string) verdict {
		v := stranger(settled, detail)
		v.contact.TLS = true
		return v
	}
	switch s.kind {
	case greeted:
		return verdict{t.judgeGreeting(w, s), settled}
	case noConnection:
		return verdict{unreached(s.err), settled}
	case closed:
		c := checks.Contact{Outcome: checks.ContactClosed, Detail: detailClosed}
		switch {
		case s.secure:
			return secure("it uses TLS, and closes without a greeting")
		case w == way{}:
			return verdict{c, settled} // closed before anything was said to it
		}
		return verdict{c, closes}
	case silent:
		if s.secure {
			return secure("it uses TLS, but sends no greeting")
		}
		if t.mqtt() {
			return stranger(settled, "it accepts connections, and an MQTT listener says no more without a login")
		}
		v := stranger(waits, "accepts connections but says nothing")
		v.contact.Hangs = true
		return v
	case refusedTLS:
		switch {
		case s.certificate && t.web():
			return secure("TLS, and it wants a client certificate")
		case s.certificate:
			return secure("TLS first, and it wants a client certificate")
		}
		return secure("it uses TLS, but the handshake failed")
	case answered:
		if t.web() {
			return stranger(speaksHTTP, fmt.Sprintf("an HTTP server that grants no WebSocket (status %03d)", s.status))
		}
		detail := "a WebSocket or HTTP listener: use ws:// or wss://"
		if w.web || s.secure {
			return stranger(settled, detail)
		}
		return stranger(speaksHTTP, detail) // no upgrade was asked for yet
	case upgraded:
		return stranger(settled, "a WebSocket, but not of a nats-server")
	case unreadable:
		return stranger(settled, "it greets like a nats-server, but not readably: "+s.err.Error())
	default:
		return stranger(settled, "no nats-server: it says "+quoted(s.said))
	}
}

// judgeGreeting says who greeted, and whether a client with this URL gets there.
func (t target) judgeGreeting(w way, s sight) checks.Contact {
	c := checks.Contact{Outcome: checks.ContactUnreadable}
	secure := t.scheme == "wss"
	switch {
	case s.info.forServers():
		c.Detail = "a leafnode, route or gateway port, not one for clients"
		return c
	case t.mqtt():
		c.Detail = "the NATS listener of server " + quoted([]byte(s.info.Name)) + ", not an MQTT one"
		return c
	case s.web && t.web() && s.secure == secure:
		c.Listener = listenerWebSocket
	case s.web && s.secure:
		c.TLS, c.Detail = true, "a WebSocket listener with TLS: use wss://"
		return c
	case s.web:
		c.Detail = "a WebSocket listener without TLS: use ws://"
		return c
	case t.web():
		c.Listener = listenerNATS
		c.Detail = "the NATS listener of server " + quoted([]byte(s.info.Name)) + ", not a WebSocket one: use nats:// or tls://"
		return c
	case s.secure:
		c.Listener, c.Detail = listenerTLSFirst, "clients must set TLS first"
	case w.proxy:
		c.Listener, c.Detail = listenerProxy, "it greets after a PROXY header: clients come through a load balancer"
	case s.info.takesProxyProtocol():
		c.Listener, c.Detail = listenerProxy, "it takes the PROXY protocol: clients may come through a load balancer"
	default:
		c.Listener = listenerNATS
		if t.scheme == "tls" && !s.info.TLSRequired && !s.info.TLSAvailable {
			c.Detail = "it offers no TLS, which a tls:// URL demands"
		}
	}
	c.Outcome, c.Tries = checks.ContactServer, 1
	c.Greetings = []checks.Greeting{s.info.greeting(s.local)}
	return c
}
