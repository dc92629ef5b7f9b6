package monitor

import (
	"testing"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/source/sourcetest"
	"github.com/nats-balance/nats-balance/internal/source/system"
)

func TestMain(m *testing.M) { sourcetest.Main(m) }

// liveModel is what the system account sees of servers that all answer.
func liveModel(t testing.TB, from *system.Source, servers int) *checks.Deployment {
	t.Helper()
	d, err := from.Deployment(sourcetest.Within(t))
	if err != nil {
		t.Fatal(err)
	}
	sourcetest.Complete(t, d, servers)
	return d
}
