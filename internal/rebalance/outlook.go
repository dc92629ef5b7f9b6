package rebalance

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/checks/cause"
	"github.com/nats-balance/nats-balance/internal/words"
)

// Outlook is what the reasons for where an account's clients are say about moving
// them.
type Outlook struct {
	// Refusals are for causes that lead clients back.
	Refusals []Refusal
	Notes    []string // a sentence each
	// Unknown reports whether no cause is known.
	Unknown bool
	// AllReturn is that all clients that are moved are expected to come back.
	AllReturn bool
	// Services are those of the account that were told apart.
	Services []Service
}

// OutlookOf returns what the causes of a concentration say about moving its
// clients: refused is what would not hold. Each service's own cause decides for
// it. The account is the index for the services, members are the servers.
func OutlookOf(d cause.Diagnosis, account int, members []Server) (out Outlook) {
	note := func(format string, args ...any) { out.Notes = append(out.Notes, fmt.Sprintf(format, args...)) }
	refused := false // for an account that servers refuse
	refuse := func(c cause.Cause, rest string) {
		refused = refused || c.Code == cause.AccountGap
		out.Refusals = append(out.Refusals, Refusal{RefusalCode(c.Code), fmt.Sprintf("%s (%s, %s), %s Put that right first.%s", leadsBack(d, c), c.Code, c.Verdict, rest, onceMended(d, c))})
	}
	byName := false
	defer func() { out.Services = servicesOf(d, account, members, byName) }()
	for _, l := range slices.Concat(d.Own, d.Hints) {
		byName = byName || slices.ContainsFunc(l.Reach.Arrivals, func(a cause.Arrival) bool { return !a.OwnName || a.Own != checks.Yes })
	}
	known := false
	for _, c := range d.Causes {
		if !c.Strong() || c.Role != cause.Root {
			continue
		}
		known = true
		definition, _ := cause.Define(c.Code)
		unproven, _ := d.LoginFirst(c.Code)
		switch moved := definition.Moved; {
		case d.ComesBack(c.Code):
			out.AllReturn = true
			rest := "so they would come straight back."
			if c.Code == cause.AccountGap { // as Go's does after two refusals
				rest = "so they would come straight back, or be lost where their library gives up."
			}
			refuse(c, rest)
		case len(unproven) > 0:
			refuse(c, "and nobody has logged in there since: clients that are refused again are lost where their library gives up.")
		case moved == cause.ComeBackUntold:
			refuse(c, "so it would not last: they move to the servers that are advertised to them, and come back when their processes restart.")
		case moved == cause.GoToNext:
			note("The clients try their servers in order (%s, %s): those that are moved all go to the next one of their list, not evenly to all.", c.Code, c.Verdict)
		case moved == cause.Undecided:
			note("%s (%s, %s): clients may come back whenever they connect anew.", c.Title, c.Code, c.Verdict)
		}
	}
	if by := d.Lost(); len(by) > 0 && !refused {
		c := d.Cause(cause.AccountGap)
		out.Refusals = append(out.Refusals, Refusal{RefusalCode(c.Code), fmt.Sprintf("%s (%s, %s): clients that are moved may be lost there where their library gives up. Put that right first.%s", refuses(by, "the clients"), c.Code, c.Verdict, onceMended(d, c))})
	}
	var away []string
	for _, l := range d.Own {
		away = append(away, l.Reach.Away...)
	}
	if slices.Sort(away); len(away) > 0 {
		note("The clients' lists of %s also have servers of %s: clients that are moved may go there.", words.Harmless(d.Finding.Account.Name), words.ListUpTo(shown, slices.Compact(away)))
	}
	if d.AtLimit() {
		note("The account is at its limit of connections: others that wait for a place may take those of clients that are moved.")
	}
	if out.Unknown = !known; !known {
		pass := "pass --client-url or --client-config with what they are configured with."
		if len(d.Own) > 0 && !d.Tied {
			pass = "whose the lists are that were passed is unknown too. Tie theirs to them: --client-url ACCOUNT=URL or --client-config ACCOUNT=PATH."
		}
		note("Why the clients are where they are is unknown, so they may come back: %s", pass)
	}
	return out
}

// onceMended says how to show that a cause is mended which is known by what servers
// refused before, with a space before it; empty where the servers say so themselves.
func onceMended(d cause.Diagnosis, c cause.Cause) string {
	users, by := d.RefusedUsers()
	if len(users) == 0 {
		users, by = d.UnprovenUsers()
	}
	if c.Code != cause.AccountGap || len(users) == 0 {
		return ""
	}
	for i, user := range users {
		users[i] = words.Harmless(user)
	}
	return fmt.Sprintf(" If it was mended since, log in to %s as %s once: that shows it.", named(by), words.ListUpTo(shown, users))
}

// shown is how many names a sentence has.
const shown = 5

func named(servers []*checks.Server) string {
	names := make([]string, len(servers))
	for i, s := range servers {
		names[i] = cmp.Or(s.Name, s.ID)
	}
	return words.ListUpTo(shown, names)
}

// refuses says whom servers refuse, in a clause.
func refuses(by []*checks.Server, whom string) string {
	if len(by) == 1 {
		return named(by) + " refuses " + whom
	}
	return named(by) + " refuse " + whom
}

// leadsBack is why a cause leads clients to where they were.
func leadsBack(d cause.Diagnosis, c cause.Cause) string {
	if addr, ok := d.BehindAddress(); ok && c.Code == cause.StickyLoadBalancer {
		return fmt.Sprintf("All clients that come from %s are on the same server, where a load balancer or a list that they share leads them", addr)
	}
	switch c.Code {
	case cause.SingleURL:
		return "The clients know the address of one server only"
	case cause.SingleAddressDNS:
		return "The clients' host names lead to one server only"
	case cause.StickyLoadBalancer:
		return "A load balancer leads each client to the same server every time"
	case cause.AccountGap:
		if c.Past {
			return c.Title
		}
		return "The account can't be used on the other servers"
	case cause.ListenerGap:
		return "No other server takes the clients' protocol"
	default:
		return c.Title
	}
}

// keeps reports whether clients that are moved do not stay away, if this is the cause.
func keeps(d cause.Diagnosis, code cause.Code) bool {
	unproven, _ := d.LoginFirst(code)
	return !d.StaysAway(code) || len(unproven) > 0
}

// ownCause is a cause as it is of a service: of the account's finding it is less sure
// where others have more connections, of which it is not known.
func ownCause(d cause.Diagnosis, x cause.ServiceDiagnosis, code cause.Code) cause.Cause {
	c := d.Cause(code)
	if !c.Strong() {
		if c.Verdict = cause.Likely; x.Cause == code {
			c.Verdict = x.Verdict
		}
	}
	return c
}

// servicesOf are the services of a diagnosis, with why some of them stay.
func servicesOf(d cause.Diagnosis, account int, members []Server, byName bool) []Service {
	var out []Service
	for i, x := range d.Services {
		if x.Remainder {
			continue
		}
		s := Service{Account: account, Stem: x.Stem, User: x.User, Language: x.Language, Protocol: x.Protocol, Name: cause.ServiceName(x.Service), ByName: byName, Concentrated: x.Concentrated, Unproven: d.UnprovenAt(i)}
		// Whatever else is as likely: moved for that, they would come back for this.
		if at := slices.IndexFunc(x.Strong, func(c cause.Code) bool { return keeps(d, c) }); at >= 0 {
			back := ownCause(d, x, x.Strong[at])
			s.Stays = fmt.Sprintf("they would come back: %s (%s, %s)", lowerFirst(leadsBack(d, back)), back.Code, back.Verdict)
		}
		if by := d.LostAt(i); s.Stays == "" && len(by) > 0 {
			s.Stays = "they may be lost: " + refuses(by, "them")
		}
		where := d.Reconnect(i)
		s.Unreached, s.Known, s.Why = make([]bool, len(members)), make([]bool, len(members)), make([]string, len(members))
		for k, m := range members {
			s.Unreached[k], s.Known[k], s.Why[k] = where.Misses(m.ID), where.Knows(m.ID), where.WhyNot(m.ID)
		}
		s.Order = orderOf(d.InOrder(i), members)
		// Of one network more than of another: who can't be told apart moves together.
		if at := slices.IndexFunc(out, func(o Service) bool {
			return o.Stem == s.Stem && o.User == s.User && o.Language == s.Language && o.Protocol == s.Protocol
		}); at >= 0 {
			out[at].Concentrated = out[at].Concentrated || s.Concentrated
			out[at].Stays = cmp.Or(out[at].Stays, s.Stays)
			out[at].Unproven = out[at].Unproven || s.Unproven
			for k := range members { // some of them get there
				out[at].Unreached[k] = out[at].Unreached[k] && s.Unreached[k]
				out[at].Known[k] = out[at].Known[k] || s.Known[k]
			}
			if !slices.Equal(out[at].Order, s.Order) {
				out[at].Order = nil
			}
			continue
		}
		out = append(out, s)
	}
	return out
}

// orderOf are servers by index; nil where one of them is not known.
func orderOf(ids []string, members []Server) []int {
	var out []int
	for _, id := range ids {
		at := slices.IndexFunc(members, func(m Server) bool { return m.ID == id })
		if at < 0 {
			return nil
		}
		out = append(out, at)
	}
	return out
}

func lowerFirst(s string) string { return strings.ToLower(s[:1]) + s[1:] }
