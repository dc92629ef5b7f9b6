package rebalance

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/internal/lab"
)

func TestApplyEvensOut(t *testing.T) {
	t.Parallel()
	l := startLab(t, three("ORDERS", "BILLING"))
	all := l.Cluster("C1")
	clients := roam(t, "ORDERS", 90, "go", all...)
	roam(t, "BILLING", 20, "go", all...)
	billing := connections(t, l, "BILLING")
	nc := connect(t, l.SystemURL())
	var over []int
	pace := calm(long, 25)
	pace.Progress = func(n, of int) { over = append(over, n, of) }
	r := apply(within(t), t, l, nc, pace)
	kicked := outcomes(r)[Kicked]
	if r.Stop != nil || kicked < 60 || kicked > 90 || len(r.Batches) < 3 || r.Batches[0].Kicked != 25 {
		t.Fatalf("stop %+v, moves %v, batches %+v", r.Stop, outcomes(r), r.Batches)
	}
	if len(over) < 6 || over[0] != 25 || over[1] != 60 || over[len(over)-2] != kicked {
		t.Errorf("progress %v", over)
	}
	for server, ids := range connections(t, l, "ORDERS") {
		if n := len(ids); n < 27 || n > 33 {
			t.Errorf("%s has %d connections", server, n)
		}
	}
	if clients.reconnects.Load() != int64(kicked) {
		t.Errorf("%d reconnects of %d kicked", clients.reconnects.Load(), kicked)
	}
	if after := connections(t, l, "BILLING"); !reflect.DeepEqual(after, billing) {
		t.Errorf("BILLING had %v and has %v", billing, after)
	}
	// By the third batch another server may have got more than its share.
	for _, m := range r.Moves[:50] {
		if m.Batch < 1 || m.Server != 0 || m.Name != "roamer" {
			t.Errorf("%+v", m)
		}
	}
}

// TestApplyLeavesOthersAlone: whatever is in the same servers and is no client
// of the account in the cluster.
func TestApplyLeavesOthersAlone(t *testing.T) {
	t.Parallel()
	l := startLab(t, lab.Topology{
		Clusters: []lab.Cluster{{Name: "C1", Servers: 3}, {Name: "C2", Servers: 3}},
		Leafs:    []lab.Leaf{{Cluster: lab.Cluster{Servers: 2}, Hub: "C1-n1", Accounts: []string{"ORDERS"}}},
		Accounts: []string{"ORDERS", "BILLING"},
	})
	roam(t, "ORDERS", 40, "go", l.Cluster("C1")...)
	roam(t, "ORDERS", 40, "go", l.Cluster("C2")...)
	roam(t, "BILLING", 30, "go", l.Cluster("C1")...)
	nc := connect(t, l.Server("C1-n1").URL(lab.SystemAccount))
	connect(t, l.Server("C1-n1").URL(lab.SystemAccount))
	leafs := func() (ids []uint64) {
		z, err := l.Server("C1-n1").Embedded().Leafz(nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, leaf := range z.Leafs {
			ids = append(ids, leaf.ID)
		}
		slices.Sort(ids)
		return ids
	}
	count := func() map[string]map[string][]uint64 {
		out := map[string]map[string][]uint64{"BILLING": connections(t, l, "BILLING"), lab.SystemAccount: connections(t, l, lab.SystemAccount)}
		out["ORDERS"] = connections(t, l, "ORDERS")
		maps.DeleteFunc(out["ORDERS"], func(server string, _ []uint64) bool { return strings.HasPrefix(server, "C1-") })
		return out
	}
	before, leafsBefore := count(), leafs()
	if len(leafsBefore) == 0 || len(before["ORDERS"]["C2-n1"]) != 40 {
		t.Fatalf("the lab is not what it should be: %v, %v", leafsBefore, before["ORDERS"])
	}
	r := apply(within(t), t, l, nc, calm(long, 10))
	if r.Stop != nil || outcomes(r)[Kicked] < 26 {
		t.Fatalf("stop %+v, moves %v", r.Stop, outcomes(r))
	}
	if after := count(); !reflect.DeepEqual(after, before) {
		t.Errorf("others had %v and have %v", before, after)
	}
	if after := leafs(); !slices.Equal(after, leafsBefore) {
		t.Errorf("leafnodes were %v and are %v", leafsBefore, after)
	}
}

// TestApplyKicksOnlyWhatWasPlanned: ids that are somebody else's by now, as from
// a wrong plan, are left alone.
func TestApplyKicksOnlyWhatWasPlanned(t *testing.T) {
	t.Parallel()
	l := startLab(t, lab.Topology{
		Clusters: []lab.Cluster{{Name: "C1", Servers: 2}}, Accounts: []string{"ORDERS", "BILLING"},
		Leafs: []lab.Leaf{{Cluster: lab.Cluster{Servers: 1}, Hub: "C1-n1", Accounts: []string{"ORDERS"}}},
	})
	n1 := l.Server("C1-n1")
	roam(t, "ORDERS", 10, "go", n1, l.Server("C1-n2"))
	roam(t, "BILLING", 1, "go", n1)
	nc := connect(t, n1.URL(lab.SystemAccount))
	own, _ := nc.GetClientID()
	z, err := n1.Embedded().Leafz(&server.LeafzOptions{Account: "ORDERS"})
	if err != nil || len(z.Leafs) != 1 {
		t.Fatal(z, err)
	}
	leaf := z.Leafs[0].ID
	scope, state := stageOf(t, l, "C1", "ORDERS")
	for i, id := range []uint64{connections(t, l, "BILLING")["C1-n1"][0], z.Leafs[0].ID, own, 1 << 40} { // the last is nobody's
		state.Connections[i].ID, state.Connections[i].Idle = id, 2*time.Hour
	}
	others := connections(t, l, "BILLING")
	r := Apply(within(t), nc, scope, state, everywhere(), calm(long, 5))
	for _, m := range r.Moves {
		if m.Outcome == Refused && m.Why != NotClosed(NotAClient{}) {
			t.Errorf("refused: %#v", m.Why)
		}
	}
	if got := outcomes(r); got[Refused] != 3 || got[Gone] != 1 || got[Kicked] < 1 || r.Stop != nil {
		t.Errorf("outcomes %v, stop %+v", got, r.Stop)
	}
	if after := connections(t, l, "BILLING"); !reflect.DeepEqual(after, others) || !nc.IsConnected() {
		t.Errorf("BILLING had %v and has %v", others, after)
	}
	if z, err := n1.Embedded().Leafz(&server.LeafzOptions{Account: "ORDERS"}); err != nil || len(z.Leafs) != 1 || z.Leafs[0].ID != leaf {
		t.Errorf("the leafnode is not the same: %+v, %v", z, err)
	}
}

func TestApplyStopsWhenClientsComeBack(t *testing.T) {
	t.Parallel()
	l := startLab(t, three("ORDERS"))
	clients := roam(t, "ORDERS", 60, "go", l.Server("C1-n1")) // they know no other
	r := apply(within(t), t, l, connect(t, l.SystemURL()), calm(3*time.Second, 8))
	stopped(t, r, StopCameBack)
	if got := outcomes(r); got[Kicked] != 8 || got[NotTried] != 32 || r.Batches[0].Returned != 8 {
		t.Errorf("moves %v, batches %+v", got, r.Batches)
	}
	if clients.most.Load() != 1 {
		t.Errorf("a client was moved %d times", clients.most.Load())
	}
}

func TestApplyStopsWhenClientsStayAway(t *testing.T) {
	t.Parallel()
	l := startLab(t, three("ORDERS"))
	if _, err := l.ConnectRaw(within(t), lab.RawClients{Account: "ORDERS", Server: l.Server("C1-n1"), Count: 30, Lang: "go"}); err != nil {
		t.Fatal(err)
	}
	r := apply(within(t), t, l, connect(t, l.SystemURL()), calm(3*time.Second, 5))
	stopped(t, r, StopNotReconnected)
	if got := outcomes(r); got[Kicked] != 5 || r.Batches[0].Late != 5 {
		t.Errorf("moves %v, batches %+v", got, r.Batches)
	}
}

func TestApplyStopsWhenAServerIsFull(t *testing.T) {
	t.Parallel()
	l := startLab(t, lab.Topology{Clusters: []lab.Cluster{{Name: "C1", Servers: 2, MaxConnections: 60}}, Accounts: []string{"ORDERS", "BILLING"}})
	roam(t, "ORDERS", 40, "go", l.Cluster("C1")...)
	roam(t, "BILLING", 46, "go", l.Server("C1-n2"))
	scope, state := stageOf(t, l, "C1", "ORDERS")
	if p := PlanMoves(state, everywhere()); len(p.Moves) != 8 { // 54 of 60 are to be used
		t.Fatalf("%d moves", len(p.Moves))
	}
	// Others take the room that was planned with.
	roam(t, "BILLING", 9, "go", l.Server("C1-n2"))
	r := Apply(within(t), connect(t, l.Server("C1-n1").URL(lab.SystemAccount)), scope, state, everywhere(), calm(5*time.Second, 3))
	stopped(t, r, StopSuffering)
	if got := outcomes(r); got[Kicked] != 3 || r.Stop.Why != StopReason(NearLimit{"C1-n2", 58, 60}) {
		t.Errorf("moves %v, %+v", got, r.Stop)
	}
}

func TestApplyStopsWhenAServerDies(t *testing.T) {
	t.Parallel()
	l := startLab(t, three("ORDERS"))
	roam(t, "ORDERS", 60, "go", l.Cluster("C1")...)
	pace := calm(4*time.Second, 10)
	pace.Progress = func(over, _ int) {
		if over == 10 {
			l.Server("C1-n3").Shutdown()
		}
	}
	r := apply(within(t), t, l, connect(t, l.Server("C1-n2").URL(lab.SystemAccount)), pace)
	stopped(t, r, StopServerLost)
	if got := outcomes(r); got[Kicked] > 20 || got[NotTried] < 20 || serverOf(r.Stop) != "C1-n3" {
		t.Errorf("moves %v, %+v", got, r.Stop)
	}
}

// TestApplyStopsWhenTheSourceDies: nobody is left to answer the requests.
func TestApplyStopsWhenTheSourceDies(t *testing.T) {
	t.Parallel()
	l := startLab(t, three("ORDERS"))
	roam(t, "ORDERS", 60, "go", l.Cluster("C1")...)
	pace := calm(4*time.Second, 10)
	pace.Progress = func(over, _ int) {
		if over == 10 {
			l.Server("C1-n1").Shutdown()
		}
	}
	r := apply(within(t), t, l, connect(t, l.Server("C1-n2").URL(lab.SystemAccount)), pace)
	stopped(t, r, StopServerLost)
	if got := outcomes(r); got[Kicked] != 10 || got[NoAnswer] == 0 || serverOf(r.Stop) != "C1-n1" {
		t.Errorf("moves %v, %+v", got, r.Stop)
	}
}

func TestApplyStopsWhenTheConnectionIsLost(t *testing.T) {
	t.Parallel()
	l := startLab(t, three("ORDERS"))
	roam(t, "ORDERS", 60, "go", l.Cluster("C1")...)
	nc := connect(t, l.Server("C1-n2").URL(lab.SystemAccount))
	pace := calm(long, 10)
	pace.Progress = func(over, _ int) {
		if over == 20 {
			id, _ := nc.GetClientID()
			if err := l.Server("C1-n2").Embedded().DisconnectClientByID(id); err != nil {
				t.Error(err)
			}
			for deadline := time.Now().Add(long); nc.Stats().Reconnects == 0 && time.Now().Before(deadline); {
				<-time.After(5 * time.Millisecond)
			}
		}
	}
	r := apply(within(t), t, l, nc, pace)
	stopped(t, r, StopConnection)
	if got := outcomes(r); got[Kicked] != 20 || got[NotTried] < 15 {
		t.Errorf("moves %v", got)
	}
	// A connection that is closed already moves nothing.
	nc.Close()
	r = apply(within(t), t, l, nc, calm(long, 10))
	stopped(t, r, StopConnection)
	if got := outcomes(r); got[NotTried] == 0 || got[Kicked] > 0 {
		t.Errorf("moves %v", got)
	}
}

func TestApplyStopsAtOnceWhenInterrupted(t *testing.T) {
	t.Parallel()
	l := startLab(t, three("ORDERS"))
	roam(t, "ORDERS", 60, "go", l.Cluster("C1")...)
	ctx, cancel := context.WithCancel(within(t))
	pace := calm(long, 10)
	pace.Progress = func(over, _ int) {
		if over == 10 {
			cancel()
		}
	}
	r := apply(ctx, t, l, connect(t, l.SystemURL()), pace)
	stopped(t, r, StopInterrupted)
	if got := outcomes(r); got[Kicked] != 10 || got[NotTried] < 25 {
		t.Errorf("moves %v", got)
	}
	// In the middle of a batch, too: nearly an hour of moves is left.
	slow, stop := context.WithTimeout(within(t), time.Second)
	defer stop()
	pace = calm(long, 100)
	pace.Rate = 1
	r = apply(slow, t, l, connect(t, l.SystemURL()), pace)
	stopped(t, r, StopInterrupted)
	if got := outcomes(r); got[NotTried] < 28 {
		t.Errorf("moves %v", got)
	}
}

func TestApplyStopsWithoutPermission(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, deny string }{
		{"to kick", "$SYS.REQ.SERVER.*.KICK"},
		{"to look at connections", "$SYS.REQ.SERVER.*.CONNZ"},
		{"to count connections", "$SYS.REQ.ACCOUNT.PING.STATZ"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			topology := three("ORDERS")
			topology.Clusters[0].Configure = func(_ int, o *server.Options) {
				for _, u := range o.Users {
					if u.Account.Name == lab.SystemAccount {
						limited := *u
						limited.Username = "limited"
						limited.Permissions = &server.Permissions{Publish: &server.SubjectPermission{Deny: []string{c.deny}}}
						o.Users = append(o.Users, &limited)
						return
					}
				}
			}
			l := startLab(t, topology)
			roam(t, "ORDERS", 30, "go", l.Cluster("C1")...)
			before := connections(t, l, "ORDERS")
			nc := connect(t, l.Server("C1-n1").ClientURL(), nats.UserInfo("limited", lab.Password))
			r := apply(within(t), t, l, nc, calm(long, 10))
			stopped(t, r, StopForbidden)
			if _, forbidden := r.Stop.Why.(Forbidden); outcomes(r)[Kicked] != 0 || !forbidden {
				t.Errorf("moves %v, %+v", outcomes(r), r.Stop)
			}
			if after := connections(t, l, "ORDERS"); !reflect.DeepEqual(before, after) {
				t.Error("connections were closed")
			}
		})
	}
}

// TestApplyMovesNoMoreThanNeeded: clients that leave by themselves meanwhile are
// not replaced by others.
func TestApplyMovesNoMoreThanNeeded(t *testing.T) {
	t.Parallel()
	l := startLab(t, three("ORDERS"))
	for _, s := range l.Cluster("C1") {
		if _, err := l.ConnectRaw(within(t), lab.RawClients{Account: "ORDERS", Server: s, Count: 4, Name: "raw", Lang: "go"}); err != nil {
			t.Fatal(err)
		}
	}
	g, err := l.Connect(within(t), lab.Clients{Account: "ORDERS", Server: l.Server("C1-n1"), Count: 20, Name: "group"})
	if err != nil {
		t.Fatal(err)
	}
	scope, state := stageOf(t, l, "C1", "ORDERS")
	for i := range state.Services {
		if state.Services[i].Stem == "raw" {
			state.Services[i].Stays = NotBack{}
		}
	}
	scope.Services = state.Services
	pace := calm(long, 4)
	pace.Progress = func(over, _ int) {
		if over == 4 {
			g.Close()
			if err := l.WaitCounts(within(t), "ORDERS", map[string]int{"C1-n1": 4, "C1-n2": 4, "C1-n3": 4}); err != nil {
				t.Error(err)
			}
		}
	}
	pace.Patience = 3 * time.Second
	r := Apply(within(t), connect(t, l.SystemURL()), scope, state, everywhere(), pace)
	if got := outcomes(r); r.Stop != nil || got[Kicked] != 4 || got[Gone] == 0 {
		t.Errorf("moves %v, %+v", got, r.Stop)
	}
}

// TestApplyNoticesOthers: somebody else kicks connections of the same cluster.
func TestApplyNoticesOthers(t *testing.T) {
	t.Parallel()
	l := startLab(t, three("ORDERS", "BILLING"))
	roam(t, "ORDERS", 60, "go", l.Cluster("C1")...)
	roam(t, "BILLING", 10, "go", l.Cluster("C1")...)
	other := connect(t, l.SystemURL())
	pace := calm(long, 10)
	pace.Progress = func(over, _ int) {
		if over == 10 {
			n1 := l.Server("C1-n1")
			body := fmt.Sprintf(`{"cid":%d}`, connections(t, l, "BILLING")["C1-n1"][0])
			if _, err := other.Request("$SYS.REQ.SERVER."+n1.ID()+".KICK", []byte(body), long); err != nil {
				t.Error(err)
			}
		}
	}
	r := apply(within(t), t, l, connect(t, l.SystemURL()), pace)
	stopped(t, r, StopOthers)
	if got := outcomes(r); got[Kicked] != 20 || r.Stop.Why != StopReason(SomebodyElse{1}) {
		t.Errorf("moves %v, %+v", got, r.Stop)
	}
}
