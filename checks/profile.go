package checks

import (
	"net/netip"
	"time"
)

// Profile is who is connected: the client connections of one account in one
// cluster, summed up by what could explain where they are. Its size is bounded
// by the number of servers, however many connections there are. Source: CONNZ.
type Profile struct {
	// Servers are the ids that every list of counts below goes by. The first
	// is the concentrated server.
	Servers []string
	// Read are how many connections were read, by server.
	Read []int
	// Unread are the servers that were not read to the end; nil where all were.
	Unread []bool
	// Whole reports whether every server's connections were read to the end.
	Whole bool
	// Note says what is missing, in a sentence; empty where nothing is.
	Note string

	// Services are who is connected, the largest on the concentrated server
	// first: up to 32, and what is left as one Remainder. Empty where the
	// connections were not told apart.
	Services []Service

	// Protocols are [NATS], [MQTT] and [WebSocket].
	Protocols []Group
	// Languages are what clients say of themselves: "go", "python3", "java", …;
	// "" for those that say nothing.
	Languages []Group
	// Versions are language and version, such as "go 1.55.0".
	Versions []Group
	// Names and Users are of the connections; "" for those without.
	Names, Users []Group
	// Tags are placement tags of the users' JWTs, such as "az:a".
	Tags []Group
	// Networks are the sources' networks: /24 of IPv4, /64 of IPv6.
	Networks []Group
	// Sources are source addresses. Where there are more than fit, those here
	// are a uniform sample, see SourcesSampled.
	Sources        []Source
	SourcesSampled bool
	// Processes are groups of connections that look like one process's, the
	// largest first; small ones may be left out.
	Processes []Process

	// Starts counts connections by how many of Servers were up when they began,
	// or may have been: Starts[server][k], where these are the first k of
	// StartOrder. A server whose start or clock is not known may always have
	// been up, and stands first.
	Starts     [][]int
	StartOrder []int // indexes into Servers, by the start of the process
	// SurelyUp counts, for each of Servers, the connections of the concentrated
	// one that began when it was up whatever the clocks' margins are; 0 where its
	// start or its clock is not known.
	SurelyUp []int
	// Oldest and Newest are when the oldest and the newest connection of the
	// concentrated server began.
	Oldest, Newest time.Time
	// RTT are medians of what was measured, by server; nil where nothing was.
	RTT []*time.Duration
}

// Group is a property that connections share, with their counts by server. The
// largest groups come first. A group of many small ones that did not fit has
// Other set and no key.
type Group struct {
	Key    string
	Other  bool
	Counts []int
}

// Source is a source address with its connections by server.
type Source struct {
	Addr   netip.Addr
	Counts []int
	// Kinds is how many different clients there are behind the address, told
	// by name, user, language and version; it counts to 8 at most.
	Kinds int
}

// Process is connections with the same source address, name, user, language and
// version. On one host several processes of the same program look alike.
type Process struct {
	Addr           netip.Addr
	Name, User     string
	Language       string
	Version        string
	Counts         []int
	First, Last    time.Time // start of the first and of the last connection
	AtLeast        bool      // the counts may be a little more
	SharedByOthers bool      // other clients come from the same address
}
