package fleet

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

const (
	// countsEvery is how often a server says what it has of each account, if nothing
	// changes.
	countsEvery = 30 * time.Second
	// slice is how long what a second has is put off at a time.
	slice = 10 * time.Millisecond
	// connectedFor is how long a client of [Fleet.Change] stays.
	connectedFor = time.Second
)

// Counts says what each server has of each account, as servers do every 30 seconds, until
// the context or the fleet ends. It returns how many messages that were.
func (f *Fleet) Counts(ctx context.Context) (sent int) {
	stat := newAccountStat()
	every := time.NewTicker(slice)
	defer every.Stop()
	var rows []rowOf
	for _, s := range f.model.servers {
		for _, r := range s.rows {
			if r.conns > 0 && r.account < f.model.system() {
				rows = append(rows, rowOf{s, r})
			}
		}
	}
	rand.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
	begin := time.Now()
	for {
		select {
		case <-ctx.Done():
			return sent
		case <-f.done:
			return sent
		case <-every.C:
		}
		for due := int(int64(len(rows)) * int64(time.Since(begin)) / int64(countsEvery)); sent < due; sent++ {
			f.count(rows[sent%len(rows)], 0, stat)
		}
	}
}

// Change connects so many clients a second to servers picked at random, and disconnects
// each a second later, until the context or the fleet ends. It returns how many it
// connected.
func (f *Fleet) Change(ctx context.Context, perSecond int) (connected int) {
	stat := newAccountStat()
	type due struct {
		at  time.Time
		row rowOf
		id  uint64
	}
	var leave []due
	more := map[*simServer]map[int32]uint32{} // than the model has
	at := func(r rowOf) map[int32]uint32 {
		if more[r.s] == nil {
			more[r.s] = map[int32]uint32{}
		}
		return more[r.s]
	}
	every := time.NewTicker(slice)
	defer every.Stop()
	begin := time.Now()
	stopping := false
	for !stopping || len(leave) > 0 {
		select {
		case <-f.done:
			return connected
		case <-every.C:
		}
		stopping = ctx.Err() != nil
		now := time.Now()
		for len(leave) > 0 && !now.Before(leave[0].at) {
			l := leave[0]
			leave = leave[1:]
			at(l.row)[l.row.r.account]--
			f.client(l.row, l.id, true)
			f.count(l.row, at(l.row)[l.row.r.account], stat)
		}
		for want := int(time.Since(begin).Seconds() * float64(perSecond)); !stopping && connected < want; connected++ {
			s := f.model.servers[rand.IntN(len(f.model.servers))]
			row := rowOf{s, s.rows[rand.IntN(len(s.rows))]}
			if row.r.conns == 0 || row.r.account >= f.model.system() {
				continue
			}
			id := uint64(connected) //nolint:gosec // counts up
			at(row)[row.r.account]++
			f.client(row, id, false)
			f.count(row, at(row)[row.r.account], stat)
			leave = append(leave, due{now.Add(connectedFor), row, id})
		}
	}
	return connected
}

// Probe has the first server of the first cluster say that it has so many connections of an
// account that no server reports, and returns when it did.
func (f *Fleet) Probe(account string, connections int) time.Time {
	s := f.model.servers[f.model.clusters[0].servers[0]]
	m := server.AccountNumConns{TypedEvent: f.event(server.AccountNumConnsMsgType), Server: f.info(s),
		AccountStat: server.AccountStat{Account: account, Name: account, Conns: connections, TotalConns: connections}}
	f.tell(s, "$SYS.ACCOUNT."+account+".SERVER.CONNS", &m)
	return m.Time
}

// rowOf is what a server has of an account.
type rowOf struct {
	s *simServer
	r row
}

func (f *Fleet) event(of string) server.TypedEvent {
	return server.TypedEvent{Type: of, ID: fmt.Sprintf("%022d", rand.Uint64()), Time: time.Now().UTC()}
}

// tell publishes an event of a server.
func (f *Fleet) tell(s *simServer, subject string, v any) {
	if b, err := json.Marshal(v); err == nil {
		_ = f.conns[s.index%len(f.conns)].publish(subject, b, encodingPlain) // fails only when the fleet stops
	}
}

// count says what a server has of an account, with so many connections more than the
// model says.
func (f *Fleet) count(r rowOf, more uint32, stat *accountStat) {
	now := r.r
	now.conns += more
	f.model.stat(stat, r.s.index, now)
	f.tell(r.s, "$SYS.ACCOUNT."+stat.Account+".SERVER.CONNS",
		&server.AccountNumConns{TypedEvent: f.event(server.AccountNumConnsMsgType), Server: f.info(r.s), AccountStat: stat.AccountStat})
}

// client says that a client of an account came to a server, or left it.
func (f *Fleet) client(r rowOf, id uint64, left bool) {
	account := f.model.accounts[r.r.account].ID
	start := time.Now().UTC()
	c := server.ClientInfo{Start: &start, Host: privateIP(id), ID: id, Account: account, User: account[:8], Name: fmt.Sprintf("service-%d-%d", r.r.account%50, id%1000),
		Lang: "go", Version: "1.55.0", Kind: "Client", ClientType: "nats", RTT: time.Millisecond}
	if !left {
		f.tell(r.s, "$SYS.ACCOUNT."+account+".CONNECT",
			&server.ConnectEventMsg{TypedEvent: f.event(server.ConnectEventMsgType), Server: f.info(r.s), Client: c})
		return
	}
	c.Stop = &start
	f.tell(r.s, "$SYS.ACCOUNT."+account+".DISCONNECT",
		&server.DisconnectEventMsg{TypedEvent: f.event(server.DisconnectEventMsgType), Server: f.info(r.s), Client: c, Reason: "Client Closed"})
}
