package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/nats-balance/nats-balance/internal/words"
)

// shortestName is how many columns of a name are left at least.
const shortestName = 8

// shortestCell is how many columns of a name a table shows at least.
const shortestCell = 6

// fitted returns a sentence with names, the longest of them cut in the middle
// until it has no more than width columns. Nothing else is ever cut.
func fitted(width int, names []string, sentence func(names []string) string) string {
	shown := slices.Clone(names)
	sizes := make([]int, len(names))
	for i, name := range names {
		sizes[i] = columns(name)
	}
	for {
		s := sentence(shown)
		longest := 0
		for i := range sizes {
			if sizes[i] > sizes[longest] {
				longest = i
			}
		}
		if columns(s) <= width || len(sizes) == 0 || sizes[longest] <= shortestName {
			return s
		}
		sizes[longest]--
		shown[longest] = short(names[longest], sizes[longest])
	}
}

// laidOut returns cells as lines. Where these would be too long, long names in the
// first few columns are cut in the middle; then columns are left out, but for the
// first and those from number on, which stand on the right; and then all names are
// cut further.
func laidOut(cells [][]string, width, names, number int) []string {
	var widths []int
	for _, row := range cells {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], columns(cell))
		}
	}
	total := func() (n int) {
		for _, w := range widths {
			if w > 0 {
				n += w + 2
			}
		}
		return n - 2
	}
	cut := func(least int) {
		for total() > width {
			at := widestOf(widths[:names])
			if widths[at] <= least {
				return
			}
			widths[at]--
		}
	}
	natural := slices.Clone(widths)
	const readable = 12
	cut(readable)
	for kept := number - 1; kept > 0 && total() > width; kept-- {
		copy(widths, natural)
		clear(widths[kept:min(number, len(widths))])
		cut(readable)
	}
	cut(shortestCell)
	var out []string
	for _, row := range cells {
		var parts []string
		for i, cell := range row {
			switch {
			case widths[i] == 0:
			case i >= number:
				parts = append(parts, strings.Repeat(" ", widths[i]-columns(cell))+cell)
			default:
				parts = append(parts, fit(cell, widths[i]))
			}
		}
		out = append(out, strings.Join(parts, "  "))
	}
	return out
}

// numbers writes a table of names, each with numbers or words that stand on the right.
func (p *printer) numbers(cells [][]string) {
	for _, l := range laidOut(cells, p.width-2, 1, 1) {
		p.row("  ", "    ", l)
	}
}

// flow writes as many items as fit into a number of lines, and how many more
// there are.
func (p *printer) flow(first, rest string, most int, items []string) {
	for n := len(items); n > 0; n-- {
		shown := items[:n]
		if n < len(items) {
			shown = append(slices.Clone(shown), fmt.Sprintf("… %s more", words.Count(len(items)-n)))
		}
		wrapped := lines(strings.Join(shown, ", "), p.width-columns(first), p.width-columns(rest))
		if len(wrapped) > most && n > 1 {
			if extra := len(wrapped) - most; extra > 1 { // far too many: go faster
				n = min(n, max(2, n*most/len(wrapped)+2))
			}
			continue
		}
		p.lead(first, rest, wrapped) // of one too long item it is all
		return
	}
}

// lead writes lines, the first one behind first and the others behind rest.
func (p *printer) lead(first, rest string, all []string) {
	for i, l := range all {
		if i == 0 {
			p.line(first + l)
		} else {
			p.line(rest + l)
		}
	}
}

// scaled is how many lines hold what so many hold elsewhere: on a narrow terminal
// sentences take more lines rather than lose their numbers.
func (p *printer) scaled(lines int) int { return max(lines, (lines*width+p.width-1)/p.width) }

// clip writes sentences in at most so many lines. Where they are longer it ends
// behind the last one that fits, or behind a clause or a word with ….
func (p *printer) clip(c text.Color, first, rest string, most int, sentence string) {
	if most <= 0 {
		return
	}
	all := lines(sentence, p.width-columns(first), p.width-columns(rest))
	if len(all) > most {
		fits := strings.Join(all[:most], " ")
		if !strings.HasPrefix(sentence, fits) { // a word was broken
			fits = ""
		}
		switch sentenceEnd, clauseEnd := lastEnd(fits, ".!?"), lastEnd(fits, ",;:"); {
		case sentenceEnd > 0:
			all = lines(fits[:sentenceEnd], p.width-columns(first), p.width-columns(rest))
		case clauseEnd > len(fits)/2:
			all = lines(strings.TrimRight(fits[:clauseEnd], " ,;:")+" …", p.width-columns(first), p.width-columns(rest))
		default:
			last := all[most-1]
			width := p.width - columns(rest) - 2
			if most == 1 {
				width = p.width - columns(first) - 2
			}
			if columns(last) > width {
				last = last[:max(0, strings.LastIndexByte(text.Trim(last, width), ' '))]
			}
			all = append(all[:most-1:most-1], strings.TrimRight(last, " ,;:.")+" …")
		}
	}
	for i := range all {
		all[i] = p.paint(c, all[i])
	}
	p.lead(first, rest, all)
}

// lastEnd is where the last sentence or clause ends that one of these characters
// and a blank, or the end of the text, close; 0 where none does.
func lastEnd(s, ends string) int {
	for i := len(s) - 1; i >= 0; i-- {
		if strings.IndexByte(ends, s[i]) >= 0 && (i == len(s)-1 || s[i+1] == ' ') {
			return i + 1
		}
	}
	return 0
}

// block returns the lines that write writes.
func (p *printer) block(write func(*printer)) []string {
	q := &printer{color: p.color, bars: p.bars, width: p.width, said: p.said}
	write(q)
	if q.b.Len() == 0 {
		return nil
	}
	return strings.Split(strings.TrimSuffix(q.b.String(), "\n"), "\n")
}

// lines is how many have been written.
func (p *printer) lines() int { return strings.Count(p.b.String(), "\n") }

// widestOf is the index of the first of the widest columns.
func widestOf(widths []int) int {
	at := 0
	for i, w := range widths {
		if w > widths[at] {
			at = i
		}
	}
	return at
}
