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

	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/checks"
	balance "github.com/nats-balance/nats-balance/internal/rebalance"
	"github.com/nats-balance/nats-balance/internal/report"
	"github.com/nats-balance/nats-balance/internal/source"
	"github.com/nats-balance/nats-balance/internal/source/system"
	"github.com/nats-balance/nats-balance/internal/words"
)

// rebalance is `rebalance`.
type rebalance struct {
	host               Host
	account, cluster   string
	apply, yes, force  bool
	texts              struct{ rate, batch, maxMoves string }
	rate, batch, limit int
	lists              clientListFlags
	output             output

	in       io.Reader // where the answer to the question comes from
	terminal bool      // whether in is one
	mostCPU  float64   // see [balance.Pace]
}

// Bounds of flags. A thousand clients a second that connect anew are more than
// most servers should be made to bear.
const (
	mostRate  = 1000
	mostBatch = 10_000
)

func newRebalance(h Host) *rebalance {
	return &rebalance{host: h.withDefaults(), rate: 10, batch: 20, in: os.Stdin, terminal: isTerminal(os.Stdin)}
}

// addRebalance adds `rebalance`.
func addRebalance(parent Commander, h Host) { newRebalance(h).add(parent) }

func (r *rebalance) add(parent Commander) {
	cmd := parent.Command("rebalance", "Moves an account's excess connections to other servers")
	cmd.HelpLong(`Closes connections of one account on the servers of a cluster that have more
than their even share, so that the clients connect to others. Only the excess is
moved, what costs least first, and never more than the others have room for.
After every batch it looks where the clients went and how the servers do, and
stops when they come back or a server suffers. Needs a user of the system
account.

A dry run unless --apply is given. Refuses what would not hold: pass what the
clients are configured with, as to audit concentration, so that it can be told.

Exit status: 0 planned, nothing to do, or moved and no finding is left; 1 moved
and still a finding; 3 refused, stopped early or not confirmed.

Examples:

  nats-balance rebalance --account ORDERS
  nats-balance rebalance --account ORDERS --cluster C1 --apply
  nats-balance rebalance --account ORDERS --apply --yes --rate 50 --batch 100
  nats-balance rebalance --account ORDERS --max-moves 10 --apply --yes --json`)
	cmd.Tag("scope:system")
	cmd.Tag("impact:rw")
	cmd.Flag("account", "The account, by id or name; required").PlaceHolder("NAME").StringVar(&r.account)
	cmd.Flag("cluster", "The cluster; required where the account has clients in several").PlaceHolder("NAME").StringVar(&r.cluster)
	cmd.Flag("apply", "Move the connections rather than only say which").UnNegatableBoolVar(&r.apply)
	cmd.Flag("yes", "Do not ask before moving").UnNegatableBoolVar(&r.yes)
	cmd.Flag("force", "Move although clients will come back, servers are missing or have no room").UnNegatableBoolVar(&r.force)
	cmd.Flag("rate", "Connections to move a second (default 10)").PlaceHolder("N").StringVar(&r.texts.rate)
	cmd.Flag("batch", "Connections to move between two looks (default 20)").PlaceHolder("N").StringVar(&r.texts.batch)
	cmd.Flag("max-moves", "The most connections to move (default all the excess)").PlaceHolder("N").StringVar(&r.texts.maxMoves)
	for _, name := range []string{"account", "cluster", "rate", "batch", "max-moves"} {
		cmd.GetFlag(name).Validator(notEmpty(name, "a value"))
	}
	r.lists.flags(cmd)
	r.output.flags(cmd)
	// What was done until an interrupt is still written.
	cmd.Action(r.host.action(end{interrupted: r.host.Timeout}, r.run))
}

func (r *rebalance) validate() error {
	if err := r.host.checkTimeout(); err != nil {
		return err
	}
	if r.account == "" {
		return errors.New("--account is missing: pass the id or the name of an account")
	}
	for _, n := range []struct {
		flag, text string
		to         *int
		low, high  int
	}{
		{"rate", r.texts.rate, &r.rate, 1, mostRate},
		{"batch", r.texts.batch, &r.batch, 1, mostBatch},
		{"max-moves", r.texts.maxMoves, &r.limit, 0, 1_000_000_000},
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
		return errors.New("--yes is for --apply: pass both, or none for a dry run")
	case r.apply && !r.yes && !r.terminal:
		return errors.New("--apply asks before it moves connections, and there is no terminal to ask on: pass --yes")
	}
	return r.output.validate()
}

func (r *rebalance) run(ctx context.Context) error {
	if err := r.validate(); err != nil {
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
	s, err := r.plan(ctx, nc, lists)
	if err != nil {
		return err
	}
	doc := r.document(s, nc)
	if doc.Outcome == "planned" && r.apply {
		switch ok, err := r.confirm(ctx, s); {
		case err != nil:
			return err
		case !ok:
			doc.Outcome = "declined"
		default:
			if err := r.tryOutfile(s, *doc); err != nil {
				return err
			}
			r.move(ctx, nc, s, doc)
		}
	}
	report.FinishRebalance(doc, s.deployment, s.causes)
	if err := r.write(doc); err != nil {
		return err
	}
	switch doc.Outcome {
	case "planned", "nothing-to-do", "balanced":
		return nil
	case "finding":
		return &OutcomeError{Outcome: checks.OutcomeFinding}
	}
	return &OutcomeError{Outcome: checks.OutcomeIncomplete}
}

// tryOutfile writes the plan to --outfile before the first move, so that what is
// done has a place to be written to.
func (r *rebalance) tryOutfile(s *assessment, draft report.Rebalance) error {
	if r.output.file == "" {
		return nil
	}
	if _, old, err := outfileTarget(r.output.file); err == nil && old != nil && !old.Mode().IsRegular() {
		return nil // what reads it would get two documents
	}
	report.FinishRebalance(&draft, s.deployment, s.causes)
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

// write writes the document, to stdout where --outfile can't be written: what was
// done must not be lost.
func (r *rebalance) write(doc *report.Rebalance) error {
	data, err := r.render(doc)
	if err != nil {
		return err
	}
	err = r.output.put(r.host, data)
	if err != nil && r.output.file != "" {
		elsewhere := r.output
		elsewhere.file = ""
		err = errors.Join(err, elsewhere.put(r.host, data))
	}
	return err
}

// move makes the moves, looks again and says so in the document.
func (r *rebalance) move(ctx context.Context, nc *nats.Conn, s *assessment, doc *report.Rebalance) {
	p := newProgress(r.host.Err)
	result := balance.Apply(ctx, nc, s.account.ID, s.cluster, s.plan, balance.Pace{
		Rate: r.rate, Batch: r.batch, Patience: r.host.Timeout(), MostCPU: r.mostCPU, Progress: p.moves,
	})
	p.clear()
	recordRun(doc, result)
	after, err := r.again(ctx, nc)
	switch {
	case err != nil && doc.Stop == nil:
		doc.Outcome, doc.Stop = "stopped", &report.RebalanceStop{Code: "not-audited", Text: "The audit afterwards failed: " + err.Error() + "."}
	case err != nil:
		doc.Warnings = append(doc.Warnings, "the servers could not be audited afterwards: "+err.Error())
	default:
		doc.Outcome = judgeAfter(doc, s, after)
	}
}

// again gathers anew. A context that was cancelled stays so: who interrupts has
// waited long enough.
func (r *rebalance) again(ctx context.Context, nc *nats.Conn) (*checks.Deployment, error) {
	if err := ctx.Err(); err != nil {
		return nil, errors.New("it was interrupted")
	}
	ctx, cancel := context.WithTimeout(ctx, r.host.Timeout())
	defer cancel()
	return system.New(nc, source.Options{Timeout: r.host.Timeout()}).Deployment(ctx)
}

// confirm asks, unless the answer is given.
func (r *rebalance) confirm(ctx context.Context, s *assessment) (bool, error) {
	if r.yes {
		return true, nil
	}
	var from []string
	for _, p := range s.plan.Servers {
		if p.Moves > 0 {
			from = append(from, p.Name)
		}
	}
	off := fmt.Sprintf("%d servers", len(from))
	if len(from) == 1 {
		off = from[0]
	}
	for _, refusal := range s.refusals {
		fmt.Fprintf(r.host.Err, "Forced: %s\n", line(refusal.Text))
	}
	fmt.Fprintf(r.host.Err, "%s [y/N] ", line(fmt.Sprintf("Move %s of %s off %s?", words.Plural(len(s.plan.Moves), "connection"), s.account.Name, off)))
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
		return false, ctx.Err()
	}
}

// moves shows how far a rebalance is.
func (p *progress) moves(over, of int) {
	if p.w != nil {
		p.last, p.shown = time.Now(), true
		fmt.Fprintf(p.w, "\r\x1b[K%d of %d moves are over", over, of)
	}
}
