package record

import (
	"cmp"
	"slices"
	"time"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/words"
)

// DoubtCode is a kind of doubt.
type DoubtCode string

// Kinds of doubts.
const (
	// OtherDeployment: no server that reported is in it.
	OtherDeployment DoubtCode = "other-deployment"
	// ServersInDoubt: servers fell silent in it, and may be those of another deployment.
	ServersInDoubt DoubtCode = "servers-in-doubt"
	// DeploymentInDoubt: it may be of another deployment.
	DeploymentInDoubt DoubtCode = "deployment-in-doubt"
)

// PastDoubt is why what was recorded of servers that went, or some of it, is not used for a
// deployment. Servers are those that do not count as missing, of ServersInDoubt.
type PastDoubt struct {
	Code    DoubtCode
	Servers []checks.RecordedGone
}

// DocumentDoubt is a doubt as JSON. Of very many servers some are left out.
type DocumentDoubt struct {
	Code    DoubtCode         `json:"code"`
	Servers []DocumentProcess `json:"servers"`
}

// mostDoubtText is how long the names of servers in doubt are together that are written down,
// in bytes, see [mostWho].
const mostDoubtText = 8 << 10

// PastDoubtOf is why what was recorded is not used for a deployment; nil where all is.
func PastDoubtOf(past *checks.RecordedPast, d *checks.Deployment, kin checks.Kinship, now time.Time) *PastDoubt {
	if kin == checks.Apart {
		return &PastDoubt{Code: OtherDeployment}
	}
	var servers []checks.RecordedGone
	for _, g := range past.InDoubt(d, now) {
		if !slices.ContainsFunc(servers, func(o checks.RecordedGone) bool {
			return o.Cluster == g.Cluster && cmp.Or(o.Server.Name, o.Server.ID) == cmp.Or(g.Server.Name, g.Server.ID)
		}) {
			servers = append(servers, g)
		}
	}
	switch {
	case len(servers) > 0:
		return &PastDoubt{ServersInDoubt, servers}
	case kin == checks.Doubted:
		return &PastDoubt{Code: DeploymentInDoubt}
	}
	return nil
}

func documentDoubt(d *PastDoubt) *DocumentDoubt {
	if d == nil {
		return nil
	}
	out := &DocumentDoubt{d.Code, []DocumentProcess{}}
	for _, g := range upTo(mostDoubtText, d.Servers, func(g checks.RecordedGone) int {
		return len(g.Server.ID) + len(g.Server.Name) + len(g.Server.Host) + len(g.Cluster)
	}) {
		out.Servers = append(out.Servers, DocumentProcess{Server: documentServer(g.Server), Cluster: g.Cluster})
	}
	return out
}

// harmless is a doubt for output; nil where there is none.
func (d *DocumentDoubt) harmless() *DocumentDoubt {
	if d == nil {
		return nil
	}
	out := &DocumentDoubt{DoubtCode(words.Harmless(string(d.Code))), []DocumentProcess{}}
	for _, s := range d.Servers {
		out.Servers = append(out.Servers, DocumentProcess{s.Server.Harmless(), words.Harmless(s.Cluster), s.Started})
	}
	return out
}
