package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/checks/cause"
	"github.com/nats-balance/nats-balance/internal/audit"
	balance "github.com/nats-balance/nats-balance/internal/rebalance"
	"github.com/nats-balance/nats-balance/internal/report"
	"github.com/nats-balance/nats-balance/internal/source"
	"github.com/nats-balance/nats-balance/internal/source/system"
)

// situation is what a rebalance is decided by.
type situation struct {
	deployment *checks.Deployment
	account    checks.Account
	cluster    string
	plan       balance.Plan
	causes     []cause.Cause
	refusals   []report.Refusal
	firm       bool // a refusal that can't be overridden
	allReturn  bool // all clients that are moved are expected to come back
	byName     bool // clients come by names that are not the servers' own
	notes      []string
	warnings   []string
}

// plan gathers, plans, and finds reasons to refuse.
func (r *rebalance) plan(ctx context.Context, nc *nats.Conn, lists audit.ClientLists) (*situation, error) {
	s := &situation{}
	from := systemOrigin(r.host, nc)
	request := r.request(lists)
	request.Again, request.Connected = from.again, from.urls()
	a := audit.New(from, request)
	if err := r.gather(ctx, a, s); err != nil {
		return nil, err
	}
	in := balance.PlanInput{Servers: balance.Members(s.deployment, s.cluster, s.account.ID), MaxMoves: r.limit, IgnoreRoom: r.force}
	if len(in.Servers) < 2 {
		s.firm = true
		s.refuse(string(balance.TooFewServers), "%s has fewer than 2 servers that reported, there is nowhere to move connections to.", named(s.cluster, "the cluster"))
		s.plan = balance.PlanMoves(in)
		return s, nil
	}
	for _, refusal := range balance.Uncovered(s.deployment, s.cluster, in.Servers) {
		s.refuse(string(refusal.Code), "%s", refusal.Text)
	}
	if err := r.candidates(ctx, nc, s, &in); err != nil {
		return nil, err
	}
	s.plan = balance.PlanMoves(in)
	if s.plan.Excess == 0 {
		return s, nil
	}
	if refusal, full := balance.Full(in); full {
		s.refuse(string(refusal.Code), "%s", refusal.Text)
	}
	if err := r.diagnose(ctx, a, s); err != nil {
		return nil, err
	}
	in.ByName, in.IgnoreRoom = s.byName, r.force
	s.plan = balance.PlanMoves(in)
	s.remark()
	return s, nil
}

func (s *situation) refuse(code, format string, args ...any) {
	s.refusals = append(s.refusals, report.Refusal{Code: code, Text: fmt.Sprintf(format, args...)})
}

func (s *situation) note(format string, args ...any) {
	s.notes = append(s.notes, fmt.Sprintf(format, args...))
}

// request is for the causes of where the account's clients are, whatever share of
// them is on one server: the rule is not what is asked for.
func (r *rebalance) request(lists audit.ClientLists) audit.Request {
	p := checks.Defaults()
	p.Accounts = []string{r.account}
	if r.cluster != "" {
		p.Clusters = []string{r.cluster}
	}
	return audit.Request{Parameters: p, AnyShare: true, Lists: lists, Causes: true, Timeout: r.host.Timeout(), Flags: r.host.Flags()}
}

// gather reads who is there, and chooses the account and the cluster.
func (r *rebalance) gather(ctx context.Context, a *audit.Run, s *situation) error {
	ctx, cancel := context.WithTimeout(ctx, a.Request.Timeout)
	defer cancel()
	if err := a.Gather(ctx); err != nil {
		return explainSelection(err)
	}
	s.deployment = a.Deployment
	var found []checks.Account
	for _, account := range s.deployment.Accounts {
		if account.ID == r.account || account.Name == r.account { // of several by that name it is the id
			found = append(found, account)
		}
	}
	s.account = found[max(0, slices.IndexFunc(found, func(a checks.Account) bool { return a.ID == r.account }))]
	cluster, err := r.choose(s)
	if err != nil {
		return err
	}
	s.cluster = cluster
	// From here on it is about these, whatever they were called.
	a.Request.Parameters.Accounts, a.Request.Parameters.Clusters = []string{s.account.ID}, []string{cluster}
	return a.Details(ctx, []string{cluster})
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
		clients[server.Cluster] += balance.Held(s.deployment, server, s.account.ID)
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

// candidates reads the account's connections on the servers with too many.
func (r *rebalance) candidates(ctx context.Context, nc *nats.Conn, s *situation, in *balance.PlanInput) error {
	ctx, cancel := context.WithTimeout(ctx, r.host.Timeout())
	defer cancel()
	total := 0
	for _, m := range in.Servers {
		total += m.Held
	}
	for _, m := range in.Servers {
		if m.Held <= checks.EvenShare(total, len(in.Servers)) {
			continue
		}
		err := system.New(nc, source.Options{}).EachConnection(ctx, source.Held{Server: m.ID, Account: s.account.ID}, func(c system.Connection) {
			if balance.Bound(s.deployment, s.cluster, m.ID, c.Protocol) {
				in.Bound++
				return
			}
			in.Candidates = append(in.Candidates, balance.Candidate{Server: m.ID, ID: c.ID, Name: c.Name, Language: c.Language,
				Protocol: c.Protocol, Start: c.Start, Idle: c.Idle, Subscriptions: c.Subscriptions, Pending: c.Pending})
		})
		switch {
		case errors.Is(err, context.Canceled):
			return err
		case err != nil:
			s.warnings = append(s.warnings, fmt.Sprintf("the connections on %s were not all read: it %v", m.Name, err))
			s.refuse(string(balance.Coverage), "The connections on %s were not all read: it %v.", m.Name, err)
		}
	}
	return nil
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
func (r *rebalance) diagnose(ctx context.Context, a *audit.Run, s *situation) error {
	ctx, cancel := context.WithTimeout(ctx, a.Request.Timeout)
	defer cancel()
	result, err := a.Explain(ctx)
	if err != nil {
		return err
	}
	s.warnings = append(s.warnings, result.Warnings...)
	at := slices.IndexFunc(result.Verdict.Findings, func(f checks.Finding) bool { return f.Account.ID == s.account.ID })
	if at < 0 {
		return nil // it has no connections, or there is one server
	}
	diagnosis := result.Explained[at].Diagnosis
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

// remark says what the prediction rests on.
func (s *situation) remark() {
	s.notes = append(s.notes, s.plan.Remarks()...)
	if len(s.plan.Moves) > 0 && len(s.refusals) == 0 {
		s.note("The prediction is what is to be expected when clients choose evenly; chance moves it by a few.")
	}
}
