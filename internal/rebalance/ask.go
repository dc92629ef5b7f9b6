package rebalance

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
)

const (
	subjectKick  = "$SYS.REQ.SERVER.%s.KICK"  // server id
	subjectConnz = "$SYS.REQ.SERVER.%s.CONNZ" // server id
	subjectVarz  = "$SYS.REQ.SERVER.%s.VARZ"  // server id
	subjectStatz = "$SYS.REQ.ACCOUNT.PING.STATZ"
	// together is how many servers or connections are asked for at once.
	together = 8
	// longestReply is the size in bytes from which on a reply is not read. A
	// VARZ has some 10 KiB.
	longestReply = 1 << 20
	// mostServers bounds how many servers of a cluster are listened to.
	mostServers = 10_000
)

// What is used of the answers to STATZ, CONNZ and VARZ.
type (
	statz struct {
		Accounts []struct {
			Account string `json:"acc"`
			Conns   int    `json:"conns"`
		} `json:"account_statz"`
	}
	connz struct {
		Conns []struct {
			CID     uint64 `json:"cid"`
			Kind    string `json:"kind"`
			Account string `json:"account"`
		} `json:"connections"`
	}
	varz struct {
		Connections int     `json:"connections"`
		Max         int     `json:"max_connections"`
		Slow        int64   `json:"slow_consumers"`
		CPU         float64 `json:"cpu"`
		Cores       int     `json:"cores"`
		Procs       int     `json:"gomaxprocs"`
	}
)

// errNobody is that the server is gone: nobody listens to what it is asked.
var errNobody = errors.New("the server is gone")

// errSilent is that no answer came in time.
var errSilent = errors.New("no answer in time")

// reply is what all replies of a server have in common.
type reply[T any] struct {
	Server struct {
		ID string `json:"id"`
	} `json:"server"`
	Data  *T `json:"data"`
	Error *struct {
		Code        int    `json:"code"`
		Description string `json:"description"`
	} `json:"error"`
}

// ask asks one server, for as long as patience says. The server's own error is
// in the reply.
func ask[T any](ctx context.Context, nc *nats.Conn, patience time.Duration, subject, id string, body any) (*reply[T], error) {
	data, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	asking, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	m, err := nc.RequestWithContext(asking, fmt.Sprintf(subject, id), data)
	switch {
	case err == nil:
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case errors.Is(err, nats.ErrNoResponders):
		return nil, errNobody
	case errors.Is(err, context.DeadlineExceeded):
		return nil, errSilent
	default:
		return nil, err
	}
	r, err := decode[T](m.Data)
	if err == nil && r.Server.ID != id {
		err = errors.New("the answer is from another server")
	}
	return r, err
}

// decode reads a reply.
func decode[T any](data []byte) (*reply[T], error) {
	if len(data) > longestReply {
		return nil, errors.New("the answer is larger than 1 MiB")
	}
	var r reply[T]
	if json.Unmarshal(data, &r) != nil {
		return nil, errors.New("the answer can't be read")
	}
	return &r, nil
}

// kick closes a connection, if it is still one of the account's clients. The
// second result says why it was not closed.
func kick(ctx context.Context, nc *nats.Conn, patience time.Duration, account string, m Move) (Outcome, string) {
	// The account filter of CONNZ does not hold with an id on every server
	// version, so the answer is compared.
	found, err := ask[connz](ctx, nc, patience, subjectConnz, m.Server, map[string]any{"cid": m.ID, "auth": true})
	switch {
	case err != nil:
		return failed(err)
	case found.Error != nil:
		return Refused, found.Error.Description
	case found.Data == nil || len(found.Data.Conns) == 0:
		return Gone, ""
	}
	c := found.Data.Conns[0]
	const global = "$G" // left out in the answer
	if owner := cmp.Or(c.Account, global); c.CID != m.ID || owner != account || c.Kind != "Client" {
		return Refused, "it is not a client of the account any more"
	}
	if own, err := nc.GetClientID(); err == nil && own == m.ID && nc.ConnectedServerId() == m.Server {
		return Refused, "it is the connection of this program"
	}
	done, err := ask[json.RawMessage](ctx, nc, patience, subjectKick, m.Server, map[string]any{"cid": m.ID})
	switch {
	case err != nil:
		return failed(err)
	case done.Error != nil:
		return Gone, done.Error.Description // the only error that there is: no such client
	}
	return Kicked, ""
}

func failed(err error) (Outcome, string) {
	if f := (*forbiddenError)(nil); errors.As(err, &f) {
		return Refused, err.Error()
	}
	return NoAnswer, err.Error()
}

// held asks how many client connections the account has on each server of the
// cluster, by server id. It returns when all of the plan have answered, and
// what came when patience is over.
func held(ctx context.Context, nc *nats.Conn, patience time.Duration, account, cluster string, servers []Place) (map[string]int, error) {
	// More than the servers of a cluster, so that nothing is dropped.
	replies := make(chan *nats.Msg, 4096)
	inbox := nc.NewInbox()
	sub, err := nc.ChanSubscribe(inbox, replies)
	if err != nil {
		return nil, err
	}
	defer func() { _ = sub.Unsubscribe() }() // fails only where the connection is gone
	body, err := json.Marshal(map[string]any{"accounts": []string{account}, "cluster": cluster, "exact_match": true, "include_unused": true})
	if err != nil {
		return nil, err
	}
	if err := nc.PublishRequest(subjectStatz, inbox, body); err != nil {
		return nil, err
	}
	waiting := map[string]bool{}
	for _, s := range servers {
		waiting[s.ID] = true
	}
	counts := map[string]int{}
	over := time.NewTimer(patience)
	defer over.Stop()
	for len(waiting) > 0 {
		select {
		case m := <-replies:
			r, err := decode[statz](m.Data)
			if err != nil || r.Server.ID == "" || r.Data == nil || len(counts) == mostServers {
				continue
			}
			counts[r.Server.ID] = 0
			for _, a := range r.Data.Accounts {
				if a.Account == account {
					counts[r.Server.ID] = max(0, a.Conns)
				}
			}
			delete(waiting, r.Server.ID)
		case <-over.C:
			return counts, nil
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
	return counts, nil
}

// health is how a server is.
type health struct {
	connections, limit int
	slow               int64
	cpu                float64 // percent of the processors that it may use
}

// healths asks every server how it is; one that does not answer is left out.
func healths(ctx context.Context, nc *nats.Conn, patience time.Duration, servers []Place) map[string]health {
	out := map[string]health{}
	var mu sync.Mutex
	each(servers, func(s Place) {
		r, err := ask[varz](ctx, nc, patience, subjectVarz, s.ID, struct{}{})
		if err != nil || r.Data == nil {
			return
		}
		v, procs := r.Data, r.Data.Cores
		if v.Procs > 0 {
			procs = v.Procs
		}
		mu.Lock()
		defer mu.Unlock()
		out[s.ID] = health{connections: v.Connections, limit: v.Max, slow: v.Slow, cpu: v.CPU / float64(max(1, procs))}
	})
	return out
}

// each does something with all servers, a few at a time.
func each(servers []Place, do func(Place)) {
	var wg sync.WaitGroup
	free := make(chan struct{}, together)
	for _, s := range servers {
		free <- struct{}{}
		wg.Go(func() {
			defer func() { <-free }()
			do(s)
		})
	}
	wg.Wait()
}
