package sysreq

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
)

// Client asks through a connection, whose error handler it has until it is
// closed: a connection has one, and so one client at a time. It is for several
// goroutines.
type Client struct {
	nc       *nats.Conn
	previous nats.ErrHandler

	tracing sync.Mutex // held while trace is called
	trace   func(format string, args ...any)

	mu        sync.Mutex
	listeners map[int]func(*PermissionError) bool
	unheard   []*PermissionError // while nobody listened
	next      int
	ended     error
}

// ProtocolError says why a connection was ended: a server sent what no server
// sends, or more than can be kept.
type ProtocolError struct {
	Server string
	Fault  string // what it did, as what follows its name
}

func (e *ProtocolError) Error() string { return e.Server + " " + e.Fault }

// New starts to ask through a connection. Trace, if not nil, is told of every
// request, and of what [Client.Trace] is; it is called by one goroutine at a
// time, and not any more when the client is closed.
func New(nc *nats.Conn, trace func(format string, args ...any)) *Client {
	c := &Client{nc: nc, previous: nc.ErrorHandler(), trace: trace, listeners: map[int]func(*PermissionError) bool{}}
	nc.SetErrorHandler(func(nc *nats.Conn, s *nats.Subscription, err error) {
		if e := permission(err); e != nil && c.refused(e) {
			return
		}
		c.noteEnd(nc, err)
		if c.previous != nil {
			c.previous(nc, s, err)
		}
	})
	return c
}

// Close gives the error handler back.
func (c *Client) Close() {
	c.tracing.Lock()
	c.trace = nil
	c.tracing.Unlock()
	c.nc.SetErrorHandler(c.previous)
}

// noteEnd keeps why a connection ends. One with more replies than are kept ends
// here: what nats.go dropped of them would be missing without a word.
func (c *Client) noteEnd(nc *nats.Conn, err error) {
	var protocol *ProtocolError
	switch {
	case errors.As(err, &protocol):
	case errors.Is(err, nats.ErrSlowConsumer):
		protocol = &ProtocolError{At(nc), fmt.Sprintf("sends more than can be read: more than %d MiB of replies wait, or more than %d,000 replies", mostWaiting>>20, mostReplies/1000)}
		defer nc.Close()
	default:
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended == nil { // the first is the reason; the others come of a connection that is closed
		c.ended = protocol
	}
}

// Ended is why the connection was closed.
func (c *Client) Ended() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended != nil {
		return c.ended
	}
	return Ended(c.nc) // before anyone asked
}

// Ended is why a connection was closed.
func Ended(nc *nats.Conn) error {
	if d, ok := nc.Opts.CustomDialer.(remembering); ok && d.Ended() != nil {
		return d.Ended()
	}
	if err := nc.LastError(); err != nil {
		return err
	}
	return nats.ErrConnectionClosed
}

// remembering is a dialer that knows what nats.go forgets of a connection that
// is closed.
type remembering interface {
	Server() string // that was dialed last, without credentials
	Ended() error   // why it was closed, nil where that is not known
}

// wrap says what failed. Of a connection that is closed it says why.
func (c *Client) wrap(what string, err error) error {
	if errors.Is(err, nats.ErrConnectionClosed) || errors.Is(err, nats.ErrBadSubscription) && c.nc.IsClosed() {
		err = c.Ended()
	}
	return fmt.Errorf("%s: %s: %w", At(c.nc), what, err)
}

// URL is the URL of the server that a connection is to, with all that was passed
// in it.
func URL(nc *nats.Conn) string { return Passed(nc, nc.ConnectedUrl()) }

// Passed is a URL of a connection's servers as it was passed: nats.go has another
// one where the dialer begins TLS.
func Passed(nc *nats.Conn, text string) string {
	if d, ok := nc.Opts.CustomDialer.(interface{ Passed(string) string }); ok {
		return d.Passed(text)
	}
	return text
}

// Told are the addresses, host and port, that servers advertise to clients, as far as
// the connection has received them: those of the greetings, where the dialer keeps them, as
// nats.go does not name those that were passed to it as well.
func Told(nc *nats.Conn) []string {
	var out []string
	if d, ok := nc.Opts.CustomDialer.(interface{ Told() []string }); ok {
		out = append(out, d.Told()...)
	}
	for _, text := range nc.DiscoveredServers() {
		if u, err := url.Parse(text); err == nil && !slices.Contains(out, u.Host) {
			out = append(out, u.Host)
		}
	}
	return out
}

// At is the URL of the server that a connection is to, without what may be
// credentials: the user, which may be a token, the path and the query.
func At(nc *nats.Conn) string {
	u, err := url.Parse(URL(nc))
	if err == nil && u.Host != "" {
		return u.Scheme + "://" + u.Host
	}
	if d, ok := nc.Opts.CustomDialer.(remembering); ok {
		return d.Server()
	}
	return ""
}

// Conn is the connection.
func (c *Client) Conn() *nats.Conn { return c.nc }

// Trace writes a line of the trace.
func (c *Client) Trace(format string, args ...any) {
	c.tracing.Lock()
	defer c.tracing.Unlock()
	if c.trace != nil {
		c.trace(format, args...)
	}
}

// refused hands over what the server forbids. It reports whether that was about
// what a listener does.
func (c *Client) refused(e *PermissionError) bool {
	c.mu.Lock()
	listeners := slices.Collect(maps.Values(c.listeners))
	if len(listeners) == 0 && len(c.unheard) < mostUnheard {
		c.unheard = append(c.unheard, e)
	}
	c.mu.Unlock()
	ours := false
	for _, f := range listeners {
		ours = f(e) || ours
	}
	return ours
}

// mostUnheard is how many refusals wait for somebody who listens.
const mostUnheard = 16

// OnRefusal hands over what the server forbids until it is stopped, and what it forbade
// while nobody listened: that of a subscription may come before its owner does. f reports
// whether that is about what the listener does.
func (c *Client) OnRefusal(f func(*PermissionError) bool) (stop func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	id := c.next
	c.next++
	c.listeners[id] = f
	if unheard := c.unheard; len(unheard) > 0 {
		c.unheard = nil
		go func() { // f may wait for whoever is about to read
			for _, e := range unheard {
				f(e)
			}
		}()
	}
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.listeners, id)
	}
}

// WhileAllowed is a context that ends when the server forbids to ask a service,
// by the last token of its subject, or to get replies. Its cause is a clause
// about the servers then.
func (c *Client) WhileAllowed(ctx context.Context, service string) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	stop := c.OnRefusal(func(e *PermissionError) bool {
		s := e.service()
		if s == service || s == everything {
			cancel(errors.New("may not be asked: " + e.Violation))
		}
		return s == service
	})
	return ctx, func() { stop(); cancel(nil) }
}

var (
	// ErrNobody is that nobody listens to a request.
	ErrNobody = errors.New("nobody listens to the request")
	// ErrLate is that no answer came in time.
	ErrLate = errors.New("no answer in time")
)

// Request asks for one reply, for as long as patience says. An error
// is [ErrNobody], [ErrLate], the cause of the context's end, or one of the
// connection.
func (c *Client) Request(ctx context.Context, subject string, body any, patience time.Duration, compressed bool) (*nats.Msg, error) {
	asking, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	m, err := c.nc.RequestMsgWithContext(asking, message(subject, "", body, compressed))
	if err != nil {
		return nil, explain(ctx, err)
	}
	return m, nil
}

// explain is why there is no reply.
func explain(ctx context.Context, err error) error {
	switch cause := context.Cause(ctx); {
	case cause != nil && !errors.Is(cause, context.DeadlineExceeded):
		return cause
	case errors.Is(err, nats.ErrNoResponders):
		return ErrNobody
	case errors.Is(err, context.DeadlineExceeded):
		return ErrLate
	}
	return err
}

// FewRows are so few connections, routes or the like that a reply with them is not
// worth compressing: for each that it compresses a server allocates megabytes.
const FewRows = 64

// message is a request. The body is a plain struct or nil.
func message(subject, reply string, body any, compressed bool) *nats.Msg {
	m := &nats.Msg{Subject: subject, Reply: reply}
	if body != nil {
		m.Data, _ = json.Marshal(body) // plain structs: can't fail
	}
	if compressed { // see zReq in nats-server
		m.Header = nats.Header{"Accept-Encoding": []string{"snappy"}}
	}
	return m
}

// NoResponders is how a server says that nobody listens on a subject.
func NoResponders(m *nats.Msg) bool {
	return len(m.Data) == 0 && m.Header.Get("Status") == "503"
}

// mostWaiting is how much of replies waits for an inbox. What is asked for at a
// time is a fifth of it.
const mostWaiting = 128 << 20

// mostReplies is how many of them wait: each takes memory however short it is.
const mostReplies = 100_000

// Inbox gets the replies to requests that have many.
type Inbox struct {
	c       *Client
	sub     *nats.Subscription
	subject string
}

// Listen hands over the replies to what is asked through the inbox, each with the
// tag of its request, one after the other, until the inbox is closed. Replies
// wait in memory as they came; with more than are kept the connection ends.
func (c *Client) Listen(handle func(tag int, m *nats.Msg)) (*Inbox, error) {
	in := &Inbox{c: c, subject: c.nc.NewInbox()}
	var err error
	in.sub, err = c.nc.Subscribe(in.subject+".*", func(m *nats.Msg) {
		if tag, err := strconv.Atoi(m.Subject[strings.LastIndexByte(m.Subject, '.')+1:]); err == nil {
			handle(tag, m)
		}
	})
	if err != nil {
		return nil, c.wrap("subscribing for replies", err)
	}
	if err := in.sub.SetPendingLimits(mostReplies, mostWaiting); err != nil {
		in.Close()
		return nil, c.wrap("subscribing for replies", err)
	}
	return in, nil
}

// Watch hands over what servers publish on a subject, one message after the other,
// until it is closed. More than is read is dropped.
func (c *Client) Watch(subject string, handle func(m *nats.Msg)) (stop func(), err error) {
	sub, err := c.nc.Subscribe(subject, handle)
	if err != nil {
		return nil, c.wrap("subscribing to "+subject, err)
	}
	return func() { _ = sub.Unsubscribe() }, nil // fails only where the connection is gone
}

// Owns reports whether replies come to this subject.
func (in *Inbox) Owns(subject string) bool { return strings.HasPrefix(subject, in.subject+".") }

// Ask publishes a request, and does not wait.
func (in *Inbox) Ask(tag int, subject string, body any, compressed bool) error {
	m := message(subject, in.subject+"."+strconv.Itoa(tag), body, compressed)
	in.c.Trace(">>> %s %s", subject, m.Data)
	if err := in.c.nc.PublishMsg(m); err != nil {
		return in.c.wrap("asking "+subject, err)
	}
	return nil
}

// Close ends listening.
func (in *Inbox) Close() { _ = in.sub.Unsubscribe() } // fails only where the connection is gone
