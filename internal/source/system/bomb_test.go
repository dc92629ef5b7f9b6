package system

import (
	"os"
	"os/exec"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/nats-balance/nats-balance/internal/lab/fleet"
	"github.com/nats-balance/nats-balance/internal/source"
	"github.com/nats-balance/nats-balance/internal/source/sourcetest"
)

// TestHostileRepliesTakeNoMemory: 24 MiB of JSON without meaning, and 12 MiB
// that decompress to 256 MiB of spaces; each comes twice. In a process of its
// own, so that what it measures is its own. Held as a whole, the bomb takes 2,200
// MiB.
func TestHostileRepliesTakeNoMemory(t *testing.T) {
	t.Parallel()
	if sourcetest.RaceDetector {
		t.Skip("the race detector has memory of its own, and takes too long for the bomb")
	}
	const alone = "NATS_BALANCE_TEST_ALONE"
	if os.Getenv(alone) == "" {
		cmd := exec.CommandContext(sourcetest.Within(t), os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
		cmd.Env = append(os.Environ(), alone+"=1")
		out, err := cmd.CombinedOutput()
		t.Logf("%s", out)
		if err != nil {
			t.Fatal(err)
		}
		return
	}
	const most = 700 // MiB
	f := startFleet(t, smallFleet)
	f.Garble(3, fleet.Statz, fleet.GarbleGiant)
	f.Garble(faulty, fleet.Statz, fleet.GarbleBomb)
	nc := sourcetest.Connect(t, f.URL())
	runtime.GC()
	var now runtime.MemStats
	runtime.ReadMemStats(&now)
	before, peak := now.HeapInuse, now.HeapInuse
	done := make(chan struct{})
	var watching sync.WaitGroup
	watching.Go(func() {
		for {
			select {
			case <-done:
				return
			case <-time.After(2 * time.Millisecond):
				runtime.ReadMemStats(&now)
				peak = max(peak, now.HeapInuse)
			}
		}
	})
	d := audit(t, nc, source.Options{Timeout: 3 * sourcetest.Brief()}) // in a process beside all others
	close(done)
	watching.Wait()
	sameAsTruth(t, d, f, 3, faulty)
	if len(d.Missing) != 2 || sourcetest.CountNotes(d, "an account report of an unknown server can't be used") != 1 {
		t.Errorf("missing %s, notes %q; want two, whose replies say nothing", sourcetest.ShowMissing(d), d.Notes)
	}
	more := (peak - before) >> 20
	t.Logf("%d MiB more than before", more)
	if more > most {
		t.Errorf("it took %d MiB", more)
	}
}
