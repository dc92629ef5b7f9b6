package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/internal/lab/tool"
	"github.com/nats-balance/nats-balance/internal/report"
)

// BenchmarkRebalanceLarge measures time and memory of a dry run and of a whole
// run on servers that are processes of their own, with as many connections on
// one of three as this machine lets a process have: of one account, and of 200.
//
//	go test ./internal/cli -run '^$' -bench RebalanceLarge -benchtime 1x -v
func BenchmarkRebalanceLarge(b *testing.B) {
	exe := filepath.Join(b.TempDir(), "nats-balance")
	if out, err := exec.CommandContext(b.Context(), "go", "build", "-o", exe, "../../cmd/nats-balance").CombinedOutput(); err != nil {
		b.Fatalf("%v: %s", err, out)
	}
	for _, accounts := range []int{1, 200} {
		b.Run(fmt.Sprint("accounts-", accounts), func(b *testing.B) { rebalanceLarge(b, exe, accounts) })
	}
}

func rebalanceLarge(b *testing.B, exe string, n int) {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.Context(), 10*time.Minute)
	defer cancel()
	const count = 18_000
	var accounts []string
	for i := range n {
		accounts = append(accounts, fmt.Sprintf("ORDERS-%03d", i))
	}
	cluster, err := tool.StartProcessCluster(ctx, 3, accounts, nil)
	if err != nil {
		b.Fatal(err)
	}
	defer cluster.Stop()
	conns := make([]*nats.Conn, count)
	defer func() {
		for _, nc := range conns {
			if nc != nil {
				nc.Close()
			}
		}
	}()
	var wg sync.WaitGroup
	free := make(chan struct{}, 32)
	for i := range conns {
		free <- struct{}{}
		wg.Go(func() {
			defer func() { <-free }()
			nc, err := nats.Connect(cluster.Processes()[0].URL(accounts[i%n]), nats.MaxReconnects(-1), nats.Timeout(time.Minute), nats.PingInterval(time.Hour),
				nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}))
			if err != nil {
				b.Error(err)
				return
			}
			conns[i] = nc
		})
	}
	wg.Wait()
	if b.Failed() {
		return
	}
	run := func(more ...string) {
		started := time.Now()
		args := append([]string{"rebalance", "--no-context", "--server", cluster.SystemURL(), "--timeout", "30s", "--cluster", "P", "--json"}, more...)
		cmd := exec.CommandContext(ctx, exe, args...)
		var written bytes.Buffer
		cmd.Stdout = &written
		if err := cmd.Start(); err != nil {
			b.Fatal(err)
		}
		over := make(chan struct{})
		peak := make(chan string)
		go func() { peak <- watchPeak(cmd.Process.Pid, over) }()
		err := cmd.Wait()
		close(over)
		out, most, took := written.Bytes(), <-peak, time.Since(started).Round(time.Millisecond)
		var doc report.Rebalance
		if jsonErr := json.Unmarshal(out, &doc); jsonErr != nil {
			b.Fatalf("%v, %v", err, jsonErr)
		}
		var spread []string
		for _, x := range doc.Servers {
			if x.After != nil {
				spread = append(spread, fmt.Sprint(*x.After))
			}
		}
		worst := 0.0 // share of an account on one server, of those that were moved
		for _, x := range doc.Accounts {
			if x.After != nil {
				worst = max(worst, float64(x.After.SharePercent))
			}
		}
		b.Logf("%v: %s in %s, of the processor %s, peak %s; %d moves in %d rounds, about %.0f s planned; after %v, at most %.1f%% of an account; stop %+v", more, doc.Outcome,
			took, (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Round(time.Millisecond), most, len(doc.Moves), len(doc.Batches), doc.Plan.DurationS, spread, worst, doc.Stop)
	}
	for range b.N {
		run()
		run("--apply", "--yes", "--rate", "500", "--batch", "1000")
	}
	moves := map[uint64]int{}
	for _, nc := range conns {
		moves[nc.Stats().Reconnects]++
	}
	b.Logf("clients by how often they were moved: %v", moves)
}

// watchPeak is the most memory that a process had until it was over, on Linux.
// Its resource usage can't be used: that begins with the memory of this process.
func watchPeak(pid int, over <-chan struct{}) string {
	hwm := regexp.MustCompile(`VmHWM:\s+(.*)`)
	most := "not known"
	for {
		if status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid)); err == nil {
			if m := hwm.FindSubmatch(status); m != nil {
				most = string(m[1])
			}
		}
		select {
		case <-over:
			return most
		case <-time.After(5 * time.Millisecond):
		}
	}
}
