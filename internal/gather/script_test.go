package gather

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/lab"
)

// Scenarios of what servers say, told by puppets beside one real server.

func auditPuppets(t *testing.T, timeout time.Duration, puppets ...puppet) *checks.Deployment {
	t.Helper()
	l := startLab(t, lab.Topology{Clusters: []lab.Cluster{{Servers: 1}}})
	pretend(t, l, puppets...)
	return audit(t, connect(t, l.SystemURL()), Options{Timeout: timeout})
}

func TestFirstQuestionsAreLost(t *testing.T) {
	t.Parallel()
	// Nobody has a route to it; that it exists is known by the count alone. It
	// answers the roster when everyone is asked again, and must then be asked
	// for its report.
	d := auditPuppets(t, patient, puppet{id: "P", name: "p", cluster: "C",
		roster: from(2, statsz(`"connections":3`)),
		report: from(2, statz(account("APP", 3, 0)))})
	complete(t, d, 2)
	if got := connections(d, "APP"); got["C/p"] != 3 || len(d.Notes) > 0 {
		t.Errorf("%v, notes %q", got, d.Notes)
	}
}

func TestOnlyTheRosterIsLostAtFirst(t *testing.T) {
	t.Parallel()
	d := auditPuppets(t, patient, puppet{id: "P", name: "p", cluster: "C",
		roster: from(2, statsz(`"connections":3`)),
		report: always(statz(account("APP", 3, 0)))})
	complete(t, d, 2)
	if got := connections(d, "APP"); got["C/p"] != 3 || len(d.Notes) > 0 {
		t.Errorf("%v, notes %q", got, d.Notes)
	}
}

func TestNoClientsButLeafnodes(t *testing.T) {
	t.Parallel()
	// VARZ says that there is something to report: wait for it.
	d := auditPuppets(t, patient, puppet{id: "P", name: "p", cluster: "C",
		roster: always(statsz(`"connections":0`)),
		varz:   always(varzOf(`"connections":0,"leafnodes":2,"max_connections":77`)),
		report: from(2, statz(account("APP", 0, 2)))})
	complete(t, d, 2)
	if got := leafs(d, "APP"); got["C/p"] != 2 {
		t.Errorf("leafnodes %v", got)
	}
	if s := serverOf(d, "p"); s.MaxConnections == nil || *s.MaxConnections != 77 {
		t.Errorf("its limit is %v", s.MaxConnections)
	}
}

// missingOf finds a missing server by name.
func missingOf(t *testing.T, d *checks.Deployment, name string) checks.Missing {
	t.Helper()
	at := slices.IndexFunc(d.Missing, func(m checks.Missing) bool { return m.Name == name })
	if at < 0 {
		t.Errorf("%s is not missing, but %s", name, showMissing(d))
		return checks.Missing{}
	}
	return d.Missing[at]
}

func TestVarzWithoutCountsProvesNothing(t *testing.T) {
	t.Parallel()
	var puppets []puppet
	for name, body := range map[string]string{
		"no counts":            varzOf(`"max_connections":77`),
		"no leafnodes":         varzOf(`"connections":0`),
		"null":                 `"data":null`,
		"an error":             `"error":{"code":500,"description":"busy"}`,
		"an error beside data": varzOf(`"connections":0,"leafnodes":0`) + `,"error":{"code":500,"description":"busy"}`,
		"a client by now":      varzOf(`"connections":1,"leafnodes":0`),
	} {
		puppets = append(puppets, puppet{id: strings.ReplaceAll(name, " ", "_"), name: name, cluster: "C", roster: always(statsz(`"connections":0`)), varz: always(body)})
	}
	d := auditPuppets(t, brief, puppets...)
	for _, p := range puppets {
		if m := missingOf(t, d, p.name); !strings.Contains(m.Reason, "answered the roster, but sent no account report") || m.Bound == nil || *m.Bound != 0 {
			t.Errorf("%s: missing %+v", p.name, m)
		}
	}
}

func TestRosterThatCanNotBeUsed(t *testing.T) {
	t.Parallel()
	const unread, refused = "a roster reply of %s in cluster C can't be read", "%s in cluster C answered the roster with an error"
	notes := map[string]string{}
	var puppets []puppet
	for name, c := range map[string]struct{ body, note string }{
		"no count":         {statsz(`"active_servers":2`), unread},
		"negative":         {statsz(`"connections":-1`), unread},
		"too many servers": {statsz(`"connections":1,"active_servers":100001`), unread},
		"no statistics":    {`"statsz":null`, unread},
		"error":            {`"error":{"code":500,"description":"busy"}`, refused},
	} {
		id := strings.ReplaceAll(name, " ", "_")
		puppets = append(puppets,
			puppet{id: id + "_R", name: name + " but a report", cluster: "C", roster: always(c.body), report: always(statz(account("APP", 3, 0)))},
			puppet{id: id, name: name + " and no report", cluster: "C", roster: always(c.body)})
		notes[name+" but a report"], notes[name+" and no report"] = c.note, c.note
	}
	d := auditPuppets(t, brief, puppets...)
	if len(d.Servers) != 1+len(puppets)/2 || len(d.Missing) != len(puppets)/2 {
		t.Errorf("%d servers, missing %s; want half of each", len(d.Servers), showMissing(d))
	}
	for _, p := range puppets {
		noted(t, d, fmt.Sprintf(notes[p.name], p.name))
		if p.report != nil {
			noted(t, d, p.name+" in cluster C sent an account report but did not answer the roster")
			if got := connections(d, "APP")["C/"+p.name]; got != 3 {
				t.Errorf("%s has %d connections", p.name, got)
			}
			continue
		}
		m := missingOf(t, d, p.name)
		if m.ID != p.id || m.Bound != nil || !strings.Contains(m.Reason, "its answer to the roster can't be used, and it sent no account report") {
			t.Errorf("missing %+v", m)
		}
	}
}

func TestPeersThatNobodyHears(t *testing.T) {
	t.Parallel()
	d := auditPuppets(t, brief, puppet{id: "P", name: "p", cluster: "C", report: always(statz(account("APP", 3, 0))),
		roster: always(statsz(`"connections":3,"active_servers":5,"routes":[{"name":"q"},{"name":"q"},{"name":""},{"name":"p"}],"gateways":[{"name":"D"},{"name":"C"}]`))})
	if got := connections(d, "APP"); got["C/p"] != 3 || d.Expected != 5 || len(d.Missing) != 3 {
		t.Fatalf("%v of %d expected, missing %s; want 5 and 3", got, d.Expected, showMissing(d))
	}
	for i, want := range []checks.Missing{
		{Reason: "p counts 5 servers, but nobody has a route or gateway to it"},
		{Cluster: "C", ClusterKnown: true, Name: "q", Reason: "p has a route to it"},
		{Cluster: "D", ClusterKnown: true, Reason: "p has a gateway to its cluster"},
	} {
		got := d.Missing[i]
		if !strings.HasPrefix(got.Reason, want.Reason) {
			t.Errorf("missing %+v, want %+v", got, want)
		}
		if got.Reason = want.Reason; got != want {
			t.Errorf("missing %+v, want %+v", got, want)
		}
	}
}

func TestReplyIsDecodedAfterTheEnd(t *testing.T) {
	t.Parallel()
	// Everything is there with the first report. The second takes a while to
	// decode and has new accounts, which are of no concern any more.
	many := make([]string, 5000)
	for i := range many {
		many[i] = fmt.Sprintf(`{"name":"late","acc":"LATE %d","conns":1}`, i)
	}
	l := startLab(t, lab.Topology{Clusters: []lab.Cluster{{Servers: 1}}})
	pretend(t, l, puppet{id: "P", name: "p", cluster: "C", roster: always(statsz(`"connections":3`)),
		report: always(statz(account("APP", 3, 0)) + "\n" + statz(many...))})
	nc := connect(t, l.SystemURL())
	for range 3 {
		d := audit(t, nc, Options{Timeout: long})
		complete(t, d, 2)
		// Two replies are decoded side by side: the first to be done counts, whole.
		got, other := connections(d, "APP"), connections(d, "LATE 0")
		if got["C/p"] != 3 && other["C/p"] != 1 && countNotes(d, "sent its account report 2 times") == 0 {
			t.Errorf("%v, notes %q", got, d.Notes)
		}
	}
}

func TestContextEndsFirst(t *testing.T) {
	t.Parallel()
	l := startLab(t, lab.Topology{Clusters: []lab.Cluster{{Servers: 1}}})
	pretend(t, l, puppet{id: "P", name: "p", cluster: "C"})
	ctx, cancel := context.WithTimeout(within(t), 2*time.Second)
	defer cancel()
	d, err := System(ctx, connect(t, l.SystemURL()), Options{Timeout: long})
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v, %v", d, err)
	}
}

// What is done with a report depends on what is there of the server already.
func TestReported(t *testing.T) {
	t.Parallel()
	who := identity{ID: "A", Name: "a"}
	some := report{from: who, usage: []checks.Usage{{Account: 0, Connections: 4}}}
	other := report{from: who, usage: []checks.Usage{{Account: 0, Connections: 5}}}
	empty := report{from: who, usage: []checks.Usage{}}
	broken := errors.New("it is broken")
	type reply struct {
		r     report
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
		"broken":                      {replies: []reply{{r: report{from: who}, err: broken}}, conns: -1, problem: "it is broken"},
		"broken, then whole":          {replies: []reply{{r: report{from: who}, err: broken}, {r: some, round: 1}}, conns: 4},
		"whole, then broken":          {replies: []reply{{r: some}, {r: report{from: who}, err: broken, round: 1}}, conns: 4},
		"empty, then broken":          {replies: []reply{{r: empty, round: 1}, {r: report{from: who}, err: broken}}, conns: 0},
		"whole twice":                 {replies: []reply{{r: some}, {r: other}}, conns: 4, doubled: true},
		"whole, then empty":           {replies: []reply{{r: some}, {r: empty, round: 1}}, conns: 4},
		"empty, then whole":           {replies: []reply{{r: empty, round: 1}, {r: some}}, conns: 4},
		"second question first":       {replies: []reply{{r: other, round: 1}, {r: some}}, conns: 5},
		"both questions and a double": {replies: []reply{{r: some}, {r: some, round: 1}, {r: some}}, conns: 4, doubled: true},
	} {
		g := &system{servers: map[string]*seen{}, notes: map[string]int{}, accounts: newInterner()}
		for _, r := range c.replies {
			g.reported(r.r, r.err, r.round, 10)
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
