package report

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"time"

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
	limited := &io.LimitedReader{R: r, N: largestBaseline + 1}
	var doc struct {
		Type    string    `json:"type"`
		Time    time.Time `json:"time"`
		Servers []struct {
			Server      ServerRef     `json:"server"`
			Cluster     string        `json:"cluster"`
			Connections int           `json:"connections"`
			Accounts    []pastAccount `json:"accounts"`
		} `json:"servers"`
		Clusters []struct {
			Name    string `json:"name"`
			Servers []struct {
				Server      ServerRef `json:"server"`
				Connections *int      `json:"connections"`
			} `json:"servers"`
		} `json:"clusters"`
		Findings []struct {
			pastAccount
			Cluster string `json:"cluster"`
		} `json:"findings"`
	}
	d := json.NewDecoder(limited)
	err := d.Decode(&doc)
	if err == nil {
		if _, more := d.Token(); !errors.Is(more, io.EOF) {
			err = errors.New("something follows the document")
		}
	}
	switch {
	case limited.N <= 0:
		return nil, errLargeDocument
	case err != nil:
		return nil, errors.New("it is not a document of impact, or cut short: pass what impact --json wrote")
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

var errImpossible = errors.New("it has a count of connections that no server can have: pass what impact --json wrote")

// possible reports whether a server can have so many connections.
func possible(n int) bool { return n >= 0 && n <= math.MaxInt32 }

// AbsentServerError is that a document has no server of a name.
type AbsentServerError struct{ server string }

func (e *AbsentServerError) Error() string {
	return fmt.Sprintf("it has no server %q: pass what impact %s --json wrote while the server was there", e.server, e.server)
}

// pastAccount is an account of either document.
type pastAccount struct {
	Account      Account `json:"account"`
	OnServer     int     `json:"on_server"`
	Distribution []Share `json:"distribution"`
	Services     []struct {
		Name string `json:"name"`
	} `json:"services"`
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
