package report

import (
	"strings"
	"testing"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/checks/cause"
)

// TestEvidenceText has each need in its words.
func TestEvidenceText(t *testing.T) {
	t.Parallel()
	for need, want := range map[cause.Need]string{
		"":                        "It is open.",
		cause.NeedConnections:     "It is open: leave out --no-causes, or pass a longer --timeout.",
		cause.NeedAccountInfo:     "It is open: pass a longer --timeout, or allow the user $SYS.REQ.ACCOUNT.*.INFO.",
		cause.NeedProbe:           "It is open: run the audit without --no-probe, from where the clients are.",
		cause.NeedUsers:           "It is open: compare the users in the configuration of the servers, or look in their logs for authorization errors.",
		cause.NeedTLS:             "It is open: look in the logs of the servers for TLS handshake errors.",
		cause.NeedServerAnswers:   "It is open: pass a longer --timeout, or allow the user $SYS.REQ.SERVER.*.VARZ.",
		cause.NeedSystemAccount:   "It is open: audit with a user of the system account.",
		cause.NeedServerEndpoints: "It is open: gather without --no-server-endpoints.",
		cause.NeedLongerTimeout:   "It is open: pass a longer --timeout.",
		cause.NeedClientConfig:    "It is open: pass --client-url 'A B'=URL[,URL…] or --client-config 'A B'=PATH with what its clients are configured with.",
		cause.NeedClientURLs:      "It is open: pass --client-url 'A B'=URL[,URL…].",
		cause.NeedOrderedURLs:     "It is open: pass --client-url 'A B'=URL[,URL…] with the URLs in their order.",
		cause.NeedOwnURLs:         "It is open: pass the one that these clients came by, --client-url 'A B'=URL[,URL…].",
		cause.NeedServiceURLs:     "It is open: pass --client-config 'A B'=PATH with a file that has their user, client name or workload beside the list.",
		cause.NeedOneList:         "It is open: find out which list these clients use, and pass that one alone.",
		cause.NeedOwner:           "It is open: pass --client-url 'A B'=URL[,URL…] to be certain.",
		cause.NeedUse:             "It is open. To be certain, pass --client-url 'A B'=URL[,URL…].",
		cause.NeedBalancer:        "It is open: pass its address as --client-url 'A B'=URL.",
		cause.NeedThisBalancer:    "It is open. To be certain, pass the balancer's address: --client-url 'A B'=URL.",
	} {
		got := EvidenceText(cause.Evidence{Text: "It is open.", Settle: need}, checks.Account{ID: "AXYZ", Name: "A B"})
		if got != want {
			t.Errorf("%s:\ngot  %s\nwant %s", need, got, want)
		}
	}
	alone := EvidenceText(cause.Evidence{Settle: cause.NeedThisBalancer}, checks.Account{ID: "A", Name: "A"})
	if strings.TrimSpace(alone) != alone || !strings.HasPrefix(alone, "To be certain") {
		t.Errorf("alone: %q", alone)
	}
}
