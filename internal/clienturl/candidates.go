package clienturl

import (
	"bytes"
	"errors"
	"regexp"
	"slices"
	"strings"

	"github.com/nats-balance/nats-balance/checks"
)

// candidate is what may be a URL of a list, with its place in the text.
type candidate struct {
	start, end int
	endpoint   checks.Endpoint
	user       string
	// err is errPlaceholder where a template fills it in, another where it
	// can't be read.
	err error
	// weak: a host:port without a scheme, which counts only beside URLs or
	// under a key that is about servers.
	weak bool
	// bare: a host alone, in an array of servers.
	bare bool
}

var (
	// goesOn is code that adds to a string.
	goesOn     = regexp.MustCompile("^[\"'`]\\s*(?:\\+|<>|\\.[ .$])")
	wordBefore = regexp.MustCompile(`(?:^|[^\w-])[A-Za-z]+[,:.]? $`)
	// filledIn is a key of NATS URLs with a template for its value.
	filledIn = regexp.MustCompile(`(?i)nats[\w.-]*(?:url|server|host|addr|address|endpoint)(?:s|es)?["']?(?:\s*[:=]|[ \t\r]*\n\s*["']?value["']?:)\s*["']?(?:\$\{|\$\(|\{\{)`)
)

// candidates finds URLs of NATS clients, and what looks like some, in order.
func (s *sourceText) candidates() []candidate {
	var out []candidate
	mark := []byte("://")
	for from := 0; ; {
		at := bytes.Index(s.text[from:], mark)
		if at < 0 {
			break
		}
		at += from
		from = at + len(mark)
		start := at
		for start > 0 && (isAlnum(rune(s.text[start-1])) || bytes.IndexByte([]byte("+-."), s.text[start-1]) >= 0) && at-start < 16 {
			start--
		}
		for start < at && !isLetter(s.text[start]) { // a scheme starts with one
			start++
		}
		if !slices.Contains(schemes(), strings.ToLower(string(s.text[start:at]))) {
			continue
		}
		end, hidden := urlEnd(s.text, from)
		// A host that a variable follows may be a token.
		bare := !bytes.ContainsAny(s.text[from:end], ":/") && goesOnWithName.Match(s.text[end:min(len(s.text), end+32)])
		c := candidate{start: start, end: end}
		c.endpoint, c.user, c.err = parseUser(squeeze(s.text[start:end]))
		goesOn := goesOn.Match(s.text[end:min(len(s.text), end+32)])
		from = max(from, end)
		switch {
		case hidden:
			c.err = errCredentials
		case errors.Is(c.err, errHost) && !goesOn, s.isProse(c):
			continue // text about URLs
		case errors.Is(c.err, errHost), c.err == nil && (s.text[end-1] == ':' && goesOn || bare):
			c.err = errPlaceholder
		}
		if out = append(out, c); len(out) > maxCandidates {
			break // extract says so
		}
	}
	return s.addDialled(s.addBare(s.addWeak(out)))
}

var (
	// dialled is a call of a client that connects, up to its string.
	dialled = regexp.MustCompile("(?i)(?:\\b|_)nats\\w*(?:\\.aio\\.client|\\.io)?(?:\\.|::|->|_)(?:connect|dial)\\w*\\s*\\(\\s*(?:&?\\w+\\s*,\\s*)?[\"'`]")
	// dialString is the string of such a call: hosts with commas between.
	dialString = regexp.MustCompile("^[\\w.-]+(?::\\d{1,5})?(?:[ \t]*,[ \t]*[\\w.-]+(?::\\d{1,5})?)*[\"'`]")
)

// isDialled reports whether a call that connects has a list as its string.
func (s *sourceText) isDialled(g group) bool {
	start := g.urls[0].start
	before := s.text[max(0, start-128):start]
	at := dialled.FindAllIndex(before, -1)
	return s.code && len(at) > 0 && at[len(at)-1][1] == len(before)
}

// addDialled adds the hosts without a scheme and a port in calls that connect.
func (s *sourceText) addDialled(all []candidate) []candidate {
	if !s.code {
		return all
	}
	var added []candidate
	for _, m := range dialled.FindAllIndex(s.text, maxMarks) {
		end := m[1] + len(dialString.Find(s.text[m[1]:min(len(s.text), m[1]+maxGap)])) - 1
		for start := m[1]; start < end; {
			stop := start
			for stop < end && isKey(rune(s.text[stop])) || stop < end && s.text[stop] == ':' {
				stop++
			}
			if stop > start && !slices.ContainsFunc(all, func(c candidate) bool { return c.start < stop && start < c.end }) {
				c := candidate{start: start, end: stop, weak: true}
				if c.endpoint, c.err = parse(string(s.text[start:stop])); c.err == nil {
					added = append(added, c)
				}
			}
			start = max(stop, start+1)
		}
	}
	if len(added) == 0 {
		return all
	}
	all = append(all, added...)
	slices.SortFunc(all, func(a, b candidate) int { return a.start - b.start })
	return all
}

// serverArray is the start of an array of servers, whose entries are hosts in
// JavaScript and Python: the clients add the scheme and the port.
var (
	serverArray = regexp.MustCompile(`(?i)\b(?:servers|urls)["']?\s*[:=]\s*\[`)
	importsNATS = regexp.MustCompile(`(?:from|require\(|import)\s*["']?(?:@nats-io/|nats)`)
	bareHost    = regexp.MustCompile(`^[A-Za-z0-9_](?:[\w.-]*[\w])?$`)
)

// addBare adds the hosts without a scheme and a port in arrays of servers.
func (s *sourceText) addBare(all []candidate) []candidate {
	if !s.bareHosts || !importsNATS.Match(s.text) {
		return all
	}
	var added []candidate
	for _, m := range serverArray.FindAllIndex(s.text, maxMarks) {
		end := bytes.IndexByte(s.text[m[1]:min(len(s.text), m[1]+maxGap)], ']')
		if end < 0 {
			continue
		}
		for _, q := range quotedText.FindAllSubmatchIndex(s.text[m[1]:m[1]+end], maxEntries) {
			start, stop := m[1]+q[2], m[1]+q[3]
			covered := slices.ContainsFunc(all, func(c candidate) bool { return c.start < stop && start < c.end })
			if covered || !bareHost.Match(s.text[start:stop]) {
				continue
			}
			c := candidate{start: start, end: stop, weak: true, bare: true}
			if c.endpoint, c.err = parse(string(s.text[start:stop])); c.err == nil {
				added = append(added, c)
			}
		}
	}
	all = append(all, added...)
	slices.SortFunc(all, func(a, b candidate) int { return a.start - b.start })
	return all
}

var quotedText = regexp.MustCompile("[\"'`]([^\"'`\\s]{1,253})[\"'`]")

// addWeak adds each host:port without a scheme.
func (s *sourceText) addWeak(strong []candidate) []candidate {
	out := strong
	covered := func(at int) bool {
		i, found := slices.BinarySearchFunc(strong, at, func(c candidate, at int) int { return c.start - at })
		return found || i > 0 && at < strong[i-1].end
	}
	for at := 0; ; at++ {
		next := bytes.IndexByte(s.text[at:], ':')
		if next < 0 {
			break
		}
		at += next
		start, end := at, at+1
		for start > 0 && isKey(rune(s.text[start-1])) && at-start < 256 {
			start--
		}
		for end < len(s.text) && '0' <= s.text[end] && s.text[end] <= '9' {
			end++
		}
		switch {
		case end-at < 3 || end-at > 6 || start == at, // ports have 2 to 5 digits here
			start == 0 || bytes.IndexByte([]byte("\"'`=, ["), s.text[start-1]) < 0,
			end < len(s.text) && bytes.IndexByte([]byte("\"'`,]} \r\n"), s.text[end]) < 0,
			!bytes.ContainsFunc(s.text[start:at], isHostStart), covered(start):
			continue
		}
		c := candidate{start: start, end: end, weak: true}
		c.endpoint, c.err = parse(string(s.text[start:end]))
		if c.err == nil {
			out = append(out, c)
		}
		if len(out) > 2*maxCandidates {
			break
		}
	}
	slices.SortFunc(out, func(a, b candidate) int { return a.start - b.start })
	return out
}

// isHostStart tells a host from a time of day: it has a letter or a dot.
func isHostStart(r rune) bool { return r == '.' || isAlnum(r) && (r < '0' || r > '9') }

// urlEnd is where the URL ends whose scheme ends at from. It is hidden where an
// @ follows: what ended it is part of a password, and so may be its end.
func urlEnd(text []byte, from int) (end int, hidden bool) {
	at := from
	for at < len(text) {
		if skip := placeholder(text[at:]); skip > 0 {
			at += skip
			continue
		}
		if text[at] == '[' && (at == from || text[at-1] == '@') { // an IPv6 address
			if n := bytes.IndexAny(text[at:min(len(text), at+64)], "]\n"); n > 0 && text[at+n] == ']' {
				at += n + 1
				continue
			}
		}
		if text[at] <= ' ' || text[at] == 0x7f || bytes.IndexByte([]byte("\"'`,;()[]{}|\\<>"), text[at]) >= 0 {
			break
		}
		at++
	}
	rest := text[at:min(len(text), at+256)]
	if stop := bytes.IndexAny(rest, " \t\r\n\"'`<>"); stop >= 0 {
		rest = rest[:stop]
	}
	if cutOff(text, at) || otherQuote(text, from, at) {
		return at, true
	}
	sign := bytes.IndexByte(rest, '@')
	return at, sign >= 0 && !bytes.Contains(rest[:sign], []byte("://"))
}

// isProse reports whether a URL is part of a sentence: it ends one, or in a string of
// source code there is a word before it that is no flag.
func (s *sourceText) isProse(c candidate) bool {
	if s.text[c.end-1] == '.' && c.end < len(s.text) && s.text[c.end] == ' ' {
		return true
	}
	if !s.code || c.start == 0 || s.text[c.start-1] != ' ' || !wordBefore.Match(s.text[max(0, c.start-32):c.start]) {
		return false
	}
	before := s.before(c.start)
	return inString(before[max(0, len(before)-512):])
}

// inString reports whether text ends inside of quotes that it opened itself.
func inString(text []byte) bool {
	var open byte
	for i := 0; i < len(text); i++ {
		switch b := text[i]; {
		case b == '\\':
			i++
		case open == 0 && (b == '"' || b == '\'' || b == '`'):
			open = b
		case b == open:
			open = 0
		}
	}
	return open != 0
}

// squeeze makes placeholders one word, as templates have spaces.
func squeeze(url []byte) string {
	var out strings.Builder
	for at := 0; at < len(url); {
		if skip := placeholder(url[at:]); skip > 0 {
			out.WriteString("{}")
			at += skip
			continue
		}
		out.WriteByte(url[at])
		at++
	}
	return out.String()
}

func isLetter(b byte) bool { return 'a' <= b|0x20 && b|0x20 <= 'z' }

// placeholder is the length of the placeholder that the text starts with, 0
// where it doesn't.
func placeholder(text []byte) int {
	for _, pair := range [][2]string{{"{{", "}}"}, {"${", "}"}, {"#{", "}"}, {"$(", ")"}, {"{", "}"}, {"<", ">"}} {
		if !bytes.HasPrefix(text, []byte(pair[0])) {
			continue
		}
		line := text[:min(len(text), 256)]
		if end := bytes.IndexByte(line, '\n'); end >= 0 {
			line = line[:end]
		}
		end := bytes.Index(line, []byte(pair[1]))
		switch {
		case end < 0:
			return 0
		case pair[0] == "<" && (len(text) < 2 || text[1] == '/' || bytes.ContainsAny(line[1:end], "<:/ ")):
			return 0 // a tag of XML
		}
		return end + len(pair[1])
	}
	return 0
}
