package cause

import (
	"slices"
	"testing"

	"github.com/nats-balance/nats-balance/checks"
)

// taken is something that was known, taken out of a case.
type taken struct {
	what string
	from func(*Case)
}

// lessIsNotMore tests that less data makes no more certainty: whatever is taken
// out of a case, nothing becomes confirmed and nothing becomes ruled out. The
// lists of one service are one input: where they contradict each other, one of
// them alone would speak for all of its clients.
func lessIsNotMore(t *testing.T, build func() Case) {
	t.Helper()
	before := Diagnose(build())
	for _, d := range drops(build()) {
		c := build()
		d.from(&c)
		for _, after := range Diagnose(c).Causes {
			was := before.Cause(after.Code).Verdict
			if after.Verdict != was && (after.Verdict == Confirmed || after.Verdict == RuledOut) {
				t.Errorf("without %s, %s is %s and was %s:\n%s", d.what, after.Code, after.Verdict, was, tell([]Cause{after}))
			}
		}
	}
}

// drops are all that can be taken out of a case.
func drops(c Case) []taken {
	out := []taken{
		{"connections", func(c *Case) { c.Profile = nil }},
		{"account info", func(c *Case) { c.Accounts = nil }},
		{"history", func(c *Case) { c.History, c.Remember = nil, nil }},
		{"neighbours", func(c *Case) { c.Neighbours = nil }},
	}
	if c.Recorded != nil {
		out = append(out, taken{"the record", func(c *Case) { c.Recorded = nil }},
			taken{"recorded moves", func(c *Case) { c.Recorded.Moves = nil }},
			taken{"recorded events", func(c *Case) { c.Recorded.Events = nil }},
			taken{"the oldest spread", func(c *Case) { c.Recorded.Spreads = c.Recorded.Spreads[1:] }},
			taken{"the last spread", func(c *Case) { c.Recorded.Spreads = c.Recorded.Spreads[:len(c.Recorded.Spreads)-1] }})
	}
	if c.Profile != nil && len(c.Profile.Services) > 0 {
		out = append(out, taken{"services", func(c *Case) { c.Profile.Services = nil }})
		for i := range c.Profile.Services {
			out = append(out, taken{"service " + c.Profile.Services[i].Stem, func(c *Case) {
				x := c.Profile.Services[i]
				c.Profile.Services[i] = checks.Service{Remainder: true, Counts: x.Counts, Starts: x.Starts, Sources: x.Sources, Networks: x.Networks, First: x.First, Last: x.Last}
			}})
		}
	}
	whose := func(l checks.URLList) [4]any { return [4]any{l.Account, l.User, l.Client, l.Hint} }
	var seen [][4]any
	for i := range c.Lists {
		if w := whose(c.Lists[i]); !slices.Contains(seen, w) {
			seen = append(seen, w)
			out = append(out, taken{"the lists of " + c.Lists[i].Origin, func(c *Case) {
				c.Lists = slices.DeleteFunc(c.Lists, func(l checks.URLList) bool { return whose(l) == w })
			}})
		}
		for k := range c.Lists[i].Endpoints {
			e := c.Lists[i].Endpoints[k]
			if !e.Literal {
				out = append(out, taken{"DNS of " + e.Host, func(c *Case) { c.Lists[i].Endpoints[k].Name, c.Lists[i].Endpoints[k].Addresses = nil, nil }})
			}
			for n, a := range e.Addresses {
				out = append(out, taken{"the probe of " + a.IP.String(), func(c *Case) {
					c.Lists[i].Endpoints[k].Addresses[n].Contact = checks.Contact{Outcome: checks.ContactNone}
				}})
			}
		}
	}
	for id := range c.Accounts {
		out = append(out, taken{"account info of " + id, func(c *Case) { delete(c.Accounts, id) }})
	}
	for i := range c.Deployment.Servers {
		server := c.Deployment.Servers[i]
		out = append(out, taken{"VARZ of " + server.Name, func(c *Case) { silentServer(&c.Deployment.Servers[i]) }})
		if server.ID != c.Finding.Server.ID && server.Cluster == c.Finding.Cluster {
			out = append(out, taken{"the report of " + server.Name, func(c *Case) { silence(c, server) }})
		}
	}
	return out
}

// silence has a server not report.
func silence(c *Case, server checks.Server) {
	gone := func(s checks.Server) bool { return s.ID == server.ID }
	c.Deployment.Servers = slices.DeleteFunc(c.Deployment.Servers, gone)
	c.Deployment.Missing = append(c.Deployment.Missing, checks.Missing{ID: server.ID, Name: server.Name, Cluster: server.Cluster, ClusterKnown: true, Reason: "it did not answer"})
	delete(c.Accounts, server.ID)
	for i := range c.Finding.Distribution {
		if s := &c.Finding.Distribution[i]; s.Server.ID == server.ID {
			c.Finding.Connections -= *s.Connections
			s.Connections = nil
		}
	}
	if c.Profile != nil {
		c.Profile.Whole, c.Profile.Note = false, server.Name+" did not answer"
	}
}
