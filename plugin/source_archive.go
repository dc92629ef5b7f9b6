package plugin

import (
	"context"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/checks/cause"
	"github.com/nats-balance/nats-balance/internal/gather"
)

// archived is what nats audit gather wrote into a file.
type archived struct {
	file  *gather.Archive
	model *checks.Deployment // the last one that was made
}

func openArchive(path string) (source, func(), error) {
	file, err := gather.OpenArchive(path)
	if err != nil {
		return nil, func() {}, err
	}
	return &archived{file: file}, func() { _ = file.Close() }, nil // it was only read
}

func (s *archived) kind() string { return "archive" }

func (s *archived) detail() string { return s.file.Detail() }

func (s *archived) deployment(ctx context.Context) (d *checks.Deployment, err error) {
	s.model, err = s.file.Deployment(ctx)
	return s.model, err
}

func (s *archived) knows(ctx context.Context, d *checks.Deployment, account string) error {
	return s.file.Knows(ctx, d, account)
}

func (s *archived) details(ctx context.Context, d *checks.Deployment, clusters []string) error {
	return s.file.Details(ctx, d, clusters)
}

func (s *archived) examine(ctx context.Context, d *checks.Deployment, of []gather.Suspect) ([]gather.Report, map[gather.Suspect]map[string]checks.AccountOn, error) {
	return s.file.Examine(ctx, d, of)
}

func (s *archived) subscriptions(ctx context.Context, of []gather.Held) ([]*int, error) {
	return s.file.Subscriptions(ctx, s.model, of)
}

// url is empty: where the archive was gathered through is no hint of what clients
// use, and must not make an audit of a file connect to anything.
func (s *archived) url() string { return "" }

func (s *archived) gap() cause.Gap { return cause.GapRecorded }

// again is empty: the next audit is not of this file.
func (s *archived) again() string { return "" }
