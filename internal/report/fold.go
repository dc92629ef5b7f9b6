package report

import (
	"strings"

	"github.com/jedib0t/go-pretty/v6/text"
)

// Folded breaks a line between words where it has more than so many columns, and
// indents what follows. Words stay whole: they may be URLs. With 0 columns, which
// is no terminal, the line does.
func Folded(line, indent string, columns int) string {
	if text.StringWidthWithoutEscSequences(line) <= columns || columns == 0 {
		return line
	}
	body := strings.TrimLeft(line, " ")
	current := line[:len(line)-len(body)]
	used := len(current)
	var out []string
	for i, word := range strings.Split(body, " ") {
		n := text.StringWidthWithoutEscSequences(word)
		switch {
		case i == 0:
		case used+1+n > columns && n > 0:
			out = append(out, strings.TrimRight(current, " "))
			current, used = indent, len(indent)
		default:
			current += " "
			used++
		}
		current += word
		used += n
	}
	return strings.Join(append(out, current), "\n")
}
