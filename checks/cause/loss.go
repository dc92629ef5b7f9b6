package cause

import (
	"cmp"
	"slices"

	"github.com/nats-balance/nats-balance/checks"
)

// Loss is what stopping one server would do.
type Loss struct {
	Server  checks.ServerRef
	Cluster string
	// Connections drop at once. Of them Can find another server that has room,
	// Stranded find none, and of the rest it is not known.
	Connections, Can, Stranded int
	Accounts                   []AccountLoss // most on the server first
	// Survivors are the other servers of the cluster with what they would carry.
	Survivors []checks.Survivor
	// Fits reports whether the survivors have room for all that would come.
	Fits checks.Answer
}

// AccountLoss is an account on the server.
type AccountLoss struct {
	Account               checks.Account
	Connections, OnServer int
	Distribution          []checks.Share
	Profile               *checks.Profile // whose servers the counts of services go by; nil where there is none
	Services              []ServiceLoss
}

// ServiceLoss is a service on the server. One that could not be told apart has no
// name and stands for all of its account.
type ServiceLoss struct {
	Service  checks.Service
	OnServer int
	// Can reports whether its clients can fail over; Why is the reason in a clause
	// where it is No, and what would settle it where it is Unknown and that is known.
	Can checks.Answer
	Why string

	// Need is as that of [Reconnect].
	Need Need

	to   []int // the survivors that they may get to, by index
	full bool  // they can't as the others are full
}

// LossOf adds up what is known of the accounts on a server: their diagnoses, each
// for that server. Pure.
func LossOf(d *checks.Deployment, server checks.ServerRef, of []Diagnosis) Loss {
	out, complete := Loss{Server: server}, true
	for i := range d.Servers {
		if d.Servers[i].ID == server.ID {
			out.Cluster = d.Servers[i].Cluster
		}
	}
	for _, x := range of {
		f := x.Finding
		out.Survivors = f.Impact.Survivors // the same for all
		a := AccountLoss{Account: f.Account, Connections: f.Connections, OnServer: f.OnServer, Distribution: f.Distribution, Profile: x.Profile}
		complete = complete && x.Missing == 0
		left := f.OnServer
		for k, s := range x.Services {
			n := min(s.Here(), left)
			if n == 0 {
				continue
			}
			left -= n
			where := x.Reconnect(k)
			if x.Missing > 0 && where.Can == checks.No {
				where.Can, where.Why = checks.Unknown, ""
			}
			a.Services = append(a.Services, ServiceLoss{Service: s.Service, OnServer: n, Can: where.Can, Why: where.Why, to: out.open(where), full: where.Full, Need: where.Need})
		}
		if left > 0 {
			where := Reconnect{Can: checks.Unknown}
			if len(x.Services) == 0 {
				where = x.Reconnect(-1)
			}
			a.Services = append(a.Services, ServiceLoss{Service: checks.Service{Remainder: len(x.Services) > 0}, OnServer: left, Can: where.Can, Why: where.Why, to: out.open(where), full: where.Full, Need: where.Need})
		}
		for _, s := range a.Services {
			out.Connections += s.OnServer
			switch s.Can {
			case checks.Yes:
				out.Can += s.OnServer
			case checks.No:
				out.Stranded += s.OnServer
			case checks.Unknown:
			}
		}
		slices.SortStableFunc(a.Services, func(x, y ServiceLoss) int { return cmp.Compare(y.OnServer, x.OnServer) })
		out.Accounts = append(out.Accounts, a)
	}
	out.Fits = fits(d, out)
	arrivals := out.arrivals()
	out.land(arrivals)
	if complete { // else they may get to a server that did not report
		out.squeeze(arrivals)
	}
	return out
}

// fits says whether the survivors have room for those that may come: where it is even
// spread over them or not, those that are refused by one go on to the next.
func fits(d *checks.Deployment, l Loss) checks.Answer {
	if l.Connections == 0 {
		return checks.Yes
	}
	for _, s := range l.Survivors {
		at := slices.IndexFunc(d.Servers, func(x checks.Server) bool { return x.ID == s.Server.ID })
		switch {
		case at < 0 || s.Now == nil:
			return checks.Unknown
		case s.Limit == nil && d.Servers[at].Details == nil:
			return checks.Unknown
		case s.Limit == nil: // it says that it has none
			return checks.Yes
		}
	}
	free, come := 0, 0
	for _, s := range l.Survivors {
		free += room(s)
	}
	l.each(func(s *ServiceLoss) {
		if s.Can != checks.No || s.full {
			come += s.OnServer
		}
	})
	if free < come { // also where there are none
		return checks.No
	}
	return checks.Yes
}

// Outcome is pass where all can fail over and fit, a finding where not, and
// incomplete where that is not known.
func (l Loss) Outcome() checks.Outcome {
	switch {
	case l.Stranded > 0 || l.Fits == checks.No:
		return checks.OutcomeFinding
	case l.Can < l.Connections || l.Fits == checks.Unknown:
		return checks.OutcomeIncomplete
	}
	return checks.OutcomePass
}
