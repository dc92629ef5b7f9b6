package cli

import (
	"context"
	"errors"

	"github.com/choria-io/fisk"

	"github.com/nats-balance/nats-balance/internal/source/archive"
)

// sourceFlags are the flags that say where an audit's data comes from; without them
// it is the connection.
type sourceFlags struct{ archive, monitor string }

func (o *sourceFlags) flags(cmd *fisk.CmdClause) {
	cmd.Flag("archive", "Audit what nats audit gather wrote rather than servers").PlaceHolder("FILE").StringVar(&o.archive)
	cmd.Flag("monitor", "Ask the monitoring ports of the servers, one URL each, rather than the system account").PlaceHolder("URL[,URL…]").StringVar(&o.monitor)
	for name, pass := range map[string]string{"archive": "the file that nats audit gather wrote", "monitor": "URLs such as http://10.0.0.1:8222"} {
		cmd.GetFlag(name).Validator(notEmpty(name, pass))
	}
}

func (o *sourceFlags) validate() error {
	if o.archive != "" && o.monitor != "" {
		return errors.New("--archive and --monitor are both given: pass one of them")
	}
	return nil
}

// open returns the source and what closes it. With neither flag it connects, and
// takes the source that asks through the connection.
func (o *sourceFlags) open(ctx context.Context, h Host, through connectedSource) (*origin, func(), error) {
	nothing := func() {}
	switch {
	case o.archive != "":
		file, err := archive.Open(o.archive) //nolint:contextcheck // it opens a file, and reads it within bounds
		if err != nil {
			return nil, nothing, err
		}
		out := newOrigin(h)
		out.Source = file
		return out, func() { _ = file.Close() }, nil // it was only read
	case o.monitor != "":
		out, err := monitorOrigin(h, o.monitor)
		return out, nothing, err
	}
	nc, err := h.Connect(ctx)
	if err != nil {
		return nil, nothing, err
	}
	return connectedOrigin(h, nc, through), nothing, nil
}
