package remedy

import (
	"net/netip"
	"regexp"
	"strconv"
	"strings"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/words"
)

// longestName bounds names in commands and snippets, in bytes; longestShown
// those in sentences, in characters.
const (
	longestName  = 256
	longestShown = 80
)

// pasteable reports whether a name may stand in a command: a terminal acts on control
// characters even where a shell would not.
func pasteable(s string) bool { return s != "" && len(s) <= longestName && words.IsPrintable(s) }

// shown makes a name harmless for a sentence, or for a comment of one line.
func shown(s string) string { return words.Shorten(words.Printable(s), longestShown) }

var (
	hostName   = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?\.?$`)
	plainLabel = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)
)

// option is a flag with a value. Parsers of command lines take a value of its
// own word that begins with - for a flag, and one with @ for a file.
func option(flag, value string) string {
	if strings.HasPrefix(value, "-") || strings.HasPrefix(value, "@") {
		return flag + "=" + words.Shell(value)
	}
	return flag + " " + words.Shell(value)
}

// checkConf is how a configuration is tried before servers take it.
const checkConf = "nats-server -t -c nats.conf"

// confKey is a name as a key of a nats-server configuration: keys in quotes
// have no escapes.
func confKey(s string) (string, bool) {
	switch {
	case !pasteable(s) || strings.Contains(s, `\`):
		return "", false
	case !strings.Contains(s, `"`):
		return `"` + s + `"`, true
	case !strings.Contains(s, `'`):
		return `'` + s + `'`, true
	}
	return "", false
}

// confValue is a string as a value of a nats-server configuration.
func confValue(s string) (string, bool) {
	if !pasteable(s) {
		return "", false
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`, true
}

// hostPort splits an address that a server or a list names, and says whether it
// is one: what comes from outside goes into code only if it can be nothing else.
func hostPort(s string) (host string, port int, ok bool) {
	at := strings.LastIndexByte(s, ':')
	if at < 0 {
		return "", 0, false
	}
	port, err := strconv.Atoi(s[at+1:])
	if err != nil || !validPort(port) {
		return "", 0, false
	}
	host = strings.TrimSuffix(strings.TrimPrefix(s[:at], "["), "]")
	return host, port, validHost(host)
}

func validPort(p int) bool { return p > 0 && p <= 65535 }

// validHost reports whether a host is an address that clients can connect to, or may
// be a name.
func validHost(h string) bool {
	if ip, err := netip.ParseAddr(h); err == nil {
		return !ip.IsUnspecified() && ip.Zone() == ""
	}
	return len(h) <= 253 && hostName.MatchString(h)
}

// roundUp is the next number of two significant digits.
func roundUp(n int) int {
	step := 1
	for n/step >= 100 {
		step *= 10
	}
	return (n + step - 1) / step * step
}

// ForFlags is an account's name, or its id, as a shell takes it in a flag that is
// shown; ACCOUNT where neither is safe.
func ForFlags(a checks.Account) string {
	for _, name := range []string{a.Name, a.ID} {
		switch {
		case plainWord.MatchString(name):
			return name
		case quotable.MatchString(name):
			return "'" + name + "'"
		}
	}
	return "ACCOUNT"
}

var (
	plainWord = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]{0,79}$`)
	quotable  = regexp.MustCompile(`^[ -&(-~]{1,80}$`) // what is printed of ASCII, but for '
)
