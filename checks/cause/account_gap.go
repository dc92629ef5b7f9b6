package cause

import (
	"cmp"
	"slices"
	"strings"

	"github.com/nats-balance/nats-balance/checks"
)

// accountGap: the account does not exist, or cannot be used, on the other
// servers.
//
// Confirmed takes the word of every other server of the cluster. Where some of
// them know the account, it can only be a part of it; who has connections of it
// knows it. Source: ACCOUNT INFO, which a server answers with an error for an
// account that it does not know.
func accountGap() rule {
	return rule{
		Definition: Definition{Code: AccountGap, Title: "The account can't be used on the other servers", Role: Root, Moved: ComeBack, First: RemedyAccount,
			Helps: []Help{{RemedyAccount, Immediate}, {RemedyRebalance, ShortTerm}}},
		judge: judgeAccountGap,
		firm:  true,
	}
}

func judgeAccountGap(s *Situation) judgement {
	var without, with, full, silent []*checks.Server
	detail := ""
	for _, o := range s.Others {
		switch on := s.Accounts[o.ID]; {
		case on.Usable == checks.Yes || s.uses(o):
			if o.Full() {
				full = append(full, o)
			} else {
				with = append(with, o)
			}
		case on.Usable == checks.No:
			without, detail = append(without, o), on.Detail
		default:
			silent = append(silent, o)
		}
	}
	const source = "ACCOUNT INFO"
	switch {
	case len(without) == 0 && len(with)+len(full) == 0:
		return s.silence(source, silent)
	case len(without) == 0 && len(silent)+s.Missing == 0:
		return ruledOut(source, "All other servers know the account.")
	case len(without) == 0:
		return notTested(source, "%s did not say whether the account can be used there.", s.silentNames(silent))
	}
	j := judgement{explains: s.Finding.OnServer, evidence: []Evidence{say(source, "On %s the account can't be used: %s.", otherNames(without), cmp.Or(strings.TrimSuffix(detail, "."), "no reason was given"))}}
	switch {
	case len(with) > 0:
		j.verdict, j.confidence, j.explains = Possible, 0.3, s.Finding.OnServer/2
		j.evidence = append(j.evidence, say(source, "%s can take its clients.", otherNames(with)))
	case len(full) > 0:
		j.verdict, j.confidence = Likely, 0.8
		j.evidence = append(j.evidence, say("VARZ", "%s %s it, but %s full.", otherNames(full), verb(full, "knows", "know"), verb(full, "is", "are")))
	case len(silent)+s.Missing > 0:
		j.verdict, j.confidence = Likely, 0.8
		j.evidence = append(j.evidence, say(source, "%s did not say.", s.silentNames(silent)))
	default:
		j.verdict, j.confidence = Confirmed, 1
	}
	return j
}

// silence is the verdict where nobody says, with the reason of one that gave one.
func (s *Situation) silence(source string, silent []*checks.Server) judgement {
	const unknown = "Whether the account can be used on the other servers is not known"
	for _, o := range silent {
		if detail := s.Accounts[o.ID].Detail; detail != "" {
			return notTested(source, "%s: %s: %s.", unknown, label(o), strings.TrimSuffix(detail, "."))
		}
	}
	return notTested(source, "%s.", unknown).settledBy(NeedAccountInfo)
}

// uses is whether a server has client connections of the account.
func (s *Situation) uses(o *checks.Server) bool {
	return slices.ContainsFunc(o.Usage, func(u checks.Usage) bool {
		return u.Connections > 0 && int(u.Account) < len(s.Deployment.Accounts) && s.Deployment.Accounts[u.Account].ID == s.Finding.Account.ID
	})
}

func (s *Situation) silentNames(silent []*checks.Server) string {
	if len(silent) == 0 {
		return "The servers that are missing"
	}
	return otherNames(silent)
}
