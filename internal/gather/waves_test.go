package gather

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-balance/nats-balance/internal/lab"
)

// large is a server of a cluster of its own whose report alone nearly fills the
// window, as far as its roster says. It counts that many servers.
func large(of int, cluster string, report func(int) string) puppet {
	return puppet{id: "ID-" + cluster, name: "n-" + cluster, cluster: cluster,
		roster: always(statsz(fmt.Sprintf(`"connections":3,"active_accounts":150000,"active_servers":%d`, of))), report: report}
}

// diary is what happened, in order.
type diary struct {
	mu    sync.Mutex
	lines []string
}

func (d *diary) add(line string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lines = append(d.lines, line)
}

func TestLargeClustersAreAskedOneAfterTheOther(t *testing.T) {
	t.Parallel()
	var seen diary
	slowly := func(cluster string) func(int) string {
		return func(int) string {
			seen.add(cluster + " is asked")
			time.Sleep(50 * time.Millisecond) // it is the scenario
			seen.add(cluster + " answers")
			return statz(account("APP", 3, 0))
		}
	}
	d := auditPuppets(t, long, large(4, "A", slowly("A")), large(4, "B", slowly("B")), large(4, "C", slowly("C")))
	complete(t, d, 4)
	wantCounts(t, "APP", connections(d, "APP"), map[string]int{"n1": 0, "A/n-A": 3, "B/n-B": 3, "C/n-C": 3})
	if want := []string{"A is asked", "A answers", "B is asked", "B answers", "C is asked", "C answers"}; !slices.Equal(seen.lines, want) {
		t.Errorf("%q, want %q", seen.lines, want)
	}
	if len(d.Notes) > 0 {
		t.Errorf("notes %q", d.Notes)
	}
}

func TestSmallClustersAreAskedTogether(t *testing.T) {
	t.Parallel()
	l := startLab(t, lab.Topology{Clusters: []lab.Cluster{{Servers: 1}}})
	var seen diary
	both := make(chan struct{})
	var asked sync.WaitGroup
	asked.Add(2)
	go func() { asked.Wait(); close(both) }()
	together := func(cluster string) func(int) string {
		return func(int) string {
			seen.add(cluster)
			asked.Done()
			select {
			case <-both: // the other one is asked, too
				return statz(account("APP", 3, 0))
			case <-within(t).Done():
				return ""
			}
		}
	}
	small := func(cluster string) puppet {
		p := large(3, cluster, together(cluster))
		p.roster = always(statsz(`"connections":3,"active_accounts":1000,"active_servers":3`))
		return p
	}
	pretend(t, l, small("A"), small("B"))
	auditAll(t, connect(t, l.SystemURL()), 3)
	if len(seen.lines) != 2 {
		t.Errorf("asked %q", seen.lines)
	}
}

func TestClusterThatHoldsUpTheOthers(t *testing.T) {
	t.Parallel()
	// A says nothing, B that it can't: neither keeps the others from being asked.
	d := auditPuppets(t, patient, large(5, "A", nil), large(5, "B", always(`"error":{"code":500,"description":"busy"}`)),
		large(5, "C", always(statz(account("APP", 3, 0)))), large(5, "D", always(statz(account("APP", 4, 0)))))
	wantCounts(t, "APP", connections(d, "APP"), map[string]int{"n1": 0, "C/n-C": 3, "D/n-D": 4})
	if len(d.Missing) != 2 || d.Expected != 5 {
		t.Errorf("missing %s of %d, want A and B", showMissing(d), d.Expected)
	}
	for name, reason := range map[string]string{"n-A": "sent no account report", "n-B": "it answered with error 500: busy"} {
		if m := missingOf(t, d, name); m.Bound == nil || *m.Bound != 3 || !strings.Contains(m.Reason, reason) {
			t.Errorf("missing %+v, want %s", m, reason)
		}
	}
}

func TestLargeClusterIsLostAtFirst(t *testing.T) {
	t.Parallel()
	d := auditPuppets(t, patient, large(3, "A", from(2, statz(account("APP", 3, 0)))), large(3, "B", from(2, statz(account("APP", 4, 0)))))
	complete(t, d, 3)
	wantCounts(t, "APP", connections(d, "APP"), map[string]int{"n1": 0, "A/n-A": 3, "B/n-B": 4})
}
