package cli

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/internal/record"
	"github.com/nats-balance/nats-balance/internal/record/serve"
	"github.com/nats-balance/nats-balance/internal/words"
)

// service is the micro service in the account of a context. It is added again where its
// connection was closed for good, with the credentials that the context has then.
type service struct {
	add   func(context.Context) (*serve.Service, *nats.Conn, error)
	trace func(format string, args ...any)

	mu  sync.Mutex
	svc *serve.Service
	nc  *nats.Conn
}

// service adds the micro service where that is asked for; nil where it is not.
func (a *watch) service(ctx context.Context, shown serve.Options) (*service, error) {
	if a.listen.service == "" {
		return nil, nil
	}
	s := &service{trace: a.host.tracef, add: func(ctx context.Context) (*serve.Service, *nats.Conn, error) {
		nc, err := contextSettings("service", a.listen.service, a.host).Connect(ctx, a.host.tracef)
		if err != nil {
			return nil, nil, err
		}
		svc, err := serve.AddTo(ctx, nc, shown, serviceVersion())
		if err != nil {
			nc.Close()
		}
		return svc, nc, err
	}}
	var err error
	if s.svc, s.nc, err = s.add(ctx); err != nil {
		return nil, fmt.Errorf("--service %s: %w", words.Harmless(a.listen.service), err)
	}
	return s, nil
}

// addAgainAtFirst and addAgainAtLast are how long to wait before the service is added
// again that could not be.
const addAgainAtFirst, addAgainAtLast = time.Second, 30 * time.Second

// Run adds the service again where its connection was closed, until the context ends.
func (s *service) Run(ctx context.Context) {
	pause := addAgainAtFirst
	for {
		s.mu.Lock()
		closed := s.nc.StatusChanged(nats.CLOSED)
		ended := s.nc.IsClosed()
		s.mu.Unlock()
		if !ended {
			select {
			case <-ctx.Done():
				return
			case <-closed:
			}
			pause = addAgainAtFirst
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
		pause = min(2*pause, addAgainAtLast)
		svc, nc, err := s.add(ctx)
		if err != nil {
			s.trace("!!! the micro service can't be added again: %v", err)
			continue
		}
		s.mu.Lock()
		s.svc, s.nc = svc, nc
		s.mu.Unlock()
	}
}

// Publish publishes the crossings, findings and returns among changes.
func (s *service) Publish(changes []record.Change) {
	s.mu.Lock()
	svc := s.svc
	s.mu.Unlock()
	svc.Publish(changes)
}

// Stop ends the service.
func (s *service) Stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.svc.Stop()
	s.nc.Close()
}

// serviceVersion is the version as micro services have it: a semantic one.
func serviceVersion() string {
	v := strings.TrimPrefix(Version(), "v")
	if regexp.MustCompile(`^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?$`).MatchString(v) {
		return v
	}
	return "0.0.0-development"
}
