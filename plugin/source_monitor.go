package plugin

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/checks/cause"
	"github.com/nats-balance/nats-balance/internal/gather"
	"github.com/nats-balance/nats-balance/internal/words"
)

// monitoring asks the HTTP monitoring ports of the servers.
type monitoring struct {
	host Host
	urls []*url.URL
	from *gather.Monitoring
	// progress is drawn while the deployment is gathered.
	progress *progress
}

// newMonitoring reads the value of --monitor. It asks nothing yet.
func newMonitoring(h Host, list string) (source, error) {
	urls, err := parseMonitors(list)
	if err != nil {
		return nil, &usageError{err: err}
	}
	var config *tls.Config
	if slices.ContainsFunc(urls, func(u *url.URL) bool { return u.Scheme == "https" }) {
		if config, err = h.TLS(); err != nil {
			return nil, err
		}
	}
	m := &monitoring{host: h, urls: urls}
	o := gather.Options{Progress: func(p gather.Progress) { m.progress.show(p) }}
	if h.Trace() {
		o.Trace = h.tracef
	}
	m.from = gather.NewMonitoring(urls, config, o)
	return m, nil
}

// mostMonitors is how many URLs are taken.
const mostMonitors = 10_000

// parseMonitors reads a list of URLs. Its errors show nothing of what may be
// credentials.
func parseMonitors(list string) ([]*url.URL, error) {
	const pass = "pass --monitor http://HOST:PORT or https://HOST:PORT, one URL for each server"
	var urls []*url.URL
	for i, entry := range strings.Split(list, ",") {
		if entry = strings.TrimSpace(entry); entry == "" {
			continue
		}
		nth := fmt.Sprintf("monitoring URL %d of the list", i+1)
		u, err := url.Parse(entry)
		switch {
		case err != nil && strings.Contains(entry, "@"), err == nil && strings.Count(entry, "@") > 1, err == nil && u.User == nil && strings.Contains(entry, "@"):
			// It must not be shown: who knows where the password ends.
			return nil, fmt.Errorf("%s can't be read: write special characters of its user and password as %%40 for @, %%2F for /, %%2C for a comma", nth)
		case err != nil, !strings.Contains(entry, "://"):
			// Without a scheme a password may stand anywhere.
			return nil, fmt.Errorf("%s is no URL: %s", nth, pass)
		}
		shown := words.Harmless(u.Scheme + "://" + u.Host)
		port := u.Port()
		if n, wrong := strconv.Atoi(port); port != "" && (wrong != nil || n < 1 || n > 65535) {
			return nil, fmt.Errorf("%s, %s, has no port that there is: %s", nth, shown, pass)
		}
		switch {
		case u.Scheme != "http" && u.Scheme != "https":
			return nil, fmt.Errorf("%s, %s, is neither http nor https: %s", nth, shown, pass)
		case u.Hostname() == "":
			return nil, fmt.Errorf("%s has no host: %s", nth, pass)
		case u.RawQuery != "" || u.Fragment != "":
			return nil, fmt.Errorf("%s, %s, has a query or a fragment: %s", nth, shown, pass)
		case len(urls) == mostMonitors:
			return nil, fmt.Errorf("--monitor has more than %d URLs: pass fewer", mostMonitors)
		}
		urls = append(urls, u)
	}
	if len(urls) == 0 {
		return nil, errors.New("--monitor has no URL: " + pass)
	}
	return urls, nil
}

func (m *monitoring) kind() string { return "monitoring" }

func (m *monitoring) detail() string {
	first := *m.urls[0]
	first.User = nil
	if len(m.urls) == 1 {
		return "1 monitoring URL, " + words.Harmless(first.String())
	}
	return fmt.Sprintf("%d monitoring URLs, first %s", len(m.urls), words.Harmless(first.String()))
}

func (m *monitoring) deployment(ctx context.Context) (*checks.Deployment, error) {
	m.progress = newProgress(m.host.Err)
	defer m.progress.clear()
	d, err := m.from.Deployment(ctx)
	if err != nil && !errors.Is(err, context.Canceled) {
		return nil, fmt.Errorf("--monitor: %w", err)
	}
	return d, err
}

func (m *monitoring) knows(ctx context.Context, d *checks.Deployment, account string) error {
	return m.from.Knows(ctx, d, account)
}

func (m *monitoring) details(_ context.Context, d *checks.Deployment, clusters []string) error {
	m.from.Details(d, clusters)
	return nil
}

func (m *monitoring) examine(ctx context.Context, d *checks.Deployment, of []gather.Suspect) ([]gather.Report, map[gather.Suspect]map[string]checks.AccountOn, error) {
	return m.from.Examine(ctx, d, of)
}

func (m *monitoring) subscriptions(ctx context.Context, of []gather.Held) ([]*int, error) {
	return m.from.Subscriptions(ctx, of)
}

// url is none: clients don't use monitoring ports.
func (m *monitoring) url() string { return "" }

func (m *monitoring) gap() cause.Gap { return cause.GapPages }

// again has a variable in place of a list that nobody would read in a command.
func (m *monitoring) again() string {
	if len(m.urls) > 10 {
		return `--monitor "$MONITOR_URLS"`
	}
	var urls []string
	for _, u := range m.urls {
		plain := *u
		if plain.User != nil { // which one to add
			plain.User = url.UserPassword("USER", "PASSWORD")
		}
		urls = append(urls, plain.String())
	}
	return "--monitor " + quote(strings.Join(urls, ","))
}

// monitoringTLS is what --tlsca, --tlscert and --tlskey, or the context, say of
// TLS. It is nil where they say nothing.
func (c *connection) monitoringTLS(ctx context.Context) (*tls.Config, error) {
	settings, err := c.load(ctx)
	if err != nil {
		return nil, err
	}
	l := &login{nctx: settings}
	l.hide(c.password, c.token, c.jwt, c.seed, settings.Password(), settings.Token(), settings.UserJWT(), settings.UserSeed())
	ca, cert, key := filePath(settings.CA()), filePath(settings.Certificate()), filePath(settings.Key())
	if ca == "" && cert == "" && key == "" {
		return nil, nil
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if ca != "" {
		data, err := os.ReadFile(ca)
		if err != nil {
			return nil, l.explainFile(fmt.Errorf("ca: %w", err))
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(data) {
			return nil, l.explainFile(errors.New("ca: no certificate in it"))
		}
	}
	switch {
	case cert == "" && key == "":
		return config, nil
	case cert == "" || key == "":
		return nil, errors.New("a client certificate takes two files: pass --tlscert and --tlskey")
	}
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		return nil, l.explainFile(fmt.Errorf("cert: %w", err))
	}
	config.Certificates = []tls.Certificate{pair}
	return config, nil
}

// filePath is the path that a context names a file by.
func filePath(named string) string { return strings.TrimPrefix(named, "file://") }
