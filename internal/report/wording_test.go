package report

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// clumsy are phrases that docs/writing.md has plain English for, as far as a program
// can find them.
var clumsy = []*regexp.Regexp{
	// "is not a"; "there is no" is fine.
	regexp.MustCompile(`(?i)\b(is|are|was|were) no [a-z]`),
	regexp.MustCompile(`(?i)\bno server's own\b`),
	// "unknown", "advertise", "report", "say".
	regexp.MustCompile(`(?i)\b(tells?|telling|told)\b`),
	regexp.MustCompile(`(?i)\b(not known|is known of|are known of|known nothing)\b`),
	// Words of our own for what has a name.
	regexp.MustCompile(`(?i)\b(stays? open|leads? here|settled|speaks? (for|against)|costs? least first)\b`),
	regexp.MustCompile(`(?i)\b(time-outs?|judged|neighbours|storms?|wild|blind|believed?)\b|^Known:`),
	// Fillers, and sentences in which nobody acts.
	regexp.MustCompile(`(?i)\b(who installs|looked at|reckon\w*|besides|by now|in the way of|sits?|would not hold|nearly whole|where it stops)\b`),
	regexp.MustCompile(`(?i)\b(is|are) (looked|reckoned|gone) (at|with|by)\b`),
	// "X is whether", and what is denied twice.
	regexp.MustCompile(`(?i)\b(is|are) whether\b`),
	regexp.MustCompile(`(?i)\bnot (un(known|likely|usual|common|like)|im(possible|probable)|without)\b`),
	regexp.MustCompile(`(?i)\b(nothing|nobody|none|no one)( \w+){0,2} (not|n't|nothing|nobody|never)\b`),
}

// plain is what is plain although a pattern has it.
var plain = regexp.MustCompile(`(?i)\b(no longer|no more|no fewer|no less|no-one)\b|\bthere (is|are|was|were) no\b|\b(tell|told) (it |them )?(apart|from)\b|\*not judged\*|--?[a-z-]+|\b\w+_\w+\b`)

// ungrouped is what a sentence has %d for: what is not a count, or can't have four
// digits.
var ungrouped = []*regexp.Regexp{
	// Percentages and factors; sizes; thousands; tries, which this program has few of.
	regexp.MustCompile(`%d%%|%d\.%02d|%d (MiB|bytes)\b|more than the %d that are read|(in )?%d of %d tries|%d,000`),
	// To be typed or pasted: flags, configuration, code, zone files, commands.
	regexp.MustCompile(`-%?[a-z-]+ %d|[a-z_]+: %d\b|\(default %d\)|opts, urls, %d|%s  %d  IN  |nats server list %d`),
	// What was typed, and may be.
	regexp.MustCompile(`\bis %d: (pass|this program reads) .*|^%s %d%s$|--min-servers (is|%s) %d|--factor below %d`),
	// Places, ordinals, and codes of protocols.
	regexp.MustCompile(`%s:%d|URL %d of %d|(URL|server|argument|line|group|connection|code|error|answered|TTL) %d|%d\. `),
	// Constants of two digits.
	regexp.MustCompile(`more than %d (times \(CNAME|tags|are connected to)`),
	// Keys, which nobody reads.
	regexp.MustCompile(`^%d $|^%d %x$`),
}

// TestWording holds that what people read has none of them: strings of the program,
// and docs.
func TestWording(t *testing.T) {
	t.Parallel()
	root := filepath.Join("..", "..")
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, _ := filepath.Rel(root, path)
		switch {
		case d.IsDir() && (d.Name() == "testdata" || name == filepath.Join("internal", "lab", "fleet") || name == filepath.Join("internal", "lab", "tool") || strings.HasPrefix(d.Name(), ".") && d.Name() != ".."):
			return fs.SkipDir
		case strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go"):
			wordingOfProgram(t, path)
			if parts := strings.Split(name, string(filepath.Separator)); !slices.Contains(parts, "lab") && !slices.Contains(parts, "sourcetest") {
				numbersOfProgram(t, path)
			}
		case strings.HasSuffix(name, ".md") && name != filepath.Join("docs", "writing.md"):
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			for i, line := range strings.Split(string(text), "\n") {
				wording(t, path+":"+strconv.Itoa(i+1), line)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func wordingOfProgram(t *testing.T, path string) {
	t.Helper()
	set := token.NewFileSet()
	parsed, err := parser.ParseFile(set, path, nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range parsed.Comments {
		if strings.Contains(c.Text(), " is whether ") {
			t.Errorf("%s: it reports whether, as Go says: %s", set.Position(c.Pos()), c.Text())
		}
	}
	ast.Inspect(parsed, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.ImportSpec:
			return false
		case *ast.Field: // tags
			return n.Tag == nil
		case *ast.CallExpr: // patterns
			if f, ok := n.Fun.(*ast.SelectorExpr); ok && f.Sel.Name == "MustCompile" {
				return false
			}
		case *ast.BasicLit:
			if text, err := strconv.Unquote(n.Value); err == nil && n.Kind == token.STRING && strings.Contains(text, " ") {
				wording(t, set.Position(n.Pos()).String(), text)
			}
		}
		return true
	})
}

// numbersOfProgram holds that counts get thousands separators.
func numbersOfProgram(t *testing.T, path string) {
	t.Helper()
	set := token.NewFileSet()
	parsed, err := parser.ParseFile(set, path, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(parsed, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CallExpr:
			return !groups(n)
		case *ast.BasicLit:
			text, err := strconv.Unquote(n.Value)
			if err != nil || n.Kind != token.STRING || !strings.Contains(text, " ") {
				break
			}
			for _, u := range ungrouped {
				text = u.ReplaceAllString(text, "")
			}
			if strings.Contains(text, "%d") {
				t.Errorf("%s: write words.Count and %%s, not %%d: %s", set.Position(n.Pos()), n.Value)
			}
		}
		return true
	})
}

// groups reports whether a call groups the digits of its numbers itself, or is for
// developers only.
func groups(c *ast.CallExpr) bool {
	switch f := c.Fun.(type) {
	case *ast.Ident:
		return slices.Contains([]string{"say", "notTested", "ruledOut"}, f.Name)
	case *ast.SelectorExpr:
		return slices.Contains([]string{"Trace", "trace"}, f.Sel.Name)
	}
	return false
}

func wording(t *testing.T, where, text string) {
	t.Helper()
	rest := plain.ReplaceAllString(text, "")
	for _, c := range clumsy {
		if found := c.FindString(rest); found != "" {
			t.Errorf("%s: %q in %q", where, found, text)
		}
	}
}
