package cause

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/words"
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
	// theirs reports whether Own are known to be the lists of just these clients: tied
	// to their service, or to an account that has no other.
	theirs bool
	tie    tie // how closely Own are tied to these clients
	// beside are lists that are tied to these clients as Own are, and fit them less
	// well: where that is to the account, they may be those of its other services.
	beside []List
	// unnamed are those of Own that have the name of a workload or a client beside
	// them which no connection has, and are tied by the account or by a user that
	// several services have: they may be another service's.
	unnamed []List
	// whole is the case of the account, everyone are all of its services.
	whole    *Case
	everyone []checks.Service
	// over are refusals of users who logged in to the same server since.
	over    []checks.Closed
	steps   []Step          // of the funnel, once it was walked through
	using   map[string]bool // the servers that have the account, once they were looked up
	address *addressed      // what is known of where they come from, once it was judged
	counts  map[string]int  // of connections by server, once they were asked for
	others  *bystanders     // once they were looked at
	// accounts are those of others that are the same for all services, likewise.
	accounts *accountsHere
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
	var everyone []checks.Service
	var over []checks.Closed
	c.History, over = standing(c.History)
	if c.Profile != nil {
		everyone = c.Profile.Services
	}
	s := situationOf(c, &c, everyone)
	s.over, s.accounts = over, &accountsHere{}
	return s
}

// situationOf is the situation of all or some of the services of an account.
func situationOf(c Case, whole *Case, everyone []checks.Service) *Situation {
	if c.Deployment == nil {
		c.Deployment = &checks.Deployment{}
	}
	s := &Situation{Case: c, here: -1, whole: whole, everyone: everyone}
	for i := range c.Deployment.Servers {
		server := &c.Deployment.Servers[i]
		switch {
		case server.ID == c.Finding.Server.ID:
			s.Server, s.here = server, i
		case server.Cluster == c.Finding.Cluster && server.Cluster != "": // without a name each is alone
			s.Others = append(s.Others, server)
		}
	}
	s.Missing = c.Deployment.AbsentIn(c.Finding.Cluster)
	if s.Server == nil { // it did not report; what is known of it is its name
		f := c.Finding
		s.Server = &checks.Server{ID: f.Server.ID, Name: f.Server.Name, Host: f.Server.Host, Cluster: f.Cluster}
	}
	slices.SortFunc(s.Others, func(a, b *checks.Server) int { return checks.CompareServers(a.Ref(), b.Ref()) })
	s.chooseLists()
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

// reachable reports whether clients can get to other servers of the cluster: Yes
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

// sure reports whether nothing about where the list leads had to be taken on trust: a
// parser read it whole, the server answered there itself, and DNS, not this
// machine's hosts file, gave the address.
func (f List) sure(a Arrival) bool { return a.Sure && f.known(a) }

// surelyLeads is sure, where MQTT is taken at its word too: no server greets MQTT clients, so
// that one says that it listens there is all that can be known.
func (f List) surelyLeads(a Arrival) bool {
	mqtt := slices.ContainsFunc(f.Endpoints, func(e checks.Endpoint) bool {
		return e.URL == a.URL && listenerOf(e.Scheme) == checks.MQTT
	})
	return (a.Sure || mqtt && a.Own == checks.Yes) && f.known(a)
}

// known reports whether the list is the clients', and which address it was that led to
// an arrival.
func (f List) known(a Arrival) bool {
	return f.Certain() && !slices.ContainsFunc(f.Endpoints, func(e checks.Endpoint) bool {
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

// ofThese is how many connections of these clients are on the concentrated server, for
// a sentence: where they are part of the account's services, whose these are, as the
// server has more.
func (s *Situation) ofThese() string {
	out := connectionsOf(s.onServer())
	if s.Profile != nil && len(s.Profile.Services) > 0 && len(s.Profile.Services) < len(s.everyone) {
		var names []string
		for _, x := range s.Profile.Services {
			if name := ServiceName(x); !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
		out += " of " + words.Few(names)
	}
	return out + " on " + label(s.Server)
}

// concentratedWithout reports whether the account would still be concentrated if
// these connections on the server, and elsewhere, were not there.
func (s *Situation) concentratedWithout(onServer, elsewhere int) bool {
	on, all := s.Finding.OnServer-onServer, s.Finding.Connections-onServer-elsewhere
	return all >= 3 && s.Exceeds(on, all)
}
