package audit

import (
	"context"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/source"
)

// Present reads who is connected of accounts in a cluster of a deployment that was
// gathered, by the account: for the first of them, as many as are cheap to read.
func (a *Run) Present(ctx context.Context, cluster string, accounts []string) (map[string]*checks.Profile, error) {
	counts := countsOf(a.Deployment, cluster)
	var of []source.Suspect
	questions, connections := 0, 0
	for _, id := range accounts {
		o := counts[id]
		if o == nil {
			continue
		}
		questions, connections = questions+o.servers, connections+o.connections
		if len(of) >= deepest || len(of) >= inDepth && (questions > cheapQuestions || connections > cheapReading) {
			break
		}
		of = append(of, o.Suspect)
	}
	out := map[string]*checks.Profile{}
	if len(of) == 0 {
		return out, nil
	}
	reports, err := a.from.Connections(ctx, a.Deployment, of)
	for i, r := range reports {
		out[of[i].Account] = r.Profile
	}
	return out, err
}
