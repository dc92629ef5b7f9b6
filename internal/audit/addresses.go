package audit

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/probe"
	"github.com/nats-balance/nats-balance/internal/source"
	"github.com/nats-balance/nats-balance/internal/words"
)

const (
	// mostLooked bounds how many are connected to.
	mostLooked = 64
	// mostAddresses bounds how many there are. More make no difference.
	mostAddresses = 1000
)

// Whose URL an address is of.
const (
	ofServer  = "an address of --server"
	ofClients = "an address of a client's URL list"
	ofPeers   = "an address that servers advertise"
)

// sight is an address of a URL, and what was seen there.
type sight struct {
	scheme, host, shown string
	at                  netip.AddrPort
	named               bool   // the host is a name
	of                  string // whose URL it is
	unresolved          string // why the name has no address
	looked              bool   // it was connected to
	contact             checks.Contact
	within              time.Duration // that there was for it
}

// family tells the addresses of a name apart by IPv4 and IPv6.
func (s *sight) family() string {
	if s.at.Addr().Unmap().Is4() {
		return s.host + " 4"
	}
	return s.host + " 6"
}

// said is what is known of who is there, in a clause.
func (s *sight) said() string {
	c := s.contact
	switch {
	case s.unresolved != "":
		return "the name can't be resolved: " + s.unresolved
	case c.Outcome == checks.ContactRefused:
		return "nobody listens there"
	case c.Hangs:
		return "it accepts connections but says nothing"
	case c.Outcome == checks.ContactTimeout, c.Outcome == checks.ContactNone:
		return "no answer within " + s.within.Round(100*time.Millisecond).String()
	}
	return c.Detail
}

// kind is that of a server that is there.
func (s *sight) kind() checks.MissingKind {
	switch {
	case s.contact.Outcome == checks.ContactRefused:
		return checks.Refusing
	case s.contact.Hangs:
		return checks.Hanging
	}
	return checks.Unreachable
}

// look finds out which servers are behind the addresses of the connection's own
// URLs and of those of clients. One that did not report is missing, and so is one
// of which nobody knows who it is: it may be a server that its peers have
// forgotten.
func (e Expected) look(ctx context.Context, d *checks.Deployment) {
	all := e.sights(ctx, d)
	if len(e.Clients) == 0 && len(all) < 2 {
		return // that of the connection itself
	}
	e.contact(ctx, d, all)
	// Where not even a server that reported can be connected to, as behind a
	// proxy, nothing was seen.
	works := slices.ContainsFunc(all, func(s sight) bool { return reportedIn(d, s.contact.Greetings) })
	greets := map[string]bool{} // hosts and families
	var known []checks.Greeting // of servers whose address is known
	for i := range all {
		s := &all[i]
		if !works {
			s.looked, s.contact = false, checks.Contact{}
		}
		if s.contact.Outcome != checks.ContactServer {
			continue
		}
		greets[s.host], greets[s.family()] = true, true
		for _, g := range s.contact.Greetings {
			known = append(known, g)
			e.greeted(d, g, s)
		}
	}
	silentAt(d, all)
	left := e.strangers(d, all, greets)
	left = unexplained(d, all, left)
	if len(left) > 0 && e.Details != nil {
		_ = e.Details(ctx, clustersIn(d)) // what is not known explains nothing
		left = unexplained(d, all, left)
	}
	e.missingAt(d, left, all, known)
}

// reportedIn reports whether one that greeted is a server that reported.
func reportedIn(d *checks.Deployment, of []checks.Greeting) bool {
	return slices.ContainsFunc(of, func(g checks.Greeting) bool {
		return slices.ContainsFunc(d.Servers, func(s checks.Server) bool { return s.ID == g.ID })
	})
}

func clustersIn(d *checks.Deployment) (out []string) {
	for i := range d.Servers {
		out = appendOnce(out, d.Servers[i].Cluster)
	}
	return out
}

// strangers are the addresses where no server greets, but for that of the
// connection itself. A name often has addresses of a family in which nobody
// listens, and one where nobody greets counts once.
func (e Expected) strangers(d *checks.Deployment, all []sight, greets map[string]bool) []sight {
	own := 0 // addresses of the URL that is connected to
	for i := range all {
		if e.isConnected(&all[i]) {
			own++
		}
	}
	var out []sight
	var open []string
	for _, s := range all {
		switch {
		case s.contact.Outcome == checks.ContactServer, s.of == ofPeers:
			continue
		case s.at.IsValid() && s.at.String() == e.ConnectedAddress, own == 1 && e.isConnected(&s):
			continue // it carries the audit
		case s.of == ofClients && (!s.looked || s.unresolved != "" || s.contact.Outcome == checks.ContactUnroutable || e.elsewhere(&s)):
			// Clients may be where this address is another one, or none.
			open = append(open, s.shown)
			continue
		case s.named && s.unresolved == "" && !greets[s.family()]:
			if greets[s.host] {
				continue
			}
			s.shown = net.JoinHostPort(s.host, strconv.Itoa(int(s.at.Port())))
		}
		if !slices.ContainsFunc(out, func(o sight) bool { return o.shown == s.shown }) {
			out = append(out, s)
		}
	}
	if len(open) > 0 {
		d.Note("addresses of the clients' URL lists that could not be checked for servers that did not answer: " + words.Few(open))
	}
	return out
}

// elsewhere reports whether something answers at an address, and it is not a
// server of clients like ours: a list of clients has what it likes.
func (e Expected) elsewhere(s *sight) bool {
	return s.contact.Outcome == checks.ContactUnreadable && !s.contact.Hangs
}

// isConnected reports whether an address is of the URL that is connected to.
func (e Expected) isConnected(s *sight) bool {
	u, err := url.Parse(e.ConnectedURL)
	return err == nil && s.of == ofServer && u.Hostname() == s.host && portOf(u) == s.at.Port()
}

func appendOnce(to []string, s string) []string {
	if slices.Contains(to, s) {
		return to
	}
	return append(to, s)
}

// contact connects to the addresses, unless that is not wanted. Little time is left
// where servers are silent, so that where these may be all is tried at once.
func (e Expected) contact(ctx context.Context, d *checks.Deployment, all []sight) {
	if e.NoProbe {
		return
	}
	ctx, cancel := source.LookForServers.Context(ctx)
	defer cancel()
	ctx, stop := context.WithTimeout(ctx, source.LongestLook)
	defer stop()
	prober := probe.Prober{Timeout: source.LongestLook / 2}
	end, _ := ctx.Deadline()
	within := min(time.Until(end), prober.Timeout)
	var done sync.WaitGroup
	for i := range all[:min(len(all), mostLooked)] {
		s := &all[i]
		if s.unresolved != "" {
			continue
		}
		done.Go(func() {
			s.looked, s.within = true, within
			if s.forClients() && (advertisedIn(d, s) || silentRuns(d)) {
				s.contact = prober.Beside(ctx, s.host, s.at, within)
				return
			}
			s.contact = prober.Contact(ctx, s.scheme, s.host, s.at)
		})
	}
	done.Wait()
}

func portOf(u *url.URL) uint16 {
	port, err := strconv.ParseUint(u.Port(), 10, 16)
	if err == nil {
		return uint16(port)
	}
	switch u.Scheme {
	case "ws":
		return 80
	case "wss":
		return 443
	}
	return 4222
}

// sights are the addresses of all URLs, and those at which servers may be that are
// silent.
func (e Expected) sights(ctx context.Context, d *checks.Deployment) []sight {
	ctx, cancel := context.WithTimeout(ctx, source.LongestLook)
	defer cancel()
	var out []sight
	add := func(text, of string) {
		u, err := url.Parse(text)
		if err != nil {
			return
		}
		s := sight{scheme: u.Scheme, host: u.Hostname(), of: of}
		port := portOf(u)
		var ips []netip.Addr
		if ip, err := netip.ParseAddr(s.host); err == nil {
			ips = append(ips, ip)
		} else {
			s.named = true
			if ips, err = net.DefaultResolver.LookupNetIP(ctx, "ip", s.host); err != nil || len(ips) == 0 {
				s.unresolved, s.shown = unresolved(err), net.JoinHostPort(s.host, strconv.Itoa(int(port)))
				ips = []netip.Addr{{}}
			}
		}
		for _, ip := range ips {
			s := s
			if s.unresolved == "" {
				s.at = netip.AddrPortFrom(ip.Unmap(), port)
				s.shown = s.at.String()
			}
			if len(out) < mostAddresses && !slices.ContainsFunc(out, func(o sight) bool { return o.shown == s.shown }) {
				out = append(out, s)
			}
		}
	}
	for _, text := range e.URLs {
		add(text, ofServer)
	}
	for _, text := range e.Clients {
		add(text, ofClients)
	}
	for i := range d.Missing {
		for _, at := range d.Missing[i].Advertised {
			add("nats://"+at, ofPeers)
		}
	}
	return out
}

// unresolved is why a name has no address.
func unresolved(err error) string {
	var dns *net.DNSError
	switch {
	case err == nil:
		return "it has no address"
	case errors.As(err, &dns) && dns.IsNotFound:
		return "DNS has no such name"
	case errors.As(err, &dns) && dns.IsTimeout, errors.Is(err, context.DeadlineExceeded):
		return "DNS did not answer in time"
	case dns != nil: // without the addresses of whom was asked
		return words.Sentence(dns.Err)
	}
	return words.Sentence(err.Error())
}
