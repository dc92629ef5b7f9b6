package account

import (
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/source"
	"github.com/nats-balance/nats-balance/internal/source/sourcetest"
	"github.com/nats-balance/nats-balance/internal/source/system"
)

func TestMain(m *testing.M) { sourcetest.Main(m) }

// systemModel is what the system account sees of servers that all answer.
func systemModel(t testing.TB, nc *nats.Conn, servers int) *checks.Deployment {
	t.Helper()
	d, err := system.New(nc, source.Options{Timeout: sourcetest.Long}).Deployment(sourcetest.Within(t))
	if err != nil {
		t.Fatal(err)
	}
	sourcetest.Complete(t, d, servers)
	return d
}
