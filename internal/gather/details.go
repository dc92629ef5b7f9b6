package gather

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/words"
)

const (
	subjectRoutez = "$SYS.REQ.SERVER.%s.ROUTEZ" // server id
	// What is kept of what a server says of itself.
	mostConnectURLs   = 1000
	longestConnectURL = 300 // a host name has 253 bytes at most, RFC 1035
	mostSeen          = 64
	// clockGrain is what a clock is taken to be off in any case.
	clockGrain = time.Millisecond
)

// Details asks the servers of the named clusters what they say of themselves,
// and of their peers, and sets Details and MaxConnections in the model. It
// returns when all have answered, when the server refuses the questions, when
// nothing has come for a fourth of the time that there is (1 to 10 s), or when
// the context ends. Where a server's VARZ does not come, its details are
// nil: what is not known does not look like what is not there. What did not
// come is noted. An error means that the context was cancelled or that the
// connection can't be used. The connection must be one to the system account,
// and not be used by another function of this package at the same time.
//
// A clock is read in the middle between question and answer, as in NTP's
// simplest form: the margin is half the round trip and a millisecond, never 0.
func Details(ctx context.Context, nc *nats.Conn, d *checks.Deployment, clusters []string) error {
	var servers []*checks.Server
	var questions []question
	index := map[string]int{}
	for i := range d.Servers {
		s := &d.Servers[i]
		if !slices.Contains(clusters, s.Cluster) {
			continue
		}
		index[s.ID] = len(servers)
		servers = append(servers, s)
		questions = append(questions,
			question{subject: fmt.Sprintf(subjectVarz, s.ID), kind: "VARZ", replies: 1},
			question{subject: fmt.Sprintf(subjectRoutez, s.ID), kind: "ROUTEZ", replies: 1})
	}
	type answered struct {
		limit   *int
		details *checks.Details
		routez  bool
		seen    []netip.Addr
	}
	got := make([]answered, len(servers))
	dec := newDecoder()
	w, stop := watch(nc)
	defer stop()
	refused, err := askAll(ctx, nc, w, questions, func(a answer) bool {
		i := a.question / 2
		body, err := dec.whole(a.message)
		if err != nil {
			return true
		}
		if questions[a.question].kind == "VARZ" {
			if limit, details, err := decodeDetails(body, servers[i].ID, a.asked, a.came); err == nil && got[i].details == nil {
				got[i].limit, got[i].details = limit, details
			}
			return true
		}
		peers, err := decodeRoutez(body, servers[i].ID)
		if err != nil || got[i].routez {
			return true
		}
		got[i].routez = true
		for _, p := range peers {
			if k, ok := index[p.id]; ok && k != i && len(got[k].seen) < mostSeen && !slices.Contains(got[k].seen, p.addr) {
				got[k].seen = append(got[k].seen, p.addr)
			}
		}
		return true
	})
	if err != nil {
		return err
	}
	noVarz, noRoutez := 0, 0
	for i, s := range servers {
		if !got[i].routez {
			noRoutez++
		}
		if got[i].details == nil {
			noVarz++
			continue
		}
		s.MaxConnections, s.Details = got[i].limit, got[i].details
		slices.SortFunc(got[i].seen, netip.Addr.Compare)
		s.Details.Seen = got[i].seen
	}
	noteMissing(d, refused, "VARZ", "limits, listeners and clocks", noVarz, len(servers))
	noteMissing(d, refused, "ROUTEZ", "peers' addresses", noRoutez, len(servers))
	return nil
}

// noteMissing notes what some servers did not tell.
func noteMissing(d *checks.Deployment, refused map[string]string, kind, what string, missing, of int) {
	why := "they did not answer " + kind + " in time, or not readably"
	for _, k := range []string{kind, everything} {
		if violation, ok := refused[k]; ok {
			why = "not allowed to ask for " + kind + ": " + violation
		}
	}
	if missing > 0 {
		note(d, fmt.Sprintf("the %s of %s of %s servers are not known: %s", what, words.Count(missing), words.Count(of), why))
	}
}

// decodeDetails reads a VARZ of the server with this id, asked for and come at
// these local times.
func decodeDetails(body []byte, id string, asked, came time.Time) (limit *int, _ *checks.Details, _ error) {
	var reply struct {
		Server identity `json:"server"`
		Data   *struct {
			Now         time.Time `json:"now"`
			Host        string    `json:"host"`
			Port        int       `json:"port"`
			TLS         bool      `json:"tls_required"`
			ConnectURLs []string  `json:"connect_urls"`
			Max         int       `json:"max_connections"`
			Connections *int      `json:"connections"`
			Tags        []string  `json:"tags"`
			MQTT        listener  `json:"mqtt"`
			WebSocket   listener  `json:"websocket"`
			Leafnode    listener  `json:"leaf"`
		} `json:"data"`
		Error *errorReply `json:"error"`
	}
	if err := json.Unmarshal(body, &reply); err != nil {
		return nil, nil, err
	}
	v := reply.Data
	switch {
	case reply.Error != nil:
		return nil, nil, reply.Error
	case reply.Server.ID != id:
		return nil, nil, errors.New("it is not from the server that was asked")
	case v == nil || v.Now.IsZero() || v.Connections == nil || *v.Connections < 0:
		return nil, nil, errors.New("it has no time or no count of connections")
	}
	round := max(0, came.Sub(asked))
	out := &checks.Details{
		Offset: v.Now.Sub(asked.Add(round / 2)), Margin: round/2 + clockGrain,
		Connections: v.Connections, Port: port(v.Port), WebSocket: port(v.WebSocket.Port), WebSocketPlain: v.WebSocket.NoTLS, MQTT: port(v.MQTT.Port), TLS: v.TLS,
		Leafnode:    port(v.Leafnode.Port),
		ConnectURLs: fitting(v.ConnectURLs, mostConnectURLs, longestConnectURL), Tags: fitting(v.Tags, mostTags, longestText),
	}
	if len(v.Host) <= longestConnectURL {
		out.Host = v.Host
	}
	if v.Max > 0 {
		limit = &v.Max
	}
	return limit, out, nil
}

// listener is one of the listeners of a VARZ.
type listener struct {
	Port  int  `json:"port"`
	NoTLS bool `json:"no_tls"`
}

// port is 0 where it is none.
func port(n int) int {
	if n < 0 || n > 65535 {
		return 0
	}
	return n
}

// fitting is the first of the texts that are not too long. Those that are have
// no meaning when cut.
func fitting(texts []string, most, longest int) []string {
	var out []string
	for _, s := range texts {
		if len(out) < most && s != "" && len(s) <= longest {
			out = append(out, s)
		}
	}
	return out
}

// peer is the other side of a route.
type peer struct {
	id   string
	addr netip.Addr
}

// decodeRoutez reads a ROUTEZ of the server with this id.
func decodeRoutez(body []byte, id string) ([]peer, error) {
	var reply struct {
		Server identity `json:"server"`
		Data   *struct {
			Routes []struct {
				ID string `json:"remote_id"`
				IP string `json:"ip"`
			} `json:"routes"`
		} `json:"data"`
		Error *errorReply `json:"error"`
	}
	if err := json.Unmarshal(body, &reply); err != nil {
		return nil, err
	}
	switch {
	case reply.Error != nil:
		return nil, reply.Error
	case reply.Server.ID != id:
		return nil, errors.New("it is not from the server that was asked")
	case reply.Data == nil:
		return nil, errors.New("it has no data")
	}
	var out []peer
	for _, r := range reply.Data.Routes {
		if addr, err := netip.ParseAddr(r.IP); err == nil {
			out = append(out, peer{r.ID, addr.Unmap().WithZone("")})
		}
	}
	return out, nil
}
