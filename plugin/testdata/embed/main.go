// Command embed is another application with commands of its own that adds
// nats-balance's, as the nats CLI could.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/choria-io/fisk"
	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/plugin"
)

func main() { os.Exit(run(os.Args[1:])) }

func run(args []string) int {
	var opts struct {
		servers string
		timeout time.Duration
		trace   bool
	}
	app := fisk.New("nats", "NATS Utility")
	app.UsageWriter(os.Stdout)
	app.HelpFlag.Short('h')
	app.Flag("server", "NATS server urls").Short('s').Envar("NATS_URL").StringVar(&opts.servers)
	app.Flag("timeout", "Time to wait on responses from NATS").Default("5s").DurationVar(&opts.timeout)
	app.Flag("trace", "Trace API interactions").UnNegatableBoolVar(&opts.trace)

	audit := app.Command("audit", "Audit a NATS deployment")
	audit.Command("gather", "Capture a variety of data from a deployment into an archive file").Action(func(*fisk.ParseContext) error {
		_, err := fmt.Fprintln(os.Stdout, "gathered")
		return err
	})
	var nc *nats.Conn
	defer func() { nc.Close() }()
	plugin.AddConcentration(audit, plugin.Host{
		Connect: func(context.Context) (_ *nats.Conn, err error) {
			nc, err = nats.Connect(opts.servers)
			return nc, err
		},
		Timeout: func() time.Duration { return opts.timeout },
		Trace:   func() bool { return opts.trace },
	})

	_, err := app.Parse(args)
	var outcome *plugin.OutcomeError
	if err != nil && !errors.As(err, &outcome) {
		fmt.Fprintf(os.Stderr, "nats: error: %v\n", err)
	}
	return plugin.ExitStatus(err)
}
