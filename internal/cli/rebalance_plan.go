package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/checks/cause"
	"github.com/nats-balance/nats-balance/internal/audit"
	balance "github.com/nats-balance/nats-balance/internal/rebalance"
	"github.com/nats-balance/nats-balance/internal/source"
	"github.com/nats-balance/nats-balance/internal/source/system"
	"github.com/nats-balance/nats-balance/internal/words"
)

// assessment is what a rebalance is decided by.
type assessment struct {
	deployment *checks.Deployment
	account    checks.Account
	cluster    string
	plan       balance.Plan
	causes     []cause.Cause
	outlook    balance.Outlook
	refusals   []balance.Refusal
	final      bool // a refusal that --force does not override
	notes      []string
	warnings   []string
}

// plan gathers, plans, and finds reasons to refuse.
func (r *rebalance) plan(ctx context.Context, nc *nats.Conn, lists audit.ClientLists) (*assessment, error) {
	s := &assessment{}
	from := connectedOrigin(r.host, nc, systemAccount)
	request := r.request(lists)
	request.Again, request.Connected = from.again, from.urls
	a := audit.New(from, request)
	if err := r.gather(ctx, a, s); err != nil {
		return nil, err
	}
	in := balance.PlanInput{Servers: balance.Members(s.deployment, s.cluster, s.account.ID), MaxMoves: r.limit, IgnoreRoom: r.force}
	if len(in.Servers) < 2 {
		s.final = true
		s.refuse(balance.TooFewServers, "%s has fewer than 2 servers that reported, there is nowhere to move connections to.", cmp.Or(s.cluster, "the cluster"))
		s.plan = balance.PlanMoves(in)
		return s, nil
	}
	s.refusals = append(s.refusals, balance.Uncovered(s.deployment, s.cluster, in.Servers)...)
	if err := r.candidates(ctx, nc, s, &in); err != nil {
		return nil, err
	}
	s.plan = balance.PlanMoves(in)
	if s.plan.Excess == 0 {
		return s, nil
	}
	if refusal, full := balance.Full(in); full {
		s.refusals = append(s.refusals, refusal)
	}
	if err := r.diagnose(ctx, a, s); err != nil {
		return nil, err
	}
	in.ByName, in.IgnoreRoom = s.outlook.ByName, r.force
	for i := range in.Servers {
		in.Servers[i].Unreached = slices.Contains(s.outlook.Unreached, in.Servers[i].ID)
	}
	s.plan = balance.PlanMoves(in)
	s.remark()
	return s, nil
}

func (s *assessment) refuse(code balance.RefusalCode, format string, args ...any) {
	s.refusals = append(s.refusals, balance.Refusal{Code: code, Text: fmt.Sprintf(format, args...)})
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
func (r *rebalance) gather(ctx context.Context, a *audit.Run, s *assessment) error {
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
func (r *rebalance) choose(s *assessment) (string, error) {
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
		return "", &usageError{err: fmt.Errorf("account %q has clients in %d clusters: pass --cluster one of %s", s.account.Name, len(several), words.FirstOf(8, several))}
	case len(all) > 0:
		return all[0], nil
	}
	return "", fmt.Errorf("account %q has no client connection: there is nothing to rebalance", s.account.Name)
}

// candidates reads the account's connections on the servers with too many.
func (r *rebalance) candidates(ctx context.Context, nc *nats.Conn, s *assessment, in *balance.PlanInput) error {
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
			s.refuse(balance.Coverage, "The connections on %s were not all read: it %v.", m.Name, err)
		}
	}
	return nil
}

// diagnose finds out why the clients are where they are, and refuses what would
// not hold.
func (r *rebalance) diagnose(ctx context.Context, a *audit.Run, s *assessment) error {
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
	s.outlook = balance.OutlookOf(*diagnosis)
	s.refusals = append(s.refusals, s.outlook.Refusals...)
	s.notes = append(s.notes, s.outlook.Notes...)
	return nil
}

// remark says what the prediction rests on.
func (s *assessment) remark() {
	s.notes = append(s.notes, s.plan.Remarks()...)
	if len(s.plan.Moves) > 0 && len(s.refusals) == 0 {
		s.notes = append(s.notes, "The prediction is what is to be expected when clients choose evenly; chance moves it by a few.")
	}
}
