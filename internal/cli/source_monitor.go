package cli

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/nats-balance/nats-balance/internal/source/monitor"
	"github.com/nats-balance/nats-balance/internal/words"
)

// monitorOrigin reads the value of --monitor. It asks nothing yet.
func monitorOrigin(h Host, list string) (*origin, error) {
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
	o := newOrigin(h)
	o.Source, o.again = monitor.New(urls, config, o.options), monitorFlags(urls)
	return o, nil
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
			return nil, fmt.Errorf("%s is not a URL: %s", nth, pass)
		}
		shown := words.Harmless(u.Scheme + "://" + u.Host)
		port := u.Port()
		if n, wrong := strconv.Atoi(port); port != "" && (wrong != nil || n < 1 || n > 65535) {
			return nil, fmt.Errorf("%s, %s, has a port that does not exist: %s", nth, shown, pass)
		}
		switch {
		case u.Scheme != "http" && u.Scheme != "https":
			return nil, fmt.Errorf("%s, %s, is neither http nor https: %s", nth, shown, pass)
		case u.Hostname() == "":
			return nil, fmt.Errorf("%s has no host: %s", nth, pass)
		case u.RawQuery != "" || u.Fragment != "":
			return nil, fmt.Errorf("%s, %s, has a query or a fragment: %s", nth, shown, pass)
		case len(urls) == mostMonitors:
			return nil, fmt.Errorf("--monitor has more than %s URLs: pass fewer", words.Count(mostMonitors))
		}
		urls = append(urls, u)
	}
	if len(urls) == 0 {
		return nil, errors.New("--monitor has no URL: " + pass)
	}
	return urls, nil
}

// monitorFlags are the flags that lead to the same monitoring ports. They have a
// variable in place of a list that nobody would read in a command.
func monitorFlags(all []*url.URL) string {
	if len(all) > 10 {
		return `--monitor "$MONITOR_URLS"`
	}
	var urls []string
	for _, u := range all {
		plain := *u
		if plain.User != nil { // which one to add
			plain.User = url.UserPassword("USER", "PASSWORD")
		}
		urls = append(urls, plain.String())
	}
	return "--monitor " + words.Shell(strings.Join(urls, ","))
}
