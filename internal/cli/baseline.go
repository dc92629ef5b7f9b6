package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/choria-io/fisk"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/audit"
	"github.com/nats-balance/nats-balance/internal/report"
	"github.com/nats-balance/nats-balance/internal/source"
)

// baseline is the earlier document to compare with.
type baseline struct {
	path    string
	newOnly bool
	past    *report.Past
}

func (b *baseline) flags(cmd *fisk.CmdClause) {
	cmd.Flag("baseline", "Compare with this earlier JSON document: what is new, worse, better, gone").
		PlaceHolder("FILE").Validator(notEmpty("baseline", "the path of an earlier --json document")).StringVar(&b.path)
	cmd.Flag("new-only", "Exit with the status of what is new or worse than --baseline").UnNegatableBoolVar(&b.newOnly)
}

// read reads the document before anything is asked of the network.
func (b *baseline) read(ctx context.Context, h Host) (err error) {
	switch {
	case b.path == "" && b.newOnly:
		return errors.New("--new-only is given without --baseline: pass --baseline with an earlier --json document")
	case b.path == "":
		return nil
	}
	b.past, err = reading(ctx, h, "--baseline", b.path, func() (*report.Past, error) {
		f, err := openRegular("--baseline", b.path)
		if err != nil {
			return nil, err
		}
		defer func() { _ = f.Close() }() // it was only read
		past, err := report.ReadBaseline(f)
		if err != nil {
			return nil, fmt.Errorf("--baseline %s: %w", b.path, err)
		}
		return past, nil
	})
	return err
}

// comparable returns an error where the document says nothing of what was audited.
func (b *baseline) comparable(kind source.Kind, d *checks.Deployment, accounts []string) error {
	if err := b.past.Comparable(kind, d, accounts); err != nil {
		return fmt.Errorf("--baseline %s: %w", b.path, err)
	}
	return nil
}

// explain adds the document to an error that is about it.
func (b *baseline) explain(err error) error {
	var other *audit.OtherDeploymentError
	if errors.As(err, &other) {
		return fmt.Errorf("--baseline %s: %w", b.path, err)
	}
	return err
}

// outcome is what the exit status is made of.
func (b *baseline) outcome(doc *report.Document) checks.Outcome {
	if b.newOnly {
		return doc.NewOutcome()
	}
	return checks.Outcome(doc.Outcome)
}
