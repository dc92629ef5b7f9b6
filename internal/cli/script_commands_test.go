package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/nats-io/nats.go"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/nats-balance/nats-balance/internal/lab/tool"
)

// evilName is a name that would do harm to a terminal: it sets the title,
// changes colours, turns the direction of writing and goes back a line.
func evilName(name string) string { return name + "\x1b]0;pwned\x07\x1b[31m\u202e\x08\u009b1A" }

// status runs nats-balance, checks its exit status and what holds always: a
// control character never, and on stderr nothing where there is an output.
func status(ts *testscript.TestScript, workers *workers, want int, args []string) done {
	d := workers.run(ts, args)
	checkHarmless(ts, "stdout", string(d.Stdout))
	checkHarmless(ts, "stderr", string(d.Stderr))
	if d.Status != want {
		ts.Fatalf("exit status %d, want %d", d.Status, want)
	}
	if want != ExitNotAudited && len(d.Stderr) > 0 && !strings.Contains(strings.Join(args, " "), "--trace") {
		ts.Fatalf("stderr is not empty")
	}
	return d
}

func refused(ts *testscript.TestScript, workers *workers, args []string) {
	d := status(ts, workers, ExitNotAudited, args)
	if len(d.Stdout) > 0 {
		ts.Fatalf("stdout is not empty")
	}
	said := string(d.Stderr)
	if !strings.HasPrefix(said, "nats-balance: ") || strings.Index(said, "\n") != len(said)-1 {
		ts.Fatalf("stderr is not one line of nats-balance")
	}
}

func checkHarmless(ts *testscript.TestScript, name, text string) {
	if !utf8.ValidString(text) {
		ts.Fatalf("%s is no valid UTF-8: %q", name, text)
	}
	for _, r := range text {
		if r < ' ' && r != '\n' || r >= 0x7f && r < 0xa0 || r == '\u202e' {
			ts.Fatalf("%s has the character %U: %q", name, r, text)
		}
	}
}

// jsonValue compares a value of the JSON on stdout.
func jsonValue(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: json PATH VALUE")
	}
	d := json.NewDecoder(strings.NewReader(ts.ReadFile("stdout")))
	d.UseNumber()
	var at any
	ts.Check(d.Decode(&at))
	if d.More() {
		ts.Fatalf("more than one JSON document")
	}
	for _, step := range strings.Split(args[0], ".") {
		switch v := at.(type) {
		case map[string]any:
			value, ok := v[step]
			if !ok {
				ts.Fatalf("%s: there is no %q", args[0], step)
			}
			at = value
		case []any:
			if step == "len" {
				at = len(v)
				continue
			}
			i, err := strconv.Atoi(step)
			ts.Check(err)
			if i >= len(v) {
				ts.Fatalf("%s: %d elements", args[0], len(v))
			}
			at = v[i]
		default:
			ts.Fatalf("%s: nothing below %v", args[0], at)
		}
	}
	got := fmt.Sprint(at)
	if at == nil {
		got = "null"
	}
	if (got == args[1]) == neg {
		ts.Fatalf("%s is %s", args[0], got)
	}
}

// processes are what `processes` started for a script.
type processes struct {
	cluster *tool.ProcessCluster
	clients []*nats.Conn
}

// running has the processes of each script.
var running sync.Map

// startProcesses starts real servers, the account ORDERS with 12 connections on
// the first and 2 on the second, and sets P to the URL for the system account.
func startProcesses(ts *testscript.TestScript, _ bool, args []string) {
	n, err := strconv.Atoi(args[0])
	ts.Check(err)
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	ts.Defer(cancel)
	c, err := tool.StartProcessCluster(ctx, n, []string{"ORDERS"}, nil)
	ts.Check(err)
	p := &processes{cluster: c}
	running.Store(ts, p)
	ts.Defer(func() {
		for _, nc := range p.clients {
			nc.Close()
		}
		c.Stop()
	})
	for i, count := range []int{12, 2} {
		for range count {
			nc, err := nats.Connect(c.Processes()[i].URL("ORDERS"), nats.NoReconnect(), nats.Timeout(generous))
			ts.Check(err)
			p.clients = append(p.clients, nc)
		}
	}
	ts.Setenv("P", c.SystemURL())
}

// serverCommand pauses, resumes, stops or kills the process with that number,
// from 1, and waits until the others count so many servers.
func serverCommand(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 3 {
		ts.Fatalf("usage: server pause|resume|stop|kill NUMBER COUNTED")
	}
	started, _ := running.Load(ts)
	p, ok := started.(*processes)
	if !ok {
		ts.Fatalf("no processes")
	}
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	counted, err := strconv.Atoi(args[2])
	ts.Check(err)
	process := p.cluster.Processes()[n-1]
	switch args[0] {
	case "pause":
		err = process.Pause()
	case "resume":
		err = process.Resume()
	case "stop":
		process.Stop()
	case "kill":
		process.Kill()
	default:
		ts.Fatalf("unknown: %s", args[0])
	}
	ts.Check(err)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	ts.Check(p.cluster.WaitCounted(ctx, counted))
}
