package natsconn

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/nats-balance/nats-balance/internal/words"
)

// target is a server to connect to.
type target struct {
	*url.URL
	shown string // its URL without credentials, fit to print
}

// parseServers reads a list of server URLs as nats.go does, but refuses what
// nats.go would misunderstand: a URL without a host means localhost to it.
func parseServers(list string) ([]target, error) {
	const pass = "pass --server nats://HOST:PORT, or tls://, ws:// or wss://"
	var servers []target
	scheme := "nats"
	entries := strings.Split(list, ",")
	for i, entry := range entries {
		entry = strings.TrimSpace(entry)
		if entry == "" {
			continue
		}
		full := entry
		if !strings.Contains(entry, "://") {
			full = scheme + "://" + entry
		}
		u, err := url.Parse(full)
		at := strings.Contains(entry, "@")
		// A comma in a password makes its beginning look like a host.
		cut := !at && i+1 < len(entries) && strings.Contains(entries[i+1], "@") && !strings.Contains(entries[i+1], "://")
		if err == nil && u.Port() != "" {
			var port int
			if port, err = strconv.Atoi(u.Port()); port < 1 || port > 65535 {
				err = errors.New("no such port")
			}
		}
		switch {
		case at && (err != nil || u.User == nil), cut && err != nil, !plain.MatchString(entry) && (err != nil || !isHost(u)):
			// It must not be shown, nor looked up: who knows where the password ends, or
			// whether an escaped @ makes a host of it.
			return nil, fmt.Errorf("server URL %d of the list can't be read: write special characters of its user and password as %%40 for @, %%2F for /, %%2C for a comma, or pass them with --user and --password, and --server nats://HOST:PORT", len(servers)+1)
		case err != nil, u.Hostname() == "", strings.Contains(u.Hostname(), ":") && u.Host[0] != '[':
			return nil, fmt.Errorf(`"%s" is not a server URL: %s`, shownURL(entry), pass)
		case !slices.Contains([]string{"nats", "tls", "ws", "wss", "tcp"}, u.Scheme):
			return nil, fmt.Errorf(`"%s" is not the URL of a NATS server: %s`, shownURL(entry), pass)
		case len(servers) > 0 && strings.HasPrefix(u.Scheme, "ws") != strings.HasPrefix(servers[0].Scheme, "ws"):
			return nil, errors.New("the list of server URLs mixes WebSocket and others: pass --server with one kind only")
		}
		if strings.HasPrefix(u.Scheme, "ws") {
			scheme = u.Scheme
		}
		shown := words.Harmless(u.Scheme + "://" + u.Host)
		if cut {
			shown = fmt.Sprintf("server URL %d of the list", len(servers)+1)
		}
		servers = append(servers, target{u, shown})
	}
	if len(servers) == 0 {
		return nil, fmt.Errorf("the list of server URLs is empty: %s", pass)
	}
	return servers, nil
}

// plain is a URL, or what should be one, that has no room for a password or token.
var plain = regexp.MustCompile(`^(?:[a-z]+://)?(?:\[[0-9A-Fa-f:.]*\]|[A-Za-z0-9._-]*)(?::[0-9]*)?/?$`)

// isHost reports whether the host of a URL, which is not empty, has the characters of
// one only: those of a name or an address.
func isHost(u *url.URL) bool {
	host := u.Hostname()
	if _, err := netip.ParseAddr(host); err == nil {
		return true
	}
	return !strings.ContainsFunc(host, func(r rune) bool {
		return r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune(".-_", r)
	})
}

// shownURL returns a server's URL without its credentials.
func shownURL(entry string) string {
	entry, _, _ = strings.Cut(entry, "?")
	scheme, rest, ok := strings.Cut(entry, "://")
	if !ok {
		rest = entry
	}
	rest = rest[strings.LastIndex(rest, "@")+1:]
	if ok {
		rest = scheme + "://" + rest
	}
	return words.Harmless(rest)
}
