// Package bench measures the audit as its users meet it: the program as a
// process of its own, against a simulated fleet in another process. The
// yardsticks are a process that takes the same replies and throws them away,
// and the nats CLI's `server report accounts`. docs/performance.md says how to
// run it and has the figures.
//
// Nothing here fails on a time. An audit that is wrong fails at once: its time
// would mean nothing. There is no code but in tests, so nothing can import it.
package bench

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/internal/lab/fleet"
	"github.com/nats-balance/nats-balance/internal/source/sourcetest"
)

// helperEnv makes the test binary one of the helpers instead of a test.
const helperEnv = "NATS_BALANCE_BENCH_HELPER"

// interrupted ends when the test binary is interrupted: then the processes end
// and the files go, as after any failure.
var interrupted context.Context

func TestMain(m *testing.M) {
	switch os.Getenv(helperEnv) {
	case "fleet":
		os.Exit(helped(fleetHelper(os.Stdin, os.Stdout, os.Args[1])))
	case "drain":
		os.Exit(helped(drainHelper(os.Stdout, os.Args[1], os.Args[2])))
	}
	var stop func()
	interrupted, stop = signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	sourcetest.SideBySide(16)
	status := m.Run()
	stop()
	if program.dir != "" {
		_ = os.RemoveAll(program.dir)
	}
	os.Exit(status)
}

func helped(err error) int {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// fleetFacts is what the fleet helper says of its fleet.
type fleetFacts struct {
	URL         string
	Servers     int // that report: the carrier is one of them
	Accounts    int // with a client or a leafnode
	Connections int
	Leafnodes   int
	Rows        int // pairs of a server and an account that it reports
	Skewed      []fleet.Skew
	Plain       int64 // bytes of one round of account reports
	Packed      int64
}

// fleetHelper runs a fleet of the size in the argument, writes its facts as a
// line of JSON, and ends when its standard input does: with the process that
// started it, however that ends.
func fleetHelper(in io.Reader, out io.Writer, arg string) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var size fleet.Size
	if err := json.Unmarshal([]byte(arg), &size); err != nil {
		return err
	}
	f, err := fleet.Start(ctx, size)
	if err != nil {
		return err
	}
	defer f.Stop()
	if err := json.NewEncoder(out).Encode(factsOf(f)); err != nil {
		return err
	}
	orders := json.NewDecoder(in)
	answers := json.NewEncoder(out)
	for {
		var o order
		if err := orders.Decode(&o); err != nil {
			return nil //nolint:nilerr // the other process is done, however that came
		}
		if err := answers.Encode(o.follow(ctx, f)); err != nil {
			return err
		}
	}
}

// order is what a fleet is to have its servers say, and for how long.
type order struct {
	For     time.Duration
	Counts  bool   // of every account, as servers do every 30 seconds
	Changes int    // clients that come, and as many that leave, a second
	Probe   string // an account that leans for 1.5 seconds, every 3 seconds
}

// followed is what it did.
type followed struct {
	Counts, Changes int
	Probes          []time.Time // when an account began to lean
}

func (o order) follow(ctx context.Context, f *fleet.Fleet) (done followed) {
	ctx, cancel := context.WithTimeout(ctx, o.For)
	defer cancel()
	var at sync.WaitGroup
	if o.Counts {
		at.Go(func() { done.Counts = f.Counts(ctx) })
	}
	if o.Changes > 0 {
		at.Go(func() { done.Changes = f.Change(ctx, o.Changes) })
	}
	if o.Probe != "" {
		at.Go(func() {
			for ctx.Err() == nil {
				done.Probes = append(done.Probes, f.Probe(o.Probe, 20))
				time.Sleep(1500 * time.Millisecond)
				f.Probe(o.Probe, 0)
				time.Sleep(1500 * time.Millisecond)
			}
		})
	}
	<-ctx.Done()
	at.Wait()
	return done
}

func factsOf(f *fleet.Fleet) fleetFacts {
	truth := f.Truth()
	facts := fleetFacts{URL: f.URL(), Servers: len(truth.Servers) + 1, Skewed: truth.Skewed}
	seen := make([]bool, len(truth.Accounts))
	for _, s := range truth.Servers {
		facts.Connections += s.Connections
		facts.Leafnodes += s.Leafnodes
		facts.Rows += len(s.Accounts)
		for _, row := range s.Accounts {
			if !seen[row.Account] {
				seen[row.Account] = true
				facts.Accounts++
			}
		}
	}
	facts.Plain, facts.Packed = f.Bytes()
	return facts
}

// drained is what the drain helper did.
type drained struct {
	Replies int
	Bytes   int64
	Inner   time.Duration // from the request to the last reply
}

// drainHelper asks for the account reports as the audit does, takes what comes
// and throws it away: the least that any client of nats.go can do.
func drainHelper(out io.Writer, url, servers string) error {
	want, err := strconv.Atoi(servers)
	if err != nil {
		return err
	}
	failed := make(chan error, 16)
	fail := func(err error) {
		select {
		case failed <- err:
		default:
		}
	}
	nc, err := nats.Connect(url, nats.Name("drain"), nats.NoReconnect(),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) { fail(errors.Join(nats.ErrDisconnected, err)) }),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { fail(err) }))
	if err != nil {
		return err
	}
	defer nc.Close()
	var d drained
	done := make(chan struct{})
	req := nats.NewMsg("$SYS.REQ.ACCOUNT.PING.STATZ")
	req.Reply = nc.NewInbox()
	req.Header.Set("Accept-Encoding", "snappy")
	sub, err := nc.Subscribe(req.Reply, func(m *nats.Msg) {
		d.Replies++
		d.Bytes += int64(len(m.Data))
		if d.Replies == want {
			close(done)
		}
	})
	if err == nil {
		err = sub.SetPendingLimits(-1, -1)
	}
	if err != nil {
		return err
	}
	start := time.Now()
	if err := nc.PublishMsg(req); err != nil {
		return err
	}
	select {
	case <-done:
	case err := <-failed:
		return err
	case <-time.After(time.Minute):
		return errors.New("not every server answered within a minute")
	}
	d.Inner = time.Since(start)
	w := bufio.NewWriter(out)
	if err := json.NewEncoder(w).Encode(d); err != nil {
		return err
	}
	return w.Flush()
}
