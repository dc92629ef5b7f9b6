package history

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/lab"
	"github.com/nats-balance/nats-balance/internal/record"
	"github.com/nats-balance/nats-balance/internal/source/sourcetest"
)

func began() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC) }

func spread(at time.Time, n1, n2, n3 int) *record.Spread {
	s := &record.Spread{Time: at, Account: checks.Account{ID: "ORDERS", Name: "orders"}, Cluster: "C1", Connections: n1 + n2 + n3, Of: 3}
	for i, n := range []int{n1, n2, n3} {
		s.Servers = append(s.Servers, record.Share{Server: checks.ServerRef{ID: fmt.Sprintf("N%d", i+1), Name: fmt.Sprintf("n%d", i+1)}, Connections: n})
	}
	return s
}

// leaning is a restart of n2 in which ORDERS begins to lean, and an hour later comes
// back.
func leaning() []record.Change {
	at := began()
	n2 := checks.ServerRef{ID: "N2", Name: "n2"}
	return []record.Change{
		{Kind: record.Watching, Time: at.Add(-time.Hour), Of: &record.Totals{Servers: 3}},
		{Kind: record.Shifted, Time: at.Add(-time.Hour), Cluster: "C1", Spread: spread(at.Add(-time.Hour), 8, 7, 7)},
		{Kind: record.Stopped, Time: at.Add(-10 * time.Minute), Cluster: "C1", Server: n2},
		{Kind: record.Stopped, Time: at.Add(-10 * time.Second), Cluster: "C1", Server: n2},
		{Kind: record.Stopped, Time: at, Cluster: "OTHER", Server: n2},
		{Kind: record.Crossed, Time: at, Cluster: "C1", Spread: spread(at, 20, 1, 1), Before: spread(at.Add(-time.Hour), 8, 7, 7), Since: at,
			Moves: []record.Move{{Service: "api", Server: checks.ServerRef{Name: "n1"}, Count: 12}}},
		{Kind: record.Started, Time: at.Add(20 * time.Second), Cluster: "C1", Server: checks.ServerRef{ID: "N2b", Name: "n2"}},
		{Kind: record.Held, Time: at.Add(2 * time.Minute), Cluster: "C1", Spread: spread(at.Add(2*time.Minute), 20, 1, 1), Since: at, Finding: true},
		{Kind: record.Back, Time: at.Add(time.Hour), Cluster: "C1", Spread: spread(at.Add(time.Hour), 8, 7, 7), Since: at, Finding: true},
	}
}

func documents(changes []record.Change) (out []record.Document) {
	for _, c := range changes {
		out = append(out, record.DocumentOf(c))
	}
	return out
}

// A history tells when an account began to lean, and what happened within a minute
// of that.
func TestTell(t *testing.T) {
	t.Parallel()
	h := tell(documents(leaning()))
	if len(h.Episodes) != 1 || len(h.Gaps) != 0 {
		t.Fatalf("%+v", h)
	}
	e := h.Episodes[0]
	if !e.Began.Equal(began()) || e.Ended == nil || e.Ended.Sub(e.Began) != time.Hour || !e.Finding || e.NotBefore != nil ||
		e.Then.OnServer != 20 || e.Before.OnServer != 8 || len(e.Moves) != 1 {
		t.Errorf("%+v", e)
	}
	if len(e.Around) != 2 || e.Around[0].Change != record.Stopped || e.Around[1].Change != record.Started {
		t.Errorf("around: %+v", e.Around)
	}
	// What was leaning when a recorder started did not begin then.
	first := leaning()[5]
	first.Before, first.AtStart = nil, true
	h = tell(documents([]record.Change{{Kind: record.Watching, Time: began(), Of: &record.Totals{}}, first}))
	if len(h.Episodes) != 1 || h.Episodes[0].NotBefore == nil || !h.Episodes[0].NotBefore.IsZero() {
		t.Errorf("%+v", h)
	}
	// Nor is a time known in which nobody recorded.
	again := leaning()[5]
	again.AtStart, again.NotBefore = true, began().Add(-time.Hour)
	h = tell(documents([]record.Change{{Kind: record.Watching, Time: began(), Since: began().Add(-time.Hour), Of: &record.Totals{}}, again}))
	if len(h.Gaps) != 1 || h.Gaps[0].To.Sub(h.Gaps[0].From) != time.Hour || h.Episodes[0].NotBefore == nil || !h.Episodes[0].NotBefore.Equal(began().Add(-time.Hour)) {
		t.Errorf("%+v", h)
	}
}

// A name with what subjects are made of is one token.
func TestToken(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{"ORDERS": "ORDERS", "": "_", "_": "=5f", "a.b": "a=2eb", "*": "=2a", "a b>": "a=20b=3e", "é": "=c3=a9", "$G": "=24G"} {
		if got := token(name); got != want {
			t.Errorf("token(%q) = %q, want %q", name, got, want)
		}
	}
	if n := len(token(strings.Repeat("x", 5000))); n > longestToken {
		t.Error(n)
	}
}

func waitWritten(t *testing.T, s *Store) {
	t.Helper()
	err := lab.Poll(sourcetest.Within(t), func() error {
		if st := s.State(); st.Queued > 0 {
			return fmt.Errorf("%+v", st)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// What is kept in a folder is read back while it is recorded, and after; and a watch
// that starts again knows of it.
func TestLocalHistory(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "state")
	ctx := sourcetest.Within(t)
	var none *NoHistoryError
	if _, err := ReadLocal(ctx, dir, plainly()); !errors.As(err, &none) {
		t.Errorf("nothing was recorded: %v", err)
	}
	s, err := OpenLocal(ctx, dir, limits())
	if err != nil {
		t.Fatal(err)
	}
	running, stop := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() { s.Run(running, func(bool) {}); close(done) }()
	s.Add(leaning()[:8])
	waitWritten(t, s)
	var taken *TakenError
	if _, err := OpenLocal(ctx, dir, limits()); !errors.As(err, &taken) {
		t.Errorf("a second recorder: %v", err)
	}
	check := func(what string) {
		t.Helper()
		r, err := ReadLocal(ctx, dir, plainly())
		if err != nil {
			t.Fatal(what, err)
		}
		defer r.Close()
		docs, _, err := r.Documents(ctx, Query{})
		if err != nil || len(docs) != 8 || docs[7].Change != record.Held {
			t.Errorf("%s: %d documents, %v", what, len(docs), err)
		}
		for account, n := range map[string]int{"ORDERS": 8, "orders": 8, "other": 5} {
			if docs, _, err := r.Documents(ctx, Query{Account: account}); err != nil || len(docs) != n {
				t.Errorf("%s: %d documents of %s, want %d, %v", what, len(docs), account, n, err)
			}
		}
		if docs, _, err := r.Documents(ctx, Query{Since: time.Now().Add(time.Hour)}); err != nil || len(docs) != 0 {
			t.Errorf("%s: %d documents of the future, %v", what, len(docs), err)
		}
		if at := r.LastAlive(ctx); time.Since(at) > time.Minute {
			t.Errorf("%s: last alive at %s", what, at)
		}
		w := record.New(record.Settings{Parameters: checks.Defaults()})
		if err := r.Restore(ctx, w); err != nil {
			t.Fatal(err)
		}
		if over := w.Over(time.Now()); len(over) != 1 || !over[0].Since.Equal(began()) || !over[0].Finding {
			t.Errorf("%s: %+v", what, over)
		}
	}
	check("while it is recorded")
	stop()
	<-done
	s.Close()
	check("after it was recorded")

	// Another one that reads has the folder for a while, and nothing listens.
	first, err := ReadLocal(ctx, dir, plainly())
	if err != nil {
		t.Fatal(err)
	}
	via, asked := plainly(), 0
	via.Connect = func(context.Context, string, string) (*nats.Conn, error) {
		if asked++; asked == 3 {
			first.Close()
		}
		return nil, &net.OpError{Op: "dial", Err: errors.New("refused")}
	}
	second, err := ReadLocal(ctx, dir, via)
	if err != nil {
		t.Fatal("beside another one that reads: ", err)
	}
	second.Close()
	if asked != 3 {
		t.Errorf("it asked %d times", asked)
	}
}

// Killed at any moment, a recorder leaves a history that is whole: all that was
// acknowledged is there.
func TestKilledRecorder(t *testing.T) {
	if dir := os.Getenv("HISTORY_TEST_DIR"); dir != "" {
		record1by1(dir)
		return
	}
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "state")
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	acknowledged := 0
	for range 2 {
		cmd := exec.CommandContext(sourcetest.Within(t), exe, "-test.run", "^TestKilledRecorder$")
		cmd.Env = append(os.Environ(), "HISTORY_TEST_DIR="+dir)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		want := acknowledged + 200
		err := lab.Poll(sourcetest.Within(t), func() error {
			text, _ := os.ReadFile(filepath.Join(dir, "count"))
			acknowledged, _ = strconv.Atoi(string(text))
			if acknowledged < want {
				return fmt.Errorf("%d of %d", acknowledged, want)
			}
			return nil
		})
		if err := errors.Join(err, cmd.Process.Kill()); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait() // it was killed
	}
	r, err := ReadLocal(sourcetest.Within(t), dir, plainly())
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	docs, _, err := r.Documents(sourcetest.Within(t), Query{})
	if err != nil || len(docs) < acknowledged {
		t.Errorf("%d documents of %d that were acknowledged, %v", len(docs), acknowledged, err)
	}
}

// record1by1 records until it is killed, and says how many documents were
// acknowledged.
func record1by1(dir string) {
	ctx := context.Background()
	s, err := OpenLocal(ctx, dir, limits())
	if err != nil {
		panic(err)
	}
	docs, _, err := s.Documents(ctx, Query{})
	if err != nil {
		panic(err)
	}
	for n := len(docs); ; n++ {
		if _, err := s.write(ctx, documents([]record.Change{{Kind: record.Lost, Time: time.Now(), Count: n}})); err != nil {
			panic(err)
		}
		path := filepath.Join(dir, "count")
		if err := errors.Join(os.WriteFile(path+".new", []byte(strconv.Itoa(n+1)), 0o600), os.Rename(path+".new", path)); err != nil {
			panic(err)
		}
	}
}

// keeper is a server with a store.
func keeper(t *testing.T) *server.Server {
	t.Helper()
	srv, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, JetStream: true, StoreDir: t.TempDir(), NoLog: true, NoSigs: true})
	if err != nil {
		t.Fatal(err)
	}
	srv.Start()
	t.Cleanup(srv.Shutdown)
	if !srv.ReadyForConnections(10 * time.Second) {
		t.Fatal("it did not start")
	}
	return srv
}

// Of two recorders one writes; the other takes over within ten seconds of the first
// one's death, at once where it stops, and nothing of what both saw is missing.
func TestLeader(t *testing.T) {
	t.Parallel()
	srv := keeper(t)
	type recorder struct {
		*Store
		stop context.CancelFunc
		nc   *nats.Conn
		done chan struct{}
	}
	start := func() *recorder {
		nc := sourcetest.Connect(t, srv.ClientURL())
		s, err := Use(sourcetest.Within(t), nc, limits())
		if err != nil {
			t.Fatal(err)
		}
		r := &recorder{Store: s, nc: nc, done: make(chan struct{})}
		ctx, stop := context.WithCancel(context.Background())
		r.stop = stop
		go func() { r.Run(ctx, func(bool) {}); close(r.done) }()
		return r
	}
	leads := func(who string, r *recorder) time.Duration {
		t.Helper()
		from := time.Now()
		if err := lab.Poll(sourcetest.Within(t), func() error {
			if !r.State().Leads {
				return errors.New(who + " does not lead")
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		return time.Since(from)
	}
	sees := func(n int, all ...*recorder) {
		for _, r := range all {
			r.Add([]record.Change{{Kind: record.Lost, Time: time.Now(), Count: n}})
		}
	}
	a := start()
	leads("the first", a)
	b := start()
	sees(1, a, b)
	waitWritten(t, a.Store)
	a.nc.Close() // dead: it says nothing any more
	sees(2, a, b)
	if took := leads("the second", b); took > 10*time.Second {
		t.Errorf("the second took over after %s", took)
	}
	waitWritten(t, b.Store)
	c := start()
	sees(3, b, c)
	waitWritten(t, b.Store)
	b.stop()
	<-b.done
	if took := leads("the third", c); took > 4*time.Second {
		t.Errorf("the third took over after %s", took)
	}
	if a.State().Leads {
		t.Error("the first still leads")
	}
	sees(4, c)
	waitWritten(t, c.Store)
	docs, _, err := c.Documents(sourcetest.Within(t), Query{})
	if err != nil {
		t.Fatal(err)
	}
	seen := map[int]int{}
	for _, d := range docs {
		seen[*d.Count]++
	}
	for n := 1; n <= 4; n++ {
		if seen[n] == 0 {
			t.Errorf("%d is missing: %v", n, seen)
		}
	}
	a.stop()
	c.stop()
	<-a.done
	<-c.done
}

// A store that is away for so long that nobody leads any more gets everything once it is
// back, each once: what waits is nobody else's to write.
func TestStoreAway(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	port := sourcetest.Port(t)
	start := func() *server.Server {
		srv, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: port, JetStream: true, StoreDir: dir, NoLog: true, NoSigs: true})
		if err != nil {
			t.Fatal(err)
		}
		srv.Start()
		if !srv.ReadyForConnections(sourcetest.Long) {
			t.Fatal("the store does not start")
		}
		return srv
	}
	srv := start()
	s, err := Use(sourcetest.Within(t), sourcetest.Connect(t, srv.ClientURL(), nats.MaxReconnects(-1)), limits())
	if err != nil {
		t.Fatal(err)
	}
	running, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	said := make(chan error, 100)
	s.Writing = func(err error) { said <- err }
	go func() { s.Run(running, func(bool) {}); close(done) }()
	all := leaning()
	s.Add(all[:3])
	waitWritten(t, s)
	srv.Shutdown()
	srv.WaitForShutdown()
	s.Add(all[3:5])
	err = lab.Poll(sourcetest.Within(t), func() error {
		if state := s.State(); state.Err == nil || state.Leads {
			return errors.New("nothing failed, or it still leads")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Add(all[5:])
	if err := <-said; err == nil || len(said) > 0 {
		t.Errorf("that recording fails is not what is said: %v, %d more", err, len(said))
	}
	srv = start()
	defer srv.Shutdown()
	waitWritten(t, s)
	docs, _, err := s.Documents(sourcetest.Within(t), Query{})
	if err != nil || len(docs) != len(all) {
		t.Errorf("%d documents, want %d, %v", len(docs), len(all), err)
	}
	stop()
	<-done
	if err := <-said; err != nil || len(said) > 0 {
		t.Errorf("that recording works again is not what is said: %v, %d more", err, len(said))
	}
}
