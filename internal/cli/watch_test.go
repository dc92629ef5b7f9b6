package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/internal/lab"
	"github.com/nats-balance/nats-balance/internal/source/sourcetest"
)

// shows waits until something was printed.
func shows(t *testing.T, out, errs *watched, text string) {
	t.Helper()
	err := lab.Poll(sourcetest.Within(t), func() error {
		if !strings.Contains(out.String(), text) {
			return fmt.Errorf("no %q in %s%s", text, out.String(), errs.String())
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestWatch: clients of ORDERS are pushed onto n1 while n2 restarts, and it is said,
// recorded and read back, also by a watch that starts again.
func TestWatch(t *testing.T) {
	t.Parallel()
	l := sourcetest.StartLab(t, sourcetest.Three("ORDERS"))
	sourcetest.Clients(t, l, "ORDERS", map[string]int{"C1-n1": 4, "C1-n2": 4, "C1-n3": 4})
	dir := filepath.Join(t.TempDir(), "kept")
	system := l.Server("C1-n1").URL(lab.SystemAccount)
	watch := func(args ...string) (out, errs *watched, stop func()) {
		out, errs = &watched{}, &watched{}
		ctx, interrupt := context.WithCancel(t.Context())
		ended := make(chan int, 1)
		go func() {
			ended <- runHere(ctx, out, errs, append([]string{"watch", "--no-context", "--server", system, "--store", dir, "--for", "1s"}, args...)...)
		}()
		return out, errs, func() {
			t.Helper()
			from := time.Now()
			interrupt()
			if status := <-ended; status != 0 || errs.String() != "" {
				t.Errorf("exit status %d: %s", status, errs.String())
			}
			if took := time.Since(from); took > 5*time.Second {
				t.Errorf("it stopped after %s", took)
			}
		}
	}
	read := func(args ...string) string {
		t.Helper()
		var out, errs watched
		if status := runHere(t.Context(), &out, &errs, append([]string{"history", "--store", dir}, args...)...); status != 0 || errs.String() != "" {
			t.Errorf("history %q: exit status %d: %s", args, status, errs.String())
		}
		return out.String()
	}
	out, errs, stop := watch()
	shows(t, out, errs, "watching 3 servers in 1 cluster: 12 connections of 1 account")
	if err := lab.Poll(sourcetest.Within(t), func() error { // it is written a moment after it is said
		if h := read(); !strings.Contains(h, "no account was above the threshold") {
			return errors.New(h)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	n2 := l.Server("C1-n2")
	n2.Shutdown()
	shows(t, out, errs, "server C1-n2 (C1) shut down")
	if err := n2.Start(sourcetest.Within(t)); err != nil {
		t.Fatal(err)
	}
	shows(t, out, errs, "server C1-n2 (C1) started")
	api, err := l.Connect(sourcetest.Within(t), lab.Clients{Account: "ORDERS", Server: l.Server("C1-n1"), Count: 30, Name: "orders-api-7"})
	if err != nil {
		t.Fatal(err)
	}
	shows(t, out, errs, "ORDERS (C1) leans: ")
	shows(t, out, errs, "of orders-api to C1-n1")
	shows(t, out, errs, "FINDING ORDERS (C1): ")
	for when := range 2 { // while it is recorded, and after
		h := read("--account", "ORDERS")
		for _, want := range []string{"ORDERS (C1)  FINDING, since ", "before:", "then:", "server C1-n2 (C1) shut down", "server C1-n2 (C1) started", "of orders-api to C1-n1"} {
			if !strings.Contains(h, want) {
				t.Errorf("%d: no %q in %s", when, want, h)
			}
		}
		// Whether it leans is known until a watch was last there.
		if ended := strings.Contains(h, "No watch records now") && strings.Contains(h, ", last known at "); ended != (when > 0) {
			t.Errorf("%d: that it ended is not what is said: %s", when, h)
		}
		if when == 0 {
			stop()
		}
	}
	if page := read("--format", "html"); !strings.Contains(page, "<polyline") || !strings.Contains(page, "C1-n2 shut down") {
		t.Error(page)
	}
	// A watch that starts again goes on where the other stopped.
	out, errs, stop = watch("--json")
	shows(t, out, errs, `"change":"watching"`)
	kick(t, system, api.Conns()[0])
	if err := l.CloseClients(sourcetest.Within(t), "ORDERS"); err != nil {
		t.Fatal(err)
	}
	shows(t, out, errs, `"change":"back"`)
	stop()
	for text := range strings.Lines(out.String()) {
		var line struct{ Type, Change string }
		if err := json.Unmarshal([]byte(text), &line); err != nil || line.Type != "nats-balance.v1.change" || line.Change == "crossed" {
			t.Errorf("%s: %v", text, err)
		}
	}
	var doc struct {
		Kicked   []struct{ Connections int }
		Episodes []struct {
			Finding bool
			Began   time.Time
			Ended   *time.Time
			Seen    bool `json:"began_seen"`
		}
	}
	kept := read("--json")
	if err := json.Unmarshal([]byte(kept), &doc); err != nil || len(doc.Episodes) != 1 || !doc.Episodes[0].Finding || doc.Episodes[0].Ended == nil || !doc.Episodes[0].Seen {
		t.Errorf("%+v, %v: %s", doc, err, kept)
	}
	// It was stopped while it still counted who is kicked.
	if len(doc.Kicked) != 1 || doc.Kicked[0].Connections != 1 {
		t.Errorf("one connection was kicked: %s", kept)
	}
}

// kick has a server close a client's connection.
func kick(t *testing.T, system string, client *nats.Conn) {
	t.Helper()
	id, err := client.GetClientID()
	if err != nil {
		t.Fatal(err)
	}
	nc := sourcetest.Connect(t, system)
	if _, err := nc.RequestWithContext(sourcetest.Within(t), "$SYS.REQ.SERVER."+client.ConnectedServerId()+".KICK", fmt.Appendf(nil, `{"cid":%d}`, id)); err != nil {
		t.Fatal(err)
	}
}

// What watch and history refuse, they refuse with a sentence that says what to pass.
func TestWatchUsage(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for args, want := range map[string]string{
		"watch --for 2x":                               `--for is "2x": pass a duration from 0s to 7d`,
		"watch --reconcile 1s":                         "pass a duration from 10s to 1d",
		"watch --keep 1s":                              "--keep",
		"watch --keep-bytes 5":                         "pass a size of 1MiB or more",
		"watch --keep-bytes GB":                        "pass a size",
		"watch --store-replicas 9":                     "1 to 5",
		"watch --threshold 100":                        "threshold is 100",
		"watch --store x --no-store":                   "pass one of them",
		"history --since 0s":                           "--since",
		"history --format csv":                         "--format",
		"history --store DIR":                          "has no history: run nats-balance watch",
		"history --store ./no-such-directory/anywhere": "has no history",
	} {
		var out, errs watched
		words := strings.Fields(args)
		if at := slices.Index(words, "DIR"); at >= 0 { // whose path may have spaces
			words[at] = dir
		}
		if status := runHere(t.Context(), &out, &errs, words...); status != ExitNotAudited || out.String() != "" || !strings.Contains(errs.String(), want) {
			t.Errorf("%s: exit status %d, %q, %q", args, status, out.String(), errs.String())
		}
	}
}

// A watch audits nothing, and says so where it was interrupted before it began.
func TestWatchInterruptedAtOnce(t *testing.T) {
	t.Parallel()
	ctx, interrupt := context.WithCancel(t.Context())
	interrupt()
	var out, errs watched
	runHere(ctx, &out, &errs, "watch", "--no-context", "--store", t.TempDir())
	if said := errs.String(); !strings.Contains(said, "interrupted before anything was watched") || strings.Contains(said, "audited") {
		t.Error(said)
	}
}

// Flags of what watch serves that can't work together are refused before it connects.
func TestListenFlags(t *testing.T) {
	t.Parallel()
	for what, c := range map[string]struct {
		flags listenFlags
		want  string
	}{
		"none":                 {listenFlags{}, ""},
		"an address":           {listenFlags{address: ":9222"}, ""},
		"with a user":          {listenFlags{address: ":9222", user: "u", password: "p:w"}, ""},
		"with TLS":             {listenFlags{address: ":9222", cert: "c", key: "k", ca: "a"}, ""},
		"a password for later": {listenFlags{password: "p"}, ""},
		"a user alone":         {listenFlags{user: "u", password: "p"}, "pass --listen too"},
		"no password":          {listenFlags{address: ":9222", user: "u"}, "NATS_BALANCE_LISTEN_PASSWORD, belong together"},
		"no user":              {listenFlags{address: ":9222", password: "p"}, "NATS_BALANCE_LISTEN_PASSWORD, belong together"},
		"the password with it": {listenFlags{address: ":9222", user: "u:hunter2", password: "p"}, "--listen-user has a colon"},
		"no key":               {listenFlags{address: ":9222", cert: "c"}, "--listen-tlskey belong together"},
		"authorities alone":    {listenFlags{address: ":9222", ca: "a"}, "--listen-tlsca needs TLS"},
	} {
		err := c.flags.validate()
		if (err == nil) != (c.want == "") || err != nil && (!strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "hunter2")) {
			t.Errorf("%s: %v, want %q", what, err, c.want)
		}
	}
}

// A store is not given by a URL, which would be taken for a directory.
func TestStoreIsNoURL(t *testing.T) {
	t.Parallel()
	for _, command := range []string{"watch", "history"} {
		var out, errs bytes.Buffer
		status := Run([]string{command, "--no-context", "--store", "nats://u:hunter2@h"}, &out, &errs)
		if status != ExitNotAudited || !strings.HasPrefix(errs.String(), "nats-balance: --store is a URL: pass a directory") || strings.Contains(errs.String(), "hunter2") {
			t.Errorf("%s: %d, %s", command, status, errs.String())
		}
	}
}
