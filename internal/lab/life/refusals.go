package life

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/internal/lab"
)

// credentials: users were rotated on part of the servers.
func credentials() Operation {
	return Operation{
		Name: "credentials", Title: "credentials were rotated on one of three servers", Short: true,
		Topology: three(func(c *lab.Cluster) {
			c.Configure = func(i int, o *server.Options) {
				user := func(account, name, password string) {
					at := slices.IndexFunc(o.Accounts, func(a *server.Account) bool { return a.Name == account })
					o.Users = append(o.Users, &server.User{Username: name, Password: password, Account: o.Accounts[at]})
				}
				password := "old"
				if i == 0 {
					password = "new"
					user("USER", "api-v2", lab.Password)
					user("USERQUIET", "worker-v2", lab.Password)
				}
				user("PASSWORD", "pos", password)
				user("SINGLE", "kiosk", lab.Password)
				if i > 0 {
					without(o, "MISSING")
				}
			}
		}),
		Do: func(ctx context.Context, w *World) error {
			for _, account := range []string{"USER", "PASSWORD", "MISSING"} {
				w.pass(account, w.all()...)
			}
			w.pass("SINGLE", w.url(n1))
			if err := w.later(ctx); err != nil {
				return err
			}
			if err := w.start(ctx,
				App{Account: "USER", Name: "api", Pods: true, User: "api-v2", Count: 16, URLs: w.all()},
				App{Account: "USERQUIET", Name: "worker", User: "worker-v2", Count: 16, URLs: w.all()},
				App{Account: "PASSWORD", Name: "pos", User: "pos", Password: "new", Count: 16, URLs: w.all()},
				App{Account: "MISSING", Name: "orders", Pods: true, Count: 16, URLs: w.all()},
				App{Account: "SINGLE", Name: "kiosk", User: "kiosk", Count: 16, URLs: []string{w.url(n1)}},
			); err != nil {
				return err
			}
			return w.evenly(ctx, App{Account: "EVEN", Name: "audit"}, 5)
		},
		Cases: []Case{
			{Account: "USER", Server: n1, Truth: "account-gap", Said: "account-gap", Stuck: true, Refused: "account-gap", Check: both(stays("USER", n1), refused("USER", "authorization", n2, n3))},
			{Account: "USERQUIET", Server: n1, Truth: "account-gap", Said: "account-gap", Stuck: true, Refused: "account-gap", Check: both(stays("USERQUIET", n1), refused("USERQUIET", "authorization", n2, n3))},
			{Account: "PASSWORD", Server: n1, Truth: "account-gap", Said: "account-gap", Stuck: true, Refused: "account-gap", Check: both(stays("PASSWORD", n1), refused("PASSWORD", "authorization", n2, n3))},
			{Account: "MISSING", Server: n1, Truth: "account-gap", Said: "account-gap", Stuck: true, Refused: "account-gap", Check: both(stays("MISSING", n1), refused("MISSING", "authorization", n2, n3))},
			{Account: "SINGLE", Server: n1, Truth: "single-url", Said: "single-url", Check: pinned("SINGLE", n1)},
			{Account: "EVEN"},
		},
	}
}

// without takes an account, and its user of that name, out of a configuration.
func without(o *server.Options, account string) {
	o.Accounts = slices.DeleteFunc(o.Accounts, func(a *server.Account) bool { return a.Name == account })
	o.Users = slices.DeleteFunc(o.Users, func(u *server.User) bool { return u.Username == account })
}

// full: the other servers are at their limit when services are deployed.
func full() Operation {
	const limit = 9
	return Operation{
		Name: "full", Title: "two servers are full when services are deployed",
		Topology: three(func(c *lab.Cluster) {
			c.Configure = func(i int, o *server.Options) {
				if i > 0 {
					o.MaxConn = limit
				}
			}
		}),
		Do: func(ctx context.Context, w *World) error {
			w.pass("LIST", w.all()...)
			w.pass("SINGLE", w.url(n1))
			if err := w.evenly(ctx, App{Account: "EVEN", Name: "audit"}, limit); err != nil {
				return err
			}
			if err := w.later(ctx); err != nil {
				return err
			}
			return w.start(ctx,
				App{Account: "LIST", Name: "orders", Pods: true, Count: 16, URLs: w.all()},
				App{Account: "LISTQUIET", Name: "billing", Count: 16, URLs: w.all()},
				App{Account: "SINGLE", Name: "kiosk", Count: 16, URLs: []string{w.url(n1)}},
			)
		},
		Cases: []Case{
			{Account: "LIST", Server: n1, Truth: "server-full", Said: "server-full", Check: both(stays("LIST", n1), refused("LIST", "", n2, n3))},
			{Account: "LISTQUIET", Server: n1, Truth: "server-full", Said: "server-full", Check: both(stays("LISTQUIET", n1), refused("LISTQUIET", "", n2, n3))},
			{Account: "SINGLE", Server: n1, Truth: "single-url", Said: "single-url", Check: stays("SINGLE", n1)},
			{Account: "EVEN"},
		},
	}
}

// certificate: the renewal failed on two servers, and clients that verify do not
// take theirs.
func certificate() Operation {
	var roots *x509.CertPool
	return Operation{
		Name: "certificate", Title: "the certificates of two servers have expired; clients that verify them go elsewhere",
		Topology: three(func(c *lab.Cluster) {
			a := newAuthority()
			roots = a.pool
			c.Configure = func(i int, o *server.Options) {
				until := time.Now().Add(time.Hour)
				if i > 0 {
					until = time.Now().Add(-time.Hour)
				}
				o.TLSConfig, o.TLSTimeout, o.AllowNonTLS = &tls.Config{Certificates: []tls.Certificate{a.issue(o.Host, until)}, MinVersion: tls.VersionTLS12}, lab.AuthTimeout, true
			}
		}),
		Do: func(ctx context.Context, w *World) error {
			var secure []string
			for _, url := range w.all() {
				secure = append(secure, strings.Replace(url, "nats://", "tls://", 1))
			}
			verify := []nats.Option{nats.Secure(&tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12})}
			w.pass("VERIFIES", secure...)
			w.pass("PLAIN", w.url(n1))
			if err := w.later(ctx); err != nil {
				return err
			}
			if err := w.start(ctx,
				App{Account: "VERIFIES", Name: "orders", Pods: true, Count: 16, URLs: secure, Options: verify},
				App{Account: "VERIFIESQUIET", Name: "billing", Count: 16, URLs: secure, Options: verify},
				App{Account: "PLAIN", Name: "kiosk", Count: 16, URLs: []string{w.url(n1)}},
			); err != nil {
				return err
			}
			return w.evenly(ctx, App{Account: "EVEN", Name: "audit"}, 5)
		},
		Cases: []Case{
			{Account: "VERIFIES", Server: n1, Truth: "listener-gap", Said: "listener-gap", Stuck: true, Check: both(stays("VERIFIES", n1), leaves("VERIFIES", unverified))},
			{Account: "VERIFIESQUIET", Server: n1, Truth: "listener-gap", Said: "listener-gap", Stuck: true, Check: both(stays("VERIFIESQUIET", n1), leaves("VERIFIESQUIET", unverified))},
			{Account: "PLAIN", Server: n1, Truth: "single-url", Said: "single-url", Check: pinned("PLAIN", n1)},
			{Account: "EVEN"},
		},
	}
}

// unverified has clients take every certificate.
func unverified(_ *World, a *App) {
	a.Options = []nats.Option{nats.Secure(&tls.Config{InsecureSkipVerify: true})} //nolint:gosec // that is what is tried
}

// authority issues certificates.
type authority struct {
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
	pool *x509.CertPool
}

func newAuthority() authority {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "lab"}, NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		panic(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		panic(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	return authority{key, cert, pool}
}

func (a authority) issue(host string, until time.Time) tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: host}, NotBefore: time.Now().Add(-24 * time.Hour), NotAfter: until,
		IPAddresses: []net.IP{net.ParseIP(host)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &key.PublicKey, a.key)
	if err != nil {
		panic(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}
