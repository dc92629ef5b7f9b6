package docs_test

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/nats-balance/nats-balance/checks/cause"
	"github.com/nats-balance/nats-balance/internal/source"
)

// Schemas name causes and sources, so that what is not one is an error to their readers:
// one that they lack makes documents that are none to their own schema.
func TestSchemasNameAll(t *testing.T) {
	t.Parallel()
	var causes, kinds []string
	for _, d := range cause.All() {
		causes = append(causes, string(d.Code))
	}
	for _, k := range source.Kinds() {
		kinds = append(kinds, k.Name)
	}
	for _, c := range []struct {
		file, at string
		want     []string
	}{
		{"audit.schema.json", "/groups/items/properties/cause", causes},
		{"audit.schema.json", "/causes/items/properties/code", causes},
		{"audit.schema.json", "/source/properties/kind", kinds},
		{"hotspot.schema.json", "/source/properties/kind", kinds},
	} {
		found := enums(t, c.file, c.at)
		if len(found) != 1 {
			t.Errorf("%s has %d lists at %s, want one", c.file, len(found), c.at)
			continue
		}
		slices.Sort(found[0])
		slices.Sort(c.want)
		if !slices.Equal(found[0], c.want) {
			t.Errorf("%s has %q at %s, want %q", c.file, found[0], c.at, c.want)
		}
	}
}

// enums are the words of the lists in a schema whose path ends so; null is not among them.
func enums(t *testing.T, file, at string) (found [][]string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var schema any
	if err := json.Unmarshal(text, &schema); err != nil {
		t.Fatal(err)
	}
	var walk func(node any, path string)
	walk = func(node any, path string) {
		members, _ := node.(map[string]any)
		if all, ok := members["enum"].([]any); ok && strings.HasSuffix(path, at) {
			var list []string
			for _, one := range all {
				if word, ok := one.(string); ok {
					list = append(list, word)
				}
			}
			found = append(found, list)
		}
		for name, child := range members {
			walk(child, path+"/"+name)
		}
	}
	walk(schema, "")
	return found
}
