package serve

import (
	"context"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/lab"
	"github.com/nats-balance/nats-balance/internal/record"
	"github.com/nats-balance/nats-balance/internal/record/history"
	"github.com/nats-balance/nats-balance/internal/source/sourcetest"
)

// evil is an id that would be markup, a second parameter and another subject.
const evil = "<script>alert(1)</script>&id=x\"\x1b[31m.*"

// past is half an hour in which an account began to lean as n2 was restarted.
func past(id string) []record.Document {
	began := time.Now().Add(-30 * time.Minute)
	spread := func(at time.Time, n1, n2 int) *record.Spread {
		return &record.Spread{Time: at, Account: checks.Account{ID: id, Name: id}, Cluster: "C1", Connections: n1 + n2, Of: 2,
			Servers: []record.Share{{Server: checks.ServerRef{ID: "N1", Name: "n1"}, Connections: n1}, {Server: checks.ServerRef{ID: "N2", Name: "n2"}, Connections: n2}}}
	}
	later := began.Add(time.Minute)
	var docs []record.Document
	for _, c := range []record.Change{
		{Kind: record.Watching, Time: began, Of: &record.Totals{Servers: 2}},
		{Kind: record.Shifted, Time: began, Cluster: "C1", Spread: spread(began, 11, 10)},
		{Kind: record.Stopped, Time: later, Cluster: "C1", Server: checks.ServerRef{ID: "N2", Name: "n2"}},
		{Kind: record.Crossed, Time: later, Cluster: "C1", Spread: spread(later, 20, 1), Since: later},
	} {
		docs = append(docs, record.DocumentOf(c))
	}
	return docs
}

// Every account on the page leads to its timeline, whatever its name is: a page of the
// same kind that loads itself again, made once for all who ask in some seconds.
func TestTimeline(t *testing.T) {
	t.Parallel()
	var made, fails atomic.Int32
	s := listening(t, Options{Timeline: func(_ context.Context, id string, since time.Time) (history.Reading, error) {
		made.Add(1)
		if age := time.Since(since); age < timelinePast || age > timelinePast+time.Minute {
			t.Errorf("it goes back for %s", age)
		}
		if id == "AWAY" {
			fails.Add(1)
			return history.Reading{}, errors.New("away")
		}
		if id == "NOBODY" {
			return history.Reading{Docs: past("OTHER")[:1]}, nil
		}
		return history.Reading{Docs: past(id)}, nil
	}})
	_, front, _ := get(t, s, "/", nil)
	for _, want := range []string{`<h3><a href="/account?id=ORDERS">ORDERS in C1</a></h3>`, `<th scope="row"><a href="/account?id=ORDERS">ORDERS</a> ▲</th>`, `<a href="/account?id=%3Cscript%3E`} {
		if !strings.Contains(front, want) {
			t.Errorf("no %s in %s", want, front)
		}
	}
	for _, id := range []string{"ORDERS", evil, "ORDERS"} {
		status, body, header := get(t, s, linkTo(id), nil)
		for _, want := range []string{`<polyline points="`, `class="leaned"`, "n2 shut down at ", "20 of 21 connections (95.2%) on n1", `<meta http-equiv="refresh" content="10">`, `<a href="/">`} {
			if status != http.StatusOK || !strings.Contains(body, want) {
				t.Errorf("%d, no %s in %s", status, want, body)
			}
		}
		csp := header.Get("Content-Security-Policy")
		if strings.Contains(body, "<script") || strings.Contains(body, "\x1b") || strings.Contains(csp, "unsafe") || !strings.Contains(csp, "default-src 'none'") || !strings.Contains(csp, "frame-ancestors 'none'") {
			t.Errorf("%s: %s", csp, body)
		}
	}
	if n := made.Load(); n != 2 {
		t.Errorf("they were made %d times for two accounts", n)
	}
	for path, want := range map[string]int{"/account": 404, "/account?id=": 404, linkTo("AWAY"): 503, linkTo("NOBODY"): 200} {
		if status, body, _ := get(t, s, path, nil); status != want || strings.Contains(body, "<polyline") || want == 200 && !strings.Contains(body, "Nothing of this account was recorded.") {
			t.Errorf("%s: %d, %s", path, status, body)
		}
	}
	// Nothing is recorded: there is nothing to lead to.
	bare := listening(t, Options{})
	if _, body, _ := get(t, bare, "/", nil); strings.Contains(body, "/account") {
		t.Error(body)
	}
	if status, _, _ := get(t, bare, "/account?id=ORDERS", nil); status != http.StatusNotFound {
		t.Error(status)
	}
}

// Of however many accounts somebody asks for, some are kept.
func TestTimelinesAreBounded(t *testing.T) {
	t.Parallel()
	kept := newTimelines()
	o := Options{Timeline: func(_ context.Context, id string, _ time.Time) (history.Reading, error) {
		return history.Reading{}, nil
	}}
	for i := range 10 * mostTimelines {
		if _, err := kept.page(t.Context(), strings.Repeat("x", i+1), o); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(kept.made); n > mostTimelines {
		t.Error(n)
	}
}

// In a real browser the pages have what they say and break no policy, which lets no
// script run but that of the page; and they load themselves again, with scripts off.
func TestPagesInABrowser(t *testing.T) {
	browser := chromium(t)
	t.Parallel()
	var states, made atomic.Int32
	s := listening(t, Options{State: func(most int) State {
		states.Add(1)
		return seen(most)
	}, Timeline: func(_ context.Context, id string, _ time.Time) (history.Reading, error) {
		made.Add(1)
		return history.Reading{Docs: past(id)}, nil
	}})
	browse := func(path string, args ...string) *exec.Cmd {
		args = append([]string{"--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--enable-logging=stderr",
			"--user-data-dir=" + filepath.Join(t.TempDir(), "profile")}, args...)
		return exec.CommandContext(sourcetest.Within(t), browser, append(args, s.URL()+path)...)
	}
	for path, wants := range map[string][]string{
		"/":              {`<a href="/account?id=ORDERS">ORDERS in C1</a>`, `<td class="h9"`, "1 leaning"},
		linkTo("ORDERS"): {`<polyline points="`, `class="leaned"`, "n2 shut down at "},
		linkTo(evil):     {`<polyline points="`, "&lt;script&gt;alert(1)"},
	} {
		var said strings.Builder
		cmd := browse(path, "--dump-dom")
		cmd.Stderr = &said
		dom, err := cmd.Output()
		if err != nil {
			t.Fatal(err, said.String())
		}
		for _, want := range wants {
			if !strings.Contains(string(dom), want) {
				t.Errorf("%s: no %s in %s", path, want, dom)
			}
		}
		if strings.Contains(said.String(), "CONSOLE") || strings.Contains(string(dom), "<script>") {
			t.Errorf("%s: %s%s", path, said.String(), dom)
		}
	}
	for path, count := range map[string]*atomic.Int32{"/": &states, linkTo("ORDERS"): &made} {
		before := count.Load()
		cmd := browse(path, "--blink-settings=scriptEnabled=false", "--remote-debugging-port=0") // so that it goes on running
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		err := lab.Poll(sourcetest.Within(t), func() error {
			if count.Load() < before+2 {
				return errors.New("the page " + path + " does not load itself again")
			}
			return nil
		})
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // it was killed
		if err != nil {
			t.Error(err)
		}
	}
}

// chromium is the path of a browser; it skips the test where there is none, or none is
// asked for.
func chromium(t *testing.T) string {
	t.Helper()
	if os.Getenv("NATS_BALANCE_BROWSER") == "" {
		t.Skip("a browser takes seconds of the processor: run with NATS_BALANCE_BROWSER=1")
	}
	browser, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("chromium is not installed")
	}
	return browser
}
