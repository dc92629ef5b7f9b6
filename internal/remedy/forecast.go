package remedy

import (
	"fmt"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/checks/cause"
	"github.com/nats-balance/nats-balance/internal/words"
)

// forecast says what happens if the concentrated server is restarted now, by
// what its clients can reach, what they are told and the room that there is.
func (x *facts) forecast() string {
	n := x.f.OnServer
	its := fmt.Sprintf("If %s is restarted now, its %s of %s ", x.here, words.Plural(n, "connection"), x.account)
	have, come, move := "have", "come", "move"
	if n == 1 {
		have, come, move = "has", "comes", "moves"
	}
	noPlace := func(why string) string {
		return its + have + " nowhere to go until it is back" + why + ", and all " + come + " back to it."
	}
	others := x.elsewhere()
	cannot := func(part int) string {
		return its + fmt.Sprintf("drop, and %s of them have nowhere to go until it is back, as %s can't take their protocol.", words.Count(part), others)
	}
	switch stranded := x.f.Impact.Stranded; {
	case x.Cause(cause.AccountGap).Verdict == cause.Confirmed:
		return noPlace(", as the account can't be used on " + others)
	case x.Cause(cause.ListenerGap).Verdict == cause.Confirmed:
		if stranded != nil && *stranded < n {
			return cannot(*stranded)
		}
		return noPlace(", as " + others + " can't take their protocol")
	case x.partly():
		return cannot(x.Unserved.Connections)
	case x.f.Impact.CanFailOver == checks.No && stranded != nil && *stranded > 0 && *stranded < n:
		return its + fmt.Sprintf("find too little room on %s: %s or more of them wait until it is back.", others, words.Count(*stranded))
	case x.f.Impact.CanFailOver == checks.No && x.f.Impact.Why != nil:
		return noPlace(", as " + x.f.Impact.Why.Clause())
	case x.f.Impact.CanFailOver == checks.No:
		return noPlace("")
	case x.pinned() && x.Cause(cause.DiscoveryOff).Verdict == cause.Confirmed:
		return its + "probably " + have + " nowhere to go until it is back, and then come back to it."
	case x.pinned() && x.Told():
		return its + fmt.Sprintf("%s to %s, if they reach them at the addresses that the server advertises, and stay there. Processes that start meanwhile find no server, and later ones come to %s again.", move, others, x.here)
	case x.strong(cause.StickyLoadBalancer) && x.Told():
		return its + fmt.Sprintf("%s to %s, where the load balancer sends them or by the addresses that the server advertises, and stay there.", move, others)
	case x.strong(cause.StickyLoadBalancer):
		return its + fmt.Sprintf("go where the load balancer sends them, perhaps all to one of %s, and stay there.", others)
	case x.f.Impact.CanFailOver == checks.Yes && x.moved(cause.GoToNext):
		return its + fmt.Sprintf("%s to the next server of their list, all to the same, and stay there until they connect anew.", move)
	case x.f.Impact.CanFailOver == checks.Yes:
		return its + fmt.Sprintf("%s to %s, and stay there: the account is then spread over %s, and %s has none of it.", move, others, x.those(), x.here)
	case x.Told():
		return its + fmt.Sprintf("can move to %s, which the server advertises, and stay there. Whether they reach them is unknown%s.", others, x.pass())
	}
	return its + "may find no other server" + x.pass() + "."
}

// pass says what would settle it.
func (x *facts) pass() string {
	if x.Tied {
		return ""
	}
	return ": pass --client-url " + ForFlags(x.f.Account) + "=URL[,URL…]"
}

// pinned reports whether the clients' own list leads to the concentrated server
// alone.
func (x *facts) pinned() bool { return x.strong(cause.SingleURL) || x.strong(cause.SingleAddressDNS) }

// those is "these two" servers, by number.
func (x *facts) those() string {
	switch n := len(x.Others); n {
	case 1:
		return "that one only"
	case 2:
		return "these two"
	default:
		return "these " + words.Count(n)
	}
}
