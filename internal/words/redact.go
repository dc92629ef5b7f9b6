package words

import (
	"iter"
	"regexp"
	"strings"
)

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
