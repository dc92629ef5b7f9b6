package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/nats-balance/nats-balance/checks"
)

func decode(t *testing.T, text string) map[string]any {
	t.Helper()
	v, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return v.(map[string]any)
}

// filled is a document in which every list has an entry: also those that stay
// empty in this version.
func filled(t *testing.T) string {
	t.Helper()
	in := fixtureNamed(t, "incomplete-sure").in
	in.Parameters.All = true
	in.Result = checks.CheckConcentration(in.Deployment, in.Parameters)
	in.Warnings = []string{"careful"}
	doc := New(in)
	account, ttl, step, known := "ORDERS", 30, "listed", "single-url"
	doc.Groups[0].Cause, doc.Groups[0].Title, doc.Groups[0].Key, doc.Groups[0].Remedies = &known, &account, &account, []string{"dns"}
	doc.Findings[0].Funnel = []Step{{Step: step, Servers: []Passes{{doc.Findings[0].Server, "yes"}}, Text: "The URLs name n1."}}
	doc.Findings[0].Causes = []Cause{{Code: "single-url", Title: "One URL", Role: "root", Verdict: "likely", Confidence: 0.9, Step: &step,
		Evidence: []Evidence{{Text: "the list has one URL", Source: "--client-url"}}, Remedies: []string{"list-all-servers"}}}
	doc.Findings[0].Remedies = []Remedy{{Code: "list-all-servers", When: "short-term", Title: "List all servers", Why: "clients know them then",
		Commands: []string{"nats context edit"}, Snippets: []Snippet{{Lang: "go", Text: "nats.Connect(urls)"}}}}
	text := "orders"
	doc.Findings[0].Services = []Service{{Name: &text, User: &text, Language: &text, Versions: []string{"1.55.0"}, Protocol: &text, Hosts: 1,
		HostExamples: []string{"10.0.1.1"}, Connections: 3, Counts: []ServiceCount{{Server: doc.Findings[0].Server, Connections: ptr(3)}},
		First: &doc.Time, Last: &doc.Time, Concentrated: true, Cause: &text}}
	doc.ClientURLs = []ClientURL{{Origin: "--client-url", Account: &account, Service: &account, URLs: []string{"nats://n1"}, Reach: []string{"n1"},
		Unreachable: []string{"nats://n9"}, Hosts: []string{"n1"}}}
	doc.DNS = []Name{{Host: "n1", Resolver: "10.0.0.53:53", CNAME: []string{"n1.example.com"},
		Addresses: []Address{{IP: "10.0.0.1", TTL: &ttl, Servers: []string{"n1"}}}, Verdict: "single", Detail: "one address"}}
	doc.Source.Account = &Account{ID: "ORDERS", Name: "ORDERS"}
	row := doc.Review[0]
	doc.Accepted = []Accepted{{Row: row, Reason: "it moves", Expires: "2026-12-31"}}
	changed := []Changed{{Row: row, WasServer: doc.Findings[0].Server, WasOnServer: 7, WasPercent: 50}}
	doc.Baseline = &Baseline{Time: doc.Time, New: []Row{row}, Worse: changed, Better: changed,
		Gone: []Gone{{row, "accepted"}}, Unknown: []Gone{{row, "incomplete"}}, Unchanged: 3}
	var b bytes.Buffer
	if err := JSON(&b, doc); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// The order of the fields is that of the specification, which is copied here.
func TestFieldOrder(t *testing.T) {
	want := map[string]string{
		"":                                  "type check tool time source parameters outcome coverage summary clusters groups findings review accepted baseline accounts client_urls dns warnings",
		".check":                            "code name severity category applies_to",
		".tool":                             "name version",
		".source":                           "kind detail account",
		".source.account":                   "id name",
		".parameters":                       "threshold_percent min_servers min_connections review_percent critical_percent",
		".coverage":                         "complete servers_expected servers_answered missing notes",
		".coverage.missing":                 "server cluster reason",
		".coverage.missing.server":          "id name host",
		".summary":                          "clusters servers accounts connections leafnodes evaluated findings review accepted skipped",
		".summary.skipped":                  "too_few_connections too_few_servers system_account",
		".clusters":                         "name reported_name connections servers",
		".clusters.servers":                 "server connections accounts",
		".clusters.servers.server":          "id name host",
		".groups":                           "cause title verdict key text server cluster accounts connections share_percent remedies",
		".groups.accounts":                  "id name",
		".groups.server":                    "id name host",
		".findings":                         "account cluster server group connections on_server share_percent leafnodes chance priority distribution services funnel impact causes remedies",
		".findings.funnel":                  "step servers text",
		".findings.funnel.servers":          "server passes",
		".findings.funnel.servers.server":   "id name host",
		".findings.services":                "name user language versions protocol hosts host_examples connections counts first last concentrated cause",
		".findings.services.counts":         "server connections",
		".findings.services.counts.server":  "id name host",
		".findings.account":                 "id name",
		".findings.server":                  "id name host",
		".findings.distribution":            "server connections share_percent",
		".findings.distribution.server":     "id name host",
		".findings.impact":                  "connections_lost subscriptions_lost survivors can_fail_over",
		".findings.impact.survivors":        "server now after limit",
		".findings.impact.survivors.server": "id name host",
		".findings.causes":                  "code title role verdict confidence step evidence remedies",
		".findings.causes.evidence":         "text source",
		".findings.remedies":                "code when title why commands snippets",
		".findings.remedies.snippets":       "lang text",
		".review":                           "account cluster server connections on_server share_percent",
		".review.account":                   "id name",
		".review.server":                    "id name host",
		".accepted":                         "account cluster server connections on_server share_percent reason expires",
		".accepted.account":                 "id name",
		".accepted.server":                  "id name host",
		".baseline":                         "time new worse better gone unknown unchanged",
		".baseline.new":                     "account cluster server connections on_server share_percent",
		".baseline.new.account":             "id name",
		".baseline.new.server":              "id name host",
		".baseline.worse":                   "account cluster server connections on_server share_percent was_server was_on_server was_percent",
		".baseline.worse.account":           "id name",
		".baseline.worse.server":            "id name host",
		".baseline.worse.was_server":        "id name host",
		".baseline.better":                  "account cluster server connections on_server share_percent was_server was_on_server was_percent",
		".baseline.better.account":          "id name",
		".baseline.better.server":           "id name host",
		".baseline.better.was_server":       "id name host",
		".baseline.gone":                    "account cluster server connections on_server share_percent reason",
		".baseline.gone.account":            "id name",
		".baseline.gone.server":             "id name host",
		".baseline.unknown":                 "account cluster server connections on_server share_percent reason",
		".baseline.unknown.account":         "id name",
		".baseline.unknown.server":          "id name host",
		".accounts":                         "account cluster server connections on_server share_percent verdict",
		".accounts.account":                 "id name",
		".accounts.server":                  "id name host",
		".client_urls":                      "origin account service urls reach unreachable hosts complete unused",
		".dns":                              "host resolver cname addresses verdict detail",
		".dns.addresses":                    "ip ttl_s servers",
	}
	got := map[string]string{}
	fieldOrder(t, json.NewDecoder(strings.NewReader(filled(t))), "", got)
	for path, fields := range want {
		if got[path] != fields {
			t.Errorf("fields of %q:\ngot  %s\nwant %s", path, got[path], fields)
		}
	}
	for path := range got {
		if _, ok := want[path]; !ok {
			t.Errorf("an object that the specification does not have: %s", path)
		}
	}
}

// fieldOrder reads a value and notes the fields of every object in their order;
// all elements of a list must have the same.
func fieldOrder(t *testing.T, d *json.Decoder, path string, orders map[string]string) {
	t.Helper()
	token, err := d.Token()
	if err != nil {
		t.Fatal(err)
	}
	switch token {
	case json.Delim('['):
		for d.More() {
			fieldOrder(t, d, path, orders)
		}
	case json.Delim('{'):
		var fields []string
		for d.More() {
			key, err := d.Token()
			if err != nil {
				t.Fatal(err)
			}
			fields = append(fields, key.(string))
			fieldOrder(t, d, path+"."+key.(string), orders)
		}
		order := strings.Join(fields, " ")
		if before, ok := orders[path]; ok && before != order {
			t.Errorf("%s has fields %s and %s", path, before, order)
		}
		orders[path] = order
	default:
		return
	}
	if _, err := d.Token(); err != nil {
		t.Fatal(err)
	}
}

// No list is ever null, whatever the document is made of.
func TestListsAreNeverNull(t *testing.T) {
	var look func(path string, v reflect.Value)
	look = func(path string, v reflect.Value) {
		switch v.Kind() {
		case reflect.Slice:
			if v.IsNil() {
				t.Errorf("%s is null", path)
			}
			for i := range v.Len() {
				look(fmt.Sprintf("%s[%d]", path, i), v.Index(i))
			}
		case reflect.Pointer:
			if !v.IsNil() {
				look(path, v.Elem())
			}
		case reflect.Struct:
			if v.Type() == reflect.TypeFor[time.Time]() {
				return
			}
			for i := range v.NumField() {
				if f := v.Type().Field(i); f.IsExported() {
					look(path+"."+f.Name, v.Field(i))
				}
			}
		default: // no list
		}
	}
	for _, f := range fixtures() {
		look(f.name, reflect.ValueOf(New(f.in)))
	}
	look("nothing", reflect.ValueOf(New(Input{Deployment: &checks.Deployment{}})))
}

var (
	shareNumber  = regexp.MustCompile(`"share_percent": (null|[0-9]{1,2}\.[0-9]|100\.0)[,\n]`)
	chanceNumber = regexp.MustCompile(`"chance": (0|1|0\.[0-9]+|[0-9](\.[0-9]{1,2})?e-[0-9]{2,3}),`)
)

func TestNumbers(t *testing.T) {
	for _, f := range fixtures() {
		text := jsonOf(t, f.in)
		if got, want := len(shareNumber.FindAllString(text, -1)), strings.Count(text, `"share_percent"`); got != want {
			t.Errorf("%s: %d of %d shares have one decimal", f.name, got, want)
		}
		if got, want := len(chanceNumber.FindAllString(text, -1)), strings.Count(text, `"chance"`); got != want {
			t.Errorf("%s: %d of %d chances are as they should be", f.name, got, want)
		}
	}
	for _, c := range []struct {
		part, whole int
		want        string
	}{
		{0, 0, "0.0"}, {0, 7, "0.0"}, {7, 7, "100.0"}, {17, 18, "94.4"}, {1, 3, "33.3"}, {2, 3, "66.7"}, {1, 2000, "0.1"}, {1, 2001, "0.0"},
		{1999, 2000, "100.0"}, {7004, 10_000, "70.0"}, {7005, 10_000, "70.1"}, {499, 1000, "49.9"}, {1, 1_000_000_000_000, "0.0"},
		{4_294_967_295_000, 4_294_967_296_000, "100.0"},
	} {
		if got := percent(c.part, c.whole).String(); got != c.want {
			t.Errorf("percent(%d, %d) = %s, want %s", c.part, c.whole, got, c.want)
		}
	}
	for c, want := range map[Chance]string{
		0: "0", 1: "1", 0.5: "0.5", 0.123456: "0.123", 0.0574: "0.0574", 0.000123456: "0.000123", 0.0000123456: "1.23e-05",
		1.5e-300: "1.5e-300", math.SmallestNonzeroFloat64: "4.94e-324",
	} {
		got, err := json.Marshal(c)
		if err != nil || string(got) != want {
			t.Errorf("chance %g is %s, %v; want %s", float64(c), got, err, want)
		}
	}
}

// Everything from outside is made harmless, wherever it stands in a document.
func TestDocumentIsHarmless(t *testing.T) {
	for _, name := range []string{"hostile", "long", "wide", "hostile-file"} {
		text := jsonOf(t, fixtureNamed(t, name).in)
		for _, r := range text {
			if r < ' ' && r != '\n' || r >= 0x7f && r < 0xa0 || r == '\u202e' || r == '\u200b' {
				t.Errorf("%s has %U", name, r)
			}
		}
		for _, secret := range []string{"user:", "p@ss", "tok@", "a:b"} {
			if strings.Contains(text, secret) {
				t.Errorf("%s has %q", name, secret)
			}
		}
		if regexp.MustCompile(`\\u00(1b|0d|0a|07|9b)"?`).MatchString(strings.ReplaceAll(text, `\\`, "")) {
			t.Errorf("%s has an escaped control", name)
		}
		for _, s := range regexp.MustCompile(`"[^"]*"`).FindAllString(text, -1) {
			if n := len([]rune(s)); n > 1024+200 {
				t.Errorf("%s has a string of %d characters", name, n)
			}
		}
	}
}

// What is not said elsewhere is in the notes, for programs too.
func TestNotes(t *testing.T) {
	for name, want := range map[string][]string{
		"pass":                nil,
		"partial":             nil,
		"critical":            {"the connection was lost and came back; what was missing was asked for again"},
		"incomplete":          {"open, as a missing server could overturn the verdict: 3 account-cluster pairs; --all lists them", "in cluster C1, an account that no server reported may be on a missing server"},
		"incomplete-critical": {"a missing server decides whether a finding is critical"},
		"incomplete-account":  {"only what was asked for was checked: --account AUDIT", "in cluster C1, an account that was asked for may be on a missing server"},
		"silent-cluster":      {"in cluster C2, an account that no server reported may be on a missing server"},
	} {
		if got := New(fixtureNamed(t, name).in).Coverage.Notes; !slices.Equal(got, want) {
			t.Errorf("%s: notes %q, want %q", name, got, want)
		}
	}
}

// A list of what is missing ends somewhere, with a count of the rest.
func TestCoverageIsBounded(t *testing.T) {
	t.Parallel()
	d := &checks.Deployment{Missing: make([]checks.Missing, 900), Uncounted: make([]checks.Uncounted, 100_000)}
	c := coverage(d)
	if len(c.Missing) != mostMissing || len(c.Notes) != 1 || !strings.Contains(c.Notes[0], "99,900 more") {
		t.Errorf("%d entries, %q", len(c.Missing), c.Notes)
	}
}
