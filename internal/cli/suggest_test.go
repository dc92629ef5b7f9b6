package cli

import (
	"strings"
	"testing"
)

// What is wrong with a command line names what may be meant.
func TestUsageNamesWhatIsMeant(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"audit": "must select a subcommand of 'audit': concentration, hotspot",
		"audit concentration --password x --tiemout 5s":    "did you mean --timeout?",
		"audit concentration --password=x --tiemout 5s":    "did you mean --timeout?",
		"audit concentration --password x --y8x7w --z 5s":  "not shown as it may be part of it",
		"audit concentration --password x --store y":       "unknown long flag '--store'",
		"audit concentration --password x tiemout --all":   "not shown as it may be part of it",
		"watch -s a --user u --password p --no-store more": "unexpected argument: it is argument 9, after the value of --password, and not shown as it may be part of it: leave it out, or put the value in quotes, as in --password='VALUE'",
		"watch --no-store --keep 3d":                       "--keep and --keep-bytes are for what is recorded: leave them out, or --no-store",
		"watch --for -3s":                                  "expected argument for flag '--for': pass a value, as in --for=VALUE where it begins with -",
		"audit concentration --timeout":                    "expected argument for flag '--timeout': pass a value, see",
		"watch --expect-servers n1,n2,n1":                  "--expect-servers has n1 twice: pass each name once, or the number of servers",
		"audit concentration --no-context --tiemout 5s -x": "did you mean --timeout?",
	} {
		var out, errs connOutput
		if status := Run(strings.Fields(line), &out, &errs); status != ExitNotAudited || !strings.Contains(errs.String(), want) {
			t.Errorf("%s: %d, %s", line, status, errs.String())
		}
	}
}

// Standard input is left out of the flags that are printed.
func TestFlagsOfListsLeaveOutStandardInput(t *testing.T) {
	t.Parallel()
	s := clientListFlags{configs: []string{"-", "ORDERS=-", "apps/"}, noDNS: true}
	if got := s.repeated(nil); got != "--client-config apps/ --no-dns" {
		t.Error(got)
	}
}
