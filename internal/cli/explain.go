package cli

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/choria-io/fisk"

	"github.com/nats-balance/nats-balance/docs"
	"github.com/nats-balance/nats-balance/internal/report"
	"github.com/nats-balance/nats-balance/internal/words"
)

// addExplain adds `explain`, which shows the page of a check or a cause. It
// needs no server.
func addExplain(parent Commander, h Host) {
	h = h.withDefaults()
	code, given := "", false
	cmd := parent.Command("explain", "Explains a check or a cause, without a server")
	cmd.HelpLong(`Shows what a check or a cause is, how to recognise it, how to tell it apart, what
to pass to be certain, and how to fix it. Without a code it lists all of them.

Examples:

  nats-balance explain
  nats-balance explain OPT_BALANCE_006
  nats-balance explain single-url`)
	cmd.Tag("scope:user")
	cmd.Tag("impact:ro")
	cmd.Arg("code", "Code of a check or a cause, in upper or lower case").HintAction(docs.Codes).IsSetByUser(&given).StringVar(&code)
	cmd.Action(func(*fisk.ParseContext) error {
		return h.page(func() ([]byte, error) {
			columns := lineWidth(h.Out)
			if !given {
				return []byte(contents(columns)), nil
			}
			page, ok := docs.Page(code)
			if !ok {
				return nil, &usageError{err: fmt.Errorf("there is no %s: pass %s", h.named("page", code), words.OneOf(near(code, docs.Codes())))}
			}
			return []byte(reflowed(plainPage(page, colorful(h.Out)), columns)), nil
		})
	})
}

// contents lists the codes with their titles.
func contents(columns int) string {
	const title = 22
	var b strings.Builder
	for _, code := range docs.Codes() {
		page, _ := docs.Page(code) // it has all of its codes
		fmt.Fprintln(&b, report.Folded(fmt.Sprintf("%-20s  %s", code, titleOf(page)), strings.Repeat(" ", title), columns))
	}
	return b.String()
}

// titleOf is what the first line of a page says after the code.
func titleOf(page string) string {
	heading, _, _ := strings.Cut(page, "\n")
	_, title, _ := strings.Cut(heading, ": ")
	return strings.TrimSpace(title)
}

// plainPage makes a page in markdown readable on a terminal: headings are bold
// if it takes that, and links, which stand in brackets with where they lead at
// the end of the page, are their text. Code stays as it is.
func plainPage(page string, bold bool) string {
	page = strings.ReplaceAll(page, "\r\n", "\n")
	definition := regexp.MustCompile(`(?m)^\[([^\]\n]+)\]: \S+\n`)
	var links []string
	for _, m := range definition.FindAllStringSubmatch(page, -1) {
		links = append(links, "["+m[1]+"]", m[1])
	}
	text := strings.NewReplacer(links...)
	var b strings.Builder
	fenced := false
	for l := range strings.Lines(strings.TrimRight(definition.ReplaceAllString(page, ""), "\n") + "\n") {
		fence := strings.HasPrefix(l, "```")
		switch {
		case fence, fenced, strings.HasPrefix(l, "    "):
			fenced = fenced != fence
		case strings.HasPrefix(l, "#") && bold:
			l = "\x1b[1m" + strings.TrimSuffix(l, "\n") + "\x1b[0m\n"
		default:
			l = text.Replace(l)
		}
		b.WriteString(l)
	}
	return b.String()
}

// listItem is how an item of a list begins.
var listItem = regexp.MustCompile(`^ *([-*]|[0-9]+\.) +`)

// reflowed fits the paragraphs of a page to so many columns; 0 leaves them. Code, such
// as a command, stays as it is.
func reflowed(page string, columns int) string {
	if columns == 0 {
		return page
	}
	var b strings.Builder
	paragraph, indent := "", ""
	end := func() {
		if paragraph != "" {
			fmt.Fprintln(&b, report.Folded(paragraph, indent, columns))
		}
		paragraph = ""
	}
	fenced := false
	for l := range strings.Lines(page) {
		l = strings.TrimRight(l, "\n")
		item := listItem.FindString(l)
		fence := strings.HasPrefix(l, "```")
		switch {
		case fence, fenced, l == "", paragraph == "" && strings.HasPrefix(l, "    "):
			end()
			fenced = fenced != fence
			fmt.Fprintln(&b, l)
		case strings.HasPrefix(strings.TrimPrefix(l, "\x1b[1m"), "#"), strings.HasPrefix(l, "|"):
			end()
			fmt.Fprintln(&b, report.Folded(l, "  ", columns))
		case item != "":
			end()
			paragraph, indent = l, strings.Repeat(" ", len(item))
		case paragraph == "":
			paragraph, indent = l, l[:len(l)-len(strings.TrimLeft(l, " "))]
		default:
			paragraph += " " + strings.TrimLeft(l, " ")
		}
	}
	end()
	return b.String()
}

// near are the codes that may be meant by what is none of them; all where that
// can't be guessed.
func near(meant string, codes []string) []string {
	meant = strings.NewReplacer("_", "-", " ", "-").Replace(strings.ToLower(strings.TrimSpace(meant)))
	if len(meant) > 64 { // no code is near it
		return codes
	}
	var out []string
	for _, code := range codes {
		c := strings.ReplaceAll(strings.ToLower(code), "_", "-")
		const typos = 2
		if len(meant) > typos && (strings.Contains(c, meant) || strings.Contains(meant, c) || distance(c, meant) <= typos) {
			out = append(out, code)
		}
	}
	if len(out) == 0 {
		return codes
	}
	return out
}

// distance is how many letters have to be put in, taken out or changed to make
// one word of the other (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before := row[0]
		row[0] = i + 1
		for j := range len(b) {
			changed := before
			if a[i] != b[j] {
				changed++
			}
			before = row[j+1]
			row[j+1] = min(changed, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
