package cli

import (
	"context"
	"net/url"
	"strings"

	"github.com/choria-io/fisk"
	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/internal/clienturl"
	"github.com/nats-balance/nats-balance/internal/natsconn"
	"github.com/nats-balance/nats-balance/internal/sysreq"
	"github.com/nats-balance/nats-balance/internal/words"
)

// connection has the global flags of the nats CLI, with its names, defaults
// and environment variables.
type connection struct {
	natsconn.Settings
	trace  bool
	colors string
}

// colorSchemes are those of the nats CLI, which forwards its flag.
//
//nolint:gochecknoglobals // nothing changes it
var colorSchemes = []string{"blue", "cyan", "double", "green", "magenta", "red", "rounded", "yellow"}

func (c *connection) flags(app *fisk.Application) {
	app.Flag("server", "NATS server urls").Short('s').Envar("NATS_URL").PlaceHolder("URL").StringVar(&c.Servers)
	app.Flag("user", "Username or Token").IsSetByUser(&c.Passed.User).Envar("NATS_USER").PlaceHolder("USER").StringVar(&c.User)
	app.Flag("password", "Password").IsSetByUser(&c.Passed.Password).Envar("NATS_PASSWORD").PlaceHolder("PASSWORD").StringVar(&c.Password)
	app.Flag("token", "Token").IsSetByUser(&c.Passed.Token).Envar("NATS_TOKEN").PlaceHolder("TOKEN").StringVar(&c.Token)
	app.Flag("connection-name", "Nickname to use for the underlying NATS Connection").Default(connectionName()).PlaceHolder("NAME").StringVar(&c.Name)
	app.Flag("creds", "User credentials").IsSetByUser(&c.Passed.Creds).Envar("NATS_CREDS").PlaceHolder("LOCATION").StringVar(&c.Creds)
	app.Flag("nkey", "User NKEY").IsSetByUser(&c.Passed.NKey).Envar("NATS_NKEY").PlaceHolder("LOCATION").StringVar(&c.NKey)
	app.Flag("jwt", "User JWT").IsSetByUser(&c.Passed.JWT).Envar("NATS_JWT").PlaceHolder("LOCATION").StringVar(&c.JWT)
	app.Flag("seed", "User seed").Envar("NATS_SEED").PlaceHolder("LOCATION").StringVar(&c.Seed)
	app.Flag("tlscert", "TLS public certificate").Envar("NATS_CERT").PlaceHolder("FILE").StringVar(&c.TLSCert)
	app.Flag("tlskey", "TLS private key").Envar("NATS_KEY").PlaceHolder("FILE").StringVar(&c.TLSKey)
	app.Flag("tlsca", "TLS certificate authority chain").Envar("NATS_CA").PlaceHolder("FILE").StringVar(&c.TLSCA)
	app.Flag("tlsfirst", "Perform TLS handshake before expecting the server greeting").BoolVar(&c.TLSFirst)
	app.Flag("tls-first", "alias for --tlsfirst").Hidden().BoolVar(&c.TLSFirst)
	app.Flag("timeout", "Time to wait on responses from NATS").Default("5s").Envar("NATS_TIMEOUT").PlaceHolder("DURATION").DurationVar(&c.Timeout)
	app.Flag("socks-proxy", "SOCKS5 proxy for connecting to NATS server").Envar("NATS_SOCKS_PROXY").PlaceHolder("PROXY").StringVar(&c.SocksProxy)
	app.Flag("inbox-prefix", "Custom inbox prefix to use for inboxes").PlaceHolder("PREFIX").StringVar(&c.InboxPrefix)
	app.Flag("colors", "Sets a color scheme to use").PlaceHolder("SCHEME").Envar("NATS_COLOR").EnumVar(&c.colors, colorSchemes...)
	app.Flag("context", "Configuration context").Envar("NATS_CONTEXT").PlaceHolder("NAME").HintAction(contexts).StringVar(&c.Context)
	app.Flag("trace", "Trace API interactions").UnNegatableBoolVar(&c.trace)
	app.Flag("no-context", "Disable the selected context").UnNegatableBoolVar(&c.NoContext)
}

// repeated are the flags that lead another command to the same servers, without
// secrets: those are for the user to add.
func (c *connection) repeated() string {
	switch {
	case c.Context != "":
		return "--context " + words.Shell(c.Context)
	case c.Servers == "":
		return ""
	}
	out := "--server " + words.Shell(clienturl.Redact(c.Servers))
	for _, f := range []struct{ flag, variable, value string }{
		{"--creds", "NATS_CREDS", c.Creds}, {"--nkey", "NATS_NKEY", c.NKey},
		{"--tlscert", "NATS_CERT", c.TLSCert}, {"--tlskey", "NATS_KEY", c.TLSKey}, {"--tlsca", "NATS_CA", c.TLSCA},
	} {
		switch {
		case f.value == "":
		case natsconn.IsLocation(f.value):
			out += " " + f.flag + " " + words.Shell(f.value)
		default:
			out += " " + f.flag + ` "$` + f.variable + `"`
		}
	}
	switch user, kind := userOf(c.Servers); {
	case c.User != "" && c.Password != "":
		out += " --user " + words.Shell(c.User) + ` --password "$NATS_PASSWORD"`
	case kind == "password":
		out += " --user " + words.Shell(user) + ` --password "$NATS_PASSWORD"`
	case kind == "token" || c.Token != "":
		out += ` --token "$NATS_TOKEN"`
	}
	if c.TLSFirst {
		out += " --tlsfirst"
	}
	if c.NoContext {
		out += " --no-context"
	}
	return out
}

// userOf is the user of the first of the URLs that has one, and what it takes
// besides: a password; or the kind token, which is never shown.
func userOf(urls string) (user, kind string) {
	for _, text := range strings.Split(urls, ",") {
		u, err := url.Parse(strings.TrimSpace(text))
		if err != nil || u.User == nil {
			continue
		}
		if _, ok := u.User.Password(); ok {
			return u.User.Username(), "password"
		}
		return "", "token"
	}
	return "", ""
}

// connectionName is what connections are called unless the user names them.
func connectionName() string { return "nats-balance " + Version() }

// connect opens a connection.
func (c *connection) connect(ctx context.Context, trace func(string, ...any)) (*nats.Conn, error) {
	settings := c.Settings
	if strings.TrimSpace(settings.Name) == "" {
		settings.Name = connectionName()
	}
	return settings.Connect(ctx, trace)
}

// connectedURLs are those that a connection was opened with.
func connectedURLs(nc *nats.Conn) string {
	var passed []string
	for _, text := range nc.Opts.Servers {
		passed = append(passed, sysreq.Passed(nc, text))
	}
	if len(passed) > 0 {
		return strings.Join(passed, ",")
	}
	return nc.Opts.Url
}
