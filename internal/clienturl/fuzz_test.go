package clienturl

import (
	"bytes"
	"context"
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/nats-balance/nats-balance/checks"
)

const password = "pa55word-zq"

// quiet fails where lists or warnings have the password, or a list is not sound.
func quiet(t *testing.T, text string, lists []checks.URLList, warnings []string) {
	t.Helper()
	for _, w := range warnings {
		if strings.Contains(w, password) {
			t.Fatalf("%q: warning %q", text, w)
		}
	}
	for _, l := range lists {
		if len(l.Endpoints) == 0 {
			t.Fatalf("%q: an empty list", text)
		}
		if strings.Contains(l.Origin+strings.Join(l.Incomplete, " "), password) {
			t.Fatalf("%q: the password is in %+v", text, l)
		}
		for _, e := range l.Endpoints {
			if strings.Contains(e.URL+e.Host, password) {
				t.Fatalf("%q: the password is in %+v", text, e)
			}
			if again, err := parse(e.URL); err != nil || again.URL != e.URL {
				t.Fatalf("%q: %q is not canonical: %v", text, e.URL, err)
			}
		}
	}
}

// FuzzReaders reads any text as a file of each format.
func FuzzReaders(f *testing.F) {
	for _, text := range []string{
		"a: &a [nats://a]\nb: *a\n<<: *a\n", "nats: {host: a, port: 1}", "- name: NATS_URL\n  value: nats://@", "args: [--nats-url, nats://a]",
		`{"nats":{"servers":["a","b:1"]}}`, `{"a":"{\"servers\":[\"nats://a\"]}"}`, "[nats]\nhost=a\nport=1\n", "nats.url=nats\\://a\\\n,b\n",
		"[[a.nats]]\nservers=[\"nats://a\"]\nb.c={d=1}\n", "[OUTPUT]\n Name nats\n Host a\n Port 1\n", "NATS_URL=\"nats://a\nb\"\n", "Environment=\"NATS_URL=nats://a\" \"B\"",
	} {
		f.Add(text)
	}
	names := []string{"a.yaml", "a.json", "a.toml", ".env", "a.properties", "a.ini", "a", "a.js"}
	f.Fuzz(func(t *testing.T, text string) {
		if strings.Contains(text, password) || !utf8.ValidString(text) {
			t.Skip()
		}
		for _, name := range names {
			lists, warnings := read(name, text)
			quiet(t, name+" "+text, lists, warnings)
		}
	})
}

// FuzzKubernetes reads any text as a dump, with a password in a Secret that a
// workload refers to.
func FuzzKubernetes(f *testing.F) {
	for _, text := range []string{
		"apiVersion: v1\nitems:\n- apiVersion: v1\n  kind: ConfigMap\n  metadata: {name: c}\n  data: {url: nats://a}\nkind: List\n",
		"apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d}\nspec: {template: {spec: {containers: [{env: [{name: NATS_URL, value: '$(A)$$(B)'}]}]}}}\n",
		"---\nitems:\n- a\n...\n--- x\n",
	} {
		f.Add(text)
	}
	head := "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\ndata:\n  url: " + base64.StdEncoding.EncodeToString([]byte("nats://u:"+password+"@a,b")) +
		"\n  p: " + base64.StdEncoding.EncodeToString([]byte(password)) +
		"\n---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d}\nspec: {template: {spec: {containers: [{args: ['--nats-password=$(NATS_PASSWORD)', '--nats-url=nats://u:$(NATS_PASSWORD)@c'], envFrom: [{secretRef: {name: s}}], env: [" +
		"{name: NATS_URL, valueFrom: {secretKeyRef: {name: s, key: url}}}, {name: NATS_PASSWORD, valueFrom: {secretKeyRef: {name: s, key: p}}}]}]}}}\n---\n"
	f.Fuzz(func(t *testing.T, text string) {
		if strings.Contains(text, password) || !utf8.ValidString(text) {
			t.Skip()
		}
		found, err := Scanner{Stdin: strings.NewReader(head + text)}.Scan(context.Background(), "", Stdin)
		if err != nil {
			return
		}
		quiet(t, text, found.Lists, found.Warnings)
	})
}

// FuzzChunks cuts any text, and nothing is lost or told twice.
func FuzzChunks(f *testing.F) {
	for _, text := range []string{"a\n---\nb\n", "apiVersion: v1\nitems:\n- a\n- b\nkind: List\n", "...\n--- x\n\n"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var got strings.Builder
		last := 0
		err := newYAMLChunks(strings.NewReader(text)).each(func(c chunk) error {
			if c.line < last {
				t.Fatalf("%q: line %d after %d", text, c.line, last)
			}
			last = c.line
			got.Write(c.text)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		strip := func(s string) string {
			return strings.Map(func(r rune) rune {
				if strings.ContainsRune(" \t\r\n-.", r) {
					return -1
				}
				return r
			}, s)
		}
		if len(text) < maxChunk && utf8.ValidString(text) && strip(got.String()) != strip(text) && len(bytes.TrimSpace([]byte(text))) > 0 {
			t.Fatalf("%q became %q", text, got.String())
		}
	})
}

// FuzzParsers reads any text with each parser: a tree has only lines of the
// text, and limits hold.
func FuzzParsers(f *testing.F) {
	for _, text := range []string{
		"a: &a [1]\nb: *a\n", `{"a":[{"b":"c"}]} [1]`, "[[a.b]]\nc = {d = [1]}\n", "a=b\\\n c\n", "[s]\na : b\n", "%YAML 1.2\n---\n? a\n: |2\n  b\n", `{"apiVersion":"v1","items":[{"kind":"Pod"}]}`,
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		lines := strings.Count(text, "\n") + strings.Count(text, "\r") + strings.Count(text, "\u2028") + strings.Count(text, "\u2029") + strings.Count(text, "\u0085") + 2
		left := 0
		var check func(n *node, depth int)
		check = func(n *node, depth int) {
			left++
			if n.line < 0 || n.line > lines || depth > maxNesting+1 || left > maxNodes || n.kind == mapping && len(n.keys) != len(n.items) {
				t.Fatalf("%q: line %d, depth %d, %d nodes, %d keys", text, n.line, depth, left, len(n.keys))
			}
			for _, item := range n.items {
				check(item, depth+1)
			}
		}
		if roots, err := parseYAML([]byte(text), 1); err == nil {
			for _, root := range roots {
				check(root, 0)
			}
		}
		left = 0
		if root, err := parseTOML([]byte(text)); err == nil {
			check(root, 0)
		}
		_ = newJSONReader(strings.NewReader(text)).each(func(n *node) error { // an error is fine
			left = 0
			check(n, 0)
			return nil
		})
		for _, style := range []lineStyle{dotenvStyle(), propertiesStyle(), iniStyle()} {
			sections, _ := parseLines([]byte(text), style)
			for _, s := range sections {
				for _, st := range s.settings {
					if st.line < 1 || st.line > lines {
						t.Fatalf("%q: line %d", text, st.line)
					}
				}
			}
		}
		if o := headOf([]byte(text)); len(o.kind)+len(o.name)+len(o.namespace) > len(text) {
			t.Fatalf("%q: %+v", text, o)
		}
	})
}

// FuzzContext reads any text as a context of the nats CLI.
func FuzzContext(f *testing.F) {
	for _, text := range []string{`{"url":"nats://a,tls://b","user":"u"}`, `{"nsc":"nsc://a/b/c"}`, `{"url":"nats://$X","creds":"data:,x"}`} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		path := filepath.Join(t.TempDir(), "c.json")
		if strings.Contains(text, password) || os.WriteFile(path, []byte(text), 0o600) != nil {
			t.Skip()
		}
		list, err := contextList(path)
		if err != nil {
			return
		}
		list.Origin = "context"
		quiet(t, text, []checks.URLList{list}, nil)
	})
}
