package history

import (
	"bytes"
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/nats-balance/nats-balance/internal/record"
)

// pages is where scripts/prove-page wants the pages, to load them in a browser.
var pages = flag.String("pages", "", "write the pages of the tests to this folder")

func charted(t *testing.T, name string, c Chart, docs []record.Document) string {
	t.Helper()
	c.From, c.To = began().Add(-2*time.Hour), began().Add(2*time.Hour)
	var b bytes.Buffer
	if err := c.Write(&b, docs); err != nil {
		t.Fatal(err)
	}
	if *pages != "" {
		if err := os.WriteFile(filepath.Join(*pages, name+".html"), b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	// What is drawn is well-formed.
	_, body, _ := strings.Cut(b.String(), "<body>")
	body, _, _ = strings.Cut(body, "</body>")
	for d := xml.NewDecoder(strings.NewReader("<body>" + body + "</body>")); ; {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("%v\n%s", err, &b)
		}
	}
	return b.String()
}

// TestChart: a page has a line of each account that leaned, what happened to servers,
// and needs nothing else.
func TestChart(t *testing.T) {
	t.Parallel()
	page := charted(t, "history", Chart{}, documents(leaning()))
	for _, want := range []string{"<h2>orders (C1)</h2>", `class="finding"`, `<polyline points="250.0,`, "n2 shut down at 03:03:55", `class="started"`, "default-src &#39;none&#39;",
		"Recorded last, at 2026-01-02 04:04:05: 8 of 22 connections (36.4%) on n1."} {
		if !strings.Contains(page, want) {
			t.Errorf("no %s in\n%s", want, page)
		}
	}
	if m := regexp.MustCompile(`<script|https?://| style=|<[^>]* on\w+=`).FindString(page); m != "" {
		t.Errorf("%s in\n%s", m, page)
	}
	if page := charted(t, "history-other", Chart{Account: "BILLING"}, documents(leaning())); strings.Contains(page, "<svg") {
		t.Error(page)
	}
	if page := charted(t, "history-none", Chart{}, nil); !strings.Contains(page, "Nothing was recorded.") {
		t.Error(page)
	}
}

// TestChartOfWhatBeganBefore: what lasts since before a chart begins at its left edge, and
// what happened to servers before is not on it; what lasts is known until a recorder was there.
func TestChartOfWhatBeganBefore(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	c := Chart{From: began().Add(10 * time.Minute), To: began().Add(50 * time.Minute), Until: began().Add(30 * time.Minute)}
	if err := c.Write(&b, documents(append(leaning()[:8:8], record.Change{Kind: record.Shifted, Time: began().Add(20 * time.Minute), Cluster: "C1", Spread: spread(began().Add(20*time.Minute), 11, 11, 0), Since: began()}))); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`<polyline points="50.0,20.9 250.0,20.9 250.0,70.0 450.0,70.0"/>`, `class="finding" x="50.0" y="10" width="400.0"`, `class="gap" x="450.0" y="10" width="400.0"`,
		"Since 2026-01-02 03:04:05, last known at 2026-01-02 03:34:05: above the threshold", "No watch records now: what happened since 2026-01-02 03:34:05 is unknown."} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %s in\n%s", want, &b)
		}
	}
	if strings.Contains(b.String(), `class="stopped"`) || strings.Contains(b.String(), `class="started"`) {
		t.Errorf("%s", &b)
	}
}

// TestChartOfHostileNames: names are text, whatever they are.
func TestChartOfHostileNames(t *testing.T) {
	t.Parallel()
	changes := leaning()
	for i := range changes {
		if s := changes[i].Spread; s != nil {
			s.Account.Name, s.Servers[0].Server.Name = `</svg><script>alert(1)</script>`, "\x1b[31m\"><img src=x>"
		}
		changes[i].Server.Name = `"/><script>`
	}
	page := charted(t, "history-hostile", Chart{}, documents(changes))
	if strings.Contains(page, "<script") || strings.Contains(page, "<img") || strings.Contains(page, "\x1b") {
		t.Error(page)
	}
}

// TestChartIsBounded: however much was recorded, a line has no more points than can
// be told apart, and it breaks where nothing was recorded.
func TestChartIsBounded(t *testing.T) {
	t.Parallel()
	var changes []record.Change
	for i := range 100_000 {
		at := began().Add(time.Duration(i) * 100 * time.Millisecond)
		changes = append(changes, record.Change{Kind: record.Shifted, Time: at, Cluster: "C1", Spread: spread(at, 8+i%7, 7, 7)})
	}
	last := changes[len(changes)-1].Time
	changes = append(changes, record.Change{Kind: record.Watching, Time: last.Add(time.Hour), Since: last, Of: &record.Totals{}},
		record.Change{Kind: record.Shifted, Time: last.Add(time.Hour), Cluster: "C1", Spread: spread(last.Add(time.Hour), 7, 7, 7)})
	page := charted(t, "history-gap", Chart{Account: "orders"}, documents(changes))
	if n := strings.Count(page, "<polyline"); n != 2 || len(page) > 1<<20 {
		t.Errorf("%d lines, %d bytes", n, len(page))
	}
	if !strings.Contains(page, `class="gap"`) {
		t.Error("the gap is not shown")
	}
}
