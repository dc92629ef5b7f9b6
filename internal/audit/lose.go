package audit

import (
	"context"
	"slices"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/checks/cause"
)

// Lose finds out what stopping each of some servers would do, of a deployment that was
// gathered: who is on it, and who of them finds another server. All are asked about at
// once: there may be hundreds of clusters of one server.
func (a *Run) Lose(ctx context.Context, servers []checks.ServerRef) ([]cause.Loss, []string, error) {
	if len(servers) == 0 {
		return nil, nil, nil
	}
	var clusters []string
	for _, server := range servers {
		clusters = append(clusters, a.clusterOf(server)...)
	}
	slices.Sort(clusters)
	if err := a.Details(ctx, slices.Compact(clusters)); err != nil {
		return nil, nil, err
	}
	lists, warnings, err := a.read(ctx)
	if err != nil {
		return nil, nil, err
	}
	tie(lists, a.Deployment)
	var findings []checks.Finding
	for _, server := range servers {
		findings = append(findings, checks.OnServer(a.Deployment, server.ID)...)
	}
	of := map[string][]cause.Diagnosis{} // by server
	if len(findings) > 0 {
		slices.SortStableFunc(findings, func(x, y checks.Finding) int { return y.OnServer - x.OnServer }) // those that are read
		found, err := a.diagnose(ctx, findings, lists)
		if err != nil {
			return nil, nil, err
		}
		warnings = append(warnings, found.warnings...)
		for _, e := range found.explained {
			id := e.Diagnosis.Finding.Server.ID
			of[id] = append(of[id], *e.Diagnosis)
		}
	}
	var out []cause.Loss
	for _, server := range servers {
		all := of[server.ID]
		slices.SortStableFunc(all, func(x, y cause.Diagnosis) int { return y.Finding.OnServer - x.Finding.OnServer })
		out = append(out, cause.LossOf(a.Deployment, server, all))
	}
	return out, warnings, nil
}

func (a *Run) clusterOf(server checks.ServerRef) []string {
	for i := range a.Deployment.Servers {
		if a.Deployment.Servers[i].ID == server.ID {
			return []string{a.Deployment.Servers[i].Cluster}
		}
	}
	return nil
}
