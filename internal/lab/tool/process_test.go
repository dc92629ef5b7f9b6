package tool_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/internal/lab"
	"github.com/nats-balance/nats-balance/internal/lab/tool"
)

// toBuild bounds a test that may have to build a program from cold caches.
func toBuild(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// pinged returns who answers a PING at a process, by name. It asks for one more
// than there are, so that none is overlooked.
func pinged(t *testing.T, pc *tool.ProcessCluster, p *tool.Process) map[string]server.ServerStats {
	t.Helper()
	nc, err := nats.Connect(p.URL(lab.SystemAccount), nats.Timeout(30*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	replies, err := lab.PingServers(t.Context(), nc, len(pc.Processes())+1, 300*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	got := make(map[string]server.ServerStats)
	for _, r := range replies {
		got[r.Server.Name] = r.Stats
	}
	return got
}

// eventually calls check until it returns nil: for long, because machines that
// run tests are busy.
func eventually(t *testing.T, check func() error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := lab.Poll(ctx, check); err != nil {
		t.Fatal(err)
	}
}

func TestProcessCluster(t *testing.T) {
	t.Parallel()
	began := time.Now()
	pc, err := tool.StartProcessCluster(toBuild(t), 3, []string{"APP"}, func(i int) string {
		return "max_connections: " + []string{"100", "200", "300"}[i]
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pc.Stop)
	t.Logf("3 processes ready after %v", time.Since(began).Round(time.Millisecond))
	p := pc.Processes()
	last := p[2]
	waitAnswers(t, pc, 3, 3)
	nc, err := nats.Connect(last.URL("APP"), nats.Timeout(30*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	nc.Close()

	if err := last.Pause(); errors.Is(err, tool.ErrPauseUnsupported) && runtime.GOOS == "windows" {
		t.Skip(err)
	} else if err != nil {
		t.Fatal(err)
	}
	waitAnswers(t, pc, 2, 3)
	if !last.Running() {
		t.Error("a paused process does not run")
	}
	if err := last.Resume(); err != nil {
		t.Fatal(err)
	}
	waitAnswers(t, pc, 3, 3)

	url, pid := last.ClientURL(), last.PID()
	if err := last.Pause(); err != nil {
		t.Fatal(err)
	}
	last.Stop() // a clean stop, of a paused process even: the others are told
	if last.Running() || last.PID() != 0 {
		t.Error("running after Stop")
	}
	waitAnswers(t, pc, 2, 2)
	if err := last.Start(toBuild(t)); err != nil {
		t.Fatal(err)
	}
	if last.ClientURL() != url || last.PID() == pid {
		t.Errorf("restarted at %s, before at %s", last.ClientURL(), url)
	}
	waitAnswers(t, pc, 3, 3)
	last.Kill() // not a clean one: they count it on
	last.Kill()
	waitAnswers(t, pc, 2, 3)
	if err := last.Pause(); err == nil {
		t.Error("paused a process that is gone")
	}
	pc.Stop()
	pc.Stop()
	for _, p := range p {
		if p.Running() {
			t.Errorf("%s runs after Stop", p.Name())
		}
		addr := strings.TrimPrefix(p.ClientURL(), "nats://")
		if c, err := net.DialTimeout("tcp", addr, time.Second); err == nil {
			_ = c.Close()
			t.Errorf("something listens at %s", addr)
		}
	}
	if pc.SystemURL() != "" {
		t.Error("a system URL of no process")
	}
}

// waitAnswers waits until exactly the first n processes answer a PING at the
// first, and count the given number of active servers.
func waitAnswers(t *testing.T, pc *tool.ProcessCluster, n, active int) {
	t.Helper()
	eventually(t, func() error {
		if err := pc.WaitCounted(toBuild(t), active); err != nil {
			return err
		}
		got := pinged(t, pc, pc.Processes()[0])
		for _, p := range pc.Processes()[:n] {
			if got[p.Name()].ActiveServers != active {
				return fmt.Errorf("%s: not %d active servers in %v", p.Name(), active, got)
			}
		}
		if len(got) != n {
			return fmt.Errorf("%d answers, want %d", len(got), n)
		}
		return nil
	})
}

func TestProcessesEndWithTheContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(toBuild(t))
	defer cancel()
	pc, err := tool.StartProcessCluster(ctx, 1, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pc.Stop)
	cancel()
	eventually(t, func() error {
		if pc.Processes()[0].Running() {
			return errors.New("it runs on after the context has ended")
		}
		return nil
	})
}

func TestProcessThatDoesNotStart(t *testing.T) {
	t.Parallel()
	_, err := tool.StartProcessCluster(toBuild(t), 1, nil, func(int) string { return "no_such_option: {" })
	if err == nil || !strings.Contains(err.Error(), "Parse error") {
		t.Errorf("error %v; want what the server said", err)
	}
}

// TestBuildTool builds from an empty cache, twice at a time. It changes the
// environment and so can't be parallel.
func TestBuildTool(t *testing.T) {
	// Only the programs are to be built anew: compiled packages may stay.
	for _, name := range []string{"GOCACHE", "GOMODCACHE"} {
		out, err := exec.Command("go", "env", name).Output()
		if err != nil {
			t.Fatal(err)
		}
		t.Setenv(name, strings.TrimSpace(string(out)))
	}
	t.Setenv(tool.BuildTools, "1")
	cache := t.TempDir()
	for _, name := range []string{"XDG_CACHE_HOME", "HOME", "LocalAppData"} {
		t.Setenv(name, cache)
	}
	var paths [2]string
	var wg sync.WaitGroup
	for i := range paths {
		wg.Go(func() {
			var err error
			if paths[i], err = tool.Build(toBuild(t), tool.ProgramServer); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if paths[0] != paths[1] || !strings.HasPrefix(paths[0], cache) {
		t.Fatalf("built %q", paths)
	}
	if out, err := exec.Command(paths[0], "--version").Output(); err != nil || !strings.Contains(string(out), server.VERSION) {
		t.Errorf("it says %q, %v; want %s", out, err, server.VERSION)
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(paths[0]), "build-*")); len(left) > 0 {
		t.Errorf("files left: %v", left)
	}
	before, err := os.Stat(paths[0])
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	if _, err := tool.Build(toBuild(t), tool.ProgramServer); err != nil {
		t.Fatal(err)
	}
	after, err := os.Stat(paths[0])
	if err != nil || after.ModTime() != before.ModTime() {
		t.Errorf("built again: %v", err)
	}
	t.Logf("found again after %v", time.Since(began).Round(time.Millisecond))
	if _, err := tool.Build(toBuild(t), "example.com/no/such/tool"); err == nil {
		t.Error("built a tool that does not exist")
	}
}
