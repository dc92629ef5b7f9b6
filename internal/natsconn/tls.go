package natsconn

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"strings"
)

// MonitoringTLS returns what --tlsca, --tlscert and --tlskey, or the context, say of
// TLS; nil where they say nothing.
func (c *Settings) MonitoringTLS(ctx context.Context) (*tls.Config, error) {
	settings, err := c.load(ctx)
	if err != nil {
		return nil, err
	}
	l := &login{nctx: settings, given: settings}
	l.hide(c.Password, c.Token, c.JWT, c.Seed, settings.Password(), settings.Token(), settings.UserJWT(), settings.UserSeed())
	ca, cert, key := filePath(settings.CA()), filePath(settings.Certificate()), filePath(settings.Key())
	if ca == "" && cert == "" && key == "" {
		return nil, nil
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if ca != "" {
		data, err := readFile(ca)
		if err != nil {
			return nil, l.explainFile(&fileError{ofCA, err})
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(data) {
			return nil, l.explainFile(&fileError{ofCA, errors.New("no certificate in it")})
		}
	}
	switch {
	case cert == "" && key == "":
		return config, nil
	case cert == "" || key == "":
		return nil, errors.New("a client certificate takes two files: pass --tlscert and --tlskey")
	}
	pair, err := keyPair(cert, key)
	if err != nil {
		return nil, l.explainFile(&fileError{ofCertificate, err})
	}
	config.Certificates = []tls.Certificate{pair}
	return config, nil
}

// keyPair reads a certificate and its key.
func keyPair(cert, key string) (tls.Certificate, error) {
	public, err := readFile(cert)
	if err != nil {
		return tls.Certificate{}, err
	}
	private, err := readFile(key)
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.X509KeyPair(public, private)
}

// filePath is the path that a context names a file by.
func filePath(named string) string { return strings.TrimPrefix(named, "file://") }
