package wire

import (
	"errors"
	"time"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/words"
)

// longestEvent is the size from which on an event is not read. A JWT in it is the
// largest part, of some kilobytes.
const longestEvent = 1 << 20

var (
	errLongEvent = errors.New("it is longer than an event can be")
	errNoClient  = errors.New("it has no client or no account")
	errCounts    = errors.New("it has a count out of range")
	errNoAccount = errors.New("it has no account")
)

// Stamp is where an event stands among those of its server.
type Stamp struct {
	// Seq grows with every message of the server process; 0 where not reported.
	Seq uint64
	// Time is by the server's clock; zero where not reported.
	Time time.Time
}

// eventServer is the server of an event, as nats-server's ServerInfo has it.
type eventServer struct {
	Server
	Seq  lenient[uint64]    `json:"seq"`
	Time lenient[time.Time] `json:"time"`
}

func (s eventServer) stamp() Stamp { return Stamp{s.Seq.value, s.Time.value} }

// whole reports whether an event was read that says which server it is from.
func (s *eventServer) whole(body []byte, err error) error {
	switch bad := s.check(); {
	case len(body) > longestEvent:
		return errLongEvent
	case bad != nil:
		return bad
	case err != nil:
		return asMalformed(err)
	case s.ID == "":
		return ErrNoData
	}
	return nil
}

// readEvent reads an event that is not too long.
func readEvent(body []byte, to any) error {
	if len(body) > longestEvent {
		return errLongEvent
	}
	return unmarshal(body, to)
}

// AccountConns is the event by which a server says what an account has on it: at
// every change, and every 30 seconds while there is something. A server sends none
// for the global account.
type AccountConns struct {
	From               Server
	Stamp              Stamp
	Account            string // id
	Name               string // empty where the account has none but the id
	Clients, Leafnodes uint32
}

// decodeAccountConns is [CountReader.AccountConns] by the JSON library.
func decodeAccountConns(body []byte) (AccountConns, error) {
	var m struct {
		Server    eventServer `json:"server"`
		Account   string      `json:"acc"`
		Name      string      `json:"name"`
		Clients   *int64      `json:"conns"`
		Leafnodes *int64      `json:"leafnodes"`
	}
	err := m.Server.whole(body, readEvent(body, &m))
	out := AccountConns{From: m.Server.Server, Stamp: m.Server.stamp(), Account: m.Account}
	switch {
	case err != nil:
		return out, err
	case m.Account == "":
		return out, errNoAccount
	case len(m.Account) > longestName || m.Clients == nil || m.Leafnodes == nil ||
		*m.Clients < 0 || *m.Clients > mostCount || *m.Leafnodes < 0 || *m.Leafnodes > mostCount:
		return out, errCounts
	}
	out.Clients, out.Leafnodes = uint32(*m.Clients), uint32(*m.Leafnodes) //nolint:gosec // in range
	if m.Name != m.Account && len(m.Name) <= longestName {
		out.Name = m.Name
	}
	return out, nil
}

// longestName is how many bytes the id or the name of an account in an event may
// have. One that has more is nobody's.
const longestName = 4 << 10

// ClientEvent is the event of a connection that began, ended or was refused. Its
// texts are of whoever connected, cut to 128 bytes.
type ClientEvent struct {
	From    Server
	Stamp   Stamp
	ID      uint64 // of the connection; never used again while the server process lives
	Client  bool   // plain, WebSocket or MQTT; no leafnode
	Account string // id
	Name    string
	User    string
	// Language and Version are those of the client's library.
	Language, Version string
	Host              string // its address, as the server sees it
	MQTTClient        string // the client id of MQTT
	// Start and Stop are by the server's clock; Stop is zero while it is open.
	Start, Stop time.Time
	// Reason is why it ended; empty while it is open.
	Reason checks.Reason
}

// DecodeClientEvent reads a CONNECT, a DISCONNECT or an AUTH.ERR event. From is set
// as far as it could be read, also with an error. The user's JWT is not kept.
func DecodeClientEvent(body []byte) (ClientEvent, error) {
	var m struct {
		Server eventServer `json:"server"`
		Client *struct {
			ID      lenient[uint64]    `json:"id"`
			Account string             `json:"acc"`
			Name    lenient[string]    `json:"name"`
			User    lenient[string]    `json:"user"`
			Lang    lenient[string]    `json:"lang"`
			Version lenient[string]    `json:"ver"`
			Host    lenient[string]    `json:"host"`
			Kind    lenient[string]    `json:"kind"`
			MQTT    lenient[string]    `json:"client_id"`
			Start   lenient[time.Time] `json:"start"`
			Stop    lenient[time.Time] `json:"stop"`
		} `json:"client"`
		Reason lenient[string] `json:"reason"`
	}
	err := m.Server.whole(body, readEvent(body, &m))
	out := ClientEvent{From: m.Server.Server, Stamp: m.Server.stamp()}
	switch {
	case err != nil:
		return out, err
	case m.Client == nil || m.Client.Account == "" || len(m.Client.Account) > longestName:
		return out, errNoClient
	}
	c := m.Client
	short := func(s lenient[string]) string { return words.Cut(s.value, longestText) }
	out.ID, out.Account = c.ID.value, c.Account
	out.Client = c.Kind.value == "" || c.Kind.value == "Client"
	out.Name, out.User, out.Language, out.Version = short(c.Name), short(c.User), short(c.Lang), short(c.Version)
	out.Host, out.MQTTClient, out.Reason = short(c.Host), short(c.MQTT), checks.Reason(short(m.Reason))
	out.Start, out.Stop = c.Start.value, c.Stop.value
	return out, nil
}

// ServerEvent is a server's word about itself: that it drains or shuts down.
type ServerEvent struct {
	From  Server
	Stamp Stamp
}

// DecodeServerEvent reads a LAMEDUCK or a SHUTDOWN event. From is set as far as it
// could be read, also with an error.
func DecodeServerEvent(body []byte) (ServerEvent, error) {
	var m eventServer
	err := m.whole(body, readEvent(body, &m))
	return ServerEvent{From: m.Server, Stamp: m.stamp()}, err
}
