package audit

import (
	"context"
	"time"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/source"
)

// joins is how long it takes servers that have started to say which of their routes are
// those that they are configured to: of two that dialled each other, one of the routes
// goes, and whoever had dialled it tries again a second later.
const joins = 2500 * time.Millisecond

// joinsIn is how long to wait until the youngest server of those clusters has joined that
// seem to lack servers by the routes alone; 0 where there are none, or none is so young.
func joinsIn(d *checks.Deployment, now time.Time) time.Duration {
	wait := time.Duration(0)
	for _, c := range routedClusters(withoutCounted(d)) { // which may be former processes, see [Expected.fill]
		if c.unjoined == 0 || c.unnamed() >= c.unjoined {
			continue
		}
		_, left := joining(d, c.name, now)
		wait = max(wait, left)
	}
	return wait
}

// joining is the youngest server of a cluster, as long as it may not have joined the
// others yet, and how long that may take at the most; nil where there is none.
func joining(d *checks.Deployment, cluster string, now time.Time) (youngest *checks.Server, left time.Duration) {
	for i := range d.Servers {
		s := &d.Servers[i]
		if age := now.Sub(s.Start); s.Cluster == cluster && age > -joins && age < joins && joins-max(0, age) > left {
			youngest, left = s, joins-max(0, age)
		}
	}
	return youngest, left
}

// deployment is the model of a source. What holds of every model is seen to here for a
// source that forgot it: without, an audit would call complete what may lack servers, or
// take two clusters of one name for one.
func deployment(ctx context.Context, from source.Source) (*checks.Deployment, error) {
	d, err := from.Deployment(ctx)
	if err != nil {
		return nil, err
	}
	if !from.Kind().FindsServers {
		d.AddUnlisted("no server of its cluster says which others it has routes to, so that others may have gone unnoticed")
	}
	d.Separate()
	return d, nil
}

// gather reads who is where: again, where servers that have just started may seem to
// lack others. It says for how long it waited until then.
func gather(ctx context.Context, from source.Source) (d *checks.Deployment, waited time.Duration, err error) {
	if d, err = deployment(ctx, from); err != nil {
		return nil, 0, err
	}
	wait := joinsIn(d, time.Now())
	if deadline, ok := ctx.Deadline(); wait <= 0 || ok && source.ForJoining.Of(time.Until(deadline)) < wait {
		return d, 0, nil
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
		return nil, 0, ctx.Err()
	}
	if again, err := deployment(ctx, from); err == nil {
		d = again
	}
	return d, wait, nil
}

// Gather reads who is where, as an audit does, and adds the servers that are expected. It
// says for how long it waited for servers that had just started.
func (e Expected) Gather(ctx context.Context, from source.Source) (d *checks.Deployment, waited time.Duration, err error) {
	if d, waited, err = gather(ctx, from); err != nil {
		return nil, waited, err
	}
	e.Details = func(ctx context.Context, clusters []string) error { return from.Details(ctx, d, clusters) }
	e.Add(ctx, d)
	return d, waited, nil
}
