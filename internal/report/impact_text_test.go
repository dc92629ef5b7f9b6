package report

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/checks/cause"
	"github.com/nats-balance/nats-balance/internal/words"
)

// Of many accounts those with most connections are listed, and the others summed up.
func TestImpactOfManyAccounts(t *testing.T) {
	t.Parallel()
	why := "they know of no other server"
	for _, c := range []struct {
		accounts int
		answer   checks.Answer
		lines    int
		rest     string
	}{
		{10, checks.No, 10, ""},
		{11, checks.Yes, 10, "… and 1 more account, 1 connection (--json lists them)"},
		{30, checks.No, 10, "… and 20 more accounts, 210 connections (--json lists them)"},
		{30, checks.Unknown, 10, "… and 20 more accounts, 210 connections (--json lists them)"},
	} {
		doc := impactOf("C1")
		s := &doc.Servers[0]
		s.Accounts = nil
		for n := 1; n <= c.accounts; n++ { // the largest last
			s.Accounts = append(s.Accounts, AccountImpact{Account: Account{ID: fmt.Sprintf("TENANT-%02d", n)}, Connections: n,
				Services: []ServiceImpact{{Name: "api", OnServer: n, CanFailOver: string(c.answer), Why: &why}}})
		}
		var b bytes.Buffer
		if err := ImpactText(&b, doc, Style{}); err != nil {
			t.Fatal(err)
		}
		got := b.String()
		first := fmt.Sprintf("    TENANT-%02d (%d connections): api %[1]d\n", c.accounts, c.accounts)
		if n := strings.Count(got, "TENANT-"); n != c.lines || !strings.Contains(got, first) || strings.Contains(got, "more account") != (c.rest != "") || !strings.Contains(got, c.rest) {
			t.Errorf("%d accounts: %d are listed, the first is not %q, or the rest is not %q:\n%s", c.accounts, n, first, c.rest, got)
		}
	}
}

// So are the accounts of a server that is gone, those first of which most are missing.
func TestLossOfManyAccounts(t *testing.T) {
	t.Parallel()
	doc := impactOf("C1")
	doc.Servers, doc.Gone = []ServerImpact{}, goneOf("n1", doc.Time)
	doc.Gone.Accounts = nil
	for n := 1; n <= 30; n++ {
		doc.Gone.Accounts = append(doc.Gone.Accounts, AccountGone{Account: Account{ID: fmt.Sprintf("TENANT-%02d", n)}, OnServer: 8, Back: 8 - n/10, Missing: new(n / 10)})
	}
	var b bytes.Buffer
	if err := ImpactText(&b, doc, Style{}); err != nil {
		t.Fatal(err)
	}
	if got := b.String(); strings.Count(got, "TENANT-") != 10 || !strings.Contains(got, "  TENANT-30: 5 of 8 connections back, 3 missing") ||
		!strings.Contains(got, "… and 20 more accounts, 160 connections (--json lists them)") {
		t.Error(got)
	}
}

// What is missing of a server that drains, or hangs, may still be on it.
func TestLossOfAServerThatMayHaveThem(t *testing.T) {
	t.Parallel()
	for may, want := range map[bool]string{false: "by what others have now, 3 are back, 5 missing.", true: "by what others have now, 3 are there, and 5 are not, which may still be on it."} {
		g := ServerGone{Server: "n1", Cluster: "C1", Connections: 8, Back: 3, Missing: new(5), Accounts: []AccountGone{{OnServer: 8, Back: 3, Missing: new(5)}}, mayHave: may}
		if got := g.answer(); !strings.HasSuffix(got, want) {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

// A count is of those connections of which it is known whose they were, and not of all
// that the server had: an audit names the accounts of its findings only.
func TestLossOfWhichPartIsKnown(t *testing.T) {
	t.Parallel()
	doc := impactOf("C1")
	for only, want := range map[bool]string{
		true:  "Whose the other 41 connections were is unknown: the baseline has the accounts of its findings only. What impact --json wrote has all.",
		false: "Whose the other 41 connections were is unknown.",
	} {
		past := PastImpact{Time: doc.Time, Server: "n1", Cluster: "C1", Connections: 53, FindingsOnly: only, Accounts: []PastAccount{{ID: "SOLO", Name: "SOLO", OnServer: 12, InCluster: 12}}}
		doc.Servers, doc.Gone = []ServerImpact{}, past.Since(func(string) Present { return Present{} })
		var b bytes.Buffer
		if err := ImpactText(&b, doc, Style{}); err != nil {
			t.Fatal(err)
		}
		got := strings.Join(strings.Fields(b.String()), " ")
		if !strings.Contains(got, "Whose 12 of them were is known: by what others have now, 0 are back, 12 missing. SOLO: 0 of 12") || !strings.Contains(got, want+" ") {
			t.Errorf("%s\nwant %s", got, want)
		}
	}
}

func TestSomeServices(t *testing.T) {
	t.Parallel()
	for all, want := range map[string]string{
		"a 1": "a 1", "a 1,b 1,c 1,d 1,e 1,f 1": "a 1, b 1, c 1, d 1, e 1, f 1",
		"a 1,b 1,c 1,d 1,e 1,f 1,g 1": "a 1, b 1, c 1, d 1, e 1, … 2 more services",
	} {
		if got := someServices(strings.Split(all, ",")); got != want {
			t.Errorf("%s: got %q, want %q", all, got, want)
		}
	}
}

// TestImpactHints: what is unknown names what settles it. A list that was passed is not
// asked for again, and nobody knows whether clients reconnect.
func TestImpactHints(t *testing.T) {
	t.Parallel()
	why := "until one logs in to another server"
	for _, c := range []struct {
		service ServiceImpact
		want    string
	}{
		{ServiceImpact{CanFailOver: "unknown", need: cause.NeedClientURLs}, "pass what the clients are configured with"},
		{ServiceImpact{CanFailOver: "unknown"}, ""},
		{ServiceImpact{CanFailOver: "unknown", Why: &why, need: cause.NeedUsers}, "nats rtt --server"},
		{ServiceImpact{CanFailOver: "unknown", need: cause.NeedOwner}, "Tie them to an account: --client-url ACCOUNT=URL"},
		{ServiceImpact{CanFailOver: "unknown", need: cause.NeedServiceURLs}, "To find out, pass --client-config ACCOUNT=PATH with a file that has their user"},
		{ServiceImpact{CanFailOver: "unknown", need: cause.NeedTLS}, "To find out, look in the logs of the servers for TLS handshake errors."},
		{ServiceImpact{CanFailOver: "yes"}, ""},
	} {
		s := ServerImpact{Accounts: []AccountImpact{{Services: []ServiceImpact{c.service}}}}
		if got := strings.Join(s.hints(), "\n"); c.want == "" && got != "" || !strings.Contains(got, c.want) {
			t.Errorf("%+v: %q, want %q", c.service, got, c.want)
		}
	}
	if got := (ServerImpact{Connections: 3, CanFailOver: 3}).answer(); !strings.HasSuffix(got, "all can fail over, if they reconnect.") {
		t.Error(got)
	}
}

// Of many clusters, as there are where each leafnode is one, text has the worst.
func TestImpactOfManyClusters(t *testing.T) {
	t.Parallel()
	for _, n := range []int{10, 11, 300} {
		doc := &Impacts{}
		for i := range n {
			doc.Servers = append(doc.Servers, ServerImpact{Server: ServerRef{Name: fmt.Sprintf("n%d", i)}, Cluster: "C", Connections: 2, Stranded: i % 2, CanFailOver: 2 - i%2, Fits: "yes"})
		}
		var b bytes.Buffer
		if err := ImpactText(&b, doc, Style{}); err != nil {
			t.Fatal(err)
		}
		text := b.String()
		if got := strings.Count(text, "If n"); got != 10 {
			t.Errorf("%d of %d are shown", got, n)
		}
		want := fmt.Sprintf("… and %s, %s (--json lists them)", words.Plural(n-10, "more cluster"), words.Plural(2*(n-10), "connection"))
		if strings.Contains(text, want) != (n > 10) || n == 300 && strings.Contains(text, "all can fail over") {
			t.Errorf("%d: %q is not in\n%s", n, want, text)
		}
	}
}
