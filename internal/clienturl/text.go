package clienturl

import (
	"bytes"
	"path/filepath"
	"slices"
	"sort"
	"strings"
)

const (
	maxDepth = 64  // open brackets that are followed; what is deeper is flat
	maxBlock = 500 // lines in which a block's start is looked for
)

// sourceText is a text, where comments are blank, with the offsets at which its
// lines start.
type sourceText struct {
	text  []byte
	lines []int
	code  bool // it is source code
	// bareHosts: its clients take hosts without a scheme.
	bareHosts bool
}

// newSource takes the text over: comments in it become spaces.
func newSource(name string, text []byte) *sourceText {
	ext := strings.ToLower(filepath.Ext(name))
	s := &sourceText{text: text, lines: []int{0}, code: isCode(ext)}
	s.bareHosts = slices.Contains([]string{".js", ".mjs", ".cjs", ".jsx", ".ts", ".tsx", ".py"}, ext)
	for i, b := range text {
		if b == '\n' {
			s.lines = append(s.lines, i+1)
		}
	}
	kinds := commentKinds(name, text)
	until := "" // what ends the comment that spans lines
	for n := range s.lines {
		line := s.line(n)
		if until != "" {
			end := bytes.Index(line, []byte(until))
			if end < 0 {
				blank(line)
				continue
			}
			blank(line[:end+len(until)])
		}
		if s.isComment(bytes.TrimLeft(line, " \t")) {
			blank(line)
			until = ""
			continue
		}
		until = blankComments(line, s.lines[n], kinds)
	}
	return s
}

// commentKind is a comment with two ends. The last end in the text tells
// whether a start is one: in a pattern of paths /* is not.
type commentKind struct {
	start, end string
	last       int
	doc        bool // only at the start of a line, or after @doc
}

func commentKinds(name string, text []byte) []commentKind {
	kinds := []commentKind{{start: "<!--", end: "-->"}}
	ext := strings.ToLower(filepath.Ext(name))
	if isCode(ext) || ext == ".tf" || ext == ".hcl" { // elsewhere /* and */ are of paths and schedules
		kinds = append(kinds, commentKind{start: "/*", end: "*/"})
	}
	if slices.Contains([]string{".py", ".ex", ".exs"}, ext) {
		kinds = append(kinds, commentKind{start: `"""`, end: `"""`, doc: true}, commentKind{start: "'''", end: "'''", doc: true})
	}
	for i := range kinds {
		kinds[i].last = bytes.LastIndex(text, []byte(kinds[i].end))
	}
	return kinds
}

// isComment reports whether a line, without its indentation, is nothing else. A flag
// such as --server and a #define are none.
func (s *sourceText) isComment(line []byte) bool {
	has := func(prefix string) bool { return bytes.HasPrefix(line, []byte(prefix)) }
	switch {
	case has("#define"), has("#["):
		return false
	case has("#"), has("//"), has("-- "), has("* "), has("*/"), has("REM "):
		return true
	}
	return has(";") && !s.code
}

// blankComments blanks the comments in a line, which starts at an offset of the
// text. It returns what ends the one that goes on in the next line, empty where
// there is none.
func blankComments(line []byte, offset int, kinds []commentKind) (until string) {
	var open byte // the quote that is open
	for i := 0; i < len(line); i++ {
		if open == 0 {
			end, until := commentAt(line, i, offset, kinds)
			if end > 0 {
				blank(line[i:end])
				if until != "" {
					return until
				}
				i = end - 1
				continue
			}
		}
		switch b := line[i]; {
		case b == '\\':
			i++
		case open == 0 && (b == '"' || b == '\'' || b == '`'):
			open = b
		case b == open:
			open = 0
		}
	}
	return ""
}

// commentAt is where the comment ends that starts at i, 0 where none does.
func commentAt(line []byte, i, offset int, kinds []commentKind) (end int, until string) {
	rest := line[i:]
	spaced := i > 0 && (line[i-1] == ' ' || line[i-1] == '\t')
	switch {
	case rest[0] == '#' && spaced && (len(rest) == 1 || rest[1] == ' '),
		bytes.HasPrefix(rest, []byte("//")) && spaced:
		return len(line), ""
	case !bytes.ContainsRune([]byte("/<\"'"), rune(rest[0])):
		return 0, ""
	}
	for _, kind := range kinds {
		if !bytes.HasPrefix(rest, []byte(kind.start)) || kind.last < offset+i+len(kind.start) {
			continue
		}
		if before := bytes.TrimSpace(line[:min(i, 32)]); kind.doc && len(before) > 0 && before[0] != '@' {
			continue
		}
		if at := bytes.Index(rest[len(kind.start):], []byte(kind.end)); at >= 0 {
			return i + len(kind.start) + at + len(kind.end), ""
		}
		return len(line), kind.end
	}
	return 0, ""
}

func blank(text []byte) {
	for i := range text {
		text[i] = ' '
	}
}

// line is a line without its end.
func (s *sourceText) line(n int) []byte {
	if n < 0 || n >= len(s.lines) {
		return nil
	}
	end := len(s.text)
	if n+1 < len(s.lines) {
		end = s.lines[n+1] - 1
	}
	return bytes.TrimSuffix(s.text[s.lines[n]:end], []byte("\r"))
}

// lineOf is the line of an offset, from 0.
func (s *sourceText) lineOf(offset int) int {
	return sort.SearchInts(s.lines, offset+1) - 1
}

// before is what stands before an offset in its line.
func (s *sourceText) before(offset int) []byte {
	return s.text[s.lines[s.lineOf(offset)]:offset]
}

// indent is the indentation of a line, negative for an empty one. A dash of
// YAML counts half: its parent may have the same indentation.
func (s *sourceText) indent(n int) int {
	line := s.line(n)
	trimmed := bytes.TrimLeft(line, " \t")
	switch {
	case len(trimmed) == 0:
		return -1
	case bytes.HasPrefix(trimmed, []byte("- ")):
		return 2*(len(line)-len(trimmed)) + 1
	}
	return 2 * (len(line) - len(trimmed))
}

// outdented reports whether a line strictly between two is indented less than both,
// or they are far apart.
func (s *sourceText) outdented(a, b int) bool {
	if a > b {
		a, b = b, a
	}
	if b-a > maxBlock {
		return true
	}
	least := min(s.indent(a), s.indent(b))
	for n := a + 1; n < b; n++ {
		if indent := s.indent(n); indent >= 0 && indent < least {
			return true
		}
	}
	return false
}

// brackets tells for each of the ascending offsets which brackets are open
// there, as the offsets of these, the outermost first.
func (s *sourceText) brackets(offsets []int) [][]int {
	out := make([][]int, 0, len(offsets))
	var open []int
	deeper := 0
	at := 0
	for _, offset := range offsets {
		for ; at < offset && at < len(s.text); at++ {
			switch b := s.text[at]; b {
			case '(', '[', '{':
				if len(open) == maxDepth {
					deeper++
				} else {
					open = append(open, at)
				}
			case ')', ']', '}':
				if deeper > 0 {
					deeper--
					continue
				}
				for i := len(open) - 1; i >= 0; i-- { // one that was never opened closes nothing
					if closes(s.text[open[i]], b) {
						open = open[:i]
						break
					}
				}
			}
		}
		out = append(out, slices.Clone(open))
	}
	return out
}

func closes(open, by byte) bool {
	return open == '(' && by == ')' || open == '[' && by == ']' || open == '{' && by == '}'
}

// ancestors are the keys that a line is under, by indentation, the nearest first.
func (s *sourceText) ancestors(n int) []string {
	var keys []string
	indent := s.indent(n)
	for at := n - 1; at >= 0 && at > n-maxBlock && indent > 0 && len(keys) < 8; at-- {
		if less := s.indent(at); less >= 0 && less < indent {
			indent = less
			line := strings.TrimLeft(string(s.head(at)), " \t-\"'")
			if end := strings.IndexFunc(line, func(r rune) bool { return !isKey(r) }); end >= 0 {
				line = line[:end]
			}
			keys = append(keys, line)
		}
	}
	return keys
}

// head is the start of a line: as much of it as is looked at for keys.
func (s *sourceText) head(n int) []byte {
	line := s.line(n)
	return line[:min(len(line), 256)]
}

// lastWord is the last key in a text, "servers" in `  "servers": [`.
func lastWord(text []byte) string {
	text = text[max(0, len(text)-256):]
	end := len(text)
	for end > 0 && !isKey(rune(text[end-1])) {
		end--
	}
	start := end
	for start > 0 && isKey(rune(text[start-1])) {
		start--
	}
	return string(text[start:end])
}

func isKey(r rune) bool { return isAlnum(r) || r == '_' || r == '-' || r == '.' }
