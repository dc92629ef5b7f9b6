package cli

import (
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/nats-balance/nats-balance/docs"
	"github.com/nats-balance/nats-balance/internal/clienturl"
)

// TestCommandsOfPagesAreAccepted parses every command of ours that a page tells
// readers to run, without running it.
func TestCommandsOfPagesAreAccepted(t *testing.T) {
	t.Parallel()
	app, closeApp := newApp(Host{Out: io.Discard, Err: io.Discard}.withDefaults(), io.Discard)
	defer closeApp(0)
	flags := map[string]bool{}
	for _, f := range app.Model().Flags {
		flags["--"+f.Name] = true
	}
	for _, c := range app.Model().FlattenedCommands() {
		for _, f := range c.Flags {
			flags["--"+f.Name] = true
		}
	}
	ours := regexp.MustCompile("(?:^\\s+|`)nats[ -]balance ([^`]*)")
	inText := regexp.MustCompile("`(--[a-z-]+)`")
	for _, code := range docs.Codes() {
		page, _ := docs.Page(code)
		commands := 0
		for l := range strings.Lines(page) {
			for _, m := range inText.FindAllStringSubmatch(l, -1) {
				if !flags[m[1]] {
					t.Errorf("%s: there is no flag %s", code, m[1])
				}
			}
			m := ours.FindStringSubmatch(strings.TrimSuffix(l, "\n"))
			if m == nil {
				continue
			}
			commands++
			args := strings.Fields(m[1])
			parsed, err := app.ParseContext(args)
			if err != nil || parsed.SelectedCommand == nil {
				t.Errorf("%s: %s: %v", code, strings.TrimSpace(l), err)
			}
			if i := slices.Index(args, "explain"); i >= 0 && !slices.Contains(docs.Codes(), args[i+1]) {
				t.Errorf("%s: %s: there is no such page", code, strings.TrimSpace(l))
			}
			for i, a := range args {
				if a != "--client-url" || i+1 == len(args) {
					continue
				}
				if list, err := clienturl.ParseFlag(args[i+1]); err != nil || len(list.Endpoints) == 0 {
					t.Errorf("%s: %s has no URL: %v", code, strings.TrimSpace(l), err)
				}
			}
		}
		if !strings.HasPrefix(code, "OPT_") && commands == 0 {
			t.Errorf("%s shows no command", code)
		}
	}
	if _, err := app.ParseContext(strings.Fields("audit concentration --no-such-flag x")); err == nil {
		t.Error("the parser accepts anything")
	}
}

func TestPlainPage(t *testing.T) {
	t.Parallel()
	page := "# a: b\n\nSee [x-y] and [other].\r\n- [x-y]: it\n\n    [x-y] code # c\n\n```\n# [x-y]\n```\n## End\n[z]\n\n[x-y]: x-y.md\n[z]: z.md\n"
	want := "# a: b\n\nSee x-y and [other].\n- x-y: it\n\n    [x-y] code # c\n\n```\n# [x-y]\n```\n## End\nz\n"
	if got := plainPage(page, false); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	bold := strings.NewReplacer("# a: b", "\x1b[1m# a: b\x1b[0m", "## End", "\x1b[1m## End\x1b[0m").Replace(want)
	if got := plainPage(page, true); got != bold {
		t.Errorf("on a terminal got\n%q\nwant\n%q", got, bold)
	}
	if got := plainPage("", true); got != "\n" {
		t.Errorf("an empty page is %q", got)
	}
	for _, code := range docs.Codes() {
		page, _ := docs.Page(code)
		if got := plainPage(page, false); strings.Contains(got, "]: ") || !strings.HasSuffix(got, "\n") || strings.HasSuffix(got, "\n\n") {
			t.Errorf("%s keeps marks of links, or does not end in one line", code)
		}
	}
}

func TestNearCodes(t *testing.T) {
	t.Parallel()
	codes := docs.Codes()
	for meant, want := range map[string][]string{
		"single_url":                        {"single-url"},
		"single url":                        {"single-url"},
		"sngle-url":                         {"single-url"},
		"Single":                            {"single-address-dns", "single-process", "single-url"},
		"dns":                               {"single-address-dns"},
		"006":                               {"OPT_BALANCE_006"},
		"opt-balance-06":                    {"OPT_BALANCE_002", "OPT_BALANCE_006"},
		"single-url-at-all":                 {"single-url"},
		"":                                  codes,
		"a":                                 codes,
		"nothing like it":                   codes,
		"größe":                             codes,
		"\xff\xfe\x00":                      codes,
		strings.Repeat("single-url", 1<<16): codes,
	} {
		if got := near(meant, codes); !slices.Equal(got, want) {
			t.Errorf("%.30q: near are %q, want %q", meant, got, want)
		}
	}
}

func TestDistance(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"", "abc", 3}, {"abc", "", 3}, {"abc", "abc", 0}, {"kitten", "sitting", 3}, {"url", "ulr", 2}, {"a", "b", 1}} {
		if got := distance(c.a, c.b); got != c.want {
			t.Errorf("from %q to %q it is %d, want %d", c.a, c.b, got, c.want)
		}
	}
}
