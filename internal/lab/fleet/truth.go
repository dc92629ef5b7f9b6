package fleet

import (
	"time"

	"github.com/nats-balance/nats-balance/internal/lab"
)

// Truth is what a fleet's servers have: what an audit of it must find. It
// leaves out the carrier's connections (the fleet's own and the auditor's), the
// system account's, and whatever faults hide.
type Truth struct {
	SystemAccount string    // name of the system account, on every server
	CarrierID     string    // id of the real server that carries the fleet: the one more that answers
	CarrierName   string    // its name; it is in no cluster
	Accounts      []Account // the system account and $G are not in it
	Clusters      []string  // names
	Servers       []Server  // in the order of the indexes that the fault methods take
	Skewed        []Skew    // every account that has over 70% on one server of a cluster with 3 or more
}

// Account is one account of a fleet.
type Account struct {
	ID   string // nkey-like, 56 characters
	Name string // the name tag
}

// Server is one simulated server.
type Server struct {
	ID, Name, Host, Cluster string
	Port                    int
	Tags                    []string
	Start                   time.Time
	MaxConnections          int
	Connections             int // client connections, without the system account's
	SystemConnections       int // client connections of the system account
	Leafnodes               int
	Accounts                []AccountRow // accounts with a connection or a leafnode here
}

// AccountRow is what a server has of an account.
type AccountRow struct {
	Account       int // index into Truth.Accounts
	Connections   int // client connections
	Leafnodes     int
	Subscriptions int
}

// Skew is one account that a fleet concentrates on purpose.
type Skew struct {
	Account     string // id
	Cluster     string
	Server      string // id
	Connections int    // of the account in the cluster
	OnServer    int    // of these on the server: over 70%
}

// Truth returns a copy of what the fleet has. For millions of rows it takes
// tens of milliseconds and 32 bytes a row.
func (f *Fleet) Truth() Truth {
	m := f.model
	t := Truth{SystemAccount: lab.SystemAccount, CarrierID: f.carrier.ID(), CarrierName: f.carrier.Name(),
		Accounts: append([]Account(nil), m.accounts[:m.size.Accounts]...)}
	for _, c := range m.clusters {
		t.Clusters = append(t.Clusters, c.name)
	}
	for _, s := range m.servers {
		fs := Server{ID: s.id, Name: s.name, Host: s.host, Cluster: m.clusters[s.cluster].name, Port: s.port,
			Tags: append([]string(nil), s.tags...), Start: s.start, MaxConnections: s.maxConn,
			Connections: s.clients, Leafnodes: s.leafs, Accounts: make([]AccountRow, 0, len(s.rows))}
		for _, r := range s.rows {
			if r.account == m.system() {
				fs.SystemConnections += int(r.conns)
				fs.Connections -= int(r.conns)
				continue
			}
			fs.Accounts = append(fs.Accounts, AccountRow{Account: int(r.account), Connections: int(r.conns),
				Leafnodes: int(r.leafs), Subscriptions: int(m.rowSubs(s.index, r))})
		}
		t.Servers = append(t.Servers, fs)
	}
	for _, sk := range m.skewed {
		if m.clusterSize(sk.Cluster) >= 3 {
			t.Skewed = append(t.Skewed, sk)
		}
	}
	return t
}

// clusterSize is how many servers a cluster has.
func (m *model) clusterSize(name string) int {
	for _, c := range m.clusters {
		if c.name == name {
			return len(c.servers)
		}
	}
	return 0
}
