package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/checks/cause"
	"github.com/nats-balance/nats-balance/internal/words"
)

// Service is one application of the account. Name, user, language and protocol
// are null in the sum of the services that are too many to list; the user and the
// language also where there is none.
type Service struct {
	Name          *string        `json:"name"` // empty where its connections have none
	User          *string        `json:"user"`
	Language      *string        `json:"language"`
	Versions      []string       `json:"versions"`
	Protocol      *string        `json:"protocol"`
	Hosts         int            `json:"hosts"`
	HostExamples  []string       `json:"host_examples"`
	Connections   int            `json:"connections"`
	Counts        []ServiceCount `json:"counts"`
	First         *time.Time     `json:"first"`
	Last          *time.Time     `json:"last"`
	Concentrated  bool           `json:"concentrated"`
	Cause         *string        `json:"cause"`
	here          int            // on the concentrated server
	network       string         // of connections without a name
	hostsReckoned bool
}

// ServiceCount is what a service has on a server, at least one connection, or null
// on one of which no connection was read.
type ServiceCount struct {
	Server      ServerRef `json:"server"`
	Connections *int      `json:"connections"`
}

// services are those of a finding, the largest on its server first.
func services(f checks.Finding, d *cause.Diagnosis) []Service {
	out := []Service{}
	if d == nil || d.Profile == nil {
		return out
	}
	counts := serviceCounts(f.Distribution, d.Profile)
	for _, x := range d.Services {
		s := Service{Versions: []string{}, Hosts: x.Hosts, HostExamples: []string{}, Connections: x.Connections(), Counts: counts(x.Service),
			First: moment(x.First), Last: moment(x.Last), Concentrated: x.Concentrated, Cause: orNull(string(x.Cause)),
			here: x.Here(), hostsReckoned: x.SourcesSampled}
		if !x.Remainder {
			name := words.Harmless(x.Stem)
			s.Name, s.User, s.Language, s.Protocol = &name, orNull(x.User), orNull(x.Language), orNull(x.Protocol)
		}
		if x.Stem == "" && len(x.Networks) == 1 {
			s.network = x.Networks[0].Key
		}
		for _, v := range x.Versions {
			s.Versions = append(s.Versions, words.Harmless(v))
		}
		for _, at := range x.HostExamples {
			s.HostExamples = append(s.HostExamples, at.String())
		}
		out = append(out, s)
	}
	return out
}

// serviceCounts returns what a service of an account has on each server, the most
// first, with those of which that was not read.
func serviceCounts(distribution []checks.Share, p *checks.Profile) func(checks.Service) []ServiceCount {
	refs, places := map[string]ServerRef{}, map[string]int{}
	for _, s := range distribution {
		refs[s.Server.ID] = serverRef(s.Server)
	}
	for i, id := range p.Servers {
		places[id] = i
	}
	return func(x checks.Service) []ServiceCount {
		out := []ServiceCount{}
		for i, n := range x.Counts {
			if n > 0 && i < len(p.Servers) {
				ref, known := refs[p.Servers[i]]
				if !known {
					ref.ID = words.Harmless(p.Servers[i])
				}
				out = append(out, ServiceCount{ref, &n})
			}
		}
		slices.SortStableFunc(out, func(a, b ServiceCount) int { return *b.Connections - *a.Connections })
		for _, at := range distribution {
			i, read := places[at.Server.ID]
			switch {
			case at.Server.ID == "" && at.Server.Name == "":
			case !read && at.Connections == nil, read && i < len(p.Unread) && p.Unread[i] && (i >= len(x.Counts) || x.Counts[i] == 0):
				out = append(out, ServiceCount{serverRef(at.Server), nil})
			}
		}
		return out
	}
}

// moment is null for a time that is not known.
func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC().Truncate(time.Second)
	return &t
}

const (
	// serviceLines is how many lines of text tell of services, and serviceName how
	// many columns of a name or a user one of these shows.
	serviceLines, serviceName, serviceUser = 3, 40, 20
)

// servicesSentence names the applications on the finding's server in at most
// three lines of text: those that make the finding with what tells whose they
// are. It is empty where they are not known.
func (f Finding) servicesSentence() string {
	here := slices.DeleteFunc(slices.Clone(f.Services), func(s Service) bool { return s.here == 0 })
	for n := len(here); n > 0; n-- {
		for _, detailed := range []bool{true, false} {
			s := servicesText(here, n, detailed, f.label)
			if n == 1 && !detailed || len(lines(s, width-3, width-5)) <= serviceLines {
				return s
			}
		}
	}
	return ""
}

// servicesText names the first n of services.
func servicesText(all []Service, n int, detailed bool, server string) string {
	var parts []string
	rest := 0
	for i, s := range all {
		switch {
		case i >= n:
			rest += s.here
			continue
		case s.Name == nil: // the others, which come last or are the largest together
			parts = append(parts, "others "+words.Count(s.here))
		case i == 0 || s.Concentrated && detailed:
			parts = append(parts, fmt.Sprintf("%s (%s) %s", s.label(), s.whose(), words.Count(s.here)))
		default:
			parts = append(parts, s.label()+" "+words.Count(s.here))
		}
		if i == 0 {
			parts[0] += " on " + server
		}
	}
	if rest > 0 {
		parts = append(parts, fmt.Sprintf("%s, with %s together", words.Plural(len(all)-n, "more service"), words.Plural(rest, "connection")))
	}
	return "Services: " + strings.Join(parts, "; ") + "."
}

// label is what people call it.
func (s Service) label() string {
	switch {
	case *s.Name != "":
		return short(*s.Name, serviceName)
	case s.network != "":
		return "unnamed (" + s.network + ")"
	}
	return "unnamed"
}

// user, software and hostCount say who is to be asked about it.
func (s Service) user() string {
	if s.User == nil {
		return ""
	}
	return "user " + short(*s.User, serviceUser)
}

func (s Service) software() string {
	var parts []string
	if p := deref(s.Protocol); p != "" && p != checks.NATS {
		parts = append(parts, protocolName(p))
	}
	if s.Language != nil {
		parts = append(parts, short(languageName(*s.Language), serviceUser))
		if len(s.Versions) > 0 {
			parts = append(parts, short(s.Versions[0], serviceUser))
		}
	}
	return strings.Join(parts, " ")
}

func (s Service) hostCount() string {
	if s.hostsReckoned {
		return "about " + words.Plural(s.Hosts, "host")
	}
	return words.Plural(s.Hosts, "host")
}

// unread are the servers, by name, of which it is not known for some service how
// many connections it has.
func (f Finding) unread() []string {
	var out []string
	for _, at := range f.Distribution {
		if slices.ContainsFunc(f.Services, func(s Service) bool { return s.on(at) == unread }) {
			out = append(out, short(cmp.Or(at.label, at.Server.Name), serviceName))
		}
	}
	return out
}

// unread is what stands for a number of connections that were not read.
const unread = "?"

// on returns how many connections it has on a server, to print.
func (s Service) on(server Share) string {
	for _, c := range s.Counts {
		switch {
		case c.Server.ID != server.Server.ID || c.Server.Name != server.Server.Name:
		case c.Connections == nil:
			return unread
		default:
			return words.Count(*c.Connections)
		}
	}
	return "0"
}

// whose says the same in a clause.
func (s Service) whose() string {
	var parts []string
	if s.User != nil {
		parts = append(parts, "user "+short(*s.User, serviceUser))
	}
	if p := deref(s.Protocol); p != "" && p != checks.NATS {
		parts = append(parts, protocolName(p))
	}
	if s.Language != nil {
		language := short(languageName(*s.Language), serviceUser)
		switch n := len(s.Versions); {
		case n == 1:
			language += " " + short(s.Versions[0], serviceUser)
		case n > 1:
			language += " " + short(s.Versions[0], serviceUser) + " and others"
		}
		parts = append(parts, language)
	}
	about := ""
	if s.hostsReckoned {
		about = "about "
	}
	return strings.Join(append(parts, about+words.Plural(s.Hosts, "host")), ", ")
}

func protocolName(p string) string {
	return strings.NewReplacer("mqtt", "MQTT", "websocket", "WebSocket").Replace(short(p, serviceUser))
}

// languageName is what the language of a client calls itself.
func languageName(language string) string {
	switch language {
	case "python2", "python3":
		return "Python"
	case "go", "java", "rust", "ruby", "python", "elixir":
		return strings.ToUpper(language[:1]) + language[1:]
	}
	return language
}

// servicesCell names the first services of an account on a server for CSV: those
// with most connections there.
func servicesCell(all []Service, server string) string {
	type count struct {
		label string
		n     int
	}
	var here []count
	for _, s := range all {
		for _, c := range s.Counts {
			if c.Server.ID == server && s.Name != nil && c.Connections != nil {
				here = append(here, count{s.label(), *c.Connections})
			}
		}
	}
	slices.SortStableFunc(here, func(a, b count) int { return b.n - a.n })
	var parts []string
	const most = 3
	for _, c := range here[:min(len(here), most)] {
		parts = append(parts, c.label+" "+words.Count(c.n))
	}
	if n := len(here) - most; n > 0 {
		parts = append(parts, "… "+words.Count(n)+" more")
	}
	return strings.Join(parts, ", ")
}
