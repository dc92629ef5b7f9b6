package report

import (
	"fmt"
	"iter"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	// longest is how many characters of a name from outside are shown.
	longest = 256
	// longestSentence is the same for what has names in it.
	longestSentence = 1024
	// marks is how many accents and the like may stand on one character.
	marks = 3
)

// Harmless makes a string from outside safe for terminals, logs and JSON:
// control characters, invalid bytes, and invisible or direction-changing
// characters become visible escapes, credentials in URLs are cut out, and
// what is longer than 256 characters is cut off.
//
// What is harmless already stays as it is.
func Harmless(s string) string { return shorten(HarmlessText(s), longest) }

// HarmlessText is Harmless for whole sentences, of any length.
func HarmlessText(s string) string {
	s = printable(s)
	if r := redact(s); r != s {
		return printable(r) // what was cut out may have carried accents
	}
	return s
}

// sentence is HarmlessText of a bounded length.
func sentence(s string) string { return shorten(HarmlessText(s), longestSentence) }

// shorten cuts to a number of characters.
func shorten(s string, longest int) string {
	n := 0
	for i := range s {
		if n++; n == longest && utf8.RuneCountInString(s[i:]) > 1 {
			return s[:i] + "…"
		}
	}
	return s
}

// printable writes everything that can't be seen as an escape. No white space
// but the plain space is left.
func printable(s string) string {
	var b strings.Builder
	stacked := marks // nothing yet to put a mark on
	for i, r := range s {
		_, size := utf8.DecodeRuneInString(s[i:])
		mark := unicode.In(r, unicode.Mn, unicode.Me)
		switch {
		case r == ' ':
			b.WriteRune(r)
			stacked = marks
			continue
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case visible(r) && mark && stacked < marks:
			b.WriteRune(r)
			stacked++
			continue
		case visible(r) && !mark:
			b.WriteRune(r)
		case r < 0x80:
			fmt.Fprintf(&b, `\x%02x`, r)
		case r < 0x10000:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			fmt.Fprintf(&b, `\U%08x`, r)
		}
		stacked = 0
	}
	return b.String()
}

// visible leaves out controls, format characters (bidirectional overrides,
// zero-width ones, tags), fillers and other blanks, variation selectors,
// separators, private and unassigned characters.
func visible(r rune) bool {
	const brailleBlank = '\u2800'
	return unicode.IsPrint(r) && r != brailleBlank &&
		!unicode.In(r, unicode.Cf, unicode.Variation_Selector, unicode.Other_Default_Ignorable_Code_Point)
}

var (
	scheme = regexp.MustCompile(`[a-zA-Z][a-zA-Z0-9+.-]*://`)
	// spaced is a URL whose password has a space: in quotes up to their end,
	// else where what follows the colon can be no port.
	spaced = regexp.MustCompile(`("[a-zA-Z][a-zA-Z0-9+.-]*://)[^"]*@|` +
		`([a-zA-Z][a-zA-Z0-9+.-]*://)[^ :@/\[\]"',]+:[^ 0-9:/@"',][^"]*@`)
	// host is a host, maybe with a port, and nothing behind it.
	host = regexp.MustCompile(`^[a-zA-Z0-9.:_\[\]-]+$`)
)

// redact cuts out what stands between the scheme and the host of URLs, and
// user:password@ where there is no scheme. What a password may hold makes the
// end hard to tell: it cuts too much, a path with an @, rather than too little.
func redact(s string) string {
	for range 4 { // what is left over may make a URL with what is beside it
		if !strings.Contains(s, "@") {
			return s
		}
		words := strings.Split(s, " ")
		for i, w := range words {
			words[i] = redactWord(w)
		}
		redacted := spaced.ReplaceAllString(strings.Join(words, " "), "$1$2")
		if redacted == s {
			return s
		}
		s = redacted
	}
	return s[strings.LastIndexByte(s, '@')+1:]
}

// redactWord splits a word where another URL of a list begins.
func redactWord(word string) string {
	if !strings.Contains(word, "@") {
		return word
	}
	var b strings.Builder
	start, afterScheme := 0, 0
	for _, found := range scheme.FindAllStringIndex(word, -1) {
		if at := found[0]; at == 0 || strings.ContainsRune(`,;|="'<>(){}[]`, rune(word[at-1])) {
			b.WriteString(word[start:afterScheme])
			b.WriteString(redactList(word[afterScheme:at], afterScheme > start))
			start, afterScheme = at, found[1]
		}
	}
	b.WriteString(word[start:afterScheme])
	b.WriteString(redactList(word[afterScheme:], afterScheme > start))
	return b.String()
}

// redactList splits what may be a list of hosts at commas, but for those that
// may be part of a password. Without a scheme, only user:password@ is cut out:
// name@place need not be a secret.
func redactList(list string, hasScheme bool) string {
	var b strings.Builder
	first, at := 0, -1 // of what is not yet written: its start, its last @
	flush := func(end int) {
		if at >= 0 && (hasScheme || strings.Contains(list[first:at], ":")) {
			first = at + 1
		}
		b.WriteString(list[first:end])
		first, at, hasScheme = end, -1, false
	}
	before := 0 // the start of the part before
	for start, part := range parts(list) {
		if at >= before && host.MatchString(list[at+1:start-1]) {
			user, _, hasUser := strings.Cut(part, "@")
			if !hasUser || strings.Contains(user, ":") {
				flush(start)
			}
		}
		if last := strings.LastIndexByte(part, '@'); last >= 0 {
			at = start + last
		}
		before = start
	}
	flush(len(list))
	return b.String()
}

// parts goes through what stands between commas, each with where it starts.
func parts(list string) iter.Seq2[int, string] {
	return func(yield func(int, string) bool) {
		start := 0
		for part := range strings.SplitSeq(list, ",") {
			if !yield(start, part) {
				return
			}
			start += len(part) + 1
		}
	}
}
