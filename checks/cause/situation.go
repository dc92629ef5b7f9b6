package cause

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/nats-balance/nats-balance/checks"
)

// Situation is a case with what follows from it before any cause is judged, worked
// out once.
type Situation struct {
	Case
	// Server is the concentrated one, Others are those of its cluster that
	// reported, by name, and Missing is how many did not.
	Server  *checks.Server
	Others  []*checks.Server
	Missing int
	// Own are the lists of the account, which are then Tied to it, or else those
	// that may be anyone's. Hints are lists that no client is known to use.
	Own, Hints []List
	Tied       bool

	here int // index of Server in Deployment.Servers
}

// List is a client URL list with where it leads in the finding's cluster.
type List struct {
	checks.URLList
	Reach Reach
	kind  listKind
}

// listKind is what a list means for the finding.
type listKind int

const (
	// pins: of the cluster only the concentrated server is reached.
	pins listKind = iota
	// perhaps: the same, but it is not known where a part of it leads.
	perhaps
	// wide: other servers of the cluster are reached as well.
	wide
	// elsewhere: the concentrated server is not reached.
	elsewhere
	// unclear: it is not known where it leads.
	unclear
)

func newSituation(c Case) *Situation {
	if c.Deployment == nil {
		c.Deployment = &checks.Deployment{}
	}
	s := &Situation{Case: c, here: -1}
	for i := range c.Deployment.Servers {
		server := &c.Deployment.Servers[i]
		switch {
		case server.ID == c.Finding.Server.ID:
			s.Server, s.here = server, i
		case server.Cluster == c.Finding.Cluster:
			s.Others = append(s.Others, server)
		}
	}
	for _, m := range c.Deployment.Missing {
		if !m.ClusterKnown || m.Cluster == c.Finding.Cluster {
			s.Missing++
		}
	}
	if s.Server == nil { // it did not report; what is known of it is its name
		f := c.Finding
		s.Server = &checks.Server{ID: f.Server.ID, Name: f.Server.Name, Host: f.Server.Host, Cluster: f.Cluster}
	}
	slices.SortFunc(s.Others, func(a, b *checks.Server) int { return checks.CompareServers(a.Ref(), b.Ref()) })
	var anyones []List
	for _, l := range c.Lists {
		f := List{URLList: l, Reach: ReachOf(c.Deployment, c.Finding.Cluster, l)}
		f.kind = s.kindOf(f.Reach)
		switch {
		case l.Hint:
			s.Hints = append(s.Hints, f)
		case l.Account == "":
			anyones = append(anyones, f)
		case c.Finding.Account.Is(l.Account):
			s.Own = append(s.Own, f)
		}
	}
	s.Tied = len(s.Own) > 0
	if !s.Tied {
		s.Own = anyones
	}
	return s
}

func (s *Situation) kindOf(r Reach) listKind {
	servers := r.Servers()
	switch {
	case len(servers) == 0 && len(r.Open) > 0:
		return unclear
	case !slices.Contains(servers, s.here) && len(r.Open) > 0:
		return unclear
	case !slices.Contains(servers, s.here):
		return elsewhere
	case len(servers) > 1:
		return wide
	case len(r.Open) > 0:
		return perhaps
	}
	return pins
}

// listsOf are those of a kind.
func listsOf(lists []List, kinds ...listKind) []List {
	var out []List
	for _, l := range lists {
		if slices.Contains(kinds, l.kind) {
			out = append(out, l)
		}
	}
	return out
}

// reachable is whether clients can get to other servers of the cluster: Yes
// where a list of the account's surely leads there, No where all surely lead to
// the concentrated server alone. A load balancer may lead the clients elsewhere
// than the auditor.
func (s *Situation) reachable() checks.Answer {
	if !s.Tied || len(listsOf(s.Own, perhaps, unclear)) > 0 {
		return checks.Unknown
	}
	if further := listsOf(s.Own, wide); len(further) > 0 {
		for _, f := range further {
			for _, a := range f.Reach.Arrivals {
				if a.Server != s.here && f.sure(a) {
					return checks.Yes
				}
			}
		}
		return checks.Unknown
	}
	bound := listsOf(s.Own, pins)
	for _, f := range bound {
		for _, a := range f.Reach.Arrivals {
			if a.Own == checks.No || !f.sure(a) {
				return checks.Unknown
			}
		}
	}
	if len(bound) > 0 {
		return checks.No
	}
	return checks.Unknown
}

// sure is whether nothing about where the list leads had to be taken on trust: a
// parser read it whole, the server answered there itself, and DNS, not this
// machine's hosts file, gave the address.
func (f List) sure(a Arrival) bool {
	return f.Certain() && a.Sure && !slices.ContainsFunc(f.Endpoints, func(e checks.Endpoint) bool {
		return e.URL == a.URL && !e.Literal && (e.Name == nil || !e.Name.Complete || e.Name.HostsFile || e.Name.Verdict == checks.NameDiffers)
	})
}

// nameOf is what DNS says of the host that led there; nil where it was not
// asked.
func (f List) nameOf(a Arrival) *checks.Name {
	for _, e := range f.Endpoints {
		if e.URL == a.URL {
			return e.Name
		}
	}
	return nil
}

// dead are the addresses of the list where no server of this cluster is.
func (f List) dead() []string {
	var out []string
	for _, e := range f.Endpoints {
		for _, a := range e.Addresses {
			at := netip.AddrPortFrom(a.IP, uint16(a.Port)) //nolint:gosec // ports are checked where URLs are read
			open := slices.ContainsFunc(f.Reach.Open, func(o Open) bool { return o.URL == e.URL && o.Address == at })
			if c := a.Contact.Outcome; (c == checks.ContactRefused || c == checks.ContactClosed) && !open && !slices.Contains(out, at.String()) {
				out = append(out, at.String())
			}
		}
	}
	return out
}

// notWhole is the verdict where connections would have to be known that were
// not read.
func (s *Situation) notWhole() judgement {
	return notTested("CONNZ", "%s.", cmp.Or(strings.TrimSuffix(s.Profile.Note, "."), "Not all connections were read"))
}

// explained bounds connections that were read, later than the report was made,
// by those that are to be explained.
func (s *Situation) explained(n int) int { return min(n, s.Finding.OnServer) }

// onServer is how many connections the concentrated server has to the profile:
// some may have come since the report was made.
func (s *Situation) onServer() int {
	if s.Profile != nil && len(s.Profile.Read) > 0 {
		return max(s.Finding.OnServer, s.Profile.Read[0])
	}
	return s.Finding.OnServer
}

// connectionsOf is "1 connection" or "5 connections".
func connectionsOf(n int) string {
	if n == 1 {
		return "1 connection"
	}
	return fmt.Sprintf("%d connections", n)
}

// verb is the form for as many servers.
func verb(servers []*checks.Server, one, several string) string {
	if len(servers) == 1 {
		return one
	}
	return several
}

// names joins servers' names for a sentence.
func (s *Situation) names(servers []int) string {
	var out []string
	for _, i := range servers {
		out = append(out, label(&s.Deployment.Servers[i]))
	}
	return enumerate(out)
}

// label names a server in a sentence: one without a name of its own goes by its
// id, of which the start is enough.
func label(s *checks.Server) string {
	const long = 24
	if name := cmp.Or(s.Name, s.ID); name == s.ID && len(name) > long {
		return name[:8] + "…"
	}
	return cmp.Or(s.Name, s.ID)
}

// enumerate is "a", "a and b", "a, b and c", or "a, b, c and 5 more".
func enumerate(words []string) string {
	const most = 4
	if len(words) > most {
		return fmt.Sprintf("%s and %d more", strings.Join(words[:most-1], ", "), len(words)-most+1)
	}
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " and " + words[len(words)-1]
}

func otherNames(servers []*checks.Server) string {
	var out []string
	for _, s := range servers {
		out = append(out, label(s))
	}
	return enumerate(out)
}

// concentratedWithout is whether the account would still be concentrated if
// these connections on the server, and elsewhere, were not there.
func (s *Situation) concentratedWithout(onServer, elsewhere int) bool {
	on, all := s.Finding.OnServer-onServer, s.Finding.Connections-onServer-elsewhere
	return all >= 3 && s.Exceeds(on, all)
}

// listWord names lists for a sentence.
func listWord(lists []List) string {
	var origins []string
	for _, l := range lists {
		if !slices.Contains(origins, l.Origin) {
			origins = append(origins, l.Origin)
		}
	}
	return enumerate(origins)
}

// leads is the verb for its URLs.
func (f List) leads() string {
	if len(f.Endpoints) == 1 {
		return "leads"
	}
	return "lead"
}

// urls are those of the list, for a sentence.
func (f List) urls() string {
	var out []string
	for _, e := range f.Endpoints {
		out = append(out, e.URL)
	}
	return enumerate(out)
}
