package checks

import (
	"strings"
	"testing"
	"time"
)

// What was recorded is of the deployment that is looked at where a process is the same.
// Where every one was replaced, the names of servers say so together with the accounts,
// unless the servers ran before, beside those that were recorded.
func TestKinshipOfDeployments(t *testing.T) {
	t.Parallel()
	until := time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
	const before, after = -time.Hour, time.Hour
	key := func(letter string) string { return "A" + strings.Repeat(letter, 55) }
	servers := func(ids, cluster string, started time.Duration, names ...string) (out []ServerProcess) {
		for _, n := range names {
			p := ServerProcess{ServerRef: ServerRef{ID: ids + n, Name: n}, Cluster: cluster}
			if started != 0 {
				p.Start = until.Add(started)
			}
			out = append(out, p)
		}
		return out
	}
	recorded := Identity{Servers: servers("A", "C1", before, "n1", "n2", "n3", "n4"), Accounts: []string{GlobalAccount, "ORDERS", "PAY"}, System: "SYS", Until: until}
	keyed := recorded
	keyed.Accounts, keyed.System = []string{key("B"), key("C")}, key("S")
	unnamed := Identity{Servers: []ServerProcess{{ServerRef: ServerRef{ID: "A1", Name: "A1"}, Cluster: "C1"}}, Accounts: []string{"ORDERS"}, Until: until}
	for _, c := range []struct {
		name     string
		recorded Identity
		now      Identity
		want     Kinship
	}{
		{"one process is the same", recorded, Identity{Servers: append(servers("A", "C1", before, "n2"), servers("B", "C1", after, "n1", "n3")...)}, Same},
		{"every process was replaced", recorded, Identity{Servers: servers("B", "C1", after, "n1", "n2", "n3"), Accounts: []string{"ORDERS"}, System: "SYS"}, Alike},
		{"they were replaced while it was looked", recorded, Identity{Servers: servers("B", "C1", -10*time.Second, "n1", "n2"), Accounts: []string{"ORDERS"}}, Alike},
		{"there is another cluster of that name now", recorded, Identity{Servers: servers("B", "C1", after, "n1"), Accounts: []string{"ORDERS"}}, Alike},
		{"the same names in a cluster of a similar name", recorded, Identity{Servers: servers("B", "C1 (n1)", after, "n1", "n2"), Accounts: []string{"ORDERS"}}, Apart},
		{"the same names, which ran then too", recorded, Identity{Servers: servers("B", "C1", before, "n1", "n2", "n3"), Accounts: []string{"ORDERS"}, System: "SYS"}, Apart},
		{"one of them ran then too", recorded, Identity{Servers: append(servers("B", "C1", after, "n1"), servers("B", "C1", before, "n2")...), Accounts: []string{"ORDERS"}}, Apart},
		{"when they started is unknown", recorded, Identity{Servers: servers("B", "C1", 0, "n1", "n2"), Accounts: []string{"ORDERS"}}, Doubted},
		{"the same names, other accounts", recorded, Identity{Servers: servers("B", "C1", after, "n1", "n2"), Accounts: []string{"BILLING"}, System: "SYS"}, Doubted},
		{"the same names, no account but the global one", recorded, Identity{Servers: servers("B", "C1", after, "n1", "n2"), Accounts: []string{GlobalAccount}, System: "SYS"}, Doubted},
		{"other names, the same accounts", recorded, Identity{Servers: servers("B", "C1", after, "m1", "m2"), Accounts: []string{"ORDERS"}, System: "SYS"}, Apart},
		{"the same names in another cluster", recorded, Identity{Servers: servers("B", "C2", after, "n1", "n2"), Accounts: []string{"ORDERS"}}, Apart},
		{"the key of an account", keyed, Identity{Servers: servers("B", "C1", after, "n1"), Accounts: []string{key("C")}}, Alike},
		{"the key of the system account", keyed, Identity{Servers: servers("B", "C1", after, "n1"), System: key("S")}, Alike},
		{"another key of the system account", keyed, Identity{Servers: servers("B", "C1", after, "n1"), System: key("T"), Accounts: []string{"ORDERS"}}, Apart},
		{"the key of an account, other names", keyed, Identity{Servers: servers("B", "C1", after, "m1"), Accounts: []string{key("C")}}, Doubted},
		{"servers without names", unnamed, Identity{Servers: []ServerProcess{{ServerRef: ServerRef{ID: "B1", Name: "B1"}, Cluster: "C1", Start: until.Add(after)}}, Accounts: []string{"ORDERS"}}, Apart},
	} {
		if got := c.recorded.Became(c.now); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
}
