package checks

// FailOver says whether the account's clients can fail over, by the limits of
// the survivors and by what is known of where the clients can get to. It returns
// the impact with CanFailOver and Stranded set, and the priority that follows.
//
// No: the survivors lack room, or the account can't be used there, or they lack
// the protocol of some, or all lists of the account lead to the failed server
// alone and clients are told of no other. Yes takes a list of the account that surely leads
// to another server, and that the others would take all.
func FailOver(c Case, causes []Cause) (Impact, Priority) {
	s, f := newSituation(c), c.Finding
	confirmed := map[string]Cause{}
	for _, cause := range causes {
		if cause.Verdict == Confirmed {
			confirmed[cause.Code] = cause
		}
	}
	_, unusable := confirmed["account-gap"]
	_, untold := confirmed["discovery-off"]
	gap, lacking := confirmed["listener-gap"]
	unserved, _ := s.unserved()
	stranded := f.OnServer
	switch {
	case f.Impact.CanFailOver == No:
	case unusable:
		f.Impact.CanFailOver, f.Impact.Stranded, f.Impact.Why = No, &stranded, "the account can't be used on the other servers"
	case s.reachable() == No && untold:
		f.Impact.CanFailOver, f.Impact.Stranded, f.Impact.Why = No, &stranded, "they know of no other server"
	case lacking:
		stranded = gap.Explains
		f.Impact.CanFailOver, f.Impact.Stranded, f.Impact.Why = No, &stranded, "no other server takes their protocol"
	case unserved > 0:
		f.Impact.CanFailOver, f.Impact.Stranded, f.Impact.Why = No, &unserved, "no other server takes their protocol"
	case s.reachable() == Yes && f.Impact.Stranded != nil && s.missing == 0 && s.othersTakeThem():
		f.Impact.CanFailOver = Yes
	}
	return f.Impact, priority(f)
}
