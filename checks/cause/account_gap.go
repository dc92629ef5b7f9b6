package cause

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/nats-balance/nats-balance/checks"
)

// AccountGap is the code of the cause.
const AccountGap Code = "account-gap"

// accountGap: the account, or its users, can't be used on the other servers.
//
// Confirmed takes the word of every other server of the cluster. A server that
// has clients of the account knows it, one that has clients of the user takes
// the user. With configured accounts a server may know the account and not the
// user, which only a refusal or another client of that user shows; in operator
// mode who has the account takes its users. Sources: ACCOUNT INFO, which a server
// answers with an error for an account that it does not know, and the closed
// connections of servers that refused the user. Refusals from before a server loaded
// its configuration last are of the past: they are likely why the clients are where
// they are, and nothing keeps them there.
//
// It is at most possible where not every other server is known to hold these clients
// back, by this step or one before it, or by being full: what is unknown is no proof.
// The set of servers then falls to the concentrated one at a later step, if it does.
func accountGap() rule {
	return rule{
		Definition: Definition{Code: AccountGap, Title: "The account or its users can't be used on the other servers",
			Over: "The account or its users could not be used on the other servers before", Role: Root, Step: Accepts, Moved: ComeBack, First: RemedyAccount,
			Helps: []Help{{RemedyAccount, Immediate}, {RemedyRebalance, ShortTerm}}},
		judge: judgeAccountGap,
	}
}

// accepts says which servers take the account and the user.
func (s *Situation) accepts() []checks.Answer {
	out := s.all(checks.Yes)
	for i, o := range s.Others {
		out[i+1] = s.takesUser(o)
	}
	return out
}

// takesUser says whether a server takes the account and the users of the clients.
func (s *Situation) takesUser(o *checks.Server) checks.Answer {
	known := s.knows(o)
	switch {
	case known == checks.Unknown && s.refused(o) > 0 && s.mended(o) != checks.Yes:
		return checks.No // in operator mode a server loads an account when it needs it, and it needed it
	case known != checks.Yes:
		return known
	}
	switch {
	case s.on(o.ID) > 0 && s.oneUser():
		return checks.Yes
	case s.refused(o) > 0 && s.mended(o) == checks.Yes:
		return checks.Unknown // it loaded its configuration after that
	case s.refused(o) > 0:
		return checks.No
	case s.usersKnown(o):
		return checks.Yes
	}
	return checks.Unknown
}

// oneUser reports whether these clients log in alike, as far as the source says who
// logs in: where one of them is, all may be. Of users that were left out of the
// profile nobody knows how many they are.
func (s *Situation) oneUser() bool {
	if s.Profile == nil {
		return false
	}
	users := 0
	for _, g := range s.Profile.Users {
		if g.Other {
			return false
		}
		if sum(g.Counts) > 0 {
			users++
		}
	}
	return users < 2
}

// knows says whether a server knows the account.
func (s *Situation) knows(o *checks.Server) checks.Answer {
	if s.uses(o) {
		return checks.Yes
	}
	switch a := s.Accounts[o.ID].Usable; a {
	case checks.Yes, checks.No:
		return a
	case checks.Unknown:
	}
	return checks.Unknown
}

// uses reports whether a server has client connections of the account.
func (s *Situation) uses(o *checks.Server) bool {
	if s.using == nil {
		all := s.usage()
		s.using = map[string]bool{}
		if at, ok := all.byID[s.Finding.Account.ID]; ok {
			for i, id := range all.servers {
				s.using[id] = all.accounts[at].counts[i] > 0
			}
		}
	}
	return s.using[o.ID]
}

// refused is how often a server refused the users of these clients, but for those who
// are logged in there now: what kept them out is mended.
func (s *Situation) refused(o *checks.Server) int {
	n := 0
	for _, c := range s.History {
		if c.Server == o.ID && s.isUser(c.User) && !s.loggedIn(o, c.User) && c.Reason.RefusedUser() {
			n += c.Connections
		}
	}
	return n
}

// loggedIn reports whether a server has connections of a user of the account.
func (s *Situation) loggedIn(o *checks.Server, user string) bool {
	if s.Profile == nil {
		return false
	}
	at := slices.Index(s.Profile.Servers, o.ID)
	has := func(counts []int) bool { return at >= 0 && at < len(counts) && counts[at] > 0 }
	return slices.ContainsFunc(s.Profile.Users, func(g checks.Group) bool { return !g.Other && g.Key == user && has(g.Counts) }) ||
		slices.ContainsFunc(s.everyone, func(x checks.Service) bool { return x.User == user && has(x.Counts) })
}

// isUser reports whether the clients log in as this user.
func (s *Situation) isUser(name string) bool {
	return s.Profile != nil && name != "" && slices.ContainsFunc(s.Profile.Users, func(g checks.Group) bool { return !g.Other && g.Key == name })
}

// usersKnown reports whether a server that knows the account takes the users of
// these clients too: they have none, or are those of operator mode that it did not
// revoke, or have other clients there, or logged in since the server loaded its configuration last. A login
// from before that shows nothing: the new configuration may lack the user, or have
// another password.
func (s *Situation) usersKnown(o *checks.Server) bool {
	if operatorMode(s.Finding.Account.ID) {
		return !s.revoked(o)
	}
	if s.Profile == nil || len(s.Profile.Users) == 0 { // the source does not say who logs in
		return false
	}
	loaded, known := s.changed(o)
	there := func(user string) bool {
		return s.loggedIn(o, user) ||
			known && slices.ContainsFunc(s.History, func(c checks.Closed) bool {
				return c.Server == o.ID && c.User == user && !c.Reason.BeforeLogin() && c.Newest.After(loaded)
			})
	}
	for _, g := range s.Profile.Users {
		if sum(g.Counts) > 0 && (g.Other || g.Key != "" && !there(g.Key)) {
			return false
		}
	}
	return true
}

// revoked reports whether a server closed connections of these users as its JWT of the
// account revokes them, and none of them has logged in there since.
func (s *Situation) revoked(o *checks.Server) bool {
	return slices.ContainsFunc(s.History, func(c checks.Closed) bool {
		return c.Server == o.ID && c.Reason == checks.ReasonRevoked && (s.Profile == nil || s.isUser(c.User)) && loginAfter(s.History, c).IsZero()
	})
}

// operatorMode reports whether an account's id is the public key of operator
// mode, whose users are known wherever the account is.
func operatorMode(id string) bool {
	const key = 56
	return len(id) == key && id[0] == 'A' && consistsOf(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")
}

func judgeAccountGap(s *Situation) judgement {
	var without, with, full, unsure, silent []*checks.Server
	detail, refused := "", 0
	for _, o := range s.Others {
		switch s.takesUser(o) {
		case checks.Yes:
			if o.Full() {
				full = append(full, o)
			} else {
				with = append(with, o)
			}
		case checks.No:
			without = append(without, o)
			detail, refused = cmp.Or(detail, s.Accounts[o.ID].Detail), refused+s.refused(o)
		case checks.Unknown:
			if s.knows(o) == checks.Yes {
				unsure = append(unsure, o)
			} else {
				silent = append(silent, o)
			}
		}
	}
	const source = "ACCOUNT INFO"
	if len(without) == 0 {
		if j, ok := s.judgeMended(); ok {
			return j
		}
	}
	switch {
	case len(without) == 0 && len(with)+len(full)+len(unsure) == 0:
		return s.unanswered(source, silent)
	case len(without) == 0 && len(silent)+s.Missing > 0:
		return notTested(source, "%s did not say whether the account can be used there.", s.silentNames(silent))
	case len(without) == 0 && len(unsure) > 0:
		return notTested(source, "%s %s the account; whether %s these clients' users is unknown.",
			otherNames(unsure), verb(unsure, "knows", "know"), verb(unsure, "it takes", "they take")).settledBy(NeedUsers)
	case len(without) == 0 && s.mayHaveRefused():
		return notTested(source, "All other servers take the account and its users now. Whether they did when these clients came is unknown.")
	case len(without) == 0:
		return ruledOut(source, "All other servers take the account and its users.")
	}
	// Whether a full one takes the users does not matter as long as it is full, nor what
	// one does that a step before holds back.
	for _, o := range unsure {
		if o.Full() {
			full = append(full, o)
		}
	}
	unsure = slices.DeleteFunc(unsure, (*checks.Server).Full)
	beyond := s.beyond(without)
	not := func(in []*checks.Server, held func(*checks.Server) bool) []*checks.Server {
		return slices.DeleteFunc(slices.Clone(in), held)
	}
	held := slices.DeleteFunc(slices.Clone(s.Others), func(o *checks.Server) bool { return !beyond(o) || slices.Contains(without, o) })
	with, full = not(with, beyond), not(full, beyond)
	unsaid := not(slices.Concat(silent, unsure), beyond)
	open := not(unsaid, s.refusedWhenTheyCame)
	j := judgement{explains: s.Finding.OnServer, direct: true}
	if refused > 0 {
		j.evidence = append(j.evidence, say("closed connections", "%s refused the login of these clients' users %s.", otherNames(without), times(refused)))
	} else {
		j.evidence = append(j.evidence, say(source, "On %s the account can't be used: %s.", otherNames(without), cmp.Or(strings.TrimSuffix(detail, "."), "no reason was given")))
	}
	if len(with)+len(open) == 0 && len(full) > 0 { // both are why: who reads the first only has to know
		j.evidence[0].Text += fmt.Sprintf(" %s %s it, but %s full.", otherNames(full), verb(full, "knows", "know"), verb(full, "is", "are"))
	}
	if len(with)+len(open)+s.Missing > 0 { // the others are not all of them
		j.title = "The account or its users can't be used on " + otherNames(without)
	}
	switch {
	case len(with) > 0:
		j.verdict, j.confidence, j.explains = Possible, 0.3, s.Finding.OnServer/2
		j.evidence = append(j.evidence, say(source, "%s can take its clients.", otherNames(with)))
	case len(open)+s.Missing > 0: // what is unknown is no proof
		j.verdict, j.confidence, j.explains = Possible, 0.4, s.Finding.OnServer/2
		j.evidence = append(j.evidence, s.sayOpen(open))
	case len(full) > 0:
		j.verdict, j.confidence = Likely, 0.8
	case len(held) > 0:
		j.verdict, j.confidence = Likely, 0.8
		j.evidence = append(j.evidence, say("client URLs", "They do not come to %s in the first place.", otherNames(held)))
	case len(unsaid) > 0:
		j.verdict, j.confidence = Likely, 0.8
		j.evidence = append(j.evidence, say("closed connections", "%s refused them too, and may take them now.", otherNames(unsaid)))
	case slices.ContainsFunc(without, func(o *checks.Server) bool { return s.knows(o) != checks.No && s.mended(o) != checks.No }):
		j.verdict, j.confidence = Likely, 0.8
		j.evidence = append(j.evidence, say("VARZ", "Whether they loaded their configuration after that is unknown.").settledBy(s.Gap.details()))
	default:
		j.verdict, j.confidence = Confirmed, 1
	}
	return j
}

// unanswered is the verdict where nobody says, with the reason of one that gave one.
func (s *Situation) unanswered(source string, silent []*checks.Server) judgement {
	const unknown = "Whether the account can be used on the other servers is unknown"
	for _, o := range silent {
		if detail := s.Accounts[o.ID].Detail; detail != "" {
			return notTested(source, "%s: %s: %s.", unknown, label(o), strings.TrimSuffix(detail, "."))
		}
	}
	return notTested(source, "%s.", unknown).settledBy(NeedAccountInfo)
}

func (s *Situation) silentNames(silent []*checks.Server) string {
	if len(silent) == 0 {
		return "The servers that are missing"
	}
	return otherNames(silent)
}
