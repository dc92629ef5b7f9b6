package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/nats-balance/nats-balance/checks"
)

func TestPlainBooleans(t *testing.T) {
	t.Parallel()
	app, _ := newApp(Host{Out: io.Discard, Err: io.Discard}.withDefaults(), io.Discard)
	for in, want := range map[string]string{
		"":                        "",
		"audit concentration":     "audit concentration",
		"--trace=true":            "--trace",
		"--trace=false":           "", // it can't be negated, and is off
		"--trace=maybe":           "--trace=maybe",
		"--trace true":            "--trace true",
		"--no-context=true audit": "--no-context audit",
		"--no-context=false":      "",
		"--tlsfirst=true":         "--tlsfirst",
		"--tlsfirst=false":        "--no-tlsfirst",
		"--tls-first=false":       "--no-tls-first",
		"--no-tlsfirst":           "--no-tlsfirst",
		"audit concentration --json=true --all=true --allow-partial=false": "audit concentration --json --all",
		"demo --keep=true --list=false":                                    "demo --keep",
		"--server=true --account=false":                                    "--server=true --account=false",
		"--unknown=true":                                                   "--unknown=true",
		"-j=true":                                                          "-j=true",
		"--trace=true -- --trace=true":                                     "--trace -- --trace=true",
		"--=true":                                                          "--=true",
	} {
		if got := strings.Join(plainBooleans(app.Model(), strings.Fields(in)), " "); got != want {
			t.Errorf("%q becomes %q, want %q", in, got, want)
		}
	}
}

func TestExitStatus(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err  error
		want int
	}{
		{nil, 0},
		{&OutcomeError{Outcome: checks.OutcomePass}, 0},
		{&OutcomeError{Outcome: checks.OutcomeFinding}, 1},
		{&OutcomeError{Outcome: checks.OutcomeCritical}, 2},
		{&OutcomeError{Outcome: checks.OutcomeIncomplete}, 3},
		{&OutcomeError{}, 3},
		{fmt.Errorf("in a host: %w", &OutcomeError{Outcome: checks.OutcomeFinding}), 1},
		{errors.New("something else"), 3},
		{context.Canceled, 3},
		{&usageError{err: errors.New("wrong")}, 3},
	} {
		if got := ExitStatus(c.err); got != c.want {
			t.Errorf("ExitStatus(%v) = %d, want %d", c.err, got, c.want)
		}
		var outcome *OutcomeError
		if said := sentence(c.err); (said == "") != (c.err == nil || errors.As(c.err, &outcome)) {
			t.Errorf("sentence(%v) = %q", c.err, said)
		}
	}
}
