package cause

import (
	"slices"

	"github.com/nats-balance/nats-balance/checks"
)

// RefusedUsers returns the users of the clients that other servers refused which know
// the account, and these servers.
func (d Diagnosis) RefusedUsers() (users []string, by []*checks.Server) {
	return d.refusedWhere(checks.No)
}

// UnprovenUsers returns the users of the clients that other servers refused which may
// take them now, as they loaded their configuration since, and these servers. That
// nobody has logged in since leaves it open.
func (d Diagnosis) UnprovenUsers() (users []string, by []*checks.Server) {
	return d.refusedWhere(checks.Unknown)
}

// LoginFirst returns which users have to log in where before clients are moved, as long
// as this is the cause: they may be refused there again, and lost where their library
// gives up. A cause that is over may leave that open.
func (d Diagnosis) LoginFirst(code Code) (users []string, by []*checks.Server) {
	if code != AccountGap {
		return nil, nil
	}
	return d.UnprovenUsers()
}

// refusedWhere are the users that servers refused which know the account, and of
// which it is so answered whether they take them now.
func (d Diagnosis) refusedWhere(takes checks.Answer) (users []string, by []*checks.Server) {
	for _, o := range d.Others {
		if d.takesUser(o) != takes || d.knows(o) != checks.Yes || d.refused(o) == 0 {
			continue
		}
		by = append(by, o)
		for _, c := range d.History {
			if c.Server == o.ID && d.isUser(c.User) && c.Reason.RefusedUser() && !slices.Contains(users, c.User) {
				users = append(users, c.User)
			}
		}
	}
	slices.Sort(users)
	return users, by
}

// UnprovenAt reports whether no other server is known to take the users of a service,
// where there is no such service those of the account: without JWTs servers do not say
// which users they have.
func (d Diagnosis) UnprovenAt(service int) bool {
	s := &d.Situation
	if service >= 0 && service < len(d.Services) {
		s = s.project([]int{d.Services[service].at})
	}
	return !slices.ContainsFunc(s.Others, func(o *checks.Server) bool { return s.takesUser(o) == checks.Yes })
}

// LostAt returns the other servers that refuse a service's clients, where there is no
// such service those of the account: whatever the cause of the finding is, clients that
// are moved may be refused there, and lost where their library gives up, as Go's does
// after two refusals. One or two refusals of many clients may be of somebody's typing
// error.
func (d Diagnosis) LostAt(service int) []*checks.Server {
	s := &d.Situation
	if service >= 0 && service < len(d.Services) {
		s = s.project([]int{d.Services[service].at})
	}
	var out []*checks.Server
	for _, o := range s.Others {
		if s.takesUser(o) == checks.No && (s.knows(o) == checks.No || s.refused(o) >= fewestThere || s.refused(o)*fewRefusals >= s.Finding.OnServer) {
			out = append(out, o)
		}
	}
	return out
}

// Lost returns the servers that refuse clients of the services that make the finding.
func (d Diagnosis) Lost() []*checks.Server {
	if len(d.Services) == 0 {
		return d.LostAt(-1)
	}
	var out []*checks.Server
	for i, x := range d.Services {
		if !x.Concentrated {
			continue
		}
		for _, o := range d.LostAt(i) {
			if !slices.Contains(out, o) {
				out = append(out, o)
			}
		}
	}
	return out
}
