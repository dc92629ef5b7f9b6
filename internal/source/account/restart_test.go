package account

import (
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/source"
	"github.com/nats-balance/nats-balance/internal/source/sourcetest"
)

// A server is restarted while the account is audited, on the audit's own connection or
// beside it. Its clients are on another server a moment later: they are counted there,
// or nothing is said to be complete.
func TestServerThatIsRestartedMidWay(t *testing.T) {
	t.Parallel()
	for what, c := range map[string]struct{ first, second string }{
		"the audit's own": {"C1-n1", "C1-n2"},
		"another":         {"C1-n3", "C1-n2"},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			l := sourcetest.StartLab(t, sourcetest.Three("APP"))
			n1, n2 := l.Server("C1-n1"), l.Server("C1-n2")
			const clients = 24
			for range clients {
				sourcetest.Connect(t, n1.URL("APP")+","+n2.URL("APP"), nats.DontRandomize(), nats.ReconnectWait(20*time.Millisecond), nats.ReconnectJitter(0, 0))
			}
			if err := l.WaitCounts(sourcetest.Within(t), "APP", map[string]int{"C1-n1": clients}); err != nil {
				t.Fatal(err)
			}
			nc := sourcetest.Connect(t, l.Server(c.first).URL("APP")+","+l.Server(c.second).URL("APP"), nats.DontRandomize(), nats.ReconnectWait(20*time.Millisecond))
			again := make(chan error, 1)
			restarted := false
			own, err := gather(sourcetest.Within(t), nc, "", nil, nil, source.Options{Timeout: sourcetest.Patient(), Progress: func(p source.Progress) {
				if !restarted && p.Reported == 3 {
					restarted = true
					go func() { n1.Shutdown(); again <- n1.Start(sourcetest.Within(t)) }()
				}
			}})
			if err != nil || !restarted {
				t.Fatalf("restarted %v, %v", restarted, err)
			}
			if err := <-again; err != nil {
				t.Fatal(err)
			}
			d := own.deployment
			counts := sourcetest.Connections(d, "APP")
			total := 0
			for _, n := range counts {
				total += n
			}
			if total != clients && len(d.Missing) == 0 {
				t.Errorf("complete, with %v of %d clients", counts, clients)
			}
			for _, m := range d.Missing {
				if m.Name != "C1-n1" || m.Kind != checks.Silent {
					t.Errorf("missing %s", sourcetest.ShowMissing(d))
				}
			}
		})
	}
}
