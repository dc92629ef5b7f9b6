package wire

import (
	"errors"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// Statsz is what a server answers to the roster request.
type Statsz struct {
	From Server
	// Start is zero where it is not reported, or no time.
	Start time.Time
	// Uptime is how long the process had been running, by its own clock; zero where
	// that is not known.
	Uptime time.Duration
	// Version is that of nats-server; empty where not reported.
	Version     string
	Connections int
	Accounts    int // with a connection, the system account included
	// Servers is how many servers it knows, itself included.
	Servers  int
	Peers    []string // names at the other end of its routes; nil where they can't be read
	Gateways []string // names of clusters at the other end of its gateways
}

// DecodeStatsz reads a STATSZ, of which only the named fields are decoded: there
// is one route entry for each of several connections to each peer. From is set
// as far as it could be read, also with an error.
func DecodeStatsz(body []byte) (Statsz, error) {
	out, to, err := decodeStatsz(body)
	if err != nil {
		return out, err
	}
	peers, known := namesOf(to.Routes)
	if out.Peers = once(peers); out.Peers == nil && known {
		out.Peers = []string{}
	}
	gateways, _ := namesOf(to.Gateways)
	out.Gateways = once(gateways)
	if len(out.Peers)+len(out.Gateways) > MostServers {
		return Statsz{From: out.From}, errors.New("it has more peers than there can be")
	}
	return out, nil
}

// DecodeHeartbeat is [DecodeStatsz] without peers and gateways, which are most of it: a
// server sends one every ten seconds.
func DecodeHeartbeat(body []byte) (Statsz, error) {
	out, _, err := decodeStatsz(body)
	return out, err
}

// linked are the routes and gateways of a STATSZ, as they are.
type linked struct {
	Routes   jsontext.Value `json:"routes"`
	Gateways jsontext.Value `json:"gateways"`
}

// namesOf are the names of routes or gateways; known is false where they can't be read.
func namesOf(links jsontext.Value) (names []string, known bool) {
	if len(links) == 0 {
		return nil, true
	}
	var all lenient[[]struct {
		Name string `json:"name"`
	}]
	_ = all.UnmarshalJSON(links) // is lenient
	for _, l := range all.value {
		names = append(names, l.Name)
	}
	return names, !all.broken
}

func decodeStatsz(body []byte) (Statsz, linked, error) {
	var m struct {
		Server struct {
			Server
			Version lenient[string]    `json:"ver"`
			Time    lenient[time.Time] `json:"time"`
		} `json:"server"`
		Stats *struct {
			linked
			Start         lenient[time.Time] `json:"start"`
			Connections   *int               `json:"connections"`
			ActiveServers lenient[int]       `json:"active_servers"`
			Accounts      lenient[int]       `json:"active_accounts"`
		} `json:"statsz"`
		Error *Error `json:"error"`
	}
	err := unmarshal(body, &m)
	bad := m.Server.check()
	none, s := Statsz{From: m.Server.Server}, m.Stats
	switch {
	case bad != nil:
		return none, linked{}, bad
	case err != nil:
		return none, linked{}, asMalformed(err)
	case m.Error != nil:
		return none, linked{}, m.Error
	case none.From.ID == "" || s == nil || s.Connections == nil:
		return none, linked{}, ErrNoData
	case *s.Connections < 0 || *s.Connections > mostCount || s.ActiveServers.value > MostServers:
		return none, linked{}, errors.New("it has a count out of range")
	}
	out := Statsz{From: none.From, Start: plausible(s.Start.value), Version: m.Server.Version.value, Connections: *s.Connections,
		Servers: max(s.ActiveServers.value, 0), Accounts: min(max(s.Accounts.value, 0), mostCount)}
	if now := plausible(m.Server.Time.value); !now.IsZero() && !out.Start.IsZero() {
		out.Uptime = max(0, now.Sub(out.Start))
	}
	return out, s.linked, nil
}

// lenient is a value, or the zero value where it can't be read: what is off in
// one field leaves the others as they are.
type lenient[T any] struct {
	value  T
	broken bool
}

// UnmarshalJSON implements json.Unmarshaler.
func (l *lenient[T]) UnmarshalJSON(text []byte) error {
	var v T
	if l.broken = unmarshal(text, &v) != nil; !l.broken {
		l.value = v
	}
	return nil
}
