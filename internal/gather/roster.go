package gather

import (
	"errors"
	"slices"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// decodeRoster reads a reply to $SYS.REQ.SERVER.PING: a ServerStatsMsg of
// nats-server, of which only the named fields are decoded: there is one route
// entry for each of several connections to each peer.
func decodeRoster(data []byte) (id identity, r *roster, refused *errorReply, err error) {
	type link struct {
		Name string `json:"name"`
	}
	var reply struct {
		Server identity `json:"server"`
		Stats  *struct {
			Start         time.Time `json:"start"`
			Connections   *int      `json:"connections"`
			ActiveServers int       `json:"active_servers"`
			Accounts      int       `json:"active_accounts"`
			Routes        []link    `json:"routes"`
			Gateways      []link    `json:"gateways"`
		} `json:"statsz"`
		Error *errorReply `json:"error"`
	}
	err = json.Unmarshal(data, &reply, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	id = reply.Server
	switch {
	case err != nil:
		return id, nil, nil, err
	case reply.Error != nil:
		return id, nil, reply.Error, nil
	case id.ID == "" || reply.Stats == nil || reply.Stats.Connections == nil:
		return id, nil, nil, errors.New("it has no server or no statistics")
	}
	s := reply.Stats
	if *s.Connections < 0 || *s.Connections > most || s.ActiveServers < 0 || s.ActiveServers > mostServers {
		return id, nil, nil, errors.New("it has a count out of range")
	}
	r = &roster{start: s.Start, connections: *s.Connections, known: s.ActiveServers, accounts: min(max(s.Accounts, 0), most)}
	for _, l := range s.Routes {
		r.peers = append(r.peers, l.Name)
	}
	for _, l := range s.Gateways {
		r.gateways = append(r.gateways, l.Name)
	}
	r.peers, r.gateways = once(r.peers), once(r.gateways)
	if len(r.peers)+len(r.gateways) > mostServers {
		return id, nil, nil, errors.New("it has more peers than there can be")
	}
	return id, r, nil, nil
}

// mostServers is the largest number of servers that is believed: beyond it,
// a list of the missing would be the denial of service.
const mostServers = 100_000

// once sorts names and leaves each once.
func once(names []string) []string {
	slices.Sort(names)
	return slices.Compact(names)
}
