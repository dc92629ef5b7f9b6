package report

import (
	"fmt"
	"strings"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/checks/cause"
	balance "github.com/nats-balance/nats-balance/internal/rebalance"
	"github.com/nats-balance/nats-balance/internal/remedy"
	"github.com/nats-balance/nats-balance/internal/words"
)

// EvidenceText is evidence about an account in a sentence, with what to pass or do
// where it leaves something open. Text from outside stays as it is.
func EvidenceText(e cause.Evidence, a checks.Account) string {
	if e.Shown != nil {
		e.Text = shownText(e.Shown)
	}
	list := "--client-url " + remedy.ForFlags(a) + "=URL"
	switch e.Settle {
	case "":
		return e.Text
	case cause.NeedUse:
		return e.Text + " To be certain, pass " + list + "[,URL…]."
	case cause.NeedThisBalancer:
		return strings.TrimSpace(e.Text + " To be certain, pass the balancer's address: " + list + ".")
	default:
		return strings.TrimSuffix(e.Text, ".") + ": " + needed(e.Settle, list, remedy.ForFlags(a)) + "."
	}
}

// shownText says what closing connections showed of a cause.
func shownText(shown cause.Shown) string {
	switch x := shown.(type) {
	case balance.WentElsewhere:
		return fmt.Sprintf("After %s of %s the clients went to other servers.", words.Count(x.Stayed), words.Plural(x.Closed, "close"))
	case balance.Returned:
		return words.UpperFirst(returnedText(x)) + "."
	case balance.Miss:
		return missText(x)
	}
	return ""
}

// needed is what to pass or do, in a clause that follows the question.
func needed(n cause.Need, list, account string) string {
	switch n {
	case cause.NeedConnections:
		return "leave out --no-causes, or pass a longer --timeout"
	case cause.NeedAccountInfo:
		return "pass a longer --timeout, or allow the user $SYS.REQ.ACCOUNT.*.INFO"
	case cause.NeedServerAnswers:
		return "pass a longer --timeout, or allow the user $SYS.REQ.SERVER.*.VARZ"
	case cause.NeedSystemAccount:
		return "audit with a user of the system account"
	case cause.NeedServerEndpoints:
		return "gather without --no-server-endpoints"
	case cause.NeedLongerTimeout:
		return "pass a longer --timeout"
	case cause.NeedClientConfig:
		return "pass " + list + "[,URL…] or --client-config " + account + "=PATH with what its clients are configured with"
	case cause.NeedOrderedURLs:
		return "pass " + list + "[,URL…] with the URLs in their order"
	case cause.NeedOwnURLs:
		return "pass the one that these clients came by, " + list + "[,URL…]"
	case cause.NeedServiceURLs:
		return "pass --client-config " + account + "=PATH with a file that has their user, client name or workload beside the list"
	case cause.NeedOneList:
		return "find out which list these clients use, and pass that one alone"
	case cause.NeedResolver:
		return "pass that one alone as --resolver HOST[:PORT]"
	case cause.NeedOwner:
		return "pass " + list + "[,URL…] to be certain"
	case cause.NeedBalancer:
		return "pass its address as " + list
	case cause.NeedProbe:
		return "run the audit without --no-probe, from where the clients are"
	case cause.NeedUsers:
		return "compare the users in the configuration of the servers, or look in their logs for authorization errors"
	case cause.NeedTLS:
		return "look in the logs of the servers for TLS handshake errors"
	case cause.NeedClientURLs, cause.NeedUse, cause.NeedThisBalancer:
	}
	return "pass " + list + "[,URL…]"
}
