package system

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-balance/nats-balance/internal/lab"
	"github.com/nats-balance/nats-balance/internal/source/sourcetest"
)

// large is a server of a cluster of its own whose report alone nearly fills the
// window, as far as its roster says. It counts that many servers.
func large(of int, cluster string, report func(int) string) sourcetest.Puppet {
	return sourcetest.Puppet{ID: "ID-" + cluster, Name: "n-" + cluster, Cluster: cluster,
		Roster: sourcetest.Always(sourcetest.Statsz(fmt.Sprintf(`"connections":3,"active_accounts":150000,"active_servers":%d`, of))), Report: report}
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
			return sourcetest.Statz(sourcetest.Account("APP", 3, 0))
		}
	}
	d := auditPuppets(t, sourcetest.Long, large(4, "A", slowly("A")), large(4, "B", slowly("B")), large(4, "C", slowly("C")))
	sourcetest.Complete(t, d, 4)
	wantCounts(t, "APP", sourcetest.Connections(d, "APP"), map[string]int{"n1": 0, "A/n-A": 3, "B/n-B": 3, "C/n-C": 3})
	if want := []string{"A is asked", "A answers", "B is asked", "B answers", "C is asked", "C answers"}; !slices.Equal(seen.lines, want) {
		t.Errorf("%q, want %q", seen.lines, want)
	}
	if len(d.Notes) > 0 {
		t.Errorf("notes %q", d.Notes)
	}
}

func TestSmallClustersAreAskedTogether(t *testing.T) {
	t.Parallel()
	l := sourcetest.StartLab(t, lab.Topology{Clusters: []lab.Cluster{{Servers: 1}}})
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
				return sourcetest.Statz(sourcetest.Account("APP", 3, 0))
			case <-sourcetest.Within(t).Done():
				return ""
			}
		}
	}
	small := func(cluster string) sourcetest.Puppet {
		p := large(3, cluster, together(cluster))
		p.Roster = sourcetest.Always(sourcetest.Statsz(`"connections":3,"active_accounts":1000,"active_servers":3`))
		return p
	}
	sourcetest.Pretend(t, l, small("A"), small("B"))
	auditAll(t, sourcetest.Connect(t, l.SystemURL()), 3)
	if len(seen.lines) != 2 {
		t.Errorf("asked %q", seen.lines)
	}
}

func TestClusterThatHoldsUpTheOthers(t *testing.T) {
	t.Parallel()
	// A says nothing, B that it can't: neither keeps the others from being asked.
	d := auditPuppets(t, sourcetest.Patient(), large(5, "A", nil), large(5, "B", sourcetest.Always(`"error":{"code":500,"description":"busy"}`)),
		large(5, "C", sourcetest.Always(sourcetest.Statz(sourcetest.Account("APP", 3, 0)))), large(5, "D", sourcetest.Always(sourcetest.Statz(sourcetest.Account("APP", 4, 0)))))
	wantCounts(t, "APP", sourcetest.Connections(d, "APP"), map[string]int{"n1": 0, "C/n-C": 3, "D/n-D": 4})
	if len(d.Missing) != 2 || d.Expected != 5 {
		t.Errorf("missing %s of %d, want A and B", sourcetest.ShowMissing(d), d.Expected)
	}
	for name, reason := range map[string]string{"n-A": "sent no account report", "n-B": "it answered with error 500: busy"} {
		if m := missingOf(t, d, name); m.Bound == nil || *m.Bound != 3 || !strings.Contains(m.Reason, reason) {
			t.Errorf("missing %+v, want %s", m, reason)
		}
	}
}

func TestLargeClusterIsLostAtFirst(t *testing.T) {
	t.Parallel()
	d := auditPuppets(t, sourcetest.Patient(), large(3, "A", sourcetest.From(2, sourcetest.Statz(sourcetest.Account("APP", 3, 0)))), large(3, "B", sourcetest.From(2, sourcetest.Statz(sourcetest.Account("APP", 4, 0)))))
	sourcetest.Complete(t, d, 3)
	wantCounts(t, "APP", sourcetest.Connections(d, "APP"), map[string]int{"n1": 0, "A/n-A": 3, "B/n-B": 4})
}
