package lab_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/internal/lab"
)

// The tests in this file hold what the audit takes for granted about
// nats-server, so that an upgrade that changes it is noticed here.

// pinged returns who answers a PING within the time, by name.
func pinged(t *testing.T, nc *nats.Conn, wait time.Duration) map[string]server.ServerStats {
	t.Helper()
	got := make(map[string]server.ServerStats)
	for _, msg := range ask(t, nc, "$SYS.REQ.SERVER.PING", "", wait) {
		var r server.ServerStatsMsg
		if err := json.Unmarshal(msg.Data, &r); err != nil {
			t.Fatal(err)
		}
		got[r.Server.Name] = r.Stats
	}
	return got
}

// ask returns all answers that come within the time.
func ask(t *testing.T, nc *nats.Conn, subject, body string, wait time.Duration) []*nats.Msg {
	t.Helper()
	sub, err := nc.SubscribeSync(nc.NewInbox())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = sub.Unsubscribe() }()
	if err := nc.PublishRequest(subject, sub.Subject, []byte(body)); err != nil {
		t.Fatal(err)
	}
	var answers []*nats.Msg
	for end := time.Now().Add(wait); ; {
		msg, err := sub.NextMsg(time.Until(end))
		if err != nil {
			return answers
		}
		answers = append(answers, msg)
	}
}

func TestFactRoutesPerPeer(t *testing.T) {
	t.Parallel()
	l := startLab(t, lab.Topology{Clusters: []lab.Cluster{cluster("C1", 3)}})
	nc, err := nats.Connect(l.SystemURL(), nats.Timeout(30*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	// A pool of 3 routes and one for the system account.
	const perPeer = 4
	eventually(t, func() error {
		entries := make(map[string]int)
		stats := pinged(t, nc, 200*time.Millisecond)
		for _, r := range stats["C1-n1"].Routes {
			entries[r.Name]++
		}
		if len(entries) != 2 || entries["C1-n2"] != perPeer || entries["C1-n3"] != perPeer {
			return fmt.Errorf("routes by peer: %v", entries)
		}
		// A server without clients says so, and still counts one account: the
		// system account, for its own sake.
		if s := stats["C1-n2"]; s.Connections != 0 || s.ActiveAccounts != 1 {
			return fmt.Errorf("idle server: connections %d, active_accounts %d", s.Connections, s.ActiveAccounts)
		}
		return nil
	})
}

// An account that is bound to a leaf which shares the system account as well
// reaches servers on two ways, and is answered twice.
func TestFactAccountsAreAnsweredTwiceOverLeafs(t *testing.T) {
	t.Parallel()
	l := startLab(t, lab.Topology{
		Clusters: []lab.Cluster{cluster("C1", 1)}, Accounts: []string{"APP"},
		Leafs: []lab.Leaf{{Cluster: lab.Cluster{Servers: 1, ServerNames: []string{"edge"}}, Hub: "C1", Accounts: []string{"APP"}}},
	})
	const subject, body = "$SYS.REQ.ACCOUNT.PING.STATZ", `{"include_unused":true}`
	for account, want := range map[string]map[string]int{
		lab.SystemAccount: {"C1-n1": 1, "edge": 1},
		"APP":             {"C1-n1": 1, "edge": 2},
	} {
		nc, err := nats.Connect(l.Server("C1-n1").URL(account), nats.Timeout(30*time.Second))
		if err != nil {
			t.Fatal(err)
		}
		defer nc.Close()
		// That the leafnode is there does not say that its subscriptions are.
		eventually(t, func() error {
			got := make(map[string]int)
			for _, msg := range ask(t, nc, subject, body, 500*time.Millisecond) {
				var r struct{ Server server.ServerInfo }
				if err := json.Unmarshal(msg.Data, &r); err != nil {
					t.Fatal(err)
				}
				got[r.Server.Name]++
			}
			if !maps.Equal(got, want) {
				return fmt.Errorf("account %s: answers %v, want %v", account, got, want)
			}
			return nil
		})
	}
}
