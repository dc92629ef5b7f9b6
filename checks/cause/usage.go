package cause

import "github.com/nats-balance/nats-balance/checks"

// Usage is what the ordinary accounts have on the servers of a cluster. In a large
// deployment it is looked up once for a cluster, and not for each finding.
type Usage struct {
	servers  []string // their ids
	accounts []accountUsage
	byID     map[string]int // where an account is among them
}

type accountUsage struct {
	account uint32   // index into Deployment.Accounts
	counts  []uint32 // client connections by server
}

// UsageOf returns what the ordinary accounts have on the servers of a cluster.
func UsageOf(d *checks.Deployment, cluster string) *Usage {
	servers := serversOf(d, cluster)
	out := &Usage{byID: map[string]int{}}
	at := map[uint32]int{}
	for i, o := range servers {
		out.servers = append(out.servers, o.ID)
		for _, u := range o.Usage {
			if u.Connections == 0 || int(u.Account) >= len(d.Accounts) || d.Accounts[u.Account].System {
				continue
			}
			k, ok := at[u.Account]
			if !ok {
				k = len(out.accounts)
				at[u.Account], out.byID[d.Accounts[u.Account].ID] = k, k
				out.accounts = append(out.accounts, accountUsage{u.Account, make([]uint32, len(servers))})
			}
			out.accounts[k].counts[i] += u.Connections
		}
	}
	return out
}

// usage returns what the accounts have in the finding's cluster, looked up once.
func (s *Situation) usage() *Usage {
	if s.Usage == nil {
		s.Usage = UsageOf(s.Deployment, s.Finding.Cluster)
	}
	return s.Usage
}
