package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/internal/lab"
	"github.com/nats-balance/nats-balance/internal/record"
	"github.com/nats-balance/nats-balance/internal/record/history"
	"github.com/nats-balance/nats-balance/internal/source/sourcetest"
)

// keptLines is what was written to a history, as whoever wrote it sent it.
type keptLines struct {
	mu  sync.Mutex
	all []keptLine
	ids map[string]bool // the stream takes each once: a writer tries again what got no answer
}

// keptLine is one document. Who waits for it to be stored waits at an inbox of its own, by
// which writers can be told apart.
type keptLine struct {
	writer string
	doc    record.Document
	at     time.Time
}

func (w *keptLines) take(m *nats.Msg) {
	l := keptLine{at: time.Now(), writer: m.Reply[:strings.LastIndexByte(m.Reply, '.')]}
	if json.Unmarshal(m.Data, &l.doc) != nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if id := m.Header.Get(nats.MsgIdHdr); !w.ids[id] {
		if w.ids == nil {
			w.ids = map[string]bool{}
		}
		w.ids[id] = true
		w.all = append(w.all, l)
	}
}

// lines are all so far, once there is one of that kind.
func (w *keptLines) lines(t *testing.T, kind record.Kind) []keptLine {
	t.Helper()
	var all []keptLine
	if err := lab.Poll(sourcetest.Within(t), func() error {
		w.mu.Lock()
		defer w.mu.Unlock()
		all = slices.Clone(w.all)
		if !slices.ContainsFunc(all, func(l keptLine) bool { return l.doc.Change == kind }) {
			return fmt.Errorf("no %s among %d documents", kind, len(all))
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return all
}

// Of two watches with one store, real processes, the one that records is killed, and
// ORDERS leans no longer while nobody records: at once, so that the other one may never
// have seen it lean. That takes over within ten seconds and writes that ORDERS is back;
// nothing of the first comes after it, and the history has no time without a recorder.
func TestKilledWatchIsReplaced(t *testing.T) {
	t.Parallel()
	l := sourcetest.StartLab(t, sourcetest.Three("ORDERS"))
	sourcetest.Clients(t, l, "ORDERS", map[string]int{"C1-n1": 3, "C1-n2": 3, "C1-n3": 3})
	store := startKeeper(t)
	store.write(t, "old")
	kept := &keptLines{}
	nc := sourcetest.Connect(t, store.ClientURL(), nats.UserInfo("u", "old"))
	if _, err := nc.Subscribe(history.Subjects, kept.take); err != nil {
		t.Fatal(err)
	}
	start := func() (kill func(), errs *watched) {
		out, errs := &watched{}, &watched{}
		ctx, cancel := context.WithCancel(t.Context())
		cmd := exec.CommandContext(ctx, "nats-balance", "watch", "--no-context", "--server", l.SystemURL(), "--store", store.context, "--for", "0s", "--timeout", generous.String())
		cmd.Stdout, cmd.Stderr, cmd.Env = out, errs, os.Environ()
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		kill = sync.OnceFunc(func() {
			cancel() // that is SIGKILL
			_ = cmd.Wait()
		})
		t.Cleanup(kill)
		shows(t, out, errs, "watching 3 servers")
		return kill, errs
	}
	kill, first := start()
	shows(t, first, first, "this watch records")
	_, second := start()
	shows(t, second, second, "another watch records, this one stands by")
	many, err := l.Connect(sourcetest.Within(t), lab.Clients{Account: "ORDERS", Server: l.Server("C1-n1"), Count: 30, Name: "api"})
	if err != nil {
		t.Fatal(err)
	}
	before := kept.lines(t, record.Crossed)
	killed := time.Now()
	kill()
	many.Close()
	all := kept.lines(t, record.Back)
	shows(t, second, second, "this watch records")

	old := before[0].writer
	at := slices.IndexFunc(all, func(l keptLine) bool { return l.writer != old })
	if at < len(before) {
		t.Fatalf("the second wrote while the first did: %d of %d, %+v", at, len(before), all)
	}
	if took := all[at].at.Sub(killed); took > 10*time.Second {
		t.Errorf("it took over after %s", took)
	}
	if slices.ContainsFunc(all[at:], func(l keptLine) bool { return l.writer != all[at].writer }) {
		t.Errorf("two wrote after the first was killed: %+v", all[at:])
	}
	back := all[slices.IndexFunc(all, func(l keptLine) bool { return l.doc.Change == record.Back })]
	if late := back.doc.Time.Sub(killed); late < 0 || late > 10*time.Second {
		t.Errorf("it leaned no longer %s after the kill", late)
	}
	var out, errs watched
	if status := runHere(sourcetest.Within(t), &out, &errs, "history", "--store", store.context, "--json"); status != 0 {
		t.Fatal(errs.String())
	}
	var h history.Document
	if err := json.Unmarshal([]byte(out.String()), &h); err != nil || len(h.Gaps) != 0 || len(h.Episodes) != 1 || h.Episodes[0].Ended == nil {
		t.Errorf("%v: %s", err, out.String())
	}
}
