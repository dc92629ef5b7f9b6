package report

import (
	"bytes"
	"cmp"
	"encoding/json"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/words"
)

// Summary counts, see [checks.Summary].
type Summary struct {
	Clusters    int     `json:"clusters"`
	Servers     int     `json:"servers"`
	Accounts    int     `json:"accounts"`
	Connections int     `json:"connections"`
	Leafnodes   int     `json:"leafnodes"`
	Evaluated   int     `json:"evaluated"`
	Findings    int     `json:"findings"`
	Review      int     `json:"review"`
	Accepted    int     `json:"accepted"`
	Skipped     Skipped `json:"skipped"`
}

// Skipped counts the pairs that were not evaluated, by reason.
type Skipped struct {
	TooFewConnections int `json:"too_few_connections"`
	TooFewServers     int `json:"too_few_servers"`
	SystemAccount     int `json:"system_account"`
}

// Cluster is what a cluster carries; Name is empty for a server without one.
type Cluster struct {
	Name string `json:"name"`
	// Reported is the name that its servers report: another one where several clusters do.
	Reported    string   `json:"reported_name"`
	Connections int      `json:"connections"`
	Servers     []Server `json:"servers"`
}

// Server is what a server carries; null where it did not report.
type Server struct {
	Server      ServerRef `json:"server"`
	Connections *int      `json:"connections"`
	Accounts    *int      `json:"accounts"`
}

// Account names an account.
type Account struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// ServerRef names a server; what is empty is unknown, and null in JSON.
type ServerRef struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	Host string `json:"host"`
}

// MarshalJSON writes null for what is unknown.
func (s ServerRef) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(struct {
		ID   *string `json:"id"`
		Name *string `json:"name"`
		Host *string `json:"host"`
	}{nonEmpty(s.ID), nonEmpty(s.Name), nonEmpty(s.Host)})
	return b.Bytes(), err
}

// called is the best name there is.
func (s ServerRef) called() string { return cmp.Or(s.Name, s.ID) }

func nonEmpty(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func serverRef(s checks.ServerRef) ServerRef {
	return ServerRef{ID: words.Harmless(s.ID), Name: words.Harmless(s.Name), Host: words.Harmless(s.Host)}
}

func orNull(s string) *string {
	return nonEmpty(words.Harmless(s))
}

func cluster(c checks.ClusterUse, reported string) Cluster {
	out := Cluster{Name: words.Harmless(c.Name), Reported: words.Harmless(reported), Connections: c.Connections, Servers: []Server{}}
	for _, s := range c.Servers {
		out.Servers = append(out.Servers, Server{serverRef(s.Server), s.Connections, s.Accounts})
	}
	return out
}
