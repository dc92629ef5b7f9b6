package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-balance/nats-balance/internal/lab"
)

// BenchmarkRebalanceConverges measures, with real shuffled clients, how many moves
// it takes until a cluster is even after a rolling restart and after a server joined,
// next to those of someone who sees into every client's list.
//
//	go test ./internal/cli -run '^$' -bench RebalanceConverges -benchtime 1x -v
func BenchmarkRebalanceConverges(b *testing.B) {
	for range b.N {
		for _, batch := range []int{5, 20} {
			for _, joins := range []bool{false, true} {
				converge(b, batch, joins)
			}
		}
	}
}

func converge(b *testing.B, batch int, joins bool) {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.Context(), 10*time.Minute)
	defer cancel()
	cluster := lab.Cluster{Name: "C1", Servers: 3}
	if joins {
		cluster = lab.Cluster{Name: "C1", Servers: 4, Late: []int{3}}
	}
	var accounts []string
	for i := range 3 {
		accounts = append(accounts, fmt.Sprint("A", i+1))
	}
	l, err := lab.Start(ctx, lab.Topology{Clusters: []lab.Cluster{cluster}, Accounts: accounts})
	if err != nil {
		b.Fatal(err)
	}
	defer l.Stop()
	var groups []*lab.Group
	for _, account := range accounts {
		var urls []string
		for _, s := range l.Cluster("C1")[:3] {
			urls = append(urls, s.URL(account))
		}
		g, err := l.Connect(ctx, lab.Clients{Account: account, URLs: urls, Count: 82, Name: strings.ToLower(account)})
		if err != nil {
			b.Fatal(err)
		}
		groups = append(groups, g)
	}
	connected := func() error {
		n := 0
		for _, g := range groups {
			n += g.Connected()
		}
		if n != 246 {
			return fmt.Errorf("%d of 246 are connected", n)
		}
		return nil
	}
	if joins {
		if err := l.Server("C1-n4").Start(ctx); err != nil {
			b.Fatal(err)
		}
	} else {
		for _, s := range l.Cluster("C1") {
			s.Shutdown()
			if err := lab.Poll(ctx, connected); err != nil {
				b.Fatal(err)
			}
			if err := s.Start(ctx); err != nil {
				b.Fatal(err)
			}
		}
	}
	before, lists := loads(l, "C1", accounts...), listsOf(l, groups)
	started := time.Now()
	doc := rebalanced(b, l, generous, 0, "--cluster", "C1", "--apply", "--yes", "--rate", "100", "--batch", fmt.Sprint(batch))
	after := loads(l, "C1", accounts...)
	b.Logf("joins %v, batches of %d: %v, excess %d, foreseen %d moves and %v: %s after %d moves in %d rounds, %s, needed are %d: %v %+v", joins, batch, before, doc.Plan.Excess, doc.Plan.Expected,
		doc.Predicted.OnServer, doc.Outcome, len(doc.Moves), len(doc.Batches), time.Since(started).Round(time.Second), perfect(lists, after), after, doc.Stop)
}

// listsOf are the servers of each client by index, in the order in which it takes them:
// the one that it is on first.
func listsOf(l *lab.Lab, groups []*lab.Group) (out [][]int) {
	servers := l.Cluster("C1")
	for _, g := range groups {
		for _, nc := range g.Conns() {
			var list []int
			for _, u := range nc.Servers() {
				if at := slices.IndexFunc(servers, func(s *lab.Server) bool {
					return strings.HasSuffix(u, "@"+s.Addr()) || strings.HasSuffix(u, "//"+s.Addr())
				}); at >= 0 {
					list = append(list, at)
				}
			}
			out = append(out, list)
		}
	}
	return out
}

// perfect is how many moves someone needs who knows every client's list and may choose
// which to close, until the servers have so many: the fewest steps along the lists.
func perfect(lists [][]int, want []int) (moves int) {
	now := make([]int, len(want))
	for _, list := range lists {
		now[list[0]]++
	}
	for steps := 1; steps < len(want); steps++ { // the nearest first
		for _, list := range lists {
			if steps < len(list) && now[list[0]] > want[list[0]] && now[list[steps]] < want[list[steps]] {
				now[list[0]]--
				now[list[steps]]++
				moves += steps
			}
		}
	}
	if !slices.Equal(now, want) {
		return -1 // it is not so that lists lead there
	}
	return moves
}
