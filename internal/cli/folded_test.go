package cli

import (
	"strings"
	"testing"

	"github.com/nats-balance/nats-balance/docs"
)

func TestErrorText(t *testing.T) {
	t.Parallel()
	s := "there is no page \"x\": pass single-url, see nats-balance explain --help"
	for columns, want := range map[int]string{
		0:  "nats-balance: " + s,
		60: "nats-balance: there is no page \"x\": pass single-url, see\n  nats-balance explain --help",
		40: "nats-balance: there is no page \"x\": pass\n  single-url, see\n  nats-balance explain --help",
	} {
		if got := errorText(s, columns); got != want {
			t.Errorf("%d columns: got\n%s\nwant\n%s", columns, got, want)
		}
	}
}

func TestReflowed(t *testing.T) {
	t.Parallel()
	page := "# a: b c d e\n\nOne two three four\nfive six.\n- seven eight nine\n  ten\n1. eleven twelve\n\n    nats-balance audit concentration\n\n```\nnats-balance audit concentration\n```\n| a | b b b b b |\n"
	want := "# a: b c d e\n\nOne two three\nfour five six.\n- seven eight\n  nine ten\n1. eleven\n   twelve\n\n    nats-balance audit concentration\n\n```\nnats-balance audit concentration\n```\n| a | b b b b\n  b |\n"
	if got := reflowed(page, 14); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if got := reflowed(page, 0); got != page {
		t.Errorf("without a terminal it is\n%s", got)
	}
}

// Prose is no wider than the terminal; commands, code and long words stay whole.
func TestProseFitsTheTerminal(t *testing.T) {
	t.Parallel()
	check := func(name, text string, columns int) {
		t.Helper()
		fenced := false
		for l := range strings.Lines(text) {
			l = strings.TrimRight(l, "\n")
			if strings.HasPrefix(l, "```") {
				fenced = !fenced
			}
			code := fenced || strings.HasPrefix(l, "    ") || strings.HasPrefix(l, "nats")
			if len([]rune(l)) > columns && !code && strings.Contains(strings.TrimLeft(l, " #-|"), " ") {
				t.Errorf("%s: %d columns: %s", name, len([]rune(l)), l)
			}
		}
	}
	for _, columns := range []int{40, 60, 80} {
		for _, code := range docs.Codes() {
			page, _ := docs.Page(code)
			check(code, reflowed(plainPage(page, false), columns), columns)
		}
		check("cheat", cheatSheet(columns), columns)
		for l := range strings.Lines(contents(columns)) {
			if len([]rune(strings.TrimRight(l, "\n"))) > columns {
				t.Errorf("%d columns: %s", columns, l)
			}
		}
	}
	if cheatSheet(0) != cheat {
		t.Error("without a terminal the cheat sheet is another")
	}
}
