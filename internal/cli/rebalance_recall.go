package cli

import (
	"fmt"
	"slices"

	"github.com/nats-balance/nats-balance/checks"
	balance "github.com/nats-balance/nats-balance/internal/rebalance"
	"github.com/nats-balance/nats-balance/internal/words"
)

// recall leaves out the services whose clients are known to have come straight back: to
// close them again would show the same. With --force they are moved all the same, and
// the document says what became of them before.
func (r *rebalance) recall(s *assessment) {
	var all []balance.Recalled
	for account, history := range s.history {
		all = append(all, s.state.Recall(account, history)...)
	}
	if len(all) == 0 {
		return
	}
	var texts []string
	for _, back := range all {
		name := back.Name
		if s.several() {
			name += " of " + s.scope.Accounts[s.state.Services[back.Service].Account].Name
		}
		texts = append(texts, name+", "+back.Closes())
	}
	const shown = 5
	text := fmt.Sprintf("The clients came straight back when they were closed before (%s). Closing them again would show the same.", words.ListUpTo(shown, texts))
	if r.force {
		s.refuse(balance.CameBack, "%s", text)
		s.allReturn = s.allReturn || len(all) == s.movable(true)
		return
	}
	s.state.LeaveOut(all)
	// To move other services than those that make the finding is of no use.
	every := s.several() || !slices.ContainsFunc(s.state.Services, func(x balance.Service) bool { return x.Concentrated })
	if s.movable(every) == 0 {
		s.refuse(balance.CameBack, "%s", text)
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
		if x := s.state.Services[service]; (all || x.Concentrated) && x.Stays == "" && s.scope.Accounts[x.Account].Stays == "" {
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
