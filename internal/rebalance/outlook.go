package rebalance

import (
	"cmp"
	"slices"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/checks/cause"
)

// Outlook is what the reasons for where an account's clients are say about moving
// them.
type Outlook struct {
	// Refusals are for causes that lead clients back.
	Refusals []Refusal
	Notes    []Note
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
	refused := false // for an account that servers refuse
	refuse := func(c cause.Cause, then Consequence) {
		refused = refused || c.Code == cause.AccountGap
		out.Refusals = append(out.Refusals, Refusal{RefusalCode(c.Code), LedBack{leadOf(d, c), then, onceMended(d, c)}})
	}
	byName := false
	defer func() { out.Services = servicesOf(d, account, members, byName) }()
	for _, l := range slices.Concat(d.Own, d.Hints) {
		byName = byName || slices.ContainsFunc(l.Reach.Arrivals, func(a cause.Arrival) bool { return !a.OwnName || a.Own != checks.Yes })
	}
	known := false
	for _, c := range d.Causes {
		if !c.Verdict.Strong() || c.Role != cause.Root {
			continue
		}
		known = true
		definition, _ := cause.Define(c.Code)
		unproven, _ := d.LoginFirst(c.Code)
		switch moved := definition.Moved; {
		case d.ComesBack(c.Code):
			out.AllReturn = true
			then := StraightBack
			if c.Code == cause.AccountGap { // libraries give up, as Go's does after two refusals
				then = StraightBackOrLost
			}
			refuse(c, then)
		case len(unproven) > 0:
			refuse(c, LostUnlessMended)
		case moved == cause.ComeBackUntold:
			refuse(c, BackAfterRestarts)
		case moved == cause.GoToNext:
			out.Notes = append(out.Notes, Note{Code: NoteInOrder, Lead: leadOf(d, c)})
		case moved == cause.Undecided:
			out.Notes = append(out.Notes, Note{Code: NoteMayReturn, Lead: leadOf(d, c)})
		}
	}
	if by := d.Lost(); len(by) > 0 && !refused {
		c := d.Cause(cause.AccountGap)
		out.Refusals = append(out.Refusals, Refusal{RefusalCode(c.Code), MayBeLost{leadOf(d, c), namesOf(by), onceMended(d, c)}})
	}
	var away []string
	for _, l := range d.Own {
		away = append(away, l.Reach.Away...)
	}
	if slices.Sort(away); len(away) > 0 {
		out.Notes = append(out.Notes, Note{Code: NoteElsewhere, Account: d.Finding.Account.Name, Clusters: slices.Compact(away)})
	}
	if d.AtLimit() {
		out.Notes = append(out.Notes, Note{Code: NoteAtLimit})
	}
	if out.Unknown = !known; !known {
		code := NoteUnknown
		if len(d.Own) > 0 && !d.Tied {
			code = NoteUntied
		}
		out.Notes = append(out.Notes, Note{Code: code})
	}
	return out
}

// Note is what else to expect of the clients of an account that are moved.
type Note struct {
	Code     NoteCode
	Lead     Lead     // of [NoteInOrder] and [NoteMayReturn]
	Account  string   // of [NoteElsewhere]
	Clusters []string // of [NoteElsewhere]
}

// NoteCode says which note it is.
type NoteCode string

// What else to expect of clients that are moved.
const (
	NoteInOrder   NoteCode = "in-order"   // all go to the next server of their list
	NoteMayReturn NoteCode = "may-return" // whenever they connect anew
	NoteElsewhere NoteCode = "elsewhere"  // their lists have servers of other clusters
	NoteAtLimit   NoteCode = "at-limit"   // of the account
	NoteUnknown   NoteCode = "unknown"    // why they are where they are
	NoteUntied    NoteCode = "untied"     // the same, and whose the lists are that were passed
)

// Equal reports whether both say the same.
func (n Note) Equal(o Note) bool {
	return n.Code == o.Code && n.Lead == o.Lead && n.Account == o.Account && slices.Equal(n.Clusters, o.Clusters)
}

// onceMended returns who has to log in where to show that the cause is mended.
func onceMended(d cause.Diagnosis, c cause.Cause) Login {
	users, by := d.RefusedUsers()
	if len(users) == 0 {
		users, by = d.UnprovenUsers()
	}
	if c.Code != cause.AccountGap || len(users) == 0 {
		return Login{}
	}
	return Login{users, namesOf(by)}
}

func namesOf(servers []*checks.Server) []string {
	names := make([]string, len(servers))
	for i, s := range servers {
		names[i] = cmp.Or(s.Name, s.ID)
	}
	return names
}

// leadOf is a cause that leads clients to where they were.
func leadOf(d cause.Diagnosis, c cause.Cause) Lead {
	lead := Lead{Code: c.Code, Verdict: c.Verdict, Title: c.Title, Past: c.Past}
	if c.Code != cause.StickyLoadBalancer {
		return lead
	}
	if addr, ok := d.BehindAddress(); ok {
		lead.Address = addr
	}
	return lead
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
	if !c.Verdict.Strong() {
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
			s.Stays = WouldReturn{leadOf(d, back)}
		}
		if by := d.LostAt(i); s.Stays == nil && len(by) > 0 {
			s.Stays = Refusing{namesOf(by)}
		}
		where := d.Reconnect(i)
		s.Unreached, s.Known, s.Barriers = make([]bool, len(members)), make([]bool, len(members)), make([]cause.Barrier, len(members))
		for k, m := range members {
			s.Unreached[k], s.Known[k], s.Barriers[k] = where.Misses(m.ID), where.Knows(m.ID), where.Barrier(m.ID)
		}
		s.Order = orderOf(d.InOrder(i), members)
		// Of one network more than of another: who can't be told apart moves together.
		if at := slices.IndexFunc(out, func(o Service) bool {
			return o.Stem == s.Stem && o.User == s.User && o.Language == s.Language && o.Protocol == s.Protocol
		}); at >= 0 {
			out[at].Concentrated = out[at].Concentrated || s.Concentrated
			if out[at].Stays == nil {
				out[at].Stays = s.Stays
			}
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
