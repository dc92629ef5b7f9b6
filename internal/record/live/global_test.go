package live

import (
	"bufio"
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/lab"
	"github.com/nats-balance/nats-balance/internal/record"
	"github.com/nats-balance/nats-balance/internal/source/sourcetest"
	"github.com/nats-balance/nats-balance/internal/wire"
)

// Clients connect, which the global account has until they have logged in to their own, just
// as a server is asked for what it has of it: it does not lean, and nothing of it stays.
func TestConnectionsThatLogIn(t *testing.T) {
	t.Parallel()
	l := sourcetest.StartLab(t, sourcetest.Three("ORDERS"))
	n1 := l.Server("C1-n1")
	f := follow(t, l.SystemURL, record.Settings{Reconcile: time.Hour})
	f.kind(record.Watching)
	if _, err := nats.Connect(n1.URL(""), nats.UserInfo("nobody", "wrong")); err == nil { // of which servers send an event
		t.Fatal("logged in")
	}
	for _, at := range []time.Duration{0, 700 * time.Millisecond} {
		time.Sleep(at)
		var conns []net.Conn
		for range 12 {
			conn, err := lab.Dialer(sourcetest.Within(t)).Dial("tcp", n1.Addr())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if _, err := bufio.NewReader(conn).ReadString('\n'); err != nil {
				t.Fatal(err)
			}
			conns = append(conns, conn)
		}
		time.Sleep(800 * time.Millisecond)
		for _, conn := range conns {
			if _, err := fmt.Fprintf(conn, "CONNECT {\"user\":%q,\"pass\":%q}\r\nPING\r\n", lab.UserOf("ORDERS"), lab.Password); err != nil {
				t.Fatal(err)
			}
		}
	}
	began := time.Now()
	if err := lab.Poll(sourcetest.Within(t), func() error {
		if n := n1.Connections("$G"); n != 0 {
			return fmt.Errorf("%d have not logged in", n)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	f.truth(l, "$G", "ORDERS")
	if took := time.Since(began); took > 2500*time.Millisecond {
		t.Errorf("it took %s", took)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range f.all {
		if c.Spread != nil && c.Spread.Account.ID == checks.GlobalAccount {
			t.Errorf("%s: %+v", c.Kind, c.Spread)
		}
	}
}

// Nobody has accounts, so that all are in the global one, of which some come and leave all the
// time. Most connect to one server: that is noticed. A busy machine may stand still once.
func TestAllAreInTheGlobalAccount(t *testing.T) {
	t.Parallel()
	var late, took time.Duration
	for range 3 {
		if late, took = inTheGlobalAccount(t); late <= 3500*time.Millisecond && took <= 2500*time.Millisecond {
			return
		}
	}
	t.Errorf("noticed after %s, and the matrix is right after %s", late, took)
}

// inTheGlobalAccount is how long it takes until that is noticed, and until the matrix is
// right once nobody comes and leaves any more.
func inTheGlobalAccount(t *testing.T) (late, took time.Duration) {
	t.Helper()
	l := sourcetest.StartLab(t, sourcetest.Three("$G"))
	sourcetest.Clients(t, l, "$G", map[string]int{"C1-n1": 4, "C1-n2": 4, "C1-n3": 4})
	f := follow(t, l.SystemURL, record.Settings{Reconcile: time.Hour})
	f.kind(record.Watching)
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			for _, s := range l.Servers() {
				if nc, err := nats.Connect(s.URL("$G")); err == nil {
					nc.Close()
				}
			}
			select {
			case <-stop:
				return
			case <-time.After(50 * time.Millisecond):
			}
		}
	}()
	time.Sleep(time.Second)
	for range 40 {
		nc, err := nats.Connect(l.Server("C1-n1").URL("$G"))
		if err != nil {
			t.Fatal(err)
		}
		defer nc.Close()
	}
	last := time.Now()
	late = f.kind(record.Crossed).Time.Sub(last)
	close(stop)
	<-stopped
	last = time.Now()
	f.truth(l, "$G")
	return late, time.Since(last)
}

// A server is asked until what it has stays, ever less often, and for seconds only where it has
// no more than before.
func TestHowOftenAServerIsAsked(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		before      uint32
		has         func(since time.Duration) uint32
		hints       time.Duration // for how long there are more
		least, most int           // questions in 10 seconds
		kept        uint32
	}{
		"none are there":    {0, func(time.Duration) uint32 { return 0 }, 0, 2, 3, 0},
		"as many as before": {60, func(time.Duration) uint32 { return 60 }, 0, 2, 4, 60},
		"more than before":  {0, func(time.Duration) uint32 { return 60 }, 0, 4, 6, 60},
		"fewer than before": {60, func(time.Duration) uint32 { return 10 }, 0, 3, 4, 10},
		"until they have logged in": {0, func(since time.Duration) uint32 {
			if since < 3*time.Second {
				return 60
			}
			return 0
		}, 0, 4, 7, 0},
		"others come all the time": {0, func(since time.Duration) uint32 { return uint32(since / tickEvery) }, 10 * time.Second, 7, 9, 0}, //nolint:gosec // small
	} {
		asked, n1 := 0, wire.Server{ID: "N1", Name: "n1"}
		g := &global{asks: map[string]*asking{}, settled: map[string]uint32{}}
		if c.before > 0 {
			g.settled[n1.ID] = c.before
		}
		at := time.Now()
		g.look(n1, at)
		for since := time.Duration(0); since <= 10*time.Second; since += tickEvery {
			if since <= c.hints {
				g.look(n1, at.Add(since))
			}
			for range g.due(at.Add(since)) {
				asked++
				g.answered(n1.ID, c.has(since), at.Add(since))
			}
		}
		if asked < c.least || asked > c.most {
			t.Errorf("%s: it is asked %d times", name, asked)
		}
		if c.hints == 0 && (len(g.asks) > 0 || g.settled["N1"] != c.kept) {
			t.Errorf("%s: %v, %v", name, g.asks, g.settled)
		}
	}
}
