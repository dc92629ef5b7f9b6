package clienturl

import (
	"bytes"
	"regexp"
	"strconv"
	"strings"
)

// maxGap is how far the URLs of one list may be apart, in bytes.
const maxGap = 4 << 10

// What stands between two URLs of one list, in the shapes that configurations
// and languages have for lists.
var (
	// nats://a,nats://b and nats://a nats://b
	gapPlain = regexp.MustCompile(`^[ \t]*[,;| \t][ \t]*$`)
	// the same over several lines
	gapFolded = regexp.MustCompile(`^[ \t]*,[ \t]*\\?\s*$`)
	gapSpace  = regexp.MustCompile(`^\s+$`)
	// "nats://a", "nats://b", and each in a call such as new Uri("nats://a")
	gapQuoted = regexp.MustCompile("^[\"'`]\\s*((?:\\)|\\.\\w+(?:::<[\\w:]+>)?\\(\\)|[?!])*)\\s*,\\s*(?:((?:new\\s+)?&?\\w+(?:(?:\\.|::)\\w+)*!?)\\s*\\(\\s*(?:\\w+:\\s*)?)?(?:[rbfuL]|~[cs])?[\"'`]$")
	// label is the name of an argument, as in Swift.
	label = regexp.MustCompile(`\w+:\s*$`)
	// .server("nats://a").server("nats://b")
	gapChain  = regexp.MustCompile("^[\"'`]\\s*\\)\\s*\\.\\s*(\\w+)\\(\\s*[\"'`]$")
	chainName = regexp.MustCompile(`(?i)^(?:add|with|set)?_?(?:server|url|host|endpoint)s?$`)
	// <server>nats://a</server><server>nats://b</server>
	gapTags = regexp.MustCompile(`^\s*</([\w:.-]+)>\s*<([\w:.-]+)>\s*$`)
	// Lines: what stands before the URL.
	dashLine   = regexp.MustCompile(`^\s*- ["']?$`)
	indexLine  = regexp.MustCompile(`^(\s*(?:export\s+|-\s+)?["']?[\w.:-]*?)(?:\[|__|:)(\d+)(\]|__)?["']?\s*[=:]\s*["']?$`)
	appendLine = regexp.MustCompile("(?:\\.|->)(?:append|add|push|push_back|Add|addServer|AddServer|server)\\s*\\(\\s*[\"'`]$")
	// Calls that are clients of their own, so that two are two lists.
	dials = regexp.MustCompile(`(?i)connect|client|dial|open|conn$`)
)

// joined reports whether two URLs that follow each other are of the same list.
func (s *sourceText) joined(a, b candidate) bool {
	if b.start-a.end > maxGap || b.start <= a.end {
		return false
	}
	raw := s.text[a.end:b.start]
	gap := strings.ReplaceAll(string(raw), `\"`, `"`) // JSON inside a string
	switch {
	case gapPlain.MatchString(gap) && b.weak:
		return strings.Contains(gap, ",")
	case gapPlain.MatchString(gap), gapFolded.MatchString(gap), gapConcat.MatchString(gap):
		return true
	case gapSpace.MatchString(gap): // lines without commas inside of brackets, in the way of nats-server
		return s.inPlainBrackets(a)
	}
	if m := gapTags.FindStringSubmatch(gap); m != nil {
		return m[1] == m[2]
	}
	before := bytes.TrimRight(s.text[max(0, a.start-256):a.start], "\"'`\\")
	if m := gapQuoted.FindStringSubmatch(gap); m != nil {
		wrapper := strings.TrimSpace(m[2])
		switch {
		case b.bare || a.bare:
			return s.text[max(a.start-1, 0)] == gap[0] || bytes.IndexByte([]byte("\"'`"), gap[0]) >= 0
		case b.weak: // beside a URL in a call it may be any address
			return s.text[max(a.start-1, 0)] == gap[0] && bytes.LastIndexAny(before, "[{") > bytes.LastIndexByte(before, '(')
		case wrapper == "":
			return !strings.Contains(m[1], ")") || !dials.MatchString(callName(before))
		case dials.MatchString(wrapper):
			return false
		}
		before = label.ReplaceAll(before, nil)
		return strings.HasSuffix(strings.TrimSpace(string(bytes.TrimRight(bytes.TrimSpace(before), "("))), wrapper)
	}
	if m := gapChain.FindStringSubmatch(gap); m != nil {
		return chainName.MatchString(m[1]) && callName(before) == m[1]
	}
	return s.nextLine(a, b)
}

// callName is the name of the call that a text ends in the open bracket of.
func callName(before []byte) string {
	inner, found := bytes.CutSuffix(bytes.TrimSpace(before), []byte("("))
	if !found {
		return ""
	}
	return lastWord(inner)[strings.LastIndexByte(lastWord(inner), '.')+1:]
}

// inPlainBrackets reports whether the text before a list's URL ends in a bracket,
// with nothing but URLs between.
func (s *sourceText) inPlainBrackets(a candidate) bool {
	before := s.text[max(0, a.start-maxGap):a.start]
	for {
		before = bytes.TrimSpace(before)
		if len(before) == 0 {
			return false
		}
		if last := before[len(before)-1]; last == '[' || last == '(' {
			return true
		}
		word := before[bytes.LastIndexAny(before, " \t\r\n[(")+1:]
		if !bytes.Contains(word, []byte("://")) {
			return false
		}
		before = before[:len(before)-len(word)]
	}
}

// nextLine reports whether two URLs stand in lines that follow each other, are the
// only ones in them, and are items of one sequence.
func (s *sourceText) nextLine(a, b candidate) bool {
	first, second := s.lineOf(a.start), s.lineOf(b.start)
	for n := first + 1; n < second; n++ {
		if s.indent(n) >= 0 {
			return false
		}
	}
	if first == second || a.start-s.lines[first] > 1024 || b.start-s.lines[second] > 1024 {
		return false
	}
	rest := strings.TrimSpace(string(s.text[a.end:s.lines[second]]))
	one, two := string(s.before(a.start)), string(s.before(b.start))
	switch {
	case dashLine.MatchString(one) && dashLine.MatchString(two):
		return strings.Trim(rest, `"',`) == "" && s.indent(first) == s.indent(second)
	case appendLine.MatchString(one):
		return one == two
	}
	m, n := indexLine.FindStringSubmatch(one), indexLine.FindStringSubmatch(two)
	if m == nil || n == nil || m[1] != n[1] || m[3] != n[3] {
		return false
	}
	i, err := strconv.Atoi(m[2])
	return err == nil && strconv.Itoa(i+1) == n[2]
}
