package cause

import (
	"slices"

	"github.com/nats-balance/nats-balance/checks"
)

// withoutTLS are the other servers that offer no TLS to NATS clients, while these use it;
// none of them is there.
func (s *Situation) withoutTLS() []*checks.Server {
	if s.overTLS() == 0 {
		return nil
	}
	var out []*checks.Server
	for _, o := range s.Others {
		if s.on(o.ID) == 0 && o.Details != nil && o.Details.OffersTLS == checks.No && !o.Details.TLS {
			out = append(out, o)
		}
	}
	return out
}

// overTLS is how many connections on the concentrated server are of services all of whose
// NATS connections use TLS.
func (s *Situation) overTLS() int {
	if s.Profile == nil {
		return 0
	}
	n := 0
	for _, x := range s.Profile.Services {
		if x.TLS == checks.Yes && x.Protocol == checks.NATS {
			n += x.Here()
		}
	}
	return s.explained(n)
}

// demandTLS says whether these clients take no connection without TLS, and how that shows.
// They do where the concentrated server leaves it to them, or where they have nothing but
// tls:// URLs. Where it asks for TLS, a client that knows nothing of it uses it too.
func (s *Situation) demandTLS() (checks.Answer, Evidence) {
	if d := s.Server.Details; d != nil && d.OffersTLS == checks.Yes && !d.TLS {
		return checks.Yes, say("VARZ", "They ask for it: %s takes connections without TLS too.", label(s.Server))
	}
	tls := func(l List) bool {
		return l.Certain() && len(l.Endpoints) > 0 && !slices.ContainsFunc(l.Endpoints, func(e checks.Endpoint) bool { return e.Scheme != "tls" })
	}
	if s.theirs && len(s.Own) > 0 && !slices.ContainsFunc(s.Own, func(l List) bool { return !tls(l) }) {
		return checks.Yes, say(s.Own[0].Origin, "They ask for it: their URLs are tls:// URLs.")
	}
	return checks.Unknown, say("VARZ", "%s asks every client for it: whether these would go without elsewhere is unknown.", label(s.Server)).settledBy(NeedServiceURLs)
}

// tlsMissing is the verdict where other servers offer no TLS to clients that use it.
func (s *Situation) tlsMissing(lack []*checks.Server) judgement {
	demand, why := s.demandTLS()
	j := judgement{verdict: Possible, confidence: 0.3, explains: s.overTLS() / 2, title: "The clients use TLS, which other servers do not offer", evidence: []Evidence{
		say("VARZ", "%s %s no TLS, which %d of the %s use.", otherNames(lack), verb(lack, "offers", "offer"), s.overTLS(), s.ofThese()), why}}
	if demand == checks.Yes && len(lack) == len(s.Others) {
		j.verdict, j.confidence, j.explains, j.direct = Confirmed, 0.95, s.overTLS(), true
	}
	return j
}
