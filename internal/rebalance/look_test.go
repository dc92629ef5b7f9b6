package rebalance

import (
	"testing"

	"github.com/nats-io/nats.go"
)

// A service that nobody knew before is called by its name, and not by that of one of its
// instances.
func TestLookNamesServices(t *testing.T) {
	t.Parallel()
	l := startLab(t, three("ORDERS"))
	for _, name := range []string{"orders-new-9", "orders-new-3", ""} {
		connect(t, l.Server("C1-n1").URL("ORDERS"), nats.Name(name))
	}
	_, s := stageOf(t, l, "C1", "ORDERS")
	names := map[string]int{}
	for _, c := range s.Connections {
		names[s.Services[c.Service].Name]++
	}
	if len(names) != 2 || names["orders-new"] != 2 || names["user ORDERS"] != 1 {
		t.Errorf("%v", names)
	}
}
