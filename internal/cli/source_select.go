package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/choria-io/fisk"

	"github.com/nats-balance/nats-balance/internal/gather"
)

// sourceFlags are the flags that say where an audit's data comes from; without them
// it is the connection.
type sourceFlags struct{ archive, monitor string }

func (o *sourceFlags) flags(cmd *fisk.CmdClause) {
	cmd.Flag("archive", "Audit what nats audit gather wrote rather than servers").PlaceHolder("FILE").StringVar(&o.archive)
	cmd.Flag("monitor", "Ask the monitoring ports of the servers, one URL each, rather than the system account").PlaceHolder("URL[,URL…]").StringVar(&o.monitor)
	for name, pass := range map[string]string{"archive": "the file that nats audit gather wrote", "monitor": "URLs such as http://10.0.0.1:8222"} {
		cmd.GetFlag(name).Validator(func(text string) error {
			if text == "" { // which would be read as not given
				return &usageError{err: fmt.Errorf(`--%s is "": pass %s`, name, pass)}
			}
			return nil
		})
	}
}

func (o *sourceFlags) validate() error {
	if o.archive != "" && o.monitor != "" {
		return errors.New("--archive and --monitor are both given: pass one of them")
	}
	return nil
}

// open returns the source and what closes it. With neither flag it connects,
// and takes the system account or, where the credentials are of another one,
// that account's own view.
func (o *sourceFlags) open(ctx context.Context, h Host) (source, func(), error) {
	nothing := func() {}
	switch {
	case o.archive != "":
		return openArchive(o.archive)
	case o.monitor != "":
		s, err := newMonitoring(h, o.monitor)
		return s, nothing, err
	}
	nc, err := h.Connect(ctx)
	if err != nil {
		return nil, nothing, err
	}
	return systemAccount{h, nc}, nothing, nil
}

// ownView is the source of an ordinary account where the first one says that
// its credentials are not the system account's, or that the user may not ask
// what only that one may; nil otherwise. What was passed are addresses of client
// URLs.
func ownView(from source, err error, passed []string) source {
	s, ok := from.(systemAccount)
	var other *gather.NotSystemAccountError
	var forbidden *gather.PermissionError
	// A user who may not ask the system account's questions may be one of an
	// ordinary account that may ask its own.
	narrow := errors.As(err, &forbidden) && !strings.Contains(strings.ToLower(err.Error()), "subscription")
	if !ok || !errors.As(err, &other) && !narrow {
		return nil
	}
	return newOwnAccount(s.host, s.nc, other, passed)
}
