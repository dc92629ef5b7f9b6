package report

import (
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"slices"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/checks/cause"
	"github.com/nats-balance/nats-balance/internal/words"
)

// PastImpact is what an earlier document, or a recorder, says was on a server.
type PastImpact struct {
	Time            time.Time
	Recorded        checks.MissingKind // how watch saw it go; empty: it is of a baseline
	Lacked          []string           // who was missing then, by that record; see [checks.Places]
	Server, Cluster string
	Connections     int
	Accounts        []PastAccount
	// Servers are those that the document has, those included that did not report.
	Servers []PastServer
	// FindingsOnly is that the document names no other accounts.
	FindingsOnly bool

	ids []string // of the servers that reported then
}

// Knows reports whether the document has a server by its id, which another deployment
// does not have.
func (p *PastImpact) Knows(id string) bool { return slices.Contains(p.ids, id) }

// Earlier is what the document says of who was there; nil where it is none.
func (p *PastImpact) Earlier() *Past {
	if p == nil || len(p.Servers) == 0 {
		return nil
	}
	return &Past{Time: p.Time, Servers: p.Servers}
}

// PastAccount is an account that was on the server. InCluster is what all servers of
// the cluster had of it, and Held each of them, by name; nil where that is not known. Came
// is how many connections more these had, which may have been on the server before.
type PastAccount struct {
	ID, Name  string
	OnServer  int
	InCluster int
	Came      int
	Unseen    bool // who came, and what these had before: all that they have may have come
	Held      map[string]int
	// OtherClusters are what other clusters had of it; nil where that is not known.
	OtherClusters map[string]int
	// Services are those that it had there, by name, the largest there first; nil where
	// nobody knows which they were.
	Services []PastService
}

// PastService is a service that was on the server, and Held what each server of the
// cluster had of it, by name; nil where that is not known.
type PastService struct {
	Name     string
	OnServer int
	Held     map[string]int
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
	err := json.UnmarshalDecode(e.Decoder, &doc, json.WithUnmarshalers(json.JoinUnmarshalers(counted[pastServer](e), counted[pastCluster](e), counted[pastMember](e), counted[pastMissing](e),
		counted[pastAccount](e), counted[pastService](e), counted[pastShare](e), counted[pastCount](e))))
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
			out := &PastImpact{Time: doc.Time, Server: words.Harmless(s.Server.Name), Cluster: words.Harmless(s.Cluster), Connections: s.Connections, Servers: doc.members(), ids: doc.ids()}
			for _, a := range s.Accounts {
				if !possible(a.OnServer) || slices.ContainsFunc(a.Services, func(s pastService) bool { return !possible(s.OnServer) }) {
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
				out := &PastImpact{Time: doc.Time, Server: words.Harmless(s.Server.Name), Cluster: words.Harmless(c.Name), Servers: doc.members(), FindingsOnly: true, ids: doc.ids()}
				if s.Connections != nil {
					out.Connections = *s.Connections
				}
				if !possible(out.Connections) {
					return nil, errImpossible
				}
				for _, f := range doc.Findings {
					f.countOn(s.Server.Name)
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
	Coverage struct {
		Missing []pastMissing `json:"missing"`
	} `json:"coverage"`
}

// members are the servers that the document has, each once, but those of which it has
// only the address, or not the cluster.
func (doc *pastDocument) members() (out []PastServer) {
	seen := map[PastServer]bool{}
	add := func(s pastRef, cluster, called string, reported bool) {
		host, _, err := net.SplitHostPort(s.Name)
		address := err == nil && host == s.Host && !reported
		p := PastServer{Name: s.Name, Cluster: cluster, Reported: called, Unnamed: s.Name == s.ID}
		if s.Name == "" || address || seen[p] || len(out) >= mostPastServers {
			return
		}
		seen[p] = true
		p.Host = s.Host
		out = append(out, p)
	}
	for _, c := range doc.Clusters {
		for _, s := range c.Servers {
			add(s.Server, c.Name, c.Reported, s.Connections != nil)
		}
	}
	if doc.Type != ImpactType {
		return out
	}
	for _, s := range doc.Servers {
		add(s.Server, s.Cluster, s.Reported, true)
		for _, x := range s.Survivors {
			add(x.Server, s.Cluster, s.Reported, true)
		}
	}
	for _, m := range doc.Coverage.Missing {
		if m.Cluster != nil {
			add(m.Server, *m.Cluster, "", false)
		}
	}
	return out
}

// ids are those of the servers that reported then.
func (doc *pastDocument) ids() (out []string) {
	add := func(s pastRef) {
		if s.ID != "" && len(out) < mostPastServers {
			out = append(out, s.ID)
		}
	}
	for _, c := range doc.Clusters {
		for _, s := range c.Servers {
			if s.Connections != nil {
				add(s.Server)
			}
		}
	}
	for _, s := range doc.Servers {
		add(s.Server)
		for _, x := range s.Survivors {
			add(x.Server)
		}
	}
	return out
}

// pastMissing is a server that did not report then.
type pastMissing struct {
	Server  pastRef `json:"server"`
	Cluster *string `json:"cluster"`
}

type pastCluster struct {
	Name     string       `json:"name"`
	Reported string       `json:"reported_name"`
	Servers  []pastMember `json:"servers"`
}

type pastMember struct {
	Server      pastRef `json:"server"`
	Connections *int    `json:"connections"`
}

type pastServer struct {
	Server      pastRef       `json:"server"`
	Cluster     string        `json:"cluster"`
	Reported    string        `json:"reported_cluster"`
	Connections int           `json:"connections"`
	Survivors   []pastMember  `json:"survivors"`
	Accounts    []pastAccount `json:"accounts"`
}

type pastRef struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	Host string `json:"host"`
}

// pastAccount is an account on a server, or a finding.
type pastAccount struct {
	Account      Account     `json:"account"`
	Cluster      string      `json:"cluster"`
	OnServer     int         `json:"on_server"`
	Distribution []pastShare `json:"distribution"`
	// OtherClusters is null where the document does not say.
	OtherClusters []pastCount   `json:"other_clusters"`
	Services      []pastService `json:"services"`
}

type pastCount struct {
	Cluster     string `json:"cluster"`
	Connections int    `json:"connections"`
}

type pastShare struct {
	Server      pastRef `json:"server"`
	Connections *int    `json:"connections"`
}

// countOn counts what a server has of the services of a finding.
func (a *pastAccount) countOn(server string) {
	for i := range a.Services {
		for _, c := range a.Services[i].Counts {
			if c.Server.Name == server && c.Connections != nil && possible(*c.Connections) {
				a.Services[i].OnServer += *c.Connections
			}
		}
	}
}

// pastService is one of the server, or of a finding. Name is null in a document of an
// audit where it is the sum of others, Counts in one of impact where these are not known.
type pastService struct {
	Name     *string     `json:"name"`
	User     string      `json:"user"`
	Language string      `json:"language"`
	OnServer int         `json:"on_server"`
	Counts   []pastShare `json:"counts"`
}

// called is its name, as a document of impact has it.
func (s *pastService) called() string {
	x := checks.Service{User: s.User, Language: s.Language, Remainder: s.Name == nil}
	if s.Name != nil {
		x.Stem = *s.Name
	}
	return words.Harmless(cause.ServiceName(x))
}

// held is what servers had of it, by name; nil where that is not known of all.
func (s *pastService) held() map[string]int {
	if s.Counts == nil || s.Name == nil {
		return nil
	}
	out := map[string]int{}
	for _, c := range s.Counts {
		if c.Connections == nil || !possible(*c.Connections) {
			return nil
		}
		out[words.Harmless(c.Server.Name)] += *c.Connections
	}
	return out
}

// pastServices are those that were on the server, each name once.
func pastServices(all []pastService) []PastService {
	var out []PastService
	at := map[string]int{}
	for i := range all {
		s := &all[i]
		if s.OnServer <= 0 || s.Name != nil && *s.Name == "" && s.User == "" && s.Language == "" && s.Counts == nil {
			continue // nobody knows which they are
		}
		name, held := s.called(), s.held()
		k, known := at[name]
		if !known {
			at[name] = len(out)
			out = append(out, PastService{Name: name, OnServer: s.OnServer, Held: held})
			continue
		}
		x := &out[k]
		x.OnServer += s.OnServer
		if held == nil || x.Held == nil {
			x.Held = nil
			continue
		}
		for server, n := range held {
			x.Held[server] += n
		}
	}
	slices.SortStableFunc(out, func(a, b PastService) int { return b.OnServer - a.OnServer })
	return out
}

func (a pastAccount) past(on int) PastAccount {
	out := PastAccount{ID: words.Harmless(a.Account.ID), Name: words.Harmless(a.Account.Name), OnServer: max(0, on), Held: map[string]int{}, Services: pastServices(a.Services)}
	if a.OtherClusters != nil {
		out.OtherClusters = map[string]int{}
	}
	for _, c := range a.OtherClusters {
		out.OtherClusters[words.Harmless(c.Cluster)] += min(max(0, c.Connections), math.MaxInt32)
	}
	for _, s := range a.Distribution {
		if s.Connections != nil {
			n := max(0, *s.Connections)
			out.Held[words.Harmless(s.Server.Name)], out.InCluster = n, out.InCluster+n
		}
	}
	return out
}
