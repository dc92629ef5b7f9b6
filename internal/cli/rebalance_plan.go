package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/checks/cause"
	"github.com/nats-balance/nats-balance/internal/audit"
	balance "github.com/nats-balance/nats-balance/internal/rebalance"
	"github.com/nats-balance/nats-balance/internal/report"
	"github.com/nats-balance/nats-balance/internal/words"
)

// assessment is what a rebalance is decided by.
type assessment struct {
	deployment *checks.Deployment
	expected   audit.Expected
	cluster    string
	scope      balance.Scope
	goal       balance.Goal
	state      *balance.State
	unread     [][]int // connections that the servers count, and did not list: by account and server
	plan       balance.Plan
	forecast   balance.Forecast
	causes     [][]cause.Cause   // by account
	history    [][]checks.Closed // by account
	allReturn  bool              // no client that may be moved is expected to stay away
	refusals   []balance.Refusal
	// What it took to read the deployment and the connections, and all of the plan.
	gathered, looked, planned time.Duration

	final    bool // a refusal that --force does not override
	level    bool // near enough to even that nothing is moved
	notes    []string
	foreseen []string // notes on what to expect, which no longer hold after a run
	missing  int      // clients of the run that were not back when they were last counted
	warnings []string
}

// several reports whether it is about more than one account.
func (s *assessment) several() bool { return len(s.scope.Accounts) > 1 }

// plan gathers, plans, and finds reasons to refuse.
func (r *rebalance) plan(ctx context.Context, nc *nats.Conn, lists audit.ClientLists) (*assessment, error) {
	s := &assessment{goal: balance.Goal{Even: r.even, To: -1, MaxMoves: r.limit, IgnoreLimits: r.force, Hotter: r.force}}
	from := connectedOrigin(r.host, nc, systemAccount)
	request := r.request(lists)
	request.Again, request.Connected, request.Expected = from.again, from.urls, r.expect.expected(from, nil, lists.Probe)
	s.expected = request.Expected
	a := audit.New(from, request)
	started := time.Now()
	defer func() { s.planned = time.Since(started) }()
	if err := r.gather(ctx, a, s); err != nil {
		return nil, err
	}
	counted := balance.Counted(s.deployment, s.scope)
	if len(s.scope.Servers) < 2 {
		s.final = true
		s.refuse(balance.TooFewServers, balance.FewServers{Cluster: s.cluster})
		s.settle(counted)
		return s, nil
	}
	s.refusals = append(s.refusals, balance.Uncovered(s.deployment, s.cluster, s.scope.Servers)...)
	if s.settle(counted); len(counted.Kept(s.goal)) == 0 && (s.plan.Excess == 0 || s.several() && counted.Level(s.goal)) {
		s.nothing()
		return s, nil
	}
	if err := r.diagnose(ctx, a, s); err != nil {
		return nil, err
	}
	if err := r.look(ctx, nc, s, counted); err != nil {
		return nil, err
	}
	r.recall(ctx, nc, s)
	s.settle(s.state)
	if to := s.goal.To; to >= 0 && !s.state.Reached(to) {
		s.refuse(balance.NoMoves, balance.NotReached{Server: s.scope.Servers[to].Name})
	} else if s.several() && s.unread == nil && s.state.Level(s.goal) { // by where the clients get to
		s.nothing()
		s.notes = append(s.notes, report.Confined(s.state.Confines())...)
		if kept := s.state.Kept(s.goal); len(kept) > 0 {
			s.level = false
			s.refuse(balance.NoMoves, balance.OthersEven{Kept: kept})
		}
		return s, nil
	}
	s.forecast = balance.Foresee(s.state, s.goal, r.batch)
	if refusal, full := balance.Full(s.state, s.goal); full {
		s.refusals = append(s.refusals, refusal)
	}
	if r.even && len(s.plan.Moves) > 0 {
		goal := s.goal
		goal.Hotter = false // with --force it is said all the same
		if hot := s.state.Hottest(goal, s.state.Loads()); hot != nil {
			s.refuse(balance.Worse, *hot)
		}
	}
	s.goal.Only = s.state.Names(s.plan, s.forecast, s.goal)
	s.remark()
	if first := balance.First(s.state, s.plan, s.goal, r.batch); first > 0 && r.canary == 0 && (len(s.refusals) == 0 || r.force) {
		s.foreseen = append(s.foreseen, report.ClosedAtFirst(first))
	}
	return s, nil
}

// settle plans by a state.
func (s *assessment) settle(state *balance.State) {
	s.state, s.plan = state, balance.PlanMoves(state, s.goal)
	s.forecast = balance.Forecast{Loads: state.Loads(), Held: state.Held()}
}

// nothing plans no move.
func (s *assessment) nothing() {
	s.level, s.plan.Moves, s.plan.From = true, nil, make([]int, len(s.scope.Servers))
}

func (s *assessment) refuse(code balance.RefusalCode, why balance.RefusalReason) {
	s.refusals = append(s.refusals, balance.Refusal{Code: code, Why: why})
}

// request is for the causes of where the accounts' clients are, whatever share of
// them is on one server: the rule is not what is asked for.
func (r *rebalance) request(lists audit.ClientLists) audit.Request {
	p := r.parameters
	p.Accounts = r.accounts
	if r.cluster != "" {
		p.Clusters = []string{r.cluster}
	}
	return audit.Request{Parameters: p, AnyShare: true, Lists: lists, Causes: true, Timeout: r.host.Timeout(), Flags: r.host.Flags()}
}

// gather reads who is there, and chooses the accounts, the cluster and the servers.
func (r *rebalance) gather(ctx context.Context, a *audit.Run, s *assessment) error {
	ctx, cancel := context.WithTimeout(ctx, a.Request.Timeout)
	defer cancel()
	started := time.Now()
	if err := a.Gather(ctx); err != nil {
		return explainSelection(err)
	}
	s.deployment, s.gathered = a.Deployment, time.Since(started)
	named := r.named(s.deployment)
	cluster, err := r.choose(s.deployment, named)
	if err != nil {
		return err
	}
	s.cluster = cluster
	// From here on it is about these, whatever they were called.
	a.Request.Parameters.Clusters = []string{cluster}
	if err := a.Details(ctx, []string{cluster}); err != nil {
		return err
	}
	var ids []string
	for _, account := range named {
		ids = append(ids, account.ID)
	}
	if len(r.accounts) == 0 {
		named = r.everyone(s.deployment, cluster)
	} else {
		a.Request.Parameters.Accounts = ids
	}
	for _, account := range named {
		x := balance.Account{ID: account.ID, Name: account.Name, Rule: r.parameters.For(account)}
		if len(r.accounts) == 0 {
			r.accept(s, &x, account)
		}
		s.scope.Accounts = append(s.scope.Accounts, x)
	}
	s.scope.Cluster, s.scope.Servers = cluster, balance.Members(s.deployment, cluster, ids)
	s.scope.Elsewhere = map[string]string{}
	for i := range s.deployment.Servers {
		if x := &s.deployment.Servers[i]; x.Cluster != cluster {
			s.scope.Elsewhere[x.ID] = x.Cluster
		}
	}
	s.scope.Bound = func(server int, protocol string) bool {
		return balance.Bound(s.deployment, cluster, s.scope.Servers[server].ID, protocol)
	}
	if r.toServer != "" {
		s.goal.To = slices.IndexFunc(s.scope.Servers, func(x balance.Server) bool { return x.Name == r.toServer || x.ID == r.toServer })
		if s.goal.To < 0 {
			var names []string
			for _, x := range s.scope.Servers {
				names = append(names, x.Name)
			}
			return &usageError{err: fmt.Errorf("no server %q of %s reported: pass --to-server one of %s", r.toServer, cmp.Or(cluster, "the cluster"), words.FirstOf(8, names))}
		}
		if to := &s.scope.Servers[s.goal.To]; to.KeptAway {
			to.KeptAway = false
			s.refuse(balance.KeptAway, balance.NotForClients{Server: to.Name})
		}
	}
	return nil
}

// choose is the cluster that was asked for, or the only one in which there is
// something to choose from.
func (r *rebalance) choose(d *checks.Deployment, accounts []checks.Account) (string, error) {
	if r.cluster != "" {
		return r.cluster, nil
	}
	servers, clients := map[string]int{}, map[string]int{}
	for i := range d.Servers {
		server := &d.Servers[i]
		servers[server.Cluster]++
		for _, account := range accounts {
			clients[server.Cluster] += balance.Held(d, server, account.ID)
		}
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
	who := fmt.Sprintf("account %q has", accounts[0].Name)
	if len(accounts) > 1 {
		who = "the accounts have"
	}
	switch {
	case len(several) == 1:
		return several[0], nil
	case len(several) > 1:
		return "", &usageError{err: fmt.Errorf("%s clients in %s clusters: pass --cluster one of %s", who, words.Count(len(several)), words.FirstOf(8, several))}
	case len(all) > 0:
		return all[0], nil
	}
	if slices.ContainsFunc(d.Missing, mayHaveClients) {
		return unreported(d, who)
	}
	return "", fmt.Errorf("%s no client connection: there is nothing to rebalance", who)
}

// mayHaveClients reports whether a server that did not report may have clients.
func mayHaveClients(m checks.Missing) bool { return m.Bound == nil || *m.Bound > 0 }

// unreported is the cluster in which servers that did not report may have the
// clients that nobody else has: what is known of it is said as of one that was asked
// for. An error names the servers where they may be in several.
func unreported(d *checks.Deployment, who string) (string, error) {
	var clusters, missing []string
	for i := range d.Servers {
		cluster := d.Servers[i].Cluster
		if !slices.Contains(clusters, cluster) && slices.ContainsFunc(d.Missing, func(m checks.Missing) bool { return mayHaveClients(m) && m.MayBeIn(cluster) }) {
			clusters = append(clusters, cluster)
		}
	}
	if len(clusters) == 1 {
		return clusters[0], nil
	}
	for _, m := range d.Missing {
		if mayHaveClients(m) && !m.Perhaps { // each once
			missing = append(missing, cmp.Or(m.Name, m.ID, "a server without a name"))
		}
	}
	const shown = 5
	return "", fmt.Errorf("%s no client connection on the servers that reported, and %s did not report (%s): whether there is something to rebalance is unknown",
		who, words.Plural(len(missing), "server"), words.ListUpTo(shown, missing))
}

// look reads the connections. Of those that can't be read it is known how many there
// are.
func (r *rebalance) look(ctx context.Context, nc *nats.Conn, s *assessment, counted *balance.State) error {
	ctx, cancel := context.WithTimeout(ctx, r.host.Timeout())
	defer cancel()
	started := time.Now()
	state, err := balance.Look(ctx, nc, r.host.Timeout(), s.scope)
	s.state, s.looked = state, time.Since(started)
	switch {
	case err != nil && errors.Is(ctx.Err(), context.Canceled):
		return ctx.Err()
	case err != nil:
		text := oneLine(err)
		s.warnings = append(s.warnings, text)
		s.refuse(balance.Coverage, balance.NotRead{Error: text})
		s.unread = counted.Held()
		for a, held := range state.Held() {
			for i, n := range held {
				s.unread[a][i] = max(0, s.unread[a][i]-n)
			}
		}
	}
	return nil
}

// oneLine is the text of an error of which several others may be joined, as of
// several servers: a line break is not shown as one in a sentence.
func oneLine(err error) string {
	var joined interface{ Unwrap() []error }
	if !errors.As(err, &joined) {
		return err.Error()
	}
	var texts []string
	for _, one := range joined.Unwrap() {
		texts = append(texts, one.Error())
	}
	return strings.Join(texts, "; ")
}

// diagnose finds out why the clients are where they are, and refuses what would
// not hold: an account of which all would come back is left out, and refused where
// there is no other.
func (r *rebalance) diagnose(ctx context.Context, a *audit.Run, s *assessment) error {
	ctx, cancel := context.WithTimeout(ctx, a.Request.Timeout)
	defer cancel()
	result, err := a.Explain(ctx)
	if err != nil {
		return err
	}
	s.warnings = append(s.warnings, result.Warnings...)
	s.causes = make([][]cause.Cause, len(s.scope.Accounts))
	stay, unknown := 0, 0
	var notes []balance.Note // of several accounts, each once
	for i := range s.scope.Accounts {
		account := &s.scope.Accounts[i]
		at := slices.IndexFunc(result.Verdict.Findings, func(f checks.Finding) bool { return f.Account.ID == account.ID })
		if at < 0 {
			continue // it has no connections, or there is one server
		}
		diagnosis := result.Explained[at].Diagnosis
		s.causes[i] = diagnosis.Causes
		s.remember(i, diagnosis.History)
		outlook := balance.OutlookOf(*diagnosis, i, s.scope.Servers)
		if r.force {
			for k := range outlook.Services {
				outlook.Services[k].Unproven, outlook.Services[k].Known = false, nil
				if outlook.Services[k].Stays != nil {
					outlook.Services[k].Stays, outlook.Services[k].Unreached = nil, nil
				}
			}
		}
		s.scope.Services = append(s.scope.Services, outlook.Services...)
		// To move other services than those that make the finding is of no use.
		moves := slices.ContainsFunc(outlook.Services, func(x balance.Service) bool { return x.Stays == nil && x.Concentrated })
		if !s.several() {
			s.notes = append(s.notes, report.RebalanceNotes(outlook.Notes)...)
			if !moves || r.force {
				s.refusals = append(s.refusals, outlook.Refusals...)
				s.allReturn = outlook.AllReturn
			}
			continue
		}
		if outlook.Unknown {
			unknown++
		} else {
			notes = append(notes, slices.DeleteFunc(outlook.Notes, func(n balance.Note) bool { return slices.ContainsFunc(notes, n.Equal) })...)
		}
		if len(outlook.Refusals) > 0 && (!moves || r.force) {
			stay++
			if !r.force && account.Stays == nil {
				account.Stays = balance.Concentrated{Code: outlook.Refusals[0].Code, Lost: !outlook.AllReturn && len(diagnosis.Lost()) > 0}
			}
		}
	}
	s.notes = append(s.notes, report.RebalanceNotes(notes)...)
	if stay > 0 && stay == len(s.scope.Accounts) && !r.force {
		s.refuse(balance.NoMoves, balance.AllWouldReturn{})
	}
	if unknown > 0 {
		s.notes = append(s.notes, report.SomeUnknown)
	}
	return nil
}

// remark says what the prediction rests on.
func (s *assessment) remark() {
	lasting, foreseen := report.RebalanceRemarks(s.plan.Remarks(s.state, s.forecast))
	s.notes, s.foreseen = append(s.notes, lasting...), foreseen
	if len(s.plan.Moves) > 0 && len(s.refusals) == 0 {
		s.foreseen = append(s.foreseen, report.Predicted)
	}
}
