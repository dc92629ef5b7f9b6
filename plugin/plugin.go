package plugin

import (
	"context"
	"crypto/tls"
	"io"
	"time"

	"github.com/choria-io/fisk"
	"github.com/nats-io/jsm.go/audit"
	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/internal/cli"
)

// Host is what the commands need of the application that they are part of.
type Host struct {
	// Connect opens a connection, for the system account; a new one with each
	// call, as watch takes two. It stays the host's to close. Required.
	Connect func(context.Context) (*nats.Conn, error)
	// URLs, if set, returns the server URLs that Connect would use, separated by
	// commas, without connecting.
	URLs func(context.Context) (string, error)
	// Flags, if set, returns the flags of the connection to repeat in commands
	// that are printed, quoted for a shell and without secrets, such as
	// "--context system". It is called after the flags are parsed.
	Flags func() string
	// TLS, if set, returns the configuration for HTTPS monitoring ports:
	// authorities and a client certificate. Default Go's own. It is called after
	// the flags are parsed.
	TLS func() (*tls.Config, error)
	// Timeout is the longest wait for answers; it is called after the flags
	// are parsed. Default 5 seconds.
	Timeout func() time.Duration
	// Context ends what a command does. Default [context.Background].
	Context context.Context
	// Hurry ends when whoever interrupted a command does so again: it waits for
	// nothing more, but `rebalance` still writes what it did. Default never.
	Hurry context.Context
	// Out gets the output, Err progress and traces. Default os.Stdout and
	// os.Stderr.
	Out, Err io.Writer
	// Trace, if set and true, traces requests and replies to Err; it is called
	// after the flags are parsed.
	Trace func() bool
	// Colors, if set, names the colour scheme of the nats CLI to use.
	Colors func() string
}

// Commander is a fisk application or a command of one.
type Commander interface {
	Command(name, help string) *fisk.CmdClause
}

// Run runs the command line as the nats-balance binary and returns its exit
// status. An interrupt ends it at once, a second one without waiting for anything,
// but that what a rebalance did is written; a third one kills it.
func Run(args []string, stdout, stderr io.Writer) int { return cli.Run(args, stdout, stderr) }

// Add adds every command but `demo`: `audit concentration`, `audit hotspot`,
// `audit urls`, `audit checks`, `impact`, `rebalance`, `watch`, `history`, `explain`.
func Add(parent Commander, h Host) { cli.Add(parent, h.host()) }

// AddConcentration adds the command `concentration` to a command of a host.
func AddConcentration(parent Commander, h Host) { cli.AddConcentration(parent, h.host()) }

// RegisterChecks adds the checks to a collection of jsm.go. Their thresholds are
// configuration items, named as the flags with an underscore for the hyphen.
//
// A finding is a warning, one at or above `critical` a failure: the severity of
// the checks is info. Every finding is an example, one of concentration with its
// first cause. Where the archive lacks a server that could overturn a verdict, a
// check is skipped, with the reason as its error, never passed.
func RegisterChecks(c *audit.CheckCollection) error { return cli.RegisterChecks(c) }

// OutcomeError says that an audit ran, wrote its whole output, and came to an
// outcome other than pass, which its field Outcome has. There is nothing left to
// print.
type OutcomeError = cli.OutcomeError

// ExitStatus returns the status to exit with for the error of a command: 0
// audited and no finding, 1 a finding, 2 a finding at or above --critical, 3 not
// audited or not completely.
func ExitStatus(err error) int { return cli.ExitStatus(err) }

// Version returns the version of this build: the release, or what the Go
// toolchain recorded, or "development".
func Version() string { return cli.Version() }

func (h Host) host() cli.Host {
	return cli.Host{Connect: h.Connect, URLs: h.URLs, Flags: h.Flags, TLS: h.TLS, Timeout: h.Timeout, Context: h.Context, Hurry: h.Hurry,
		Out: h.Out, Err: h.Err, Trace: h.Trace, Colors: h.Colors}
}
