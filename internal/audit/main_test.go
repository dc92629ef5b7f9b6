package audit

import (
	"testing"

	"github.com/nats-balance/nats-balance/internal/source/sourcetest"
)

func TestMain(m *testing.M) {
	if !sourcetest.RaceDetector {
		sourcetest.SideBySide(64) // they wait for servers that do not answer
	}
	sourcetest.Main(m)
}
