package clienturl

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/nats-balance/nats-balance/checks"
)

// The errors quote nothing of a URL: what looks like a port may be a password.
var (
	errEmpty       = &urlError{"is empty", "pass a URL such as nats://host:4222"}
	errControl     = &urlError{"has a space or a control character", "pass URLs such as nats://host:4222, separated by commas"}
	errScheme      = &urlError{"has a scheme that NATS clients do not have", "pass nats, tls, ws, wss, mqtt or mqtts, as in nats://host:4222"}
	errHost        = &urlError{"has no host", "pass a URL such as nats://host:4222"}
	errName        = &urlError{"has a host that is neither a name nor an address", "pass a URL such as nats://host:4222"}
	errPort        = &urlError{"has an invalid port", "pass a number from 1 to 65535, as in nats://host:4222"}
	errIPv6        = &urlError{"has an IPv6 address without brackets", "pass a URL such as nats://[2001:db8::1]:4222"}
	errCredentials = &urlError{"has a reserved character in its credentials", "leave them out, they are not needed"}
	errPlaceholder = &urlError{"has a placeholder", "pass the URL that it becomes"}
)

// urlError is what is wrong with a URL, as what follows its name, and what to pass
// instead.
type urlError struct{ fault, advice string }

func (e *urlError) Error() string { return e.fault + ": " + e.advice }

// faultOf is what is wrong with a URL, without what a flag's user should pass.
func faultOf(err error) string {
	if e, ok := errors.AsType[*urlError](err); ok {
		return e.fault
	}
	return err.Error()
}

// ParseFlag reads a value of --client-url, "[ACCOUNT=]URL[,URL…]": the server
// list of one client, in its order. As with clients, a URL without a scheme is
// nats. Credentials in URLs are dropped. An error says what is wrong with the
// value, as what follows its name, and what to pass; it quotes no URL.
func ParseFlag(value string) (checks.URLList, error) {
	fail := func(err error) (checks.URLList, error) { return checks.URLList{}, err }
	account, rest := SplitAccount(value)
	switch {
	case strings.HasPrefix(value, "="):
		return fail(errors.New("has no account before the =: pass ACCOUNT=URL, or the URL alone"))
	case strings.ContainsFunc(account, isControl):
		return fail(errors.New("has an account with a control character: pass its name or id"))
	}
	parts := strings.Split(rest, ",")
	list := checks.URLList{Origin: "--client-url", Account: account, Ordered: checks.Unknown}
	for i, part := range parts {
		endpoint, user, err := parsePart(part, i)
		switch {
		case err != nil && len(parts) > 1:
			return fail(fmt.Errorf("URL %d of %d %w", i+1, len(parts), err))
		case err != nil:
			return fail(err)
		}
		list.Endpoints, list.User = append(list.Endpoints, endpoint), cmp.Or(list.User, user)
	}
	return list, nil
}

// SplitAccount takes the account off "[ACCOUNT=]URL" and "[ACCOUNT=]PATH". It is
// empty where there is none. What has one of :/\@, can't be an account here.
func SplitAccount(value string) (account, rest string) {
	before, after, found := strings.Cut(value, "=")
	if !found || before == "" || strings.ContainsAny(before, ":/\\@,") {
		return "", value
	}
	return before, after
}

// Redact makes a URL, or several with commas between, fit to print: scheme,
// host and port. What can't be read is replaced, as it may hold credentials.
func Redact(url string) string {
	parts := strings.Split(url, ",")
	for i, part := range parts {
		endpoint, _, err := parsePart(part, i)
		if err != nil {
			return "(a URL that can't be read)"
		}
		parts[i] = endpoint.URL
	}
	return strings.Join(parts, ",")
}

// schemes of clients of NATS.
func schemes() []string { return []string{"nats", "tls", "ws", "wss", "mqtt", "mqtts"} }

func defaultPort(scheme string) int {
	switch scheme {
	case "ws":
		return 80
	case "wss":
		return 443
	case "mqtt":
		return 1883
	case "mqtts":
		return 8883
	}
	return 4222
}

// parsePart reads the URL at an index of a list with commas.
func parsePart(part string, index int) (e checks.Endpoint, user string, err error) {
	part = strings.TrimSpace(part)
	if index > 0 && strings.Contains(part, "@") && !strings.Contains(part, "://") {
		return e, "", errCredentials // it could be the rest of a password with a comma
	}
	return parseUser(part)
}

// parse reads one URL as clients do, without credentials.
func parse(raw string) (checks.Endpoint, error) {
	e, _, err := parseUser(raw)
	return e, err
}

// parseUser reads one URL as clients do. Of its credentials it returns the user.
func parseUser(raw string) (e checks.Endpoint, user string, err error) {
	none := func(err error) (checks.Endpoint, string, error) { return checks.Endpoint{}, "", err }
	switch {
	case raw == "":
		return none(errEmpty)
	case strings.ContainsFunc(raw, func(r rune) bool { return r == ' ' || isControl(r) }):
		return none(errControl)
	}
	scheme, rest, found := strings.Cut(raw, "://")
	if !found {
		scheme, rest = "nats", raw
	}
	scheme = strings.ToLower(scheme)
	if !slices.Contains(schemes(), scheme) {
		if hasPlaceholder(scheme) {
			return none(errPlaceholder)
		}
		return none(errScheme)
	}
	authority := rest
	if end := strings.IndexAny(rest, "/?#"); end >= 0 {
		authority = rest[:end]
	}
	at := strings.LastIndexByte(rest, '@')
	if at >= len(authority) { // a slash in the password, as likely as an @ in the path
		return none(errCredentials)
	}
	if name, _, hasPassword := strings.Cut(authority[:max(at, 0)], ":"); hasPassword && !hasPlaceholder(name) {
		if user, err = url.PathUnescape(name); err != nil {
			user = name
		}
	}
	path := pathOf(scheme, rest[len(authority):])
	authority = authority[at+1:]
	if hasPlaceholder(authority) {
		return none(errPlaceholder)
	}
	host, portText, err := splitPort(authority)
	if err != nil {
		return none(err)
	}
	port := defaultPort(scheme)
	if portText != "" {
		port, err = strconv.Atoi(portText)
		if err != nil || port < 1 || port > 65535 || portText[0] == '+' {
			return none(errPort)
		}
	}
	literal := false
	if addr, err := netip.ParseAddr(host); err == nil {
		host, literal = addr.String(), true
	} else if !isName(host) {
		return none(errName)
	}
	host = strings.ToLower(host)
	shown := net.JoinHostPort(strings.ReplaceAll(host, "%", "%25"), strconv.Itoa(port))
	return checks.Endpoint{URL: scheme + "://" + shown + path, Scheme: scheme, Host: host, Port: port, Path: path, Literal: literal}, user, nil
}

// pathOf is the path that a WebSocket client asks for; the query, which may have
// a token, is left out.
func pathOf(scheme, rest string) string {
	path, _, _ := strings.Cut(rest, "#")
	path, _, _ = strings.Cut(path, "?")
	if !strings.HasPrefix(scheme, "ws") || path == "/" {
		return ""
	}
	return path
}

// splitPort takes the port off host[:port]; it is empty where there is none. An
// IPv6 address comes without its brackets.
func splitPort(authority string) (host, port string, err error) {
	if inner, ok := strings.CutPrefix(authority, "["); ok {
		host, rest, found := strings.Cut(inner, "]")
		host = strings.Replace(host, "%25", "%", 1) // the zone
		addr, err := netip.ParseAddr(host)
		switch {
		case !found || err != nil || !addr.Is6() || !isZone(addr.Zone()):
			return "", "", errName
		case rest != "" && rest[0] != ':':
			return "", "", errPort
		}
		return host, strings.TrimPrefix(rest, ":"), nil
	}
	if strings.Count(authority, ":") > 1 {
		if _, err := netip.ParseAddr(authority); err == nil {
			return "", "", errIPv6
		}
		return "", "", errPort
	}
	host, port, _ = strings.Cut(authority, ":")
	if host == "" {
		return "", "", errHost
	}
	return host, port, nil
}

// isName reports whether the text can be the name of a host.
func isName(host string) bool {
	if len(host) > 253 || strings.HasPrefix(host, ".") || strings.Contains(host, "..") {
		return false
	}
	return !strings.ContainsFunc(host, func(r rune) bool { return !isAlnum(r) && r != '-' && r != '_' && r != '.' })
}

func isZone(zone string) bool {
	return !strings.ContainsFunc(zone, func(r rune) bool { return !isAlnum(r) && !strings.ContainsRune("-_.", r) })
}

// hasPlaceholder reports whether a template, a format or a shell fills in text.
func hasPlaceholder(text string) bool {
	return strings.ContainsAny(text, "{}$<>*") || strings.Contains(text, "%s") ||
		strings.Contains(text, "%d") || strings.Contains(text, "%v") || strings.Contains(text, "#{")
}

func isAlnum(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
}

func isControl(r rune) bool { return r < ' ' || 0x7f <= r && r < 0xa0 }

var (
	// endEscape is a backslash after a URL that is whole: it escapes a quote or
	// the end of the line.
	endEscape = regexp.MustCompile(`^\\+(?:["'` + "`" + `nrt]|u0022|u0027|x22|x27|[ \t]*(?:\r?\n|$))`)
	// goesOnWithSign is the @ that ends credentials in another literal or line.
	goesOnWithSign = regexp.MustCompile("^(?:[\"'`]\\s*(?:\\+|\\.|<>|\\\\)?\\s*[\"'`]|\\\\+\\r?\\n[ \\t]*|\\r?\\n[ \\t]*)(?:@|\\\\+(?:u0040|x40|100))")
)

// signFirst is a line that begins with the @ after credentials in the line before.
var signFirst = regexp.MustCompile(`^[ \t]*(?:@|\\+(?:u0040|x40|100))`)

// goesOnWithName is the end of a literal that a variable follows: what it has is unknown.
var goesOnWithName = regexp.MustCompile("^[\"'`]\\s*\\+\\s*[A-Za-z_$]")

// otherQuote reports whether a URL that ends at an offset is in quotes that do not end
// there, and has an @ before they do: its credentials have a character that ends one.
func otherQuote(text []byte, from, end int) bool {
	start := bytes.LastIndexFunc(text[:max(0, from-len("://"))], func(r rune) bool { return !isAlnum(r) && r != '+' })
	if start < 0 || end >= len(text) || bytes.IndexByte([]byte("\"'`"), text[start]) < 0 || text[end] == text[start] || bytes.IndexByte([]byte(" \t,;"), text[end]) >= 0 {
		return false
	}
	rest := text[end:min(len(text), end+256)]
	for i, b := range rest {
		switch {
		case b == '@':
			return !bytes.Contains(rest[:i], []byte("://"))
		case b == '\n' || b == ',' || b == ';' || b == text[start] && (i == 0 || rest[i-1] != '\\'):
			return false
		}
	}
	return false
}

// cutOff reports whether a URL that ends at an offset may only look like one: it
// may be the beginning of credentials whose @ is escaped or in the next line, and
// its host a token.
func cutOff(text []byte, end int) bool {
	rest := text[end:min(len(text), end+256)]
	if len(rest) == 0 {
		return false
	}
	return rest[0] == '\\' && !endEscape.Match(rest) || goesOnWithSign.Match(rest)
}
