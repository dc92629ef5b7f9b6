package fleet

import (
	"slices"
	"sort"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// wholeStatz says whether the reply is every account with a connection, the
// one that is kept compressed.
func (r *request) wholeStatz() bool {
	return len(r.statz.Accounts) == 0 && !r.statz.IncludeUnused
}

// appendStatzHead appends a STATZ reply up to its first row.
func (c *conn) appendStatzHead(b []byte, s *simServer) ([]byte, error) {
	si := c.f.info(s)
	b, err := appendJSON(b, &server.ServerAPIResponse{Server: &si, Data: &server.AccountStatz{
		ID: s.id, Now: time.Now().UTC(), Accounts: []*server.AccountStat{}}})
	return b[:max(0, len(b)-len(rowsEnd))], err
}

// packedStatz is the compressed reply with every account: the head is made
// anew, so that time and sequence are right, the rows are those kept. A snappy
// stream is a sequence of independent chunks, so the two just follow each other.
func (c *conn) packedStatz(s *simServer) ([]byte, error) {
	if len(s.rows) == 0 {
		return nil, errSkip
	}
	head, err := c.appendStatzHead(c.buf[:0], s)
	if err != nil {
		return nil, err
	}
	c.buf = append(head, c.packer.snappy(head)...)
	c.buf = append(c.buf, s.body...)
	return c.buf[len(head):], nil
}

// appendStatz appends the plain reply to any STATZ request.
func (c *conn) appendStatz(b []byte, s *simServer, req *request) ([]byte, error) {
	if req.wholeStatz() {
		if len(s.rows) == 0 {
			return b, errSkip
		}
		b, err := c.appendStatzHead(b, s)
		return c.f.model.appendRows(b, c.stat, s), err
	}
	rows := c.f.model.statzRows(s, &req.statz.AccountStatzOptions)
	if len(rows) == 0 && !req.statz.IncludeUnused {
		return b, errSkip
	}
	b, err := c.appendStatzHead(b, s)
	for i, r := range rows {
		if i > 0 {
			b = append(b, ',')
		}
		c.f.model.stat(c.stat, s.index, r)
		b = appendAccountStat(b, &c.stat.AccountStat)
	}
	return append(b, rowsEnd...), err
}

// statzRows picks the rows that the server's AccountStatz would.
func (m *model) statzRows(s *simServer, o *server.AccountStatzOptions) []row {
	if len(o.Accounts) == 0 { // then unused ones are wanted: every account that the server knows
		known := m.clusters[s.cluster].accounts
		n := uint64(len(known))
		rows := make([]row, 0, n)
		step, _ := stride(n, mix(uint64(s.index)))
		for i, at := uint64(0), uint64(0); i < n; i, at = i+1, at+step {
			rows = append(rows, s.row(known[at%n]))
		}
		return rows
	}
	var rows []row
	for _, id := range o.Accounts {
		if a, ok := m.knows(s, id); ok {
			if r := s.row(a); o.IncludeUnused || r.conns+r.leafs > 0 {
				rows = append(rows, r)
			}
		}
	}
	return rows
}

// knows says whether a server has heard of an account: any of its cluster has,
// since routes and gateways tell. It returns the account's number.
func (m *model) knows(s *simServer, id string) (int32, bool) {
	a, ok := m.byID[id]
	if !ok {
		return 0, false
	}
	_, ok = slices.BinarySearch(m.clusters[s.cluster].accounts, a)
	return a, ok || s.row(a).conns > 0
}

// row is what the server has of an account, zeros if nothing.
func (s *simServer) row(a int32) row {
	i := sort.Search(len(s.rows), func(i int) bool { return s.rows[i].account >= a })
	if i < len(s.rows) && s.rows[i].account == a {
		return s.rows[i]
	}
	return row{account: a}
}
