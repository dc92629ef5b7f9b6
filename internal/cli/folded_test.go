package cli

import (
	"io"
	"strings"
	"testing"
	"time"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/docs"
	"github.com/nats-balance/nats-balance/internal/record"
)

func TestFolded(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		line, indent string
		columns      int
		want         string
	}{
		{"", "  ", 10, ""},
		{"one two three", "  ", 0, "one two three"},
		{"one two three", "  ", 13, "one two three"},
		{"one two three", "  ", 12, "one two\n  three"},
		{"  one two three", "  ", 7, "  one\n  two\n  three"},
		{"- one two", "  ", 5, "- one\n  two"},
		{"one nats://nats.example:4222 two", "  ", 10, "one\n  nats://nats.example:4222\n  two"},
		{"a  b", "", 3, "a\nb"},
		{"漢字 漢字", "", 8, "漢字\n漢字"},
	} {
		if got := folded(c.line, c.indent, c.columns); got != c.want {
			t.Errorf("%q in %d columns: got %q, want %q", c.line, c.columns, got, c.want)
		}
	}
}

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

// The lines of watch fit, and the command in them is whole.
func TestWatchFitsTheTerminal(t *testing.T) {
	t.Parallel()
	a := &watch{host: Host{Err: io.Discard, Flags: func() string { return "--context system --creds /etc/nats/system.creds" }}.withDefaults(), columns: 60, parameters: checks.Defaults()}
	a.parameters.ThresholdPercent = 60
	spread := &record.Spread{Account: checks.Account{ID: "ORDERS", Name: "ORDERS"}, Cluster: "C1", Connections: 32,
		Servers: []record.Share{{Server: checks.ServerRef{Name: "a-server-of-a-long-name-1"}, Connections: 25}}}
	at := time.Date(2026, 2, 3, 4, 5, 6, 0, time.Local)
	got := a.text(record.Change{Kind: record.Held, Time: at, Since: at, Spread: spread})
	want := "2026-02-03 04:05:06  FINDING ORDERS (C1): 25 of 32\n                     connections (78.1%) on\n                     a-server-of-a-long-name-1\n" +
		"                     since 2026-02-03 04:05:06; why:\n                     nats-balance audit concentration --account ORDERS --threshold 60 --context system --creds /etc/nats/system.creds\n"
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	a.columns = 0
	if got := a.text(record.Change{Kind: record.Held, Time: at, Since: at, Spread: spread}); strings.Count(got, "\n") != 3 {
		t.Errorf("in a log it is\n%s", got)
	}
}
