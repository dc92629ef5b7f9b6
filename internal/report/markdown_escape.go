package report

import (
	"regexp"
	"strings"
)

// mdCode is a code span: what is from outside stands in one, where no markup, mention,
// reference or link works.
func mdCode(s string) string {
	s = strings.ReplaceAll(s, "|", `\x7c`) // which would end the cell of a table
	if strings.TrimSpace(s) == "" {
		return "(no name)"
	}
	fence := strings.Repeat("`", longestRun(s, '`')+1)
	if strings.ContainsAny(s[:1]+s[len(s)-1:], "` ") {
		s = " " + s + " "
	}
	return fence + s + fence
}

// longestRun of a character without another between.
func longestRun(s string, of rune) int {
	run, longest := 0, 0
	for _, r := range s {
		if r != of {
			run = 0
			continue
		}
		run++
		longest = max(longest, run)
	}
	return longest
}

var (
	// mdPlain is a word that can't be markup or a link in any place, such as a
	// reference like GH-1 or a commit; mdNumber begins a list, at the begin of a line.
	mdPlain  = regexp.MustCompile(`^[("]*[\p{L}\p{N}%][\p{L}\p{N}\p{M},;%'’/+-]*(\.[\p{N}]+%?)*[)"]*[,.;:)]?$`)
	mdNumber = regexp.MustCompile(`^[0-9]+[.)]+$`)
	mdLink   = regexp.MustCompile(`(?i)^[("]*(gh-.*|[0-9a-f]{7,40}|www.*|.*//.*|mailto.*)[)",.;:]*$`)
)

// mdSentence writes a sentence that may have names from outside in it: words
// that could be markup stand in code spans, neighbours in one.
func mdSentence(s string) string {
	var out []string
	var odd []string
	flush := func() {
		if len(odd) == 0 {
			return
		}
		word := strings.Join(odd, " ")
		tail := ""
		if cut := strings.TrimRight(word, ",.;:"); cut != "" && len(word)-len(cut) == 1 {
			word, tail = cut, word[len(cut):]
		}
		if inner, ok := strings.CutPrefix(word, "("); ok && strings.Count(word, "(") == 1 && strings.IndexByte(word, ')') == len(word)-1 && len(inner) > 1 {
			out = append(out, "("+mdCode(strings.TrimSuffix(inner, ")"))+")"+tail)
		} else {
			out = append(out, mdCode(word)+tail)
		}
		odd = nil
	}
	for word := range strings.SplitSeq(s, " ") {
		switch {
		case word == "":
		case mdPlain.MatchString(word) && !mdLink.MatchString(word) && (len(out) > 0 || !mdNumber.MatchString(word)):
			flush()
			out = append(out, word)
		default:
			odd = append(odd, word)
		}
	}
	flush()
	return strings.Join(out, " ")
}

// mdFence is a block of code that nothing in it ends.
func mdFence(lang, s string) string {
	s = strings.ReplaceAll(s, "\t", "    ")
	fence := strings.Repeat("`", max(3, longestRun(s, '`')+1))
	return fence + mdNotLang.ReplaceAllString(strings.ToLower(lang), "") + "\n" + strings.TrimRight(s, "\n") + "\n" + fence + "\n"
}

var mdNotLang = regexp.MustCompile(`[^a-z0-9]`)
