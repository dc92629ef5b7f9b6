package clienturl

import (
	"bytes"
	"regexp"
	"slices"
)

// Code may put a list together in several statements, or of several strings. What
// is found of it is one list where that is plain, and otherwise incomplete.

var (
	// assigned is the start of a statement that sets a variable or a field.
	assigned = regexp.MustCompile(`^\s*(?:(?:export|local|readonly|declare|const|let|var|val|final|static|private|public|my)\s+)*([A-Za-z_$@][\w.]*)(?:\s*:\s*[\w.<>\[\]| ]+)?\s*(?::=|=)\s*`)
	// addsTo is the start of a statement that adds to one: X+= and X.append(.
	addsTo = regexp.MustCompile(`^\s*(?:export\s+)?([A-Za-z_$@][\w.]*?)(?:\s*(?:\+=|<<)|(?:\.|->)(?:append|add|addAll|push|push_back|extend|AddRange|Add|concat|insert)\s*\()`)
	// ownValue is a variable in what it is set to.
	ownValue = regexp.MustCompile(`^(?:append\(\s*|["'` + "`" + `]?\$?\{?|\[\s*(?:\.\.\.|\*)?)([A-Za-z_$@][\w.]*)\b`)
	// gapConcat is between two strings that are added up, where one ends or the
	// other begins with a comma.
	gapConcat = regexp.MustCompile("^(?:,[ \t]*[\"'`][ \t]*\\\\?\\s*(?:\\+|\\.\\.?|<>|&)?\\s*[\"'`]|[\"'`][ \t]*\\\\?\\s*(?:\\+|\\.\\.?|<>|&)?\\s*[\"'`][ \t]*,)[ \t]*$")
	// moreBefore and moreAfter are a variable, or the rest of an expression, beside
	// the first and last URL of a string with commas.
	moreBefore = regexp.MustCompile("(?:\\$[A-Za-z_]\\w*|[)}]|%[sv])[ \t]*,[ \t]*$|[\\w)\\]][ \t]*(?:\\+|<>|\\.\\.?|&)=?\\s*[\"'`][ \t]*,[ \t]*$|(?:\\+|\\.)=[ \t]*[\"'`]?[ \t]*,[ \t]*$")
	moreAfter  = regexp.MustCompile("^[ \t]*,[ \t]*(?:\\$|\\{|%[sv]|[\"'`]\\s*(?:\\+|<>|\\.\\.?|&)\\s*[A-Za-z_$(])")
)

// goesOnAround reports whether the string of a list has more than its URLs.
func (s *sourceText) goesOnAround(g group) bool {
	first, last := g.urls[0].start, g.urls[len(g.urls)-1].end
	return moreBefore.Match(s.text[max(0, first-256):first]) || moreAfter.Match(s.text[last:min(len(s.text), last+256)])
}

// statement is what a list's statement does with a variable.
type statement struct {
	name string
	adds bool
	line int // that it starts in
}

func (s *sourceText) statementOf(g group) statement {
	home := s.place(g.first, g.brackets).home
	from := max(s.lines[home], g.urls[0].start-maxGap)
	before := s.text[from:g.urls[0].start]
	if at := bytes.LastIndexByte(before, ';'); at >= 0 { // the second statement of the line
		before = before[at+1:]
	} else if from > s.lines[home] { // it begins too far away to be one that people write
		return statement{line: home}
	}
	before = before[:min(len(before), 1024)]
	if m := addsTo.FindSubmatch(before); m != nil {
		return statement{string(m[1]), true, home}
	}
	m := assigned.FindSubmatchIndex(before)
	if m == nil {
		return statement{line: home}
	}
	name := before[m[2]:m[3]]
	own := ownValue.FindSubmatch(before[m[1]:])
	return statement{string(name), own != nil && bytes.Equal(own[1], name), home}
}

// addUp joins the lists that statements add to the one before them to it. Where
// other lines are between, which may be a condition, all of them are incomplete.
func (s *sourceText) addUp(groups []group) []group {
	statements := make([]statement, len(groups))
	adds := false
	for i, g := range groups {
		statements[i] = s.statementOf(g)
		adds = adds || statements[i].adds
	}
	if !adds {
		return groups
	}
	gone := make([]bool, len(groups))
	for i, this := range statements {
		if !this.adds {
			continue
		}
		for j := i - 1; j >= 0; j-- {
			if gone[j] || statements[j].name != this.name || s.outdented(statements[j].line, this.line) {
				continue
			}
			if !s.follows(groups[j].last, this.line) {
				groups[j].added, groups[i].added = true, true
				break
			}
			groups[j].urls = append(slices.Clone(groups[j].urls), groups[i].urls...)
			groups[j].last, groups[j].added = groups[i].last, groups[j].added || groups[i].added
			groups[j].joined, gone[i] = true, true
			break
		}
	}
	var out []group
	for i, g := range groups {
		if !gone[i] {
			out = append(out, g)
		}
	}
	return out
}

// follows reports whether the statement of a line comes right after the list that
// ends in another: only brackets are between, and it is in the same block.
func (s *sourceText) follows(last, line int) bool {
	for n := last + 1; n < line; n++ {
		if len(bytes.Trim(s.line(n), " \t)]},;")) > 0 {
			return false
		}
	}
	return s.indent(line) <= s.indent(last)
}
