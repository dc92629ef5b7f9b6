package report

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/words"
)

// pages is where scripts/prove-page wants the pages, to load them in a browser.
var pages = flag.String("pages", "", "write the HTML pages of the tests to this folder")

func pageOf(t testing.TB, name string, doc *Document) string {
	t.Helper()
	got := formatted(t, writeHTML, doc)
	if *pages != "" {
		if err := os.WriteFile(filepath.Join(*pages, name+".html"), []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return got
}

// elements are all that a page may have, with their attributes besides class and id.
func elements() map[string]string {
	return map[string]string{"html": "lang", "head": "", "meta": "charset http-equiv content name", "title": "", "style": "", "body": "", "a": "href",
		"header": "", "nav": "aria-label", "main": "tabindex", "section": "aria-labelledby", "article": "aria-labelledby", "footer": "",
		"h1": "", "h2": "", "h3": "", "h4": "", "p": "", "span": "aria-hidden", "b": "aria-hidden", "strong": "", "small": "", "code": "", "pre": "",
		"div": "role aria-label tabindex", "ul": "aria-label", "ol": "", "li": "", "dl": "", "dt": "", "dd": "", "time": "datetime",
		"details": "", "summary": "", "table": "", "caption": "", "thead": "", "tbody": "", "tfoot": "", "tr": "", "th": "scope", "td": "",
		"svg": "width height viewBox preserveAspectRatio aria-hidden", "rect": "width height"}
}

// checkPage holds what is so of every page: nothing but these elements, all texts in
// them, one style that the policy allows by its hash, links within the page only,
// headings in their order, tables with captions and scopes.
func checkPage(t *testing.T, page string) (text string) {
	t.Helper()
	checkPlain(t, page)
	root, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	allowed := elements()
	ids, links, level := map[string]bool{}, []string{}, 0
	var b strings.Builder
	var policy, style string
	for n := range root.Descendants() {
		if n.Type == html.TextNode && n.Parent.Data != "style" {
			b.WriteString(n.Data + "\n")
		}
		if n.Type == html.CommentNode {
			t.Errorf("comment %q", n.Data)
		}
		if n.Type != html.ElementNode {
			continue
		}
		attributes, ok := allowed[n.Data]
		if !ok {
			t.Errorf("element %s", n.Data)
		}
		at := map[string]string{}
		for _, a := range n.Attr {
			at[a.Key] = a.Val
			if a.Key != "class" && a.Key != "id" && !slices.Contains(strings.Fields(attributes), a.Key) {
				t.Errorf("%s has the attribute %s=%q", n.Data, a.Key, a.Val)
			}
		}
		if id := at["id"]; id != "" && ids[id] {
			t.Errorf("two elements have the id %s", id)
		}
		ids[at["id"]] = true
		switch n.Data {
		case "meta":
			if at["http-equiv"] == "Content-Security-Policy" {
				policy = at["content"]
			}
		case "style":
			style = n.FirstChild.Data
		case "a":
			links = append(links, at["href"])
		case "h1", "h2", "h3", "h4":
			if next := int(n.Data[1] - '0'); next > level+1 {
				t.Errorf("%s follows a heading of level %d", n.Data, level)
			}
			level = int(n.Data[1] - '0')
		case "th":
			if at["scope"] != "row" && at["scope"] != "col" {
				t.Error("a heading of a table has no scope")
			}
		case "table":
			if first := n.FirstChild; first.NextSibling == nil || first.NextSibling.Data != "caption" {
				t.Error("a table has no caption")
			}
		case "div":
			if (at["role"] == "region") != (at["aria-label"] != "") {
				t.Error("a region has no name")
			}
		}
	}
	for _, to := range links {
		if !strings.HasPrefix(to, "#") || !ids[to[1:]] {
			t.Errorf("a link to %q", to)
		}
	}
	sum := sha256.Sum256([]byte(style))
	want := "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; base-uri 'none'; form-action 'none'"
	if policy != want {
		t.Errorf("the policy is %s, want %s", policy, want)
	}
	return b.String()
}

// TestHTML makes a page of every document of the tests.
func TestHTML(t *testing.T) {
	t.Parallel()
	for _, f := range fixtures() {
		t.Run(f.name, func(t *testing.T) {
			doc := New(everyRow(f.in))
			text := checkPage(t, pageOf(t, f.name, doc))
			_, said := answer(doc)
			if !strings.Contains(text, said) {
				t.Errorf("the page does not say %q", said)
			}
			if f.name == "finding" {
				golden(t, "html/finding.html", formatted(t, writeHTML, doc))
			}
		})
	}
	for name, in := range map[string]Input{"groups": eu(30, 2, 0), "unknown": eu(0, 0, 60)} {
		t.Run(name, func(t *testing.T) { checkPage(t, pageOf(t, name, New(everyRow(in)))) })
	}
	t.Run("since", func(t *testing.T) { checkPage(t, pageOf(t, "since", since(everyRow(fixtureNamed(t, "finding").in)))) })
}

// Names that are markup, script or a style elsewhere are text here.
func TestHTMLOfHostileNames(t *testing.T) {
	t.Parallel()
	names := append(hostile(), "</style><script>alert(1)</script>", `"><svg onload=alert(1)>`, "'><img src=//evil.example/x onerror=alert(1)>",
		"</title><script src=//evil.example/x.js></script>", "<!-- ", "]]>", "&#60;script&#62;alert(1)&#60;/script&#62;", "javascript:alert(1)",
		"<base href=//evil.example/>", "<meta http-equiv=refresh content=0;url=//evil.example/>", "{{.Doc}}", "<link rel=stylesheet href=//evil.example/>",
		"</code></pre><form action=//evil.example/><input autofocus onfocus=alert(1)>", `x" onmouseover="alert(1)" style="position:fixed`)
	for i, name := range names {
		doc := New(hostileInput(name))
		text := checkPage(t, pageOf(t, fmt.Sprintf("hostile-%02d", i), doc))
		if shown := short(words.Harmless(name), 24); len(doc.Findings) > 0 && len(name) < 24 && !strings.Contains(text, shown) {
			t.Errorf("%q is not on its page", name)
		}
	}
}

// manyAccounts is a cluster with so many accounts, of which some are findings.
func manyAccounts(accounts, servers, findings int) Input {
	f := newFleet()
	for s := range servers {
		f.server("LARGE", fmt.Sprintf("large-%03d", s), 0)
	}
	for a := range accounts {
		name := fmt.Sprintf("TENANT-%06d", a)
		f.account(fmt.Sprintf("A%055d", a), name, false)
		for s := range servers {
			n := 1 + (a+s)%7
			if a < findings && s == a%servers {
				n = 40 * servers
			}
			f.Servers[s].Usage = append(f.Servers[s].Usage, checks.Usage{Account: uint32(a), Connections: uint32(n)})
		}
	}
	return everyRow(fixtureInput(f))
}

// A page of 100,000 accounts can be mailed, says what it sums up, and loses nothing in
// the sums.
func TestHTMLOfManyAccounts(t *testing.T) {
	t.Parallel()
	in := manyAccounts(100_000, 5, 3_000)
	in.Result = checks.CheckConcentration(in.Deployment, in.Parameters)
	doc := New(in)
	page := pageOf(t, "many-accounts", doc)
	if len(page) > 3_000_000 {
		t.Errorf("%d bytes", len(page))
	}
	text := checkPage(t, page)
	for _, want := range []string{"99,940 more accounts", words.Count(doc.Summary.Connections), "2,950 more findings, a line each",
		"heat map of LARGE: 60 of 100,000 accounts", "2,950 of 3,000 findings have a line instead of a card"} {
		if !strings.Contains(text, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	p, err := newHTMLPage(doc)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range p.Heat[0].All.Cells {
		if c.Share != "20.0%" && c.Share != "20.1%" && c.Share != "19.9%" {
			t.Errorf("a fifth of all is %s", c.Share)
		}
	}
}

// A cluster of many servers has the columns that matter, and one for the rest.
func TestHTMLOfManyServers(t *testing.T) {
	t.Parallel()
	in := manyAccounts(300, 200, 1)
	in.Result = checks.CheckConcentration(in.Deployment, in.Parameters)
	p, err := newHTMLPage(New(in))
	if err != nil {
		t.Fatal(err)
	}
	h := p.Heat[0]
	if n := len(h.Servers); n != heatServers+1 || h.Servers[n-1].Label != "180 more servers" || h.Servers[0].Label != "large-000" || !h.Rows[0].Cells[0].Finding {
		t.Errorf("%d columns: %+v", n, h.Servers)
	}
	checkPage(t, pageOf(t, "many-servers", p.Doc))
}

// The templates have plain English too.
func TestHTMLWording(t *testing.T) {
	t.Parallel()
	files, err := pageFiles.ReadDir("page")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		text, err := pageFiles.ReadFile("page/" + f.Name())
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range clumsy {
			if found := c.Find(text); found != nil {
				t.Errorf("%s: %q", f.Name(), found)
			}
		}
	}
}

func TestHTMLReturnsTheErrorOfTheWriter(t *testing.T) {
	t.Parallel()
	if err := writeHTML(brokenWriter{}, New(everyRow(fixtureNamed(t, "finding").in))); !errors.Is(err, errBroken) {
		t.Error(err)
	}
}

// Equal input makes equal pages.
func TestHTMLIsDeterministic(t *testing.T) {
	t.Parallel()
	in := everyRow(fixtureNamed(t, "baseline").in)
	if a, b := formatted(t, writeHTML, New(in)), formatted(t, writeHTML, New(in)); !bytes.Equal([]byte(a), []byte(b)) {
		t.Error(firstDifference(a, b))
	}
}
