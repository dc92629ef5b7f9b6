package remedy

import (
	"slices"
	"testing"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/checks/cause"
)

// Commands that only check are marked, and where no command acts the step by hand
// is there. Names are looked up where the audit did.
func TestCommandsThatOnlyCheck(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		cause  cause.Code
		remedy cause.Remedy
		byHand bool
		check  string
	}{
		{cause.AccountGap, cause.RemedyAccount, true, checkConf},
		{cause.ServerFull, cause.RemedyCapacity, true, checkConf},
		{cause.SingleAddressDNS, cause.RemedyDNS, false, "dig @10.0.0.53 -p 5353 +noall +answer nats.example"},
	} {
		in := inputOf(named("nats.example", "10.0.0.1"), full, withCause(c.cause, cause.Confirmed))
		in.Resolvers = []string{"10.0.0.53:5353", "[::1]:53"}
		all := For(concluded(in)).Remedies
		at := slices.IndexFunc(all, func(r Remedy) bool { return r.Code == c.remedy })
		if at < 0 {
			t.Errorf("%s: no %s", c.cause, c.remedy)
			continue
		}
		r := all[at]
		if (r.ByHand != "") != c.byHand || !slices.Contains(r.Checks, c.check) || !slices.Contains(r.Commands, c.check) {
			t.Errorf("%s: by hand %q, commands %q, checks %q", c.cause, r.ByHand, r.Commands, r.Checks)
		}
	}
}

// Where the others have room again no limit is raised, and none is ever lowered.
func TestLimitsAreNotLowered(t *testing.T) {
	t.Parallel()
	for limit, want := range map[int]bool{5000: false, 40: true, 0: false} {
		in := inputOf(serverOf(func(s *checks.Server) { s.MaxConnections = &limit }, 2, 3), withCause(cause.ServerFull, cause.Likely))
		all := For(concluded(in)).Remedies
		at := slices.IndexFunc(all, func(r Remedy) bool { return r.Code == cause.RemedyCapacity })
		if (at >= 0) != want {
			t.Errorf("with a limit of %d: %+v", limit, all)
		}
	}
}
