package serve

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"

	"github.com/nats-balance/nats-balance/internal/record"
	"github.com/nats-balance/nats-balance/internal/record/history"
)

// The service's name, and the subjects of its requests and events.
const (
	ServiceName = "nats-balance"
	// EventSubjects are where crossings, findings and returns are published: the
	// change is the last token.
	EventSubjects = "nats-balance.event."
)

// answer is what the service answers: type nats-balance.v1.watch.
type answer struct {
	Type       string            `json:"type"`
	Time       time.Time         `json:"time"`
	Connected  bool              `json:"connected"`
	Reconciled *time.Time        `json:"reconciled"`
	Count      int               `json:"count"` // of findings, of which the first 100 are here
	Findings   []record.Document `json:"findings"`
	Spreads    []spreadAnswer    `json:"spreads"`
}

// spreadAnswer is how the account that was asked for is spread over a cluster.
type spreadAnswer struct {
	Cluster string                 `json:"cluster"`
	Account record.DocumentAccount `json:"account"`
	Spread  *record.DocumentSpread `json:"spread"`
}

// Service answers requests about what a watch sees, as a NATS micro service.
type Service struct {
	nc  *nats.Conn
	svc micro.Service
}

// AddTo adds the service to a connection. Of several watches each answers some of
// the requests, which end with the context.
func AddTo(ctx context.Context, nc *nats.Conn, o Options, version string) (*Service, error) {
	svc, err := micro.AddService(nc, micro.Config{Name: ServiceName, Version: version, Description: "Accounts whose client connections are mostly on one server"})
	if err != nil {
		return nil, err
	}
	requests := svc.AddGroup(ServiceName)
	for name, handle := range map[string]micro.HandlerFunc{
		"findings": func(r micro.Request) { reply(r, answerOf(o.State(0), nil)) },
		"account": func(r micro.Request) {
			account := strings.TrimSpace(string(r.Data()))
			if account == "" {
				_ = r.Error("400", "send the id or the name of an account", nil) // whoever asked is gone
				return
			}
			s := o.State(0)
			s.Over = slices.DeleteFunc(s.Over, func(c record.Change) bool { return !c.Spread.Account.Is(account) })
			reply(r, answerOf(s, o.Account(account)))
		},
		"history": func(r micro.Request) {
			if o.History == nil {
				_ = r.Error("404", "nothing is recorded", nil) // as above
				return
			}
			past, err := o.History(ctx)
			if err != nil {
				_ = r.Error("503", "the store is away", nil) // as above
				return
			}
			account := strings.TrimSpace(string(r.Data()))
			doc := history.DocumentOf(past, account, time.Now())
			if len(doc.Episodes) > mostAnswered {
				doc.Episodes, doc.Cut = doc.Episodes[:mostAnswered], true
			}
			reply(r, doc)
		},
	} {
		if err := requests.AddEndpoint(name, handle); err != nil {
			_ = svc.Stop() // it is not there yet
			return nil, err
		}
	}
	return &Service{nc, svc}, nil
}

// reply answers. Without an answer whoever asked would wait for one in vain.
func reply(r micro.Request, v any) {
	if r.RespondJSON(v) != nil {
		_ = r.Error("413", "the answer is too long for a message", nil) // or whoever asked is gone
	}
}

// IsEvent reports whether a change of a kind is published: crossings, findings and returns are.
func IsEvent(k record.Kind) bool { return k == record.Crossed || k == record.Held || k == record.Back }

// Publish publishes those changes that are events, see [IsEvent].
func (s *Service) Publish(changes []record.Change) {
	for _, c := range changes {
		if !IsEvent(c.Kind) {
			continue
		}
		if data, err := json.Marshal(record.DocumentOf(c).Harmless()); err == nil {
			_ = s.nc.Publish(EventSubjects+string(c.Kind), data) // who is not there does not hear it
		}
	}
}

// Stop ends the service.
func (s *Service) Stop() { _ = s.svc.Stop() }

// mostAnswered is how many findings, clusters and episodes of a history an answer has:
// it is one message.
const mostAnswered = 100

func answerOf(s State, spreads []*record.Spread) answer {
	a := answer{Type: "nats-balance.v1.watch", Time: s.Time.UTC(), Connected: s.Connected, Count: len(s.Over), Findings: []record.Document{}, Spreads: []spreadAnswer{}}
	if !s.Reconciled.IsZero() {
		t := s.Reconciled.UTC()
		a.Reconciled = &t
	}
	for _, c := range s.Over[:min(len(s.Over), mostAnswered)] {
		a.Findings = append(a.Findings, record.DocumentOf(c).Harmless())
	}
	for _, x := range spreads[:min(len(spreads), mostAnswered)] {
		d := record.DocumentOf(record.Change{Spread: x, Cluster: x.Cluster}).Harmless()
		a.Spreads = append(a.Spreads, spreadAnswer{*d.Cluster, *d.Account, d.Spread})
	}
	return a
}
