package cli

import (
	"context"
	"slices"

	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/checks/cause"
	balance "github.com/nats-balance/nats-balance/internal/rebalance"
	"github.com/nats-balance/nats-balance/internal/report"
)

// recall leaves out the services whose clients are known to have come straight back, or
// not to have come back at all: to close them again would show the same. So it is with
// servers that they did not come to. With --force they are moved all the same, and the
// document says what became of them before.
func (r *rebalance) recall(ctx context.Context, nc *nats.Conn, s *assessment) {
	ctx, cancel := context.WithTimeout(ctx, r.host.Timeout())
	defer cancel()
	ended := s.state.Remembered(ctx, nc, r.host.Timeout())
	if !r.force {
		missed := s.state.Leave(ended)
		s.notes = append(s.notes, report.MissTexts(s.state.Misses(missed))...)
		for i := range s.causes {
			s.causes[i] = s.unmet(s.causes[i], i, s.state, missed, "closed connections")
		}
	}
	if lost := s.state.Lost(ended); len(lost) > 0 && !s.elsewhere() {
		r.forget(s, lost, balance.StayedAway)
	}
	var back []balance.Recalled
	for account, history := range s.history {
		back = append(back, s.state.Recall(account, history)...)
	}
	if len(back) > 0 {
		r.forget(s, back, balance.CameBack)
	}
}

// unmet is the causes of an account with what is known of servers that its clients did not
// come to.
func (s *assessment) unmet(causes []cause.Cause, account int, state *balance.State, missed []balance.Missed, source string) []cause.Cause {
	missed = slices.DeleteFunc(slices.Clone(missed), func(x balance.Missed) bool {
		return !slices.ContainsFunc(x.Services, func(service int) bool { return state.Services[service].Account == account })
	})
	for _, miss := range state.Misses(missed) {
		causes = balance.Unmet(causes, miss, source)
	}
	return causes
}

// elsewhere reports whether clients of the accounts are in other clusters too, where some
// that were closed in this one may be.
func (s *assessment) elsewhere() bool {
	for i := range s.deployment.Servers {
		for _, account := range s.scope.Accounts {
			if x := &s.deployment.Servers[i]; x.Cluster != s.cluster && balance.Held(s.deployment, x, account.ID) > 0 {
				return true
			}
		}
	}
	return false
}

// forget moves these services no more.
func (r *rebalance) forget(s *assessment, all []balance.Recalled, code balance.RefusalCode) {
	why := balance.ClosedBefore{Services: all, Several: s.several()}
	if r.force {
		s.refuse(code, why)
		s.allReturn = s.allReturn || code == balance.CameBack && len(all) == s.movable(true)
		return
	}
	s.state.LeaveOut(all)
	// To move other services than those that make the finding is of no use.
	every := s.several() || !slices.ContainsFunc(s.state.Services, func(x balance.Service) bool { return x.Concentrated })
	if s.movable(every) == 0 {
		s.refuse(code, why)
	}
}

// movable is how many services with connections may be moved, all or those that make
// the finding.
func (s *assessment) movable(all bool) int {
	of := map[int]bool{}
	for _, c := range s.state.Connections {
		of[c.Service] = true
	}
	n := 0
	for service := range of {
		if x := s.state.Services[service]; (all || x.Concentrated) && x.Stays == nil && s.scope.Accounts[x.Account].Stays == nil {
			n++
		}
	}
	return n
}

// remember keeps what servers remember of an account's closed connections.
func (s *assessment) remember(account int, history []checks.Closed) {
	if s.history == nil {
		s.history = make([][]checks.Closed, len(s.scope.Accounts))
	}
	s.history[account] = history
}
