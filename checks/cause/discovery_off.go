package cause

import (
	"net/netip"
	"slices"
	"strconv"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/words"
)

// DiscoveryOff is the code of the cause.
const DiscoveryOff Code = "discovery-off"

// discoveryOff: contributing: clients are not told of the other servers, so
// they cannot fail over.
//
// Confirmed takes the server's own word: the connect_urls of its INFO or VARZ
// are empty, as with no_advertise, or have its own addresses only. Where it tells
// of addresses that can't be tied to a server, it is ruled out if another server
// tells of the same, as servers that know of each other do.
// It binds nobody to a server, but who has one URL has nowhere else to go.
func discoveryOff() rule {
	return rule{
		Definition: Definition{Code: DiscoveryOff, Title: "The other servers are not advertised to clients", Role: Contributing,
			Helps: []Help{{RemedyClientConfig, ShortTerm}, {RemedyAdvertise, LongTerm}}},
		judge: judgeDiscoveryOff,
	}
}

// hearsOfNobody reports whether all of the clients speak MQTT, which has no way to
// tell them of servers: those on the concentrated server, or where a service has none
// there, all of its clients.
func (s *Situation) hearsOfNobody() bool {
	if s.Profile == nil || len(s.Profile.Protocols) == 0 {
		return false
	}
	here := s.on(s.Server.ID) > 0
	return !slices.ContainsFunc(s.Profile.Protocols, func(g checks.Group) bool {
		return g.Other || g.Key != checks.MQTT && (g.Counts[0] > 0 || !here && sum(g.Counts) > 0)
	})
}

// HearsOfNobody reports whether the clients can't be told of other servers at all,
// as they speak MQTT.
func (d Diagnosis) HearsOfNobody() bool { return d.hearsOfNobody() }

// tells says whether the clients are told of a server by the one that they are on.
func (s *Situation) tells(o *checks.Server) checks.Answer {
	if s.hearsOfNobody() {
		return checks.No
	}
	urls, _, ok := s.advertised()
	switch {
	case !ok || s.Server.Details == nil && len(urls) > 0 && o.Details == nil:
		return checks.Unknown
	case len(urls) == 0:
		return checks.No
	case o.Details == nil:
		return checks.Unknown
	}
	if s.isAmong(urls, o) {
		return checks.Yes
	}
	if slices.ContainsFunc(urls, func(u string) bool {
		at, err := netip.ParseAddrPort(u)
		return err == nil && advertisedByAll(s.Deployment, s.Finding.Cluster, at)
	}) {
		return checks.Unknown // a balancer's, which may lead there
	}
	if own := s.ownURLs(); !slices.ContainsFunc(urls, func(u string) bool { return !slices.Contains(own, u) }) {
		return checks.No
	}
	return checks.Unknown
}

// isAmong reports whether an address of a server is among what is advertised. One that
// several servers say is theirs is that of a balancer, and none of them.
func (s *Situation) isAmong(urls []string, o *checks.Server) bool {
	return slices.ContainsFunc(addresses(o), func(ip netip.Addr) bool {
		at := netip.AddrPortFrom(ip, uint16(o.Details.Port)) //nolint:gosec // what is no port is in no URL
		return slices.Contains(urls, at.String()) && !advertisedByAll(s.Deployment, s.Finding.Cluster, at)
	})
}

func judgeDiscoveryOff(s *Situation) judgement {
	if s.hearsOfNobody() {
		return judgement{verdict: Confirmed, confidence: 1, evidence: []Evidence{
			say("CONNZ", "The clients speak MQTT, in which servers can't advertise others.")}}
	}
	urls, source, ok := s.advertised()
	switch {
	case !ok:
		return notTested("VARZ", "%s did not report which servers it advertises to its clients.", label(s.Server)).settledBy(s.Gap.details())
	case len(urls) == 0:
		return judgement{verdict: Confirmed, confidence: 1, evidence: []Evidence{
			say(source, "%s advertises no other server to its clients, as with no_advertise.", label(s.Server))}}
	}
	if s.Profile == nil {
		return notTested(source, "%s advertises other servers. Whether its clients can hear of them, as all but MQTT clients can, is unknown.", label(s.Server)).settledBy(NeedConnections)
	}
	known := 0
	for _, o := range s.Others {
		if o.Details == nil {
			continue
		}
		known++
		if s.isAmong(urls, o) {
			return ruledOut(source, "%s advertises other servers to its clients, such as %s.", label(s.Server), label(o))
		}
	}
	if shared := s.ofAll(urls); shared != "" {
		return notTested(source, "%s advertises %s to its clients, as the other servers do: that is a balancer's address, and where it leads is its choice.", label(s.Server), shared)
	}
	if own := s.ownURLs(); len(s.Others) > 0 && s.Missing == 0 && known == len(s.Others) && !slices.ContainsFunc(urls, func(u string) bool { return !slices.Contains(own, u) }) {
		return judgement{verdict: Confirmed, confidence: 0.95, evidence: []Evidence{
			say(source, "%s advertises only its own address to its clients: %s.", label(s.Server), words.Few(urls))}}
	}
	if len(urls) > 1 && s.told(urls) {
		return ruledOut(source, "%s advertises %d addresses to its clients: %s.", label(s.Server), len(urls), words.Few(urls))
	}
	return notTested(source, "%s advertises %s to its clients; whose %s, is unknown.", label(s.Server), words.Few(urls), isAre(len(urls)))
}

// ofAll is the one address that is advertised, if several servers say that it is
// theirs; else empty.
func (s *Situation) ofAll(urls []string) string {
	urls = slices.Compact(slices.Sorted(slices.Values(urls)))
	if len(urls) != 1 {
		return ""
	}
	at, err := netip.ParseAddrPort(urls[0])
	if err != nil || !advertisedByAll(s.Deployment, s.Finding.Cluster, at) {
		return ""
	}
	return urls[0]
}

func isAre(addresses int) string {
	if addresses == 1 {
		return "address that is"
	}
	return "addresses these are"
}

// told reports whether another server tells its clients of the same addresses, or,
// where none says what it tells, there are enough for all.
func (s *Situation) told(urls []string) bool {
	same := func(of []string) bool {
		of = slices.Clone(of)
		slices.Sort(of)
		of = slices.Compact(of)
		return len(of) == len(urls) && !slices.ContainsFunc(of, func(u string) bool { return !slices.Contains(urls, u) })
	}
	silent := true
	for _, o := range s.Others {
		if o.Details != nil {
			silent = false
			if same(o.Details.ConnectURLs) {
				return true
			}
		}
	}
	return silent && len(urls) > len(s.Others)
}

// ownURLs are the concentrated server's own addresses with its port.
func (s *Situation) ownURLs() []string {
	var out []string
	if s.Server.Details == nil {
		return nil
	}
	for _, ip := range addresses(s.Server) {
		out = append(out, netip.AddrPortFrom(ip, uint16(s.Server.Details.Port)).String()) //nolint:gosec // what is no port is in no URL
	}
	return append(out, s.Server.Details.Host+":"+strconv.Itoa(s.Server.Details.Port))
}

// advertised is what the concentrated server tells clients.
func (s *Situation) advertised() (urls []string, source string, ok bool) {
	if s.Server != nil && s.Server.Details != nil {
		urls = slices.Clone(s.Server.Details.ConnectURLs)
		slices.Sort(urls)
		return slices.Compact(urls), "VARZ", true
	}
	for _, l := range slices.Concat(s.Own, s.Hints) {
		for _, e := range l.Endpoints {
			for _, a := range e.Addresses {
				for _, g := range a.Contact.Greetings {
					if g.ID == s.Finding.Server.ID {
						urls = slices.Clone(g.ConnectURLs)
						slices.Sort(urls)
						return slices.Compact(urls), "INFO of " + a.IP.String(), true
					}
				}
			}
		}
	}
	return nil, "", false
}
