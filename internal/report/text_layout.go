package report

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/nats-balance/nats-balance/internal/words"
)

type printer struct {
	b     strings.Builder
	color bool
	bars  text.Color
	width int
	// said names the finding for which text was written that others would repeat,
	// by the text; about names the present one.
	said  map[string]string
	about string
	// height is how many lines the only finding of a screen has.
	height int
}

const (
	width             = 80 // columns of a line of text where there is no terminal
	narrowest, widest = 40, 160
)

func newPrinter(style Style) *printer {
	columns := width
	if style.Width > 0 {
		columns = min(max(style.Width, narrowest), widest)
	}
	return &printer{color: style.Color, bars: barColor(style.Scheme), width: columns, said: map[string]string{}}
}

// barColor is the colour of a scheme; schemes without one leave bars plain.
func barColor(scheme string) text.Color {
	switch scheme {
	case "blue":
		return text.FgBlue
	case "cyan":
		return text.FgCyan
	case "green":
		return text.FgGreen
	case "magenta":
		return text.FgMagenta
	case "red":
		return text.FgRed
	case "yellow":
		return text.FgYellow
	}
	return text.Reset
}

// paint colours a piece of one line.
func (p *printer) paint(c text.Color, s string) string {
	if !p.color || c == text.Reset || s == "" {
		return s
	}
	return c.EscapeSeq() + s + text.Reset.EscapeSeq()
}

// timeLayout is how times are shown.
const timeLayout = "2006-01-02 15:04:05 MST"

// to writes what was printed.
func (p *printer) to(w io.Writer) error {
	_, err := io.WriteString(w, p.b.String())
	return err
}

func (p *printer) source(s Source) { p.wrap("", fmt.Sprintf("Source: %s (%s)", s.kind(), s.Detail)) }

func (s Source) kind() string { return strings.ReplaceAll(s.Kind, "-", " ") }

func (p *printer) warnings(all []string) {
	for _, warning := range all {
		p.wrap("", "Warning: "+warning)
	}
}

// more says of how many rows only JSON has the rest.
func (p *printer) more(indent string, n int, what string) {
	p.wrap(indent, fmt.Sprintf("… and %s (--json lists them)", words.Plural(n, what)))
}

// blank writes an empty line, but never a second one.
func (p *printer) blank() {
	if !strings.HasSuffix(p.b.String(), "\n\n") {
		p.b.WriteByte('\n')
	}
}

func (p *printer) line(s string) {
	p.b.WriteString(strings.TrimRight(s, " "))
	p.b.WriteByte('\n')
}

// wrap writes a sentence in lines as wide as the text, all but the first
// indented by two columns more.
func (p *printer) wrap(indent, sentence string) {
	p.paragraph(text.Reset, indent, indent+"  ", sentence)
}

// paragraph writes a sentence in lines as wide as the text, the first one
// behind first and the others behind rest.
func (p *printer) paragraph(c text.Color, first, rest, sentence string) {
	for i, l := range lines(sentence, p.width-columns(first), p.width-columns(rest)) {
		if i == 0 {
			p.line(first + p.paint(c, l))
		} else {
			p.line(rest + p.paint(c, l))
		}
	}
}

// lines breaks a sentence at spaces, and words that are too long anywhere.
func lines(sentence string, first, rest int) []string {
	var out []string
	line, used, width := "", 0, first
	next := func() {
		out = append(out, strings.TrimRight(line, " "))
		line, used, width = "", 0, rest
	}
	for i, word := range strings.Split(sentence, " ") {
		if i > 0 && used < width {
			line += " "
			used++
		}
		if n := columns(word); used+n > width && strings.TrimSpace(line) != "" && n <= rest {
			next()
		}
		for _, r := range word {
			if n := text.RuneWidth(r); used+n > width {
				next()
			}
			line += string(r)
			used += text.RuneWidth(r)
		}
	}
	next()
	return out
}

// columns is how wide a string is on a terminal.
func columns(s string) int { return text.StringWidthWithoutEscSequences(s) }

// short leaves a number of columns of a name: where names differ is often at
// the end.
func short(s string, n int) string {
	if columns(s) <= n {
		return s
	}
	head := text.Trim(s, n/2)
	width, tail := n-columns(head)-1, len(s)
	for width >= 0 {
		r, size := utf8.DecodeLastRuneInString(s[:tail])
		if width -= text.RuneWidth(r); width >= 0 {
			tail -= size
		}
	}
	return head + "…" + s[tail:]
}

// fit shortens or fills to a number of columns.
func fit(s string, n int) string { return text.Pad(short(s, n), n, ' ') }

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// list is a few names for a sentence.
func list(names []string, most int) string {
	shown := make([]string, len(names))
	for i := range shown {
		shown[i] = short(names[i], prose)
	}
	return words.ListUpTo(most, shown)
}

// rows writes a list that is cut after a few.
func (p *printer) rows(title string, rows []RowOf) {
	if len(rows) == 0 {
		return
	}
	p.wrap("", fmt.Sprintf("%s (%s):", title, words.Count(len(rows))))
	p.someRows(rows, "", nil)
}

// someRows is a table that is cut after a few.
func (p *printer) someRows(rows []RowOf, title string, last func(RowOf) string) {
	p.table(rows[:min(len(rows), listed)], title, last)
	if len(rows) > listed {
		p.wrap("  ", fmt.Sprintf("… and %s more (--json lists them)", words.Count(len(rows)-listed)))
	}
}

// table writes rows in columns as wide as they need to be. Where a line would be too
// long, names are shortened, and then the cluster and the server left out. The last
// column has a title, or is left out.
func (p *printer) table(rows []RowOf, title string, last func(RowOf) string) {
	cells := [][]string{{"ACCOUNT", "CLUSTER", "MOST ON", "CONNECTIONS", "SHARE"}}
	if last != nil {
		cells[0] = append(cells[0], title)
	}
	for _, r := range rows {
		cell := []string{accountName(r.Account), clusterName(r.Cluster), r.Server.called(),
			fmt.Sprintf("%s of %s", words.Count(r.OnServer), words.Count(r.Connections)), r.SharePercent.String() + "%"}
		if last != nil {
			cell = append(cell, last(r))
		}
		cells = append(cells, cell)
	}
	widths := make([]int, len(cells[0]))
	for _, row := range cells {
		for i, cell := range row {
			widths[i] = max(widths[i], columns(cell))
		}
	}
	const gap, names, shortest = 2, 3, 8
	natural := slices.Clone(widths)
	for left := names; ; left-- {
		total := 0
		for _, w := range widths {
			if w > 0 {
				total += gap + w
			}
		}
		for ; total > p.width; total-- {
			at := widestOf(widths[:names])
			if widths[at] <= shortest {
				break
			}
			widths[at]--
		}
		if total <= p.width || left == 1 {
			break
		}
		copy(widths, natural)
		clear(widths[1 : names-left+2])
	}
	for _, row := range cells {
		var b strings.Builder
		for i, cell := range row {
			if widths[i] == 0 {
				continue
			}
			b.WriteString(strings.Repeat(" ", gap))
			if i == names || i == names+1 {
				b.WriteString(strings.Repeat(" ", widths[i]-columns(cell)))
				b.WriteString(cell)
			} else {
				b.WriteString(fit(cell, widths[i]))
			}
		}
		p.row("", "    ", b.String())
	}
}

// row writes a line of a table. Where it is too long it goes on below: it has
// numbers, and these are never cut.
func (p *printer) row(first, rest, laid string) {
	if columns(first)+columns(laid) <= p.width {
		p.line(first + laid)
		return
	}
	p.paragraph(text.Reset, first, rest, laid)
}
