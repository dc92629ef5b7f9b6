package dnscheck

import (
	"testing"

	"go.uber.org/goleak"
)

// Nothing may be left running when the tests have ended.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
