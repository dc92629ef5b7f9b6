package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

const schemaFile = "../../docs/audit.schema.json"

func auditSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	text, err := os.ReadFile(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("audit.schema.json", parsed); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("audit.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

func TestSchema(t *testing.T) {
	schema := auditSchema(t)
	for _, f := range fixtures() {
		text := jsonOf(t, f.in)
		if err := schema.Validate(decode(t, text)); err != nil {
			t.Errorf("%s: %v", f.name, err)
		}
		if again := jsonOf(t, f.in); again != text {
			t.Errorf("%s: another document for the same input", f.name)
		}
		if !strings.HasPrefix(text, "{\n  \"type\": \"nats-balance.v1.audit\",\n") || !strings.HasSuffix(text, "\n}\n") {
			t.Errorf("%s does not begin or end as it should", f.name)
		}
	}
	if err := schema.Validate(decode(t, filled(t))); err != nil {
		t.Errorf("filled: %v", err)
	}
}

// Every field dropped, added, or of another type is refused.
func TestSchemaRefuses(t *testing.T) {
	schema := auditSchema(t)
	doc := decode(t, filled(t))
	refused := 0
	refuse := func(what string) {
		refused++
		if schema.Validate(doc) == nil {
			t.Errorf("accepted: %s", what)
		}
	}
	others := func(v any) []any {
		switch v.(type) {
		case string:
			return []any{json.Number("1"), true, []any{}}
		case json.Number:
			return []any{"1", true, map[string]any{}}
		case bool:
			return []any{"true", json.Number("1"), nil}
		case []any:
			return []any{nil, map[string]any{}, "a"}
		case map[string]any:
			return []any{nil, []any{}, "a"}
		}
		return []any{true, []any{}, map[string]any{}} // what is null may be a string or a number
	}
	var mutilate func(path string, v any)
	mutilate = func(path string, v any) {
		switch v := v.(type) {
		case map[string]any:
			v["extra"] = "x"
			refuse(path + " with a field extra")
			delete(v, "extra")
			for _, key := range slices.Sorted(maps.Keys(v)) {
				at, value := path+"."+key, v[key]
				delete(v, key)
				refuse(at + " dropped")
				for _, other := range others(value) {
					if (at == ".baseline" || at == ".source.account" || at == ".groups[0].server") && other == nil {
						continue // there may be none
					}
					v[key] = other
					refuse(fmt.Sprintf("%s being %v", at, other))
				}
				v[key] = value
				mutilate(at, value)
			}
		case []any:
			if len(v) == 0 {
				t.Errorf("%s is empty: nothing to mutilate", path)
				return
			}
			first := v[0]
			for _, other := range others(first) {
				v[0] = other
				refuse(fmt.Sprintf("%s[0] being %v", path, other))
			}
			v[0] = first
			mutilate(path+"[0]", first)
		}
	}
	mutilate("", doc)
	if refused < 600 {
		t.Errorf("only %d mutilations", refused)
	}
	if err := schema.Validate(doc); err != nil {
		t.Errorf("the document was not mended: %v", err)
	}

	for path, values := range map[string][]string{
		"type":                                 {`"nats-balance.v2.audit"`},
		"time":                                 {`"2026-02-03"`, `"2026-02-03T04:05:06+01:00"`, `"2026-02-03T04:05:06.7Z"`, `"2026-13-03T04:05:06Z"`},
		"tool.name":                            {`"nats"`},
		"check.code":                           {`"opt"`, `""`},
		"source.kind":                          {`"system account"`, `""`},
		"parameters.threshold_percent":         {`0`, `100`, `70.5`},
		"parameters.min_servers":               {`1`},
		"parameters.min_connections":           {`0`},
		"parameters.review_percent":            {`0`, `100`},
		"parameters.critical_percent":          {`0`, `101`},
		"outcome":                              {`"fail"`, `""`},
		"coverage.servers_answered":            {`-1`, `0.5`},
		"coverage.missing.0.server":            {`""`},
		"summary.connections":                  {`-1`, `1.5`},
		"summary.skipped.system_account":       {`-1`},
		"clusters.0.servers":                   {`[]`},
		"clusters.0.servers.0.connections":     {`-1`},
		"findings.0.account.id":                {`""`},
		"findings.0.server.id":                 {`""`},
		"findings.0.connections":               {`0`},
		"findings.0.share_percent":             {`-0.1`, `100.1`},
		"findings.0.chance":                    {`-0.1`, `1.1`},
		"groups.0.cause":                       {`"other"`},
		"groups.0.verdict":                     {`"ruled-out"`},
		"groups.0.accounts":                    {`[]`},
		"findings.0.group":                     {`-1`},
		"findings.0.funnel.0.step":             {`"chosen"`},
		"findings.0.funnel.0.servers.0.passes": {`"maybe"`},
		"findings.0.causes.0.step":             {`"other"`},
		"findings.0.priority":                  {`"urgent"`},
		"findings.0.distribution":              {`[]`},
		"findings.0.impact.can_fail_over":      {`"maybe"`},
		"findings.0.causes.0.code":             {`"other"`},
		"findings.0.causes.0.role":             {`"main"`},
		"findings.0.causes.0.verdict":          {`"no"`},
		"findings.0.causes.0.confidence":       {`1.1`, `-1`},
		"findings.0.remedies.0.when":           {`"now"`},
		"accounts.0.verdict":                   {`"ok"`},
		"dns.0.addresses.0.ttl_s":              {`-1`},
		"accepted.0.expires":                   {`"2026-02-30"`, `"2026-2-3"`, `""`},
		"accepted.0.reason":                    {`""`},
		"baseline.time":                        {`"2026-02-03"`},
		"baseline.gone.0.reason":               {`"incomplete"`, `""`},
		"baseline.unknown.0.reason":            {`"accepted"`},
		"baseline.worse.0.was_percent":         {`-1`, `101`},
		"baseline.unchanged":                   {`-1`},
	} {
		for _, value := range values {
			doc := decode(t, filled(t))
			set(t, doc, strings.Split(path, "."), value)
			if schema.Validate(doc) == nil {
				t.Errorf("accepted: %s being %s", path, value)
			}
		}
	}
}

func set(t *testing.T, at any, path []string, value string) {
	t.Helper()
	if list, ok := at.([]any); ok {
		set(t, list[0], path[1:], value)
		return
	}
	object := at.(map[string]any)
	if _, ok := object[path[0]]; !ok {
		t.Fatalf("no field %s", path[0])
	}
	if len(path) > 1 {
		set(t, object[path[0]], path[1:], value)
		return
	}
	v, err := jsonschema.UnmarshalJSON(strings.NewReader(value))
	if err != nil {
		t.Fatal(err)
	}
	object[path[0]] = v
}

// The schema says of every field what it is, and requires all.
func TestSchemaIsThorough(t *testing.T) {
	text, err := os.ReadFile(schemaFile)
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
		if properties, ok := s["properties"].(map[string]any); ok {
			objects++
			if s["additionalProperties"] != false {
				t.Errorf("%s allows other fields", path)
			}
			var required []string
			for _, r := range s["required"].([]any) {
				required = append(required, r.(string))
			}
			slices.Sort(required)
			if !slices.Equal(required, slices.Sorted(maps.Keys(properties))) {
				t.Errorf("%s requires %v", path, required)
			}
			for name, p := range properties {
				p := p.(map[string]any)
				described := p
				if ref, ok := p["$ref"].(string); ok && p["description"] == nil {
					described = definitions[strings.TrimPrefix(ref, "#/$defs/")].(map[string]any)
				}
				if described["title"] == nil || described["description"] == nil {
					t.Errorf("%s.%s has no title or no description", path, name)
				}
				look(path+"."+name, p)
			}
		}
		look(path+"[]", s["items"])
	}
	look("", schema)
	for name, d := range definitions {
		look("#"+name, d)
	}
	if objects < 25 {
		t.Errorf("only %d objects", objects)
	}
}
