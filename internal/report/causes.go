package report

import (
	"cmp"
	"slices"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/checks/cause"
	"github.com/nats-balance/nats-balance/internal/words"
)

// Cause is a possible reason of a finding, tested or not.
type Cause struct {
	Code       string     `json:"code"`
	Title      string     `json:"title"`
	Role       string     `json:"role"`    // root or contributing
	Verdict    string     `json:"verdict"` // confirmed, likely, possible, ruled-out or unknown
	Confidence float64    `json:"confidence"`
	Step       *string    `json:"step"` // of the funnel; null for contributing causes
	Evidence   []Evidence `json:"evidence"`
	Remedies   []string   `json:"remedies"` // codes of the finding's remedies
}

// Evidence is what was seen, and where.
type Evidence struct {
	Text   string `json:"text"`
	Source string `json:"source"`
}

// ClientURL is a client's list of URLs, without credentials, and what it
// reaches. Account is null where the list was not given for one.
type ClientURL struct {
	Origin      string   `json:"origin"`
	Account     *string  `json:"account"`
	Service     *string  `json:"service"` // the connections' name, or the workload
	URLs        []string `json:"urls"`
	Reach       []string `json:"reach"`       // names of servers
	Unreachable []string `json:"unreachable"` // those of URLs
	Hosts       []string `json:"hosts"`
	Complete    bool     `json:"complete"` // read whole, by a parser
	Unused      *string  `json:"unused"`   // why nobody uses it
	// unasked is how many of the URLs nobody looked up or connected to.
	unasked int
}

// Name is a host name with what a resolver answers.
type Name struct {
	Host      string    `json:"host"`
	Resolver  string    `json:"resolver"`
	CNAME     []string  `json:"cname"`
	Addresses []Address `json:"addresses"`
	Verdict   string    `json:"verdict"`
	Detail    string    `json:"detail"`
}

// Address is an address of a name and the servers that answered there. The
// time to live is null where the resolver does not tell it.
type Address struct {
	IP      string   `json:"ip"`
	TTL     *int     `json:"ttl_s"`
	Servers []string `json:"servers"`
}

// causes are those of a finding of an account, in their order, with the remedies
// that help with each.
func causes(all []cause.Cause, a checks.Account, helps map[cause.Code][]cause.Remedy) []Cause {
	out := []Cause{}
	for _, c := range all {
		told := Cause{Code: string(c.Code), Title: c.Title, Role: string(c.Role), Verdict: string(c.Verdict),
			Confidence: c.Confidence, Step: orNull(string(c.Step)), Evidence: []Evidence{}, Remedies: []string{}}
		for _, e := range c.Evidence {
			told.Evidence = append(told.Evidence, Evidence{Text: words.Sentence(EvidenceText(e, a)), Source: words.Sentence(e.Where)})
		}
		for _, code := range helps[c.Code] {
			told.Remedies = append(told.Remedies, string(code))
		}
		out = append(out, told)
	}
	return out
}

// clientURLs are the lists with what they reach, in any cluster. Hints are none:
// no client is known to use them.
func clientURLs(d *checks.Deployment, lists []checks.URLList) []ClientURL {
	out := []ClientURL{}
	for _, l := range lists {
		if l.Hint {
			continue
		}
		c := ClientURL{Origin: words.Sentence(l.Origin), Account: orNull(l.Account), Service: orNull(cmp.Or(l.Client, l.Workload)), Complete: l.Certain(), Unused: orNull(l.Unused), URLs: []string{}, Reach: []string{},
			Unreachable: []string{}, Hosts: []string{}}
		for _, e := range l.Endpoints {
			c.URLs = append(c.URLs, words.Harmless(e.URL))
			if host := words.Harmless(e.Host); !slices.Contains(c.Hosts, host) {
				c.Hosts = append(c.Hosts, host)
			}
			if !lookedUp(e) {
				c.unasked++
			}
			answered, open := false, e.Name != nil && !e.Name.Complete && e.Name.Verdict != checks.NameMissing
			for _, a := range e.Addresses {
				answered = answered || a.Contact.Outcome == checks.ContactServer
				open = open || a.Contact.Outcome == checks.ContactUnreadable || a.Contact.Outcome == checks.ContactNone
			}
			if !answered && !open && (len(e.Addresses) > 0 || e.Name != nil) {
				c.Unreachable = append(c.Unreachable, words.Harmless(e.URL))
			}
		}
		for _, name := range reached(d, l) {
			if name = words.Harmless(name); !slices.Contains(c.Reach, name) {
				c.Reach = append(c.Reach, name)
			}
		}
		out = append(out, c)
	}
	return out
}

// lookedUp reports whether it was found out what a URL leads to: an address of it
// was connected to, or its name has none.
func lookedUp(e checks.Endpoint) bool {
	if e.Name != nil && len(e.Addresses) == 0 {
		return e.Name.Verdict != checks.NameUnknown
	}
	return slices.ContainsFunc(e.Addresses, func(a checks.Address) bool { return a.Contact.Outcome != checks.ContactNone })
}

// leadsTo is the servers that a list leads to, as an end of "leads to"; ok is
// false where nobody looked.
func (c ClientURL) leadsTo(most int) (servers string, ok bool) {
	switch {
	case len(c.Reach) > 0:
		return list(c.Reach, most), true
	case c.unasked == 0:
		return "no server", true
	case c.unasked < len(c.URLs):
		return "no server that is known", true
	}
	return notLookedUp, false
}

// notLookedUp is what a list leads to where nobody looked.
const notLookedUp = "not looked up"

// reached are the names of the servers that a list leads to.
func reached(d *checks.Deployment, l checks.URLList) []string {
	var out []string
	var clusters []string
	for _, s := range d.Servers {
		if !slices.Contains(clusters, s.Cluster) {
			clusters = append(clusters, s.Cluster)
		}
	}
	for _, e := range l.Endpoints {
		one := checks.URLList{Endpoints: []checks.Endpoint{e}}
		for _, c := range clusters {
			for _, s := range cause.ReachOf(d, c, one).Servers() {
				out = append(out, d.Servers[s].Name)
			}
		}
		// Servers that the deployment does not have answer for themselves.
		for _, a := range e.Addresses {
			for _, g := range a.Contact.Greetings {
				if !slices.ContainsFunc(d.Servers, func(s checks.Server) bool { return s.ID == g.ID }) {
					out = append(out, g.Name)
				}
			}
		}
	}
	return out
}

// dnsOf are the host names of the lists with what each resolver answers.
func dnsOf(lists []checks.URLList) []Name {
	out := []Name{}
	seen := map[string]bool{}
	for _, l := range lists {
		for _, e := range l.Endpoints {
			if e.Name == nil || seen[e.Host] || e.Name.Verdict == checks.NameUnknown {
				continue
			}
			seen[e.Host] = true
			for _, a := range e.Name.Answers {
				out = append(out, nameOf(e, a, lists))
			}
		}
	}
	return out
}

func nameOf(e checks.Endpoint, a checks.NameAnswer, lists []checks.URLList) Name {
	n := Name{Host: words.Harmless(e.Host), Resolver: words.Sentence(a.Resolver), CNAME: []string{}, Addresses: []Address{},
		Verdict: string(a.Verdict), Detail: words.Sentence(a.Detail)}
	for _, c := range a.CNAME {
		n.CNAME = append(n.CNAME, words.Harmless(c))
	}
	for _, ip := range a.Addresses {
		address := Address{IP: ip.IP.String(), TTL: ip.TTL, Servers: []string{}}
		for _, l := range lists {
			for _, other := range l.Endpoints {
				for _, at := range other.Addresses {
					if other.Host != e.Host || at.IP.Unmap() != ip.IP.Unmap() {
						continue
					}
					for _, g := range at.Contact.Greetings {
						if name := words.Harmless(g.Name); !slices.Contains(address.Servers, name) {
							address.Servers = append(address.Servers, name)
						}
					}
				}
			}
		}
		n.Addresses = append(n.Addresses, address)
	}
	return n
}
