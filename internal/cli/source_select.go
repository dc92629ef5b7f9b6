package cli

import (
	"context"
	"fmt"
	"io"

	"github.com/choria-io/fisk"

	"github.com/nats-balance/nats-balance/internal/source"
	"github.com/nats-balance/nats-balance/internal/source/archive"
	"github.com/nats-balance/nats-balance/internal/source/monitor"
)

// flaggedSource is a source that a flag chooses.
type flaggedSource struct {
	kind                    source.Kind
	flag, help, placeholder string
	// pass is what a value is, for who gave an empty one.
	pass string
	// secret reports whether a credential may be in the value.
	secret bool
	// open returns the source. One that has to be closed is an [io.Closer].
	open func(h Host, value string) (*origin, error)
}

// flaggedSources lists them; a new source adds its entry here.
func flaggedSources() []flaggedSource {
	return []flaggedSource{
		{kind: archive.Kind(), flag: "archive", help: "Audit what nats audit gather wrote rather than servers", placeholder: "FILE",
			pass: "the file that nats audit gather wrote", open: archiveOrigin},
		{kind: monitor.Kind(), flag: "monitor", help: "Ask the monitoring ports of the servers, one URL each, rather than the system account", placeholder: "URL[,URL…]",
			pass: "URLs such as http://10.0.0.1:8222", secret: true, open: monitorOrigin},
	}
}

// sourceFlags are the flags that say where an audit's data comes from; without them
// it is the connection.
type sourceFlags struct {
	values []string // in the order of flaggedSources
}

func (o *sourceFlags) flags(cmd *fisk.CmdClause) {
	all := flaggedSources()
	o.values = make([]string, len(all))
	for i, s := range all {
		cmd.Flag(s.flag, s.help).PlaceHolder(s.placeholder).Validator(notEmpty(s.flag, s.pass)).StringVar(&o.values[i])
	}
}

// chosen is the source whose flag was given, with its value; ok is false without one.
func (o *sourceFlags) chosen() (s flaggedSource, value string, ok bool) {
	for i, s := range flaggedSources() {
		if i < len(o.values) && o.values[i] != "" {
			return s, o.values[i], true
		}
	}
	return flaggedSource{}, "", false
}

func (o *sourceFlags) validate() error {
	first, _, _ := o.chosen()
	for i, s := range flaggedSources() {
		if s.flag != first.flag && o.values[i] != "" {
			return fmt.Errorf("--%s and --%s are both given: pass one of them", first.flag, s.flag)
		}
	}
	return nil
}

// open returns the source and what closes it. Without a flag it connects, and
// takes the source that asks through the connection.
func (o *sourceFlags) open(ctx context.Context, h Host, through connectedSource) (*origin, func(), error) {
	nothing := func() {}
	if s, value, ok := o.chosen(); ok {
		out, err := s.open(h, value) //nolint:contextcheck // it may open a file, which it reads within bounds
		if err != nil {
			return nil, nothing, err
		}
		if file, ok := out.Source.(io.Closer); ok {
			return out, func() { _ = file.Close() }, nil // it was only read
		}
		return out, nothing, nil
	}
	nc, err := h.Connect(ctx)
	if err != nil {
		return nil, nothing, err
	}
	return connectedOrigin(h, nc, through), nothing, nil
}

func archiveOrigin(h Host, path string) (*origin, error) {
	file, err := archive.Open(path)
	if err != nil {
		return nil, err
	}
	o := newOrigin(h)
	o.Source = file
	return o, nil
}
