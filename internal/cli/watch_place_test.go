package cli

import (
	"strings"
	"testing"
)

// What is wrong with a context of --store, --service or --history is mended there: no flag of
// the servers that are watched helps.
func TestContextOfAStore(t *testing.T) {
	t.Parallel()
	store := startKeeper(t)
	store.write(t, "another")
	for args, want := range map[string]string{
		"watch --no-context --store no-such-context":                `--store no-such-context: there is no context "no-such-context": pass --store one of `,
		"history --store no-such-context":                           `there is no context "no-such-context": pass --store one of `,
		"history --store " + store.context + " --timeout 20s":       ": pass another context with --store, or correct this one",
		"watch --no-context --timeout 20s --store " + store.context: ": pass another context with --store, or correct this one",
	} {
		var out, errs watched
		status := runHere(t.Context(), &out, &errs, strings.Fields(args)...)
		if text := errs.String(); status != ExitNotAudited || !strings.Contains(text, want) || strings.Contains(text, "system account") || strings.Contains(text, "--context") || strings.Contains(text, "--creds") {
			t.Errorf("%s: %d, %s", args, status, text)
		}
	}
}
