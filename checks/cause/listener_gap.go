package cause

import (
	"slices"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/words"
)

// ListenerGap is the code of the cause.
const ListenerGap Code = "listener-gap"

// listenerGap: the connections' protocol, MQTT or WebSocket, is served by one
// server only.
//
// Confirmed takes that without these connections the account would not be
// concentrated, and that every other server of the cluster says in VARZ that it
// has no such listener. It may take both protocols together. An account of plain
// clients can't have it. Where such connections are too few to be the cause, they
// have nowhere else to go all the same, see [Diagnosis.Unserved].
func listenerGap() rule {
	return rule{
		Definition: Definition{Code: ListenerGap, Title: "The protocol of the clients is served by one server only", Role: Root, Step: Serves, Moved: ComeBack, First: RemedyListener,
			Helps: []Help{{RemedyListener, ShortTerm}, {RemedyClientConfig, ShortTerm}, {RemedyDNS, ShortTerm}, {RemedyRebalance, ShortTerm}}},
		thing: (*Situation).itsListener,
		judge: judgeListenerGap,
	}
}

// serves says which servers have the listener that the clients' protocols need.
func (s *Situation) serves() []checks.Answer {
	out := s.all(checks.Yes)
	if s.Profile == nil {
		return append(out[:1], s.all(checks.Unknown)[1:]...)
	}
	for i, o := range s.Others {
		answer := checks.Yes
		for _, g := range s.Profile.Protocols {
			at := slices.Index(s.Profile.Servers, o.ID)
			switch taken := o.Takes(g.Key); {
			case g.Other || sum(g.Counts) == 0 || taken != checks.No && at >= 0 && at < len(g.Counts) && g.Counts[at] > 0:
			case taken == checks.No && s.enough(g.Counts[0]):
				answer = checks.No
			case answer == checks.Yes && taken == checks.Unknown:
				answer = checks.Unknown
			}
		}
		switch asked := answer == checks.Yes && s.asksTLS(o); {
		case asked && s.handshakesFailed(o) > 0 && s.handshakesFailed(s.Server) == 0:
			answer = checks.No
		case asked:
			answer = checks.Unknown
		}
		out[i+1] = answer
	}
	failed, _ := s.tlsFailed()
	for i, o := range s.Others {
		if slices.Contains(failed, o) {
			out[i+1] = checks.No
		}
	}
	lack := s.withoutTLS()
	if demand, _ := s.demandTLS(); len(lack) > 0 && s.enough(s.overTLS()) {
		for i, o := range s.Others {
			switch {
			case out[i+1] == checks.No || !slices.Contains(lack, o):
			case demand == checks.Yes:
				out[i+1] = checks.No
			default:
				out[i+1] = checks.Unknown
			}
		}
	}
	return out
}

// enough reports whether connections on the concentrated server are most of
// those that are there.
func (s *Situation) enough(here int) bool { return here*2 > s.Finding.OnServer }

// asksTLS reports whether a server takes TLS only while these clients, none of
// which is there, are known to go without. What does not say counts as no.
func (s *Situation) asksTLS(o *checks.Server) bool {
	n := s.on(o.ID)
	if n > 0 || s.Profile == nil || o.Details == nil || !o.Details.TLS || s.Server.Details == nil || s.Server.Details.TLS {
		return false
	}
	return len(s.Profile.Services) == 0 || slices.ContainsFunc(s.Profile.Services, func(x checks.Service) bool { return x.TLS != checks.Yes && x.Here() > 0 })
}

// protocol is a listener that not every server has.
type protocol struct {
	name string
	keys []string
}

func protocols() []protocol {
	return []protocol{
		{"MQTT", []string{checks.MQTT}},
		{"WebSocket", []string{checks.WebSocket}},
		{"MQTT or WebSocket", []string{checks.MQTT, checks.WebSocket}},
	}
}

// servedBy reports whether a server has the listener that one of the keys needs.
func (p protocol) servedBy(o *checks.Server) checks.Answer {
	answer := checks.No
	for _, key := range p.keys {
		if taken := o.Takes(key); taken != checks.No {
			answer = taken
		}
	}
	return answer
}

func judgeListenerGap(s *Situation) judgement {
	if s.Profile == nil {
		return notTested("CONNZ", "The connections were not read.").settledBy(NeedConnections)
	}
	var served judgement // by another server too
	for _, p := range protocols() {
		here, elsewhere := countKeys(s.Profile.Protocols, p.keys)
		if here == 0 || s.concentratedWithout(here, elsewhere) {
			continue
		}
		j := judgement{explains: s.explained(here), direct: true, evidence: []Evidence{
			say("CONNZ", "%d of the %s are %s connections.", here, s.ofThese(), p.name)}}
		var with, without, silent []*checks.Server
		for _, o := range s.Others {
			switch p.servedBy(o) {
			case checks.Yes:
				with = append(with, o)
			case checks.No:
				without = append(without, o)
			case checks.Unknown:
				silent = append(silent, o)
			}
		}
		switch {
		case len(with) > 0:
			if served.verdict == "" {
				served = ruledOut("VARZ", "%s %s %s as well.", otherNames(with), verb(with, "serves", "serve"), p.name)
			}
			continue
		case len(silent)+s.Missing > 0:
			j.verdict, j.confidence = Likely, 0.7
			if len(without) == 0 {
				j.verdict, j.confidence = NotTested, 0
			}
			j.evidence = append(j.evidence, say("VARZ", "%s did not say whether %s %s.", s.silentNames(silent), verb(silent, "it serves", "they serve"), p.name))
		default:
			j.verdict, j.confidence = Confirmed, 1
			j.evidence = append(j.evidence, say("VARZ", "%s %s no %s listener.", otherNames(without), verb(without, "has", "have"), p.name))
		}
		return j
	}
	unserved, lack := s.unserved(), s.withoutTLS()
	switch asks := s.askTLS(); {
	case !s.Profile.Whole || s.Missing > 0:
		return s.notWhole()
	case len(asks) > 0 && served.verdict == "":
		return asksAll(s, asks)
	case served.verdict != "":
		return served
	case len(lack) > 0 && s.enough(s.overTLS()):
		return s.tlsMissing(lack)
	case unserved.Connections > 0:
		return ruledOut("VARZ", "%d of the %s are %s connections, which no other server takes. Without them the account would be concentrated all the same.",
			unserved.Connections, s.ofThese(), words.Few(unserved.Protocols))
	case len(s.mute()) > 0:
		return notTested("VARZ", "Whether %s %s TLS of the clients is unknown.", otherNames(s.mute()), verb(s.mute(), "requires", "require")).settledBy(s.Gap.details())
	}
	return s.handshakes()
}

// handshakes is the verdict by the TLS of the clients: a certificate that they do
// not take holds them back like a listener that is not there.
func (s *Situation) handshakes() judgement {
	failed, unsure := s.tlsFailed()
	switch {
	case len(failed) > 0:
		n := 0
		for _, o := range failed {
			n += s.handshakesFailed(o)
		}
		j := judgement{verdict: Likely, confidence: 0.8, explains: s.Finding.OnServer, direct: true, title: "The clients do not take the certificates of other servers", evidence: []Evidence{
			say("closed connections", "TLS handshakes from the addresses of these clients failed %s on %s, and their connections on %s use TLS: compare the certificates.",
				times(n), otherNames(failed), label(s.Server))}}
		if len(failed) < len(s.Others) {
			j.verdict, j.confidence, j.explains, j.direct = Possible, 0.3, s.Finding.OnServer/2, false
		}
		return j
	case len(unsure) > 0:
		return notTested("CONNZ", "It is unknown whether the clients, which use TLS, take the %s of %s.", verb(unsure, "certificate", "certificates"), otherNames(unsure)).settledBy(NeedTLS)
	}
	if s.mayUseTLS() {
		return notTested("CONNZ", "It is unknown whether the clients use TLS, and take the certificates of the other servers.").settledBy(NeedTLS)
	}
	return ruledOut("CONNZ", "What is concentrated are plain client connections, which every server takes.")
}

// mayUseTLS reports whether it is unknown if the clients use TLS, and nothing
// says that they can't: the server may offer it, or handshakes failed elsewhere.
func (s *Situation) mayUseTLS() bool {
	known := len(s.Profile.Services) > 0 && !slices.ContainsFunc(s.Profile.Services, func(x checks.Service) bool {
		return x.Here() > 0 && x.TLS != checks.Yes && x.TLS != checks.No
	})
	return !known && (s.Server.Details == nil || s.Server.Details.TLS || s.Server.Details.OffersTLS != checks.No ||
		slices.ContainsFunc(s.Others, func(o *checks.Server) bool { return s.on(o.ID) == 0 && s.handshakesFailed(o) > 0 }))
}

// tlsFailed are the other servers where the handshakes of these clients failed,
// and those where no client is known to have got through.
func (s *Situation) tlsFailed() (failed, unsure []*checks.Server) {
	if s.Profile == nil || !slices.ContainsFunc(s.Profile.Services, func(x checks.Service) bool { return x.TLS == checks.Yes && x.Here() > 0 }) {
		return nil, nil
	}
	lack := s.withoutTLS()
	for _, o := range s.Others {
		switch {
		case s.on(o.ID) > 0 || slices.Contains(lack, o):
		case s.handshakesFailed(o) > 0 && s.handshakesFailed(s.Server) == 0:
			failed = append(failed, o)
		case !s.tlsTaken(o):
			unsure = append(unsure, o)
		}
	}
	return failed, unsure
}

func (s *Situation) handshakesFailed(o *checks.Server) int {
	n := 0
	for _, c := range s.History {
		if c.Server == o.ID && c.Reason == checks.ReasonTLS {
			n += c.Connections
		}
	}
	return n
}

// tlsTaken reports whether some client got through a server's TLS: a service of
// any account that uses nothing else, or these clients before.
func (s *Situation) tlsTaken(o *checks.Server) bool {
	on := func(p *checks.Profile) bool {
		at := slices.Index(p.Servers, o.ID)
		return at >= 0 && slices.ContainsFunc(p.Services, func(x checks.Service) bool { return x.TLS == checks.Yes && at < len(x.Counts) && x.Counts[at] > 0 })
	}
	if s.whole != nil && s.whole.Profile != nil && on(s.whole.Profile) {
		return true
	}
	if s.Neighbours != nil {
		for _, p := range s.Neighbours.Profiles {
			if on(p) {
				return true
			}
		}
	}
	return slices.ContainsFunc(s.History, func(c checks.Closed) bool { return c.Server == o.ID && s.isUser(c.User) && !c.Reason.Refused() })
}

// mute are the other servers of which it is not known whether they ask these
// clients for TLS that the concentrated server does not ask for.
func (s *Situation) mute() []*checks.Server {
	var out []*checks.Server
	for _, o := range s.Others {
		n := s.on(o.ID)
		if n == 0 && (o.Details == nil || o.Details.TLS && s.Server.Details == nil) {
			out = append(out, o)
		}
	}
	return out
}

// askTLS are the servers that take TLS only while the clients go without.
func (s *Situation) askTLS() []*checks.Server {
	var out []*checks.Server
	for _, o := range s.Others {
		if s.asksTLS(o) {
			out = append(out, o)
		}
	}
	return out
}

// asksAll is the verdict where servers ask for TLS.
func asksAll(s *Situation, asks []*checks.Server) judgement {
	failed, by := 0, 0
	for _, o := range asks {
		n := s.handshakesFailed(o)
		failed += n
		if n > 0 {
			by++
		}
	}
	j := judgement{verdict: Possible, confidence: 0.4, explains: s.Finding.OnServer, title: "Other servers require TLS, which the clients do not use", evidence: []Evidence{
		say("VARZ", "%s %s TLS, %s does not, and these clients connect without.", otherNames(asks), verb(asks, "requires", "require"), label(s.Server)).settledBy(NeedTLS)}}
	if len(asks) < len(s.Others) {
		j.confidence, j.explains = 0.2, s.Finding.OnServer/2
	}
	if failed > 0 {
		j.evidence = append(j.evidence, say("closed connections", "TLS handshakes from the addresses of these clients failed %s there.", times(failed)))
	}
	if by == len(s.Others) && s.handshakesFailed(s.Server) == 0 {
		j.verdict, j.confidence, j.direct = Likely, 0.85, true
	}
	return j
}

// countKeys adds up groups, on the concentrated server and on the others.
func countKeys(groups []checks.Group, keys []string) (here, elsewhere int) {
	for _, g := range groups {
		for _, key := range keys {
			if g.Key != key || g.Other {
				continue
			}
			for i, n := range g.Counts {
				if i == 0 {
					here += n
				} else {
					elsewhere += n
				}
			}
		}
	}
	return here, elsewhere
}
