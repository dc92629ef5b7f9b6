package cli

import (
	"context"
	"crypto/tls"
	"time"

	"github.com/choria-io/fisk"
	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/plugin"
)

func configureAuditConcentrationCommand(app *fisk.CmdClause) {
	plugin.AddConcentration(app, plugin.Host{
		Connect: func(context.Context) (*nats.Conn, error) { return newNatsConn("", natsOpts()...) },
		Flags: func() string {
			if opts().CfgCtx == "" {
				return ""
			}
			return "--context " + opts().CfgCtx
		},
		TLS:     auditMonitoringTLS,
		Timeout: func() time.Duration { return opts().Timeout },
		Context: ctx,
		Trace:   func() bool { return opts().Trace },
		Colors:  func() string { return opts().Config.ColorScheme() },
	})
}

// auditMonitoringTLS has for HTTPS what a connection to NATS would have.
func auditMonitoringTLS() (config *tls.Config, err error) {
	o := nats.GetDefaultOptions()
	for _, apply := range natsOpts() {
		if err := apply(&o); err != nil {
			return nil, err
		}
	}
	config = &tls.Config{}
	if o.RootCAsCB != nil {
		if config.RootCAs, err = o.RootCAsCB(); err != nil {
			return nil, err
		}
	}
	if o.TLSCertCB != nil {
		cert, err := o.TLSCertCB()
		config.Certificates = []tls.Certificate{cert}
		return config, err
	}
	return config, nil
}
