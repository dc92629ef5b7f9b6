package system

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/lab"
	"github.com/nats-balance/nats-balance/internal/lab/fleet"
	"github.com/nats-balance/nats-balance/internal/lab/tool"
	"github.com/nats-balance/nats-balance/internal/source"
	"github.com/nats-balance/nats-balance/internal/source/sourcetest"
	"github.com/nats-balance/nats-balance/internal/sysreq"
)

// on calls do once, when the trace has a line with this text.
func on(text string, do func()) func(string, ...any) {
	var once sync.Once
	return func(format string, args ...any) {
		if strings.Contains(fmt.Sprintf(format, args...), text) {
			once.Do(do)
		}
	}
}

func TestIdleServerStopsMidWay(t *testing.T) {
	t.Parallel()
	l := sourcetest.StartLab(t, sourcetest.Three("APP"))
	sourcetest.Clients(t, l, "APP", map[string]int{"C1-n1": 1, "C1-n2": 2})
	// Its roster has just come. It has nothing to report and is asked for its
	// VARZ now, which it can't answer any more: that it is empty is not known.
	o := source.Options{Timeout: sourcetest.Brief(), Trace: on("<<< C1-n3 roster", l.Server("C1-n3").Shutdown)}
	d := audit(t, sourcetest.Connect(t, l.Server("C1-n1").URL(lab.SystemAccount)), o)
	wantCounts(t, "APP", sourcetest.Connections(d, "APP"), map[string]int{"C1/C1-n1": 1, "C1/C1-n2": 2})
	m := sourcetest.OnlyMissing(t, d, "C1", "C1-n3", "answered the roster, but sent no account report")
	if m.ID != l.Server("C1-n3").ID() || m.Bound == nil || *m.Bound != 0 {
		t.Errorf("missing is %+v, want its id and that it had no connection", m)
	}
}

func TestServerStopsMidWay(t *testing.T) {
	t.Parallel()
	l := sourcetest.StartLab(t, sourcetest.Three("APP"))
	sourcetest.Clients(t, l, "APP", map[string]int{"C1-n1": 1, "C1-n2": 2})
	if _, err := l.ConnectRaw(sourcetest.Within(t), lab.RawClients{Account: "APP", Server: l.Server("C1-n3"), Count: 9}); err != nil {
		t.Fatal(err)
	}
	o := source.Options{Timeout: sourcetest.Brief(), Trace: on("<<< C1-n3 roster", l.Server("C1-n3").Shutdown)}
	d := audit(t, sourcetest.Connect(t, l.Server("C1-n1").URL(lab.SystemAccount)), o)
	got := sourcetest.Connections(d, "APP")
	// Its report came before the end, with what it had by then, or not at all.
	if n, reported := got["C1/C1-n3"]; reported {
		sourcetest.Complete(t, d, 3)
		if n > 9 {
			t.Errorf("C1-n3 has %d, it never had more than 9", n)
		}
		delete(got, "C1/C1-n3")
	} else if m := sourcetest.OnlyMissing(t, d, "C1", "C1-n3", "sent no account report"); m.Bound == nil || *m.Bound < 9 {
		t.Errorf("missing is %+v, want that it had up to 9", m)
	}
	wantCounts(t, "APP", got, map[string]int{"C1/C1-n1": 1, "C1/C1-n2": 2})
}

func TestCancelledReturnsAtOnce(t *testing.T) {
	t.Parallel()
	f := startFleet(t, smallFleet)
	f.Silence(3, fleet.Statz)
	nc := sourcetest.Connect(t, f.URL())
	ctx, cancel := context.WithCancel(sourcetest.Within(t))
	var cancelled time.Time
	o := source.Options{Timeout: sourcetest.Long, Progress: func(p source.Progress) {
		if p.Reported == smallFleet.Servers && cancelled.IsZero() { // all but one, and the carrier
			cancelled = time.Now()
			cancel()
		}
	}}
	d, err := gather(ctx, nc, o)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v, %v", d, err)
	}
	if took := time.Since(cancelled); took > sourcetest.Long/3 { // it did not wait; the machine may be busy
		t.Errorf("it took %s to return", took)
	}
	// One that is cancelled before does not wait at all.
	if d, err := gather(ctx, nc, o); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, %v", d, err)
	}
}

func TestNobodyAnswers(t *testing.T) {
	t.Parallel()
	s := sourcetest.StartUnanswering(t)
	started := time.Now()
	d, err := gather(sourcetest.Within(t), sourcetest.Connect(t, s), source.Options{Timeout: 500 * time.Millisecond})
	var silent *source.NoAnswerError
	if !errors.As(err, &silent) || !strings.Contains(err.Error(), "nats://127.0.0.1:") {
		t.Errorf("%v, %v; want that no server answered, and which was asked", d, err)
	}
	if took := time.Since(started); took < 400*time.Millisecond || took > 10*time.Second { // a busy machine may stand still for a while
		t.Errorf("it took %s, not four fifths of half a second", took)
	}
}

func TestConnectionClosedMidWay(t *testing.T) {
	t.Parallel()
	t.Run("after most have answered", func(t *testing.T) {
		t.Parallel()
		f := startFleet(t, smallFleet)
		f.Silence(3, fleet.Statz)
		nc := sourcetest.Connect(t, f.URL())
		started := time.Now()
		o := source.Options{Timeout: sourcetest.Long, Progress: func(p source.Progress) {
			if p.Reported == smallFleet.Servers {
				nc.Close()
			}
		}}
		d := audit(t, nc, o)
		if took := time.Since(started); took > sourcetest.Long/2 {
			t.Errorf("it took %s to notice", took)
		}
		sourcetest.Noted(t, d, "the connection closed before every server had answered")
		m := sourcetest.OnlyMissing(t, d, f.Truth().Servers[3].Cluster, f.Truth().Servers[3].Name, "sent no account report")
		if strings.Contains(m.Reason, "asked twice") {
			t.Errorf("it was asked once: %s", m.Reason)
		}
	})
	t.Run("before any has answered", func(t *testing.T) {
		t.Parallel()
		l := sourcetest.StartLab(t, sourcetest.Three())
		nc := sourcetest.Connect(t, l.SystemURL())
		started := time.Now()
		d, err := gather(sourcetest.Within(t), nc, source.Options{Timeout: sourcetest.Long, Trace: on(">>> "+sysreq.UserInfo, nc.Close)})
		if !errors.Is(err, nats.ErrConnectionClosed) {
			t.Errorf("%v, %v", d, err)
		}
		if d, err := gather(sourcetest.Within(t), nc, source.Options{Timeout: sourcetest.Long}); !errors.Is(err, nats.ErrConnectionClosed) {
			t.Errorf("on a closed connection: %v, %v", d, err)
		}
		if took := time.Since(started); took > sourcetest.Long/2 {
			t.Errorf("it took %s to notice", took)
		}
	})
}

func TestOurServerStopsMidWay(t *testing.T) {
	t.Parallel()
	t.Run("and another is in the list", func(t *testing.T) {
		t.Parallel()
		l := sourcetest.StartLab(t, sourcetest.Three("APP"))
		sourcetest.Clients(t, l, "APP", map[string]int{"C1-n2": 2, "C1-n3": 3})
		urls := l.Server("C1-n1").URL(lab.SystemAccount) + "," + l.Server("C1-n2").URL(lab.SystemAccount)
		nc := sourcetest.Connect(t, urls, nats.DontRandomize(), nats.MaxReconnects(-1))
		o := source.Options{Timeout: sourcetest.Brief(), Trace: on(">>> "+sysreq.AccountStatz, l.Server("C1-n1").Shutdown)}
		d := audit(t, nc, o)
		wantCounts(t, "APP", sourcetest.Connections(d, "APP"), map[string]int{"C1/C1-n2": 2, "C1/C1-n3": 3})
		sourcetest.Noted(t, d, "the connection was lost and came back")
		// It is gone, unless it answered the roster before it went.
		if len(d.Missing) > 0 {
			sourcetest.OnlyMissing(t, d, "C1", "C1-n1", "sent no account report")
		}
	})
	t.Run("and it was the only one in the list", func(t *testing.T) {
		t.Parallel()
		topology := lab.Topology{Clusters: []lab.Cluster{{Servers: 1}}}
		l := sourcetest.StartLab(t, topology)
		nc := sourcetest.Connect(t, l.SystemURL(), nats.MaxReconnects(-1))
		d, err := gather(sourcetest.Within(t), nc, source.Options{Timeout: 500 * time.Millisecond, Trace: on(">>> "+sysreq.UserInfo, l.Server("n1").Shutdown)})
		if err == nil || !strings.Contains(err.Error(), l.Server("n1").Addr()) {
			t.Errorf("%v, %v; want an error that says which server", d, err)
		}
	})
	t.Run("after some have answered, and does not come back", func(t *testing.T) {
		t.Parallel()
		var d *checks.Deployment
		for range 3 {
			l := sourcetest.StartLab(t, lab.Topology{Clusters: []lab.Cluster{{Servers: 1}}})
			// A server that never reports keeps the gathering going.
			sourcetest.Pretend(t, l, sourcetest.Puppet{ID: "P", Name: "p", Cluster: "C", Roster: sourcetest.Always(sourcetest.Statsz(`"connections":7`))})
			nc := sourcetest.Connect(t, l.SystemURL(), nats.MaxReconnects(-1))
			var once sync.Once
			var stopped sync.WaitGroup
			o := source.Options{Timeout: sourcetest.Patient(), Progress: func(p source.Progress) {
				if p.Reported == 1 { // whoever gathers does not wait for it: that may take seconds
					once.Do(func() { stopped.Go(l.Server("n1").Shutdown) })
				}
			}}
			d = audit(t, nc, o)
			stopped.Wait()
			if len(d.Missing) == 2 {
				break
			}
			// It stops while it answers for the last time, and nothing tells that it is gone.
		}
		for name, reason := range map[string]string{"p": "answered the roster, but sent no account report", "n1": "did not answer any more"} {
			if m := missingOf(t, d, name); !strings.Contains(m.Reason, reason) || m.Kind != checks.Silent {
				t.Errorf("missing %+v, want %q", m, reason)
			}
		}
		sourcetest.Noted(t, d, "the connection was lost and did not come back")
	})
}

// waitHung returns when a paused process greets nobody any more: a signal takes
// some milliseconds to arrive.
func waitHung(t *testing.T, p *tool.Process) {
	t.Helper()
	for sourcetest.Within(t).Err() == nil {
		conn, err := net.Dial("tcp", strings.TrimPrefix(p.ClientURL(), "nats://"))
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
		_, err = conn.Read(make([]byte, 1))
		conn.Close()
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return
		}
	}
	t.Fatal("the process does not pause")
}

func TestServerProcessThatHangs(t *testing.T) {
	t.Parallel()
	c, err := tool.StartProcessCluster(sourcetest.Within(t), 3, []string{"APP"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Stop)
	n1, n2, n3 := c.Processes()[0], c.Processes()[1], c.Processes()[2]
	for _, p := range []*tool.Process{n1, n3, n3} {
		nc := sourcetest.Connect(t, p.URL("APP"), nats.NoReconnect())
		if err := nc.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	urls := n1.URL(lab.SystemAccount) + "," + n2.URL(lab.SystemAccount)
	nc := sourcetest.Connect(t, urls, nats.DontRandomize(), nats.MaxReconnects(-1))
	all := map[string]int{"P/P-n1": 1, "P/P-n2": 0, "P/P-n3": 2}
	wantCounts(t, "APP", sourcetest.Connections(auditAll(t, nc, 3), "APP"), all)

	if err := n3.Pause(); errors.Is(err, tool.ErrPauseUnsupported) {
		t.Skip(err)
	} else if err != nil {
		t.Fatal(err)
	}
	waitHung(t, n3)
	started := time.Now()
	d := audit(t, nc, source.Options{Timeout: sourcetest.Brief()}) // checks that it is not late
	if took := time.Since(started); took < sourcetest.Brief()*4/5 {
		t.Errorf("it gave up after %s, before its time", took)
	}
	m := sourcetest.OnlyMissing(t, d, "P", "P-n3", "has a route to it, but it did not answer within ", "s, asked twice")
	if m.Bound != nil || d.Expected != 3 {
		t.Errorf("missing %+v of %d: what it has is not known", m, d.Expected)
	}
	wantCounts(t, "APP", sourcetest.Connections(d, "APP"), map[string]int{"P/P-n1": 1, "P/P-n2": 0})

	if err := n3.Resume(); err != nil {
		t.Fatal(err)
	}
	wantCounts(t, "APP, after it woke up", sourcetest.Connections(auditAll(t, nc, 3), "APP"), all)

	// The one that we are connected to is killed: the others go on counting it.
	d = audit(t, nc, source.Options{Timeout: sourcetest.Brief(), Trace: on(">>> "+sysreq.AccountStatz, n1.Kill)})
	wantCounts(t, "APP, after the kill", sourcetest.Connections(d, "APP"), map[string]int{"P/P-n2": 0, "P/P-n3": 2})
	sourcetest.Noted(t, d, "the connection was lost and came back")
	if len(d.Missing) != 1 || d.Expected != 3 {
		t.Errorf("missing %s of %d expected, want the one that was killed", sourcetest.ShowMissing(d), d.Expected)
	}
}
