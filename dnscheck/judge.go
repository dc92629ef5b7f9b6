package dnscheck

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/nats-balance/nats-balance/internal/words"
)

// judgeFamilies is what the answers of one resolver come to.
func judgeFamilies(v4, v6 *family, a Answer) (v Verdict, detail string, complete bool) {
	var failed []string
	for _, f := range []*family{v4, v6} {
		if f.failure != nil {
			failed = append(failed, fmt.Sprintf("for %s records %s", f.record, f.failure))
		}
	}
	alias := ""
	if len(a.CNAME) > 0 {
		alias = ", as an alias (CNAME) of " + a.CNAME[len(a.CNAME)-1]
	}
	switch {
	case len(failed) == 2 && v4.failure.Error() == v6.failure.Error():
		return Failed, sentence("%s", v4.failure), false
	case len(failed) > 0:
		return Failed, sentence("%s", strings.Join(failed, ", ")), false
	case len(a.Addresses) == 0 && v4.negative && v6.negative && alias != "":
		return NXDomain, sentence("%s is an alias (CNAME) that leads to %s, and there is no such name", a.Asked, a.CNAME[len(a.CNAME)-1]), true
	case len(a.Addresses) == 0 && v4.negative && v6.negative:
		return NXDomain, sentence("there is no name %s", a.Asked), true
	case len(a.Addresses) == 0:
		return NoData, sentence("%s exists%s, but has neither A nor AAAA records", a.Asked, alias), true
	case v4.negative != v6.negative:
		// RFC 4074, section 4.2: clients may take the name for missing.
		return Failed, sentence("the answers contradict each other: %s has addresses and does not exist", a.Asked), false
	}
	v, detail = judgeAddresses(len(a.Addresses), v4.turning || v6.turning)
	return v, sentence("%s has %s%s", a.Asked, detail, alias), true
}

// judgeAddresses is what a number of addresses is.
func judgeAddresses(n int, turning bool) (Verdict, string) {
	switch {
	case turning && n == 1:
		return Rotating, "one address, but not in every answer"
	case turning:
		return Rotating, words.Count(n) + " addresses, whose order or choice changes"
	case n == 0:
		return NoData, "no address"
	case n == 1:
		return Single, "one address"
	}
	return Several, words.Count(n) + " addresses, in the same order each time"
}

// judge is what all resolvers come to.
func judge(answers []Answer) (v Verdict, detail string, complete bool) {
	if len(answers) == 1 {
		return answers[0].Verdict, answers[0].Detail, answers[0].Complete
	}
	var clean []Answer
	var failed, said []string
	verdicts := map[Verdict]bool{}
	complete = true
	for _, a := range answers {
		complete = complete && a.Complete
		said = append(said, fmt.Sprintf("%s: %s", a.Resolver, a.Detail))
		if a.Verdict == Failed {
			failed = append(failed, fmt.Sprintf("%s: %s", a.Resolver, a.Detail))
			continue
		}
		clean = append(clean, a)
		verdicts[a.Verdict] = true
	}
	for i := 1; i < len(clean); i++ {
		if !slices.Equal(set(clean[0]), set(clean[i])) {
			return Differs, sentence("the resolvers disagree: %s", strings.Join(said, "; ")), complete
		}
	}
	if len(failed) > 0 {
		return Failed, sentence("of %s resolvers %s failed: %s", words.Count(len(answers)), words.Count(len(failed)), strings.Join(failed, "; ")), false
	}
	for _, v := range []Verdict{Rotating, Several, Single, NoData, NXDomain} {
		if verdicts[v] {
			at := slices.IndexFunc(clean, func(a Answer) bool { return a.Verdict == v })
			return v, sentence("all %s resolvers agree on the addresses: %s", words.Count(len(answers)), clean[at].Detail), complete
		}
	}
	return Unknown, "nobody was asked", false
}

// set is the addresses without their order.
func set(a Answer) []netip.Addr {
	out := ips(a.Addresses)
	slices.SortFunc(out, netip.Addr.Compare)
	return out
}

// ownFailure is what an error of Go's net package says, after so many answers
// with addresses.
func ownFailure(err error, answered int) (Verdict, string) {
	var dnsErr *net.DNSError
	switch {
	case !errors.As(err, &dnsErr):
		return Failed, sentence("the system's resolver failed: %s", err)
	case dnsErr.IsNotFound && answered == 0:
		return NXDomain, "the system's resolver knows no address; it does not say whether there is such a name"
	case dnsErr.IsTimeout:
		return Failed, "the system's resolver did not answer in time (time-out)"
	}
	return Failed, sentence("the system's resolver failed: %s", dnsErr.Err)
}
