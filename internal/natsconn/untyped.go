package natsconn

import (
	"crypto/tls"
	"errors"
	"net"
	"slices"
	"strings"

	"github.com/nats-io/nats.go"
)

// Some errors of nats.go, natscontext and crypto/tls have no type and no value of
// their own. This file is the only one that reads their words.

// subject is what a file or a value of the settings is for.
type subject int

const (
	ofCredentials subject = iota
	ofCA
	ofCertificate
	ofJWT
	ofSecret // the password or the token, as a reference to where it is
)

// fileError is a file or a value of the settings that can't be used.
type fileError struct {
	of  subject
	err error
}

func (e *fileError) Error() string { return e.err.Error() }
func (e *fileError) Unwrap() error { return e.err }

// loadError is an error of natscontext, which begins it with the name of the
// setting, or of nats.go, which names the file's kind.
func loadError(err error) *fileError {
	text := err.Error()
	begins := func(all ...string) bool {
		return slices.ContainsFunc(all, func(s string) bool { return strings.HasPrefix(text, s) })
	}
	out := &fileError{err: err}
	switch {
	case begins("ca: "), strings.Contains(text, "rootCA"), strings.Contains(text, "root certificate"):
		out.of = ofCA
	case begins("cert: ", "key: "), strings.Contains(text, "client certificate"):
		out.of = ofCertificate
	case errors.Is(err, errNoJWT), begins("user_jwt"):
		out.of = ofJWT
	case begins("password: ", "token: "):
		out.of = ofSecret
	}
	return out
}

// isAlert reports whether the other side of a TLS connection ended it with one
// of the alerts, or with any where none is named. crypto/tls hides the type of an
// alert that came over TCP, but not its text.
func isAlert(err error, alerts ...tls.AlertError) bool {
	var op *net.OpError
	if !errors.As(err, &op) || op.Op != "remote error" {
		return false
	}
	return len(alerts) == 0 || slices.ContainsFunc(alerts, func(a tls.AlertError) bool { return op.Err.Error() == a.Error() })
}

// aboutCertificate are the alerts that refuse a client's certificate, or its lack
// (RFC 8446, 6).
func aboutCertificate() []tls.AlertError {
	return []tls.AlertError{42, 43, 44, 45, 46, 48, 111, 113, 114, 116}
}

// closedAfterHandshake reports whether a server closed the connection right after
// the TLS handshake, as one of TLS 1.3 may that wants a certificate.
func closedAfterHandshake(err error) bool {
	return errors.Is(err, nats.ErrTLS) && isClosed(err) && strings.Contains(err.Error(), "after TLS handshake")
}

// unexpectedAnswer reports whether a server answered the login with what is no
// answer to it.
func unexpectedAnswer(err error) bool { return strings.HasPrefix(err.Error(), "nats: expected") }
