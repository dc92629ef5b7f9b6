package report

import (
	"cmp"
	"maps"
	"reflect"
	"slices"
	"time"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/words"
)

// ServerGone is who was on a server that is gone, and who is back.
type ServerGone struct {
	Server      string        `json:"server"`
	Cluster     string        `json:"cluster"`
	Time        time.Time     `json:"time"`        // of the baseline, or when it went
	Recorded    *string       `json:"recorded"`    // how watch saw it go: draining, down or silent; null with a baseline
	Connections int           `json:"connections"` // that it had
	Back        int           `json:"back"`        // at least
	Missing     *int          `json:"missing"`     // null where it is of one of the accounts
	Accounts    []AccountGone `json:"accounts"`

	mayHave      bool // it may still have some of those that are missing
	findingsOnly bool // the baseline names no other accounts
}

// AccountGone is an account that was on the server. On is nil where a recorder saw it go,
// which does not keep what each of the others had. Missing is nil where those that are
// not back may be on a server of which that is not known; Back are then so many at
// least, and Why says why, in a clause.
type AccountGone struct {
	Account  Account  `json:"account"`
	OnServer int      `json:"on_server"`
	Back     int      `json:"back"`
	Missing  *int     `json:"missing"`
	On       []Gained `json:"on"`
	// OtherClusters are what other clusters have more of it than then; nil where it is
	// unknown what they had, or all are back in the cluster.
	OtherClusters []ClusterGained `json:"other_clusters"`
	Why           *string         `json:"why"`
	// Services are those that were on it, the largest there first; nil where nobody
	// knows which they were.
	Services []ServiceGone `json:"services"`

	open Open // what Why says; nil where Missing is known
}

// ServiceGone is a service that was on the server: all of its account's of that name.
// Back and Missing are nil where they are not known, and Why says why, in a clause.
type ServiceGone struct {
	Name     string   `json:"name"`
	OnServer int      `json:"on_server"`
	Back     *int     `json:"back"`
	Missing  *int     `json:"missing"`
	On       []Gained `json:"on"`
	Why      *string  `json:"why"`
}

// Gained is what a server has more than before: one that was gone and is there again
// has all that it has.
type Gained struct {
	Server string `json:"server"`
	More   int    `json:"more"`
}

// ClusterGained is what a cluster has more than before.
type ClusterGained struct {
	Cluster string `json:"cluster"`
	More    int    `json:"more"`
}

// Present is what the servers of a cluster have of an account now, by their names.
type Present struct {
	Held map[string]int
	// Uncounted is why it may have more than Held says; nil where it has not.
	Uncounted Open
	// Services are those of which connections were read, by their names; nil where
	// nobody read any.
	Services map[string]map[string]int
	// OtherClusters are what other clusters have of the account, and Away what these have
	// of its services, by their names; Away is nil where nobody read that.
	OtherClusters map[string]int
	Away          map[string]map[string]int
	// Unread is why some may have more than Services say, or why there are none; nil where
	// they are all.
	Unread Open
}

// Since compares what was on the server with what the cluster has now, by the names
// of servers and services and the id of the account.
func (p *PastImpact) Since(now func(account string) Present) *ServerGone {
	out := &ServerGone{Server: p.Server, Cluster: p.Cluster, Time: p.Time, Connections: p.Connections, Missing: new(int), findingsOnly: p.FindingsOnly}
	if p.Recorded != "" {
		how := string(p.Recorded)
		out.Recorded = &how
	}
	for _, a := range p.Accounts {
		is := now(a.ID)
		row := AccountGone{Account: Account{ID: a.ID, Name: a.Name}, OnServer: a.OnServer}
		missing := missingOf(a.OnServer, a.InCluster+a.Came, sum(is.Held))
		if a.Unseen {
			missing = a.OnServer
		}
		var open Open
		missing, row.OtherClusters, open = a.away(missing, is)
		row.Back = a.OnServer - missing
		switch {
		case open != nil:
			row.open = open
		case missing > 0 && is.Uncounted != nil: // who was not counted can only add to it
			row.open = is.Uncounted
		case missing > missingOf(a.OnServer, a.InCluster, sum(is.Held)):
			if row.open = (openCame{a.Came}); a.Unseen {
				row.open = openUnseen{}
			}
		default:
			row.Missing = &missing
		}
		if row.open != nil {
			row.Why = new(openText(row.open))
		}
		if a.Held != nil {
			row.On = p.gained(a.Held, is.Held)
		}
		for _, s := range a.Services {
			row.Services = append(row.Services, p.serviceSince(s, a, is))
		}
		out.Accounts = append(out.Accounts, row)
		out.Back += row.Back
		if row.Missing == nil || out.Missing == nil {
			out.Missing = nil
		} else {
			*out.Missing += *row.Missing
		}
	}
	return out
}

// missingOf is how many of those that were on the server are not back, at most: what a
// cluster has less than it had.
func missingOf(onServer, had, has int) int { return min(onServer, max(0, had-has)) }

// away takes those off who are missing in the cluster that other clusters have more of
// the account than then. It is open where nobody knows what they had.
func (a PastAccount) away(missing int, is Present) (left int, more []ClusterGained, open Open) {
	if missing == 0 || sum(is.OtherClusters) == 0 {
		return missing, nil, nil
	}
	if a.OtherClusters == nil {
		var has []ClusterGained
		for _, cluster := range slices.Sorted(maps.Keys(is.OtherClusters)) {
			has = append(has, ClusterGained{Cluster: cluster, More: is.OtherClusters[cluster]})
		}
		return missing, nil, openThen{has}
	}
	more = []ClusterGained{}
	for _, cluster := range slices.Sorted(maps.Keys(is.OtherClusters)) {
		if n := is.OtherClusters[cluster] - a.OtherClusters[cluster]; n > 0 {
			more, missing = append(more, ClusterGained{Cluster: cluster, More: n}), missing-n
		}
	}
	return max(0, missing), more, nil
}

func (p *PastImpact) serviceSince(s PastService, a PastAccount, is Present) ServiceGone {
	out := ServiceGone{Name: s.Name, OnServer: s.OnServer}
	missing := missingOf(s.OnServer, sum(s.Held), sum(is.Services[s.Name]))
	open := is.Unread
	if missing > 0 && sum(is.OtherClusters) > 0 && is.Away == nil {
		open = openElsewhere{}
	}
	if missing > 0 {
		for cluster, n := range is.Away[s.Name] {
			if a.OtherClusters == nil || a.OtherClusters[cluster] > 0 {
				open = openElsewhereThen{}
				continue
			}
			missing = max(0, missing-n)
		}
	}
	switch {
	case s.Held == nil:
		open = openOthersThen{}
	case is.Services != nil && missing == 0, open == nil: // who was not read can only add to it
		back := s.OnServer - missing
		out.Back, out.Missing, out.On = &back, &missing, p.gained(s.Held, is.Services[s.Name])
		return out
	}
	out.Why = new(openText(open))
	return out
}

// gained is what servers have more than they had, the most first. The server that is
// asked about had nothing any more when it went.
func (p *PastImpact) gained(had, has map[string]int) []Gained {
	out := []Gained{}
	for server, n := range has {
		if server != p.Server {
			n -= had[server]
		}
		if n > 0 {
			out = append(out, Gained{Server: server, More: n})
		}
	}
	slices.SortFunc(out, func(a, b Gained) int { return cmp.Or(cmp.Compare(b.More, a.More), cmp.Compare(a.Server, b.Server)) })
	return out
}

func sum(counts map[string]int) (n int) {
	for _, x := range counts {
		n += x
	}
	return n
}

// lacks is how many connections of its accounts are known to be missing.
func (g *ServerGone) lacks() (n int) {
	for _, a := range g.Accounts {
		n += count(a.Missing)
	}
	return n
}

// outcome is pass where all are back, as far as counts can say that.
func (g *ServerGone) outcome() checks.Outcome {
	switch {
	case g.lacks() > 0 || g.lacksService():
		return checks.OutcomeFinding
	case !g.AllBack():
		return checks.OutcomeIncomplete
	}
	return checks.OutcomePass
}

// AllBack reports whether all that were on the server are known to be back: none of
// them is missing, and it is known whose they all were.
func (g *ServerGone) AllBack() bool { return g.Back >= g.Connections && !g.lacksService() }

// unknown is of how many connections of its accounts nobody knows whether they are back,
// and why.
func (g *ServerGone) unknown() (n int, why string) {
	var first *AccountGone
	differ := false
	for i := range g.Accounts {
		a := &g.Accounts[i]
		if a.Missing != nil {
			continue
		}
		n += a.OnServer - a.Back
		if first == nil {
			first = a
		}
		differ = differ || !reflect.DeepEqual(a.open, first.open)
	}
	switch {
	case first == nil:
		return n, ""
	case differ: // it may have a number, which is of one account
		return n, "of " + short(first.Account.Name, prose) + ", " + deref(first.Why)
	}
	return n, deref(first.Why)
}

// count is a number where it is known.
func count(n *int) int {
	if n == nil {
		return 0
	}
	return *n
}

// lacksService reports whether connections of a service are known to be missing.
func (g *ServerGone) lacksService() bool {
	return slices.ContainsFunc(g.Accounts, func(a AccountGone) bool { return a.lacks() > 0 })
}

// lacks is how many connections of its services are known to be missing.
func (a AccountGone) lacks() (n int) {
	for _, s := range a.Services {
		n += s.lacks()
	}
	return n
}

func (s ServiceGone) lacks() int { return count(s.Missing) }

// known is of how many connections of the server it is known whose they were.
func (g *ServerGone) known() (n int) {
	for _, a := range g.Accounts {
		n += a.OnServer
	}
	return n
}

func (g *ServerGone) finish() {
	g.Server, g.Cluster = words.Harmless(g.Server), words.Harmless(g.Cluster)
	g.Accounts = append([]AccountGone{}, g.Accounts...)
	for i := range g.Accounts {
		a := &g.Accounts[i]
		a.Account = Account{ID: words.Harmless(a.Account.ID), Name: words.Harmless(a.Account.Name)}
		a.On = harmlessGained(a.On)
		a.OtherClusters = slices.Clone(a.OtherClusters)
		for k := range a.OtherClusters {
			a.OtherClusters[k].Cluster = words.Harmless(a.OtherClusters[k].Cluster)
		}
		if a.Why != nil {
			why := words.Sentence(*a.Why)
			a.Why = &why
		}
		a.Services = slices.Clone(a.Services)
		for k := range a.Services {
			s := &a.Services[k]
			s.Name, s.On = words.Harmless(s.Name), harmlessGained(s.On)
			if s.Why != nil {
				why := words.Sentence(*s.Why)
				s.Why = &why
			}
		}
	}
}

func harmlessGained(all []Gained) []Gained {
	if all == nil { // unknown
		return nil
	}
	out := []Gained{}
	for _, x := range all {
		out = append(out, Gained{words.Harmless(x.Server), x.More})
	}
	return out
}
