package cause

// smallTo is the most connections of a small account: the check looks
// at no smaller one, and 15 are what five services with three instances have.
const smallTo = 15

// fewServices is a handful.
const fewServices = 6

// SmallAccount is the code of the cause.
const SmallAccount Code = "small-account"

// smallAccount: contributing: 10 to 15 connections of a handful of services:
// real, may be acceptable.
//
// It says how much it matters, not why it is so, and hides nothing.
func smallAccount() rule {
	return rule{
		Definition: Definition{Code: SmallAccount, Title: "The account is small, so this may be acceptable", Role: Contributing,
			Helps: []Help{{RemedyClientConfig, ShortTerm}, {RemedyRebalance, ShortTerm}, {RemedyKeepItSo, LongTerm}}},
		judge: judgeSmallAccount,
	}
}

func judgeSmallAccount(s *Situation) judgement {
	n, p := s.whole.Finding.Connections, s.whole.Profile
	if n > smallTo {
		return ruledOut("account reports", "The account has %s in this cluster, more than %d.", connectionsOf(n), smallTo)
	}
	j := judgement{verdict: Likely, confidence: 0.7, evidence: []Evidence{
		say("account reports", "The account has only %s in this cluster: losing the server is a matter of few services.", connectionsOf(n))}}
	if p == nil || !p.Whole {
		return j
	}
	services := map[string]bool{}
	for _, g := range p.Names {
		services[Stem(g.Key)] = true
	}
	if len(services) > fewServices {
		return j
	}
	switch {
	case len(services) == 0, len(services) == 1 && services[""]:
		j.evidence = append(j.evidence, say("CONNZ", "They have no names that would set services apart."))
		return j
	case len(services) == 1:
		j.evidence = append(j.evidence, say("CONNZ", "They all go by one name."))
	default:
		j.evidence = append(j.evidence, say("CONNZ", "They go by %d different names.", len(services)))
	}
	j.verdict, j.confidence = Confirmed, 1
	return j
}
