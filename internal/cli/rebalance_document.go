package cli

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/checks"
	balance "github.com/nats-balance/nats-balance/internal/rebalance"
	"github.com/nats-balance/nats-balance/internal/report"
	"github.com/nats-balance/nats-balance/internal/source/system"
)

// document is what was planned.
func (r *rebalance) document(s *assessment, nc *nats.Conn) *report.Rebalance {
	p, f := s.plan, s.forecast
	doc := &report.Rebalance{
		Tool: report.Tool{Name: "nats-balance", Version: Version()}, Time: time.Now(),
		Source:  report.SourceOf(system.Kind(), system.Through(nc)),
		Cluster: s.cluster,
		Given:   report.RebalanceParameters{Apply: r.apply, Force: r.force, Even: r.even, Canary: r.canary, Rate: r.rate, Batch: r.batch, MaxMoves: r.limit},
		Plan: report.RebalancePlan{Connections: len(s.state.Connections), EvenShare: p.Even, Excess: p.Excess, Moves: len(p.Moves), Expected: f.Moves, Rounds: f.Rounds,
			DurationS: r.duration(s).Seconds(), LimitedBy: report.LimitedBy(p.Short)},
		Notes: slices.Concat(s.notes, s.foreseen), Warnings: s.warnings, Outcome: string(balance.ResultPlanned),
	}
	doc.Some = slices.ContainsFunc(r.everyone(s.deployment, s.cluster), func(a checks.Account) bool {
		return !slices.ContainsFunc(s.scope.Accounts, func(x balance.Account) bool { return x.ID == a.ID })
	})
	if r.toServer != "" {
		doc.Given.ToServer = &r.toServer
	}
	for _, refusal := range s.refusals {
		doc.Refusals = append(doc.Refusals, report.RefusalOf(refusal))
	}
	loads, held := s.state.Loads(), s.state.Held()
	predicted, each := f.Loads, f.Held
	if s.allReturn {
		predicted, each = loads, held
	}
	for a, unread := range s.unread { // they are there, and stay as far as is known
		for i, n := range unread {
			loads[i], held[a][i] = loads[i]+n, held[a][i]+n
			doc.Plan.Connections += n
			if !s.allReturn {
				predicted[i], each[a][i] = predicted[i]+n, each[a][i]+n
			}
		}
	}
	for i, m := range s.state.Servers {
		row := report.RebalanceServer{Server: m.Name, ID: m.ID, Connections: m.Connections, Limit: m.Limit, Before: loads[i], Moves: p.From[i], Predicted: predicted[i],
			Unreached: len(s.state.Connections) > 0 && !m.KeptAway && !s.state.Reached(i)}
		if !r.force {
			row.Free = m.Free()
		}
		doc.Servers = append(doc.Servers, row)
	}
	doc.Before, doc.Predicted = s.spread(loads), s.spread(predicted)
	for i, account := range s.scope.Accounts {
		row := report.RebalanceAccount{Account: report.Account{ID: account.ID, Name: account.Name}, Before: s.spread(held[i]), Predicted: s.spread(each[i])}
		row.Connections = row.Before.Connections
		row.LeftOut = report.LeftOut(account.Stays)
		if len(s.causes) > 0 {
			row.Found = s.causes[i]
		}
		doc.Accounts = append(doc.Accounts, row)
	}
	moves := make([]balance.Done, 0, len(p.Moves))
	for _, m := range p.Moves {
		moves = append(moves, balance.Done{Move: m, Outcome: balance.Planned})
	}
	s.record(doc, s.state, moves, f.Of)
	switch {
	case len(s.refusals) > 0 && (s.final || !r.force):
		doc.Outcome = string(balance.ResultRefused)
	case s.level || p.Excess == 0 && len(p.Short) == 0 && s.unread == nil:
		doc.Outcome = string(balance.ResultNothingToDo)
	case len(p.Moves) == 0:
		doc.Outcome = string(balance.ResultRefused)
		if s.unread != nil {
			p.Short = append(p.Short, balance.Short{Code: balance.ShortUnread})
		}
		doc.Refusals = append(doc.Refusals, report.RefusalOf(balance.Refusal{Code: balance.NoMoves, Why: balance.NothingToMove{Short: p.Short}}))
	}
	if doc.Outcome != string(balance.ResultRefused) {
		for i := range doc.Refusals {
			doc.Refusals[i].Overridden = true
		}
	}
	return doc
}

// duration is about how long the run takes, by what it took to ask the servers until
// now: the moves, and the audit after them. A dry run is followed by a plan of its own.
func (r *rebalance) duration(s *assessment) time.Duration {
	moves := max(len(s.plan.Moves), s.forecast.Moves)
	if moves == 0 {
		return 0
	}
	took := s.gathered + balance.Takes(moves, max(s.forecast.Rounds, (moves+r.batch-1)/r.batch), r.rate, s.looked)
	if !r.apply {
		took += s.planned
	}
	return took.Round(100 * time.Millisecond)
}

// spread is the fullest server of these counts.
func (s *assessment) spread(counts []int) report.Spread {
	most, total := 0, 0
	for i, n := range counts {
		total += n
		if n > counts[most] {
			most = i
		}
	}
	if len(counts) == 0 {
		return report.Spread{}
	}
	return report.SpreadOf(s.state.Servers[most].Name, counts[most], total)
}

// record lists moves, and counts them by account and service. Expected are all that are
// expected of each service, where it is a plan.
func (s *assessment) record(doc *report.Rebalance, state *balance.State, moves []balance.Done, expected []int) {
	services := state.Services
	counts, clients, of := make([]int, len(services)), make([]int, len(services)), make([]int, len(services))
	for _, c := range s.state.Connections {
		of[c.Service]++
	}
	for _, c := range state.Connections {
		if c.Service >= len(s.state.Services) { // it came during the run
			of[c.Service]++
		}
	}
	doc.Moves = nil
	for i := range doc.Accounts {
		doc.Accounts[i].Moves, doc.Accounts[i].Clients, doc.Accounts[i].Services = 0, 0, nil
	}
	for _, m := range moves {
		account := services[m.Service].Account
		move := report.RebalanceMove{Account: s.scope.Accounts[account].ID, Server: state.Servers[m.Server].Name, ServerID: state.Servers[m.Server].ID, CID: m.ID, Name: m.Name,
			Language: m.Language, Protocol: m.Protocol, IdleS: m.Idle.Seconds(), Subscriptions: m.Subscriptions, PendingBytes: m.Pending,
			MayReturn: m.MayReturn, Outcome: string(m.Outcome), Why: report.NotClosed(m.Why)}
		if m.Outcome == balance.Planned || m.Outcome == balance.Kicked {
			counts[m.Service]++
			doc.Accounts[account].Moves++
			if m.First() {
				clients[m.Service]++
				doc.Accounts[account].Clients++
			}
		}
		if !m.Start.IsZero() {
			start := m.Start.UTC().Truncate(time.Millisecond)
			move.Start = &start
		}
		if m.Batch > 0 {
			move.Batch = &m.Batch
		}
		doc.Moves = append(doc.Moves, move)
	}
	for i, x := range services {
		if of[i] == 0 && counts[i] == 0 {
			continue
		}
		row := report.RebalanceService{Name: x.Name, User: x.User, Language: x.Language, Protocol: x.Protocol, Connections: of[i], Moves: counts[i], Clients: clients[i]}
		if i < len(expected) {
			row.Expected = expected[i]
			row.IfNeeded = i < len(s.goal.Only) && s.goal.Only[i] && row.Expected == 0 && row.Moves == 0
		}
		row.LeftOut = report.LeftOut(x.Stays)
		doc.Accounts[x.Account].Services = append(doc.Accounts[x.Account].Services, row)
	}
	for _, account := range doc.Accounts {
		slices.SortStableFunc(account.Services, func(a, b report.RebalanceService) int { return b.Connections - a.Connections })
	}
}

// recordRun adds what was done, and what it shows of the causes.
func (s *assessment) recordRun(doc *report.Rebalance, run balance.Run) {
	doc.Notes = slices.Clone(s.notes)
	state := s.state
	if run.Last != nil {
		state = run.Last
	}
	s.record(doc, state, run.Moves, nil)
	from := make([]int, len(doc.Servers))
	for _, m := range run.Moves {
		if m.Outcome == balance.Kicked {
			from[m.Server]++
		}
	}
	for i := range doc.Servers {
		doc.Servers[i].Moves = from[i]
	}
	for _, b := range run.Batches {
		doc.Batches = append(doc.Batches, report.RebalanceBatch{Kicked: b.Kicked, Gone: b.Gone, Failed: b.Failed, Returned: b.Returned,
			ExpectedReturned: float64(int(b.Expected*10+0.5)) / 10, Late: b.Late, TookS: b.Took.Round(time.Millisecond).Seconds()})
	}
	for i := range doc.Accounts {
		var all balance.Arrived
		for service, a := range run.Services {
			if state.Services[service].Account == i {
				all.Moved, all.Back, all.Missing = all.Moved+a.Moved, all.Back+a.Back, all.Missing+a.Missing
			}
		}
		doc.Accounts[i].Found = balance.Judged(s.unmet(doc.Accounts[i].Found, i, state, run.Missed, "this rebalance"), all)
	}
	s.missing = run.Missing
	if !run.Unseen {
		doc.Missing = &s.missing
	}
	doc.Notes = s.notes
	doc.RanOut(run.Notes, s.returned(run, state), run.Enough)
	if run.Stop != nil {
		doc.Stopped(*run.Stop)
	}
}

// returned is which clients came back to the server that closed them, of services that
// are not left out for it.
func (s *assessment) returned(run balance.Run, state *balance.State) []report.CameBack {
	var of []report.CameBack
	for service, x := range state.Services {
		if a := run.Services[service]; a.Back > 0 && x.Stays == nil {
			of = append(of, report.CameBack{Name: balance.ServiceName{Service: x.Name, Account: s.scope.Accounts[x.Account].Name}, Back: a.Back, Closed: a.Moved})
		}
	}
	return of
}

// judgeAfter adds how the connections are spread now, and says what that is.
func (r *rebalance) judgeAfter(doc *report.Rebalance, s *assessment, d *checks.Deployment, last *balance.State) {
	now := balance.Counted(d, s.scope)
	now.AimAs(last, s.goal) // counts do not say who gets where
	loads, held := now.Loads(), now.Held()
	for i := range doc.Servers {
		if slices.ContainsFunc(d.Servers, func(x checks.Server) bool { return x.ID == doc.Servers[i].ID }) {
			n := loads[i]
			doc.Servers[i].After = &n
		}
	}
	after := s.spread(loads)
	doc.After = &after
	for i := range doc.Accounts {
		spread := s.spread(held[i])
		doc.Accounts[i].After = &spread
	}
	if s.allRead(d) || after.Connections >= doc.Before.Connections { // those that are there are enough
		s.missing = min(s.missing, max(0, doc.Before.Connections-after.Connections))
		doc.Missing = &s.missing
	}
	result := r.judged(s, d)
	was := r.judged(s, cmp.Or(s.deployment, d))
	for i, account := range s.scope.Accounts {
		of := func(f checks.Finding) bool { return f.Account.ID == account.ID }
		doc.Accounts[i].Finding = slices.ContainsFunc(result.Findings, of)
		doc.Accounts[i].NewFinding = doc.Accounts[i].Finding && !slices.ContainsFunc(was.Findings, of)
	}
	// Each account is even by itself, and chance has the sum of them a little less so.
	spreads := r.even && s.several() && (r.force || balance.NearEven(loads))
	switch {
	case doc.Stop != nil: // that is why, whatever else is so
	case result.Outcome == checks.OutcomeIncomplete:
		doc.Stopped(balance.Stop{Code: balance.StopNotAudited, Why: balance.SomeNotReported{}})
	case after.OnServer*doc.Before.Connections > doc.Before.OnServer*after.Connections && !spreads:
		doc.Stopped(balance.Stop{Code: balance.StopWorse, Why: balance.MoreThanBefore{}})
	case s.missing > 0:
		doc.Stopped(balance.Stop{Code: balance.StopNotReconnected, Why: balance.SomeNotBack{}})
	case len(result.Findings) > 0:
		doc.Outcome = string(balance.ResultFinding)
	case (s.several() || r.even) && !now.Level(s.goal):
		doc.Outcome = string(balance.ResultUneven)
	default:
		doc.Outcome = string(balance.ResultBalanced)
	}
}

// judged is what the audit finds of the accounts that are not accepted as they are.
func (r *rebalance) judged(s *assessment, d *checks.Deployment) checks.Result {
	p := r.parameters
	p.Clusters, p.Accounts = []string{s.cluster}, nil
	for _, account := range s.scope.Accounts {
		if !account.Accepted {
			p.Accounts = append(p.Accounts, account.ID)
		}
	}
	return checks.CheckConcentration(d, p)
}

// allRead reports whether an audit has every server of the cluster on which the clients
// may be.
func (s *assessment) allRead(d *checks.Deployment) bool {
	for _, m := range s.scope.Servers {
		if !slices.ContainsFunc(d.Servers, func(x checks.Server) bool { return x.ID == m.ID }) {
			return false
		}
	}
	return !slices.ContainsFunc(d.Missing, func(m checks.Missing) bool { return mayHaveClients(m) && m.MayBeIn(s.cluster) })
}

func lowerTrimmed(s string) string { return strings.ToLower(strings.TrimSpace(s)) }
