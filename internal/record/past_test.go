package record

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-balance/nats-balance/checks"
)

// A watch starts after every process was replaced but n4, which an earlier watch found
// silent. Whether that was this deployment it says, as soon as an account tells.
func TestWatchStartsBesideOtherProcesses(t *testing.T) {
	t.Parallel()
	began := epoch()
	process := func(id, name string, started time.Duration) checks.ServerProcess {
		return checks.ServerProcess{ServerRef: checks.ServerRef{ID: id, Name: name}, Cluster: "C1", Start: began.Add(started)}
	}
	past := checks.RecordedPast{
		Identity: checks.Identity{Servers: []checks.ServerProcess{process("A1", "n1", -24*time.Hour), process("A4", "n4", -24*time.Hour)},
			Accounts: []string{"ORDERS"}, System: "SYS", Until: began.Add(-30 * time.Minute)},
		Gone: []checks.RecordedGone{{Server: checks.ServerRef{ID: "A4", Name: "n4"}, Cluster: "C1", At: began.Add(-time.Hour), Kind: checks.Silent}},
	}
	sees := func(started time.Duration, accounts ...string) *checks.Deployment {
		d := &checks.Deployment{Servers: []checks.Server{{ID: "B1", Name: "n1", Cluster: "C1", Start: began.Add(started)}}, Accounts: []checks.Account{{ID: "SYS", System: true}}}
		for _, a := range accounts {
			d.Accounts = append(d.Accounts, checks.Account{ID: a, Name: a})
		}
		return d
	}
	for _, c := range []struct {
		name         string
		first, later *checks.Deployment
		doubt        DoubtCode // when it begins; empty where there is none
		silent       []int     // told of n4 with the first full report, and the next one
	}{
		{"the same account", sees(-10*time.Minute, "ORDERS"), sees(-10*time.Minute, "ORDERS"), "", []int{1, 0}},
		{"its clients come later", sees(-10 * time.Minute), sees(-10*time.Minute, "ORDERS"), ServersInDoubt, []int{0, 1}},
		{"another account", sees(-10*time.Minute, "BILLING"), sees(-10*time.Minute, "BILLING"), ServersInDoubt, []int{0, 0}},
		{"it ran at that time", sees(-2*time.Hour, "ORDERS"), sees(-2*time.Hour, "ORDERS"), OtherDeployment, []int{0, 0}},
	} {
		w := New(Settings{Parameters: checks.Defaults(), Reconcile: time.Minute})
		w.KnownPast([]checks.RecordedPast{past})
		for i, d := range []*checks.Deployment{c.first, c.later} {
			now := began.Add(time.Duration(i) * time.Minute)
			w.Ask(now)
			w.Reconcile(d, time.Second, now)
			told := w.Tick(now)
			if at := slices.IndexFunc(told, func(c Change) bool { return c.Kind == Watching }); i == 0 && (at < 0 || !doubts(told[at], c.doubt)) {
				t.Errorf("%s: told %+v", c.name, told)
			}
			told = slices.DeleteFunc(told, func(c Change) bool { return c.Kind != Silent })
			if len(told) != c.silent[i] || len(told) > 0 && (told[0].Server.Name != "n4" || told[0].Who == nil) {
				t.Errorf("%s, full report %d: told %+v", c.name, i+1, told)
			}
		}
	}
}

// doubts reports whether a change has a doubt of a kind, and no other; of servers that of n4.
// Its document has the same.
func doubts(c Change, code DoubtCode) bool {
	doc := DocumentOf(c).Harmless().Doubt
	if code == "" || c.Doubt == nil {
		return code == "" && c.Doubt == nil && doc == nil
	}
	ofN4 := len(c.Doubt.Servers) == 1 && c.Doubt.Servers[0].Server.Name == "n4" && c.Doubt.Servers[0].Cluster == "C1" &&
		len(doc.Servers) == 1 && doc.Servers[0].Server.Name == "n4" && doc.Servers[0].Cluster == "C1"
	return c.Reason == "" && c.Doubt.Code == code && doc.Code == code && ofN4 == (code == ServersInDoubt)
}

// What tells a deployment from others fits into a message, however many servers and
// accounts there are, and whatever they are called.
func TestWhoIsBounded(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"n1", strings.Repeat("\x01", 300)} {
		d := &checks.Deployment{}
		for range 3000 {
			d.Servers = append(d.Servers, checks.Server{ID: strings.Repeat("N", 56), Name: name, Host: name, Cluster: name})
			d.Accounts = append(d.Accounts, checks.Account{ID: name})
		}
		who := New(Settings{}).who(d)
		doubt := &PastDoubt{Code: ServersInDoubt}
		for range 3000 {
			doubt.Servers = append(doubt.Servers, checks.RecordedGone{Server: checks.ServerRef{ID: strings.Repeat("N", 56), Name: name, Host: name}, Cluster: name})
		}
		data, err := json.Marshal(DocumentOf(Change{Kind: Watching, Who: who, Doubt: doubt, Of: &Totals{}}))
		if err != nil || len(data) > 1_000_000 || len(who.Servers) < 90 || len(who.Servers) > mostWho || len(who.Accounts) < 90 || len(who.Accounts) > mostWho {
			t.Errorf("%d servers and %d accounts in %d bytes, %v", len(who.Servers), len(who.Accounts), len(data), err)
		}
	}
}

// What is written down of one of several clusters of a name has that name as well, and a
// cluster whose own name looks as if it were one of them has its own.
func TestClustersOfOneName(t *testing.T) {
	t.Parallel()
	began := epoch()
	for _, c := range []struct{ one, other, called, reported string }{
		{"EDGE", "EDGE", "EDGE (n2)", "EDGE"},
		{"EDGE", "EDGE (n2)", "EDGE (n2)", "EDGE (n2)"},
		{"prod (eu)", "prod (eu)", "prod (eu) (n2)", "prod (eu)"},
		{"prod", "prod (eu)", "prod (eu)", "prod (eu)"},
	} {
		d := &checks.Deployment{Servers: []checks.Server{{ID: "A1", Name: "n1", Cluster: c.one, Peers: []string{}}, {ID: "A2", Name: "n2", Cluster: c.other, Peers: []string{}}}}
		d.Separate()
		w := New(Settings{Parameters: checks.Defaults(), Reconcile: time.Minute})
		w.Ask(began)
		w.Reconcile(d, time.Second, began)
		w.tell(Change{Kind: Stopped, Time: began, Cluster: d.Servers[1].Cluster, Server: d.Servers[1].Ref()})
		at := 0
		for _, x := range w.Tick(began) {
			if x.Kind != Stopped {
				continue
			}
			at++
			doc := DocumentOf(x)
			if *doc.Cluster != c.called || doc.ReportedCluster() != c.reported {
				t.Errorf("%s: %s reports %s, want %s", c.other, *doc.Cluster, doc.ReportedCluster(), c.called)
			}
			of := Identity([]Document{doc}).Servers
			if len(of) == 0 || of[0].Cluster != c.reported {
				t.Errorf("%s: the identity has %v", c.other, of)
			}
		}
		if at != 1 {
			t.Errorf("%s: told %d times", c.other, at)
		}
	}
}
