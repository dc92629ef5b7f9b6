package cause

// SingleAddressDNS is the code of the cause.
const SingleAddressDNS Code = "single-address-dns"

// singleAddressDNS: the list's host names reach one server only: DNS returns
// one address, or several of which one is a live server of the cluster.
//
// Confirmed takes a list that is known to be this account's, a complete answer
// of DNS (of every resolver, for IPv4 and IPv6, put several times), and at all
// other addresses nobody, or servers of other clusters. One address that is no
// server's own is a load balancer's, and judged as such: behind it may be many.
// An address from this machine's hosts file may be another on the clients'.
func singleAddressDNS() rule {
	return rule{
		Definition: Definition{Code: SingleAddressDNS, Title: "The clients' host name leads to one server only", Role: Root, Step: Resolved, Moved: ComeBack, First: RemedyDNS,
			Helps: []Help{{RemedyDNS, Immediate}, {RemedyRebalance, ShortTerm}, {RemedyDrain, ShortTerm}}},
		thing:   (*Situation).itsNames,
		byLists: true,
		judge:   func(s *Situation) judgement { return s.pinned(byName) },
	}
}
