package live

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/internal/lab"
	"github.com/nats-balance/nats-balance/internal/record"
	"github.com/nats-balance/nats-balance/internal/source/sourcetest"
)

// A server whose configuration is reloaded sends CONNECT for those that are there. They do
// not count as clients that came.
func TestReloadBringsNobody(t *testing.T) {
	t.Parallel()
	l := sourcetest.StartLab(t, sourcetest.Three("ORDERS"))
	f := follow(t, l.SystemURL, record.Settings{Reconcile: time.Hour, For: time.Hour})
	f.kind(record.Watching)
	var heard atomic.Int64
	if _, err := sourcetest.Connect(t, l.SystemURL()).Subscribe("$SYS.ACCOUNT.ORDERS.CONNECT", func(m *nats.Msg) {
		if strings.Contains(string(m.Data), l.Server("C1-n1").ID()) {
			heard.Add(1)
		}
	}); err != nil {
		t.Fatal(err)
	}
	sourcetest.Clients(t, l, "ORDERS", map[string]int{"C1-n1": 4, "C1-n2": 4, "C1-n3": 4})
	f.truth(l, "ORDERS")
	before := heard.Load()
	if err := l.Server("C1-n1").Reload("max_payload: 900000"); err != nil {
		t.Fatal(err)
	}
	if err := lab.Poll(sourcetest.Within(t), func() error {
		if n := heard.Load() - before; n < 4 {
			return fmt.Errorf("the reload sent %d of 4", n)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	for range 28 {
		sourcetest.Connect(t, l.Server("C1-n1").URL("ORDERS"))
	}
	f.truth(l, "ORDERS")
	c := f.kind(record.Crossed)
	came := 0
	for _, m := range c.Moves {
		if !m.Left && m.Server.Name == "C1-n1" {
			came += m.Count
		}
	}
	if on := c.Spread.Top().Connections; came > on || c.MovesMissed {
		t.Errorf("%d came to C1-n1, which has %d, missed %t", came, on, c.MovesMissed)
	}
}
