package fleet_test

import (
	"testing"

	"github.com/nats-balance/nats-balance/internal/source/sourcetest"
)

func TestMain(m *testing.M) { sourcetest.Main(m) }
