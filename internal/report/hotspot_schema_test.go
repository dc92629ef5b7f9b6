package report

import (
	"encoding/json"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

const hotspotSchemaFile = "../../docs/hotspot.schema.json"

func hotspotSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	text, err := os.ReadFile(hotspotSchemaFile)
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("hotspot.schema.json", decode(t, string(text))); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("hotspot.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

func TestHotspotSchema(t *testing.T) {
	schema := hotspotSchema(t)
	for _, f := range hotspotFixtures() {
		text := hotspotJSON(t, f.in)
		if err := schema.Validate(decode(t, text)); err != nil {
			t.Errorf("%s: %v", f.name, err)
		}
		if !strings.HasPrefix(text, "{\n  \"type\": \"nats-balance.v1.hotspot\",\n") || !strings.HasSuffix(text, "\n}\n") {
			t.Errorf("%s does not begin or end as it should", f.name)
		}
		if again := hotspotJSON(t, f.in); again != text {
			t.Errorf("%s: another document for the same input", f.name)
		}
	}
}

// Every field dropped or added is refused: all are always there, and no others.
func TestHotspotSchemaRefuses(t *testing.T) {
	schema := hotspotSchema(t)
	doc := decode(t, hotspotJSON(t, hotspotFixtureNamed(t, "incomplete-sure")))
	refused := 0
	refuse := func(what string) {
		refused++
		if schema.Validate(doc) == nil {
			t.Errorf("accepted: %s", what)
		}
	}
	var mutilate func(path string, v any)
	mutilate = func(path string, v any) {
		switch v := v.(type) {
		case map[string]any:
			v["extra"] = "x"
			refuse(path + " with a field extra")
			delete(v, "extra")
			for _, key := range slices.Sorted(maps.Keys(v)) {
				value := v[key]
				delete(v, key)
				refuse(path + "." + key + " dropped")
				v[key] = map[string]any{}
				refuse(path + "." + key + " being an empty object")
				v[key] = value
				mutilate(path+"."+key, value)
			}
		case []any:
			if len(v) > 0 {
				mutilate(path+"[0]", v[0])
			} else if !strings.HasSuffix(path, ".notes") {
				t.Errorf("%s is empty: nothing to mutilate", path)
			}
		}
	}
	mutilate("", doc)
	if refused < 150 {
		t.Errorf("only %d mutilations", refused)
	}
	for path, value := range map[string]string{
		"type": `"nats-balance.v1.audit"`, "outcome": `"critical"`, "parameters.factor": `1`, "parameters.min_servers": `1`,
		"clusters.0.verdict": `"ok"`, "clusters.0.servers.0.verdict": `""`, "findings.0.accounts.0.concentrated": `"maybe"`,
		"findings.0.accounts.0.on_server": `0`, "findings.0.share_percent": `100.1`, "findings.0.more_accounts": `-1`,
	} {
		doc := decode(t, hotspotJSON(t, hotspotFixtureNamed(t, "incomplete-sure")))
		set(t, doc, strings.Split(path, "."), value)
		if schema.Validate(doc) == nil {
			t.Errorf("accepted: %s being %s", path, value)
		}
	}
}

// The schema says of every field what it is, in the order of the document.
func TestHotspotSchemaIsThorough(t *testing.T) {
	text, err := os.ReadFile(hotspotSchemaFile)
	if err != nil {
		t.Fatal(err)
	}
	schema := decode(t, string(text))
	definitions := schema["$defs"].(map[string]any)
	objects := 0
	var look func(path string, v any)
	look = func(path string, v any) {
		s, ok := v.(map[string]any)
		if !ok {
			return
		}
		properties, _ := s["properties"].(map[string]any)
		if properties != nil {
			objects++
			if s["additionalProperties"] != false || len(s["required"].([]any)) != len(properties) {
				t.Errorf("%s allows other fields, or does not require all", path)
			}
		}
		for name, p := range properties {
			described := p.(map[string]any)
			if ref, ok := described["$ref"].(string); ok && described["description"] == nil {
				described = definitions[strings.TrimPrefix(ref, "#/$defs/")].(map[string]any)
			}
			if described["title"] == nil || described["description"] == nil {
				t.Errorf("%s.%s has no title or no description", path, name)
			}
			look(path+"."+name, p)
		}
		look(path+"[]", s["items"])
	}
	look("", schema)
	look("finding", definitions["finding"])
	if objects < 14 {
		t.Errorf("only %d objects", objects)
	}
	got := map[string]string{}
	fieldOrder(t, json.NewDecoder(strings.NewReader(hotspotJSON(t, hotspotFixtureNamed(t, "incomplete-sure")))), "", got)
	for path, want := range map[string]string{
		"":                   "type check tool time source parameters outcome coverage summary clusters findings empty",
		".parameters":        "factor min_servers min_connections",
		".summary":           "clusters servers connections evaluated findings open skipped",
		".clusters":          "name connections average verdict servers",
		".clusters.servers":  "id name host connections share_percent factor verdict",
		".findings":          "cluster server connections on_server share_percent average factor distribution accounts more_accounts",
		".empty":             "cluster server connections on_server average start commands",
		".findings.accounts": "account connections on_server share_percent above_even concentrated",
	} {
		if got[path] != want {
			t.Errorf("fields of %q: %s, want %s", path, got[path], want)
		}
	}
}
