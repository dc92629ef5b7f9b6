package plugin

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/choria-io/fisk"
	"github.com/nats-io/nats.go"
)

// Host is what the commands need of the application that they are part of.
type Host struct {
	// Connect opens a connection, for the system account. It stays the
	// host's to close. Required.
	Connect func(context.Context) (*nats.Conn, error)
	// URLs, if set, gives the server URLs that Connect would use, separated by
	// commas, without connecting.
	URLs func(context.Context) (string, error)
	// Flags, if set, gives the flags of the connection to repeat in commands that
	// are printed, quoted for a shell and without secrets, such as
	// "--context system". It is called after the flags are parsed.
	Flags func() string
	// TLS, if set, gives the configuration for HTTPS monitoring ports: authorities
	// and a client certificate. Default Go's own. It is called after the flags are
	// parsed.
	TLS func() (*tls.Config, error)
	// Timeout is the longest wait for answers; it is called after the flags
	// are parsed. Default 5 seconds.
	Timeout func() time.Duration
	// Context ends what a command does. Default [context.Background].
	Context context.Context
	// Out gets the output, Err progress and traces. Default os.Stdout and
	// os.Stderr.
	Out, Err io.Writer
	// Trace, if set and true, traces requests and replies to Err; it is called
	// after the flags are parsed.
	Trace func() bool
	// Colors, if set, names the colour scheme of the nats CLI to use.
	Colors func() string

	tracing *sync.Mutex // a line of trace at a time
}

// Commander is a fisk application or a command of one.
type Commander interface {
	Command(name, help string) *fisk.CmdClause
}

func (h Host) withDefaults() Host {
	if h.tracing == nil {
		h.tracing = &sync.Mutex{}
	}
	if h.Timeout == nil {
		h.Timeout = func() time.Duration { return 5 * time.Second }
	}
	if h.TLS == nil {
		h.TLS = func() (*tls.Config, error) { return nil, nil }
	}
	if h.Flags == nil {
		h.Flags = func() string { return "" }
	}
	if h.Context == nil {
		h.Context = context.Background()
	}
	if h.Out == nil {
		h.Out = os.Stdout
	}
	if h.Err == nil {
		h.Err = os.Stderr
	}
	if h.Trace == nil {
		h.Trace = func() bool { return false }
	}
	if h.Colors == nil {
		h.Colors = func() string { return "" }
	}
	return h
}

func (h Host) checkTimeout() error {
	if t := h.Timeout(); t <= 0 {
		return fmt.Errorf("--timeout is %s: pass more than 0, such as 5s", t)
	}
	return nil
}

// tracef writes a line of --trace. It may be called from several goroutines.
func (h Host) tracef(format string, args ...any) {
	if h.Trace() {
		h.tracing.Lock()
		defer h.tracing.Unlock()
		fmt.Fprintf(h.Err, "%s %s\n", time.Now().Format("15:04:05.000"), line(fmt.Sprintf(format, args...)))
	}
}
