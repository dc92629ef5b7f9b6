//go:build unix

package natsconn

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nkeys"
)

// programs puts programs of these scripts first in the path.
func programs(t *testing.T, scripts map[string]string) {
	t.Helper()
	folder := t.TempDir()
	for name, text := range scripts {
		if err := os.WriteFile(filepath.Join(folder, name), []byte("#!/bin/sh\n"+text), 0o700); err != nil { //nolint:gosec // it is a program
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", folder+":"+os.Getenv("PATH"))
}

func TestCredentialsOfPrograms(t *testing.T) {
	pair, err := nkeys.CreateUser()
	if err != nil {
		t.Fatal(err)
	}
	seed, err := pair.Seed()
	if err != nil {
		t.Fatal(err)
	}
	creds := filepath.Join(t.TempDir(), "u.creds")
	programs(t, map[string]string{
		"op": fmt.Sprintf(`case "$2" in
op://v/seed) printf %%s %q;; op://v/text) printf %%s S3cretPart0fIt;; op://v/long) head -c 2000000 /dev/zero;; *) echo "no item $2 S3cretPart0fIt" >&2; exit 1;; esac`, string(seed)),
		"nsc": fmt.Sprintf(`echo '{"user_creds": "%s"}'`, creds),
	})
	base := Settings{NoContext: true, Servers: "nats://h", Timeout: 5 * time.Second}
	for name, c := range map[string]struct {
		set  func(*Settings)
		fail string
	}{
		"a password":          {func(s *Settings) { s.User, s.Password = "u", "op://v/text" }, ""},
		"a token":             {func(s *Settings) { s.Token = "OP://v/text" }, ""},
		"a seed file":         {func(s *Settings) { s.NKey = "op://v/seed" }, ""},
		"no item":             {func(s *Settings) { s.NKey = "op://v/none" }, "nkey op://v/none: can't be used (op failed: no item op://v/none"},
		"too much":            {func(s *Settings) { s.Token = "op://v/long" }, "op prints more than"},
		"no such creds":       {func(s *Settings) { s.Creds = "nsc://O/A/U" }, "creds nsc://O/A/U: can't be read (no such file"},
		"not of another kind": {func(s *Settings) { s.User, s.Password, s.Creds = "u", "op://v/text", "nsc://O/A/U" }, ""},
	} {
		s := base
		c.set(&s)
		l, err := s.login(t.Context())
		switch {
		case c.fail == "" && err != nil, c.fail != "" && (err == nil || !strings.Contains(err.Error(), c.fail)):
			t.Errorf("%s: %v, want %q", name, err, c.fail)
		case err == nil && strings.Contains(l.redact("it is S3cretPart0fIt "+string(seed)), "S3cret") && s.NKey == "":
			t.Errorf("%s: it is not hidden", name)
		case s.Password != "" && l.options.Password != "S3cretPart0fIt", s.Token != "" && err == nil && l.options.Token != "S3cretPart0fIt":
			t.Errorf("%s: %q %q", name, l.options.Password, l.options.Token)
		}
	}
}

// A context may name a user of nsc, which then says where the servers are too.
// A flag is taken before what nsc says.
func TestContextOfNSC(t *testing.T) {
	creds := filepath.Join(t.TempDir(), "u.creds")
	programs(t, map[string]string{"nsc": fmt.Sprintf(`[ "$*" = "generate profile nsc://O/A/U" ] && echo '{"user_creds": "%s", "operator": {"service": ["nats://a", "nats://b"]}}'`, creds)})
	for text, want := range map[string]string{
		`{"nsc": "nsc://O/A/U"}`:                    "nats://a,nats://b " + creds,
		`{"nsc": "O/A/U"}`:                          "nats://a,nats://b " + creds,
		`{"nsc": "O/A/U", "url": "nats://c"}`:       "nats://c " + creds,
		`{"nsc": "O/A/none"}`:                       `context "CONTEXT" can't be loaded (nsc failed: exit status 1)`,
		`{"nsc": "O/A/U", "creds": "/etc/a.creds"}`: `context "c" has credentials of different kinds, creds and nsc`,
	} {
		file := filepath.Join(t.TempDir(), "c.json")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		s := Settings{Context: file, Timeout: 20 * time.Second}
		var got string
		if c, err := s.load(t.Context()); err != nil {
			got = strings.ReplaceAll(err.Error(), file, "CONTEXT")
		} else {
			got = c.ServerURL() + " " + c.Creds()
			s.Servers, s.Creds, s.Passed.Creds = "nats://d", "/etc/b.creds", true
			if c, err := s.load(t.Context()); err != nil || c.ServerURL() != "nats://d" || c.Creds() != "/etc/b.creds" {
				t.Errorf("%s: %v, %v", text, c, err)
			}
		}
		if !strings.HasPrefix(got, want) {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}

// A program ends with the time-out, and so does all that it started, whoever names
// it. What it leaves behind ends with it too.
func TestProgramEndsWithItsGroup(t *testing.T) {
	folder := t.TempDir()
	file := filepath.Join(folder, "c.json")
	if err := os.WriteFile(file, []byte(`{"nsc": "O/A/U"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		program string
		s       Settings
		ends    string
	}{
		"op":                    {"op", Settings{NoContext: true, Servers: "nats://h", Token: "op://v/i"}, "wait"},
		"nsc":                   {"nsc", Settings{Context: file}, "wait"},
		"op that leaves some":   {"op", Settings{NoContext: true, Servers: "nats://127.0.0.1:1", Token: "op://v/i"}, "echo s3cret"},
		"op whose child prints": {"op", Settings{NoContext: true, Servers: "nats://127.0.0.1:1", Token: "op://v/i"}, "sleep 600 & echo s3cret"},
	} {
		t.Run(name, func(t *testing.T) {
			pid := filepath.Join(folder, name)
			programs(t, map[string]string{c.program: "sleep 600 >/dev/null 2>&1 & echo $! > '" + pid + "'; " + c.ends})
			c.s.Timeout = time.Minute
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			done := make(chan error, 1)
			go func() {
				_, err := c.s.Connect(ctx, func(string, ...any) {})
				done <- err
			}()
			var child int
			for deadline := time.Now().Add(20 * time.Second); child == 0 && time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
				text, _ := os.ReadFile(pid) // not there yet
				child, _ = strconv.Atoi(strings.TrimSpace(string(text)))
			}
			if c.ends == "wait" {
				cancel()
				if err := <-done; !errors.Is(err, context.Canceled) {
					t.Error(err)
				}
			}
			for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
				state, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", child))
				if gone := syscall.Kill(child, 0) != nil; child > 0 && (gone || strings.Contains(string(state), ") Z ")) {
					return
				}
				if time.Now().After(deadline) {
					t.Fatalf("%d is left behind", child)
				}
			}
		})
	}
}
