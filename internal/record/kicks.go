package record

import (
	"cmp"
	"slices"
	"time"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/checks/cause"
	"github.com/nats-balance/nats-balance/internal/wire"
)

const (
	// kicksEnd is how long nobody of an account is kicked from a server until it is told
	// how many were, and kicksLast how long that is awaited.
	kicksEnd, kicksLast = 5 * time.Second, time.Minute
	// mostKicks bounds of how many accounts on servers kicks are counted at a time, and
	// mostKickedServices of how many services each.
	mostKicks, mostKickedServices = 20_000, 64
)

// kickKey is an account on a server, by their ids.
type kickKey struct{ account, server string }

// kicks are connections of an account that a server closed since somebody asked it to:
// a rebalance, by this program or by another one. Who asked is not in the event.
type kicks struct {
	server      checks.ServerRef
	cluster     string
	first, last time.Time
	count       int
	services    map[string]int
}

// kick counts a connection that was kicked.
func (w *Watch) kick(e wire.ClientEvent, cluster string, now time.Time) {
	key := kickKey{e.Account, e.From.ID}
	k := w.kicked[key]
	if k == nil {
		if len(w.kicked) >= mostKicks {
			w.moves.dropped++
			return
		}
		k = &kicks{server: checks.ServerRef{ID: e.From.ID, Name: e.From.Name, Host: e.From.Host}, cluster: cluster, first: now, services: map[string]int{}}
		w.kicked[key] = k
	}
	k.count, k.last = k.count+1, now
	service := cause.Stem(cmp.Or(e.Name, e.MQTTClient))
	if _, known := k.services[service]; !known && len(k.services) >= mostKickedServices {
		service = ""
	}
	k.services[service]++
}

// tellKicked tells of kicks that ended, or go on for long; of all there are where
// nothing is seen any more.
func (w *Watch) tellKicked(now time.Time, all bool) {
	var told []Change
	for key, k := range w.kicked {
		if !all && now.Sub(k.last) < kicksEnd && now.Sub(k.first) < kicksLast {
			continue
		}
		delete(w.kicked, key)
		c := Change{Kind: Kicked, Time: now, Since: k.first, Cluster: k.cluster, Server: k.server, Count: k.count, Account: checks.Account{ID: key.account, Name: key.account}}
		if a, known := w.m.byAccount[key.account]; known {
			c.Account = w.m.accounts[a].Account
		}
		for service, n := range k.services {
			c.Moves = append(c.Moves, Move{Left: true, Service: service, Server: k.server, Reason: checks.ReasonKicked, Count: n})
		}
		slices.SortFunc(c.Moves, func(a, b Move) int {
			return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Service, b.Service))
		})
		c.Moves = c.Moves[:min(len(c.Moves), shownMoves)]
		told = append(told, c)
	}
	slices.SortFunc(told, func(a, b Change) int {
		return cmp.Or(a.Since.Compare(b.Since), cmp.Compare(a.Account.ID, b.Account.ID), checks.CompareServers(a.Server, b.Server))
	})
	w.out = append(w.out, told...)
}
