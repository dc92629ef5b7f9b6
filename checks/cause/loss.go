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
	// Abroad are the other clusters to which the clients' lists lead, and how many may go
	// there, if all take any server of their lists.
	Abroad []Gain
	// Fits reports whether the survivors have room for all that would come. It is unknown
	// where they have not, but those may go to other clusters.
	Fits checks.Answer
}

// Gain is how many clients may go to a cluster.
type Gain struct {
	Cluster     string
	Connections int
}

// AccountLoss is an account on the server.
type AccountLoss struct {
	Account               checks.Account
	Connections, OnServer int
	Distribution          []checks.Share
	Profile               *checks.Profile // whose servers the counts of services go by; nil where there is none
	// Elsewhere is what other clusters have of it, by name.
	Elsewhere []Gain
	Services  []ServiceLoss
}

// ServiceLoss is a service on the server. One that could not be told apart has no
// name and stands for all of its account.
type ServiceLoss struct {
	Service  checks.Service
	OnServer int
	// Can reports whether its clients can fail over. Why is the reason where it is No, and
	// what leaves it open where it is Unknown; nil where that can't be named.
	Can checks.Answer
	Why checks.Obstacle

	// Need is as that of [Reconnect].
	Need Need

	to     []int // the survivors that they may get to, by index
	abroad []int // and servers of other clusters, by index into Deployment.Servers
	leaves bool  // they may find a place in another cluster
	full   bool  // they can't as the others are full
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
		a := AccountLoss{Account: f.Account, Connections: f.Connections, OnServer: f.OnServer, Distribution: f.Distribution, Profile: x.Profile, Elsewhere: elsewhereOf(d, f)}
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
				where.Can, where.Why = checks.Unknown, nil
			}
			a.Services = append(a.Services, out.service(s.Service, n, where))
		}
		if left > 0 {
			where := Reconnect{Can: checks.Unknown}
			if len(x.Services) == 0 {
				where = x.Reconnect(-1)
			}
			a.Services = append(a.Services, out.service(checks.Service{Remainder: len(x.Services) > 0}, left, where))
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
	out.land(d, arrivals)
	if complete { // else they may get to a server that did not report
		out.squeeze(arrivals)
	}
	return out
}

// service is what is lost of a service, whose clients go there.
func (l *Loss) service(of checks.Service, n int, where Reconnect) ServiceLoss {
	return ServiceLoss{Service: of, OnServer: n, Can: where.Can, Why: where.Why, Need: where.Need,
		to: l.open(where), abroad: where.Abroad, leaves: where.mayLeave(len(l.Survivors)), full: where.Full}
}

// elsewhereOf is what other clusters have of the account of a finding, in order of name.
func elsewhereOf(d *checks.Deployment, f checks.Finding) []Gain {
	var out []Gain
	for i := range d.Servers {
		s := &d.Servers[i]
		if s.Cluster == f.Cluster {
			continue
		}
		for _, u := range s.Usage {
			if d.Accounts[u.Account].ID == f.Account.ID && u.Connections > 0 {
				out = gain(out, s.Cluster, int(u.Connections))
			}
		}
	}
	return out
}

// gain adds connections of a cluster, in order of name.
func gain(all []Gain, cluster string, n int) []Gain {
	at, known := slices.BinarySearchFunc(all, cluster, func(g Gain, name string) int { return cmp.Compare(g.Cluster, name) })
	if !known {
		all = slices.Insert(all, at, Gain{Cluster: cluster})
	}
	all[at].Connections += n
	return all
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
	free, come, leave := 0, 0, 0
	for _, s := range l.Survivors {
		free += room(s)
	}
	l.each(func(s *ServiceLoss) {
		if s.Can != checks.No || s.full {
			come += s.OnServer
			if s.leaves {
				leave += s.OnServer
			}
		}
	})
	switch {
	case free < come-leave: // also where there are none
		return checks.No
	case free < come:
		return checks.Unknown
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
