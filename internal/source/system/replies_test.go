package system

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/lab"
	"github.com/nats-balance/nats-balance/internal/source"
	"github.com/nats-balance/nats-balance/internal/source/sourcetest"
	"github.com/nats-balance/nats-balance/internal/sysreq"
	"github.com/nats-balance/nats-balance/internal/wire"
)

// Scenarios of what servers say, told by puppets beside one real server.

func auditPuppets(t *testing.T, timeout time.Duration, puppets ...sourcetest.Puppet) *checks.Deployment {
	t.Helper()
	l := sourcetest.StartLab(t, lab.Topology{Clusters: []lab.Cluster{{Servers: 1}}})
	sourcetest.Pretend(t, l, puppets...)
	return audit(t, sourcetest.Connect(t, l.SystemURL()), source.Options{Timeout: timeout})
}

func TestFirstQuestionsAreLost(t *testing.T) {
	t.Parallel()
	// Nobody has a route to it; that it exists is known by the count alone. It
	// answers the roster when everyone is asked again, and must then be asked
	// for its report.
	d := auditPuppets(t, sourcetest.Patient(), sourcetest.Puppet{ID: "P", Name: "p", Cluster: "C",
		Roster: sourcetest.From(2, sourcetest.Statsz(`"connections":3`)),
		Report: sourcetest.From(2, sourcetest.Statz(sourcetest.Account("APP", 3, 0)))})
	sourcetest.Complete(t, d, 2)
	if got := sourcetest.Connections(d, "APP"); got["C/p"] != 3 || len(d.Notes) > 0 {
		t.Errorf("%v, notes %q", got, d.Notes)
	}
}

func TestOnlyTheRosterIsLostAtFirst(t *testing.T) {
	t.Parallel()
	d := auditPuppets(t, sourcetest.Patient(), sourcetest.Puppet{ID: "P", Name: "p", Cluster: "C",
		Roster: sourcetest.From(2, sourcetest.Statsz(`"connections":3`)),
		Report: sourcetest.Always(sourcetest.Statz(sourcetest.Account("APP", 3, 0)))})
	sourcetest.Complete(t, d, 2)
	if got := sourcetest.Connections(d, "APP"); got["C/p"] != 3 || len(d.Notes) > 0 {
		t.Errorf("%v, notes %q", got, d.Notes)
	}
}

func TestNoClientsButLeafnodes(t *testing.T) {
	t.Parallel()
	// VARZ says that there is something to report: wait for it.
	d := auditPuppets(t, sourcetest.Patient(), sourcetest.Puppet{ID: "P", Name: "p", Cluster: "C",
		Roster: sourcetest.Always(sourcetest.Statsz(`"connections":0`)),
		Varz:   sourcetest.Always(sourcetest.Varz(`"connections":0,"leafnodes":2,"max_connections":77`)),
		Report: sourcetest.From(2, sourcetest.Statz(sourcetest.Account("APP", 0, 2)))})
	sourcetest.Complete(t, d, 2)
	if got := sourcetest.Leafnodes(d, "APP"); got["C/p"] != 2 {
		t.Errorf("leafnodes %v", got)
	}
	if s := sourcetest.ServerOf(d, "p"); s.MaxConnections == nil || *s.MaxConnections != 77 {
		t.Errorf("its limit is %v", s.MaxConnections)
	}
}

// missingOf finds a missing server by name.
func missingOf(t *testing.T, d *checks.Deployment, name string) checks.Missing {
	t.Helper()
	at := slices.IndexFunc(d.Missing, func(m checks.Missing) bool { return m.Name == name })
	if at < 0 {
		t.Errorf("%s is not missing, but %s", name, sourcetest.ShowMissing(d))
		return checks.Missing{}
	}
	return d.Missing[at]
}

func TestVarzWithoutCountsProvesNothing(t *testing.T) {
	t.Parallel()
	var puppets []sourcetest.Puppet
	for name, body := range map[string]string{
		"no counts":            sourcetest.Varz(`"max_connections":77`),
		"no leafnodes":         sourcetest.Varz(`"connections":0`),
		"null":                 `"data":null`,
		"an error":             `"error":{"code":500,"description":"busy"}`,
		"an error beside data": sourcetest.Varz(`"connections":0,"leafnodes":0`) + `,"error":{"code":500,"description":"busy"}`,
		"a client by now":      sourcetest.Varz(`"connections":1,"leafnodes":0`),
	} {
		puppets = append(puppets, sourcetest.Puppet{ID: strings.ReplaceAll(name, " ", "_"), Name: name, Cluster: "C", Roster: sourcetest.Always(sourcetest.Statsz(`"connections":0`)), Varz: sourcetest.Always(body)})
	}
	d := auditPuppets(t, sourcetest.Brief(), puppets...)
	for _, p := range puppets {
		if m := missingOf(t, d, p.Name); !strings.Contains(m.Reason, "answered the roster, but sent no account report") || m.Bound == nil || *m.Bound != 0 {
			t.Errorf("%s: missing %+v", p.Name, m)
		}
	}
}

func TestRosterThatCanNotBeUsed(t *testing.T) {
	t.Parallel()
	const unread, refused = "a roster reply of %s in cluster C can't be read", "%s in cluster C answered the roster with an error"
	notes := map[string]string{}
	var puppets []sourcetest.Puppet
	for name, c := range map[string]struct{ body, note string }{
		"no count":         {sourcetest.Statsz(`"active_servers":2`), unread},
		"negative":         {sourcetest.Statsz(`"connections":-1`), unread},
		"too many servers": {sourcetest.Statsz(`"connections":1,"active_servers":100001`), unread},
		"no statistics":    {`"statsz":null`, unread},
		"error":            {`"error":{"code":500,"description":"busy"}`, refused},
	} {
		id := strings.ReplaceAll(name, " ", "_")
		puppets = append(puppets,
			sourcetest.Puppet{ID: id + "_R", Name: name + " but a report", Cluster: "C", Roster: sourcetest.Always(c.body), Report: sourcetest.Always(sourcetest.Statz(sourcetest.Account("APP", 3, 0)))},
			sourcetest.Puppet{ID: id, Name: name + " and no report", Cluster: "C", Roster: sourcetest.Always(c.body)})
		notes[name+" but a report"], notes[name+" and no report"] = c.note, c.note
	}
	d := auditPuppets(t, sourcetest.Brief(), puppets...)
	if len(d.Servers) != 1+len(puppets)/2 || len(d.Missing) != len(puppets)/2 {
		t.Errorf("%d servers, missing %s; want half of each", len(d.Servers), sourcetest.ShowMissing(d))
	}
	for _, p := range puppets {
		sourcetest.Noted(t, d, fmt.Sprintf(notes[p.Name], p.Name))
		if p.Report != nil {
			sourcetest.Noted(t, d, p.Name+" in cluster C sent an account report but did not answer the roster")
			if got := sourcetest.Connections(d, "APP")["C/"+p.Name]; got != 3 {
				t.Errorf("%s has %d connections", p.Name, got)
			}
			continue
		}
		m := missingOf(t, d, p.Name)
		if m.ID != p.ID || m.Bound != nil || !strings.Contains(m.Reason, "its answer to the roster can't be used, and it sent no account report") {
			t.Errorf("missing %+v", m)
		}
	}
}

func TestPeersThatNobodyHears(t *testing.T) {
	t.Parallel()
	d := auditPuppets(t, sourcetest.Brief(), sourcetest.Puppet{ID: "P", Name: "p", Cluster: "C", Report: sourcetest.Always(sourcetest.Statz(sourcetest.Account("APP", 3, 0))),
		Roster: sourcetest.Always(sourcetest.Statsz(`"connections":3,"active_servers":5,"routes":[{"name":"q"},{"name":"q"},{"name":""},{"name":"p"}],"gateways":[{"name":"D"},{"name":"C"}]`))})
	if got := sourcetest.Connections(d, "APP"); got["C/p"] != 3 || d.Expected != 5 || len(d.Missing) != 3 {
		t.Fatalf("%v of %d expected, missing %s; want 5 and 3", got, d.Expected, sourcetest.ShowMissing(d))
	}
	for i, want := range []checks.Missing{
		{Kind: checks.Counted, Reason: "p counts 5 servers, and this one did not answer"},
		{Kind: checks.Silent, Peers: []string{"P"}, Cluster: "C", ClusterKnown: true, Name: "q", Known: "p has a route to it", Reason: "p has a route to it"},
		{Kind: checks.Silent, Cluster: "D", ClusterKnown: true, Known: "p has a gateway to its cluster", Reason: "p has a gateway to its cluster"},
	} {
		got := d.Missing[i]
		if !strings.HasPrefix(got.Reason, want.Reason) {
			t.Errorf("missing %+v, want %+v", got, want)
		}
		if got.Reason = want.Reason; !reflect.DeepEqual(got, want) {
			t.Errorf("missing %+v, want %+v", got, want)
		}
	}
}

// Two answers to one question in one server's name that differ: which of them is
// its own can't be known, however they were decoded.
func TestAnswersThatContradictEachOther(t *testing.T) {
	t.Parallel()
	many := make([]string, 5000)
	for i := range many {
		many[i] = fmt.Sprintf(`{"name":"late","acc":"LATE %d","conns":1}`, i)
	}
	small, large := sourcetest.Statz(sourcetest.Account("APP", 3, 0)), sourcetest.Statz(many...)
	for what, body := range map[string]string{
		"small first":  small + "\n" + large,
		"large first":  large + "\n" + small,
		"in two parts": sourcetest.Statz(sourcetest.Account("APP", 3, 0)) + "\n" + sourcetest.Statz(sourcetest.Account("OTHER", 3, 0)),
		"one broken":   small + "\n" + `"data":{"account_statz":7}`,
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			l := sourcetest.StartLab(t, lab.Topology{Clusters: []lab.Cluster{{Servers: 1}}})
			sourcetest.Pretend(t, l, sourcetest.Puppet{ID: "P", Name: "p", Cluster: "C", Roster: sourcetest.Always(sourcetest.Statsz(`"connections":3`)), Report: sourcetest.Always(body)})
			nc := sourcetest.Connect(t, l.SystemURL())
			for range 5 {
				d := audit(t, nc, source.Options{Timeout: sourcetest.Long})
				if m := sourcetest.OnlyMissing(t, d, "C", "p", "two answers in its name differ"); m.Kind != checks.Contradiction {
					t.Errorf("missing %+v", m)
				}
			}
		})
	}
}

// Doubles that say the same are noted, and count once.
func TestEqualAnswers(t *testing.T) {
	t.Parallel()
	x, y := sourcetest.Account("X", 3, 0), sourcetest.Account("Y", 2, 0)
	d := auditPuppets(t, sourcetest.Long, sourcetest.Puppet{ID: "P", Name: "p", Cluster: "C", Roster: sourcetest.Always(sourcetest.Statsz(`"connections":5`)),
		Report: sourcetest.Always(sourcetest.Statz(x, y) + "\n" + sourcetest.Statz(y, x))})
	sourcetest.Complete(t, d, 2)
	sourcetest.Noted(t, d, "p in cluster C sent its account report 2 times, the first counts")
}

// An id that no server has leaves one server missing; the others are judged.
func TestServerWithAStrangeID(t *testing.T) {
	t.Parallel()
	for _, id := range []string{"A B", "A\r\nX", ">"} {
		t.Run(fmt.Sprintf("%q", id), func(t *testing.T) {
			t.Parallel()
			l := sourcetest.StartLab(t, lab.Topology{Clusters: []lab.Cluster{{Servers: 1}}})
			nc := sourcetest.Connect(t, l.SystemURL())
			for subject, body := range map[string]string{
				sysreq.Statsz:       sourcetest.Statsz(`"connections":0`),
				sysreq.AccountStatz: sourcetest.Statz(sourcetest.Account("APP", 3, 0)),
			} {
				answers(t, l, subject, func(*nats.Msg) string {
					return fmt.Sprintf(`{"server":{"id":%q,"name":"odd","cluster":"C"},%s}`, id, body)
				})
			}
			d := audit(t, nc, source.Options{Timeout: sourcetest.Long})
			if m := sourcetest.OnlyMissing(t, d, "C", "odd", "is not the id of a server"); m.Kind != checks.Unreadable || len(d.Servers) != 1 {
				t.Errorf("missing %+v, %d servers", m, len(d.Servers))
			}
		})
	}
}

func TestContextEndsFirst(t *testing.T) {
	t.Parallel()
	l := sourcetest.StartLab(t, lab.Topology{Clusters: []lab.Cluster{{Servers: 1}}})
	sourcetest.Pretend(t, l, sourcetest.Puppet{ID: "P", Name: "p", Cluster: "C"})
	ctx, cancel := context.WithTimeout(sourcetest.Within(t), 2*time.Second)
	defer cancel()
	d, err := gather(ctx, sourcetest.Connect(t, l.SystemURL()), source.Options{Timeout: sourcetest.Long})
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v, %v", d, err)
	}
}

// What is done with a report depends on what is there of the server already.
func TestReported(t *testing.T) {
	t.Parallel()
	who := wire.Server{ID: "A", Name: "a"}
	some := wire.Report{From: who, Usage: []checks.Usage{{Account: 0, Connections: 4}}}
	other := wire.Report{From: who, Usage: []checks.Usage{{Account: 0, Connections: 5}}}
	empty := wire.Report{From: who, Usage: []checks.Usage{}}
	broken := errors.New("it is broken")
	type reply struct {
		r     wire.Report
		err   error
		round int
	}
	for what, c := range map[string]struct {
		replies []reply
		conns   int // -1: it is missing
		problem string
		doubled bool
	}{
		"whole":                       {replies: []reply{{r: some}}, conns: 4},
		"empty":                       {replies: []reply{{r: empty}}, conns: 0},
		"broken":                      {replies: []reply{{r: wire.Report{From: who}, err: broken}}, conns: -1, problem: "it is broken"},
		"broken, then whole":          {replies: []reply{{r: wire.Report{From: who}, err: broken}, {r: some, round: 1}}, conns: 4},
		"whole, then broken":          {replies: []reply{{r: some}, {r: wire.Report{From: who}, err: broken, round: 1}}, conns: 4},
		"empty, then broken":          {replies: []reply{{r: empty, round: 1}, {r: wire.Report{From: who}, err: broken}}, conns: 0},
		"whole twice":                 {replies: []reply{{r: some}, {r: some}}, conns: 4, doubled: true},
		"contradicted":                {replies: []reply{{r: some}, {r: other}}, conns: -1, doubled: true},
		"contradicted, then whole":    {replies: []reply{{r: some}, {r: other}, {r: some, round: 1}}, conns: -1, doubled: true},
		"another name":                {replies: []reply{{r: some}, {r: wire.Report{From: wire.Server{ID: "A", Name: "b"}, Usage: some.Usage}, round: 1}}, conns: -1},
		"whole, then empty":           {replies: []reply{{r: some}, {r: empty, round: 1}}, conns: 4},
		"empty, then whole":           {replies: []reply{{r: empty, round: 1}, {r: some}}, conns: 4},
		"second question first":       {replies: []reply{{r: other, round: 1}, {r: some}}, conns: 5},
		"both questions and a double": {replies: []reply{{r: some}, {r: some, round: 1}, {r: some}}, conns: 4, doubled: true},
	} {
		g := &gathering{servers: map[string]*seen{}, notes: map[string]int{}, accounts: wire.NewAccounts(),
			self: &wire.User{Account: "SYS"}, connected: &wire.Varz{System: "SYS"}}
		for n, r := range c.replies {
			g.reported(r.r, r.err, reportReply{tag: r.round, nth: n}, 10)
		}
		s := g.servers["A"]
		conns := -1
		if s.whole {
			conns = 0
			for _, u := range s.usage {
				conns += int(u.Connections)
			}
		}
		if conns != c.conns || s.problem != c.problem && !s.whole || (s.reportReplies > 1) != c.doubled || g.bytes != int64(10*len(c.replies)) {
			t.Errorf("%s: %+v has %d connections, want %d", what, s, conns, c.conns)
		}
	}
}

// A server that reported and was then restarted: its old process answers nothing
// any more, another one of its name does, and nothing of what it had is left. It is
// missing, whatever the new one reports.
func TestServerRestartsDuringTheAudit(t *testing.T) {
	t.Parallel()
	gone := func(nth int) string { // that answers the first question only
		if nth > 1 {
			return ""
		}
		return sourcetest.Statsz(`"connections":20,"start":"2026-01-01T00:00:00Z"`)
	}
	d := auditPuppets(t, sourcetest.Brief(),
		sourcetest.Puppet{ID: "OLD", Name: "p", Cluster: "C", Roster: gone, Report: sourcetest.Always(sourcetest.Statz(sourcetest.Account("APP", 20, 0)))},
		sourcetest.Puppet{ID: "NEW", Name: "p", Cluster: "C", Roster: sourcetest.From(2, sourcetest.Statsz(`"connections":0,"start":"2026-01-02T00:00:00Z"`)),
			Report: sourcetest.From(1, sourcetest.Statz(sourcetest.Account("APP", 0, 0)))})
	m := sourcetest.OnlyMissing(t, d, "C", "p", "it restarted during this audit")
	if m.ID != "NEW" || m.Kind != checks.Restarted || m.Bound != nil || len(sourcetest.Connections(d, "APP")) > 1 {
		t.Errorf("%+v of %v", m, sourcetest.Connections(d, "APP"))
	}
}
