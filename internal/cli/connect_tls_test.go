package cli

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// connCA is a certificate authority.
type connCA struct {
	file string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newConnCA(t *testing.T) *connCA {
	t.Helper()
	ca := &connCA{key: connMust(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))}
	ca.cert = &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test CA"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	der := connMust(x509.CreateCertificate(rand.Reader, ca.cert, ca.cert, &ca.key.PublicKey, ca.key))
	ca.file = connPEM(t, "ca.pem", "CERTIFICATE", der)
	return ca
}

func connPEM(t *testing.T, name, kind string, der []byte) string {
	t.Helper()
	text := string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	if kind == "PRIVATE KEY" {
		connSecret(strings.Split(text, "\n")[1])
	}
	return connFile(t, filepath.Join(t.TempDir(), name), text)
}

// sign makes a certificate for the names and addresses, and its two files.
func (ca *connCA) sign(t *testing.T, until time.Time, names ...string) (pair tls.Certificate, cert, key string) {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "test"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: until,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	private := connMust(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	der := connMust(x509.CreateCertificate(rand.Reader, template, ca.cert, &private.PublicKey, ca.key))
	cert = connPEM(t, "cert.pem", "CERTIFICATE", der)
	key = connPEM(t, "key.pem", "PRIVATE KEY", connMust(x509.MarshalPKCS8PrivateKey(private)))
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: private}, cert, key
}

// connTLS starts a server with TLS.
func connTLS(t *testing.T, pair tls.Certificate, configure func(*server.Options)) string {
	t.Helper()
	return connAddr(connServer(t, func(o *server.Options) {
		o.TLS, o.TLSTimeout = true, 5
		o.TLSConfig = &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
		if configure != nil {
			configure(o)
		}
	}))
}

func askForCertificates(ca *connCA, max uint16) func(*server.Options) {
	pool := x509.NewCertPool()
	pool.AddCert(connMust(x509.ParseCertificate(connMust(x509.CreateCertificate(rand.Reader, ca.cert, ca.cert, &ca.key.PublicKey, ca.key)))))
	return func(o *server.Options) {
		o.TLSVerify = true
		o.TLSConfig.ClientAuth, o.TLSConfig.ClientCAs, o.TLSConfig.MaxVersion = tls.RequireAndVerifyClientCert, pool, max
	}
}

func tlsFirst(o *server.Options) { o.TLSHandshakeFirst = true }

func TestConnectTLS(t *testing.T) {
	connEnv(t)
	ca := newConnCA(t)
	pair, _, _ := ca.sign(t, time.Now().Add(time.Hour), "127.0.0.1", "localhost")
	_, cert, key := ca.sign(t, time.Now().Add(time.Hour))
	plain, mutual, first := connTLS(t, pair, nil), connTLS(t, pair, askForCertificates(ca, 0)), connTLS(t, pair, tlsFirst)
	ws := connServer(t, func(o *server.Options) {
		o.Websocket = server.WebsocketOpts{Host: "127.0.0.1", Port: server.RANDOM_PORT,
			TLSConfig: &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}}
	})
	for name, settings := range map[string]connSettings{
		"ca":                 {"server": plain, "tlsca": ca.file},
		"ca and tls://":      {"server": "tls://" + plain, "tlsca": ca.file},
		"ca as file://":      {"server": plain, "tlsca": "file://" + ca.file},
		"client certificate": {"server": mutual, "tlsca": ca.file, "tlscert": cert, "tlskey": key},
		"first":              {"server": first, "tlsca": ca.file, "tlsfirst": "true"},
		"wss://":             {"server": ws.WebsocketURL(), "tlsca": ca.file},
	} {
		settings["user"], settings["password"] = "sys", connPassword
		t.Run(name, func(t *testing.T) { connEachWay(t, settings, false) })
	}
	t.Run("tls-first", func(t *testing.T) {
		connOK(t, "--server", first, "--tlsca", ca.file, "--tls-first", "--user", "sys", "--password", connPassword)
	})
}

func TestConnectTLSFailures(t *testing.T) {
	connEnv(t)
	ca, stranger := newConnCA(t), newConnCA(t)
	good := time.Now().Add(time.Hour)
	pair, _, _ := ca.sign(t, good, "127.0.0.1", "localhost")
	named, _, _ := ca.sign(t, good, "nats.example.com")
	old, _, _ := ca.sign(t, time.Now().Add(-time.Minute), "127.0.0.1")
	oldCert, _ := x509.ParseCertificate(old.Certificate[0])
	validity := oldCert.NotBefore.UTC().Format(time.RFC3339) + " to " + oldCert.NotAfter.UTC().Format(time.RFC3339)
	_, cert, key := ca.sign(t, good)
	_, strange, strangeKey := stranger.sign(t, good)
	none := connAddr(connServer(t, nil))
	full := connTLS(t, pair, func(o *server.Options) { o.MaxConn = -1 })
	fullFirst := connTLS(t, pair, func(o *server.Options) { o.MaxConn, o.TLSHandshakeFirst = -1, true })
	impatient := connTLS(t, pair, func(o *server.Options) { o.TLSHandshakeFirst, o.TLSTimeout = true, 0.1 })
	plain, first := connTLS(t, pair, nil), connTLS(t, pair, tlsFirst)
	mutual, mutual12 := connTLS(t, pair, askForCertificates(ca, 0)), connTLS(t, pair, askForCertificates(ca, tls.VersionTLS12))
	ws := strings.TrimPrefix(connServer(t, func(o *server.Options) {
		o.Websocket = server.WebsocketOpts{Host: "127.0.0.1", Port: server.RANDOM_PORT, NoTLS: true}
	}).WebsocketURL(), "ws://")
	dir := t.TempDir()
	garbage := connFile(t, filepath.Join(dir, "garbage.pem"), "garbage")
	const accepted = ": pass --tlscert FILE and --tlskey FILE that it accepts"
	const pairOf = ": pass --tlscert FILE and --tlskey FILE in PEM that belong together"
	const others = "its TLS certificate is for another name ("
	for name, test := range map[string]struct {
		at   string
		args []string
		want string
	}{
		"unknown CA":           {plain, nil, "nats://SERVER: its TLS certificate is of an unknown authority: pass --tlsca FILE with its CA"},
		"unknown CA, wss":      {plain, []string{"--tlsca", stranger.file}, "nats://SERVER: its TLS certificate is of an unknown authority: pass --tlsca FILE with its CA"},
		"other address":        {connTLS(t, named, nil), []string{"--tlsca", ca.file}, "nats://SERVER: " + others + "cannot validate certificate for 127.0.0.1 because it doesn't contain any IP SANs): pass --server with a name that is in it"},
		"other name":           {strings.Replace(connTLS(t, named, nil), "127.0.0.1", "localhost", 1), []string{"--tlsca", ca.file}, "nats://SERVER: " + others + "certificate is valid for nats.example.com, not localhost): pass --server with a name that is in it"},
		"expired":              {connTLS(t, old, nil), []string{"--tlsca", ca.file}, "nats://SERVER: its TLS certificate is valid from " + validity + " only: pass --server URL of another server"},
		"certificate required": {mutual, []string{"--tlsca", ca.file}, "nats://SERVER: asks for a client certificate" + accepted},
		"the same, TLS 1.2":    {mutual12, []string{"--tlsca", ca.file}, "nats://SERVER: refuses the TLS handshake (handshake failure)" + accepted + ", if it asks for a client certificate"},
		"strange certificate":  {mutual, []string{"--tlsca", ca.file, "--tlscert", strange, "--tlskey", strangeKey}, "nats://SERVER: refuses the client certificate " + strange + accepted},
		"no TLS":               {"tls://" + none, nil, "tls://SERVER: has no TLS: pass --server nats:// instead of tls://"},
		"no TLS, but a CA":     {none, []string{"--tlsca", ca.file}, "nats://SERVER: has no TLS: pass no tls:// and no --tlsca, --tlscert or --tlskey"},
		"no TLS, but first":    {none, []string{"--tlsca", ca.file, "--tlsfirst"}, "nats://SERVER: does not begin with TLS: pass no --tlsfirst and no context with tls_first"},
		"TLS, but not first":   {plain, []string{"--tlsca", ca.file, "--tlsfirst"}, "nats://SERVER: does not begin with TLS: pass no --tlsfirst and no context with tls_first"},
		"TLS first":            {first, []string{"--tlsca", ca.file}, "nats://SERVER: accepts the connection but does not answer within 1s: pass --server URL with the port for clients, --tlsfirst if it begins with TLS, or a longer --timeout"},
		"TLS first, hurried":   {impatient, []string{"--tlsca", ca.file}, "nats://SERVER: closes the connection before it has said anything: pass --server URL with the port for clients, or --tlsfirst if it begins with TLS"},
		"full":                 {full, []string{"--tlsca", ca.file}, "nats://SERVER: is at its limit of connections: pass --server URL of another server"},
		"full, TLS first":      {fullFirst, []string{"--tlsca", ca.file, "--tlsfirst"}, "nats://SERVER: is at its limit of connections: pass --server URL of another server"},
		"wss:// without TLS":   {"wss://" + ws, []string{"--tlsca", ca.file}, "wss://SERVER: is not a WebSocket listener with TLS: pass --server ws://HOST:PORT, or nats://HOST:PORT"},
		"CA missing":           {plain, []string{"--tlsca", "/none/ca.pem"}, "CA /none/ca.pem: can't be read (no such file or directory): pass the path of an existing file with --tlsca"},
		"CA garbage":           {plain, []string{"--tlsca", garbage}, "CA DIR/garbage.pem: can't be used (failed to parse root certificate from \"DIR/garbage.pem\"): pass --tlsca FILE with certificates in PEM"},
		"CA of a scheme":       {plain, []string{"--tlsca", "env://CA"}, `CA env://CA: can't be used (ca: scheme "env" not supported (file/bare only)): pass --tlsca FILE with certificates in PEM`},
		"certificate missing":  {mutual, []string{"--tlscert", "/none/cert.pem", "--tlskey", key}, "client certificate /none/cert.pem with key " + key + ": can't be read (no such file or directory): pass the path of an existing file with --tlscert and --tlskey"},
		"key of another":       {mutual, []string{"--tlscert", cert, "--tlskey", strangeKey}, "client certificate " + cert + " with key " + strangeKey + ": can't be used (tls: private key does not match public key)" + pairOf},
		"key garbage":          {mutual, []string{"--tlscert", cert, "--tlskey", garbage}, "client certificate " + cert + " with key DIR/garbage.pem: can't be used (tls: failed to find any PEM data in key input)" + pairOf},
		"certificate alone":    {mutual, []string{"--tlsca", ca.file, "--tlscert", cert}, "a client certificate takes two files: pass --tlscert and --tlskey"},
		"key alone":            {mutual, []string{"--tlsca", ca.file, "--tlskey", key}, "a client certificate takes two files: pass --tlscert and --tlskey"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := connFails(t, patience(test.want), append([]string{"--server", test.at, "--user", "sys", "--password", connPassword}, test.args...)...)
			_, host, found := strings.Cut(test.at, "://")
			if !found {
				host = test.at
			}
			if got = strings.NewReplacer(host, "SERVER", dir, "DIR").Replace(got); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
	t.Run("key in place of a path", func(t *testing.T) {
		text := string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte("nothing anybody should see")}))
		connSecret(strings.Split(text, "\n")[1])
		connFails(t, connPatience, "--server", plain, "--tlscert", cert, "--tlskey", text)
	})
}
