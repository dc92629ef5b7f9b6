package cause

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/nats-balance/nats-balance/checks"
)

// ListReport is what a URL list alone shows, without knowing the deployment.
type ListReport struct {
	// Servers are the servers that answer, by name.
	Servers []string
	// Problems are what is wrong with it, one sentence each: what keeps clients
	// from spreading or failing over.
	Problems []string
	// Open is what could not be looked at.
	Open []OpenInList
}

// OpenInList is what could not be looked at of a list.
type OpenInList struct {
	Text    string // one sentence
	Unasked bool   // because DNS is not to be asked
}

// Outcome is a finding where something is wrong, and incomplete where nothing
// is but not all could be looked at.
func (r ListReport) Outcome() checks.Outcome {
	switch {
	case len(r.Problems) > 0:
		return checks.OutcomeFinding
	case len(r.Open) > 0:
		return checks.OutcomeIncomplete
	}
	return checks.OutcomePass
}

// CheckList judges a list by what answers at its addresses. That it leads to
// one server only is a problem where that server is part of a cluster or tells
// of others, and where the list is known as a whole.
func CheckList(l checks.URLList) ListReport {
	var r ListReport
	var servers []checks.Greeting
	clusters := map[string]bool{}
	told := 0 // of how many addresses the servers tell
	for _, why := range l.Incomplete {
		r.open("The list " + why + ", so there may be more to it.")
	}
	for _, e := range l.Endpoints {
		r.name(e)
		dead := len(e.Addresses) > 0
		for _, a := range e.Addresses {
			at := fmt.Sprintf("%s (%s)", e.URL, a.IP)
			if e.Literal {
				at = e.URL
			}
			dead = dead && r.address(at, a.Contact)
			for _, g := range a.Contact.Greetings {
				clusters[g.Cluster] = true
				told = max(told, len(g.ConnectURLs))
				if !slices.ContainsFunc(servers, func(s checks.Greeting) bool { return s.ID == g.ID }) {
					servers = append(servers, g)
					r.Servers = append(r.Servers, g.Name)
				}
			}
			where := netip.AddrPortFrom(a.IP, uint16(a.Port)) //nolint:gosec // ports are checked where URLs are read
			for _, g := range a.Contact.Greetings {
				if c := a.Contact; leadsSteadily(g.Count, c.Tries) && OwnAddress(&checks.Deployment{}, e.Scheme, where, c) == checks.No {
					r.Problems = append(r.Problems, fmt.Sprintf("%s is not an address of %s itself, but leads there in %d of %d tries: what stands there is sticky, or has no other server.",
						at, g.Name, g.Count, c.Tries))
				}
			}
		}
		if dead && len(e.Addresses) > 1 {
			r.Problems = append(r.Problems, "No server answers at "+e.URL+".")
		}
	}
	switch {
	case len(servers) == 1 && len(r.Open) == 0 && (servers[0].Cluster != "" || told > 1):
		r.Problems = append(r.Problems, fmt.Sprintf("It leads to one server only, %s, which is part of a cluster.", servers[0].Name))
	case len(servers) == 1 && len(r.Open) > 0:
		r.open(fmt.Sprintf("As far as is known, it leads to %s only.", servers[0].Name))
	}
	if len(clusters) > 1 {
		var names []string
		for name := range clusters {
			names = append(names, name)
		}
		slices.Sort(names)
		r.Problems = append(r.Problems, "It leads to servers of different clusters: "+strings.Join(names, ", ")+".")
	}
	if l.Ordered == checks.Yes && len(servers) > 1 {
		r.Problems = append(r.Problems, "It is used without randomising, so all clients take "+servers[0].Name+" while it answers.")
	}
	return r
}

// open adds what could not be looked at.
func (r *ListReport) open(text string) { r.Open = append(r.Open, OpenInList{Text: text}) }

// name says what is wrong with a host name.
func (r *ListReport) name(e checks.Endpoint) {
	if e.Literal || e.Name == nil {
		return
	}
	switch e.Name.Verdict {
	case checks.NameSingle, checks.NameSeveral, checks.NameRotating:
	case checks.NameMissing, checks.NameNoData:
		r.Problems = append(r.Problems, e.URL+": "+e.Name.Detail)
		return
	case checks.NameDiffers:
		r.Problems = append(r.Problems, e.URL+": "+e.Name.Detail)
	case checks.NameFailed, checks.NameUnknown:
		r.Open = append(r.Open, OpenInList{Text: e.URL + ": " + e.Name.Detail, Unasked: e.Name.Unasked})
	}
}

// address says what is wrong at an address; dead reports whether no server is there.
func (r *ListReport) address(at string, c checks.Contact) (dead bool) {
	switch c.Outcome {
	case checks.ContactServer:
		return false
	case checks.ContactRefused:
		r.Problems = append(r.Problems, at+" refuses connections: nobody listens there.")
	case checks.ContactClosed:
		r.Problems = append(r.Problems, at+" closes connections without a greeting.")
	case checks.ContactTimeout:
		r.Problems = append(r.Problems, at+" does not answer from here.")
	case checks.ContactUnroutable:
		r.open(at + " can't be reached from this machine.")
		return false
	case checks.ContactUnreadable:
		r.open(at + ": " + c.Detail + ".")
		return false
	case checks.ContactNone:
		r.open(at + " was not connected to.")
		return false
	}
	return true
}
