package cli

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"
)

// hostile is a server that lets anybody in, and does as it likes with who asks.
func hostile(t *testing.T, then func(conn net.Conn, reply string)) string {
	t.Helper()
	return connListen(t, func(conn net.Conn) {
		_, _ = io.WriteString(conn, `INFO {"server_id":"X","server_name":"x","version":"2.12.0","proto":1,"max_payload":1048576,"headers":true}`+"\r\n")
		lines := bufio.NewScanner(conn)
		sids := map[string]string{}
		for lines.Scan() {
			word, rest, _ := strings.Cut(lines.Text(), " ")
			switch word {
			case "PING":
				_, _ = io.WriteString(conn, "PONG\r\n")
			case "SUB":
				args := strings.Fields(rest)
				sids[strings.TrimSuffix(args[0], "*")] = args[len(args)-1]
			case "PUB", "HPUB":
				inbox := strings.Fields(rest)[1]
				then(conn, inbox+" "+sids[inbox[:strings.LastIndexByte(inbox, '.')+1]])
				return
			}
		}
	})
}

// What comes over the wire is bounded: each of these took all the memory, or
// ended the program with the status of a critical finding.
func TestHostileServer(t *testing.T) {
	t.Parallel()
	endless := func(conn net.Conn, text string) {
		for {
			if _, err := io.WriteString(conn, text); err != nil {
				return
			}
		}
	}
	for name, c := range map[string]struct {
		then func(net.Conn, string)
		want string
	}{
		"a size beyond memory": {func(conn net.Conn, _ string) {
			_, _ = io.WriteString(conn, "MSG x 1 9223372036854775807\r\nx")
		}, "sends a message of 9223372036854775807 bytes, where none has more than 64 MiB"},
		"a size that overflows": {func(conn net.Conn, _ string) {
			_, _ = io.WriteString(conn, "MSG x 1 18446744073709551621\r\nx")
		}, "sends a message of 18446744073709551621 bytes"},
		"headers of a terabyte": {func(conn net.Conn, _ string) {
			_, _ = io.WriteString(conn, "HMSG x 1 12 1000000000000\r\nx")
		}, "sends a message of 1000000000000 bytes"},
		"more than it says": {func(conn net.Conn, _ string) {
			_, _ = io.WriteString(conn, "MSG x 1 1\r\nxMSG x 1 9223372036854775807\r\nx")
		}, "sends a message that is longer than it says"},
		"an endless line": {func(conn net.Conn, _ string) {
			_, _ = io.WriteString(conn, "INFO ")
			endless(conn, strings.Repeat("x", 1<<16))
		}, "sends a line of more than 1 MiB"},
		"endless short replies": {func(conn net.Conn, reply string) {
			endless(conn, strings.Repeat("MSG "+reply+" 2\r\n{}\r\n", 1<<12))
		}, "sends more than can be read"},
		"endless long replies": {func(conn net.Conn, reply string) {
			endless(conn, "MSG "+reply+" 1048576\r\n"+strings.Repeat("[", 1<<20)+"\r\n")
		}, ""},
		"endless greetings": {func(conn net.Conn, _ string) {
			endless(conn, strings.Repeat("INFO {}\r\n", 1<<14))
		}, "sends greetings and errors without an end"},
		"endless errors": {func(conn net.Conn, _ string) {
			endless(conn, strings.Repeat("-ERR 'Permissions Violation for Publish to \"x\"'\r\n", 1<<12))
		}, "sends greetings and errors without an end"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			at := hostile(t, c.then)
			timeout := "30s"
			if c.want == "" { // read as fast as it comes, or not
				timeout = "2s"
			}
			var out, errs connOutput
			status := Run([]string{"audit", "concentration", "--no-context", "--server", "nats://" + at, "--timeout", timeout}, &out, &errs)
			said := errs.String()
			sure := strings.Contains(said, c.want)
			if name == "endless short replies" { // where they are read as fast as they come, none wait
				sure = sure || strings.Contains(said, "no server answered the roster request within ")
			}
			if status != ExitNotAudited || !strings.Contains(said, at) || !sure {
				t.Errorf("status %d, want %q: %s", status, c.want, said)
			}
		})
	}
}

// One that stops reading keeps nobody longer than --timeout, and an interrupt
// ends it at once.
func TestHostileServerStopsReading(t *testing.T) {
	t.Parallel()
	at := hostile(t, func(conn net.Conn, _ string) {
		for {
			if _, err := io.WriteString(conn, strings.Repeat("PING\r\n", 1<<12)); err != nil {
				return
			}
		}
	})
	start := time.Now()
	var out, errs connOutput
	status := Run([]string{"audit", "concentration", "--no-context", "--server", "nats://" + at, "--timeout", "2s"}, &out, &errs)
	if took := time.Since(start); status != ExitNotAudited || took > 10*time.Second {
		t.Errorf("status %d after %s: %s", status, took, errs.String())
	}
}

func TestActionIsLeftBehind(t *testing.T) {
	t.Parallel()
	stuck := make(chan struct{})
	defer close(stuck)
	ctx, interrupt := context.WithCancel(t.Context())
	h := Host{Context: ctx}.withDefaults()
	never := func(context.Context) error { <-stuck; return nil }
	var left *stuckError
	start := time.Now()
	err := h.action(end{after: func() time.Duration { return 0 }}, never)(nil)
	if took := time.Since(start); !errors.As(err, &left) || took < grace || ExitStatus(err) != ExitNotAudited || !strings.Contains(err.Error(), "--timeout is over") {
		t.Errorf("%v after %s", err, took)
	}
	interrupt()
	if err := h.action(end{}, never)(nil); !errors.As(err, &left) || !strings.Contains(err.Error(), "interrupted") {
		t.Errorf("%v", err)
	}
}

// A bug of ours never looks like a finding.
func TestCrash(t *testing.T) {
	t.Parallel()
	var trace bytes.Buffer
	for _, traced := range []bool{false, true} {
		h := Host{Context: t.Context(), Err: &trace, Trace: func() bool { return traced }}.withDefaults()
		err := h.action(end{}, func(context.Context) error { panic("a b\x1bug") })(nil)
		if ExitStatus(err) != ExitNotAudited || !strings.Contains(sentence(err), "please report") {
			t.Errorf("%v", err)
		}
		if strings.Contains(trace.String(), "TestCrash") != traced {
			t.Errorf("trace %v: %s", traced, trace.String())
		}
	}
}

// One of a goroutine ends the program whatever it does, and not with a status
// that means something.
func TestCrashOfAGoroutine(t *testing.T) {
	t.Parallel()
	if os.Getenv("CRASH_NOW") != "" {
		crashLoudly()
		go func() { panic("bug") }()
		select {}
	}
	cmd := exec.Command(os.Args[0], "-test.run", "^TestCrashOfAGoroutine$")
	cmd.Env = append(os.Environ(), "CRASH_NOW=1", "TMPDIR="+t.TempDir()) // which a crash leaves behind
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() >= 0 && exit.ExitCode() <= ExitNotAudited {
		t.Errorf("%v: %s", err, out)
	}
	if !strings.Contains(fmt.Sprint(string(out)), "panic: bug") {
		t.Errorf("%s", out)
	}
}

// A file that is too large is not read, and one that keeps who reads it keeps
// nobody longer than --timeout.
func TestFilesAreBounded(t *testing.T) {
	t.Parallel()
	h := Host{Context: t.Context(), Timeout: func() time.Duration { return 50 * time.Millisecond }}.withDefaults()
	stuck := make(chan struct{})
	defer close(stuck)
	_, err := reading(t.Context(), h, "--baseline", "x.json", func() (int, error) { <-stuck; return 0, nil })
	if err == nil || !strings.Contains(err.Error(), "--baseline x.json can't be read within 50ms") {
		t.Error(err)
	}
	h.Timeout = func() time.Duration { return time.Minute }
	path := connFile(t, t.TempDir()+"/c.yaml", strings.Repeat("#", 1<<20+1))
	if _, err := h.readRegular(t.Context(), "--config", path, 1<<20); err == nil || !strings.Contains(err.Error(), "has more than 1 MiB") {
		t.Error(err)
	}
	if text, err := h.readRegular(t.Context(), "--config", path, 1<<20+1); err != nil || len(text) != 1<<20+1 {
		t.Errorf("%d bytes, %v", len(text), err)
	}
}

// Nor are those of credentials, keys, certificates and contexts, and no device is.
func TestFilesOfTheLoginAreBounded(t *testing.T) {
	t.Parallel()
	large := connFile(t, filepath.Join(t.TempDir(), "a.json"), strings.Repeat("#", 1<<20+1))
	cases := map[string]string{large: "it has more than 1 MiB"}
	if endless := filepath.Join(t.TempDir(), "z.json"); os.Symlink("/dev/zero", endless) == nil && runtime.GOOS != "windows" {
		cases[endless] = "it is not a regular file"
	}
	for file, want := range cases {
		for _, args := range [][]string{
			{"--creds", file}, {"--nkey", "file://" + file}, {"--jwt", "file://" + file, "--seed", "x"}, {"--jwt", "x", "--seed", "FILE://" + file}, {"--token", "file://" + file},
			{"--tlsca", file}, {"--tlscert", file, "--tlskey", file}, {"--context", file},
		} {
			for _, source := range [][]string{{"--server", "nats://127.0.0.1:1"}, {"--monitor", "https://127.0.0.1:1"}} {
				if source[0] == "--monitor" && !strings.HasPrefix(args[0], "--tls") && args[0] != "--context" {
					continue // it takes none
				}
				var out, errs connOutput
				status := Run(slices.Concat([]string{"audit", "concentration", "--timeout", generous.String()}, source, args), &out, &errs)
				if said := errs.String(); status != ExitNotAudited || strings.Count(said, "\n") != 1 || !strings.Contains(said, want) || args[0] == "--creds" && !strings.Contains(said, file) {
					t.Errorf("%q: status %d: %s", args, status, said)
				}
			}
		}
	}
	l := listenFlags{cert: large, key: large}
	if _, err := l.tls(); err == nil || !strings.Contains(err.Error(), "more than 1,048,576 bytes") {
		t.Error(err)
	}
}

// Not parallel: it sets the environment, and the limit of this process.
func TestMemoryLimit(t *testing.T) {
	before := debug.SetMemoryLimit(-1)
	defer debug.SetMemoryLimit(before)
	for given, want := range map[string]int64{"": memoryLimit, "off": before} {
		t.Setenv("GOMEMLIMIT", given)
		debug.SetMemoryLimit(before)
		var out, errs connOutput
		Run([]string{"--version"}, &out, &errs)
		if n := debug.SetMemoryLimit(-1); n != want {
			t.Errorf("with %q the limit is %d, want %d", given, n, want)
		}
	}
}

// What Go's own runtime refuses ends before the program begins, as the documentation
// says: the unit of Kubernetes is not one of Go's.
func TestMemoryLimitOfOtherSpelling(t *testing.T) {
	t.Parallel()
	for _, given := range []string{"512Mi", "500M", "OFF"} {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^$") //nolint:gosec // this test itself
		cmd.Env = append(os.Environ(), "GOMEMLIMIT="+given)
		out, err := cmd.CombinedOutput()
		if cmd.ProcessState.ExitCode() != 2 || !strings.Contains(string(out), "malformed GOMEMLIMIT") {
			t.Errorf("%s: %v, %s", given, err, out)
		}
	}
}

// An error may repeat all that a server said.
func TestErrorsAreBounded(t *testing.T) {
	t.Parallel()
	for _, columns := range []int{0, 80} {
		if n := len(errorText("the connection closed: "+strings.Repeat("z", 900_000), columns)); n > 2*longestError {
			t.Errorf("%d columns: %d bytes", columns, n)
		}
	}
}
