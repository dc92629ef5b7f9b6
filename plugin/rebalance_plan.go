package plugin

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/checks/cause"
	"github.com/nats-balance/nats-balance/internal/gather"
	"github.com/nats-balance/nats-balance/internal/remedy"
	"github.com/nats-balance/nats-balance/internal/report"
)

// situation is what a rebalance is decided by.
type situation struct {
	deployment *checks.Deployment
	account    checks.Account
	cluster    string
	plan       remedy.Plan
	causes     []cause.Cause
	refusals   []report.Refusal
	firm       bool // a refusal that can't be overridden
	allReturn  bool // all clients that are moved are expected to come back
	byName     bool // clients come by names that are not the servers' own
	notes      []string
	warnings   []string
}

// plan gathers, plans, and finds reasons to refuse.
func (r *rebalance) plan(ctx context.Context, nc *nats.Conn) (*situation, error) {
	s := &situation{}
	if err := r.gather(ctx, nc, s); err != nil {
		return nil, err
	}
	in := remedy.PlanInput{Servers: members(s), MaxMoves: r.limit, IgnoreRoom: r.force}
	if len(in.Servers) < 2 {
		s.firm = true
		s.refuse("too-few-servers", "%s has fewer than 2 servers that reported, there is nowhere to move connections to.", named(s.cluster, "the cluster"))
		s.plan = remedy.PlanMoves(in)
		return s, nil
	}
	r.coverage(s, in.Servers)
	if err := r.candidates(ctx, nc, s, &in); err != nil {
		return nil, err
	}
	s.plan = remedy.PlanMoves(in)
	if s.plan.Excess == 0 {
		return s, nil
	}
	r.room(s, in)
	if err := r.diagnose(ctx, nc, s); err != nil {
		return nil, err
	}
	in.ByName, in.IgnoreRoom = s.byName, r.force
	s.plan = remedy.PlanMoves(in)
	s.remark()
	return s, nil
}

func (s *situation) refuse(code, format string, args ...any) {
	s.refusals = append(s.refusals, report.Refusal{Code: code, Text: fmt.Sprintf(format, args...)})
}

func (s *situation) note(format string, args ...any) {
	s.notes = append(s.notes, fmt.Sprintf(format, args...))
}

// gather reads who is there, and chooses the account and the cluster.
func (r *rebalance) gather(ctx context.Context, nc *nats.Conn, s *situation) error {
	ctx, cancel := context.WithTimeout(ctx, r.host.Timeout())
	defer cancel()
	p := newProgress(r.host.Err)
	var trace func(string, ...any)
	if r.host.Trace() {
		trace = r.host.tracef
	}
	d, err := gather.System(ctx, nc, gather.Options{Timeout: r.host.Timeout(), Progress: p.show, Trace: trace})
	p.clear()
	if err != nil {
		return explainGather(err, nc)
	}
	s.deployment = d
	var found []checks.Account
	for _, a := range d.Accounts {
		if a.ID == r.account || a.Name == r.account {
			found = append(found, a)
		}
	}
	switch {
	case len(found) > 1:
		return fmt.Errorf("%d accounts are called %q: pass --account the id of one", len(found), r.account)
	case len(found) == 0:
		if err := gather.Knows(ctx, nc, d, r.account); err != nil {
			return err
		}
	}
	selection := checks.Parameters{Accounts: []string{r.account}}
	if r.cluster != "" {
		selection.Clusters = []string{r.cluster}
	}
	if err := selection.Select(d); err != nil {
		return explainSelection(err)
	}
	at := slices.IndexFunc(d.Accounts, func(a checks.Account) bool { return a.ID == r.account || a.Name == r.account })
	s.account = d.Accounts[at]
	if s.cluster, err = r.choose(s); err != nil {
		return err
	}
	limited, stop := context.WithTimeout(ctx, r.host.Timeout()/3)
	defer stop()
	return gather.Details(limited, nc, d, []string{s.cluster})
}

// choose is the cluster that was asked for, or the only one in which there is
// something to choose from.
func (r *rebalance) choose(s *situation) (string, error) {
	if r.cluster != "" {
		return r.cluster, nil
	}
	servers, clients := map[string]int{}, map[string]int{}
	for i := range s.deployment.Servers {
		server := &s.deployment.Servers[i]
		servers[server.Cluster]++
		clients[server.Cluster] += held(s.deployment, server, s.account.ID)
	}
	var all, several []string
	for name, n := range clients {
		if n > 0 {
			all = append(all, name)
			if name != "" && servers[name] > 1 {
				several = append(several, name)
			}
		}
	}
	slices.Sort(all)
	slices.Sort(several)
	switch {
	case len(several) == 1:
		return several[0], nil
	case len(several) > 1:
		return "", &usageError{err: fmt.Errorf("account %q has clients in %d clusters: pass --cluster one of %s", s.account.Name, len(several), strings.Join(several[:min(8, len(several))], ", "))}
	case len(all) > 0:
		return all[0], nil
	}
	return "", fmt.Errorf("account %q has no client connection: there is nothing to rebalance", s.account.Name)
}

// held are the client connections of an account on a server.
func held(d *checks.Deployment, server *checks.Server, account string) int {
	for _, u := range server.Usage {
		if d.Accounts[u.Account].ID == account {
			return int(u.Connections)
		}
	}
	return 0
}

// members are the servers of the cluster. Those without a cluster share nothing.
func members(s *situation) []remedy.Member {
	var out []remedy.Member
	for i := range s.deployment.Servers {
		server := &s.deployment.Servers[i]
		n := held(s.deployment, server, s.account.ID)
		if server.Cluster != s.cluster || s.cluster == "" && n == 0 {
			continue
		}
		m := remedy.Member{ID: server.ID, Name: server.Name, Held: n, Limit: server.MaxConnections}
		if server.Details != nil {
			m.Connections = server.Details.Connections
		}
		out = append(out, m)
	}
	if s.cluster == "" {
		out = out[:min(len(out), 1)]
	}
	slices.SortFunc(out, func(a, b remedy.Member) int { return strings.Compare(a.Name+"\x00"+a.ID, b.Name+"\x00"+b.ID) })
	return out
}

// coverage refuses where servers are missing, or their limits.
func (r *rebalance) coverage(s *situation, servers []remedy.Member) {
	var missing []string
	for _, m := range s.deployment.Missing {
		if !m.ClusterKnown || m.Cluster == s.cluster {
			missing = append(missing, named(m.Name, named(m.ID, "a server without a name")))
		}
	}
	if n := len(missing); n > 0 {
		s.refuse("coverage", "%s did not report (%s), so it is not known how the connections are spread.", countOf(n, "server"), strings.Join(missing[:min(n, 5)], ", "))
	}
	unknown := 0
	for _, m := range servers {
		if m.Connections == nil {
			unknown++
		}
	}
	if unknown > 0 {
		s.refuse("coverage", "It is not known how many connections %d of %d servers have and take, so whether there is room.", unknown, len(servers))
	}
}

// candidates reads the account's connections on the servers with too many.
func (r *rebalance) candidates(ctx context.Context, nc *nats.Conn, s *situation, in *remedy.PlanInput) error {
	ctx, cancel := context.WithTimeout(ctx, r.host.Timeout())
	defer cancel()
	total := 0
	for _, m := range in.Servers {
		total += m.Held
	}
	for _, m := range in.Servers {
		if m.Held <= remedy.Even(total, len(in.Servers)) {
			continue
		}
		err := gather.EachConnection(ctx, nc, gather.Held{Server: m.ID, Account: s.account.ID}, func(c gather.Connection) {
			if s.nowhere(m.ID, c.Protocol) {
				in.Bound++
				return
			}
			in.Candidates = append(in.Candidates, remedy.Candidate{Server: m.ID, ID: c.ID, Name: c.Name, Language: c.Language,
				Protocol: c.Protocol, Start: c.Start, Idle: c.Idle, Subscriptions: c.Subscriptions, Pending: c.Pending})
		})
		switch {
		case errors.Is(err, context.Canceled):
			return err
		case err != nil:
			s.warnings = append(s.warnings, fmt.Sprintf("the connections on %s were not all read: it %v", m.Name, err))
			s.refuse("coverage", "The connections on %s were not all read: it %v.", m.Name, err)
		}
	}
	return nil
}

// nowhere is whether no other server of the cluster takes a protocol: to close
// such a connection moves nothing.
func (s *situation) nowhere(id, protocol string) bool {
	others := false
	for i := range s.deployment.Servers {
		server := &s.deployment.Servers[i]
		if server.Cluster != s.cluster || server.ID == id {
			continue
		}
		if server.Takes(protocol) != checks.No {
			return false
		}
		others = true
	}
	return others
}

// room refuses where no server has any.
func (r *rebalance) room(s *situation, in remedy.PlanInput) {
	in.IgnoreRoom = false
	if p := remedy.PlanMoves(in); len(p.Moves) == 0 && len(in.Candidates) > 0 {
		s.refuse("no-room", "No other server has room: they keep %d%% of their limits free. Clients would be refused there and come back.", remedy.ReservePercent)
	}
}

// straightBack is why a cause sends clients to where they were.
func straightBack(c cause.Cause) string {
	switch c.Code {
	case cause.SingleURL:
		return "The clients know the address of one server only"
	case cause.SingleAddressDNS:
		return "The clients' host names lead to one server only"
	case cause.StickyLoadBalancer:
		return "A load balancer leads each client to the same server every time"
	case cause.AccountGap:
		return "The account can't be used on the other servers"
	case cause.ListenerGap:
		return "The other servers have no listener for the clients' protocol"
	default:
		return c.Title
	}
}

// diagnose finds out why the clients are where they are, and refuses what would
// not hold.
func (r *rebalance) diagnose(ctx context.Context, nc *nats.Conn, s *situation) error {
	ctx, cancel := context.WithTimeout(ctx, r.host.Timeout())
	defer cancel()
	lists, warnings, err := r.sources.lists(ctx)
	if err != nil {
		return err
	}
	s.warnings = append(s.warnings, warnings...)
	tie(lists, s.deployment, []string{s.account.ID})
	// Whatever the share is: the rule is not what is asked for.
	p := checks.Defaults()
	p.ThresholdPercent, p.MinServers, p.MinConnections, p.AllowPartial = 1, 2, 1, true
	p.Accounts, p.Clusters = []string{s.account.ID}, []string{s.cluster}
	findings := checks.CheckConcentration(s.deployment, p).Findings
	findings = slices.DeleteFunc(findings, func(f checks.Finding) bool { return f.Account.ID != s.account.ID })
	if len(findings) == 0 {
		return nil // it has no connections, or there is one server
	}
	a := &concentration{host: r.host, parameters: checks.Defaults(), sources: r.sources}
	a.parameters.Accounts, a.parameters.Clusters = p.Accounts, p.Clusters
	found, err := a.diagnose(ctx, systemAccount{r.host, nc}, s.deployment, findings[:1], lists)
	if err != nil {
		return err
	}
	s.warnings = append(s.warnings, found.warnings...)
	diagnosis := found.explained[0].Diagnosis
	s.causes = diagnosis.Causes
	for _, l := range slices.Concat(diagnosis.Own, diagnosis.Hints) {
		s.byName = s.byName || slices.ContainsFunc(l.Reach.Arrivals, func(a cause.Arrival) bool { return !a.OwnName || a.Own != checks.Yes })
	}
	known := false
	for _, c := range s.causes {
		if !c.Strong() || c.Role != cause.Root {
			continue
		}
		known = true
		definition, _ := cause.Define(c.Code)
		switch moved := definition.Moved; {
		case diagnosis.ComesBack(c.Code):
			s.allReturn = true
			s.refuse(string(c.Code), "%s (%s, %s), so they would come straight back. Put that right first.", straightBack(c), c.Code, c.Verdict)
		case moved == cause.ComeBackUntold:
			s.refuse(string(c.Code), "%s (%s, %s), so it would not last: they move to those that they were told of, and come back when their processes restart. Put that right first.",
				straightBack(c), c.Code, c.Verdict)
		case moved == cause.GoToNext:
			s.note("The clients try their servers in order (%s, %s): those that are moved all go to the next one of their list, not evenly to all.", c.Code, c.Verdict)
		case moved == cause.Undecided:
			s.note("%s (%s, %s): clients may come back whenever they connect anew.", c.Title, c.Code, c.Verdict)
		}
	}
	if !known {
		s.note("It is not known why the clients are where they are, so they may come back: pass --client-url or --client-config with what they are configured with.")
	}
	return nil
}

// byChance is the probability from which on a spread is nothing out of the
// ordinary.
const byChance = 0.05

// remark says what the prediction rests on, and why there are fewer moves than
// would be even.
func (s *situation) remark() {
	may := 0
	for _, m := range s.plan.Moves {
		if m.MayReturn {
			may++
		}
	}
	if may > 0 {
		s.note("%d of the %d clients use a library that may choose the same server again, or do not say which: a share of them is reckoned to come back.", may, len(s.plan.Moves))
	}
	if short := s.plan.Excess - len(s.plan.Moves); short > 0 {
		s.note("%s over an even spread stay where they are: %s.", countOf(short, "connection"), strings.Join(s.plan.Short, "; "))
	}
	top := 0
	for _, m := range s.plan.Servers {
		top = max(top, m.Held)
	}
	if checks.Chance(s.plan.Connections, len(s.plan.Servers), top) >= byChance {
		s.note("Clients that choose at random are often spread like this: moving some will hardly make it more even.")
	}
	if len(s.plan.Moves) > 0 && len(s.refusals) == 0 {
		s.note("The prediction is what is to be expected when clients choose evenly; chance moves it by a few.")
	}
}
