package report

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// longest is how many characters of a name from outside are shown.
const longest = 256

// userinfo finds what stands between a scheme and a host, however the rest of
// a URL looks.
var userinfo = regexp.MustCompile(`([a-zA-Z][a-zA-Z0-9+.-]*://)[^/\s@"']*@`)

// Harmless makes a string from outside safe for terminals, logs and JSON:
// control characters, invalid bytes, and invisible or direction-changing
// characters become visible escapes, credentials in URLs are cut out, and
// what is longer than 256 characters is cut off.
func Harmless(s string) string { return harmless(s, longest) }

// HarmlessText is Harmless for whole sentences, of any length.
func HarmlessText(s string) string { return harmless(s, len(s)) }

func harmless(s string, longest int) string {
	s = userinfo.ReplaceAllString(s, "${1}")
	var b strings.Builder
	n := 0
	for i, r := range s {
		if n == longest {
			b.WriteRune('…')
			break
		}
		n++
		_, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case r == ' ' || visible(r):
			b.WriteRune(r)
		case r < 0x100:
			fmt.Fprintf(&b, `\x%02x`, r)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}

// visible leaves out controls, format characters (bidirectional overrides,
// zero-width ones), separators, private and unassigned characters.
func visible(r rune) bool {
	return unicode.IsPrint(r) && !unicode.Is(unicode.Cf, r) && !unicode.Is(unicode.Variation_Selector, r)
}
