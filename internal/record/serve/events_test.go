package serve

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/websocket"

	"github.com/nats-balance/nats-balance/internal/lab"
	"github.com/nats-balance/nats-balance/internal/source/sourcetest"
)

// events reads server-sent events, one at a time.
func events(t *testing.T, s *Server, change func(*http.Request)) (status int, next func() string) {
	t.Helper()
	r, err := http.NewRequestWithContext(sourcetest.Within(t), http.MethodGet, s.URL()+"/events", nil)
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
	t.Cleanup(func() { _ = resp.Body.Close() })
	lines := bufio.NewReader(resp.Body)
	return resp.StatusCode, func() string {
		for {
			line, err := lines.ReadString('\n')
			if err != nil {
				return err.Error()
			}
			if name, ok := strings.CutPrefix(line, "event: "); ok {
				return strings.TrimSpace(name)
			}
		}
	}
}

// A page is told at once, and then when something has changed, and not each second.
func TestFollowed(t *testing.T) {
	t.Parallel()
	var lean, asked atomic.Int32
	s := listening(t, Options{State: func(most int) State {
		state := seen(most)
		asked.Add(1)
		if lean.Load() == 0 {
			state.Over = nil
		}
		return state
	}})
	status, next := events(t, s, nil)
	if first := next(); status != http.StatusOK || first != "change" {
		t.Fatal(status, first)
	}
	told := make(chan string, 1)
	go func() { told <- next() }()
	before := asked.Load()
	if err := lab.Poll(sourcetest.Within(t), func() error { // it has looked again, twice
		select {
		case event := <-told:
			t.Fatal("nothing has changed, and it is told: ", event)
		default:
		}
		if asked.Load() < before+2 {
			return io.ErrNoProgress
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	lean.Store(1)
	if event := <-told; event != "change" {
		t.Error(event)
	}
}

// What may see the page may follow it, and no more pages than it has room for.
func TestFollowersAreFew(t *testing.T) {
	t.Parallel()
	s := listening(t, Options{User: "ops", Password: "pw"})
	if status, _ := events(t, s, nil); status != http.StatusUnauthorized {
		t.Error(status)
	}
	as := func(r *http.Request) { r.SetBasicAuth("ops", "pw") }
	for range mostFollowers {
		if status, next := events(t, s, as); status != http.StatusOK || next() != "change" {
			t.Fatal(status)
		}
	}
	if status, _ := events(t, s, as); status != http.StatusServiceUnavailable {
		t.Error(status)
	}
}

// In a real browser the page has what has changed, without being loaded again.
func TestChangesInABrowser(t *testing.T) {
	browser := chromium(t)
	t.Parallel()
	var lean atomic.Int32
	s := listening(t, Options{State: func(most int) State {
		state := seen(most)
		if lean.Load() == 0 {
			state.Over = nil
		}
		return state
	}})
	profile := filepath.Join(t.TempDir(), "profile")
	cmd := exec.CommandContext(sourcetest.Within(t), browser, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--enable-logging=stderr",
		"--user-data-dir="+profile, "--remote-debugging-port=0", "--remote-allow-origins=*", s.URL()+"/")
	var said strings.Builder
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // it was killed
		if strings.Contains(said.String(), "CONSOLE") {
			t.Error(said.String())
		}
	}()
	evaluate := inspect(t, profile)
	has := func(text string) func() error {
		return func() error {
			got, err := evaluate(`document.title + document.querySelector("main").innerText + (window.mark || "")`)
			if err == nil && !strings.Contains(got, text) {
				err = fmt.Errorf("no %q in %q", text, got)
			}
			return err
		}
	}
	if err := lab.Poll(sourcetest.Within(t), has("No account.")); err != nil {
		t.Fatal(err)
	}
	if _, err := evaluate(`window.mark = "the same page"`); err != nil {
		t.Fatal(err)
	}
	changed := time.Now()
	lean.Store(1)
	for _, text := range []string{"20 of 21 connections (95.2%) on n1", "1 leaning", "the same page"} {
		if err := lab.Poll(sourcetest.Within(t), has(text)); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("the page has what has changed after %s", time.Since(changed))
}

// inspect makes a function that evaluates an expression in the page of a browser, by its
// debugging port.
func inspect(t *testing.T, profile string) func(expression string) (string, error) {
	t.Helper()
	var ws *websocket.Conn
	if err := lab.Poll(sourcetest.Within(t), func() error {
		port, err := os.ReadFile(filepath.Join(profile, "DevToolsActivePort"))
		if err != nil {
			return err
		}
		at, _, _ := strings.Cut(string(port), "\n")
		resp, err := http.Get("http://127.0.0.1:" + at + "/json")
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		var targets []struct{ Type, WebSocketDebuggerURL string }
		if err := json.NewDecoder(resp.Body).Decode(&targets); err != nil {
			return err
		}
		for _, target := range targets {
			if target.Type == "page" {
				ws, err = websocket.Dial(target.WebSocketDebuggerURL, "", "http://127.0.0.1")
				return err
			}
		}
		return errors.New("no page yet")
	}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ws.Close() })
	id := 0
	return func(expression string) (string, error) {
		id++
		if err := websocket.JSON.Send(ws, map[string]any{"id": id, "method": "Runtime.evaluate", "params": map[string]any{"expression": expression}}); err != nil {
			return "", err
		}
		var answer struct {
			ID     int
			Result struct{ Result struct{ Value string } }
		}
		for answer.ID != id {
			if err := websocket.JSON.Receive(ws, &answer); err != nil {
				return "", err
			}
		}
		return answer.Result.Result.Value, nil
	}
}
