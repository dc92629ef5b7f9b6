package wire

import (
	"errors"
	"maps"
	"net/netip"
	"slices"

	"github.com/go-json-experiment/json/jsontext"
)

// Routez is what routes a server has.
type Routez struct {
	From  Server
	Peers []Peer // each once, without the server itself
}

// Peer is the other side of a route.
type Peer struct {
	ID, Name string
	Addr     netip.Addr // not valid where not reported
	// Configured is that an address of the server's configuration leads to it.
	Configured bool
	// Shared is how many routes there are for whatever account, and Accounts are
	// those that have one of their own.
	Shared   int
	Accounts []string
}

// DecodeRoutez reads a ROUTEZ.
func DecodeRoutez(body []byte) (Routez, error) {
	from, data, err := split(body)
	if err != nil {
		return Routez{From: from}, err
	}
	var v struct {
		Routes []struct {
			ID   string `json:"remote_id"`
			Name string `json:"remote_name"`
			IP   string `json:"ip"`
			// Where the peer connected first, nats-server marks that connection so
			// when its own attempt finds it.
			Configured bool   `json:"is_configured"`
			Account    string `json:"account"`
		} `json:"routes"`
	}
	if err := unmarshal(data, &v); err != nil {
		return Routez{From: from}, asMalformed(err)
	}
	out := Routez{From: from}
	type key struct {
		id, name string
		addr     netip.Addr
	}
	seen := map[key]int{}
	for _, r := range v.Routes {
		addr, _ := netip.ParseAddr(r.IP) // not valid: not reported
		p := Peer{ID: r.ID, Name: r.Name, Addr: addr.Unmap().WithZone("")}
		// A peer that has not yet said who it is is no evidence.
		if p.ID == "" || p.ID == from.ID {
			continue
		}
		as := key{p.ID, p.Name, p.Addr}
		at, known := seen[as]
		if !known {
			at = len(out.Peers)
			seen[as] = at
			out.Peers = append(out.Peers, p)
		}
		to := &out.Peers[at]
		to.Configured = to.Configured || r.Configured
		if r.Account == "" {
			to.Shared++
		} else {
			to.Accounts = append(to.Accounts, r.Account)
		}
	}
	if len(out.Peers) > MostServers {
		return Routez{From: from}, errors.New("it has more peers than there can be")
	}
	return out, nil
}

// Configured are the ids of the peers that addresses of the configuration lead to.
func (r *Routez) Configured() []string {
	out := []string{}
	for _, p := range r.Peers {
		if p.Configured && !slices.Contains(out, p.ID) {
			out = append(out, p.ID)
		}
	}
	return out
}

// Leafz is which servers have leafnode connections with a server.
type Leafz struct {
	From Server
	// Leafs are how many connections there are to servers of a name, which connect
	// to this one.
	Leafs map[string]int
	// Hubs are the same to servers that this one connects to.
	Hubs map[string]int
}

// DecodeLeafz reads a LEAFZ of one account.
func DecodeLeafz(body []byte, account string) (Leafz, error) {
	from, data, err := split(body)
	if err != nil {
		return Leafz{From: from}, err
	}
	var v struct {
		Leafs []struct {
			Name    string `json:"name"`
			Account string `json:"account"`
			Spoke   bool   `json:"is_spoke"`
		} `json:"leafs"`
	}
	if err := unmarshal(data, &v); err != nil {
		return Leafz{From: from}, asMalformed(err)
	}
	out := Leafz{From: from, Leafs: map[string]int{}, Hubs: map[string]int{}}
	for _, l := range v.Leafs {
		switch {
		case l.Account != account || l.Name == "":
		case l.Spoke:
			out.Hubs[l.Name]++
		default:
			out.Leafs[l.Name]++
		}
	}
	if len(out.Leafs) > MostServers || len(out.Hubs) > MostServers {
		return Leafz{From: from}, errors.New("it has more leafnodes than there can be")
	}
	return out, nil
}

// Gatewayz is which other clusters a server has gateways to or from.
type Gatewayz struct {
	From     Server
	Clusters []string // each once, in order
}

// DecodeGatewayz reads a GATEWAYZ.
func DecodeGatewayz(body []byte) (Gatewayz, error) {
	from, data, err := split(body)
	if err != nil {
		return Gatewayz{From: from}, err
	}
	var v struct {
		Outbound map[string]jsontext.Value `json:"outbound_gateways"`
		Inbound  map[string]jsontext.Value `json:"inbound_gateways"`
	}
	if err := unmarshal(data, &v); err != nil {
		return Gatewayz{From: from}, asMalformed(err)
	}
	names := once(slices.AppendSeq(slices.Collect(maps.Keys(v.Outbound)), maps.Keys(v.Inbound)))
	names = slices.DeleteFunc(names, func(name string) bool { return name == "" })
	if len(names) > MostServers {
		return Gatewayz{From: from}, errors.New("it has more gateways than there can be")
	}
	return Gatewayz{from, names}, nil
}
