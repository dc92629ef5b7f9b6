package cli

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/choria-io/fisk"
	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/internal/lab"
	"github.com/nats-balance/nats-balance/internal/report"
	"github.com/nats-balance/nats-balance/internal/words"
)

// demoStart is the longest that the servers of a demo may take to start.
const demoStart = 30 * time.Second

// demoStop is how long they may take to stop after an interrupt.
const demoStop = 8 * time.Second

// firstScenario shows a finding and its cause, on any machine.
const firstScenario = "single-url"

// demo is `demo`: it starts a real cluster here and audits that.
type demo struct {
	host       Host
	name       string
	keep, list bool
	output     output
}

func addDemo(parent Commander, h Host) {
	d := &demo{host: h.withDefaults()}
	c := parent.Command("demo", "Audits a real cluster that it starts on this machine")
	c.HelpLong(`Starts real embedded servers and clients on loopback, a load balancer and a DNS
server where the scenario has one, audits them through the system account with
what an operator would pass, and stops them again. Exits with 0 where the demo
worked, also if the audit has findings. Scenarios with several addresses need Linux.

Examples:

  nats-balance demo
  nats-balance demo --list
  nats-balance demo --scenario restart-drift
  nats-balance demo --keep`)
	c.Tag("scope:user")
	c.Tag("impact:ro")
	c.Flag("scenario", fmt.Sprintf("What to show, see --list (default %s)", firstScenario)).Default(firstScenario).PlaceHolder("NAME").HintAction(scenarios).StringVar(&d.name)
	c.Flag("list", "List the scenarios").UnNegatableBoolVar(&d.list)
	c.Flag("keep", "Keep the servers up until interrupted and print commands to try").UnNegatableBoolVar(&d.keep)
	d.output.flags(c, report.Formats()...)
	d.output.detailsFlag(c)
	left := func() string { return "the demo did not end" }
	c.Action(d.host.action(end{interrupted: demoStop, left: left}, d.run))
}

// scenarios are the names of all, for shells to complete.
func scenarios() []string {
	var names []string
	for _, s := range lab.Catalogue() {
		names = append(names, s.Name)
	}
	return names
}

func (d *demo) run(ctx context.Context) error {
	all := lab.Catalogue()
	if d.list {
		var b bytes.Buffer
		for _, s := range all {
			fmt.Fprintf(&b, "%s (%s)\n", s.Name, cmp.Or(string(s.Cause), "no finding"))
			d.host.wrap(&b, "    ", s.Title)
		}
		return unwritable(b.WriteTo(d.host.Out))
	}
	at := slices.IndexFunc(all, func(s lab.Scenario) bool { return s.Name == d.name })
	if at < 0 {
		return &usageError{err: fmt.Errorf("there is no scenario %q: pass --scenario with a name that demo --list shows", d.name)}
	}
	if err := d.host.checkTimeout(); err != nil {
		return &usageError{err: err}
	}
	if err := d.output.validate(); err != nil {
		return &usageError{err: err}
	}
	starting, cancel := context.WithTimeout(ctx, demoStart)
	defer cancel()
	st, err := lab.StartStage(starting, all[at])
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if !lab.HasManyAddresses(ctx) {
			return fmt.Errorf("the demo's servers on loopback did not start: %w: of 127.0.0.0/8 this machine has 127.0.0.1 alone, and some scenarios take more, which Linux has: pass another --scenario", err)
		}
		return fmt.Errorf("the demo's servers on loopback did not start: %w", err)
	}
	defer st.Stop()
	if err := d.audit(ctx, st); err != nil {
		return err
	}
	if d.keep {
		d.commands(st)
		<-ctx.Done()
	}
	return nil
}

// audit runs the command that audits with what an operator would pass, and
// with a connection of its own: the flags and variables of the user's own
// cluster have no business here.
func (d *demo) audit(ctx context.Context, st *lab.Stage) error {
	nc, err := nats.Connect(st.SystemURL(), nats.Name(connectionName()), nats.Timeout(d.host.Timeout()))
	if err != nil {
		return fmt.Errorf("connecting to the demo's cluster: %w", err)
	}
	defer nc.Close()
	args := append([]string{"concentration", "--format", d.output.format}, st.Args...)
	if d.output.details {
		args = append(args, "--details")
	}
	if d.output.file != "" {
		args = append(args, "--outfile", d.output.file)
	}
	if d.output.format == "text" && d.output.file == "" {
		passed := "nothing about the clients"
		if len(st.Args) > 0 {
			passed = strings.Join(st.Args, " ")
		}
		d.host.wrap(d.host.Out, "", fmt.Sprintf("Demo %s: %s.", st.Scenario.Name, st.Scenario.Title))
		d.host.wrap(d.host.Out, "", words.Count(len(st.Servers()))+" real servers on loopback, real clients. Passed to the audit:")
		fmt.Fprintf(d.host.Out, "  %s\n\n", passed)
	}
	h := d.host
	h.Context = ctx
	h.Connect = func(context.Context) (*nats.Conn, error) { return nc, nil }
	// What is printed never leads to the user's own cluster, and where this one stays, to it.
	h.Flags = func() string { return "--no-context" }
	if d.keep {
		h.Flags = func() string { return demoFlags(st) }
	}
	app := fisk.New("demo", "")
	AddConcentration(app, h) //nolint:contextcheck // h has it
	var outcome *OutcomeError
	if _, err := app.Parse(args); err != nil && !errors.As(err, &outcome) {
		return err
	}
	return nil
}

// demoFlags are the connection flags that lead to the demo's cluster. Its password is no
// secret.
func demoFlags(st *lab.Stage) string {
	address := ""
	if s := st.FirstRunning(); s != nil {
		address = s.Addr()
	}
	return "--no-context --server " + address + " --user " + lab.UserOf(lab.SystemAccount) + " --password " + lab.Password
}

// commands prints what to try against the cluster while it is up.
func (d *demo) commands(st *lab.Stage) {
	flags := demoFlags(st)
	fmt.Fprintf(d.host.Err, `
The cluster stays up until you press Ctrl-C. Try in another terminal:

  nats-balance audit concentration %[1]s %[2]s
  nats-balance audit concentration %[1]s --json
  nats-balance audit concentration %[1]s --threshold 95 --all
  nats-balance rebalance %[1]s --account %[3]s %[2]s
  nats %[1]s server report connections
`, flags, strings.Join(st.Args, " "), cmp.Or(st.Scenario.Finding.Account, "ORDERS"))
}
