package profile

import (
	"cmp"
	"context"
	"net/netip"
	"slices"
	"sync"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/checks/cause"
	"github.com/nats-balance/nats-balance/internal/source"
	"github.com/nats-balance/nats-balance/internal/wire"
)

const (
	// mostClosedPages bounds how many pages of closed connections are asked for, of
	// [wire.PageSize] each: those that closed last of one account on one server.
	mostClosedPages = 256
	// mostClosed bounds what is kept of one suspect.
	mostClosed = 1024
)

// ClosedPage is a page of closed connections to ask a server for: those that
// closed last of an account, or of all where it is empty.
type ClosedPage struct{ ID, Name, Account string }

// ReadClosed adds to reports what the servers of their clusters remember of the
// closed connections of the same services, for as long as the context lasts. It
// asks for one page of each suspect's account on each server and, with everyone,
// for one of all accounts on each, which has those that were refused: a server
// does not know which account these meant. They are told by their user, and by
// their source address where there is none that other suspects use as well.
//
// A server that fails is left out: what it remembers stays unknown. Servers in
// unresponsive are not asked.
func ReadClosed(ctx context.Context, d *checks.Deployment, of []source.Suspect, reports []source.Report, everyone bool, unresponsive *sync.Map,
	read func(context.Context, ClosedPage, *wire.Decoder, func(*wire.Connection)) error) {
	all := newHistories(d, of, reports)
	pages := closedPages(d, of, everyone)
	told := make([]bool, len(pages))
	wire.Each(len(pages), Together, func(i int, dec *wire.Decoder) {
		page := pages[i]
		if _, known := unresponsive.Load(page.ID); known || ctx.Err() != nil {
			return
		}
		// What came before an error is right, see [Pages].
		err := read(ctx, page, dec, func(c *wire.Connection) { all.add(page, c) })
		told[i] = err == nil
	})
	for i := range reports {
		reports[i].Closed = all.of[i].list()
		reports[i].Remember = map[string]bool{}
		for k, page := range pages {
			if told[k] && (page.Account == of[i].Account || page.Account == "" && of[i].Account == checks.GlobalAccount) {
				reports[i].Remember[page.ID] = true
			}
		}
	}
}

// closedPages are the pages to ask for: those of everyone first, then those of
// the worst suspects.
func closedPages(d *checks.Deployment, of []source.Suspect, everyone bool) []ClosedPage {
	var out []ClosedPage
	add := func(p ClosedPage) {
		if len(out) < mostClosedPages && !slices.Contains(out, p) {
			out = append(out, p)
		}
	}
	for _, ofAll := range []bool{true, false} {
		for _, s := range of {
			if ofAll && !everyone || !ofAll && s.Account == checks.GlobalAccount {
				continue
			}
			for _, server := range d.Servers {
				switch {
				case server.Cluster != s.Cluster:
				case ofAll:
					add(ClosedPage{server.ID, server.Name, ""})
				default:
					add(ClosedPage{server.ID, server.Name, s.Account})
				}
			}
		}
	}
	return out
}

// histories are what servers remember of suspects.
type histories struct {
	of      []*history
	cluster map[string]string // by server id
	clocks  map[string]clock
	shared  map[netip.Addr]bool // addresses of several suspects' accounts

	mu sync.Mutex // guards of
}

// history is what servers remember of one suspect.
type history struct {
	source.Suspect
	services map[serviceID]bool
	users    map[string]bool
	sources  map[netip.Addr]bool
	closed   map[closedID]*checks.Closed
}

type serviceID struct{ stem, user string }

type closedID struct {
	serviceID
	server string
	reason checks.Reason
}

func newHistories(d *checks.Deployment, of []source.Suspect, reports []source.Report) *histories {
	out := &histories{cluster: map[string]string{}, clocks: map[string]clock{}, shared: map[netip.Addr]bool{}}
	for i := range d.Servers {
		s := &d.Servers[i]
		out.cluster[s.ID], out.clocks[s.ID] = s.Cluster, clockOf(s)
	}
	usedBy := map[netip.Addr]string{}
	for i, s := range of {
		h := &history{Suspect: s, services: map[serviceID]bool{}, users: map[string]bool{}, sources: map[netip.Addr]bool{}, closed: map[closedID]*checks.Closed{}}
		for _, x := range reports[i].Profile.Services {
			if !x.Remainder {
				h.services[serviceID{x.Stem, x.User}], h.users[x.User] = true, true
			}
			for _, at := range x.Sources {
				h.sources[at.Addr] = true
				if account, used := usedBy[at.Addr]; used && account != s.Account {
					out.shared[at.Addr] = true
				}
				usedBy[at.Addr] = s.Account
			}
		}
		out.of = append(out.of, h)
	}
	return out
}

// add counts a closed connection of a page.
func (all *histories) add(page ClosedPage, c *wire.Connection) {
	if len(c.Reason) == 0 || !c.Client || page.Account == "" && len(c.Account) > 0 {
		return // it is open, a leafnode's, or on the page of its account
	}
	reason := checks.Reason(c.Reason)
	all.mu.Lock()
	defer all.mu.Unlock()
	for _, h := range all.of {
		if h.Cluster != all.cluster[page.ID] || page.Account != "" && page.Account != h.Account {
			continue
		}
		id, ok := h.idOf(c)
		switch {
		case ok && page.Account == "" && h.Account != checks.GlobalAccount && !reason.BeforeLogin():
			continue // it was of no account but the global one
		case !ok && page.Account == "" && len(c.User) == 0 && reason.BeforeLogin() && h.sources[c.Addr] && !all.shared[c.Addr]:
			id = serviceID{}
		case !ok && page.Account != "" && h.users[string(c.User)] && len(c.User) > 0 && !reason.BeforeLogin():
			id = serviceID{user: string(c.User)} // a login of theirs by something else shows that the server takes it
		case !ok:
			continue
		}
		h.count(closedID{id, page.ID, reason}, c, all.clocks[page.ID])
	}
}

// idOf is the service that a closed connection was of.
func (h *history) idOf(c *wire.Connection) (serviceID, bool) {
	if !h.users[string(c.User)] {
		return serviceID{}, false
	}
	id := serviceID{cause.Stem(string(nameOf(c))), string(c.User)}
	return id, h.services[id] && (id.stem != "" || id.user != "" || h.sources[c.Addr])
}

func (h *history) count(id closedID, c *wire.Connection, at clock) {
	x := h.closed[id]
	if x == nil {
		if len(h.closed) >= mostClosed {
			return
		}
		x = &checks.Closed{Stem: id.stem, User: id.user, Server: id.server, Reason: id.reason}
		h.closed[id] = x
	}
	x.Connections++
	if began := at.here(c.Start); !began.IsZero() && (x.First.IsZero() || began.Before(x.First)) {
		x.First = began
	}
	if began := at.here(c.Start); began.After(x.Newest) {
		x.Newest = began
	}
	if ended := at.here(c.Stop); ended.After(x.Last) {
		x.Last = ended
	}
}

func (h *history) list() []checks.Closed {
	var out []checks.Closed
	for _, x := range h.closed {
		out = append(out, *x)
	}
	slices.SortFunc(out, func(a, b checks.Closed) int {
		return cmp.Or(cmp.Compare(a.Server, b.Server), cmp.Compare(a.Reason, b.Reason), cmp.Compare(a.Stem, b.Stem), cmp.Compare(a.User, b.User))
	})
	return out
}
