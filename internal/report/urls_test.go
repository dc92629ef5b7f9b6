package report

import (
	"bytes"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/clienturl"
)

// What a list leads to is told as far as anybody looked, and no further.
func TestURLsTellWhatIsKnown(t *testing.T) {
	t.Parallel()
	endpoint := func(host string, contact checks.Contact) checks.Endpoint {
		return checks.Endpoint{URL: "nats://" + host + ":4222", Scheme: "nats", Host: host, Port: 4222, Literal: true,
			Addresses: []checks.Address{{IP: netip.MustParseAddr(host), Port: 4222, Contact: contact}}}
	}
	server := checks.Contact{Outcome: checks.ContactServer, Tries: 1, Greetings: []checks.Greeting{{ID: "N1", Name: "n1", Cluster: "c", Host: "10.0.0.1", Port: 4222, Count: 1}}}
	none, refused := checks.Contact{Outcome: checks.ContactNone}, checks.Contact{Outcome: checks.ContactRefused}
	unasked := checks.Endpoint{URL: "nats://a:4222", Scheme: "nats", Host: "a", Port: 4222, Name: &checks.Name{Host: "a", Verdict: checks.NameUnknown, Detail: "DNS was not asked.", Unasked: true}}
	for _, tt := range []struct {
		name    string
		list    checks.URLList
		has, no string
		outcome string
	}{
		{"one server", checks.URLList{Endpoints: []checks.Endpoint{endpoint("10.0.0.1", server)}}, "It leads to one server only, n1", "not looked up", "finding"},
		{"one server, of an incomplete list", checks.URLList{Incomplete: []string{"has a placeholder"}, Endpoints: []checks.Endpoint{endpoint("10.0.0.1", server)}},
			"As far as is known, it leads to n1 only.", "one server only", "incomplete"},
		{"nobody connected", checks.URLList{Endpoints: []checks.Endpoint{endpoint("10.0.0.1", none)}}, "was not looked up: where it leads is unknown.", "no server", "incomplete"},
		{"nobody asked DNS, and why", checks.URLList{Endpoints: []checks.Endpoint{unasked}}, "Unknown: nats://a:4222: DNS was not asked (--no-dns).", "no server", "incomplete"},
		{"nobody asked DNS", checks.URLList{Endpoints: []checks.Endpoint{unasked, unasked}}, "were not looked up: where they lead is unknown.", "no server", "incomplete"},
		{"nobody listens", checks.URLList{Endpoints: []checks.Endpoint{endpoint("10.0.0.1", refused)}}, "leads to no server.", "not looked up", "finding"},
		{"partly", checks.URLList{Endpoints: []checks.Endpoint{endpoint("10.0.0.1", refused), endpoint("10.0.0.2", none)}}, "lead to no server that is known.", "not looked up", "finding"},
		{"nobody uses it", checks.URLList{Unused: "0 replicas", Endpoints: []checks.Endpoint{endpoint("10.0.0.1", server)}}, "0 replicas: nobody uses it.", "not looked up", "finding"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tt.list.Origin, tt.list.Ordered = "a.yaml:1", checks.Unknown
			doc := NewURLs("1", time.Now(), []checks.URLList{tt.list}, clienturl.Read{}, nil)
			var b bytes.Buffer
			if err := URLsText(&b, doc, Style{}); err != nil {
				t.Fatal(err)
			}
			text := strings.Join(strings.Fields(b.String()), " ")
			if !strings.Contains(text, tt.has) || strings.Contains(text, tt.no) || doc.Outcome != tt.outcome {
				t.Errorf("%s, want %s with %q and without %q:\n%s", doc.Outcome, tt.outcome, tt.has, tt.no, b.String())
			}
		})
	}
}
