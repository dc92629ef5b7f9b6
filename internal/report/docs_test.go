package report

import (
	"os"
	"strings"
	"testing"
)

// The examples in the documentation are what the program prints.
func TestDocsShowRealOutput(t *testing.T) {
	for doc, example := range map[string]string{
		"../../docs/json.md":            "testdata/finding.json.golden",
		"../../docs/OPT_BALANCE_006.md": "testdata/limits.txt.golden",
	} {
		page, err := os.ReadFile(doc)
		if err != nil {
			t.Fatal(err)
		}
		want, err := os.ReadFile(example)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(page), "\n"+string(want)+"```\n") {
			t.Errorf("%s does not show what is in %s", doc, example)
		}
	}
}
