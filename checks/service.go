package checks

import (
	"net/netip"
	"slices"
	"time"
)

// Service is the connections of one account in one cluster that share user,
// protocol, client language and name stem: one application, however many
// instances it has. Without names it is those of one network, for MQTT those
// whose client ids have one stem. Source: CONNZ.
type Service struct {
	// Stem is the name without what tells the instances apart; see package
	// checks/cause. Empty where the connections have no name.
	Stem string
	// User is the user's name or public key; empty where there is none.
	User string
	// Protocol is a key of [Profile.Protocols], Language of [Profile.Languages].
	Protocol, Language string
	// Versions are those of the client library, the most common first; bounded.
	Versions []string
	// Hosts is the number of source addresses, HostExamples are a few of them.
	Hosts        int
	HostExamples []netip.Addr
	// Counts are the connections by server, in the order of [Profile.Servers].
	Counts []int
	// Starts are those of [Profile.Starts], for this service, with the order of
	// the profile; nil for servers where it has no connection.
	Starts [][]int
	// SurelyUp is that of [Profile.SurelyUp], for this service.
	SurelyUp []int
	// Sources are its source addresses with counts by server. Where there are
	// more than fit they are a sample, see SourcesSampled.
	Sources        []Source
	SourcesSampled bool
	// Networks are the networks of the sources, as in [Profile.Networks].
	Networks []Group
	// First and Last are when its oldest and its newest connection on the
	// concentrated server began.
	First, Last time.Time
	// TLS is Yes if all of its connections use TLS, No if none does.
	TLS Answer
	// Remainder marks the sum of the services that were too many to keep apart.
	// It has counts, starts, sources and networks, and no name.
	Remainder bool
}

// Connections returns how many connections the service has.
func (s Service) Connections() int {
	n := 0
	for _, c := range s.Counts {
		n += c
	}
	return n
}

// Here returns how many connections it has on the concentrated server.
func (s Service) Here() int {
	if len(s.Counts) == 0 {
		return 0
	}
	return s.Counts[0]
}

// Closed is what one server remembers of the connections of a service that have
// closed for one reason. Source: CONNZ with state closed, or a record of it.
type Closed struct {
	// Stem and User are those of the service.
	Stem, User string
	// Server is its id.
	Server string
	Reason Reason
	// Connections is how many there were, at the least.
	Connections int
	// First and Last are when the first of them began and the last one stopped,
	// Newest is when the last one began, by the clock of the auditor.
	First, Last, Newest time.Time
}

// Concentrated returns the services that make the account a finding: the fewest
// of those that lean to the concentrated server without which what remains is no
// longer concentrated, the largest there first. concentrated says whether counts
// are. It returns their indexes.
func Concentrated(services []Service, concentrated func(onServer, connections int) bool) []int {
	on, all := 0, 0
	var leaning []int
	for i, s := range services {
		n := s.Connections()
		on, all = on+s.Here(), all+n
		if s.Here()*max(len(s.Counts), 1) > n {
			leaning = append(leaning, i)
		}
	}
	slices.SortStableFunc(leaning, func(a, b int) int { return services[b].Here() - services[a].Here() })
	var out []int
	for _, i := range leaning {
		if all < fewest || !concentrated(on, all) {
			break
		}
		out = append(out, i)
		on, all = on-services[i].Here(), all-services[i].Connections()
	}
	return out
}

// fewest is how many connections can be concentrated at all: of two, half or all
// are on one server.
const fewest = 3
