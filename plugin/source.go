package plugin

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/checks/cause"
	"github.com/nats-balance/nats-balance/internal/gather"
)

// source is where an audit's data comes from. What it can't tell stays unknown
// in the model.
type source interface {
	// kind and detail are what the document says of it, without credentials.
	kind() string
	detail() string
	// deployment gathers the model.
	deployment(ctx context.Context) (*checks.Deployment, error)
	// knows adds an account by that id to the model if any server knows it.
	knows(ctx context.Context, d *checks.Deployment, account string) error
	// details adds what the servers of clusters say of themselves.
	details(ctx context.Context, d *checks.Deployment, clusters []string) error
	// examine reads who is connected of suspects, and who knows their accounts.
	examine(ctx context.Context, d *checks.Deployment, of []gather.Suspect) ([]gather.Report, map[gather.Suspect]map[string]checks.AccountOn, error)
	// subscriptions counts those of accounts on servers; nil is not known.
	subscriptions(ctx context.Context, of []gather.Held) ([]*int, error)
	// again is the flags that lead to it, to repeat in commands, quoted for a
	// shell and without credentials.
	again() string
	// url is what the source was asked through, as a hint of what clients use;
	// empty where it is none.
	url() string
	// gap is why servers may tell it nothing of themselves.
	gap() cause.Gap
}

// systemAccount asks through a connection to the system account.
type systemAccount struct {
	host Host
	nc   *nats.Conn
}

func (s systemAccount) kind() string { return "system-account" }

func (s systemAccount) detail() string {
	return fmt.Sprintf("%s, server %s", shownURL(s.nc.ConnectedUrl()), s.nc.ConnectedServerName())
}

func (s systemAccount) deployment(ctx context.Context) (*checks.Deployment, error) {
	var trace func(string, ...any)
	if s.host.Trace() {
		trace = s.host.tracef
	}
	progress := newProgress(s.host.Err)
	defer progress.clear()
	d, err := gather.System(ctx, s.nc, gather.Options{Timeout: s.host.Timeout(), Progress: progress.show, Trace: trace})
	if err != nil {
		return nil, explainGather(err, s.nc)
	}
	return d, nil
}

func (s systemAccount) knows(ctx context.Context, d *checks.Deployment, account string) error {
	return gather.Knows(ctx, s.nc, d, account)
}

// details takes a third of the time that is left at most: a server that says
// nothing must not take it all.
func (s systemAccount) details(ctx context.Context, d *checks.Deployment, clusters []string) error {
	deadline, _ := ctx.Deadline()
	ctx, cancel := context.WithTimeout(ctx, time.Until(deadline)/3)
	defer cancel()
	return gather.Details(ctx, s.nc, d, clusters)
}

func (s systemAccount) examine(ctx context.Context, d *checks.Deployment, of []gather.Suspect) ([]gather.Report, map[gather.Suspect]map[string]checks.AccountOn, error) {
	return gather.Examine(ctx, s.nc, d, of)
}

func (s systemAccount) subscriptions(ctx context.Context, of []gather.Held) ([]*int, error) {
	return gather.Subscriptions(ctx, s.nc, of)
}

func (s systemAccount) url() string { return connectedURLs(s.nc) }

func (s systemAccount) gap() cause.Gap { return cause.GapAnswers }

func (s systemAccount) again() string { return s.host.Flags() }
