package remedy

import (
	"fmt"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/nats-balance/nats-balance/checks"
)

// longestName bounds names in commands and snippets, in bytes; longestShown
// those in sentences, in characters.
const (
	longestName  = 256
	longestShown = 80
)

// visible is whether all of a string can be seen: no control characters, no
// invalid bytes, no blanks but the space, nothing that changes the direction.
func visible(s string) bool {
	for i, r := range s {
		if _, size := utf8.DecodeRuneInString(s[i:]); r == utf8.RuneError && size == 1 || !unicode.IsPrint(r) {
			return false
		}
	}
	return true
}

// pasteable is whether a name may stand in a command: a terminal acts on control
// characters even where a shell would not.
func pasteable(s string) bool { return s != "" && len(s) <= longestName && visible(s) }

// shown makes a name harmless for a sentence, or for a comment of one line.
func shown(s string) string {
	var b strings.Builder
	n := 0
	for i, r := range s {
		if n++; n > longestShown {
			b.WriteString("…")
			break
		}
		_, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case unicode.IsPrint(r):
			b.WriteRune(r)
		case r < 0x80:
			fmt.Fprintf(&b, `\x%02x`, r)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}

var (
	bareWord   = regexp.MustCompile(`^[A-Za-z0-9_./:,+@-]+$`)
	hostName   = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?\.?$`)
	plainLabel = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)
)

// quoted is a value as one word of a POSIX shell.
func quoted(s string) string {
	if bareWord.MatchString(s) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// option is a flag with a value. Parsers of command lines take a value of its
// own word that begins with - for a flag, and one with @ for a file.
func option(flag, value string) string {
	if strings.HasPrefix(value, "-") || strings.HasPrefix(value, "@") {
		return flag + "=" + quoted(value)
	}
	return flag + " " + quoted(value)
}

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

// validHost is whether a host is an address that clients can connect to, or may
// be a name.
func validHost(h string) bool {
	if ip, err := netip.ParseAddr(h); err == nil {
		return !ip.IsUnspecified() && ip.Zone() == ""
	}
	return len(h) <= 253 && hostName.MatchString(h)
}

// several is "1 connection" or "1,200 connections".
func several(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return thousands(n) + " " + what + "s"
}

// thousands is a number with commas, as people read it.
func thousands(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// listed is "a", "a and b", "a, b and c", or "a, b, c and 5 more".
func listed(words []string) string {
	const most = 4
	if len(words) > most {
		return fmt.Sprintf("%s and %d more", strings.Join(words[:most-1], ", "), len(words)-most+1)
	}
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " and " + words[len(words)-1]
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
