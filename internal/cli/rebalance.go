package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/choria-io/fisk"
	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/config"
	balance "github.com/nats-balance/nats-balance/internal/rebalance"
	"github.com/nats-balance/nats-balance/internal/report"
	"github.com/nats-balance/nats-balance/internal/words"
)

// rebalance is `rebalance`.
type rebalance struct {
	host                       Host
	accounts                   []string
	cluster, toServer          string
	apply, yes, force, even    bool
	texts                      struct{ rate, batch, maxMoves, canary string }
	rate, batch, limit, canary int
	expect                     expectFlags
	lists                      clientListFlags
	settings                   settings
	parameters                 checks.Parameters
	accepted                   []checks.Acceptance
	output                     output
	closed                     closures

	in       io.Reader // where the answer to the question comes from
	terminal bool      // whether in is one
	mostCPU  float64   // see [balance.Pace]

	readWithin time.Duration // see [rebalance.read]
}

// Bounds of flags. A thousand clients a second that connect anew are more than
// most servers should be made to bear.
const (
	mostRate  = 1000
	mostBatch = 10_000
)

func newRebalance(h Host) *rebalance {
	return &rebalance{host: h.withDefaults(), rate: 10, batch: 20, parameters: checks.Defaults(), in: os.Stdin, terminal: isTerminal(os.Stdin), readWithin: readWithin}
}

// addRebalance adds `rebalance`.
func addRebalance(parent Commander, h Host) { newRebalance(h).add(parent) }

func (r *rebalance) add(parent Commander) {
	cmd := parent.Command("rebalance", "Moves excess connections of accounts, or of a whole cluster, to other servers")
	cmd.HelpLong(`Closes connections on the servers of a cluster that have more than their even
share, so that the clients connect to others: of one account, of several, or
with --cluster alone of all. The servers become even and no account stays above
its threshold; with --even every account is spread evenly by itself. The cheapest
connections go first, only of services that the plan names, and never more than
the others have room for. Needs a user of the system account.

Clients choose where they go, so it takes 1.3 to 2 times as many closes as there are
connections too many. It moves a batch, checks where the clients went
and how loaded the servers are, and plans again until every server is within a
tenth, or 3 connections, of its even share. It stops when clients come back, all choose one server
or do not reconnect, when a server is overloaded, or when somebody else closes
connections. It leaves out services whose clients would come back, or came straight
back when they were closed before.

A dry run unless --apply is given. Pass what the clients are configured with, as
to audit concentration, so that it can check who would come back.

Exit status: 0 planned, nothing to do, or moved and even; 1 moved and still a
finding or uneven; 3 refused, stopped early or not confirmed.

Examples:

  nats-balance rebalance --account ORDERS
  nats-balance rebalance --account ORDERS --account BILLING --even
  nats-balance rebalance --cluster C1 --canary 5 --apply
  nats-balance rebalance --cluster C1 --to-server C1-n3
  nats-balance rebalance --account ORDERS --cluster C1 --apply
  nats-balance rebalance --account ORDERS --apply --yes --rate 50 --batch 100
  nats-balance rebalance --account ORDERS --max-moves 10 --apply --yes --json`)
	cmd.Tag("scope:system")
	cmd.Tag("impact:rw")
	cmd.Flag("account", "An account, by id or name; can be repeated; without it all of --cluster").PlaceHolder("NAME").StringsVar(&r.accounts)
	cmd.Flag("cluster", "The cluster; required without --account, or where the accounts have clients in several").PlaceHolder("NAME").StringVar(&r.cluster)
	cmd.Flag("to-server", "Only fill this server up to its even share").PlaceHolder("NAME").StringVar(&r.toServer)
	cmd.Flag("even", "Spread every account evenly, not only the servers' loads").UnNegatableBoolVar(&r.even)
	cmd.Flag("apply", "Move the connections, rather than only print the plan").UnNegatableBoolVar(&r.apply)
	cmd.Flag("yes", "Do not ask before moving").UnNegatableBoolVar(&r.yes)
	cmd.Flag("force", "Move even if clients will come back, or servers are missing or have no room").UnNegatableBoolVar(&r.force)
	cmd.Flag("rate", "Connections to move a second (default 10)").PlaceHolder("N").StringVar(&r.texts.rate)
	cmd.Flag("batch", "Connections to move before each check of where the clients went (default 20)").PlaceHolder("N").StringVar(&r.texts.batch)
	cmd.Flag("max-moves", "The most connections to move (default all the excess)").PlaceHolder("N").StringVar(&r.texts.maxMoves)
	cmd.Flag("canary", "First move this many of each service, and continue with services whose clients are all back, on other servers").PlaceHolder("N").StringVar(&r.texts.canary)
	for _, name := range []string{"account", "cluster", "to-server", "rate", "batch", "max-moves", "canary"} {
		cmd.GetFlag(name).Validator(notEmpty(name, "a value"))
	}
	r.expect.serversFlag(cmd)
	r.lists.flags(cmd)
	r.settings.flags(cmd)
	r.output.flags(cmd)
	cmd.Action(func(c *fisk.ParseContext) error { return r.host.action(r.end(), r.run)(c) })
}

func (r *rebalance) validate() error {
	if err := r.host.checkTimeout(); err != nil {
		return err
	}
	if err := r.expect.validate(); err != nil {
		return err
	}
	switch {
	case len(r.accounts) == 0 && r.cluster == "":
		return errors.New("--account and --cluster are missing: pass accounts, or a cluster to move all of its accounts")
	case r.even && r.toServer != "":
		return errors.New("--even and --to-server are both given: pass one of them")
	}
	for _, n := range []struct {
		flag, text string
		to         *int
		low, high  int
	}{
		{"rate", r.texts.rate, &r.rate, 1, mostRate},
		{"batch", r.texts.batch, &r.batch, 1, mostBatch},
		{"max-moves", r.texts.maxMoves, &r.limit, 0, 1_000_000_000},
		{"canary", r.texts.canary, &r.canary, 0, 1000},
	} {
		if err := wholeNumber(n.flag, n.text, n.to); err != nil {
			return err
		}
		if *n.to < n.low || *n.to > n.high {
			return fmt.Errorf("--%s is %d: pass a whole number from %d to %d", n.flag, *n.to, n.low, n.high)
		}
	}
	switch {
	case r.yes && !r.apply:
		return errors.New("--yes is given without --apply: pass both, or neither for a dry run")
	case r.apply && !r.yes && !r.terminal:
		return errors.New("--apply asks before it moves connections, and there is no terminal to ask on: pass --yes")
	}
	return r.output.validate()
}

func (r *rebalance) run(ctx context.Context) error {
	if err := r.validate(); err != nil {
		return &usageError{err: err}
	}
	if err := r.configure(ctx); err != nil {
		return &usageError{err: err}
	}
	lists, err := r.lists.lists(ctx, r.host)
	if err != nil {
		return &usageError{err: err}
	}
	nc, err := r.host.Connect(ctx)
	if err != nil {
		return err
	}
	p := newProgress(r.host.Err)
	lists.Progress = p.read
	s, err := r.plan(ctx, nc, lists)
	p.clear()
	if err != nil {
		return err
	}
	doc := r.document(s, nc)
	if doc.Outcome == string(balance.ResultPlanned) && r.apply {
		switch ok, err := r.confirm(ctx, s, doc); {
		case err != nil:
			return err
		case !ok:
			doc.Outcome = string(balance.ResultDeclined)
		default:
			if err := r.tryOutfile(s, *doc); err != nil {
				return err
			}
			r.move(ctx, nc, s, doc)
		}
	}
	report.FinishRebalance(doc, s.deployment)
	if err := r.write(doc); err != nil { //nolint:contextcheck // the record is written whatever ended the run
		return err
	}
	switch balance.Result(doc.Outcome) { //nolint:exhaustive // the others did not come to an end
	case balance.ResultPlanned, balance.ResultNothingToDo, balance.ResultBalanced:
		return nil
	case balance.ResultFinding, balance.ResultUneven:
		return &OutcomeError{Outcome: checks.OutcomeFinding}
	}
	return &OutcomeError{Outcome: checks.OutcomeIncomplete}
}

// configure takes what the configuration file says.
func (r *rebalance) configure(ctx context.Context) error {
	c, err := r.settings.read(ctx, r.host)
	if err != nil {
		return err
	}
	r.lists.adopt(c)
	r.parameters.Overrides, r.accepted = c.Overrides, c.Accepted
	for flag, n := range c.Thresholds {
		*config.ThresholdOf(&r.parameters, flag) = n
	}
	return nil
}

// tryOutfile writes the plan to --outfile before the first move, so that what is
// done has a place to be written to. It says that it is not the end: it is what is
// left there by a run that is killed, or whose last words can't be written.
func (r *rebalance) tryOutfile(s *assessment, draft report.Rebalance) error {
	if r.output.file == "" {
		return nil
	}
	if _, old, err := outfileTarget(r.output.file); err == nil && old != nil && !old.Mode().IsRegular() {
		return nil // what reads it would get two documents
	}
	draft.Outcome = string(balance.ResultStarted)
	report.FinishRebalance(&draft, s.deployment)
	data, err := r.render(&draft)
	if err == nil {
		err = r.output.put(r.host, data)
	}
	if err != nil {
		return fmt.Errorf("nothing was moved: %w", err)
	}
	return nil
}

func (r *rebalance) render(doc *report.Rebalance) ([]byte, error) {
	var b bytes.Buffer
	var err error
	if r.output.format == "json" {
		err = report.JSON(&b, doc)
	} else {
		err = report.RebalanceText(&b, doc, r.output.style(r.host))
	}
	return b.Bytes(), err
}

// move makes the moves, looks again and says so in the document.
func (r *rebalance) move(ctx context.Context, nc *nats.Conn, s *assessment, doc *report.Rebalance) {
	p := newProgress(r.host.Err)
	result := balance.Apply(ctx, nc, s.scope, s.state, s.goal, balance.Pace{
		Rate: r.rate, Batch: r.batch, Canary: r.canary, Patience: r.host.Timeout(), MostCPU: r.mostCPU, Progress: p.moves, Tried: r.closed.note,
	})
	p.clear()
	s.recordRun(doc, result)
	if anew := r.reconnected(ctx, nc); anew != nil {
		defer anew.Close()
		nc = anew
	}
	after, err := r.again(ctx, nc)
	switch {
	case err != nil && doc.Stop == nil:
		doc.Stopped(balance.Stop{Code: balance.StopNotAudited, Why: balance.NotAudited{Err: err}})
	case err != nil:
		doc.AuditFailed(err)
	default:
		s.expected.Settle(after)
		r.judgeAfter(doc, s, after, r.last(ctx, nc, s, result))
	}
}

// reconnected is a new connection where one was lost, by any of the URLs; nil where it was
// not, or there is none.
func (r *rebalance) reconnected(ctx context.Context, nc *nats.Conn) *nats.Conn {
	if nc.IsConnected() {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.host.Timeout())
	defer cancel()
	defer context.AfterFunc(r.host.Hurry, cancel)() //nolint:contextcheck // a second interrupt, whatever the first ended
	anew, err := r.host.Connect(ctx)
	if err != nil {
		return nil
	}
	return anew
}

// last is who was where at the last look, or now where it takes that to say what is even.
func (r *rebalance) last(ctx context.Context, nc *nats.Conn, s *assessment, run balance.Run) *balance.State {
	last := s.state
	if run.Last != nil {
		now := *run.Last
		now.Services = slices.Clone(now.Services)
		for i, x := range s.state.Services { // what it shows of a server makes the others no more even
			now.Services[i].Unreached = x.Unreached
		}
		last = &now
	}
	if !last.Confined() {
		return last
	}
	ctx, cancel := context.WithTimeout(ctx, r.host.Timeout())
	defer cancel()
	scope := s.scope
	scope.Services = last.Services
	if now, err := balance.Look(ctx, nc, r.host.Timeout(), scope); err == nil {
		return now
	}
	return last
}

// confirm asks, unless the answer is given.
func (r *rebalance) confirm(ctx context.Context, s *assessment, doc *report.Rebalance) (bool, error) {
	if r.yes {
		return true, nil
	}
	shown := *doc
	report.FinishRebalance(&shown, s.deployment)
	if err := report.RebalanceQuestion(r.host.Err, &shown, report.Style{Color: colorful(r.host.Err), Scheme: r.host.Colors()}); err != nil {
		return false, err
	}
	fmt.Fprintf(r.host.Err, "%s [y/N] ", line(shown.Ask()))
	answer := make(chan string, 1)
	go func() { // reading a terminal can't be interrupted; the program ends then
		b := make([]byte, 64)
		n, _ := r.in.Read(b) // what can't be read is no yes
		answer <- string(b[:n])
	}()
	select {
	case a := <-answer:
		return slices.Contains([]string{"y", "yes"}, lowerTrimmed(a)), nil
	case <-ctx.Done():
		return false, errors.New("interrupted before it was confirmed: nothing was moved")
	}
}

// moves shows how far a rebalance is.
func (p *progress) moves(over, of int) {
	if p.w != nil {
		p.last, p.shown = time.Now(), true
		fmt.Fprintf(p.w, "\r\x1b[K%s of %s moves are over", words.Count(over), words.Count(of))
	}
}
