package serve

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/record"
	"github.com/nats-balance/nats-balance/internal/record/history"
	"github.com/nats-balance/nats-balance/internal/wire"
)

// pages is where scripts/prove-page wants the page, to load it in a browser.
var pages = flag.String("pages", "", "write the page to this folder, with its style in it")

// seen is a state with one account that leans, and one whose names are an attack.
func seen(most int) State {
	now := time.Now()
	w := record.New(record.Settings{Parameters: checks.Defaults(), Reconcile: time.Minute})
	w.Ask(now)
	d := &checks.Deployment{Accounts: []checks.Account{{ID: "ORDERS", Name: "ORDERS"}, {ID: "<script>alert(1)</script>\x1b[31m", Name: "<script>alert(1)</script>\x1b[31m"}}, Expected: 3}
	for i, n := range []uint32{20, 1, 1} {
		d.Servers = append(d.Servers, checks.Server{ID: fmt.Sprintf("N%d", i), Name: fmt.Sprintf("n%d", i+1), Cluster: "C1",
			Usage: []checks.Usage{{Account: 0, Connections: n}, {Account: 1, Connections: 5}}})
	}
	w.Reconcile(d, time.Second, now)
	w.Tick(now)
	w.Shut(wire.ServerEvent{From: wire.Server{ID: "N2", Name: "n3", Cluster: "C1"}}, now)
	w.Tick(now)
	return State{Snapshot: w.Snapshot(now, most), Connected: true, Leader: true}
}

func listening(t *testing.T, o Options) *Server {
	t.Helper()
	if o.State == nil {
		o.State = seen
	}
	o.Stale = time.Minute
	s, err := Listen(":0", o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return s
}

func get(t *testing.T, s *Server, path string, change func(*http.Request)) (int, string, http.Header) {
	t.Helper()
	r, err := http.NewRequest(http.MethodGet, s.URL()+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(r)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body), resp.Header
}

// The page, the metrics and whether it is well, as what is seen.
func TestServed(t *testing.T) {
	t.Parallel()
	began := time.Now()
	s := listening(t, Options{History: func(context.Context) (history.History, error) {
		cluster := "C1"
		return history.History{Episodes: []history.Episode{{Account: record.DocumentAccount{ID: "ORDERS", Name: "ORDERS"}, Cluster: cluster, Began: began, Finding: true,
			Around: []record.Document{{Change: record.Stopped, Time: began, Cluster: &cluster, Server: &record.DocumentServer{Name: "n3"}}}}}}, nil
	}})
	if !strings.HasPrefix(s.URL(), "http://127.0.0.1:") {
		t.Error("without a host it is not for this machine alone:", s.URL())
	}
	status, body, header := get(t, s, "/", nil)
	for _, want := range []string{"ORDERS in C1", "20 of 21 connections (95.2%) on n1", `<td class="h9"`, "n3 in C1: it shut down", "n3 shut down", "1 leaning"} {
		if !strings.Contains(body, want) {
			t.Errorf("no %q in %s", want, body)
		}
	}
	if *pages != "" {
		page := strings.Replace(body, `<link rel="stylesheet" href="/style.css">`, "<style>"+styleText+"</style>", 1)
		if err := os.WriteFile(filepath.Join(*pages, "watch.html"), []byte(page), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	csp := header.Get("Content-Security-Policy")
	if status != http.StatusOK || strings.Count(body, "<script") != 1 || !strings.Contains(body, `<script src="/page.js" defer></script>`) || strings.Contains(body, "\x1b") || strings.Contains(body, "style=") || !strings.Contains(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") {
		t.Errorf("%d, %q, %s", status, csp, body)
	}
	if status, body, _ := get(t, s, "/style.css", nil); status != http.StatusOK || !strings.Contains(body, ".h10") {
		t.Error(status, body)
	}
	status, body, _ = get(t, s, "/metrics", nil)
	for _, want := range []string{
		`nats_balance_watch_account_share_ratio{account="ORDERS",account_id="ORDERS",cluster="C1"} 0.95`,
		`nats_balance_watch_connected 1`, `nats_balance_watch_servers_missing 1`, `nats_balance_watch_leaning 1`, "# TYPE nats_balance_watch_events_total counter",
	} {
		if !strings.Contains(body, want) {
			t.Errorf("no %q in %s", want, body)
		}
	}
	if status != http.StatusOK {
		t.Error(status)
	}
	if status, body, _ := get(t, s, "/healthz", nil); status != http.StatusOK || body != "ok\n" {
		t.Error(status, body)
	}
	for _, path := range []string{"/x", "/healthz/x", "/../x"} {
		if status, _, _ := get(t, s, path, nil); status != http.StatusNotFound {
			t.Errorf("%s: %d", path, status)
		}
	}
	if status, _, _ := get(t, s, "/", func(r *http.Request) { r.Method = http.MethodPost }); status != http.StatusMethodNotAllowed {
		t.Error("POST:", status)
	}
	if status, _, _ := get(t, s, "/", func(r *http.Request) { r.Host = "evil.example" }); status != http.StatusForbidden {
		t.Error("a page of elsewhere reads it:", status)
	}
}

// Every metric is on the page of watch, and the rules ask for none that there is not.
func TestMetricsAreDocumented(t *testing.T) {
	t.Parallel()
	_, body, _ := get(t, listening(t, Options{}), "/metrics", nil)
	page, err := os.ReadFile("../../../docs/watch.md")
	if err != nil {
		t.Fatal(err)
	}
	rules, err := os.ReadFile("../../../docs/monitoring/watch-rules.yaml")
	if err != nil {
		t.Fatal(err)
	}
	served := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^# TYPE (nats_balance_watch_(\w+)) `).FindAllStringSubmatch(body, -1) {
		served[m[1]] = true
		if !strings.Contains(string(page), "`"+m[2]+"`") {
			t.Errorf("the page does not have %s", m[2])
		}
	}
	for _, name := range regexp.MustCompile(`\bnats_balance_\w+`).FindAllString(string(rules), -1) {
		if !served[name] {
			t.Errorf("nothing serves %s", name)
		}
	}
}

// A user is asked for, but not for whether it is well.
func TestUser(t *testing.T) {
	t.Parallel()
	s := listening(t, Options{User: "ops", Password: "pw"})
	for _, path := range []string{"/", "/metrics", "/style.css"} {
		if status, body, _ := get(t, s, path, nil); status != http.StatusUnauthorized || strings.Contains(body, "ORDERS") {
			t.Error(path, status)
		}
		if status, _, _ := get(t, s, path, func(r *http.Request) { r.SetBasicAuth("ops", "other") }); status != http.StatusUnauthorized {
			t.Error(path, status)
		}
		if status, _, _ := get(t, s, path, func(r *http.Request) { r.SetBasicAuth("ops", "pw") }); status != http.StatusOK {
			t.Error(path, status)
		}
	}
	if status, _, _ := get(t, s, "/healthz", nil); status != http.StatusOK {
		t.Error(status)
	}
}

// A watch that is not connected, or has an old report, is not well; what it saw last
// is shown.
func TestUnwell(t *testing.T) {
	t.Parallel()
	for want, change := range map[string]func(*State){
		"not connected":                   func(s *State) { s.Connected = false },
		"no full report yet":              func(s *State) { s.Reconciled = time.Time{} },
		"the last full report is too old": func(s *State) { s.Reconciled = time.Now().Add(-time.Hour) },
	} {
		s := listening(t, Options{State: func(most int) State {
			state := seen(most)
			change(&state)
			return state
		}, History: func(context.Context) (history.History, error) { return history.History{}, errors.New("away") }})
		if status, body, _ := get(t, s, "/healthz", nil); status != http.StatusServiceUnavailable || body != want+"\n" {
			t.Errorf("%s: %d, %q", want, status, body)
		}
		if status, body, _ := get(t, s, "/", nil); status != http.StatusOK || !strings.Contains(body, "ORDERS") || !strings.Contains(body, "can&#39;t be read") {
			t.Errorf("%s: %d, %s", want, status, body)
		}
	}
}

// The page is bounded too, with findings first, and says how many there are besides.
func TestPageIsBounded(t *testing.T) {
	t.Parallel()
	s := listening(t, Options{State: func(most int) State {
		state := seen(most)
		one, m := state.Over[0], checks.Missing{Name: "lost", Reason: "it did not answer"}
		one.Finding = false
		state.Over, state.Missing = slices.Repeat([]record.Change{one}, 5000), slices.Repeat([]checks.Missing{m}, 5000)
		state.Over[4999].Finding = true
		return state
	}})
	_, body, _ := get(t, s, "/", nil)
	above, missing := strings.Count(body, "<article"), strings.Count(body, "<li>")
	if above != mostShown || missing != mostShown+1 || len(body) > 200<<10 {
		t.Errorf("%d accounts, %d servers, %d bytes", above, missing, len(body))
	}
	for _, want := range []string{"<title>5000 leaning", "4,900 more accounts above the threshold", "4,900 more servers"} {
		if !strings.Contains(body, want) {
			t.Errorf("no %q in %s", want, body)
		}
	}
	if first, finding := strings.Index(body, "<article"), strings.Index(body, `<article class="finding"`); finding != first {
		t.Errorf("the finding is not the first")
	}
}

// Series are bounded, however many accounts there are.
func TestSeriesAreBounded(t *testing.T) {
	t.Parallel()
	s := listening(t, Options{State: func(most int) State {
		now := time.Now()
		w := record.New(record.Settings{Parameters: checks.Defaults(), Reconcile: time.Minute})
		w.Ask(now)
		d := &checks.Deployment{Servers: []checks.Server{{ID: "N", Name: "n"}}, Expected: 1}
		for i := range uint32(3000) {
			d.Accounts = append(d.Accounts, checks.Account{ID: fmt.Sprint("A", i), Name: "\xff"})
			d.Servers[0].Usage = append(d.Servers[0].Usage, checks.Usage{Account: i, Connections: 1 + i})
		}
		w.Reconcile(d, time.Second, now)
		return State{Snapshot: w.Snapshot(now, most)}
	}})
	status, body, _ := get(t, s, "/metrics", nil)
	if n := len(regexp.MustCompile(`(?m)^nats_balance_watch_account_connections{`).FindAllString(body, -1)); status != http.StatusOK || n != mostShown || !strings.Contains(body, "nats_balance_watch_series_left_out 2900") {
		t.Errorf("%d, %d series", status, n)
	}
}
