package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/words"
)

var update = flag.Bool("update", false, "write the golden files")

func TestMain(m *testing.M) {
	flag.Parse()
	// The widths of some characters depend on the language of the machine.
	text.OverrideRuneWidthEastAsianWidth(false)
	os.Exit(m.Run())
}

func textOf(t testing.TB, in Input, style Style) string {
	t.Helper()
	var b bytes.Buffer
	if err := writeText(&b, New(in), style); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func jsonOf(t testing.TB, in Input) string {
	t.Helper()
	var b bytes.Buffer
	if err := JSON(&b, New(in)); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s is not as %s, which go test ./internal/report -update would write:\n%s", name, path, firstDifference(got, string(want)))
	}
}

// firstDifference shows the line in which two texts begin to differ.
func firstDifference(got, want string) string {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range min(len(g), len(w)) {
		if g[i] != w[i] {
			return "got  " + g[i] + "\nwant " + w[i]
		}
	}
	return "one goes on where the other ends"
}

// inJSON are the fixtures of which the JSON is kept, inDetail those of which all that
// is known is.
var (
	inJSON   = map[string]bool{"finding": true, "why": true, "incomplete-sure": true, "all": true, "baseline-some": true, "all-accepted": true, "hostile": true, "same-name": true, "idle": true}
	inDetail = map[string]bool{"why": true, "limits": true, "incomplete-sure": true, "forty-servers": true, "many-missing": true, "all": true, "leafnodes": true, "baseline": true, "hostile-why": true, "several-clusters": true, "overrides": true}
)

// whole checks that JSON has all of what text cuts off, in the same order.
func whole(t *testing.T, in Input) {
	t.Helper()
	var doc Document
	if err := json.Unmarshal([]byte(jsonOf(t, in)), &doc); err != nil {
		t.Fatal(err)
	}
	r := in.Result
	if len(doc.Findings) != len(r.Findings) || len(doc.Review) != len(r.Review) || len(doc.Coverage.Missing) != len(in.Deployment.Missing) || len(doc.Clusters) != len(r.Clusters) {
		t.Fatalf("%d findings, %d to review, %d missing, %d clusters", len(doc.Findings), len(doc.Review), len(doc.Coverage.Missing), len(doc.Clusters))
	}
	for i, f := range doc.Findings {
		want := r.Findings[i]
		if f.Account.Name != words.Harmless(want.Account.Name) || f.OnServer != want.OnServer || f.Connections != want.Connections ||
			len(f.Distribution) != len(want.Distribution) || len(f.Impact.Survivors) != len(want.Impact.Survivors) {
			t.Errorf("finding %d is %+v, want %+v", i, f, want)
		}
		for k, s := range f.Distribution {
			if n := want.Distribution[k].Connections; (s.Connections == nil) != (n == nil) || n != nil && *s.Connections != *n {
				t.Errorf("finding %d: server %d is %+v", i, k, s)
			}
		}
	}
	for i, row := range doc.Review {
		if want := r.Review[i]; row.Account.Name != words.Harmless(want.Account.Name) || row.OnServer != want.OnServer {
			t.Errorf("to review %d is %+v, want %+v", i, row, want)
		}
	}
	for i, m := range doc.Coverage.Missing {
		if want := in.Deployment.Missing[i]; (m.Server.Name == "") != (want.Name == "") || m.Reason != words.Sentence(want.Reason) {
			t.Errorf("missing %d is %+v, want %+v", i, m, want)
		}
	}
	for i, c := range doc.Clusters {
		if len(c.Servers) != len(r.Clusters[i].Servers) {
			t.Errorf("cluster %s has %d servers", c.Name, len(c.Servers))
		}
	}
}

func TestGolden(t *testing.T) {
	expected := map[string]bool{}
	for _, f := range fixtures() {
		t.Run(f.name, func(t *testing.T) {
			plain := textOf(t, f.in, Style{})
			golden(t, f.name+".txt", plain)
			whole(t, f.in)
			if inJSON[f.name] {
				golden(t, f.name+".json", jsonOf(t, f.in))
			}
			checkText(t, plain)
			details := textOf(t, f.in, Style{Details: true})
			if inDetail[f.name] {
				golden(t, f.name+".details", details)
			}
			checkText(t, details)
			colored := textOf(t, f.in, Style{Color: true, Scheme: "cyan"})
			if stripped := sgr.ReplaceAllString(colored, ""); stripped != plain {
				t.Errorf("with colour, the text is another: %s", firstDifference(stripped, plain))
			}
			checkText(t, colored)
		})
		expected[f.name+".txt.golden"], expected[f.name+".json.golden"], expected[f.name+".details.golden"] = true, inJSON[f.name], inDetail[f.name]
	}
	for _, f := range []string{"finding", "partial-pass", "pass"} {
		golden(t, f+".color", textOf(t, fixtureNamed(t, f).in, Style{Color: true, Scheme: "cyan"}))
		expected[f+".color.golden"] = true
	}
	files, err := filepath.Glob("testdata/*.golden")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if !expected[filepath.Base(file)] {
			t.Errorf("no test makes %s", file)
		}
	}
}

// sgr are the escape sequences that text may have, all of them ours.
var sgr = regexp.MustCompile(`\x1b\[(0|1|3[1-6])m`)

// checkText holds what is so of every text.
func checkText(t *testing.T, s string) {
	t.Helper()
	if !strings.HasSuffix(s, "\n") || strings.HasSuffix(s, "\n\n") || strings.Contains(s, "\n\n\n") {
		t.Error("the text does not end in one new line, or has gaps")
	}
	for n, line := range strings.Split(strings.TrimSuffix(s, "\n"), "\n") {
		visible := sgr.ReplaceAllString(line, "")
		if w := text.StringWidthWithoutEscSequences(visible); w > width {
			t.Errorf("line %d has %d columns: %s", n+1, w, line)
		}
		if strings.TrimRight(visible, " ") != visible || strings.Contains(line, " \x1b[0m") && strings.HasSuffix(line, " \x1b[0m") {
			t.Errorf("line %d ends in a blank: %q", n+1, line)
		}
		for _, r := range visible {
			if r < ' ' || r >= 0x7f && r < 0xa0 || r == '\u2028' || r == '\u202e' || r == '\u200b' {
				t.Errorf("line %d has %U: %q", n+1, r, line)
			}
		}
		// Colour ends where the line does.
		if codes := sgr.FindAllString(line, -1); len(codes)%2 != 0 || len(codes) > 0 && codes[len(codes)-1] != "\x1b[0m" {
			t.Errorf("line %d leaves colour on: %q", n+1, line)
		}
	}
}

// Widths that no fixture has: every line of every text stays within 80 columns
// whatever the lengths of names and numbers are.
func TestTextWidths(t *testing.T) {
	for _, length := range []int{1, 4, 8, 13, 26, 40, 100} {
		for _, r := range []string{"x", "長", "🚀", "é", "e\u0301", "x "} {
			name := strings.Repeat(r, length) + "!"
			f := newFleet().account(name+"id", name, false).
				server(name, name+"1", length*length, name, length*length*length*40, "O", 4_000_000_000).
				server(name, name+"2", 4_000_000_000, name, length, "O", 55*length).server(name, name+"3", length, "O", 7).
				missing(name, name+"4", 2, "it is "+name).missing("?", "", 1, name).note("%s", name)
			for _, allowPartial := range []bool{true, false} {
				in := fixtureInput(f)
				in.Parameters.AllowPartial, in.Parameters.All, in.Parameters.CriticalPercent = allowPartial, true, 99
				in.Parameters.MinConnections = 1
				in.Result = checks.CheckConcentration(in.Deployment, in.Parameters)
				checkText(t, textOf(t, in, Style{}))
				checkText(t, textOf(t, in, Style{Color: true, Scheme: "red"}))
			}
		}
	}
}

func TestLines(t *testing.T) {
	for _, c := range []struct {
		sentence    string
		first, rest int
		want        string
	}{
		{"", 10, 8, ""},
		{"one", 10, 8, "one"},
		{"one two three", 13, 8, "one two three"},
		{"one two three", 12, 8, "one two|three"},
		{"one two three four", 8, 10, "one two|three four"},
		{"one  two", 10, 8, "one  two"},
		{"0123456789", 10, 8, "0123456789"},
		{"0123456789abcdefghij", 10, 8, "0123456789|abcdefgh|ij"},
		{"one 0123456789abc", 10, 8, "one 012345|6789abc"},
		{"one 01234567", 10, 8, "one|01234567"},
		{"長長長長", 5, 4, "長長|長長"},
		{"長長 長長", 9, 4, "長長 長長"},
		{"長長 長長", 8, 4, "長長|長長"},
		{"長長長長長", 5, 3, "長長|長|長|長"},
		{"one two  ", 7, 8, "one two"},
	} {
		if got := strings.Join(lines(c.sentence, c.first, c.rest), "|"); got != c.want {
			t.Errorf("lines(%q, %d, %d) = %q, want %q", c.sentence, c.first, c.rest, got, c.want)
		}
	}
}

func TestChanceText(t *testing.T) {
	for c, want := range map[Chance]string{
		1: "100.0%", 0.5: "50.0%", 0.01: "1.0%", 0.00999: "1 in 100", 0.00123: "1 in 813", 1e-6: "1 in 1,000,000",
		1.23e-9: "1 in 813,000,000", 1e-9: "1 in 1,000,000,000", 9e-10: "less than 1 in 1,000,000,000", 0: "less than 1 in 1,000,000,000",
	} {
		if got := chanceText(c); got != want {
			t.Errorf("chanceText(%g) = %q, want %q", float64(c), got, want)
		}
	}
}

func TestColorSchemes(t *testing.T) {
	in := fixtureNamed(t, "finding").in
	for scheme, code := range map[string]string{"blue": "34", "cyan": "36", "green": "32", "magenta": "35", "red": "31", "yellow": "33"} {
		if got := textOf(t, in, Style{Color: true, Scheme: scheme}); !strings.Contains(got, "\x1b["+code+"m█") {
			t.Errorf("scheme %s has no code %s", scheme, code)
		}
		if got := textOf(t, in, Style{Scheme: scheme}); strings.Contains(got, "\x1b") {
			t.Errorf("scheme %s has colour where none is wanted", scheme)
		}
	}
	for _, scheme := range []string{"", "bold", "no such"} {
		plain := textOf(t, in, Style{Color: true, Scheme: scheme})
		checkText(t, plain)
		if strings.Contains(plain, "\x1b[0m█") || !strings.Contains(plain, "\x1b[31m█") {
			t.Errorf("scheme %q: %q", scheme, plain)
		}
	}
}

type brokenWriter struct{}

var errBroken = errors.New("broken pipe")

func (brokenWriter) Write([]byte) (int, error) { return 0, errBroken }

func TestErrorsOfTheWriter(t *testing.T) {
	doc := New(fixtureNamed(t, "finding").in)
	if err := writeText(brokenWriter{}, doc, Style{}); !errors.Is(err, errBroken) {
		t.Errorf("text: %v", err)
	}
	if err := JSON(brokenWriter{}, doc); !errors.Is(err, errBroken) {
		t.Errorf("JSON: %v", err)
	}
}
