package tool_test

import (
	"errors"
	"os/exec"
	"strings"
	"testing"

	"github.com/nats-balance/nats-balance/internal/lab/tool"
)

func TestServersOfAnUnknownVersion(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"", "latest", "v2.10.29;id", "main", "v2.10", "../v2.10.29"} {
		c, err := tool.StartServersOfVersion(t.Context(), version, 1, nil, nil)
		if err == nil {
			c.Stop()
			t.Fatalf("%q was started", version)
		}
		if !strings.Contains(err.Error(), "is not a version such as v2.10.29") {
			t.Errorf("%q: %v", version, err)
		}
	}
}

func TestBuildNativeCLI(t *testing.T) {
	t.Parallel()
	first, err := tool.BuildNativeCLI(toBuild(t))
	if errors.Is(err, tool.ErrNotBuilt) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	again, err := tool.BuildNativeCLI(toBuild(t))
	if err != nil || again != first {
		t.Errorf("built %s, then %s, %v", first, again, err)
	}
	out, err := exec.CommandContext(toBuild(t), first, "audit", "concentration", "--help").CombinedOutput()
	if err != nil || !strings.HasPrefix(string(out), "usage: nats audit concentration") {
		t.Errorf("%v: %s", err, out)
	}
}
