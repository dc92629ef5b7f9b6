package checks

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// situation is a case with what several causes need of it worked out once.
type situation struct {
	Case
	server  *Server   // the concentrated one
	others  []*Server // of its cluster, that reported
	missing int       // servers of the cluster that did not
	here    int       // index of server in Deployment.Servers
	lists   []followed
	tied    bool // lists are this account's; else they may be anyone's
	hints   []followed
}

// followed is a list with where it leads.
type followed struct {
	URLList
	reach Reach
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

func newSituation(c Case) *situation {
	if c.Deployment == nil {
		c.Deployment = &Deployment{}
	}
	s := &situation{Case: c, here: -1}
	for i := range c.Deployment.Servers {
		server := &c.Deployment.Servers[i]
		switch {
		case server.ID == c.Finding.Server.ID:
			s.server, s.here = server, i
		case server.Cluster == c.Finding.Cluster:
			s.others = append(s.others, server)
		}
	}
	for _, m := range c.Deployment.Missing {
		if !m.ClusterKnown || m.Cluster == c.Finding.Cluster {
			s.missing++
		}
	}
	if s.server == nil { // it did not report; what is known of it is its name
		f := c.Finding
		s.server = &Server{ID: f.Server.ID, Name: f.Server.Name, Host: f.Server.Host, Cluster: f.Cluster}
	}
	slices.SortFunc(s.others, func(a, b *Server) int { return compareRefs(a.ref(), b.ref()) })
	var anyones []followed
	for _, l := range c.Lists {
		f := followed{URLList: l, reach: ReachOf(c.Deployment, c.Finding.Cluster, l)}
		f.kind = s.kindOf(f.reach)
		switch {
		case l.Hint:
			s.hints = append(s.hints, f)
		case l.Account == "":
			anyones = append(anyones, f)
		case c.Finding.Account.is(l.Account):
			s.lists = append(s.lists, f)
		}
	}
	s.tied = len(s.lists) > 0
	if !s.tied {
		s.lists = anyones
	}
	return s
}

func (s *situation) kindOf(r Reach) listKind {
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
func listsOf(lists []followed, kinds ...listKind) []followed {
	var out []followed
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
func (s *situation) reachable() Answer {
	if !s.tied || len(listsOf(s.lists, perhaps, unclear)) > 0 {
		return Unknown
	}
	if further := listsOf(s.lists, wide); len(further) > 0 {
		for _, f := range further {
			for _, a := range f.reach.Arrivals {
				if a.Server != s.here && f.sure(a) {
					return Yes
				}
			}
		}
		return Unknown
	}
	bound := listsOf(s.lists, pins)
	for _, f := range bound {
		for _, a := range f.reach.Arrivals {
			if a.Own == No || !f.sure(a) {
				return Unknown
			}
		}
	}
	if len(bound) > 0 {
		return No
	}
	return Unknown
}

// sure is whether nothing about where the list leads had to be taken on trust: a
// parser read it whole, the server answered there itself, and DNS, not this
// machine's hosts file, gave the address.
func (f followed) sure(a Arrival) bool {
	return f.Certain() && a.Sure && !slices.ContainsFunc(f.Endpoints, func(e Endpoint) bool {
		return e.URL == a.URL && !e.Literal && (e.Name == nil || !e.Name.Complete || e.Name.HostsFile || e.Name.Verdict == NameDiffers)
	})
}

// nameOf is what DNS says of the host that led there; nil where it was not
// asked.
func (f followed) nameOf(a Arrival) *Name {
	for _, e := range f.Endpoints {
		if e.URL == a.URL {
			return e.Name
		}
	}
	return nil
}

// dead are the addresses of the list where no server of this cluster is.
func (f followed) dead() []string {
	var out []string
	for _, e := range f.Endpoints {
		for _, a := range e.Addresses {
			at := netip.AddrPortFrom(a.IP, uint16(a.Port)) //nolint:gosec // ports are checked where URLs are read
			open := slices.ContainsFunc(f.reach.Open, func(o string) bool { return strings.HasPrefix(o, e.at(at)+" ") })
			if c := a.Contact.Outcome; (c == ContactRefused || c == ContactClosed) && !open && !slices.Contains(out, at.String()) {
				out = append(out, at.String())
			}
		}
	}
	return out
}

// notWhole is the verdict where connections would have to be known that were
// not read.
func (s *situation) notWhole() judgement {
	return notTested("CONNZ", "%s.", cmp.Or(strings.TrimSuffix(s.Profile.Note, "."), "Not all connections were read"))
}

// explained bounds connections that were read, later than the report was made,
// by those that are to be explained.
func (s *situation) explained(n int) int { return min(n, s.Finding.OnServer) }

// onServer is how many connections the concentrated server has to the profile:
// some may have come since the report was made.
func (s *situation) onServer() int {
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
func verb(servers []*Server, one, several string) string {
	if len(servers) == 1 {
		return one
	}
	return several
}

// names joins servers' names for a sentence.
func (s *situation) names(servers []int) string {
	var out []string
	for _, i := range servers {
		out = append(out, s.Deployment.Servers[i].label())
	}
	return enumerate(out)
}

// label names a server in a sentence: one without a name of its own goes by its
// id, of which the start is enough.
func (s *Server) label() string {
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

func otherNames(servers []*Server) string {
	var out []string
	for _, s := range servers {
		out = append(out, s.label())
	}
	return enumerate(out)
}

// concentratedWithout is whether the account would still be concentrated if
// these connections on the server, and elsewhere, were not there.
func (s *situation) concentratedWithout(onServer, elsewhere int) bool {
	on, all := s.Finding.OnServer-onServer, s.Finding.Connections-onServer-elsewhere
	return all >= 3 && compareProducts(on, maxPercent, s.threshold(), all) > 0
}

func (s *situation) threshold() int { return cmp.Or(s.ThresholdPercent, Defaults().ThresholdPercent) }

// listWord names lists for a sentence.
func listWord(lists []followed) string {
	var origins []string
	for _, l := range lists {
		if !slices.Contains(origins, l.Origin) {
			origins = append(origins, l.Origin)
		}
	}
	return enumerate(origins)
}

// leads is the verb for its URLs.
func (f followed) leads() string {
	if len(f.Endpoints) == 1 {
		return "leads"
	}
	return "lead"
}

// urls are those of the list, for a sentence.
func (f followed) urls() string {
	var out []string
	for _, e := range f.Endpoints {
		out = append(out, e.URL)
	}
	return enumerate(out)
}
