package fleet

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// appendConnz appends a server's CONNZ reply. Pages in the order of connection
// ids, with or without an account, are made straight from the numbers of the
// connections on the page; any other request goes through real structs.
func (c *conn) appendConnz(b []byte, s *simServer, o *server.ConnzOptions) ([]byte, error) {
	m := c.f.model
	z := &server.Connz{Now: time.Now().UTC(), Offset: max(0, o.Offset), Limit: o.Limit}
	if z.Limit <= 0 {
		z.Limit = server.DefaultConnListSize
	}
	if err := checkConnz(o); err != nil {
		return b, err
	}
	if o.CID > 0 {
		z.Limit = 1
	}
	si := c.f.info(s)
	reply := &server.ServerAPIResponse{Server: &si, Data: z}
	var nums []uint32 // of the account's connections, ascending
	total := s.clients + s.leafs
	if o.Account != "" {
		a, ok := m.knows(s, o.Account)
		if !ok { // a server says just this, without its id and with null for connections
			return appendJSON(b, reply)
		}
		nums = s.accountConns(s.row(a))
		total = len(nums)
	}
	z.ID, z.Conns = s.id, []*server.ConnInfo{}
	if o.State != server.ConnClosed {
		z.Total = total
	}
	if o.State == server.ConnClosed || total == 0 {
		return appendJSON(b, reply)
	}
	number := func(i int) uint32 {
		if nums != nil {
			return nums[i]
		}
		return uint32(i)
	}
	plainOrder := o.Sort == "" || o.Sort == server.ByCid || o.Sort == server.ByStart
	if !plainOrder || o.CID > 0 || o.User != "" || o.MQTTClient != "" || o.FilterSubject != "" || o.SubscriptionsDetail {
		c.pickConns(z, s, o, total, number)
		return appendJSON(b, reply)
	}
	from := min(z.Offset, total)
	to := from + min(z.Limit, total-from)
	z.NumConns = to - from
	b, err := appendJSON(b, reply)
	if err != nil {
		return b, err
	}
	b = b[:len(b)-len(rowsEnd)]
	var ci server.ConnInfo
	for i := from; i < to; i++ {
		if i > from {
			b = append(b, ',')
		}
		m.conn(&ci, s, number(i), z.Now, o.Username, o.Subscriptions)
		b = appendConnInfo(b, &ci)
	}
	return append(b, rowsEnd...), nil
}

// checkConnz says what the server does of options that it refuses.
func checkConnz(o *server.ConnzOptions) error {
	switch {
	case o.Sort != "" && !o.Sort.IsValid():
		return fmt.Errorf("invalid sorting option: %s", o.Sort)
	case (o.Sort == server.ByStop || o.Sort == server.ByReason) && o.State != server.ConnClosed:
		return fmt.Errorf("sort by %s only valid on closed connections", o.Sort)
	case o.FilterSubject != "" && o.FilterSubject != ">" && o.Account == "":
		return fmt.Errorf("filter by subject only valid with account filtering")
	}
	return nil
}

// pickConns fills z with the connections that the filters leave, sorted.
func (c *conn) pickConns(z *server.Connz, s *simServer, o *server.ConnzOptions, total int, number func(int) uint32) {
	var all []*server.ConnInfo
	for i := range total {
		ci := &server.ConnInfo{}
		c.f.model.conn(ci, s, number(i), z.Now, true, true)
		if o.CID > 0 && ci.Cid != o.CID || o.User != "" && ci.AuthorizedUser != o.User ||
			o.MQTTClient != "" && ci.MQTTClient != o.MQTTClient || !collides(o.FilterSubject, ci.Subs) {
			continue
		}
		if o.SubscriptionsDetail {
			for i, subject := range ci.Subs {
				ci.SubsDetail = append(ci.SubsDetail, server.SubDetail{Subject: subject,
					Sid: strconv.Itoa(i + 1), Cid: ci.Cid})
			}
		}
		if o.SubscriptionsDetail || !o.Subscriptions {
			ci.Subs = nil
		}
		if !o.Username {
			ci.AuthorizedUser, ci.Account, ci.IssuerKey, ci.NameTag = "", "", "", ""
		}
		all = append(all, ci)
	}
	sortConns(all, o.Sort)
	from := min(z.Offset, len(all))
	z.Conns = append(z.Conns, all[from:from+min(z.Limit, len(all)-from)]...)
	z.NumConns = len(z.Conns)
}

// collides says whether one of the subjects overlaps with the filter.
func collides(filter string, subjects []string) bool {
	return filter == "" || filter == ">" || slices.ContainsFunc(subjects, func(subject string) bool {
		return server.SubjectsCollide(filter, subject)
	})
}

// sortConns sorts as the server does: descending but for connection ids, the
// order the list comes in, and uptime, where the youngest is first.
func sortConns(all []*server.ConnInfo, by server.SortOpt) {
	var key func(*server.ConnInfo) int64
	switch by {
	case server.BySubs:
		key = func(c *server.ConnInfo) int64 { return int64(c.NumSubs) }
	case server.ByOutMsgs:
		key = func(c *server.ConnInfo) int64 { return c.OutMsgs }
	case server.ByInMsgs:
		key = func(c *server.ConnInfo) int64 { return c.InMsgs }
	case server.ByOutBytes:
		key = func(c *server.ConnInfo) int64 { return c.OutBytes }
	case server.ByInBytes:
		key = func(c *server.ConnInfo) int64 { return c.InBytes }
	case server.ByLast:
		key = func(c *server.ConnInfo) int64 { return c.LastActivity.UnixNano() }
	case server.ByIdle:
		key = func(c *server.ConnInfo) int64 { return -c.LastActivity.UnixNano() }
	case server.ByUptime:
		key = func(c *server.ConnInfo) int64 { return c.Start.UnixNano() }
	case server.ByRTT:
		key = func(c *server.ConnInfo) int64 {
			d, _ := time.ParseDuration(c.RTT) // written by Duration.String
			return int64(d)
		}
	default: // ids and start times ascend together; nothing is pending
		return
	}
	slices.SortStableFunc(all, func(a, b *server.ConnInfo) int { return cmp.Compare(key(b), key(a)) })
}

// accountConns are the numbers of a row's connections, ascending.
func (s *simServer) accountConns(r row) []uint32 {
	nums := make([]uint32, 0, r.conns+r.leafs)
	for i := range r.conns + r.leafs {
		nums = append(nums, uint32(uint64(r.first+i)*s.back%uint64(s.clients+s.leafs)))
	}
	slices.Sort(nums)
	return nums
}
