package cli

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	_ "embed" // for the cheat
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/signal"
	"regexp"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/choria-io/fisk"
	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/report"
	"github.com/nats-balance/nats-balance/internal/within"
	"github.com/nats-balance/nats-balance/internal/words"
)

//go:embed cheat.md
var cheat string

// llmHelp is shown with --help-llm, as nats has it.
const llmHelp = `Audits are read only; "rebalance --apply" alone changes something: it closes client connections. Outcomes are pass, finding, critical and incomplete; exit status 0, 1, 2 and 3. Incomplete is not pass: name the missing servers to the user.

A cause has a verdict: confirmed, likely, possible, unknown or ruled-out. Unknown was not tested, and its evidence says what to pass. Use --json for values, and "explain CODE" for what a check or a cause means.

Commands have tags: scope:system takes a user of the system account ("audit concentration" also audits an ordinary account with its own user), scope:user takes none; impact:ro only reads, impact:rw changes something.`

// memoryLimit is from where on memory is freed eagerly, unless the user says.
const memoryLimit = 480 << 20

// keepsMemory is for a command that keeps what it reads: where that is nearly as much as
// memoryLimit, it would be searched for what can be freed all the time.
func keepsMemory() {
	if debug.SetMemoryLimit(-1) == memoryLimit && os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(math.MaxInt64)
	}
}

// crashLoudly has a crash that nobody can recover from, of a goroutine or of the
// runtime, end by a signal: Go's own status for it, 2, means a critical finding.
// There is no dump of memory, which has credentials.
func crashLoudly() {
	noCoreDump()
	debug.SetTraceback("crash")
}

// Run runs the command line as the nats-balance binary and returns its exit
// status. An interrupt ends it at once, a second one without waiting for anything,
// but that what a rebalance did is written; a third one kills it.
func Run(args []string, stdout, stderr io.Writer) int {
	crashLoudly()
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memoryLimit)
	}
	// Where who reads the output has ended, writing it fails, and that is said: the signal
	// would end a rebalance without a word of what it did.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	ends := []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGQUIT}
	if !signal.Ignored(syscall.SIGHUP) { // as with nohup
		ends = append(ends, syscall.SIGHUP) // a session that is lost
	}
	ctx, hurry, stop := signalled(ends...)
	defer stop()
	// The parser writes some pages itself, such as completions: an action ends earlier.
	err, left := within.Context(hurry, grace+2*closing, func() (error, error) {
		return run(Host{Context: ctx, Hurry: hurry, Out: stdout, Err: stderr}, args), nil //nolint:contextcheck // the host has both
	})
	if left != nil {
		err = &stuckError{"it was interrupted again", "the output was not all written"}
	}
	if s := sentence(err); s != "" {
		tell(stderr, errorText(s, lineWidth(stderr)), remaining(err, grace))
	}
	return ExitStatus(err)
}

// ownCommand is a command that an error names.
var ownCommand = regexp.MustCompile(`nats-balance [a-z ]*--help`)

// longestError is how many bytes of an error are shown: it may repeat what a server said.
const longestError = 4 << 10

// errorText is an error in lines of so many columns. What is to be typed stays in one.
func errorText(s string, columns int) string {
	const blank = "\u00a0" // no error has one: line escapes it
	s = ownCommand.ReplaceAllStringFunc("nats-balance: "+words.Shorten(line(s), longestError), func(c string) string { return strings.ReplaceAll(c, " ", blank) })
	return strings.ReplaceAll(report.Folded(s, "  ", columns), blank, " ")
}

// line makes a sentence with strings from outside safe to print as one line.
func line(s string) string {
	fields := strings.FieldsFunc(s, func(r rune) bool { return r == '\n' || r == '\r' })
	for i, f := range fields {
		fields[i] = words.HarmlessText(strings.TrimSpace(f))
	}
	return strings.Join(fields, " ")
}

// terminated is how fisk's own endings (--help, --version, …) leave the parser.
type terminated struct{ status int }

// run runs a command line with the context and the writers of a host; the rest of it
// is what the flags say.
func run(h Host, args []string) (err error) {
	h = h.withDefaults()
	h.args = args
	// The parser does not look whether what it shows can be written, and takes that
	// for a bug. A terminal shows it at its own width, and takes it.
	var shown, said bytes.Buffer
	pages := io.Writer(&shown)
	if isTerminal(h.Out) {
		pages = h.Out
	}
	app, close := newApp(h, pages)
	defer func() {
		if shown.Len() > 0 {
			err = cmp.Or(err, h.page(func() ([]byte, error) { return shown.Bytes(), nil }))
		}
		close(remaining(err, closing))
	}()
	app.ErrorWriter(&said) // before it ends the program
	defer func() {
		switch r := recover().(type) {
		case nil:
		case terminated:
			if r.status != 0 {
				err = &usageError{err: errors.New(strings.TrimSpace(strings.TrimPrefix(said.String(), "nats-balance: error: ")))}
			}
		default:
			err = crash(r, "")
		}
		var usage *usageError
		if errors.As(err, &usage) {
			usage.help = helpFor(app, args)
			err = usage
		}
	}()
	args = standardInput(plainBooleans(app.Model(), args))
	if len(args) == 0 {
		args = []string{"--help"}
	}
	_, err = app.Parse(args)
	if err = nameRefused(app, args, err); isUsage(err) {
		err = &usageError{err: withoutStray(args, allFlags(app), suggest(app, args, err))}
	}
	return err
}

// newApp builds the application; what it shows itself, such as help, goes to pages.
// Close closes the connection it opened, and waits for that as long as it is told.
func newApp(h Host, pages io.Writer) (app *fisk.Application, close func(patience time.Duration)) {
	app = fisk.New("nats-balance", "Finds accounts whose client connections are mostly on one server of a NATS cluster")
	app.Author("The nats-balance authors")
	app.Version(versionLine())
	app.HelpFlag.Short('h')
	app.LLMExtraInformation(llmHelp)
	app.UsageWriter(pages)
	app.Terminate(func(status int) { panic(terminated{status}) })
	app.PreAction(manPage(app, pages))

	c := &connection{}
	c.flags(app)
	var mu sync.Mutex // a command that was left behind may still connect
	var opened []*nats.Conn
	h.Timeout = func() time.Duration { return c.Timeout }
	h.Trace = func() bool { return c.trace }
	h.Colors = func() string { return c.colors }
	h.Connect = func(ctx context.Context) (*nats.Conn, error) {
		connected, err := c.connect(ctx, h.tracef)
		mu.Lock()
		defer mu.Unlock()
		if err == nil {
			opened = append(opened, connected)
		}
		return connected, err
	}
	h.Flags = c.repeated
	h.TLS = func() (*tls.Config, error) { return c.MonitoringTLS(h.Context) }
	h.URLs = c.ServerURLs
	Add(app, h)
	addDemo(app, h)
	app.Cheat("balance", cheatSheet(lineWidth(h.Out)))
	return app, func(patience time.Duration) { //nolint:contextcheck // it closes after an interrupt, too
		mu.Lock()
		defer mu.Unlock()
		if len(opened) == 0 {
			return
		}
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		// It waits for what is being written, or just is left.
		_, _ = within.Context(ctx, 0, func() (struct{}, error) {
			for _, nc := range opened {
				nc.Close()
			}
			return struct{}{}, nil
		})
	}
}

// cheatSheet has its remarks fitted to so many columns, and its commands as they are.
func cheatSheet(columns int) string {
	var b strings.Builder
	for l := range strings.Lines(cheat) {
		if strings.HasPrefix(l, "# ") {
			l = report.Folded(strings.TrimRight(l, "\n"), "# ", columns) + "\n"
		}
		b.WriteString(l)
	}
	return b.String()
}

// Add adds every command but `demo`: `audit concentration`, `audit hotspot`,
// `audit urls`, `audit checks`, `impact`, `rebalance`, `watch`, `history`, `explain`.
func Add(parent Commander, h Host) {
	audit := parent.Command("audit", "Audits how connections are spread over servers")
	AddConcentration(audit, h)
	for _, m := range checks.Measures() {
		addMeasure(audit, h, m)
	}
	addURLs(audit, h)
	addChecks(audit, h)
	addImpact(parent, h)
	addRebalance(parent, h)
	addWatch(parent, h)
	addHistory(parent, h)
	addExplain(parent, h)
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

// standardInput makes "--client-config -" one word, and "--outfile -", which is
// refused: fisk takes a dash alone for an empty text.
func standardInput(args []string) []string {
	var out []string
	for i, a := range args {
		switch {
		case a == "--":
			return append(out, args[i:]...)
		case a == "-" && i > 0 && (args[i-1] == "--client-config" || args[i-1] == "--outfile"):
			out[len(out)-1] += "=-"
		default:
			out = append(out, a)
		}
	}
	return out
}

// nameRefused names the flag or the variable whose value the parser refused:
// its own error has only the value.
func nameRefused(app *fisk.Application, args []string, err error) error {
	if err == nil {
		return nil
	}
	refused := func(f *fisk.FlagModel, value string) bool {
		refusal := f.Value.Set(value)
		return refusal != nil && refusal.Error() == err.Error()
	}
	for name, pass := range map[string]string{
		"timeout": "a duration such as 5s",
		"colors":  "one of " + strings.Join(colorSchemes, ", "),
	} {
		flag := app.GetFlag(name)
		parsed, _ := app.ParseContext(args) // what it can't parse is no value
		for _, e := range parsed.Elements {
			if e.Clause == flag && refused(flag.Model(), *e.Value) {
				return &usageError{err: fmt.Errorf("--%s is %q: pass %s", name, *e.Value, pass)}
			}
		}
		if f := flag.Model(); os.Getenv(f.Envar) != "" && refused(f, os.Getenv(f.Envar)) {
			return &usageError{err: fmt.Errorf("%s is %q: pass %s", f.Envar, os.Getenv(f.Envar), pass)}
		}
	}
	return err
}

// repeats reports whether an error of the parser has an argument in it, or one of its two
// sides: the parser does not say which argument it is about but in its text.
func repeats(err error, arg string) bool {
	name, value, _ := strings.Cut(arg, "=")
	for _, word := range []string{arg, name, value} {
		quoted := strconv.Quote(word)
		if word != "" && (strings.Contains(err.Error(), word) || strings.Contains(err.Error(), quoted[1:len(quoted)-1])) {
			return true
		}
	}
	return false
}

// isUsage tells an error of the parser from one of a command.
func isUsage(err error) bool {
	return err != nil && slices.ContainsFunc([]error{
		fisk.ErrUnknownLongFlag, fisk.ErrUnknownShortFlag, fisk.ErrExpectedFlagArgument, fisk.ErrCommandNotSpecified,
		fisk.ErrSubCommandRequired, fisk.ErrRequiredArgument, fisk.ErrRequiredFlag, fisk.ErrExpectedKnownCommand,
		fisk.ErrFlagCannotRepeat, fisk.ErrUnexpectedArgument,
	}, func(target error) bool { return errors.Is(err, target) })
}

// helpFor names the command that the arguments are for.
func helpFor(app *fisk.Application, args []string) string {
	name := "nats-balance"
	if parsed, _ := app.ParseContext(args); parsed.SelectedCommand != nil { // what it can't parse is no command
		name += " " + parsed.SelectedCommand.FullCommand()
	}
	return name
}
