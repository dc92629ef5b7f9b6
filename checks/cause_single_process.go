package checks

// singleProcess: one client process or host holds most of the connections.
//
// Connections with the same source address, name, user, language and version
// count as one process. It is likely where without them the account would not
// be concentrated, and something tells them from others: an address that no
// other clients share, or others that differ. Several processes on one host look
// the same, and a proxy's address hides many hosts, so it is never confirmed.
func singleProcess() rule {
	return rule{code: "single-process", title: "One process or host holds most of the connections", role: Root, judge: judgeSingleProcess,
		silenced: []string{"account-gap", "listener-gap", "single-url", "single-address-dns", "sticky-load-balancer", "restart-drift"}}
}

func judgeSingleProcess(s *situation) judgement {
	if s.Profile == nil {
		return notTested("CONNZ", "The connections were not read: leave out --no-causes, or pass a longer --timeout.")
	}
	if !s.Profile.Whole {
		return notTested("CONNZ", "%s", s.Profile.Note)
	}
	if len(s.Profile.Processes) == 0 {
		return ruledOut("CONNZ", "No two connections look like those of one process.")
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
		return ruledOut("CONNZ", "No process holds most of the connections: the largest has %d of the %d on %s.", here, s.Finding.OnServer, s.server.Name)
	}
	name := best.Name
	if name == "" {
		name = "without a name"
	}
	j := judgement{explains: here, evidence: []Evidence{
		say("CONNZ", "%d of the %d connections on %s come from %s, %s, %s %s: one process, or several of one program on a host.",
			here, s.Finding.OnServer, s.server.Name, best.Addr, name, best.Language, best.Version),
		say("CONNZ", "It opened them within %s.", best.Last.Sub(best.First).Round(1e9))}}
	all := here + elsewhere
	switch {
	// A process that is spread itself does not explain where it is.
	case elsewhere*5 > all:
		return ruledOut("CONNZ", "The connections of the largest process are on several servers.")
	case best.SharedByOthers && best.Addr.IsLoopback():
		j.verdict, j.confidence = Possible, 0.3
		j.evidence = append(j.evidence, say("CONNZ", "Other clients come from the same address."))
	case all == s.Finding.Connections && best.Addr.IsLoopback() && best.Name == "":
		j.verdict, j.confidence = Possible, 0.2
		j.evidence = append(j.evidence, say("CONNZ", "All clients come from %s, and nothing tells them apart.", best.Addr))
	case best.SharedByOthers:
		j.verdict, j.confidence = Possible, 0.4
		j.evidence = append(j.evidence, say("CONNZ", "Other clients come from the same address, so it may be a proxy's."))
	default:
		j.verdict, j.confidence = Likely, 0.7
	}
	return j
}
