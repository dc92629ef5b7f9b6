package history

import (
	"testing"
	"time"

	"github.com/nats-balance/nats-balance/internal/source/sourcetest"
)

func TestMain(m *testing.M) { sourcetest.Main(m) }

// limits are those of a store that has room for all that a test writes.
func limits() Limits { return Limits{Keep: 30 * 24 * time.Hour, Bytes: 1 << 30, Replicas: 1} }
