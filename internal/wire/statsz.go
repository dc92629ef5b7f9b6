package wire

import (
	"errors"
	"time"
)

// Statsz is what a server answers to the roster request.
type Statsz struct {
	From        Server
	Start       time.Time
	Connections int
	Accounts    int // with a connection, the system account included
	// Servers is how many servers it knows, itself included.
	Servers  int
	Peers    []string // names at the other end of its routes
	Gateways []string // names of clusters at the other end of its gateways
}

// DecodeStatsz reads a STATSZ, of which only the named fields are decoded: there
// is one route entry for each of several connections to each peer. From is set
// as far as it could be read, also with an error.
func DecodeStatsz(body []byte) (Statsz, error) {
	type link struct {
		Name string `json:"name"`
	}
	var m struct {
		Server Server `json:"server"`
		Stats  *struct {
			Start         time.Time `json:"start"`
			Connections   *int      `json:"connections"`
			ActiveServers int       `json:"active_servers"`
			Accounts      int       `json:"active_accounts"`
			Routes        []link    `json:"routes"`
			Gateways      []link    `json:"gateways"`
		} `json:"statsz"`
		Error *Error `json:"error"`
	}
	err := unmarshal(body, &m)
	none, s := Statsz{From: m.Server}, m.Stats
	switch {
	case err != nil:
		return none, Malformed(err)
	case m.Error != nil:
		return none, m.Error
	case m.Server.ID == "" || s == nil || s.Connections == nil:
		return none, ErrNoData
	case *s.Connections < 0 || *s.Connections > mostCount || s.ActiveServers < 0 || s.ActiveServers > MostServers:
		return none, errors.New("it has a count out of range")
	}
	out := Statsz{From: m.Server, Start: s.Start, Connections: *s.Connections, Servers: s.ActiveServers, Accounts: min(max(s.Accounts, 0), mostCount)}
	for _, l := range s.Routes {
		out.Peers = append(out.Peers, l.Name)
	}
	for _, l := range s.Gateways {
		out.Gateways = append(out.Gateways, l.Name)
	}
	out.Peers, out.Gateways = once(out.Peers), once(out.Gateways)
	if len(out.Peers)+len(out.Gateways) > MostServers {
		return none, errors.New("it has more peers than there can be")
	}
	return out, nil
}
