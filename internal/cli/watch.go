package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/choria-io/fisk"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/audit"
	"github.com/nats-balance/nats-balance/internal/config"
	"github.com/nats-balance/nats-balance/internal/record"
	"github.com/nats-balance/nats-balance/internal/record/history"
	"github.com/nats-balance/nats-balance/internal/record/live"
	"github.com/nats-balance/nats-balance/internal/record/serve"
	"github.com/nats-balance/nats-balance/internal/report"
	"github.com/nats-balance/nats-balance/internal/source/system"
	"github.com/nats-balance/nats-balance/internal/words"
)

// watch is `watch`.
type watch struct {
	host       Host
	parameters checks.Parameters
	numbers    numbers
	// Durations are read as text, so that what is wrong can be said in one sentence.
	hold, reconcile string
	settings        record.Settings
	file            settings
	expect          expectFlags
	store           storeFlags
	listen          listenFlags
	json            bool
	columns         int // of the terminal; 0 elsewhere

	failed error // writing the output
	// began is that what the first full report shows was handed to the store.
	began atomic.Bool
}

// addWatch adds `watch`, which keeps looking.
func addWatch(parent Commander, h Host) {
	a := &watch{host: h.withDefaults(), parameters: checks.Defaults()}
	d := a.parameters
	cmd := parent.Command("watch", "Keeps looking: says when an account begins to lean to one server, and records it")
	cmd.HelpLong(`Follows the servers' own events, so that it sees every client that connects or
leaves, and checks them against a full report of all servers every 5 minutes and
whenever events were lost. Prints a line when an account crosses the threshold of
"audit concentration", when that has lasted for as long as --for says, and when
the account is back; and when a server starts, drains, stops, or does not report any more.

Records what it sees, for "nats-balance history": by default in a directory of
this user, with --store in JetStream of the account of another context. Of several
watches with one such store one records, and another takes over within 10 seconds.

Needs a user of the system account. Only reads. Ctrl-C stops it with exit status
0. Exit status 3: it could not start, or not all of it could be recorded.

Examples:

  nats-balance watch --context system
  nats-balance watch --context system --for 10m --json
  nats-balance watch --context system --store /var/lib/nats-balance --keep 90d
  nats-balance watch --context system --store monitoring --store-replicas 3
  nats-balance watch --context system --listen :9222
  nats-balance watch --context system --account ORDERS --threshold 60 --no-store
  nats-balance watch --context system --config balance.yaml
  nats-balance watch --context system --expect-servers 9`)
	cmd.Tag("scope:system")
	cmd.Tag("impact:ro")
	cmd.Flag("account", "Only check this account, by id or name; can be repeated").PlaceHolder("NAME").StringsVar(&a.parameters.Accounts)
	cmd.Flag("cluster", "Only check this cluster; can be repeated").PlaceHolder("NAME").StringsVar(&a.parameters.Clusters)
	number := func(name, help string, standard int, placeholder string, to *string) {
		cmd.Flag(name, fmt.Sprintf("%s (default %d)", help, standard)).Default(fmt.Sprint(standard)).PlaceHolder(placeholder).Validator(notEmpty(name, "a whole number")).StringVar(to)
	}
	number("threshold", "A server with more than this percentage is a finding", d.ThresholdPercent, "PERCENT", &a.numbers.threshold)
	number("min-servers", "Clusters with fewer servers are not checked", d.MinServers, "N", &a.numbers.minServers)
	number("min-connections", "Accounts with fewer connections in the cluster are not checked", d.MinConnections, "N", &a.numbers.minConnections)
	a.expect.serversFlag(cmd)
	duration(cmd, "for", "How long an account must be above the threshold to be a finding (default 2m)", "2m", &a.hold)
	duration(cmd, "reconcile", "How often to check against a full report of all servers (default 5m)", "5m", &a.reconcile)
	a.store.flags(cmd)
	a.listen.flags(cmd)
	a.file.thresholds(cmd, "threshold", "min-servers", "min-connections")
	cmd.Flag("json", "Print every change as a line of JSON").Short('j').UnNegatableBoolVar(&a.json)
	left := func() string { return "what was recorded may not all be written" }
	cmd.Action(a.host.action(end{left: left}, a.run))
}

// run watches until an interrupt, which is how a watch ends; one before it began is an
// error.
func (a *watch) run(ctx context.Context) error {
	err := a.watch(ctx)
	if errors.Is(err, context.Canceled) {
		return errors.New("interrupted before anything was watched")
	}
	return err
}

func (a *watch) watch(ctx context.Context) error {
	if err := a.validate(ctx); err != nil {
		return &usageError{err: err}
	}
	keepsMemory()
	a.columns = lineWidth(a.host.Out)
	w := record.New(a.settings)
	var store *history.Store
	var alive time.Time
	if !a.store.off {
		var err error
		if store, err = a.store.open(ctx, a.host); err != nil {
			return err
		}
		defer store.Close()
		alive = store.LastAlive(ctx)
		if err := store.Restore(ctx, w); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var writing sync.WaitGroup
	// What follows tells when it ends is recorded too.
	recording, told := context.WithCancel(context.WithoutCancel(ctx))
	defer told()
	events := &watchEvents{store: store}
	if store != nil {
		store.Writing = func(err error) {
			a.recording(err, store.State().Leads)
			events.publish(nil)
		}
	}
	var follow *live.Live
	follow = live.New(w, live.Options{Connect: a.host.Connect, Timeout: a.host.Timeout(), Trace: a.host.tracef, Connected: a.connected, Report: a.expected().Gather, Tell: func(changes []record.Change) {
		begins := false
		for i := range changes {
			if changes[i].Kind == record.Watching {
				begins, changes[i].Since = true, alive
				a.unmatched(follow)
			}
		}
		if store != nil {
			store.Add(changes)
			a.began.CompareAndSwap(false, begins)
		}
		events.publish(changes)
		if a.failed = a.print(changes); a.failed != nil {
			cancel()
		}
	}})
	if store != nil {
		store.Made = func() { a.made(store, follow) }
		store.Inherit = func(ctx context.Context) (bool, error) { return a.inherit(ctx, store, follow) }
		writing.Go(func() {
			store.Run(recording, func(leading bool) {
				a.led(leading)
				events.publish(nil)
			})
		})
	}
	shown := a.shown(ctx, follow, store)
	service, err := a.service(ctx, shown)
	if service != nil {
		defer service.Stop()
		events.to(service)
		writing.Go(func() { service.Run(ctx) })
	}
	var server *serve.Server
	if err == nil {
		server, err = a.listener(shown)
	}
	if err == nil {
		if server != nil {
			writing.Go(func() {
				if err := server.Run(ctx); err != nil {
					a.notice(report.ServingEnded(line(err.Error())))
				}
			})
		}
		err = follow.Run(ctx)
	}
	cancel()
	told()
	writing.Wait()
	switch {
	case a.failed != nil:
		return unwritable(0, a.failed)
	case err != nil:
		return explainWatch(err)
	}
	return unrecorded(store)
}

// expected are the servers that there should be: those that were said to, and those that
// servers have routes and gateways configured to. No address is connected to.
func (a *watch) expected() audit.Expected {
	return audit.Expected{Count: a.expect.count, Names: a.expect.names, NoProbe: true, DNS: true}
}

// unrecorded is the error of a watch that ends with changes that could not be written.
func unrecorded(store *history.Store) error {
	if store == nil {
		return nil
	}
	s := store.State()
	if lost := s.Queued + s.Lost; s.Err != nil && lost > 0 {
		return fmt.Errorf("%s not recorded: %w", words.Plurals(lost, "change was", "changes were"), s.Err)
	}
	return nil
}

func (a *watch) validate(ctx context.Context) error {
	if err := a.host.checkTimeout(); err != nil {
		return err
	}
	for _, n := range []struct {
		flag, text string
		to         *int
	}{
		{"threshold", a.numbers.threshold, &a.parameters.ThresholdPercent},
		{"min-servers", a.numbers.minServers, &a.parameters.MinServers},
		{"min-connections", a.numbers.minConnections, &a.parameters.MinConnections},
	} {
		if err := wholeNumber(n.flag, n.text, n.to); err != nil {
			return err
		}
	}
	c, err := a.file.read(ctx, a.host)
	if err != nil {
		return err
	}
	a.parameters.Overrides, a.settings.Accepted = c.Overrides, c.Accepted
	if a.expect.servers == "" {
		a.expect.servers = c.ExpectServers
	}
	if err := a.expect.validate(); err != nil {
		return err
	}
	for flag := range a.file.given {
		if n, ok := a.file.number(c, flag); ok {
			*config.ThresholdOf(&a.parameters, flag) = n
		}
	}
	if err := a.parameters.Validate(); err != nil {
		return fmt.Errorf("--%w", err)
	}
	if slices.Contains(a.parameters.Accounts, "") || slices.Contains(a.parameters.Clusters, "") {
		return errors.New("--account or --cluster is empty: pass a name")
	}
	a.settings.Parameters = a.parameters
	if a.settings.For, err = readDuration("for", a.hold, 0, 7*24*time.Hour); err != nil {
		return err
	}
	if a.settings.Reconcile, err = readDuration("reconcile", a.reconcile, 10*time.Second, 24*time.Hour); err != nil {
		return err
	}
	if err := a.listen.validate(); err != nil {
		return err
	}
	return a.store.validate()
}

// connected says that the connection is lost, and that it is back.
func (a *watch) connected(is bool, after time.Duration) {
	if is {
		a.notice(report.ConnectedAgain(after))
		return
	}
	a.notice(report.ConnectionLost)
}

// notice writes a sentence that is not of a change.
func (a *watch) notice(sentence string) { fmt.Fprintln(a.host.Err, "nats-balance: "+sentence) }

// lines are how changes are worded. The flags are those that are known once it is connected.
func (a *watch) lines() report.WatchLines {
	return report.WatchLines{Parameters: a.parameters, For: a.settings.For, Store: a.store.shown(), Config: a.file.path, Flags: commandFlags(a.host), Columns: a.columns}
}

// print prints what changed, as far as the format has it.
func (a *watch) print(changes []record.Change) error {
	lines := a.lines()
	for _, c := range changes {
		text := lines.Text(c)
		if a.json {
			var err error
			if text, err = report.WatchJSON(c); err != nil {
				return err
			}
		}
		if text == "" {
			continue
		}
		if _, err := a.host.Out.Write([]byte(text)); err != nil {
			return err
		}
	}
	return nil
}

// explainWatch adds to an error what to pass.
func explainWatch(err error) error {
	var other *system.NotSystemAccountError
	if errors.As(err, &other) {
		return fmt.Errorf("%w: watch follows the events of all servers, which only the system account sees: pass --context or --creds of a user of the system account", other)
	}
	return err
}

// duration adds a flag that takes a duration, with days, as in 30d.
func duration(cmd *fisk.CmdClause, name, help, standard string, to *string) {
	cmd.Flag(name, help).Default(standard).PlaceHolder("DURATION").Validator(notEmpty(name, "a duration such as "+standard)).StringVar(to)
}

// readDuration reads a duration within bounds.
func readDuration(flag, text string, least, most time.Duration) (time.Duration, error) {
	d, err := fisk.ParseDuration(text)
	if err != nil || d < least || d > most {
		return 0, fmt.Errorf("--%s is %q: pass a duration from %s to %s", flag, text, words.Duration(least), words.Duration(most))
	}
	return d, nil
}
