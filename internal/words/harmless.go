package words

import (
	"fmt"
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
func Harmless(s string) string { return Shorten(HarmlessText(s), longest) }

// HarmlessText is [Harmless] for whole texts, of any length.
func HarmlessText(s string) string {
	s = Printable(s)
	if r := redact(s); r != s {
		return Printable(r) // what was cut out may have carried accents
	}
	return s
}

// Sentence is [Harmless] for a sentence that has names in it: up to 1,024
// characters.
func Sentence(s string) string { return Shorten(HarmlessText(s), longestSentence) }

// Shorten returns a string of at most so many characters, of which the last
// says that there were more.
func Shorten(s string, most int) string {
	if len(s) <= most {
		return s
	}
	n := 0
	for i := range s {
		if n++; n == most && utf8.RuneCountInString(s[i:]) > 1 {
			return s[:i] + "…"
		}
	}
	return s
}

// Cut returns the first bytes of a string, up to so many, and no part of a
// character.
func Cut(s string, most int) string {
	if len(s) <= most {
		return s
	}
	for most > 0 && !utf8.RuneStart(s[most]) {
		most--
	}
	return s[:most]
}

// plain reports whether a string is printable ASCII.
func plain(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// IsPrintable reports whether all of a string can be seen, so that [Printable]
// returns it as it is.
func IsPrintable(s string) bool { return plain(s) || Printable(s) == s }

// Printable returns a string in which everything that can't be seen is an
// escape. No white space but the plain space is left.
func Printable(s string) string {
	if plain(s) {
		return s // as nearly all names are
	}
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
			escapeByte(&b, s[i])
		case visible(r) && mark && stacked < marks:
			b.WriteRune(r)
			stacked++
			continue
		case visible(r) && !mark:
			b.WriteRune(r)
		default:
			escape(&b, r)
		}
		stacked = 0
	}
	return b.String()
}

// ASCII is [Printable] in which what is not ASCII is an escape too.
func ASCII(s string) string {
	if plain(s) {
		return s
	}
	var b strings.Builder
	for i, r := range s {
		switch _, size := utf8.DecodeRuneInString(s[i:]); {
		case r == utf8.RuneError && size == 1:
			escapeByte(&b, s[i])
		case r < ' ' || r > '~':
			escape(&b, r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

func escapeByte(b *strings.Builder, c byte) { fmt.Fprintf(b, `\x%02x`, c) }

func escape(b *strings.Builder, r rune) {
	switch {
	case r < 0x80:
		escapeByte(b, byte(r))
	case r < 0x10000:
		fmt.Fprintf(b, `\u%04x`, r)
	default:
		fmt.Fprintf(b, `\U%08x`, r)
	}
}

// visible leaves out controls, format characters (bidirectional overrides,
// zero-width ones, tags), fillers and other blanks, variation selectors,
// separators, private and unassigned characters.
func visible(r rune) bool {
	const brailleBlank = '\u2800'
	return unicode.IsPrint(r) && r != brailleBlank &&
		!unicode.In(r, unicode.Cf, unicode.Variation_Selector, unicode.Other_Default_Ignorable_Code_Point)
}
