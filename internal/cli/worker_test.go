package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/rogpeppe/go-internal/testscript"
)

// workerName is the program of a [worker]: nats-balance that runs one command
// after another. To start a process costs more than most commands do, and the
// scripts run some five hundred.
const workerName = "nats-balance-worker"

// order is a command for a worker; done is how it ended.
type (
	order struct {
		Args, Env []string
		Dir       string
	}
	done struct {
		Status         int
		Stdout, Stderr []byte
	}
)

// work runs the commands that its standard input asks for, each as a process of
// its own would: with its environment, its folder, and nothing to read.
func work() error {
	orders, replies := json.NewDecoder(os.Stdin), json.NewEncoder(os.Stdout)
	null, err := os.Open(os.DevNull)
	if err != nil {
		return err
	}
	os.Stdin = null
	for {
		var o order
		if err := orders.Decode(&o); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		os.Clearenv()
		for _, e := range o.Env {
			name, value, _ := strings.Cut(e, "=")
			if err := os.Setenv(name, value); err != nil {
				return err
			}
		}
		if err := os.Chdir(o.Dir); err != nil {
			return err
		}
		var stdout, stderr bytes.Buffer
		status := Run(o.Args, &stdout, &stderr)
		if err := replies.Encode(done{status, stdout.Bytes(), stderr.Bytes()}); err != nil {
			return err
		}
	}
}

// worker is such a program under way.
type worker struct {
	cmd     *exec.Cmd
	in      io.Closer
	orders  *json.Encoder
	replies *json.Decoder
}

func startWorker() (*worker, error) {
	cmd := exec.Command(workerName)
	cmd.Stderr = os.Stderr // where it panics
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return &worker{cmd, in, json.NewEncoder(in), json.NewDecoder(out)}, nil
}

func (w *worker) do(o order) (d done, err error) {
	if err := w.orders.Encode(o); err != nil {
		return d, err
	}
	return d, w.replies.Decode(&d)
}

// stop ends the worker. A command that is under way has a time-out of its own.
func (w *worker) stop() {
	w.in.Close()
	_ = w.cmd.Wait() // it has panicked where everybody reads it, or has not
}

// workers has the worker of each script, by its folder.
type workers struct {
	names []string // of variables that scripts set
	all   sync.Map
}

// scripted is the worker of one script.
type scripted struct {
	names []string // of what may be in its environment
	*worker
}

// setsVariable is a line of a script that sets a variable.
var setsVariable = regexp.MustCompile(`(?m)^env (\w+)=`)

// newWorkers reads which variables the scripts set besides those of their
// environment: testscript says what one is, but not which there are.
func newWorkers(dir string) (*workers, error) {
	w := &workers{}
	files, err := filepath.Glob(filepath.Join(dir, "*.txtar"))
	if err != nil {
		return nil, err
	}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		for _, m := range setsVariable.FindAllSubmatch(text, -1) {
			w.names = append(w.names, string(m[1]))
		}
	}
	return w, nil
}

// setUp has a worker started for a script with that environment.
func (all *workers) setUp(e *testscript.Env) error {
	worker, err := startWorker()
	if err != nil {
		return err
	}
	e.Defer(worker.stop)
	s := &scripted{slices.Clone(all.names), worker}
	for _, v := range e.Vars {
		name, _, _ := strings.Cut(v, "=")
		s.names = append(s.names, name)
	}
	slices.Sort(s.names)
	s.names = slices.Compact(s.names)
	all.all.Store(e.WorkDir, s)
	return nil
}

// run runs nats-balance with these arguments in the script's folder: in a process
// of its own where the standard input or output has to be the script's.
func (all *workers) run(ts *testscript.TestScript, args []string) (d done) {
	if slices.ContainsFunc(args, func(arg string) bool { return arg == "-" || arg == "/dev/stdout" || strings.HasSuffix(arg, "=-") }) {
		if err := ts.Exec("nats-balance", args...); err != nil {
			var exit *exec.ExitError
			if !errors.As(err, &exit) {
				ts.Fatalf("nats-balance did not run: %v", err)
			}
			d.Status = exit.ExitCode()
		}
		d.Stdout, d.Stderr = []byte(ts.ReadFile("stdout")), []byte(ts.ReadFile("stderr"))
		return d
	}
	found, _ := all.all.Load(ts.Getenv("WORK"))
	s, ok := found.(*scripted)
	if !ok {
		ts.Fatalf("the script has no worker")
	}
	o := order{Args: args, Dir: ts.MkAbs(".")}
	for _, name := range s.names {
		if value := ts.Getenv(name); value != "" {
			o.Env = append(o.Env, name+"="+value)
		}
	}
	d, err := s.do(o)
	ts.Check(err)
	_, _ = ts.Stdout().Write(d.Stdout) // kept in memory for the script
	_, _ = ts.Stderr().Write(d.Stderr)
	return d
}
