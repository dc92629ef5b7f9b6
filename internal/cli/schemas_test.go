package cli

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/nats-balance/nats-balance/checks/cause"
	"github.com/nats-balance/nats-balance/internal/source"
	"github.com/nats-balance/nats-balance/internal/source/account"
	"github.com/nats-balance/nats-balance/internal/source/system"
)

// Schemas list causes and sources, so that what is not one is an error to their
// readers. The lists are generated: one that lacks a code makes documents invalid.
func TestSchemasListAll(t *testing.T) {
	t.Parallel()
	var causes, kinds []string
	for _, d := range cause.All() {
		causes = append(causes, string(d.Code))
	}
	all := []source.Kind{system.Kind(), account.Kind()}
	for _, s := range flaggedSources() {
		all = append(all, s.kind)
	}
	for _, k := range all {
		kinds = append(kinds, k.Name)
	}
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "sources.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range kinds {
		if !bytes.Contains(page, []byte("\n| `"+name+"` | ")) {
			t.Errorf("docs/sources.md has no row of %s", name)
		}
	}
	for _, c := range []struct {
		file, field string
		words       []string
	}{
		{"audit.schema.json", "cause", causes},
		{"audit.schema.json", "code", causes},
		{"audit.schema.json", "kind", kinds},
		{"hotspot.schema.json", "kind", kinds},
	} {
		file := filepath.Join("..", "..", "docs", c.file)
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		want := withList(t, text, c.field, c.words)
		switch {
		case bytes.Equal(want, text):
		case !*update:
			t.Errorf("the list of %q in docs/%s is not what go test ./internal/cli -run SchemasListAll -update writes", c.field, c.file)
		default:
			if err := os.WriteFile(file, want, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// withList is a schema in which the list of a field has these words, and null where it
// had that. It is the one list of a field of that name that has one of the words.
func withList(t *testing.T, schema []byte, field string, all []string) []byte {
	t.Helper()
	list := regexp.MustCompile(`"` + field + `": \{[^{}]*"enum": \[(\s*)([^\]]*?)(\s*)\]`)
	var at [][]int
	for _, m := range list.FindAllSubmatchIndex(schema, -1) {
		if strings.Contains(string(schema[m[4]:m[5]]), `"`+all[0]+`"`) {
			at = append(at, m)
		}
	}
	if len(at) != 1 {
		t.Fatalf("%d lists of %q have %s", len(at), field, all[0])
	}
	m := at[0]
	between := ", "
	if m[2] < m[3] { // each in a line of its own
		between = "," + string(schema[m[2]:m[3]])
	}
	var quoted []string
	for _, word := range all {
		one, err := json.Marshal(word)
		if err != nil {
			t.Fatal(err)
		}
		quoted = append(quoted, string(one))
	}
	if bytes.HasSuffix(schema[m[4]:m[5]], []byte("null")) {
		quoted = append(quoted, "null")
	}
	return bytes.Join([][]byte{schema[:m[4]], []byte(strings.Join(quoted, between)), schema[m[5]:]}, nil)
}
