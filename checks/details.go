package checks

import (
	"net/netip"
	"time"
)

// Details are what a server says of itself beyond its connections, asked for
// where it has to do with a finding. Sources: VARZ, and ROUTEZ of its peers.
type Details struct {
	// Offset is what the server's clock is ahead of the auditor's, give or
	// take Margin; times of different servers are compared with it.
	Offset, Margin time.Duration
	// Loaded is when it loaded its configuration last, at its start or later, by its own
	// clock; zero where not known.
	Loaded time.Time
	// Connections are all client connections, also those of the system
	// account: what counts against the limit. Nil where not known.
	Connections *int
	// Host and Port are what it listens on for clients, or its client_advertise
	// where it has that; the host may be "0.0.0.0" or "::", which is every address
	// of its machine.
	Host string
	Port int
	// WebSocket and MQTT are the ports of these listeners, 0 where it has none.
	WebSocket, MQTT int
	// Leafnode is the port for leafnodes, 0 where it has none.
	Leafnode int
	// WebSocketPlain reports whether the WebSocket listener goes without TLS.
	WebSocketPlain bool
	// TLS reports whether clients must use TLS.
	TLS bool
	// VerifiesClients reports whether NATS clients must show a certificate.
	VerifiesClients bool
	// OffersTLS reports whether clients may use TLS; MQTT and WebSocket have listeners
	// of their own.
	OffersTLS Answer
	// ConnectURLs are the addresses, host:port, that it tells clients, its own
	// and those of its peers. Empty where it advertises nothing.
	ConnectURLs []string
	// Tags are the placement tags.
	Tags []string
	// Seen are the addresses that other servers of the cluster have routes
	// from or to, without ports.
	Seen []netip.Addr
}

// AccountOn is what a server knows of an account.
type AccountOn struct {
	// Usable is No where the server says that it does not know the account, or
	// can't use it; Unknown where it was not asked or did not answer.
	Usable Answer
	// Expired reports whether it can't be used because its JWT has expired.
	Expired bool
	// Detail is what the server said, in a clause.
	Detail string
	// MaxConnections and MaxLeafnodes are the most that the account may have on
	// all servers together, by its JWT as this server has it. Nil where there is
	// no limit, or none is known.
	MaxConnections, MaxLeafnodes *int
	// Updated is when the server took over what it has of the account, by its own
	// clock; zero where not known.
	Updated time.Time
}
