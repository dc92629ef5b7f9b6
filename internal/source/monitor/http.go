package monitor

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-balance/nats-balance/internal/source/profile"
)

const (
	// longestPage is the size in bytes, without its content encoding, from which
	// on a page of a monitoring port is not read: 150,000 accounts of a server.
	longestPage = 64 << 20
	// monitoredTogether is how many monitoring ports are asked at once.
	monitoredTogether = 32
	// mostRedirects of a page are followed, all of them on its own host.
	mostRedirects = 5
)

// target is a monitoring port.
type target struct {
	base           *url.URL // without credentials, query and last slash
	user, password string
	withUser       bool
	given          string // as it was given, without credentials
}

func newTarget(u *url.URL) *target {
	t := &target{base: &url.URL{Scheme: strings.ToLower(u.Scheme), Host: u.Host, Path: strings.TrimRight(u.Path, "/")}}
	given := *u
	given.User = nil
	t.given = given.String()
	if u.User != nil {
		t.user, t.withUser = u.User.Username(), true
		t.password, _ = u.User.Password()
	}
	return t
}

// String is its URL without credentials.
func (t *target) String() string { return t.base.String() }

// newClient makes a client that uses proxies as the environment says.
func newClient(config *tls.Config) *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			Proxy: func(r *http.Request) (*url.URL, error) {
				u, err := http.ProxyFromEnvironment(r)
				if err != nil { // it quotes the proxy's URL, which may have a password
					return nil, errors.New("the environment names a proxy that is not a URL")
				}
				return u, nil
			},
			DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
				conn, err := new(net.Dialer).DialContext(ctx, network, address)
				if err != nil {
					return nil, err
				}
				return &politeConn{Conn: conn, spoke: make(chan struct{})}, nil
			},
			TLSClientConfig: config, ForceAttemptHTTP2: true,
			MaxResponseHeaderBytes: 64 << 10, MaxIdleConnsPerHost: profile.Together, IdleConnTimeout: 10 * time.Second,
		},
		CheckRedirect: func(r *http.Request, via []*http.Request) error {
			first := via[0].URL
			switch {
			case via[0].Header.Get("Authorization") != "" && (r.URL.Scheme != first.Scheme || r.URL.Host != first.Host):
				return errElsewhereHTTP // which net/http would tell the password
			case r.URL.Hostname() != first.Hostname() || r.URL.Scheme != first.Scheme && r.URL.Scheme != "https":
				return errElsewhereHTTP
			case len(via) > mostRedirects:
				return errors.New("it redirects again and again")
			}
			return nil
		},
	}
}

var errElsewhereHTTP = errors.New("it redirects to another host or port, which is not followed: pass the URL of the monitoring port itself")

// politeConn is not read before something was written. A NATS listener speaks
// first, which net/http would write to the standard logger.
type politeConn struct {
	net.Conn
	once  sync.Once
	spoke chan struct{}
}

func (c *politeConn) Read(p []byte) (int, error) {
	<-c.spoke
	return c.Conn.Read(p)
}

func (c *politeConn) Write(p []byte) (int, error) {
	c.once.Do(func() { close(c.spoke) })
	return c.Conn.Write(p)
}

func (c *politeConn) Close() error {
	err := c.Conn.Close()
	c.once.Do(func() { close(c.spoke) })
	return err
}

// statusError is an answer other than 200 OK.
type statusError struct {
	code int
	text string // the beginning of its body
}

func (e *statusError) Error() string {
	text := fmt.Sprintf("it answered %d %s", e.code, http.StatusText(e.code))
	switch e.code {
	case http.StatusUnauthorized, http.StatusForbidden:
		text += ": pass the right user and password in the URL, as http://USER:PASSWORD@HOST:PORT"
	case http.StatusBadRequest:
		text += ": pass https:// if it is one for TLS"
	case http.StatusNotFound:
		text += ": pass the http_base_path of the server, if it has one, in the URL"
	}
	return text
}

// errWebPage is what something else than a server sent.
var errWebPage = errors.New("it answered with a web page rather than JSON: pass the URL of the monitoring port of a nats-server")

// page is a page that is being read.
type page struct {
	body        io.Reader
	asked, came time.Time // when the request was on its way, and the answer's beginning there
}

// get asks for a page of a monitoring port and has it read. The error is a
// clause about the server, without credentials. It ends with the context.
func (m *Source) get(ctx context.Context, t *target, path string, query url.Values, read func(page) error) error {
	u := *t.base
	u.Path += path
	u.RawQuery = query.Encode()
	var asked atomic.Int64 // nanoseconds since began
	began := time.Now()
	r, err := http.NewRequestWithContext(httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		// Without the time that connecting takes, the clock is told better.
		GotConn: func(httptrace.GotConnInfo) { asked.Store(int64(time.Since(began))) },
	}), http.MethodGet, u.String(), nil)
	if err != nil {
		return errors.New("it can't be asked")
	}
	if t.withUser {
		r.SetBasicAuth(t.user, t.password)
	}
	m.trace(">>> GET %s", u.String())
	response, err := m.client.Do(r)
	if err != nil {
		err = m.explain(ctx, began, err)
		m.trace("<<< %s: %v", u.String(), err)
		return err
	}
	defer func() { _ = response.Body.Close() }() // it was only read
	page := page{asked: began.Add(time.Duration(asked.Load())), came: time.Now()}
	body := &sized{r: response.Body, total: &m.bytes}
	if err = checkPage(response, body); err == nil {
		buffered := bufio.NewReaderSize(body, 64<<10)
		page.body = buffered
		if err = startsAsJSON(buffered); err == nil {
			err = read(page)
		}
	}
	m.trace("<<< %s: %d, %d bytes, %v", u.String(), response.StatusCode, body.read, err)
	if err != nil {
		return m.explain(ctx, began, err)
	}
	return nil
}

// checkPage refuses what is no page of a server.
func checkPage(response *http.Response, body io.Reader) error {
	if response.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(body, 512)) // what there is of it
		return &statusError{response.StatusCode, string(text)}
	}
	// nats-server has application/json; other types pass, as proxies lose them.
	if kind, _, err := mime.ParseMediaType(response.Header.Get("Content-Type")); err == nil && strings.Contains(kind, "html") {
		return errWebPage
	}
	return nil
}

// startsAsJSON looks at the first of a page that is no white space.
func startsAsJSON(body *bufio.Reader) error {
	for {
		next, err := body.Peek(1)
		switch {
		case errors.Is(err, io.EOF):
			return errors.New("it answered with an empty page")
		case err != nil:
			return err
		}
		switch next[0] {
		case ' ', '\t', '\r', '\n':
			_, _ = body.Discard(1) // it is there
		case '<':
			return errWebPage
		default:
			return nil
		}
	}
}

// sized is a body that must not be too long.
type sized struct {
	r     io.Reader
	read  int64
	total *atomic.Int64
}

func (s *sized) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	s.read += int64(n)
	s.total.Add(int64(n))
	if s.read > longestPage {
		return 0, errors.New("it is larger than 64 MiB")
	}
	return n, err
}

// explain says in a clause what kept a page from being read. What net/http adds,
// the URL with its user among it, is left out.
func (m *Source) explain(ctx context.Context, began time.Time, err error) error {
	var status *statusError
	var outer *url.Error
	var network *net.OpError
	var unknown x509.UnknownAuthorityError
	var name x509.HostnameError
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return ctx.Err()
	case errors.As(err, &status), errors.Is(err, errWebPage):
		return err
	case errors.Is(err, context.DeadlineExceeded), ctx.Err() != nil, errors.Is(err, os.ErrDeadlineExceeded):
		return &lateError{time.Since(began)}
	case errors.As(err, &unknown):
		return errors.New("its certificate is of an unknown authority: pass --tlsca FILE with the certificate of that authority")
	case errors.As(err, &name):
		return errors.New("its certificate is for another host name")
	case strings.Contains(err.Error(), "malformed HTTP"):
		return errors.New("it does not speak HTTP: pass the URL of the monitoring port, not of the one for clients")
	case errors.As(err, &network) && network.Op == "proxyconnect":
		return fmt.Errorf("the proxy that the environment names can't be used: %w", network.Err)
	case errors.As(err, &network) && network.Err != nil:
		return network.Err
	case errors.As(err, &outer):
		return outer.Err
	}
	return err
}

// lateError is that a page did not come in time.
type lateError struct{ waited time.Duration }

func (e *lateError) Error() string {
	return "it did not answer within " + e.waited.Round(100*time.Millisecond).String()
}
