package audit

import (
	"context"
	"slices"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/checks/cause"
)

// Lose finds out what stopping a server would do, of a deployment that was
// gathered: who is on it, and who of them finds another server.
func (a *Run) Lose(ctx context.Context, server checks.ServerRef) (cause.Loss, []string, error) {
	if err := a.Details(ctx, a.clusterOf(server)); err != nil {
		return cause.Loss{}, nil, err
	}
	lists, warnings, err := a.read(ctx)
	if err != nil {
		return cause.Loss{}, nil, err
	}
	tie(lists, a.Deployment)
	findings := checks.OnServer(a.Deployment, server.ID)
	if len(findings) == 0 {
		return cause.LossOf(a.Deployment, server, nil), warnings, nil
	}
	found, err := a.diagnose(ctx, findings, lists)
	if err != nil {
		return cause.Loss{}, nil, err
	}
	var of []cause.Diagnosis
	for _, e := range found.explained {
		of = append(of, *e.Diagnosis)
	}
	slices.SortStableFunc(of, func(x, y cause.Diagnosis) int { return y.Finding.OnServer - x.Finding.OnServer })
	return cause.LossOf(a.Deployment, server, of), append(warnings, found.warnings...), nil
}

func (a *Run) clusterOf(server checks.ServerRef) []string {
	for i := range a.Deployment.Servers {
		if a.Deployment.Servers[i].ID == server.ID {
			return []string{a.Deployment.Servers[i].Cluster}
		}
	}
	return nil
}
