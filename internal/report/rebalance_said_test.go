package report

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-balance/nats-balance/checks/cause"
	balance "github.com/nats-balance/nats-balance/internal/rebalance"
)

// lead is a cause that leads clients back.
func lead(code cause.Code) balance.Lead {
	return balance.Lead{Code: code, Verdict: cause.Confirmed, Title: "Its title"}
}

// recalled is a service whose clients were closed before.
func recalled(lost int) balance.Recalled {
	return balance.Recalled{Name: balance.ServiceName{Service: "meter", Account: "ORDERS"}, Server: "n1", Closed: 16, At: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Lost: lost}
}

// A refusal says why, and what to do where there is something.
func TestRefusalsInWords(t *testing.T) {
	t.Parallel()
	behind, past := lead(cause.StickyLoadBalancer), lead(cause.AccountGap)
	behind.Address, past.Past = netip.MustParseAddr("10.7.7.7"), true
	hot := balance.Hot{Server: "n1", Gets: 30, Of: 90, Was: 28, All: 90, Whose: map[balance.ServiceName]int{{Service: "api", Account: "A"}: 2, {Account: "A"}: 1200}}
	for _, c := range []struct {
		why  balance.RefusalReason
		want string
	}{
		{balance.FewServers{Cluster: "C1"}, "C1 has fewer than 2 servers that reported, there is nowhere to move connections to."},
		{balance.FewServers{}, "the cluster has fewer than 2 servers that reported, there is nowhere to move connections to."},
		{balance.NotReported{Names: []string{"n4", "N5", "n6"}, Nameless: 2}, "5 servers did not report (2 of unknown name, n4, N5 and n6), so how the connections are spread is unknown."},
		{balance.NotReported{Names: []string{"n4"}}, "1 server did not report (n4), so how the connections are spread is unknown."},
		{balance.FreeUnknown{Servers: 2, Of: 3}, "Whether there is room is unknown: 2 of 3 servers did not say how many connections they have and take."},
		{balance.NotRead{Error: "the connections on n1 were not all read: it can't be asked"}, "The connections on n1 were not all read: it can't be asked."},
		{balance.Limits{Full: balance.FullServers{Names: []string{"n2"}}, ReservePercent: 10}, "N2 has no room for more, and clients that are moved may choose it. 10% of a limit is kept free, as clients would be refused there and come back. Raise max_connections there."},
		{balance.Limits{Full: balance.FullServers{Names: []string{"n2", "n3"}, Others: true}, ReservePercent: 10}, "The other servers have no room for more. 10% of a limit is kept free, as clients would be refused there and come back. Raise max_connections there."},
		{balance.Limits{Full: balance.FullServers{Names: []string{"n2", "n3"}}, ReservePercent: 10}, "N2 and n3 have no room for more, and clients that are moved may choose them. 10% of a limit is kept free, as clients would be refused there and come back. Raise max_connections there."},
		{balance.NotForClients{Server: "n4"}, "A tag of n4 says that it is not for clients."},
		{balance.NotReached{Server: "n4"}, "No client that may be moved is known to get to n4."},
		{balance.OthersEven{Kept: []string{"n1"}}, "Clients that stay keep n1 above its even share. The others are even."},
		{balance.OthersEven{Kept: []string{"n1", "n2"}}, "Clients that stay keep n1 and n2 above their even shares. The others are even."},
		{balance.AllWouldReturn{}, "The clients of every account would come straight back."},
		{balance.NothingToMove{Short: []balance.Short{{Code: balance.ShortStays, N: 24}, {Code: balance.ShortUnread}}}, "There is no connection that can be moved: 24 connections on servers with too many are left out; not all connections could be read."},
		{balance.ClosedBefore{Services: []balance.Recalled{recalled(0)}}, "The clients came straight back when they were closed before (meter, 16 closes on n1 until 03:04:05 UTC). Closing them again would show the same."},
		{balance.ClosedBefore{Services: []balance.Recalled{recalled(3)}, Several: true}, "Clients that were closed before have not connected again (meter of ORDERS, 16 closes on n1 until 03:04:05 UTC). Closing more may lose them too."},
		{hot, "An even spread of each account gives n1 about 30 of 90 connections, and the most on one server is 28 of 90: 1,202 connections stay there (clients without a name of A and api of A). Run it without --even to make the servers even."},
		{balance.LedBack{Lead: lead(cause.SingleURL), Then: balance.StraightBack}, "The clients know the address of one server only (single-url, confirmed), so they would come straight back. Put that right first."},
		{balance.LedBack{Lead: lead(cause.SingleURL), Then: balance.BackAfterRestarts}, "The clients know the address of one server only (single-url, confirmed), so it would not last: they move to the servers that are advertised to them, and come back when their processes restart. Put that right first."},
		{balance.LedBack{Lead: lead(cause.SingleAddressDNS), Then: balance.StraightBack}, "The clients' host names lead to one server only (single-address-dns, confirmed), so they would come straight back. Put that right first."},
		{balance.LedBack{Lead: lead(cause.StickyLoadBalancer), Then: balance.StraightBack}, "A load balancer leads each client to the same server every time (sticky-load-balancer, confirmed), so they would come straight back. Put that right first."},
		{balance.LedBack{Lead: behind, Then: balance.StraightBack}, "All clients that come from 10.7.7.7 are on the same server, where a load balancer or a list that they share leads them (sticky-load-balancer, confirmed), so they would come straight back. Put that right first."},
		{balance.LedBack{Lead: lead(cause.ListenerGap), Then: balance.StraightBack}, "No other server takes the clients' protocol (listener-gap, confirmed), so they would come straight back. Put that right first."},
		{balance.LedBack{Lead: lead(cause.ServerFull), Then: balance.StraightBack}, "Its title (server-full, confirmed), so they would come straight back. Put that right first."},
		{balance.LedBack{Lead: lead(cause.AccountGap), Then: balance.StraightBackOrLost}, "The account can't be used on the other servers (account-gap, confirmed), so they would come straight back, or be lost where their library gives up. Put that right first."},
		{balance.LedBack{Lead: past, Then: balance.LostUnlessMended, Login: balance.Login{Users: []string{"api"}, Servers: []string{"n2", "n3"}}}, "Its title (account-gap, confirmed), and nobody has logged in there since: clients that are refused again are lost where their library gives up. Put that right first. If it was mended since, log in to n2 and n3 as api once: that shows it."},
		{balance.MayBeLost{Lead: lead(cause.AccountGap), Servers: []string{"n3"}}, "n3 refuses the clients (account-gap, confirmed): clients that are moved may be lost there where their library gives up. Put that right first."},
		{balance.MayBeLost{Lead: lead(cause.AccountGap), Servers: []string{"n2", "n3"}}, "n2 and n3 refuse the clients (account-gap, confirmed): clients that are moved may be lost there where their library gives up. Put that right first."},
	} {
		if got := RefusalOf(balance.Refusal{Code: balance.NoMoves, Why: c.why}); got != (Refusal{Code: "no-moves", Text: c.want}) {
			t.Errorf("%T: %q, want %q", c.why, got.Text, c.want)
		}
	}
}

// What limits a plan, and why connections are left alone, is a clause each.
func TestLimitsInWords(t *testing.T) {
	t.Parallel()
	short := LimitedBy([]balance.Short{{Code: balance.ShortMaxMoves}, {Code: balance.ShortUnnamed, N: 1}, {Code: balance.ShortTried, N: 2}, {Code: balance.ShortNotAtOnce}, {Code: balance.ShortNothing}, {Code: balance.ShortKept, Servers: []string{"n1"}}})
	if want := []string{"--max-moves", "the plan did not name the services of the 1 other connection on servers with too many", "2 clients on servers with too many were moved often enough",
		"closing more would not make the servers even at once: clients also go to servers that have enough", "no connection that may move is on a server with too many", "clients that stay keep n1 above its even share"}; !slices.Equal(short, want) {
		t.Errorf("%q, want %q", short, want)
	}
	if LeftOut(nil) != nil {
		t.Error("what is moved is left out")
	}
	for _, c := range []struct {
		stays balance.Stay
		want  string
	}{
		{balance.Agreed{Reason: "one site"}, "accepted, one site"},
		{balance.WouldReturn{Lead: lead(cause.SingleURL)}, "they would come back: the clients know the address of one server only (single-url, confirmed)"},
		{balance.Refusing{Servers: []string{"n3"}}, "they may be lost: n3 refuses them"},
		{balance.Concentrated{Code: "single-url"}, "the clients that are concentrated would come back (single-url)"},
		{balance.Concentrated{Code: "account-gap", Lost: true}, "the clients that are concentrated may be lost (account-gap)"},
		{balance.Unexamined{}, "why they are there was not checked: they came after the plan, or there are too many services"},
		{balance.NoListener{}, "no other server takes their protocol"},
		{balance.Returned{Back: 4, Closed: 5}, "after 4 of 5 closes the clients came back to the same server"},
		{balance.NotBack{Closed: 1, Clients: 1, Within: 5 * time.Second}, "1 connection closed, 1 client not back on any server within 5s"},
		{recalled(0), "after 16 closes on n1 until 03:04:05 UTC the clients came straight back"},
		{recalled(1), "after 16 closes on n1 until 03:04:05 UTC 1 client has not connected again, and closing more may lose them too"},
	} {
		if got := LeftOut(c.stays); *got != c.want {
			t.Errorf("%q, want %q", *got, c.want)
		}
	}
}

// A stop says what was seen.
func TestStopsInWords(t *testing.T) {
	t.Parallel()
	miss := balance.Miss{Closes: 4, Services: []string{"app", "", "app"}, Servers: []string{"n3"}, Last: 4, Expected: 3.6}
	for _, c := range []struct {
		why  balance.StopReason
		want string
	}{
		{balance.Drains{Server: "n3"}, "n3 began to drain: it closes the connections of its clients by itself."},
		{balance.Forbidden{Violation: "publish to X"}, "The user of these credentials lacks a permission: publish to X."},
		{balance.ConnectionLost{}, "The connection to the servers was lost."},
		{balance.Interrupted{}, "It was interrupted."},
		{balance.NotAsked{Err: errors.New("no")}, "The servers can't be asked: no."},
		{balance.NotAllRead{}, "The connections could not all be read."},
		{balance.SilentAtClose{Server: "n1"}, "n1 did not answer when it was asked to close connections."},
		{balance.Vanished{Server: "n3"}, "n3 does not answer any more."},
		{balance.NearLimit{Server: "n2", Connections: 58, Limit: 60}, "n2 has 58 connections of the 60 that it takes."},
		{balance.SlowConsumers{Server: "n1", N: 2}, "n1 has had 2 slow consumers since the start."},
		{balance.Busy{Server: "n1", CPU: 91, Was: 20}, "n1 uses 91% of its processors, from 20% at the start."},
		{balance.AllReturned{Back: 4, Closed: 5, Services: []string{"b", "", "b"}}, "After 4 of 5 closes the clients came back to the servers that they were moved from (b and clients without a name)."},
		{balance.Flocked{Server: "n2", Got: 20, Expected: 9.6}, "n2 got 20 clients where about 10 were expected: the clients do not choose as predicted."},
		{balance.Flocked{Server: "n2", Got: 1, Expected: 9.6, Twice: true}, "n2 got 1 reconnect where about 10 were expected: the clients do not choose as predicted."},
		{balance.MostNow{Most: 9, Of: 12, Was: 8, WasOf: 12}, "The most on one server is now 9 of 12, and was 8 of 12."},
		{balance.MostNow{Account: "ORDERS", Most: 9, Of: 12, Was: 8, WasOf: 12}, "The most of ORDERS on one server is now 9 of 12, and was 8 of 12."},
		{balance.Hot{Server: "n1", Gets: 30, Of: 90, Was: 28, All: 90}, "An even spread of each account gives n1 about 30 of 90 connections, and the most on one server was 28 of 90."},
		{balance.NotBack{Closed: 10, Clients: 3, Within: 2 * time.Second}, "After 10 closes 3 clients were not back on any server within 2s."},
		{balance.SomebodyElse{Connections: 1}, "Somebody else kicked 1 connection of this cluster meanwhile, perhaps with a rebalance of their own: wait for it to end, then plan again."},
		{balance.Unreached{Misses: []balance.Miss{miss}}, "After 4 closes of app and clients without a name no client came to n3, and 4 of these were of clients that had been moved from all the others: they do not know it, or can't get in."},
		{balance.NotAudited{Err: errors.New("no")}, "The audit afterwards failed: no."},
		{balance.SomeNotReported{}, "Not all servers reported afterwards."},
		{balance.MoreThanBefore{}, "The most on one server is more than before."},
		{balance.SomeNotBack{}, "Not all clients that were disconnected are back."},
	} {
		var doc Rebalance
		if doc.Stopped(balance.Stop{Code: balance.StopWorse, Why: c.why}); doc.Outcome != "stopped" || *doc.Stop != (RebalanceStop{Code: "spread-is-worse", Text: c.want}) {
			t.Errorf("%T: %+v, want %q", c.why, *doc.Stop, c.want)
		}
	}
}

// What a run learnt, and why it ended, are sentences in its notes.
func TestNotesOfARun(t *testing.T) {
	t.Parallel()
	name := balance.ServiceName{Service: "billing-api", Account: "BILLING"}
	for _, c := range []struct {
		learnt balance.RunNote
		back   []CameBack
		enough balance.Enough
		want   string
	}{
		{learnt: balance.Miss{Closes: 12, Services: []string{"app"}, Servers: []string{"n3", "n4"}, Expected: 7.6}, want: "After 12 closes of app no client came to n3 or n4, where about 8 would have by chance: they do not know them, or can't get in."},
		{learnt: balance.Unsettled{Closes: 4, Services: []string{"app"}, Server: "n3"}, want: "After 4 closes of app no client came to n3. Whether they get there is unknown: they may try it last."},
		{learnt: balance.InOtherClusters{Clients: 3, Account: "ORDERS", Cluster: "EAST", More: map[string]int{"WEST": 3}}, want: "3 clients of ORDERS are not back in EAST: there are more of the account than before the run in other clusters, 3 in WEST."},
		{learnt: balance.InOtherClusters{Clients: 1, Account: "ORDERS", Cluster: "EAST", More: map[string]int{"WEST": 3, "NORTH": 1}}, want: "1 client of ORDERS is not back in EAST: there are more of the account than before the run in other clusters, 1 in NORTH and 3 in WEST."},
		{back: []CameBack{{name, 2, 3}, {balance.ServiceName{Account: "ORDERS"}, 1, 1}}, want: "Came straight back to the server that closed them: billing-api of BILLING (2 of 3 closes) and clients without a name of ORDERS (1 of 1 close)."},
		{enough: balance.NoMoreMoves{Short: []balance.Short{{Code: balance.ShortMaxMoves}, {Code: balance.ShortNothing}}}, want: "--max-moves and no connection that may move is on a server with too many."},
		{enough: balance.NotNamed{Services: []balance.ServiceName{name}}, want: "What is left takes connections of billing-api of BILLING, which the plan did not name: run it again to plan anew."},
		{enough: balance.KeptAbove{Servers: []string{"n1"}}, want: "Clients that stay keep n1 above its even share."},
		{enough: balance.StillReturning{Back: 9, Closed: 12}, want: "It does not become more even: after 9 of 12 closes the clients came back to the same server."},
		{enough: balance.NothingGained{Closes: 80}, want: "It does not become more even: clients choose where they go, and the last 80 closes brought nothing."},
	} {
		var doc Rebalance
		var learnt []balance.RunNote
		if c.learnt != nil {
			learnt = append(learnt, c.learnt)
		}
		if doc.RanOut(learnt, c.back, c.enough); !slices.Equal(doc.Notes, []string{c.want}) {
			t.Errorf("%q, want %q", doc.Notes, c.want)
		}
	}
}

// What a plan rests on is said with the accounts and servers that it is about.
func TestRemarksInWords(t *testing.T) {
	t.Parallel()
	lasting, foreseen := RebalanceRemarks(balance.Remarks{MayReturn: 3, Moves: 12, KeptAway: []string{"n4"}, Fewer: []balance.Short{{Code: balance.ShortMaxMoves}}, Expected: 20,
		Last: &balance.LastInLists{Servers: []string{"n3"}, Each: 2, Moves: 32}, Uneven: &balance.Uneven{Server: "n1", Connections: 30, Share: 20, Kept: []string{"n1"}}, Ordinary: true, Unproven: []string{"api"}})
	if want := []string{"3 of the 12 clients may choose the same server again, by their library or by the name that they came by: some of them are expected to come back.",
		"Not for clients, by a tag: n4. Clients that are there stay, and those that are moved and choose it are moved on."}; !slices.Equal(lasting, want) {
		t.Errorf("%q, want %q", lasting, want)
	}
	if want := []string{"It moves fewer than an even spread takes: --max-moves.",
		"Clients choose where they go, so it plans again after each batch: about 20 moves in all, of these services only.",
		"Nobody is on n3. Clients that have it last in their lists take 2 moves each to get there: up to about 32 moves in all.",
		"The servers are not expected to become even: n1 would have about 30 connections, and its even share is 20. Clients that stay keep n1 above its even share.",
		"Clients that choose at random are often spread like this: moving some will hardly make it more even.",
		"No other server is known to take the users of api: one connection is moved first and looked after, as clients that are refused everywhere may give up."}; !slices.Equal(foreseen, want) {
		t.Errorf("%q, want %q", foreseen, want)
	}
	if lasting, foreseen := RebalanceRemarks(balance.Remarks{Moves: 12}); len(lasting)+len(foreseen) > 0 {
		t.Errorf("%q, %q", lasting, foreseen)
	}
	to := []string{"n3", "n4"}
	of := func(service, account string, alike bool, barrier cause.Barrier) balance.Confine {
		return balance.Confine{Name: balance.ServiceName{Service: service, Account: account}, Alike: alike, Servers: to, Barrier: barrier}
	}
	got := strings.Join(Confined([]balance.Confine{of("front", "A0", false, ""), of("", "A0", false, ""), of("x", "A1", true, ""), of("y", "A1", true, ""), of("z", "A2", true, cause.BarrierRoom), of("u", "A3", true, cause.BarrierUntold), of("p", "A4", true, cause.BarrierProtocol), of("l", "A5", true, cause.BarrierLogin)}), "\n")
	if want := "Clients of front of A0, A0 and A1 do not get to n3 and n4 by what is known: they are spread over the other servers.\nClients of A2 do not get to n3 and n4 (it has no room): they are spread over the other servers." +
		"\nClients of A3 do not get to n3 and n4 (neither their lists nor what servers advertise leads there): they are spread over the other servers." +
		"\nClients of A4 do not get to n3 and n4 (it does not take such connections): they are spread over the other servers." +
		"\nClients of A5 do not get to n3 and n4 (it does not take their account or their users): they are spread over the other servers."; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	moved := Confined([]balance.Confine{of("m", "A6", true, cause.BarrierUnseen)})
	if want := []string{"Clients of A6 do not get to n3 and n4 (none of those that were moved came there): they are spread over the other servers."}; !slices.Equal(moved, want) {
		t.Errorf("%q, want %q", moved, want)
	}
	notes := RebalanceNotes([]balance.Note{{Code: balance.NoteInOrder, Lead: lead(cause.OrderedConnect)}, {Code: balance.NoteMayReturn, Lead: lead(cause.NetworkAffinity)}, {Code: balance.NoteElsewhere, Account: "ORDERS", Clusters: []string{"WEST"}}, {Code: balance.NoteAtLimit}, {Code: balance.NoteUnknown}, {Code: balance.NoteUntied}})
	if want := []string{"The clients try their servers in order (ordered-connect, confirmed): those that are moved all go to the next one of their list, not evenly to all.",
		"Its title (network-affinity, confirmed): clients may come back whenever they connect anew.",
		"The clients' lists of ORDERS also have servers of WEST: clients that are moved may go there.",
		"The account is at its limit of connections: others that wait for a place may take those of clients that are moved.",
		"Why the clients are where they are is unknown, so they may come back: pass --client-url or --client-config with what they are configured with.",
		"Why the clients are where they are is unknown, so they may come back: whose the lists are that were passed is unknown too. Tie theirs to them: --client-url ACCOUNT=URL or --client-config ACCOUNT=PATH."}; !slices.Equal(notes, want) {
		t.Errorf("%q, want %q", notes, want)
	}
}
