package cause

import "github.com/nats-balance/nats-balance/checks"

// failOver says whether the account's clients can fail over, by the limits of the
// survivors and by what is known of where the clients can get to.
//
// No: the survivors lack room, or the account can't be used there, or they lack
// the protocol of some, or all lists of the account lead to the failed server
// alone and clients are told of no other. Yes takes a list of the account that surely leads
// to another server, and that the others would take all.
func (d Diagnosis) failOver() checks.FailOver {
	f := d.Finding
	confirmed := func(code Code) bool { return d.Cause(code).Verdict == Confirmed }
	none := func(stranded int, why string) checks.FailOver {
		return checks.FailOver{CanFailOver: checks.No, Why: why, Stranded: &stranded}
	}
	o := f.Impact.FailOver
	switch reachable := d.reachable(); {
	case o.CanFailOver == checks.No:
	case confirmed(AccountGap):
		return none(f.OnServer, "the account can't be used on the other servers")
	case reachable == checks.No && confirmed(DiscoveryOff):
		return none(f.OnServer, "they know of no other server")
	case confirmed(ListenerGap):
		return none(d.Cause(ListenerGap).Explains, "no other server takes their protocol")
	case d.Unserved.Connections > 0:
		return none(d.Unserved.Connections, "no other server takes their protocol")
	case reachable == checks.Yes && o.Stranded != nil && d.Missing == 0 && d.othersTakeThem():
		o.CanFailOver = checks.Yes
	}
	return o
}
