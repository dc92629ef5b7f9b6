package cause

import (
	"strings"
	"testing"

	"github.com/nats-balance/nats-balance/checks"
)

// TestListThatLeadsElsewhere: all clients are on n1. A list that does not lead there is
// another's, unless servers told its clients of n1: they are there since theirs stopped.
// A name that is not known here may be known to the clients.
func TestListThatLeadsElsewhere(t *testing.T) {
	t.Parallel()
	silent := on(func(s *checks.Server) { s.Details.ConnectURLs = nil }, 1, 2, 3)
	const moved, another = "they have another list, or went on to n1,", "so it is not the one that these clients came by"
	for _, r := range []struct {
		name    string
		changes []change
		want    string
		settle  Need
	}{
		{"servers advertise each other", with(list(urlsOf(2)...)), moved, ""},
		{"servers advertise each other, and the list has two others", with(list(urlsOf(2, 3)...)), moved, ""},
		{"n2 did not say what it advertises", with(list(urlsOf(2)...), silent, on(silentServer, 2)), moved, ""},
		{"no_advertise", with(list(urlsOf(2)...), silent), another, NeedClientConfig},
		{"another cluster's list", with(list("nats://10.0.9.9:4222"), foreign("10.0.9.9:4222")), another, NeedClientConfig},
		{"a name that is not known here", with(list("nats://nats.example:4222"), dns("nats.example", checks.NameMissing)), "as nats.example does not resolve. Which resolver the clients ask is unknown.", NeedResolver},
		{"nobody is there", with(list("nats://10.0.0.8:4222")), "The list leads nowhere now", NeedClientConfig},
	} {
		c := Diagnose(caseOf(append(with(counts(20, 0, 0)), r.changes...)...)).Cause(SingleURL)
		e := c.Evidence[len(c.Evidence)-1]
		if c.Verdict != NotTested || !strings.Contains(e.Text, r.want) || e.Settle != r.settle {
			t.Errorf("%s: %+v", r.name, c)
		}
	}
}
