package checks

import (
	"cmp"
	"net/netip"
	"slices"
	"time"
)

// Deployment is what is known of a NATS deployment at one moment: its servers,
// the connections of every account on each of them, and what is missing.
//
// Its size grows with accounts × servers, not with connections.
type Deployment struct {
	// Servers are those whose account report is there and whole, in no set
	// order. All others that are known of are Missing.
	Servers []Server
	// Accounts are referred to by their index, see [Usage].
	Accounts []Account
	// Missing are the servers that exist, or may, and did not report.
	Missing []Missing
	// Silent are clusters of which no server reported, nor is one missing that is
	// known to be theirs: missing servers that may be in any cluster stand for them,
	// and how many servers they have is unknown. See [Deployment.AddSilent].
	Silent []string
	// Uncounted are accounts that a cluster has, with connections that nobody
	// counted, though its servers reported.
	Uncounted []Uncounted
	// Doubtful are connections that may be of no account.
	Doubtful []Doubtful
	// Mixed are clusters whose servers may be several clusters of that name.
	Mixed []string
	// Expected is the number of servers to expect: at least those that
	// answered.
	Expected int
	// All is that the operator says that there are no more servers than those that reported
	// and those that he names.
	All bool
	// Denied are servers that others count, and of which the operator says that there is none.
	Denied []Missing
	// Gateways reports whether a server has gateways, so that there may be a cluster
	// of which nobody reported.
	Gateways bool
	// Notes are what a reader of the coverage should know, one sentence each.
	Notes []string

	split map[string]string // clusters that share a name → that name, see Separate
	then  map[string]string // the same of an earlier time, and as documents have them
}

// Uncounted are accounts, by their indices, of which no count is known in a
// cluster, for one reason.
type Uncounted struct {
	Accounts []uint32
	Cluster  string
	Reason   string
}

// Doubtful are connections that a server counts as of an account, an index, and of
// which it is not known whether they have logged in: so many of its Usage.
type Doubtful struct {
	Account     uint32
	Server      int // index into Deployment.Servers
	Connections int
	Reason      string
}

// lacksCounts reports whether there are accounts of which no count is known in a
// cluster, or of which it is unknown which servers it is.
func (d *Deployment) lacksCounts(cluster string) bool {
	return slices.Contains(d.Mixed, cluster) || slices.ContainsFunc(d.Uncounted, func(u Uncounted) bool { return u.Cluster == cluster })
}

// Server is one nats-server. Ids are unique, names are not.
type Server struct {
	ID, Name, Host string
	// Cluster is the name of the cluster that the server reports: its gateway
	// name where it has one. Empty for a server without a cluster, which is
	// judged alone. [Deployment.Separate] tells those of one name apart.
	Cluster string
	// Peers are the ids of the servers that it has routes to; nil where not known.
	Peers []string
	// Configured are those of them that an address of its configuration leads to,
	// whoever of the two connected; nil where not known.
	Configured []string
	// Start is when the server process started; zero where not known.
	Start time.Time
	// MaxConnections is the server's limit of client connections; nil where
	// not known or not limited.
	MaxConnections *int
	// Usage has one entry, and no more, for each account with a client or a
	// leafnode here. Entries of zeros are as good as none.
	Usage []Usage
	// Details is nil where they were not asked for, or did not come.
	Details *Details
	// Links is what its configuration names of other servers; nil where not known.
	Links *Links
}

// Links are the routes and gateways that a server is configured with, whether or
// not somebody is at the other end. Source: VARZ.
type Links struct {
	// Host and Port are where it listens for routes; empty and 0 where not known.
	Host string
	Port int
	// Routes are the addresses, host:port, of its cluster, its own among them or not.
	Routes []string
	// Clusters are the names of those that it has gateways to.
	Clusters []string
}

// Account is an account of the deployment.
type Account struct {
	// ID is the account's name in configured accounts, its public nkey in
	// operator mode.
	ID string
	// Name is for people; equal to ID where the account has no other.
	Name string
	// System accounts never count.
	System bool
}

// GlobalAccount is the id of the account that every server has: that of all clients where no
// accounts are configured. Elsewhere a server counts a connection in it until that has logged
// in, leaves it out of its answers, and sends no event of what it has of it.
const GlobalAccount = "$G"

// Usage is what one account has on one server.
type Usage struct {
	// Account is the index into [Deployment.Accounts].
	Account uint32
	// Connections are client connections: plain, WebSocket and MQTT.
	Connections uint32
	// Leafnodes are leafnode connections; they never count as clients.
	Leafnodes uint32
}

// Missing is a server that did not report. Those of a known cluster of which no
// server reported stand for all its servers, however many they are, and where none is
// known to be of it, [Deployment.Silent] has the cluster.
type Missing struct {
	// ID, Name and Host are empty where not known.
	ID, Name, Host string
	// At is the address, host:port, that the server is known by. It is the Name as well
	// where no other is known.
	At string
	// Addr is what the name in At resolves to; not valid where At is an address, or is
	// not known to resolve.
	Addr netip.AddrPort
	// Cluster is meaningful only where ClusterKnown.
	Cluster      string
	ClusterKnown bool
	// Bound is the most client connections that the server can have, as far
	// as it said itself; nil where that is not known.
	Bound *int
	// Kind is why it did not report.
	Kind MissingKind
	// Peers are the ids of servers that it has routes to, or that have routes to
	// it: it runs, and may have clients. Nil where not known.
	Peers []string
	// Advertised are addresses, host:port, of which others tell clients and where no
	// server that reported says it is: one may be its own.
	Advertised []string
	// Apart is that it is in none of the clusters of the servers that reported.
	Apart bool
	// Placed is that an address was taken to be its own, so that no other is.
	Placed bool
	// Perhaps is that only its address is known, and that it may be another one of
	// those that are missing: it is not counted, and leaves open what it would
	// otherwise. See [Deployment.CountOnce].
	Perhaps bool
	// More is how many more servers there may be at the addresses that it is one of.
	More int
	// Alias is that it may be one of those by another address. It is Perhaps then.
	Alias bool
	// Known says how it is known of, in a clause that Reason begins with; empty where
	// that is in Reason only.
	Known string
	// Reason says what was asked and what came, in a clause.
	Reason string
	// Announced is that it said itself that it drains: nothing that is seen at an address
	// says more.
	Announced bool
	// Gone is what a recorder saw of it; nil where there is none, or it saw nothing.
	Gone *RecordedGone
	// Fills is an expected server that does not count as missing too, because this one, which
	// others count, may be that server; nil where there is none. Once this one is known to be
	// a server that is gone for good, the expected one is missing.
	Fills *Missing
}

// Nameless reports whether nothing says which server it is, beside its address.
func (m *Missing) Nameless() bool { return m.ID == "" && (m.Name == "" || m.Name == m.At) }

// MayBeIn reports whether it may be a server of the cluster.
func (m *Missing) MayBeIn(cluster string) bool {
	return m.ClusterKnown && m.Cluster == cluster || !m.ClusterKnown && !m.Apart
}

// MissingKind is why a server did not report. Empty is none of these.
type MissingKind string

// Kinds of missing servers.
const (
	// Silent: it exists and did not answer, or not everything.
	Silent MissingKind = "silent"
	// Counted: other servers count it, and nothing else is known of it. One that
	// stopped without a goodbye is counted for some minutes.
	Counted MissingKind = "counted"
	// Draining: it is in lame duck mode. It answers nothing, and has clients.
	Draining MissingKind = "draining"
	// Down: it said itself that it shuts down. It can't have a connection, so its
	// Bound is 0.
	Down MissingKind = "down"
	// Refusing: nobody listens at its address. It is stopped, or drains: then it
	// has clients.
	Refusing MissingKind = "refusing"
	// OtherSystem: it runs, and no answer of its system account comes here: it has
	// another one than those that answered, as far as can be told.
	OtherSystem MissingKind = "other-system-account"
	// Hanging: it accepts connections and says nothing.
	Hanging MissingKind = "hanging"
	// Forgotten: it is expected, and no server that answered knows of it.
	Forgotten MissingKind = "forgotten"
	// Configured: the configuration of servers that answered names it, and nobody
	// knows it: it never came, or its peers have forgotten it.
	Configured MissingKind = "configured"
	// CutOff: it reported, and has no routes to the others of its cluster that its
	// configuration names, or they have none to it.
	CutOff MissingKind = "cut-off"
	// Contradiction: two answers in its name to one question differ.
	Contradiction MissingKind = "contradiction"
	// Restarted: it restarted during the audit.
	Restarted MissingKind = "restarted"
	// Unreadable: what it sent can't be used.
	Unreadable MissingKind = "unreadable"
	// Unreachable: it is expected at an address that can't be reached from here.
	Unreachable MissingKind = "unreachable"
	// Unseen: it may be at an address that nobody connected to.
	Unseen MissingKind = "unseen"
	// NotAsked: others know it, and nobody asked it.
	NotAsked MissingKind = "not-asked"
	// Behind: a server between does not pass its answers on.
	Behind MissingKind = "behind"
)

// cluster is the servers of one cluster, as indices into Deployment.Servers.
type cluster struct {
	name    string
	servers []int
	missing []Missing
	perhaps []Missing // that are not counted, see [Missing.Perhaps]
}

// clusters groups the servers by cluster, in order of name. Servers without a
// cluster are groups of one: they share nothing to fail over to.
func (d *Deployment) clusters() []cluster {
	var out []cluster
	named := map[string]int{}
	group := func(name string) int {
		if at, ok := named[name]; ok && name != "" {
			return at
		}
		out = append(out, cluster{name: name})
		named[name] = len(out) - 1
		return len(out) - 1
	}
	for i := range d.Servers {
		at := group(d.Servers[i].Cluster)
		out[at].servers = append(out[at].servers, i)
	}
	for _, m := range d.Missing {
		if m.ClusterKnown {
			at := group(m.Cluster)
			if m.Perhaps {
				out[at].perhaps = append(out[at].perhaps, m)
				continue
			}
			out[at].missing = append(out[at].missing, m)
		}
	}
	for _, name := range d.unknown() { // it has one at least
		at := group(name)
		out[at].missing = append(out[at].missing, Missing{Cluster: name, ClusterKnown: true, Kind: Silent})
	}
	for _, c := range out {
		slices.SortFunc(c.servers, func(a, b int) int { return CompareServers(d.Servers[a].Ref(), d.Servers[b].Ref()) })
		slices.SortFunc(c.missing, func(a, b Missing) int { return CompareServers(a.Ref(), b.Ref()) })
	}
	slices.SortStableFunc(out, func(a, b cluster) int {
		return cmp.Or(cmp.Compare(a.name, b.name), CompareServers(d.first(a), d.first(b)))
	})
	return out
}

// first is a server that tells clusters without a name apart.
func (d *Deployment) first(c cluster) ServerRef {
	if len(c.servers) > 0 {
		return d.Servers[c.servers[0]].Ref()
	}
	return c.missing[0].Ref()
}

// Ref is what tells the server from others.
func (s *Server) Ref() ServerRef { return ServerRef{ID: s.ID, Name: s.Name, Host: s.Host} }

// Ref is what tells the server from others.
func (m *Missing) Ref() ServerRef { return ServerRef{ID: m.ID, Name: m.Name, Host: m.Host} }

// CompareServers orders servers by name.
func CompareServers(a, b ServerRef) int {
	return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID), cmp.Compare(a.Host, b.Host))
}
