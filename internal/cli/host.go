package cli

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

	"github.com/nats-balance/nats-balance/internal/words"
)

// Host is what the commands need of the application that they are part of. Its
// fields are those of the host in package plugin, which says what they mean.
type Host struct {
	Connect  func(context.Context) (*nats.Conn, error)
	URLs     func(context.Context) (string, error)
	Flags    func() string
	TLS      func() (*tls.Config, error)
	Timeout  func() time.Duration
	Context  context.Context
	Hurry    context.Context
	Out, Err io.Writer
	Trace    func() bool
	Colors   func() string

	args []string // the command line
}

// Commander is a fisk application or a command of one.
type Commander interface {
	Command(name, help string) *fisk.CmdClause
}

// commandFlags are the connection flags to repeat in printed commands; none where
// these can't be pasted.
func commandFlags(h Host) string {
	if flags := h.Flags(); words.IsPrintable(flags) {
		return flags
	}
	return ""
}

func (h Host) withDefaults() Host {
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
	if h.Hurry == nil {
		h.Hurry = context.Background()
	}
	if h.Out == nil {
		h.Out = os.Stdout
	}
	if h.Err == nil {
		h.Err = os.Stderr
	}
	h.Err = oneAtATime(h.Err)
	if h.Trace == nil {
		h.Trace = func() bool { return false }
	}
	if h.args == nil && len(os.Args) > 0 { // of the program that has the commands
		h.args = os.Args[1:]
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
		fmt.Fprintf(h.Err, "%s %s\n", time.Now().Format("15:04:05.000"), line(fmt.Sprintf(format, args...)))
	}
}

// locked is a writer for several goroutines.
type locked struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *locked) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}

// oneAtATime returns a writer that takes a write at a time, as files do already.
func oneAtATime(w io.Writer) io.Writer {
	switch w.(type) {
	case *os.File, *locked:
		return w
	}
	return &locked{w: w}
}
