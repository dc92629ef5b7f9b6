package remedy

import (
	"strings"
	"testing"

	"github.com/nats-balance/nats-balance/checks/cause"
)

// TestExpectedServersAreRepeated: killed servers came back, and others count the old ones
// too, so only with --expect-servers all were audited. The commands that are printed
// would refuse without it; those of other programs have no such flag.
func TestExpectedServersAreRepeated(t *testing.T) {
	t.Parallel()
	in := inputOf(spread(20, 0, 0))
	in.Diagnosis = cause.Conclude(in.Case, []cause.Cause{{Code: cause.RestartDrift, Role: cause.Root, Verdict: cause.Likely}})
	in.Expect = "--expect-servers 3"
	seen := map[string]int{}
	for _, r := range For(in).Remedies {
		lines := r.Commands
		for _, s := range r.Snippets {
			lines = append(lines, strings.Split(s.Text, "\n")...)
		}
		for _, line := range lines {
			for _, command := range []string{"nats-balance rebalance", "nats-balance audit concentration"} {
				if strings.Contains(line, command) {
					seen[command]++
				}
			}
			if ours := strings.Contains(line, "nats-balance rebalance") || strings.Contains(line, "nats-balance audit"); ours != strings.Contains(line, in.Expect) {
				t.Errorf("%s: %s", r.Code, line)
			}
		}
	}
	if seen["nats-balance rebalance"] < 3 || seen["nats-balance audit concentration"] < 2 {
		t.Errorf("the commands are %v", seen)
	}
}

// TestForceIsRepeated: the rebalance after restarts needs the flag that one now needs.
func TestForceIsRepeated(t *testing.T) {
	t.Parallel()
	in := inputOf(spread(20, 0, 0))
	in.Diagnosis = cause.Conclude(in.Case, []cause.Cause{{Code: cause.DiscoveryOff, Role: cause.Contributing, Verdict: cause.RuledOut}, {Code: cause.SingleURL, Role: cause.Root, Verdict: cause.Likely}, {Code: cause.RestartDrift, Role: cause.Root, Verdict: cause.Likely}})
	seen := 0
	for _, r := range For(in).Remedies {
		for _, command := range r.Commands {
			if strings.Contains(command, "nats-balance rebalance") {
				seen++
				if !strings.Contains(command, "--force") {
					t.Errorf("%s: %s", r.Code, command)
				}
			}
		}
	}
	if seen != 3 {
		t.Errorf("%d commands move connections", seen)
	}
}
