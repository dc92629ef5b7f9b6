package docs_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/checks/cause"
	"github.com/nats-balance/nats-balance/docs"
)

func TestEveryCheckAndCauseHasAPageAndNothingElse(t *testing.T) {
	t.Parallel()
	var codes, causes []string
	for _, c := range checks.All() {
		codes = append(codes, c.Code)
		page, ok := docs.Page(c.Code)
		if want := "# " + c.Code + ": " + c.Name + "\n"; !ok || !strings.HasPrefix(page, want) {
			t.Errorf("%s: the page does not begin with %q", c.Code, want)
		}
	}
	for _, d := range cause.All() {
		code := string(d.Code)
		causes = append(causes, code)
		page, ok := docs.Page(code)
		if want := "# " + code + ": " + d.Title + "\n"; !ok || !strings.HasPrefix(page, want) {
			t.Errorf("%s: the page does not begin with %q", code, want)
		}
	}
	slices.Sort(codes)
	slices.Sort(causes)
	if got := docs.Codes(); !slices.Equal(got, append(codes, causes...)) {
		t.Errorf("there are pages of %q, want %q", got, append(codes, causes...))
	}
}

func TestPageTakesCodesOnly(t *testing.T) {
	t.Parallel()
	lower, _ := docs.Page("opt_balance_006")
	upper, ok := docs.Page("OPT_BALANCE_006")
	if !ok || lower != upper {
		t.Error("upper and lower case are different pages")
	}
	if page, ok := docs.Page("Single-URL"); !ok || !strings.HasPrefix(page, "# single-url: ") {
		t.Errorf("Single-URL has the page %.20q", page)
	}
	for _, code := range []string{"", " ", "single", "single-url.md", "causes/single-url", "../docs/json", "architecture", "json", "embed.go", "\x00", strings.Repeat("x", 1<<16)} {
		if page, ok := docs.Page(code); ok || page != "" {
			t.Errorf("%.40q has a page", code)
		}
	}
}

func TestPagesOfCausesHaveTheSameForm(t *testing.T) {
	t.Parallel()
	sections := []string{"## How it shows", "## How to tell it apart", "## Verdicts", "## What to pass", "## How to fix it"}
	for _, d := range cause.All() {
		code := string(d.Code)
		page, _ := docs.Page(code)
		lines := strings.Split(strings.TrimSuffix(page, "\n"), "\n")
		var headings []string
		body := 0 // lines that a reader of explain sees
		for i, l := range lines {
			if n := utf8.RuneCountInString(l); n > 79 && i > 0 {
				t.Errorf("%s, line %d has %d columns", code, i+1, n)
			}
			if strings.TrimRight(l, " \t") != l || strings.ContainsAny(l, "\t\r\x1b") {
				t.Errorf("%s, line %d has white space at its end, or a control character", code, i+1)
			}
			if strings.HasPrefix(l, "#") && i > 0 {
				headings = append(headings, l)
			}
			if strings.Contains(l, "](") {
				t.Errorf("%s, line %d has a link that explain can't shorten: put it at the end", code, i+1)
			}
			if !definition.MatchString(l) {
				body++
			}
		}
		if !slices.Equal(headings, sections) {
			t.Errorf("%s has the sections %q", code, headings)
		}
		if body < 40 || body > 80 {
			t.Errorf("%s has %d lines", code, body)
		}
		for _, when := range []string{"\nImmediate: ", "\nShort-term: ", "\nLong-term: "} {
			if strings.Count(page, when) != 1 {
				t.Errorf("%s does not say once what to do %q", code, when)
			}
		}
		for _, verdict := range []string{"\n- confirmed: ", "\n- likely: ", "\n- possible: ", "\n- ruled out: ", "\n- unknown: "} {
			word := strings.TrimSuffix(strings.TrimPrefix(verdict, "\n- "), ": ")
			if !strings.Contains(page, verdict) && !regexp.MustCompile(`never (\w+ or )?`+word).MatchString(page) {
				t.Errorf("%s does not say when it is %s, or that it never is", code, word)
			}
		}
		if n := strings.Count(page, "\n- ["); n < 2 {
			t.Errorf("%s is told from %d neighbours only", code, n)
		}
	}
}

var (
	definition = regexp.MustCompile(`^\[([a-z-]+)\]: (\S+)$`)
	reference  = regexp.MustCompile(`\[([a-z]+(?:-[a-z]+)+)\]`)
)

func TestLinksOfPagesAreValid(t *testing.T) {
	t.Parallel()
	for _, d := range cause.All() {
		code := string(d.Code)
		page, _ := docs.Page(code)
		defined, used := map[string]bool{}, map[string]bool{}
		for _, l := range strings.Split(page, "\n") {
			if m := definition.FindStringSubmatch(l); m != nil {
				defined[m[1]] = true
				if _, err := os.Stat("causes/" + m[2]); err != nil || m[2] != m[1]+".md" {
					t.Errorf("%s links to %s: %v", code, m[2], err)
				}
				continue
			}
			for _, m := range reference.FindAllStringSubmatch(l, -1) {
				used[m[1]] = true
			}
		}
		for link := range used {
			if !defined[link] {
				t.Errorf("%s does not say where [%s] leads", code, link)
			}
		}
		for link := range defined {
			if !used[link] {
				t.Errorf("%s says where [%s] leads and has no such link", code, link)
			}
		}
	}
}

// inline is a link to a file of the repository, in its text.
var inline = regexp.MustCompile(`\]\(([^)#:]+)(?:#[^)]*)?\)`)

func TestLinksToFilesAreValid(t *testing.T) {
	t.Parallel()
	n := 0
	for _, pattern := range []string{"../*.md", "*.md", "causes/*.md"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range files {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range inline.FindAllStringSubmatch(string(text), -1) {
				n++
				if _, err := os.Stat(filepath.Join(filepath.Dir(name), m[1])); err != nil {
					t.Errorf("%s links to %s: %v", name, m[1], err)
				}
			}
		}
	}
	if n < 30 {
		t.Errorf("only %d links", n)
	}
}

// Every bound in docs/security.md names a test that holds it, and that exists.
func TestBoundsAreHeldByTests(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("security.md")
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]bool{}
	err = filepath.WalkDir("..", func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		for _, m := range regexp.MustCompile(`(?m)^func ((Test|Fuzz)\w+)\(`).FindAllSubmatch(text, -1) {
			tests[string(m[1])] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	_, bounds, _ := strings.Cut(string(page), "| input | bound | held by |\n|---|---|---|\n")
	bounds, _, _ = strings.Cut(bounds, "\n\n")
	for row := range strings.SplitSeq(bounds, "\n") {
		cells := strings.Split(row, "|")
		named := regexp.MustCompile("`((Test|Fuzz)\\w+)`").FindAllStringSubmatch(cells[len(cells)-2], -1)
		if len(named) == 0 {
			t.Errorf("no test holds %s", row)
		}
		for _, m := range named {
			if !tests[m[1]] {
				t.Errorf("there is no %s: %s", m[1], row)
			}
		}
	}
}
