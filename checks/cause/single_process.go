package cause

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/words"
)

// SingleProcess is the code of the cause.
const SingleProcess Code = "single-process"

// singleProcess: one client process or host holds most of the connections.
//
// Connections with the same source address, name, user, language and version
// count as one process. It is likely where without them the account would not
// be concentrated, they began within a moment, and others are known apart from
// them, most of them elsewhere: at other addresses, or at the same one with other
// names. Pods behind a NAT or a balancer have one address too, and often one name
// or none, but begin over seconds: then it is possible, as it is for one address
// with unlike clients, which may be a host, or a proxy that hides many. Several
// processes on one host look the same, so it is never confirmed.
func singleProcess() rule {
	return rule{
		Definition: Definition{Code: SingleProcess, Title: "One process or host holds most of the connections", Role: Root, Step: Chosen, Moved: Undecided,
			Helps: []Help{{RemedyRebalance, Immediate}, {RemedyProcess, ShortTerm}, {RemedyLimits, ShortTerm}, {RemedyLeafnodes, LongTerm}}},
		judge:      judgeSingleProcess,
		likelihood: (*Situation).byProcess,
	}
}

func judgeSingleProcess(s *Situation) judgement {
	if s.Profile == nil {
		return notTested("CONNZ", "The connections were not read.").settledBy(NeedConnections)
	}
	if !s.Profile.Whole {
		return s.notWhole()
	}
	if len(s.Profile.Processes) == 0 {
		return ruledOut("CONNZ", "No two connections look like those of one process.")
	}
	addr, accounts := s.sharedByAccounts()
	if accounts > 1 && s.mostlyOthers(addr, accounts) {
		return ruledOut("CONNZ", "Most of the connections come from %s, which carries clients of %s accounts: one process does not log in to several.", addr, words.Count(accounts))
	}
	best := s.Profile.Processes[0]
	for _, p := range s.Profile.Processes {
		if p.Counts[0] > best.Counts[0] {
			best = p
		}
	}
	here, elsewhere := best.Counts[0], 0
	for _, n := range best.Counts[1:] {
		elsewhere += n
	}
	if here*2 < s.Finding.OnServer || s.concentratedWithout(here, elsewhere) {
		if j, ok := s.singleHost(); ok {
			return j
		}
		if here*2 >= s.Finding.OnServer {
			return ruledOut("CONNZ", "The largest process has %d of the %s, and without it the account would be concentrated all the same.", here, s.ofThese())
		}
		return ruledOut("CONNZ", "No process holds most of the connections: the largest has %d of the %s.", here, s.ofThese())
	}
	j := judgement{explains: s.explained(here), evidence: []Evidence{
		say("CONNZ", "%d of the %s come from %s: one process, or several of one program on a host.",
			here, s.ofThese(), describe(best))}}
	if !best.First.IsZero() {
		j.evidence = append(j.evidence, say("CONNZ", "They were opened within %s.", max(best.Last.Sub(best.First).Round(time.Second), time.Second)))
	}
	all := here + elsewhere
	apart := s.apart(here, elsewhere)
	switch {
	// A process that is spread itself does not explain where it is.
	case elsewhere*5 > all:
		return ruledOut("CONNZ", "The connections of the largest process are on several servers.")
	case best.SharedByOthers && best.Name != "" && apart && atOnce(best):
		j.verdict, j.confidence = Likely, 0.65
		j.evidence = append(j.evidence, say("CONNZ", "Other clients come from the same address, but most other connections are elsewhere."))
	case all >= s.Finding.Connections && isLocal(best.Addr):
		j.verdict, j.confidence = Possible, 0.2
		j.evidence = append(j.evidence, say("CONNZ", "All clients come from %s, and nothing sets them apart.", best.Addr))
	case best.Addr.IsValid() && slices.Contains(addresses(s.Server), best.Addr):
		j.verdict, j.confidence = Possible, 0.4
		j.evidence = append(j.evidence, say("CONNZ", "They run on the machine of %s: clients that have localhost in their list are there, however many processes they are.", label(s.Server)))
	case best.SharedByOthers || accounts > 1:
		j.verdict, j.confidence = Possible, 0.4
		j.evidence = append(j.evidence, say("CONNZ", "Other clients come from the same address, so it may be a proxy's."))
	case !apart || !atOnce(best):
		j.verdict, j.confidence = Possible, 0.4
		j.evidence = append(j.evidence, say("CONNZ", "But many processes behind a NAT or a load balancer look the same: what %s is, and the clients' list, would show it.", ofAddress(best.Addr)).settledBy(NeedClientURLs))
	default:
		j.verdict, j.confidence = Likely, 0.7
	}
	return j
}

func ofAddress(a netip.Addr) string {
	if !a.IsValid() {
		return "their address"
	}
	return a.String()
}

// atOnce reports whether the connections of what looks like a process began within a
// moment, as a pool opens them: pods of a deployment start over seconds.
func atOnce(p checks.Process) bool {
	const each = 10 * time.Millisecond
	return !p.First.IsZero() && p.Last.Sub(p.First) <= time.Second+time.Duration(sum(p.Counts))*each
}

// mostlyOthers reports whether an address is none of one host's: many accounts have
// clients there, or the others have as many as this one. On a host that runs a process
// of this account there may be a small one of another.
func (s *Situation) mostlyOthers(addr netip.Addr, accounts int) bool {
	mine, all := 0, 0
	for _, id := range s.tenants(addr) {
		for _, source := range s.Neighbours.Profiles[id].Sources {
			if source.Addr != addr {
				continue
			}
			all += sum(source.Counts)
			if id == s.Finding.Account.ID {
				mine += sum(source.Counts)
			}
		}
	}
	return accounts >= fewestTenants || all >= 2*mine
}

// apart reports whether the account has other connections, of any service, and most of
// them elsewhere.
func (s *Situation) apart(here, elsewhere int) bool {
	f := s.Finding
	if s.whole != nil {
		f = s.whole.Finding
	}
	others := f.Connections - here - elsewhere
	return others >= 2 && 2*(f.OnServer-here) <= others
}

// isLocal reports whether an address says nothing of the host: that of every machine
// for itself.
func isLocal(a netip.Addr) bool {
	return a == netip.IPv6Loopback() || a == netip.AddrFrom4([4]byte{127, 0, 0, 1})
}

// singleHost is the verdict where unlike clients of one address hold most of the
// connections, and the others are elsewhere.
func (s *Situation) singleHost() (judgement, bool) {
	for _, source := range s.Profile.Sources {
		here, all := source.Counts[0], sum(source.Counts)
		if s.Profile.SourcesSampled || !source.Addr.IsValid() || here*2 < s.Finding.OnServer || (all-here)*5 > all ||
			s.concentratedWithout(here, all-here) || !s.apart(here, all-here) {
			continue
		}
		j := judgement{verdict: Possible, confidence: 0.45, explains: s.explained(here)}
		j.evidence = []Evidence{say("CONNZ", "%d of the %s come from one address, %s, with unlike clients: one host, or a proxy. The others are elsewhere.",
			here, s.ofThese(), source.Addr)}
		return j, true
	}
	return judgement{}, false
}

// describe says who it is, in what is known of it.
func describe(p checks.Process) string {
	var words []string
	if p.Addr.IsValid() {
		words = append(words, p.Addr.String())
	} else {
		words = append(words, "an unknown address")
	}
	if p.Name != "" {
		words = append(words, "named "+p.Name)
	} else {
		words = append(words, "without a name")
	}
	if client := strings.TrimSpace(p.Language + " " + p.Version); client != "" {
		words = append(words, client)
	}
	return strings.Join(words, ", ")
}
