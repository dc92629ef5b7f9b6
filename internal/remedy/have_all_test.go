package remedy

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/checks/cause"
)

// Clients whose list has all servers already are not told to get one.
func TestListThatHasAll(t *testing.T) {
	t.Parallel()
	listOf := func(addresses ...string) change {
		return func(in *Input) {
			l := checks.URLList{Origin: "--client-url", Account: "ORDERS"}
			for _, a := range addresses {
				at := netip.MustParseAddrPort(a)
				l.Endpoints = append(l.Endpoints, checks.Endpoint{URL: "nats://" + a, Scheme: "nats", Host: at.Addr().String(), Literal: true,
					Addresses: []checks.Address{{IP: at.Addr(), Port: int(at.Port())}}})
			}
			in.Lists = []checks.URLList{l}
		}
	}
	for what, c := range map[string]struct {
		changes []change
		want    bool
	}{
		"all":            {[]change{listOf("10.0.0.1:4222", "10.0.0.2:4222", "10.0.0.3:4222")}, false},
		"two of three":   {[]change{listOf("10.0.0.1:4222", "10.0.0.2:4222")}, true},
		"none is known":  {nil, true},
		"nobody's":       {[]change{listOf("10.0.0.1:4222", "10.0.0.2:4222", "10.0.0.3:4222"), func(in *Input) { in.Lists[0].Account = "" }}, true},
		"by a balancer":  {[]change{listOf("10.0.0.9:4222")}, true},
		"of source code": {[]change{listOf("10.0.0.1:4222", "10.0.0.2:4222", "10.0.0.3:4222"), func(in *Input) { in.Lists[0].ByPattern = true }}, true},
	} {
		all := For(inputOf(append(c.changes, withCause(cause.SingleProcess, cause.Possible), withCause(cause.SmallAccount, cause.Confirmed))...)).Remedies
		if got := slices.ContainsFunc(all, func(r Remedy) bool { return r.Code == cause.RemedyClientConfig }); got != c.want {
			t.Errorf("%s: it is advised: %t", what, got)
		}
	}
}
