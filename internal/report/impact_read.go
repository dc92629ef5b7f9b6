package report

import (
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/words"
)

// PastImpact is what an earlier document, or a recorder, says was on a server.
type PastImpact struct {
	Time            time.Time
	Recorded        checks.MissingKind // how watch saw it go; empty: it is of a baseline
	Server, Cluster string
	Connections     int
	Accounts        []PastAccount
}

// PastAccount is an account that was on the server. InCluster is what all servers of
// the cluster had of it, and Held each of them, by name; nil where that is not known.
type PastAccount struct {
	ID, Name  string
	OnServer  int
	InCluster int
	Held      map[string]int
	Services  []string
}

// ReadImpact reads what an earlier document of impact, or of an audit, says of a
// server, by name or id; of an audit that is its findings only. An error says what
// to pass.
func ReadImpact(r io.Reader, server string) (*PastImpact, error) {
	return readImpact(r, server, mostRead)
}

func readImpact(r io.Reader, server string, values int) (*PastImpact, error) {
	var doc pastDocument
	e := newEarlier(r, largestBaseline, values)
	err := json.UnmarshalDecode(e.Decoder, &doc, json.WithUnmarshalers(json.JoinUnmarshalers(counted[pastServer](e), counted[pastCluster](e), counted[pastMember](e),
		counted[pastAccount](e), counted[pastService](e), counted[pastShare](e))))
	if err == nil {
		if _, more := e.ReadToken(); !errors.Is(more, io.EOF) {
			err = errNoImpact
		}
	}
	if err != nil {
		return nil, e.why(errNoImpact)
	}
	if y := doc.Time.UTC().Year(); y < 1 || y > 9999 {
		doc.Time = time.Time{}
	}
	switch doc.Type {
	case ImpactType:
		for _, s := range doc.Servers {
			if s.Server.Name != server && s.Server.ID != server {
				continue
			}
			out := &PastImpact{Time: doc.Time, Server: words.Harmless(s.Server.Name), Cluster: words.Harmless(s.Cluster), Connections: s.Connections}
			for _, a := range s.Accounts {
				if !possible(a.OnServer) {
					return nil, errImpossible
				}
				out.Accounts = append(out.Accounts, a.past(a.OnServer))
			}
			if !possible(s.Connections) {
				return nil, errImpossible
			}
			return out, nil
		}
	case Type:
		for _, c := range doc.Clusters {
			for _, s := range c.Servers {
				if s.Server.Name != server && s.Server.ID != server {
					continue
				}
				out := &PastImpact{Time: doc.Time, Server: words.Harmless(s.Server.Name), Cluster: words.Harmless(c.Name)}
				if s.Connections != nil {
					out.Connections = *s.Connections
				}
				if !possible(out.Connections) {
					return nil, errImpossible
				}
				for _, f := range doc.Findings {
					f.only(s.Server.Name)
					past := f.past(0)
					if past.OnServer = past.Held[out.Server]; f.Cluster == c.Name && past.OnServer > 0 {
						out.Accounts = append(out.Accounts, past)
					}
				}
				return out, nil
			}
		}
	default:
		return nil, fmt.Errorf("it is of type %q: pass a document of type %s, which impact --json writes, or of %s", words.Harmless(doc.Type), ImpactType, Type)
	}
	return nil, &AbsentServerError{words.Harmless(server)}
}

var errNoImpact = errors.New("it is not a document of impact, or cut short: pass what impact --json wrote")

var errImpossible = errors.New("it has a count of connections that no server can have: pass what impact --json wrote")

// possible reports whether a server can have so many connections.
func possible(n int) bool { return n >= 0 && n <= math.MaxInt32 }

// AbsentServerError is that a document has no server of a name.
type AbsentServerError struct{ server string }

func (e *AbsentServerError) Error() string {
	return fmt.Sprintf("it has no server %q: pass what impact %s --json wrote while the server was there", e.server, e.server)
}

// pastDocument is what is read of either document: of impact its servers, of an audit
// its clusters and findings.
type pastDocument struct {
	Type     string        `json:"type"`
	Time     time.Time     `json:"time"`
	Servers  []pastServer  `json:"servers"`
	Clusters []pastCluster `json:"clusters"`
	Findings []pastAccount `json:"findings"`
}

type pastCluster struct {
	Name    string       `json:"name"`
	Servers []pastMember `json:"servers"`
}

type pastMember struct {
	Server      pastRef `json:"server"`
	Connections *int    `json:"connections"`
}

type pastServer struct {
	Server      pastRef       `json:"server"`
	Cluster     string        `json:"cluster"`
	Connections int           `json:"connections"`
	Accounts    []pastAccount `json:"accounts"`
}

type pastRef struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// pastAccount is an account on a server, or a finding.
type pastAccount struct {
	Account      Account       `json:"account"`
	Cluster      string        `json:"cluster"`
	OnServer     int           `json:"on_server"`
	Distribution []pastShare   `json:"distribution"`
	Services     []pastService `json:"services"`
}

type pastShare struct {
	Server      pastRef `json:"server"`
	Connections *int    `json:"connections"`
}

// pastService is one of the server, or of a finding, which says where it is.
type pastService struct {
	Name   string      `json:"name"`
	Counts []pastShare `json:"counts"`
}

// only keeps the services that the server has connections of.
func (a *pastAccount) only(server string) {
	a.Services = slices.DeleteFunc(a.Services, func(s pastService) bool {
		return !slices.ContainsFunc(s.Counts, func(c pastShare) bool { return c.Server.Name == server && c.Connections != nil && *c.Connections > 0 })
	})
}

func (a pastAccount) past(on int) PastAccount {
	out := PastAccount{ID: words.Harmless(a.Account.ID), Name: words.Harmless(a.Account.Name), OnServer: max(0, on), Held: map[string]int{}}
	for _, s := range a.Distribution {
		if s.Connections != nil {
			n := max(0, *s.Connections)
			out.Held[words.Harmless(s.Server.Name)], out.InCluster = n, out.InCluster+n
		}
	}
	for _, s := range a.Services {
		if s.Name != "" {
			out.Services = append(out.Services, words.Harmless(s.Name))
		}
	}
	return out
}

// Since compares what was on the server with what the others have now, by the name
// of the server and the id of the account.
func (p *PastImpact) Since(now func(account string) map[string]int) *ServerGone {
	out := &ServerGone{Server: p.Server, Cluster: p.Cluster, Time: p.Time, Connections: p.Connections}
	if p.Recorded != "" {
		how := string(p.Recorded)
		out.Recorded = &how
	}
	for _, a := range p.Accounts {
		row := AccountGone{Account: Account{ID: a.ID, Name: a.Name}, OnServer: a.OnServer, Services: a.Services}
		has := 0
		for server, n := range now(a.ID) {
			has += n
			if more := n - a.Held[server]; a.Held != nil && more > 0 && server != p.Server {
				row.On = append(row.On, Gained{Server: server, More: more})
			}
		}
		row.Missing = min(a.OnServer, max(0, a.InCluster-has))
		row.Back = a.OnServer - row.Missing
		sortGained(row.On)
		out.Accounts = append(out.Accounts, row)
		out.Back, out.Missing = out.Back+row.Back, out.Missing+row.Missing
	}
	return out
}
