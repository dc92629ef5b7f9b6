package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-balance/nats-balance/checks"
)

// The exit status of an audit.
const (
	ExitPass       = 0 // audited, no finding
	ExitFinding    = 1 // at least one finding
	ExitCritical   = 2 // at least one finding at or above --critical
	ExitNotAudited = 3 // not audited, or not completely
)

// OutcomeError says that an audit ran, wrote its whole output, and came to an
// outcome other than pass. There is nothing left to print.
type OutcomeError struct{ Outcome checks.Outcome }

func (e *OutcomeError) Error() string { return "the outcome of the audit is: " + string(e.Outcome) }

// usageError says that the command line can't be run.
type usageError struct {
	err  error
	help string // the command whose help to read, where it is known
}

func (e *usageError) Error() string {
	if e.help == "" {
		return e.err.Error()
	}
	return fmt.Sprintf("%v, see %s --help", e.err, e.help)
}
func (e *usageError) Unwrap() error { return e.err }

// ExitStatus maps the error of a command to the status to exit with. It is the
// one place that decides it.
func ExitStatus(err error) int {
	var outcome *OutcomeError
	switch {
	case err == nil:
		return ExitPass
	case errors.As(err, &outcome):
		switch outcome.Outcome {
		case checks.OutcomePass:
			return ExitPass
		case checks.OutcomeFinding:
			return ExitFinding
		case checks.OutcomeCritical:
			return ExitCritical
		case checks.OutcomeIncomplete, checks.OutcomeNotJudged:
			return ExitNotAudited
		}
	}
	return ExitNotAudited
}

// sentence is what stderr gets of an error; empty where the output has said it.
func sentence(err error) string {
	var outcome *OutcomeError
	switch {
	case err == nil, errors.As(err, &outcome):
		return ""
	case errors.Is(err, context.Canceled):
		return "interrupted before the audit was done: nothing was audited"
	}
	return err.Error()
}
