package cause

import (
	"slices"
	"strings"

	"github.com/nats-balance/nats-balance/checks"
)

// Group is findings with one common cause: the same step with the same thing in
// it, such as a list, a name, an address, a restart or a server. A finding
// without a cause that is at least likely is a group of its own, but where several
// come from one address that may be a balancer's.
type Group struct {
	// Code is the first root cause of its findings that is at least likely, with
	// the least sure verdict that one of them has, or the balancer that several perhaps
	// have in common; empty where there is none.
	Code    Code
	Title   string
	Verdict Verdict
	// Key is the thing that they have in common: URLs, a host name, an address,
	// server names.
	Key string
	// Cluster and Server are those of the findings; Server has no id where they
	// are concentrated on several.
	Cluster string
	Server  checks.ServerRef
	// Findings are indexes into the diagnoses that were grouped, Accounts theirs.
	Findings []int
	Accounts []checks.Account
	// Connections are those of the accounts in the cluster, OnServer those on the
	// servers that they are concentrated on.
	Connections, OnServer int
	// Priority is that of the group as a whole.
	Priority checks.Priority
}

// Groups divides findings by common cause, in the order in which each first
// appears. Every finding is in exactly one group.
func Groups(all []Diagnosis) []Group {
	at := map[[4]string]int{}
	var out []Group
	for i, d := range all {
		c, ok := d.first()
		if !ok && d.mayShareBalancer() {
			// What it is, is unknown; that it is one thing for all is not.
			c, ok = d.Cause(StickyLoadBalancer), true
		} else if !ok {
			c, ok = d.perhapsRestarted()
		}
		g := Group{Cluster: d.Finding.Cluster, Server: d.Finding.Server, Priority: d.Priority}
		key := [4]string{d.Finding.Cluster, d.Finding.Account.ID, d.Finding.Server.ID}
		if ok {
			g.Code, g.Title, g.Verdict, g.Key = c.Code, c.Title, c.Verdict, d.thing(c)
		}
		if g.Key != "" {
			key = [4]string{d.Finding.Cluster, string(c.Code), g.Key, "group"}
			if !c.Verdict.Strong() {
				key[3] = "perhaps"
			}
		}
		n, ok := at[key]
		if !ok {
			n = len(out)
			at[key] = n
			out = append(out, g)
		}
		out[n].add(i, d)
	}
	for i := range out {
		switch g := &out[i]; {
		case len(g.Findings) == 1 && g.Verdict == Possible: // nothing that it has in common
			g.Code, g.Title, g.Verdict, g.Key = "", "", "", ""
		case g.Verdict == NotTested: // they have an address in common, and what it does is unknown
			g.Code, g.Title, g.Verdict = "", "", ""
		}
		out[i].Priority = out[i].priority(all)
	}
	return out
}

// perhapsRestarted is the restart that perhaps left the clients where they are, if that is
// the first cause of which something speaks for it: others on the server that came before
// it too are told with them.
func (d Diagnosis) perhapsRestarted() (Cause, bool) {
	at := slices.IndexFunc(d.Causes, func(c Cause) bool { return c.Role == Root })
	if at < 0 || d.Causes[at].Code != RestartDrift || d.Causes[at].Verdict != Possible {
		return Cause{}, false
	}
	return d.Causes[at], true
}

// add takes a finding into the group.
func (g *Group) add(i int, d Diagnosis) {
	if c, ok := d.first(); ok && c.Verdict.Compare(g.Verdict) > 0 {
		g.Verdict = c.Verdict
	}
	if g.Server.ID != d.Finding.Server.ID {
		g.Server = checks.ServerRef{}
	}
	g.Findings = append(g.Findings, i)
	g.Accounts = append(g.Accounts, d.Finding.Account)
	g.Connections += d.Finding.Connections
	g.OnServer += d.Finding.OnServer
}

// priority counts over the group what the priority of a finding counts: many
// small findings with one cause are a large one.
func (g *Group) priority(all []Diagnosis) checks.Priority {
	out, stranded := checks.Low, 0
	taken := map[*checks.Survivor]bool{}
	sum := checks.Finding{Row: checks.Row{Connections: g.Connections}}
	for _, i := range g.Findings {
		d := all[i]
		if checks.ComparePriorities(d.Priority, out) < 0 {
			out = d.Priority
		}
		if n := d.FailOver.Stranded; n != nil {
			stranded += *n
		}
		if others := d.Finding.Impact.Survivors; len(others) > 0 && !taken[&others[0]] { // findings on one server share them
			taken[&others[0]] = true
			sum.Impact.Survivors = append(sum.Impact.Survivors, others...)
		}
	}
	if g.Server.ID != "" { // they drop at once
		sum.OnServer = g.OnServer
	}
	if p := sum.PriorityWith(checks.FailOver{Stranded: &stranded}); checks.ComparePriorities(p, out) < 0 {
		return p
	}
	return out
}

// first is the first root cause that is at least likely.
func (d Diagnosis) first() (Cause, bool) {
	for _, c := range d.Causes {
		if c.Role == Root && c.Verdict.Strong() {
			return c, true
		}
	}
	return Cause{}, false
}

// thing is what a cause is about, and what findings have in common if it is the
// same: empty for causes that are each account's own.
func (d Diagnosis) thing(c Cause) string {
	r, ok := rule{}, false
	for _, one := range rules() {
		if one.Code == c.Code {
			r, ok = one, true
		}
	}
	if !ok || r.thing == nil {
		return ""
	}
	return r.thing(d.of(c.Code))
}

// of is the situation of the services for which a cause is at least likely.
func (d Diagnosis) of(code Code) *Situation {
	for _, v := range d.views {
		if _, strong := v.strongest(code); strong {
			return v.Situation
		}
	}
	return &d.Situation
}

// strongest reports whether a cause is at least likely for the services of a view.
func (v view) strongest(code Code) (Verdict, bool) {
	for i, r := range rules() {
		if r.Code == code && i < len(v.judged) {
			return v.judged[i].verdict, v.judged[i].verdict.Strong()
		}
	}
	return NotTested, false
}

// itsURLs are the URLs of the list that leads to the server alone.
func (s *Situation) itsURLs() string {
	if lists := listsOf(s.Own, pins, perhaps); len(lists) > 0 {
		l := lists[0]
		var urls []string
		for _, e := range l.Endpoints {
			urls = append(urls, strings.ToLower(e.URL))
		}
		slices.Sort(urls)
		return strings.Join(slices.Compact(urls), ",")
	}
	return ""
}

// itsNames are the host names of the list that leads to the server alone.
func (s *Situation) itsNames() string {
	if lists := listsOf(s.Own, pins, perhaps); len(lists) > 0 {
		l := lists[0]
		var names []string
		for _, e := range l.Endpoints {
			if !e.Literal {
				names = append(names, strings.ToLower(strings.TrimSuffix(e.Host, ".")))
			}
		}
		slices.Sort(names)
		return strings.Join(slices.Compact(names), ",")
	}
	return s.itsURLs()
}

// itsBalancer is the address of the balancer: the one that these clients and those of
// other accounts come from, or else the one that their list has. Of the accounts
// behind a balancer the lists of some are known only.
func (s *Situation) itsBalancer() string {
	b, by := s.balancers(), s.byAddress()
	switch {
	case (by.verdict == Likely || by.few && by.verdict == Possible) && (b.sticky == nil || s.comesThrough(b.arrival, by.addr)):
		return by.addr.String()
	case b.sticky != nil:
		return b.arrival.Address.String()
	case by.verdict != "":
		return by.addr.String()
	}
	return ""
}

// itsList is the list that clients take in order.
func (s *Situation) itsList() string {
	if lists := listsOf(s.Own, wide); len(lists) > 0 {
		l := lists[0]
		var urls []string
		for _, e := range l.Endpoints {
			urls = append(urls, strings.ToLower(e.URL))
		}
		return strings.Join(urls, ",")
	}
	return ""
}

// heldBack names the servers that a step holds back.
func (s *Situation) heldBack(name StepName) string {
	step := s.step(name)
	var names []string
	for i, server := range s.cluster() {
		if i < len(step.Passes) && step.Passes[i] == checks.No {
			names = append(names, server.ID)
		}
	}
	slices.Sort(names)
	return strings.Join(names, ",")
}

// itsRestart is the server that started last.
func (s *Situation) itsRestart() string {
	last := ""
	var at int64
	for _, o := range s.cluster() {
		if n := o.Start.UnixNano(); !o.Start.IsZero() && (last == "" || n > at) {
			last, at = o.ID, n
		}
	}
	return last
}

// itsListener is the protocol with the servers that do not serve it.
func (s *Situation) itsListener() string {
	var protocols []string
	if s.Profile == nil {
		return ""
	}
	for _, g := range s.Profile.Protocols {
		if g.Counts[0] > 0 && g.Key != checks.NATS {
			protocols = append(protocols, g.Key)
		}
	}
	slices.Sort(protocols)
	return strings.Join(protocols, ",") + " " + s.heldBack(Serves)
}
