package report

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/nats-balance/nats-balance/checks/cause"
	balance "github.com/nats-balance/nats-balance/internal/rebalance"
	"github.com/nats-balance/nats-balance/internal/words"
)

// namesInText is how many names a sentence of a rebalance has.
const namesInText = 5

// RefusalOf words a refusal.
func RefusalOf(r balance.Refusal) Refusal {
	return Refusal{Code: string(r.Code), Text: refusalText(r.Why)}
}

func refusalText(why balance.RefusalReason) string {
	switch x := why.(type) {
	case balance.FewServers:
		return cmp.Or(x.Cluster, "the cluster") + " has fewer than 2 servers that reported, there is nowhere to move connections to."
	case balance.NotReported:
		missing := x.Names
		if x.Nameless > 0 { // first, as the end of a long list is cut off
			missing = append([]string{words.Count(x.Nameless) + " of unknown name"}, missing...)
		}
		return fmt.Sprintf("%s did not report (%s), so how the connections are spread is unknown.",
			words.Plural(x.Nameless+len(x.Names), "server"), words.ListUpTo(namesInText, missing))
	case balance.FreeUnknown:
		return fmt.Sprintf("Whether there is room is unknown: %s of %s servers did not say how many connections they have and take.", words.Count(x.Servers), words.Count(x.Of))
	case balance.NotRead:
		return words.UpperFirst(x.Error) + "."
	case balance.Limits:
		return fmt.Sprintf("%s. %d%% of a limit is kept free, as clients would be refused there and come back. Raise max_connections there.", words.UpperFirst(fullText(x.Full)), x.ReservePercent)
	case balance.NotForClients:
		return "A tag of " + x.Server + " says that it is not for clients."
	case balance.NotReached:
		return "No client that may be moved is known to get to " + x.Server + "."
	case balance.OthersEven:
		return words.UpperFirst(keptText(x.Kept)) + ". The others are even."
	case balance.AllWouldReturn:
		return "The clients of every account would come straight back."
	case balance.NothingToMove:
		return "There is no connection that can be moved: " + strings.Join(LimitedBy(x.Short), "; ") + "."
	case balance.ClosedBefore:
		return closedBeforeText(x)
	case balance.Hot:
		return words.UpperFirst(hotText(x, "is")) + ". Run it without --even to make the servers even."
	case balance.LedBack:
		return fmt.Sprintf("%s, %s Put that right first.%s", leadText(x.Lead)+sureText(x.Lead), thenText(x.Then), loginText(x.Login))
	case balance.MayBeLost:
		return fmt.Sprintf("%s: clients that are moved may be lost there where their library gives up. Put that right first.%s", refusingText(x.Servers, "the clients")+sureText(x.Lead), loginText(x.Login))
	}
	return ""
}

// leadText is why clients go back to where they were.
func leadText(l balance.Lead) string {
	if l.Address.IsValid() {
		return fmt.Sprintf("All clients that come from %s are on the same server, where a load balancer or a list that they share leads them", l.Address)
	}
	switch l.Code {
	case cause.SingleURL:
		return "The clients know the address of one server only"
	case cause.SingleAddressDNS:
		return "The clients' host names lead to one server only"
	case cause.StickyLoadBalancer:
		return "A load balancer leads each client to the same server every time"
	case cause.AccountGap:
		if l.Past {
			return l.Title
		}
		return "The account can't be used on the other servers"
	case cause.ListenerGap:
		return "No other server takes the clients' protocol"
	default:
		return l.Title
	}
}

// sureText is how sure a cause is, in brackets.
func sureText(l balance.Lead) string { return fmt.Sprintf(" (%s, %s)", l.Code, l.Verdict) }

// thenText is what would become of clients that are moved.
func thenText(then balance.Consequence) string {
	switch then {
	case balance.StraightBack:
		return "so they would come straight back."
	case balance.StraightBackOrLost:
		return "so they would come straight back, or be lost where their library gives up."
	case balance.LostUnlessMended:
		return "and nobody has logged in there since: clients that are refused again are lost where their library gives up."
	case balance.BackAfterRestarts:
		return "so it would not last: they move to the servers that are advertised to them, and come back when their processes restart."
	}
	return ""
}

// loginText says how to show that a cause is mended, with a space before it.
func loginText(l balance.Login) string {
	if len(l.Users) == 0 {
		return ""
	}
	users := make([]string, len(l.Users))
	for i, user := range l.Users {
		users[i] = words.Harmless(user)
	}
	return fmt.Sprintf(" If it was mended since, log in to %s as %s once: that shows it.", words.ListUpTo(namesInText, l.Servers), words.ListUpTo(namesInText, users))
}

// refusingText says whom servers refuse, in a clause.
func refusingText(servers []string, whom string) string {
	verb := " refuse "
	if len(servers) == 1 {
		verb = " refuses "
	}
	return words.ListUpTo(namesInText, servers) + verb + whom
}

// closedBeforeText says that clients did not stay away when they were closed before, or
// stayed away altogether.
func closedBeforeText(x balance.ClosedBefore) string {
	var texts []string
	lost := false
	for _, r := range x.Services {
		name := clientsOf(r.Name.Service)
		if x.Several {
			name = serviceOf(r.Name)
		}
		texts = append(texts, name+", "+closesText(r))
		lost = lost || r.Lost > 0
	}
	of := words.ListUpTo(namesInText, texts)
	if lost {
		return fmt.Sprintf("Clients that were closed before have not connected again (%s). Closing more may lose them too.", of)
	}
	return fmt.Sprintf("The clients came straight back when they were closed before (%s). Closing them again would show the same.", of)
}

// closesText says what was closed, in a clause.
func closesText(r balance.Recalled) string {
	return fmt.Sprintf("%s on %s until %s", words.Plural(r.Closed, "close"), r.Server, r.At.UTC().Format("15:04:05 UTC"))
}

func clientsOf(name string) string { return cmp.Or(name, "clients without a name") }

func serviceOf(n balance.ServiceName) string { return clientsOf(n.Service) + " of " + n.Account }
