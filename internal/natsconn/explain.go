package natsconn

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/nats-io/jsm.go/natscontext"
	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/internal/sysreq"
	"github.com/nats-balance/nats-balance/internal/words"
)

// What to pass.
const (
	passServer   = "--server URL of a running server"
	passPort     = "--server URL with the port for clients"
	passPassword = `--password VALUE; with --password "$NATS_PASSWORD", set that variable first`
	passUser     = "those of a user of the system account with --creds, --user and --password, --nkey, --token or --context"
	passCreds    = "--creds FILE of a user of the system account"
	passCA       = "--tlsca FILE with its CA"
	passCert     = "--tlscert FILE and --tlskey FILE that it accepts"
	passTLSFirst = "--tlsfirst if it begins with TLS"
	passTimeout  = "a longer --timeout"
)

// failure is why one server can't be used, and what to pass.
type failure struct {
	server, reason string
	pass           []string
	err            error
}

// connectError is why no server can be used, as one sentence.
type connectError struct {
	failures []*failure
	flag     string // that names the context, where it is not --context
}

func (e *connectError) Unwrap() []error {
	var errs []error
	for _, f := range e.failures {
		errs = append(errs, f.err)
	}
	return errs
}

// Error names each server, those with the same reason together.
func (e *connectError) Error() string {
	const most = 6
	var reasons, pass []string
	servers := map[string][]string{}
	for _, f := range e.failures {
		if _, ok := servers[f.reason]; !ok {
			reasons = append(reasons, f.reason)
		}
		if !slices.Contains(servers[f.reason], f.server) {
			servers[f.reason] = append(servers[f.reason], f.server)
		}
		for _, p := range f.pass {
			if !slices.Contains(pass, p) {
				pass = append(pass, p)
			}
		}
	}
	var b strings.Builder
	for i, reason := range reasons {
		names := servers[reason]
		if n := len(names) - most; n > 0 {
			names = append(names[:most:most], words.Count(n)+" more")
		}
		if i > 0 {
			b.WriteString("; ")
		}
		b.WriteString(strings.Join(names, ", ") + ": " + reason)
	}
	if e.flag != "" { // no other one leads there
		pass = slices.DeleteFunc(pass, func(p string) bool { return p != passTimeout })
		pass = append([]string{passContext(e.flag)}, pass...)
	}
	if n := len(pass) - 1; n > 0 {
		pass[n] = "or " + pass[n]
	}
	b.WriteString(": pass " + strings.Join(pass, ", "))
	return b.String()
}

// passContext is what to pass where a context leads elsewhere than to the servers that are
// asked for everything else.
func passContext(flag string) string {
	return "another context with " + flag + ", or correct this one"
}

// explainNoAnswer is for a server that has not answered in time.
func (l *login) explainNoAnswer(i int, reached bool) *failure {
	f := &failure{server: l.servers[i].shown, err: context.DeadlineExceeded}
	if reached {
		f.reason = fmt.Sprintf("accepts the connection%s but does not answer within %s", l.via(), l.options.Timeout)
		f.pass = []string{passPort, passTLSFirst, passTimeout}
		return f
	}
	f.reason = fmt.Sprintf("can't be reached%s within %s", l.via(), l.options.Timeout)
	f.pass = []string{passServer, passTimeout}
	return f
}

func (l *login) via() string {
	if l.proxy == "" {
		return ""
	}
	return " through the SOCKS5 proxy " + words.Harmless(l.proxy)
}

// serverError is what a server said as -ERR. nats.go's errors for it are
// matched by prefix, as the server words some of them otherwise.
type serverError string

func (e serverError) Error() string { return string(e) }

// Is implements the interface of [errors.Is].
func (e serverError) Is(target error) bool {
	says, ok := map[error]string{
		nats.ErrAuthorization:                 nats.AUTHORIZATION_ERR,
		nats.ErrAuthExpired:                   nats.AUTHENTICATION_EXPIRED_ERR,
		nats.ErrAuthRevoked:                   nats.AUTHENTICATION_REVOKED_ERR,
		nats.ErrAccountAuthExpired:            nats.ACCOUNT_AUTHENTICATION_EXPIRED_ERR,
		nats.ErrMaxConnectionsExceeded:        nats.MAX_CONNECTIONS_ERR,
		nats.ErrMaxAccountConnectionsExceeded: nats.MAX_ACCOUNT_CONNECTIONS_ERR,
	}[target]
	return ok && strings.HasPrefix(strings.ToLower(string(e)), says)
}

// said finds what the server said as -ERR, in what was heard or, where that
// was encrypted, in nats.go's error.
func (l *login) said(err error, heard string) serverError {
	const longest = 4096 // of a line of the server
	if _, after, ok := strings.Cut(heard, "-ERR '"); ok {
		text, _, _ := strings.Cut(l.clean(after[:min(len(after), longest)]), "'")
		return serverError(text)
	}
	return serverError(strings.TrimPrefix(err.Error(), "nats: "))
}

// explain says why a server can't be used.
func (l *login) explain(i int, d *dialer, err error) *failure {
	var dns *net.DNSError
	if isTimeout(err) && !errors.As(err, &dns) {
		return l.explainNoAnswer(i, d.reached.Load())
	}
	var heard string
	if d.conn != nil {
		heard = string(d.conn.heard)
	}
	ws := strings.HasPrefix(l.servers[i].Scheme, "ws")
	if i := strings.Index(heard, "INFO "); ws && i > 0 && strings.HasPrefix(heard, "HTTP/1.1 101 ") {
		heard, ws = heard[i:], false // it is one, from here on as any other
	}
	greeted := strings.HasPrefix(heard, "INFO ")
	f := &failure{server: l.servers[i].shown, err: err}
	server := l.said(err, heard)
	if greeted && (ws || l.options.TLSHandshakeFirst) {
		server = "" // it took the handshake for commands
	}
	var protocol *sysreq.ProtocolError
	var syntax *json.SyntaxError
	var mismatch *json.UnmarshalTypeError
	unspoken := "does not speak the NATS protocol"
	switch {
	case errors.Is(server, nats.ErrAuthorization), errors.Is(server, nats.ErrAuthExpired),
		errors.Is(server, nats.ErrAuthRevoked), errors.Is(server, nats.ErrAccountAuthExpired):
		f.reason, f.pass = l.refused(i, server), []string{passUser}
		if l.emptyPassword && l.servers[i].User == nil && l.kind() == "token" {
			f.reason, f.pass = "refuses these credentials (the password is empty)", []string{passPassword}
		}
	case errors.Is(server, nats.ErrMaxConnectionsExceeded):
		f.reason, f.pass = "is at its limit of connections", []string{"--server URL of another server"}
	case errors.Is(server, nats.ErrMaxAccountConnectionsExceeded):
		f.reason, f.pass = "the account of these credentials is at its limit of connections", []string{passUser}
	case errors.Is(err, nats.ErrNkeysNotSupported):
		f.reason, f.pass = "takes no nkeys", []string{passUser}
	case errors.As(err, &protocol):
		f.reason, f.pass = unspoken+" ("+protocol.Fault+")", []string{passPort}
	case !d.reached.Load():
		l.explainDial(f, err)
	case l.explainTLS(f, i, err, heard):
	case errors.Is(err, errGreetingTooLong):
		f.reason, f.pass = unspoken+" (it sends more than 1 MiB as its greeting)", []string{passPort}
	case strings.HasPrefix(heard, "HTTP/") && ws:
		f.reason, f.pass = "is not a WebSocket listener of NATS", []string{"--server ws://HOST:PORT of one, or nats://"}
	case strings.HasPrefix(heard, "HTTP/"):
		f.reason, f.pass = unspoken+" but HTTP", []string{passPort}
	case ws && greeted:
		f.reason, f.pass = "is not a WebSocket listener", []string{"--server nats://HOST:PORT"}
	case isClosed(err) && heard == "":
		f.reason, f.pass = "closes the connection before it has said anything", []string{passPort, passTLSFirst}
	case isClosed(err):
		f.reason, f.pass = "closes the connection while logging in", []string{"--server URL of another server"}
	case errors.Is(err, nats.ErrNoInfoReceived), errors.As(err, &syntax), errors.As(err, &mismatch),
		!greeted, unexpectedAnswer(err):
		f.reason, f.pass = unspoken, []string{passPort}
	default:
		f.reason, f.pass = fmt.Sprintf("can't be used (%s)", l.redact(cmp.Or(string(server), err.Error()))), []string{"--server URL of another server"}
	}
	return f
}

// explainDial is for a server that was not reached.
func (l *login) explainDial(f *failure, err error) {
	var viaProxy *proxyError
	var op *net.OpError
	var dns *net.DNSError
	switch {
	case errors.As(err, &viaProxy):
		f.reason = fmt.Sprintf("the SOCKS5 proxy %s can't be reached (%s)", words.Harmless(l.proxy), rootCause(viaProxy.err))
		f.pass = []string{"--socks-proxy URL of a running one", "--socks-proxy none"}
	case errors.As(err, &op) && strings.HasPrefix(op.Op, "socks"):
		f.reason = fmt.Sprintf("can't be reached%s (%s)", l.via(), l.redact(strings.TrimPrefix(rootCause(err), "unknown error ")))
		f.pass = []string{passServer, "--socks-proxy none"}
	case errors.As(err, &dns):
		f.reason = fmt.Sprintf("its name can't be resolved (%s)", dns.Err)
		f.pass = []string{"--server with a name or address that exists"}
	default:
		f.reason = fmt.Sprintf("can't be reached (%s)", l.redact(rootCause(err)))
		f.pass = []string{passServer}
	}
}

// refused says which credentials a server refuses.
func (l *login) refused(i int, server serverError) string {
	user := l.servers[i].User
	_, password := user.Password()
	kind := l.kind()
	var what string
	switch {
	case user != nil && kind != "creds" && kind != "jwt":
		what = "the token in the URL"
		if password {
			what = "the user and password in the URL"
		}
	case kind == "user":
		what = fmt.Sprintf(`user "%s"`, l.redact(l.nctx.User()))
	case kind == "creds":
		what = "creds " + l.path(l.given.Creds())
	case kind == "nkey":
		what = "nkey " + l.path(l.given.NKey())
	case kind == "jwt":
		what = "the JWT"
	case kind == "token":
		what = "the token"
	default:
		return "asks for credentials, and there are none"
	}
	why := l.redact(strings.ToLower(string(server)))
	if claims, err := jwt.DecodeUserClaims(l.jwt); err == nil && claims.Expires > 0 && claims.Expires < time.Now().Unix() {
		why = "expired at " + time.Unix(claims.Expires, 0).UTC().Format(time.RFC3339)
	}
	return fmt.Sprintf("refuses these credentials (%s: %s)", what, why)
}

// explainTLS is for what TLS made fail, and false for anything else.
func (l *login) explainTLS(f *failure, i int, err error, heard string) bool {
	var authority x509.UnknownAuthorityError
	var hostname x509.HostnameError
	var invalid x509.CertificateInvalidError
	var record tls.RecordHeaderError
	var op *net.OpError
	switch {
	case strings.HasPrefix(heard, "HTTP/") && l.servers[i].Scheme != "wss":
		return false
	case errors.As(err, &authority):
		f.reason, f.pass = "its TLS certificate is of an unknown authority", []string{passCA}
	case errors.As(err, &hostname):
		f.reason = fmt.Sprintf("its TLS certificate is for another name (%s)", l.redact(strings.TrimPrefix(hostname.Error(), "x509: ")))
		f.pass = []string{"--server with a name that is in it"}
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		f.reason = fmt.Sprintf("its TLS certificate is valid from %s to %s only",
			invalid.Cert.NotBefore.UTC().Format(time.RFC3339), invalid.Cert.NotAfter.UTC().Format(time.RFC3339))
		f.pass = []string{"--server URL of another server"}
	case errors.As(err, &record) && l.servers[i].Scheme == "wss":
		f.reason, f.pass = "is not a WebSocket listener with TLS", []string{"--server ws://HOST:PORT", "nats://HOST:PORT"}
	case errors.As(err, &record) && l.options.TLSHandshakeFirst:
		f.reason, f.pass = "does not begin with TLS", []string{"no --tlsfirst and no context with tls_first"}
	case errors.Is(err, nats.ErrSecureConnWanted) && l.servers[i].Scheme == "tls":
		f.reason, f.pass = "has no TLS", []string{"--server nats:// instead of tls://"}
	case errors.Is(err, nats.ErrSecureConnWanted):
		f.reason, f.pass = "has no TLS", []string{"no tls:// and no --tlsca, --tlscert or --tlskey"}
	case isAlert(err, aboutCertificate()...), closedAfterHandshake(err):
		f.reason, f.pass = "asks for a client certificate", []string{passCert}
		if l.nctx.Certificate() != "" {
			f.reason = fmt.Sprintf("refuses the client certificate %s", l.path(l.nctx.Certificate()))
		}
	case isAlert(err) && errors.As(err, &op):
		f.reason = fmt.Sprintf("refuses the TLS handshake (%s)", l.redact(strings.TrimPrefix(op.Err.Error(), "tls: ")))
		f.pass = []string{passCert + ", if it asks for a client certificate"}
	case errors.Is(err, nats.ErrTLS):
		f.reason = fmt.Sprintf("TLS fails (%s)", l.redact(strings.TrimPrefix(err.Error(), nats.ErrTLS.Error()+": ")))
		f.pass = []string{passPort, passCA}
	default:
		return false
	}
	return true
}

// explainFile is for credentials and certificates that can't be used.
func (l *login) explainFile(err *fileError) error {
	var path *fs.PathError
	kind, text := l.kind(), err.Error()
	what, flag, pass := "the credentials", "", passUser
	switch {
	case err.of == ofCA:
		what, flag, pass = "CA "+l.path(l.nctx.CA()), "--tlsca", "--tlsca FILE with certificates in PEM"
	case err.of == ofCertificate:
		what = fmt.Sprintf("client certificate %s with key %s", l.path(l.nctx.Certificate()), l.path(l.nctx.Key()))
		flag, pass = "--tlscert and --tlskey", "--tlscert FILE and --tlskey FILE in PEM that belong together"
	case errors.Is(err, errNoSeed):
		return errors.New("a JWT without its seed proves nothing: pass --seed as well as --jwt, or " + passCreds)
	case kind == "creds":
		what, flag, pass = "creds "+l.path(l.given.Creds()), "--creds", passCreds
	case kind == "nkey":
		what, flag, pass = "nkey "+l.path(l.given.NKey()), "--nkey", "--nkey FILE with the seed of a user of the system account"
	case kind == "jwt" && err.of == ofJWT:
		what, flag, pass = "the JWT", "--jwt", "--jwt with the JWT itself or file://PATH"
	case kind == "jwt":
		what, flag, pass = "the seed", "--seed", "--seed with the seed itself or file://PATH"
	}
	switch {
	case errors.As(err, &path) && l.contextFlag != "":
		return fmt.Errorf("%s: can't be read (%w): pass %s", what, path.Err, passContext(l.contextFlag))
	case errors.As(err, &path):
		return fmt.Errorf("%s: can't be read (%w): pass the path of an existing file with %s", what, path.Err, cmp.Or(flag, "file://"))
	case l.contextFlag != "":
		pass = passContext(l.contextFlag)
	}
	if err.of != ofSecret {
		text = strings.TrimPrefix(strings.TrimPrefix(rootCause(err), "nats: "), "nkeys: ")
	}
	return fmt.Errorf("%s: can't be used (%s): pass %s", what, l.redact(text), pass)
}

// explainContext is for a context that can't be loaded. It is passed by name
// or as a file, or selected.
func (c *Settings) explainContext(err error, name string, others []string) error {
	pass := "pass --context one of " + words.FirstOf(8, others) + ", or --server and --creds"
	switch {
	case c.ContextFlag != "" && len(others) == 0:
		pass = "there are no contexts here, create one with `nats context add`"
	case c.ContextFlag != "":
		pass = "pass " + c.ContextFlag + " one of " + words.FirstOf(8, others)
	case len(others) == 0:
		pass = "there are no contexts here, pass --server and --creds"
	}
	name = redact(cmp.Or(c.Context, name))
	what := fmt.Sprintf(`context "%s"`, name)
	if c.Context == "" {
		what = "the selected " + what
		pass = "select one with `nats context select`, or pass --context NAME or --no-context"
	}
	var path *fs.PathError
	switch {
	case errors.Is(err, natscontext.ErrInvalidName):
		return fmt.Errorf(`"%s" is neither the name of a context nor a file that ends in .json: %s`, name, pass)
	case errors.Is(err, natscontext.ErrNotFound) && c.Context == "":
		return fmt.Errorf("%s does not exist: %s", what, pass)
	case errors.Is(err, natscontext.ErrNotFound):
		return fmt.Errorf("there is no %s: %s", what, pass)
	case errors.As(err, &path):
		return fmt.Errorf("%s can't be read (%w): %s", what, path.Err, pass)
	}
	return fmt.Errorf("%s can't be loaded (%s): %s", what, redact(err.Error()), pass)
}

func isTimeout(err error) bool {
	var t interface{ Timeout() bool }
	return errors.As(err, &t) && t.Timeout() || errors.Is(err, context.DeadlineExceeded)
}

func isClosed(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNRESET)
}

// rootCause is the last of the errors that an error wraps.
func rootCause(err error) string {
	for next := errors.Unwrap(err); next != nil; next = errors.Unwrap(next) {
		err = next
	}
	return err.Error()
}
