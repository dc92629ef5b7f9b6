package plugin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/choria-io/fisk"
	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/internal/report"
)

// Run runs the command line as the nats-balance binary and returns its exit
// status. An interrupt ends it at once; a second one kills it.
func Run(args []string, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
	err := run(ctx, args, stdout, stderr)
	if s := sentence(err); s != "" {
		fmt.Fprintf(stderr, "nats-balance: %s\n", line(s))
	}
	return ExitStatus(err)
}

// line makes a sentence with strings from outside safe to print as one line.
func line(s string) string {
	fields := strings.FieldsFunc(s, func(r rune) bool { return r == '\n' || r == '\r' })
	for i, f := range fields {
		fields[i] = report.HarmlessText(strings.TrimSpace(f))
	}
	return strings.Join(fields, " ")
}

// terminated is how fisk's own endings (--help, --version, …) leave the parser.
type terminated struct{ status int }

func run(ctx context.Context, args []string, stdout, stderr io.Writer) (err error) {
	app, c, close := newApp(ctx, stdout, stderr)
	defer close()
	defer func() {
		switch r := recover().(type) {
		case nil:
		case terminated:
			if r.status != 0 {
				err = &usageError{errors.New("wrong usage"), "nats-balance"}
			}
		default:
			panic(r)
		}
	}()
	args = plainBooleans(app.Model(), args)
	if len(args) == 0 {
		return &usageError{errors.New("no command given"), "nats-balance"}
	}
	app.PreAction(func(*fisk.ParseContext) error {
		if c.timeout <= 0 {
			return &usageError{fmt.Errorf("--timeout is %s: pass more than 0, such as 5s", c.timeout), "nats-balance"}
		}
		return nil
	})
	_, err = app.Parse(args)
	if isUsage(err) {
		err = &usageError{err, helpFor(app.Model(), args)}
	}
	return err
}

// newApp builds the application; close closes the connection it opened.
func newApp(ctx context.Context, stdout, stderr io.Writer) (app *fisk.Application, c *connection, close func()) {
	app = fisk.New("nats-balance", "Finds accounts whose client connections sit mostly on one server of a NATS cluster")
	app.Author("The nats-balance authors")
	app.Version(versionLine())
	app.HelpFlag.Short('h')
	app.UsageWriter(stdout).ErrorWriter(stderr)
	app.Terminate(func(status int) { panic(terminated{status}) })

	c = &connection{}
	c.flags(app)
	var nc *nats.Conn
	h := Host{
		Context: ctx, Out: stdout, Err: stderr,
		Timeout: func() time.Duration { return c.timeout },
		Trace:   func() bool { return c.trace },
		Colors:  func() string { return c.colors },
	}
	h.Connect = func(ctx context.Context) (_ *nats.Conn, err error) {
		nc, err = c.connect(ctx, h.tracef)
		return nc, err
	}
	Add(app, h)
	addDemo(app, h)
	return app, c, func() {
		if nc != nil {
			nc.Close()
		}
	}
}

// Add adds every command that audits: `audit concentration`, `audit checks`.
func Add(parent Commander, h Host) {
	audit := parent.Command("audit", "Audits how connections are spread over servers")
	AddConcentration(audit, h)
	addChecks(audit, h)
}

// plainBooleans rewrites --flag=true and --flag=false, which is how a plugin
// host forwards its boolean globals and which fisk reads as a flag and a stray
// word.
func plainBooleans(model *fisk.ApplicationModel, args []string) []string {
	negatable := map[string]bool{}
	collect := func(group *fisk.FlagGroupModel) {
		if group == nil {
			return
		}
		for _, f := range group.Flags {
			if f.Boolean {
				negatable[f.Name] = f.Negatable
			}
		}
	}
	collect(model.FlagGroupModel)
	var walk func(*fisk.CmdGroupModel)
	walk = func(g *fisk.CmdGroupModel) {
		if g == nil {
			return
		}
		for _, c := range g.Commands {
			collect(c.FlagGroupModel)
			walk(c.CmdGroupModel)
		}
	}
	walk(model.CmdGroupModel)
	var out []string
	for i, a := range args {
		if a == "--" {
			return append(out, args[i:]...)
		}
		name, value, assigned := strings.Cut(strings.TrimPrefix(a, "--"), "=")
		canNegate, boolean := negatable[name]
		switch {
		case !strings.HasPrefix(a, "--") || !assigned || !boolean || (value != "true" && value != "false"):
			out = append(out, a)
		case value == "true":
			out = append(out, "--"+name)
		case canNegate:
			out = append(out, "--no-"+name)
		}
	}
	return out
}

// isUsage tells an error of the parser from one of a command.
func isUsage(err error) bool {
	return err != nil && slices.ContainsFunc([]error{
		fisk.ErrUnknownLongFlag, fisk.ErrUnknownShortFlag, fisk.ErrExpectedFlagArgument, fisk.ErrCommandNotSpecified,
		fisk.ErrSubCommandRequired, fisk.ErrRequiredArgument, fisk.ErrRequiredFlag, fisk.ErrExpectedKnownCommand,
		fisk.ErrFlagCannotRepeat, fisk.ErrUnexpectedArgument,
	}, func(target error) bool { return errors.Is(err, target) })
}

// helpFor names the command that the arguments begin with.
func helpFor(model *fisk.ApplicationModel, args []string) string {
	name, group := "nats-balance", model.CmdGroupModel
	for _, a := range args {
		if group == nil {
			break
		}
		at := slices.IndexFunc(group.Commands, func(c *fisk.CmdModel) bool { return c.Name == a })
		if at >= 0 {
			name += " " + a
			group = group.Commands[at].CmdGroupModel
		}
	}
	return name
}
