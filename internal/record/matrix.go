package record

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/nats-balance/nats-balance/checks"
)

const (
	// mostAccounts and mostServers are how many there can be: events may claim
	// anything.
	mostAccounts = 2_000_000
	mostServers  = 100_000
)

// pairKey is an account in a cluster.
type pairKey struct {
	account uint32
	cluster string
}

// matrix is what every account has on every server. It remembers what changed since
// it was last judged: accounts in clusters, and whole clusters.
type matrix struct {
	servers   []server
	free      []uint32 // of servers, to be used again
	byID      map[string]uint32
	accounts  []account
	byAccount map[string]uint32
	cells     int

	// round counts the full reports that were asked for. What an event says after
	// a report was asked for is newer than the report.
	round   uint32
	changed map[pairKey]struct{}
	moved   map[string]struct{} // clusters whose servers changed
}

// server is a row. One without an id is free.
type server struct {
	checks.ServerRef
	life
	cluster  string
	draining bool
	// replaced is that another process of the server runs, which began after this one was
	// last heard of: it does not count.
	replaced bool
	// unknown is that what it has is not known: it answers again, and was not in a full
	// report since.
	unknown bool
	// unreported is that what it has is not known as it started, see [unreported].
	unreported  *unreported
	seq         uint64    // of its last count
	looked      time.Time // when it was last asked for its global account
	connections int       // of clients, of all accounts
	events      uint64    // that changed its row
	heartbeat   heartbeat
}

// counts reports whether it is a server's process, and not a former one.
func (s *server) counts() bool { return s.ID != "" && !s.replaced }

// account is a column. Its cells are in the order of their servers' numbers.
type account struct {
	checks.Account
	cells []cell
	ended []ended
	rose  time.Time // when an event last said that more of its clients are on a server
	rises []rise    // by how many, of late
}

// cell is what an account has on a server.
type cell struct {
	server          uint32
	clients, leaves uint32
	touched         uint32 // the round of its last event
	reported        uint32 // the round of its last report
}

func newMatrix() *matrix {
	return &matrix{byID: map[string]uint32{}, byAccount: map[string]uint32{}, changed: map[pairKey]struct{}{}, moved: map[string]struct{}{}}
}

// account returns the number of an account, which gets one if it has none.
func (m *matrix) account(id, name string) (uint32, bool) {
	if a, ok := m.byAccount[id]; ok {
		if name != "" {
			m.accounts[a].Name = name
		}
		return a, true
	}
	if len(m.accounts) >= mostAccounts {
		return 0, false
	}
	a := uint32(len(m.accounts)) //nolint:gosec // in range
	m.accounts = append(m.accounts, account{Account: checks.Account{ID: id, Name: cmp.Or(name, id)}})
	m.byAccount[id] = a
	return a, true
}

// addServer adds a row; nil where there are more than there can be.
func (m *matrix) addServer(ref checks.ServerRef, cluster string) *server {
	at := uint32(len(m.servers)) //nolint:gosec // in range
	switch {
	case len(m.byID) >= mostServers:
		return nil
	case len(m.free) > 0:
		at = m.free[len(m.free)-1]
		m.free = m.free[:len(m.free)-1]
	default:
		m.servers = append(m.servers, server{})
	}
	m.servers[at] = server{ServerRef: ref, cluster: cluster}
	m.byID[ref.ID] = at
	m.moved[cluster] = struct{}{}
	return &m.servers[at]
}

// removeServer removes a row, with all that is in it.
func (m *matrix) removeServer(id string) {
	at, ok := m.byID[id]
	if !ok {
		return
	}
	for a := range m.accounts {
		cells := m.accounts[a].cells
		if i, found := find(cells, at); found {
			m.accounts[a].cells = slices.Delete(cells, i, i+1)
			m.cells--
			m.changed[pairKey{uint32(a), m.servers[at].cluster}] = struct{}{} //nolint:gosec // in range
		}
	}
	m.moved[m.servers[at].cluster] = struct{}{}
	m.servers[at] = server{}
	delete(m.byID, id)
	m.free = append(m.free, at)
}

// server returns the row of an id; nil where there is none.
func (m *matrix) server(id string) *server {
	if at, ok := m.byID[id]; ok {
		return &m.servers[at]
	}
	return nil
}

func find(cells []cell, server uint32) (int, bool) {
	return slices.BinarySearchFunc(cells, server, func(c cell, s uint32) int { return cmp.Compare(c.server, s) })
}

// at returns the cell of an account on a server, which it adds if there is none.
func (m *matrix) at(a, s uint32) *cell {
	cells := &m.accounts[a].cells
	i, found := find(*cells, s)
	if !found {
		*cells = slices.Insert(*cells, i, cell{server: s})
		m.cells++
	}
	return &(*cells)[i]
}

// clients is how many connections of clients an account has on a server.
func (m *matrix) clients(a uint32, server string) int {
	s, ok := m.byID[server]
	if !ok {
		return 0
	}
	i, found := find(m.accounts[a].cells, s)
	if !found {
		return 0
	}
	return int(m.accounts[a].cells[i].clients)
}

// put sets a cell, and reports whether that changed it.
func (m *matrix) put(a uint32, c *cell, clients, leaves uint32) bool {
	if c.clients == clients && c.leaves == leaves {
		return false
	}
	m.servers[c.server].connections += int(clients) - int(c.clients)
	c.clients, c.leaves = clients, leaves
	m.changed[pairKey{a, m.servers[c.server].cluster}] = struct{}{}
	return true
}

// prune removes cells of nothing, which no report that is under way can need.
func (m *matrix) prune() {
	m.cells = 0
	for a := range m.accounts {
		m.accounts[a].cells = slices.DeleteFunc(m.accounts[a].cells, func(c cell) bool { return c.clients == 0 && c.leaves == 0 })
		m.cells += len(m.accounts[a].cells)
	}
}

// correction is what a full report differed in.
type correction struct {
	counts, connections int // cells, and the sum of what they were off
	unsettled           int // cells of which an event said something else meanwhile
}

// correct sets the rows of the servers that reported. What events said since the
// report was asked for stays.
//
// It goes through them in the order of their numbers, and looks each account up once: a
// large fleet has millions of cells.
func (m *matrix) correct(d *checks.Deployment) correction {
	var c correction
	reported := map[uint32][]checks.Usage{}
	for i := range d.Servers {
		if s, ok := m.byID[d.Servers[i].ID]; ok {
			reported[s] = d.Servers[i].Usage
		}
	}
	columns := make([]column, len(d.Accounts))
	for _, x := range d.Accounts {
		if !x.System {
			continue
		}
		// A report leaves out the connections of who asks, and may have no other ones of it.
		if a, has := m.account(x.ID, x.Name); has {
			m.accounts[a].System = true
		}
	}
	for _, s := range slices.Sorted(maps.Keys(reported)) {
		for _, u := range reported[s] {
			x := &columns[u.Account]
			if !x.known {
				x.known = true
				x.account, x.has = m.account(d.Accounts[u.Account].ID, d.Accounts[u.Account].Name)
			}
			if !x.has {
				continue
			}
			to := m.next(x, s)
			to.reported = m.round
			c.settle(m, x.account, to, u.Connections, u.Leafnodes)
		}
	}
	for a := range m.accounts {
		for i := range m.accounts[a].cells {
			to := &m.accounts[a].cells[i]
			if to.reported == m.round {
				continue
			}
			if _, ok := reported[to.server]; ok {
				c.settle(m, uint32(a), to, 0, 0) //nolint:gosec // in range
			}
		}
	}
	m.prune()
	return c
}

// column is an account of a report, while its rows are taken in one after the other.
type column struct {
	known, has bool // it was looked up, and there is one
	account    uint32
	at         int // where its cell of the last server is
}

// next is [matrix.at] of a server with no lower number than the last one.
func (m *matrix) next(x *column, server uint32) *cell {
	cells := &m.accounts[x.account].cells
	for x.at < len(*cells) && (*cells)[x.at].server < server {
		x.at++
	}
	if x.at == len(*cells) || (*cells)[x.at].server != server {
		*cells = slices.Insert(*cells, x.at, cell{server: server})
		m.cells++
	}
	return &(*cells)[x.at]
}

func (c *correction) settle(m *matrix, a uint32, to *cell, clients, leaves uint32) {
	was := *to
	if was.clients == clients && was.leaves == leaves {
		return
	}
	if m.accounts[a].System && was.touched > 0 {
		return // a report leaves out the connections of who asks for it, and events do not
	}
	if was.touched == m.round {
		c.unsettled++
		return
	}
	m.put(a, to, clients, leaves)
	if m.accounts[a].System { // which is not judged
		return
	}
	c.counts++
	c.connections += max(int(was.clients), int(clients)) - min(int(was.clients), int(clients))
}
