package cause

import "testing"

// A balancer that counts connections leads nobody to the fullest server now, and may have
// led these clients there when the others were down.
func TestBalancerThatChoseOthers(t *testing.T) {
	const at, as = "10.0.0.9:4222", "10.0.0.254"
	others := func(s *scene) {
		leads(at, 12, 2, 3)(s)
		through(at, as)(s)
	}
	url := list("nats://" + at)
	judgeRows(t, RestartDrift, []row{
		{"they come from it, and came when the others were down", with(counts(24, 0, 0), others, url, from(as), aloneAtFirst), Likely, RestartDrift},
		{"the same, and whether the others take their user is unknown", with(counts(24, 0, 0), others, url, from(as), aloneAtFirst, loginAs("api")), Possible, "none"},
		{"they come from it, and all were up", with(counts(24, 0, 0), others, url, from(as)), RuledOut, "none"},
		{"they come from elsewhere", with(counts(24, 0, 0), others, url, aloneAtFirst), Possible, "none"},
	})
}

func TestBalancerThatChoseOthersIsNotSticky(t *testing.T) {
	const at, as = "10.0.0.9:4222", "10.0.0.254"
	others := func(s *scene) {
		leads(at, 12, 2, 3)(s)
		through(at, as)(s)
	}
	both := with(counts(24, 0, 0), others, list("nats://"+at))
	judgeRows(t, StickyLoadBalancer, []row{
		{"it leads here alone", with(counts(24, 0, 0), leads(at, 12, 1), through(at, as), list("nats://"+at), from(as)), Likely, StickyLoadBalancer},
		{"they come from it", append(both, from(as)), NotTested, "none"},
		{"they come from elsewhere", both, NotTested, "none"},
	})
}
