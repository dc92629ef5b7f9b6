package bench

import (
	"bufio"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/internal/lab/fleet"
)

// watchFor is how long BenchmarkWatch has clients come and leave, such as 10m.
const watchFor = "NATS_BALANCE_WATCH_FOR"

// probed is an account that no server of a fleet reports.
const probed = "APROBE"

// watcher is a watch of a fleet in a process of its own.
type watcher struct {
	cmd   *exec.Cmd
	store string

	mu      sync.Mutex
	began   time.Time
	crossed []time.Time // the probe's
	lines   int
}

func startWatch(b *testing.B, f *fleetProcess, exe string) *watcher {
	b.Helper()
	w := &watcher{store: b.TempDir()}
	w.cmd = exec.CommandContext(interrupted, exe, "watch", "--no-context", "--server", f.URL, "--store", w.store, "--timeout", "60s", "--for", "1h")
	w.cmd.SysProcAttr = childAttributes()
	out, err := w.cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	w.cmd.Stderr = os.Stderr
	if err := w.cmd.Start(); err != nil {
		b.Fatal(err)
	}
	read := make(chan struct{})
	go func() {
		defer close(read)
		lines := bufio.NewScanner(out)
		lines.Buffer(nil, 16<<20)
		for lines.Scan() {
			w.take(lines.Text())
		}
	}()
	b.Cleanup(func() {
		_ = w.cmd.Process.Signal(os.Interrupt)
		<-read
		if err := w.cmd.Wait(); err != nil {
			b.Error(err)
		}
	})
	return w
}

// take takes a line, such as "2026-11-28 13:02:11  ORDERS (C1) leans: …".
func (w *watcher) take(line string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lines++
	switch {
	case w.began.IsZero() && strings.Contains(line, "watching "):
		w.began = time.Now()
	case strings.Contains(line, "  "+probed+" (") && strings.Contains(line, " leans: "):
		w.crossed = append(w.crossed, time.Now())
	}
}

// processor is what a process has used so far, where the system says it in /proc.
func (w *watcher) processor() time.Duration {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", w.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	_, after, _ := strings.Cut(string(b), ") ")
	fields := strings.Fields(after)
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	return time.Duration(user+system) * 10 * time.Millisecond
}

// memory is a line of /proc/PID/status in MiB, 0 where there is none.
func (w *watcher) memory(what string) int {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", w.cmd.Process.Pid))
	_, after, ok := strings.Cut(string(b), what+":")
	if !ok {
		return 0
	}
	kib, _ := strconv.Atoi(strings.Fields(after)[0])
	return kib >> 10
}

func stored(dir string) (bytes int64) {
	_ = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			if i, err := d.Info(); err == nil {
				bytes += i.Size()
			}
		}
		return nil
	})
	return bytes
}

// BenchmarkWatch follows the large fleet: while nothing happens, while servers say every 30
// seconds what they have of each account, and while 10,000 clients a second come or leave.
// An account that leans for 1.5 seconds, every 3 seconds, shows how late that is told.
func BenchmarkWatch(b *testing.B) {
	long := 20 * time.Second
	if v := os.Getenv(watchFor); v != "" {
		var err error
		if long, err = time.ParseDuration(v); err != nil {
			b.Fatal(err)
		}
	}
	exe := build(b)
	f := startFleet(b, large)
	nc, err := nats.Connect(f.URL)
	if err != nil {
		b.Fatal(err)
	}
	defer nc.Close()
	var asked atomic.Int64
	if _, err := nc.Subscribe("$SYS.REQ.>", func(*nats.Msg) { asked.Add(1) }); err != nil {
		b.Fatal(err)
	}
	begin := time.Now()
	w := startWatch(b, f, exe)
	for w.beganAt().IsZero() {
		time.Sleep(10 * time.Millisecond)
		if time.Since(begin) > patience {
			b.Fatal("it does not begin")
		}
	}
	b.Logf("began after %s, with %s of processor time and %d MiB (peak %d); %d requests", w.beganAt().Sub(begin).Round(time.Millisecond), w.processor(), w.memory("VmRSS"), w.memory("VmHWM"), asked.Load())
	for before := int64(-1); before != stored(w.store); time.Sleep(5 * time.Second) { // until it has written how all is spread
		before = stored(w.store)
	}
	b.Logf("written %d bytes after %s", stored(w.store), time.Since(begin).Round(time.Second))
	for b.Loop() {
		for _, phase := range []struct {
			name string
			order
		}{
			{"nothing happens", order{For: 30 * time.Second}},
			{"counts of every account", order{For: 45 * time.Second, Counts: true, Probe: probed}},
			{"5,000 connects and 5,000 disconnects a second", order{For: long, Changes: 5000, Probe: probed}},
			{"10,000 and 10,000", order{For: min(long, 30*time.Second), Changes: 10_000, Probe: probed}},
		} {
			w.mu.Lock()
			w.crossed, w.lines = nil, 0
			w.mu.Unlock()
			used, had, at, requests := w.processor(), stored(w.store), time.Now(), asked.Load()
			done := f.order(b, phase.order)
			took := time.Since(at)
			time.Sleep(time.Second)
			w.mu.Lock()
			crossed, lines := slices.Clone(w.crossed), w.lines
			w.mu.Unlock()
			b.Logf("%s, for %s: %.2f%% of a core, %d MiB (peak %d), %d counts and %d clients a second, told %d of %d after %s, stored %d bytes, %d requests, %d lines",
				phase.name, took.Round(time.Second), 100*float64(w.processor()-used)/float64(took), w.memory("VmRSS"), w.memory("VmHWM"),
				int(float64(done.Counts)/took.Seconds()), int(2*float64(done.Changes)/took.Seconds()), len(crossed), len(done.Probes), lateness(done.Probes, crossed),
				stored(w.store)-had, asked.Load()-requests, lines)
		}
	}
}

func (w *watcher) beganAt() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.began
}

// lateness is how long after each of one list the next of the other one was.
func lateness(from, to []time.Time) string {
	var all []time.Duration
	for _, t := range from {
		if at := slices.IndexFunc(to, func(x time.Time) bool { return x.After(t) }); at >= 0 {
			all = append(all, to[at].Sub(t))
		}
	}
	if len(all) == 0 {
		return "never"
	}
	slices.Sort(all)
	return fmt.Sprintf("%d ms (median; worst %d ms)", all[len(all)/2].Milliseconds(), all[len(all)-1].Milliseconds())
}

// TestWatchBench keeps BenchmarkWatch working, on a small fleet.
func TestWatchBench(t *testing.T) {
	t.Parallel()
	f := startFleet(t, fleet.Size{Servers: 6, Clusters: 2, Accounts: 20, Connections: 500, Seed: 1})
	if d := f.order(t, order{For: 300 * time.Millisecond, Counts: true, Changes: 100, Probe: probed}); d.Counts == 0 || d.Changes == 0 || len(d.Probes) == 0 {
		t.Errorf("%+v", d)
	}
}
