package report

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// clumsy are phrases that docs/writing.md has plain English for, as far as a program
// can find them.
var clumsy = []*regexp.Regexp{
	regexp.MustCompile(`(?i)\b(it|that|this|which|what|they|these|server|servers|account|list|file|one|address|addresses|name|names) (is|are) no\b`),
	regexp.MustCompile(`(?i)\bno server's own\b`),
	regexp.MustCompile(`(?i)\b(tells?|telling|told)\b`),
	regexp.MustCompile(`(?i)\b(stays? open|leads? here|settled|speaks? (for|against)|costs? least first)\b`),
	regexp.MustCompile(`(?i)\b(who installs|looked at|reckon|besides|by now|in the way of|sits? on|not known|would not hold)\b`),
	regexp.MustCompile(`(?i)\b(neighbours|nearly whole|storms|where it stops|judged)\b|^Known:`),
	regexp.MustCompile(`(?i)\btime-out\b`),
}

// TestWording holds that what people read has none of them.
func TestWording(t *testing.T) {
	t.Parallel()
	for _, dir := range []string{".", "../remedy", "../../checks/cause"} {
		files, err := filepath.Glob(filepath.Join(dir, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			source, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			set := token.NewFileSet()
			parsed, err := parser.ParseFile(set, file, source, 0)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(parsed, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.ImportSpec:
					return false
				case *ast.Field: // tags
					return n.Tag == nil
				case *ast.BasicLit:
					text, err := strconv.Unquote(n.Value)
					if err != nil || n.Kind != token.STRING || !strings.Contains(text, " ") {
						return true
					}
					for _, c := range clumsy {
						if found := c.FindString(text); found != "" {
							t.Errorf("%s: %q in %q", set.Position(n.Pos()), found, text)
						}
					}
				}
				return true
			})
		}
	}
}
