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
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/lab"
	"github.com/nats-balance/nats-balance/internal/record"
	"github.com/nats-balance/nats-balance/internal/source/sourcetest"
)

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
