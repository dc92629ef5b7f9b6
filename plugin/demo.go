package plugin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/choria-io/fisk"
	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/lab"
)

// demoStart is the longest that the servers of a demo may take to start.
const demoStart = 30 * time.Second

// demo is `demo`: it starts a real cluster here and audits that.
type demo struct {
	host       Host
	name       string
	keep, list bool
	output     output
}

func addDemo(parent Commander, h Host) {
	d := &demo{host: h.withDefaults()}
	cmd := parent.Command("demo", "Audits a real cluster that it starts on this machine")
	cmd.HelpLong(`Starts real embedded servers and clients on loopback, audits them through the
system account, and stops them again. Exits with 0 where the demo worked,
whatever the audit found.

Examples:

  nats-balance demo
  nats-balance demo --list
  nats-balance demo --scenario supercluster
  nats-balance demo --keep`)
	cmd.Tag("scope:user")
	cmd.Tag("impact:ro")
	cmd.Flag("scenario", fmt.Sprintf("What to show, see --list (default %s)", lab.Scenarios()[0].Name)).Default(lab.Scenarios()[0].Name).PlaceHolder("NAME").StringVar(&d.name)
	cmd.Flag("list", "List the scenarios").UnNegatableBoolVar(&d.list)
	cmd.Flag("keep", "Keep the servers up until interrupted and print commands to try").UnNegatableBoolVar(&d.keep)
	d.output.flags(cmd)
	cmd.Action(func(*fisk.ParseContext) error { return d.run(d.host.Context) })
}

func (d *demo) run(ctx context.Context) error {
	if d.list {
		var b strings.Builder
		for _, s := range lab.Scenarios() {
			fmt.Fprintf(&b, "%-14s %s\n", s.Name, s.Title)
		}
		_, err := io.WriteString(d.host.Out, b.String())
		return err
	}
	scenario, ok := lab.FindScenario(d.name)
	if !ok {
		var names []string
		for _, s := range lab.Scenarios() {
			names = append(names, s.Name)
		}
		return &usageError{err: fmt.Errorf("there is no scenario %q: pass --scenario one of %s", d.name, strings.Join(names, ", "))}
	}
	audit := &concentration{host: d.host, parameters: checks.Defaults(), output: d.output}
	if err := audit.validate(); err != nil {
		return &usageError{err: err}
	}
	starting, cancel := context.WithTimeout(ctx, demoStart)
	defer cancel()
	l, err := lab.StartScenario(starting, scenario)
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return fmt.Errorf("the demo's servers on loopback did not start: %w", err)
	}
	defer l.Stop()
	if err := d.audit(ctx, audit, l, scenario); err != nil {
		return err
	}
	if d.keep {
		d.commands(l)
		<-ctx.Done()
	}
	return nil
}

// audit runs the command that audits against the lab, with its defaults.
func (d *demo) audit(ctx context.Context, a *concentration, l *lab.Lab, s lab.Scenario) error {
	nc, err := nats.Connect(l.SystemURL(), nats.Name("nats-balance "+Version()), nats.Timeout(d.host.Timeout()))
	if err != nil {
		return fmt.Errorf("connecting to the demo's cluster: %w", err)
	}
	defer nc.Close()
	if a.output.format == "text" && a.output.file == "" {
		fmt.Fprintf(d.host.Out, "Demo %s: %s.\n%d real servers on loopback, real clients.\n\n", s.Name, s.Title, len(l.Servers()))
	}
	a.host.Connect = func(context.Context) (*nats.Conn, error) { return nc, nil }
	var outcome *OutcomeError
	if err := a.run(ctx); err != nil && !errors.As(err, &outcome) {
		return err
	}
	return nil
}

// commands prints what to try against the cluster while it is up.
func (d *demo) commands(l *lab.Lab) {
	url := l.SystemURL()
	fmt.Fprintf(d.host.Err, `
The cluster stays up until you press Ctrl-C. Try in another terminal:

  nats-balance audit concentration --no-context --server %[1]s
  nats-balance audit concentration --no-context --server %[1]s --json
  nats-balance audit concentration --no-context --server %[1]s --threshold 95 --all
  nats --no-context --server %[1]s server report connections
`, url)
}
