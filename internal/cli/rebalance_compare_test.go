package cli

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/internal/lab"
	"github.com/nats-balance/nats-balance/internal/lab/tool"
)

// BenchmarkRebalanceAgainstCLI compares `rebalance` with `nats server cluster
// balance` on the same clusters, and logs a table in Markdown. Moves are counted
// at the clients, of all accounts and clusters.
//
//	go test ./internal/cli -run '^$' -bench RebalanceAgainstCLI -benchtime 1x -v
func BenchmarkRebalanceAgainstCLI(b *testing.B) {
	three := func(name string) lab.Cluster { return lab.Cluster{Name: name, Servers: 3} }
	cases := []struct {
		name     string
		topology lab.Topology
		clients  []lab.Placement
		cluster  string
		flags    []string // of nats server cluster balance
		needed   int
	}{
		{"3,000 connections on one server of three", lab.Topology{Clusters: []lab.Cluster{three("C1")}, Accounts: []string{"ORDERS"}},
			[]lab.Placement{{Account: "ORDERS", Server: "C1-n1", Count: 3000}}, "C1", []string{"--account", "ORDERS", "--cluster", "C1"}, 2000},
		{"two clusters, one even; the cluster named", superTopology(), superClients(), "WEST", []string{"--account", "ORDERS", "--cluster", "WEST"}, 40},
		{"two clusters, one even; no cluster named", superTopology(), superClients(), "", []string{"--account", "ORDERS"}, 40},
		{"two accounts; the account named", lab.Topology{Clusters: []lab.Cluster{three("C1")}, Accounts: []string{"ORDERS", "BILLING"}},
			twoAccounts(), "C1", []string{"--account", "ORDERS", "--cluster", "C1"}, 40},
		{"two accounts; no account named", lab.Topology{Clusters: []lab.Cluster{three("C1")}, Accounts: []string{"ORDERS", "BILLING"}},
			twoAccounts(), "C1", []string{"--cluster", "C1"}, 40},
	}
	var table strings.Builder
	table.WriteString("\n| clients | tool | moves needed | moves made | largest share of ORDERS |\n|---|---|---|---|---|\n")
	for range b.N {
		for _, c := range cases {
			for _, tool := range []string{"nats-balance rebalance", "nats server cluster balance"} {
				moves, share, note := compared(b, c.topology, c.clients, func(ctx context.Context, l *lab.Lab) string {
					if tool == "nats-balance rebalance" {
						args := []string{"--account", "ORDERS", "--apply", "--yes", "--rate", "500", "--batch", "250"}
						if c.cluster == "" {
							var out, errs watched
							if runHere(ctx, &out, &errs, append([]string{"rebalance", "--no-context", "--server", l.SystemURL()}, args...)...) != ExitNotAudited {
								b.Error(out.String())
							}
							return "wants --cluster"
						}
						doc := rebalanced(b, l, generous, ExitPass, append(args, "--cluster", c.cluster)...)
						return doc.Outcome
					}
					return cliBalance(ctx, b, l, c.flags)
				}, c.cluster)
				fmt.Fprintf(&table, "| %s | `%s` (%s) | %d | %d | %s |\n", c.name, tool, note, c.needed, moves, share)
			}
		}
	}
	b.Log(table.String())
}

func superTopology() lab.Topology {
	return lab.Topology{Clusters: []lab.Cluster{{Name: "EAST", Servers: 3}, {Name: "WEST", Servers: 3}}, Accounts: []string{"ORDERS"}}
}

func superClients() []lab.Placement {
	return []lab.Placement{
		{Account: "ORDERS", Server: "EAST-n1", Count: 100}, {Account: "ORDERS", Server: "EAST-n2", Count: 100}, {Account: "ORDERS", Server: "EAST-n3", Count: 100},
		{Account: "ORDERS", Server: "WEST-n1", Count: 60},
	}
}

func twoAccounts() []lab.Placement {
	return []lab.Placement{{Account: "ORDERS", Server: "C1-n1", Count: 60}, {Account: "BILLING", Server: "C1-n2", Count: 60}, {Account: "BILLING", Server: "C1-n3", Count: 60}}
}

// compared runs a tool on a new lab and counts what it did.
func compared(b *testing.B, topology lab.Topology, clients []lab.Placement, tool func(context.Context, *lab.Lab) string, cluster string) (moves int, share, note string) {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.Context(), 5*time.Minute)
	defer cancel()
	l, err := lab.Start(ctx, topology)
	if err != nil {
		b.Fatal(err)
	}
	defer l.Stop()
	var conns []*nats.Conn
	total := 0
	for _, p := range clients {
		g, err := l.Connect(ctx, lab.Clients{Account: p.Account, Server: l.Server(p.Server), Count: p.Count})
		if err != nil {
			b.Fatal(err)
		}
		conns = append(conns, g.Conns()...)
		total += p.Count
	}
	note = tool(ctx, l)
	// All clients are back.
	for deadline := time.Now().Add(generous); time.Now().Before(deadline); <-time.After(50 * time.Millisecond) {
		n := 0
		for _, nc := range conns {
			if nc.IsConnected() {
				n++
			}
		}
		if n == total {
			break
		}
	}
	for _, nc := range conns {
		moves += int(nc.Stats().Reconnects)
	}
	all, most := 0, 0
	for _, s := range l.Servers() {
		if cluster == "" && s.Cluster() != "WEST" || cluster != "" && s.Cluster() != cluster {
			continue
		}
		n := s.Connections("ORDERS")
		all, most = all+n, max(most, n)
	}
	return moves, fmt.Sprintf("%.1f%%", 100*float64(most)/float64(max(1, all))), note
}

// cliBalance runs the nats CLI and returns how long it took.
func cliBalance(ctx context.Context, b *testing.B, l *lab.Lab, flags []string) string {
	b.Helper()
	exe, err := tool.Build(ctx, tool.ProgramCLI)
	if err != nil {
		b.Fatal(err)
	}
	args := append([]string{"--no-context", "--server", l.SystemURL(), "server", "cluster", "balance", "5s", "--force"}, flags...)
	out, err := exec.CommandContext(ctx, exe, args...).CombinedOutput()
	if err != nil {
		b.Fatalf("nats %v: %v\n%s", args, err, out)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	return strings.TrimSpace(lines[len(lines)-1])
}
