package life

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"strings"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/internal/lab"
)

// securing: one server speaks TLS, beside plain connections, and the first teams
// ask for it.
func securing() Operation {
	var roots *x509.CertPool
	return Operation{
		Name: "securing", Rare: true, Title: "TLS is rolled out: one of three servers offers it, and clients of the first teams ask for it",
		Topology: three(func(c *lab.Cluster) {
			a := newAuthority()
			roots = a.pool
			c.Configure = func(i int, o *server.Options) {
				if i == 0 {
					o.TLSConfig = &tls.Config{Certificates: []tls.Certificate{a.issue(o.Host, time.Now().Add(time.Hour))}, MinVersion: tls.VersionTLS12}
					o.TLSTimeout, o.AllowNonTLS = lab.AuthTimeout, true
				}
			}
		}),
		Do: func(ctx context.Context, w *World) error {
			var secure []string
			for _, url := range w.all() {
				secure = append(secure, strings.Replace(url, "nats://", "tls://", 1))
			}
			ask := []nats.Option{nats.Secure(&tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12})}
			w.pass("SECURED", secure...)
			if err := w.later(ctx); err != nil {
				return err
			}
			if err := w.start(ctx,
				App{Account: "SECURED", Name: "orders", Pods: true, Count: 16, URLs: secure, Options: ask},
				App{Account: "SECUREDQUIET", Name: "billing", Count: 16, URLs: secure, Options: ask},
			); err != nil {
				return err
			}
			return w.evenly(ctx, App{Account: "EVEN", Name: "audit"}, 5)
		},
		Cases: []Case{
			{Account: "SECURED", Server: n1, Truth: "listener-gap", Said: "listener-gap", Stuck: true, Refused: "listener-gap", Check: both(stays("SECURED", n1), leaves("SECURED", plain))},
			{Account: "SECUREDQUIET", Server: n1, Truth: "listener-gap", Said: "listener-gap", Stuck: true, Refused: "listener-gap", Check: both(stays("SECUREDQUIET", n1), leaves("SECUREDQUIET", plain))},
			{Account: "EVEN"},
		},
	}
}

// plain has clients ask for no TLS.
func plain(w *World, a *App) { a.URLs, a.Options = w.all(), nil }
