package remedy

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/checks/cause"
	"github.com/nats-balance/nats-balance/internal/words"
)

// facts are what several remedies need of a diagnosis, worked out once.
type facts struct {
	Input
	f       checks.Finding // with what follows from the causes
	d       *checks.Deployment
	members []*checks.Server // of the cluster, that reported, by name
	lists   []cause.List     // those that may be this account's
	hints   bool             // no client is known to use them
	unknown bool             // no root cause is known
	places  []place
	gaps    string // protocols of the unserved connections
	// name and server's name for sentences, and whether Flags can be pasted.
	account, here string
}

func newFacts(in Input) *facts {
	x := &facts{Input: in, f: in.Finding, d: in.Deployment}
	if !words.IsPrintable(x.Flags) {
		x.Flags = ""
	}
	if !words.IsPrintable(x.Again) {
		x.Again = ""
	}
	if !words.IsPrintable(x.ListFlags) {
		x.ListFlags = ""
	}
	if !words.IsPrintable(x.Expect) {
		x.Expect = ""
	}
	x.Tool = cmp.Or(x.Tool, "nats-balance")
	x.f.Impact.FailOver, x.f.Priority = in.FailOver, in.Priority
	x.gaps = strings.Join(in.Unserved.Protocols, " or ")
	x.members = append([]*checks.Server{x.Server}, x.Others...)
	slices.SortFunc(x.members, func(a, b *checks.Server) int { return checks.CompareServers(a.Ref(), b.Ref()) })
	x.account, x.here = shown(cmp.Or(x.f.Account.Name, x.f.Account.ID)), shown(cmp.Or(x.Server.Name, x.Server.ID))
	x.lists = x.Own
	if len(x.lists) == 0 {
		x.lists, x.hints = x.Hints, true
	}
	x.places = x.findPlaces()
	return x
}

// strong reports whether a cause is confirmed or likely.
func (x *facts) strong(code cause.Code) bool { return x.Cause(code).Verdict.Strong() }

// servers is how many the cluster is known to have.
func (x *facts) servers() int { return len(x.members) + x.Missing }

// evenShare is what each server that reported has of the account if it is spread
// evenly over these, as the rebalancer spreads it.
func (x *facts) evenShare() int {
	return checks.EvenShare(x.f.Connections, len(x.members))
}

// excess is how many connections of the account the rebalancer moves for that, and
// the servers that they leave: the concentrated one, and others that have more than
// an even share, as where one joined after the clients had connected. Where services get
// to some of the servers only, what is even is so on these; where some come back, it moves
// others alone.
func (x *facts) excess() (moves int, off []string) {
	var counts, at []int // at are indexes of members
	for _, s := range x.f.Distribution {
		m := slices.IndexFunc(x.members, func(m *checks.Server) bool { return m.ID == s.Server.ID })
		if s.Connections != nil && m >= 0 {
			counts, at = append(counts, *s.Connections), append(at, m)
		}
	}
	over := checks.OverEven(counts)
	if blocks := x.confined(counts, at); blocks != nil {
		for m, share := range checks.Level(blocks, len(x.members), []float64{math.Inf(1)}) {
			i := slices.Index(at, m)
			over[i] = max(0, counts[i]-checks.WholeShare(share))
		}
	}
	if _, apart := x.parts(); apart {
		for i, n := range x.staying() {
			if k := slices.Index(at, i); k >= 0 {
				over[k] = min(over[k], max(0, counts[k]-n))
			}
		}
	}
	for i, n := range over {
		if n > 0 {
			moves += n
			off = append(off, shown(cmp.Or(x.members[at[i]].Name, x.members[at[i]].ID)))
		}
	}
	return moves, off
}

// confined are the clients by where they get to, as the rebalancer has it, where the
// members have so many; nil where none are known to get to several servers and not to all.
func (x *facts) confined(counts, members []int) []*checks.Confined {
	if len(members) < len(x.members) || len(x.Own) == 0 && !slices.ContainsFunc(x.Lists, func(l checks.URLList) bool { return !l.Hint }) {
		return nil
	}
	rest := &checks.Confined{}
	for i, n := range counts {
		rest.To, rest.N = append(rest.To, members[i]), rest.N+float64(n)
	}
	var out []*checks.Confined
	for k, service := range x.Services {
		if service.Remainder || x.stays(k) {
			continue
		}
		where, b := x.Reconnect(k), &checks.Confined{}
		for i, m := range x.members {
			if !where.Misses(m.ID) {
				b.To = append(b.To, i)
			}
		}
		for _, n := range service.Counts {
			b.N += float64(n)
		}
		if len(b.To) > 1 && len(b.To) < len(x.members) && b.N > 0 {
			out, rest.N = append(out, b), rest.N-b.N
		}
	}
	switch {
	case len(out) == 0, rest.N < 0: // or clients came meanwhile
		return nil
	case rest.N > 0:
		out = append(out, rest)
	}
	return out
}

// on names servers for a sentence.
func on(servers []*checks.Server) string {
	var out []string
	for _, s := range servers {
		out = append(out, shown(cmp.Or(s.Name, s.ID)))
	}
	return words.Few(out)
}

// elsewhere names the other servers, or says that there are some.
func (x *facts) elsewhere() string {
	if len(x.Others) == 0 {
		return "the other servers"
	}
	return on(x.Others)
}

// label is a server's name where it can stand in code as it is, or else its
// number in the cluster.
func (x *facts) label(s *checks.Server) string {
	if plainLabel.MatchString(s.Name) {
		return s.Name
	}
	return fmt.Sprintf("server-%d", slices.Index(x.members, s)+1)
}

// scope is which connections a command is of, as flags.
type scope struct{ account, cluster string }

// scope are the flags that name the account, as this program takes it, and the
// cluster; ok is false where a name can't be put into a command.
func (x *facts) scope() (flags scope, ok bool) {
	a := x.f.Account
	name := a.Name
	same := 0
	for _, o := range x.d.Accounts {
		if o.Name == a.Name {
			same++
		}
	}
	if !pasteable(name) || same > 1 {
		name = a.ID
	}
	return x.scopeOf(name)
}

// scopeByID is the same for programs that know accounts by their id.
func (x *facts) scopeByID() (flags scope, ok bool) {
	return x.scopeOf(cmp.Or(x.f.Account.ID, x.f.Account.Name))
}

func (x *facts) scopeOf(name string) (flags scope, ok bool) {
	if !pasteable(name) || x.f.Cluster != "" && !pasteable(x.f.Cluster) {
		return scope{}, false
	}
	flags.account = option("--account", name)
	if x.f.Cluster != "" {
		flags.cluster = option("--cluster", x.f.Cluster)
	}
	return flags, true
}

// noCommand says why there is none.
const noCommand = "There is no command here, as a name has characters that a command line does not take safely."

// command joins the parts of a command line, with the connection flags last.
func (x *facts) command(parts ...string) string { return joined(append(parts, x.Flags)) }

// audit is command for one that audits as this one did.
func (x *facts) audit(parts ...string) string { return joined(append(parts, x.Again)) }

func joined(parts []string) string {
	return strings.Join(slices.DeleteFunc(parts, func(p string) bool { return p == "" }), " ")
}

// takesSystem is what to add where the commands take more than the audit did.
const takesSystem = "The nats and nats-balance commands take a user of the system account: add --context or --creds of one."

// mostly reports whether more than half of the connections on the concentrated server
// speak a protocol.
func (x *facts) mostly(protocol string) bool {
	if x.Profile == nil {
		return false
	}
	with, all := 0, 0
	for _, g := range x.Profile.Protocols {
		all += first(g.Counts)
		if g.Key == protocol {
			with += first(g.Counts)
		}
	}
	return with*2 > all
}

func total(counts []int) int {
	n := 0
	for _, c := range counts {
		n += c
	}
	return n
}

// load is the client connections of all accounts on the concentrated server but
// the system account, of how many accounts, and the leafnodes.
func (x *facts) load() (clients, accounts, leafs int) {
	for _, u := range x.Server.Usage {
		if int(u.Account) < len(x.d.Accounts) && x.d.Accounts[u.Account].System {
			continue
		}
		clients += int(u.Connections)
		leafs += int(u.Leafnodes)
		if u.Connections > 0 {
			accounts++
		}
	}
	return clients, accounts, leafs
}
