package serve

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/nats-balance/nats-balance/internal/record"
	"github.com/nats-balance/nats-balance/internal/record/history"
)

// State is what is shown.
type State struct {
	record.Snapshot
	Connected bool // the servers' events come in
	Leader    bool // this watch records
	Store     history.State
}

// Options are what to show, and to whom.
type Options struct {
	// State is what a watch sees now, with so many accounts at most. It is called
	// once a second at most.
	State func(most int) State
	// Account is how an account, by id or name, is spread over every cluster.
	Account func(account string) []*record.Spread
	// History, if set, is what was recorded of late. It is called for everybody who
	// asks: see [Shared].
	History func(context.Context) (history.History, error)
	// Timeline, if set, is what was recorded of one account, by its id, and of servers
	// since then.
	Timeline func(ctx context.Context, id string, since time.Time) (history.Reading, error)
	// Stale is how old the last full report may be for the watch to be well.
	Stale time.Duration
	// User and Password, if set, are asked for, but not for whether the watch is
	// well.
	User, Password string
	// TLS, if set, is for the listener. With client authorities it wants a
	// certificate of them, but not for whether the watch is well.
	TLS *tls.Config
	// Version of this build.
	Version string
}

const (
	// mostShown is how many accounts have series and a row of their own.
	mostShown = 100
	// shownFor is how long a state is shown before it is asked for again.
	shownFor = time.Second
)

// Server shows what a watch sees.
type Server struct {
	o         Options
	listener  net.Listener
	loopback  bool
	timelines *timelines
	followers atomic.Int32 // pages that are told of changes

	mu      sync.Mutex
	state   State
	stateAt time.Time
}

// Listen listens at an address. One without a host, such as :9222, is on loopback.
func Listen(address string, o Options) (*Server, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("%s is not an address to listen at: pass HOST:PORT, or :PORT for this machine alone", address)
	}
	if host == "" {
		host = "127.0.0.1"
	}
	l, err := net.Listen("tcp", net.JoinHostPort(host, port)) //nolint:noctx // it does not wait
	if err != nil {
		return nil, fmt.Errorf("can't listen at %s: %w", address, err)
	}
	s := &Server{o: o, listener: l, timelines: newTimelines()}
	if tcp, ok := l.Addr().(*net.TCPAddr); ok {
		s.loopback = tcp.IP.IsLoopback()
	}
	if o.TLS != nil {
		config := o.TLS.Clone()
		if config.ClientCAs != nil {
			config.ClientAuth = tls.VerifyClientCertIfGiven
		}
		s.listener = tls.NewListener(l, config)
	}
	return s, nil
}

// URL is where the server listens.
func (s *Server) URL() string {
	scheme := "http"
	if s.o.TLS != nil {
		scheme = "https"
	}
	return scheme + "://" + s.listener.Addr().String()
}

// Run serves until the context ends.
func (s *Server) Run(ctx context.Context) error {
	srv := &http.Server{Handler: s.handler(), ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 30 * time.Second, MaxHeaderBytes: 16 << 10,
		ErrorLog: log.New(io.Discard, "", 0)} // that somebody's handshake failed is nothing to say
	defer context.AfterFunc(ctx, func() { _ = srv.Close() })()
	if err := srv.Serve(s.listener); ctx.Err() == nil && !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func (s *Server) handler() http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(newCollector(s.now))
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", s.guarded(promhttp.HandlerFor(registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4, Timeout: 20 * time.Second})))
	mux.Handle("GET /{$}", s.guarded(http.HandlerFunc(s.page)))
	mux.Handle("GET /account", s.guarded(http.HandlerFunc(s.timeline)))
	mux.Handle("GET /events", s.guarded(http.HandlerFunc(s.follow)))
	mux.Handle("GET /page.js", s.guarded(http.HandlerFunc(script)))
	mux.Handle("GET /style.css", s.guarded(http.HandlerFunc(style)))
	mux.HandleFunc("GET /healthz", s.health)
	return mux
}

// guarded lets those through that may see what is shown.
func (s *Server) guarded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-store")
		certified := s.o.TLS != nil && s.o.TLS.ClientCAs != nil
		switch {
		case certified && (r.TLS == nil || len(r.TLS.VerifiedChains) == 0):
			http.Error(w, "a client certificate is needed", http.StatusForbidden)
			return
		case s.o.User != "" && !s.knows(r):
			h.Set("WWW-Authenticate", `Basic realm="nats-balance", charset="UTF-8"`)
			http.Error(w, "a user and a password are needed", http.StatusUnauthorized)
			return
		case !certified && s.o.User == "" && s.loopback && !isLocal(r.Host):
			// A page of elsewhere whose name was made to lead here must not read it.
			http.Error(w, "this address is for this machine alone: ask for it as localhost", http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (s *Server) knows(r *http.Request) bool {
	user, password, _ := r.BasicAuth()
	same := func(a, b string) int {
		x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
		return subtle.ConstantTimeCompare(x[:], y[:])
	}
	return same(user, s.o.User)&same(password, s.o.Password) == 1
}

func isLocal(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	ip := net.ParseIP(strings.Trim(host, "[]"))
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// now is what the watch sees, at most a second old.
func (s *Server) now() State {
	s.mu.Lock()
	defer s.mu.Unlock()
	if time.Since(s.stateAt) >= shownFor {
		s.state, s.stateAt = s.o.State(mostShown), time.Now()
	}
	return s.state
}

// recorded is what was recorded of late.
func (s *Server) recorded(ctx context.Context) (history.History, error) {
	if s.o.History == nil {
		return history.History{}, nil
	}
	return s.o.History(ctx)
}

// health says whether the watch is well: its events come in, and the last full
// report is not too old.
func (s *Server) health(w http.ResponseWriter, _ *http.Request) {
	state := s.now()
	why := ""
	switch {
	case !state.Connected:
		why = "not connected"
	case state.Reconciled.IsZero():
		why = "no full report yet"
	case time.Since(state.Reconciled) > s.o.Stale:
		why = "the last full report is too old"
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	if why != "" {
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = fmt.Fprintln(w, why) // whoever asked is gone
		return
	}
	text := "ok" // whoever asks for metrics, or for the page, is to get there in an outage
	if servers := silent(state.Missing); servers != "" {
		text += ", but " + servers
	}
	_, _ = fmt.Fprintln(w, text)
}

func (s *Server) page(w http.ResponseWriter, r *http.Request) {
	past, err := s.recorded(r.Context())
	var b bytes.Buffer
	if err := render(&b, s.now(), past, err, s.o); err != nil {
		http.Error(w, "a bug of nats-balance: the page can't be made", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = w.Write(b.Bytes()) // whoever asked is gone
}
