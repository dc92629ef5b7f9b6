package rebalance

import "github.com/nats-balance/nats-balance/checks"

// Counted is the state as the servers' reports have it: how many, not who.
func Counted(d *checks.Deployment, scope Scope) *State {
	s := &State{Servers: scope.Servers, Accounts: scope.Accounts}
	for i, account := range scope.Accounts {
		s.Services = append(s.Services, Service{Account: i})
		for at, server := range scope.Servers {
			for k := range d.Servers {
				if d.Servers[k].ID != server.ID {
					continue
				}
				for range Held(d, &d.Servers[k], account.ID) {
					s.Connections = append(s.Connections, Connection{Server: at, Service: i, ID: uint64(len(s.Connections))})
				}
			}
		}
	}
	return s
}
