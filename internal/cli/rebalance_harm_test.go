package cli

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/internal/lab"
	"github.com/nats-balance/nats-balance/internal/report"
)

// TestRebalanceThatHarms: runs that do harm stop, and say so in the document and by
// the status. Each scenario has an account of its own in one cluster.
func TestRebalanceThatHarms(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	l, err := lab.Start(ctx, lab.Topology{Clusters: []lab.Cluster{{Name: "C1", Servers: 3}}, Accounts: []string{"FLOCK", "GONE", "WRITTEN", "LOST", "CHAOS", "OTHERS", "ORDER"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Stop)
	logIn(t, l, "FLOCK", "GONE", "WRITTEN", "LOST", "CHAOS", "OTHERS", "ORDER")
	clients := func(account string, n int, options ...nats.Option) {
		t.Helper()
		if _, err := l.Connect(ctx, lab.Clients{Account: account, Server: l.Server("C1-n1"), Count: n, Options: options}); err != nil {
			t.Fatal(err)
		}
	}
	apply := func(account string, more ...string) []string {
		return append([]string{"--account", account, "--apply", "--yes", "--rate", "200"}, more...)
	}

	// All clients have their list in one order, and nobody told: they all go on to
	// the second server.
	if _, err := l.Connect(ctx, lab.Clients{Account: "FLOCK", URLs: l.URLs("C1", "FLOCK"), Count: 60, NoRandomize: true}); err != nil {
		t.Fatal(err)
	}
	doc := rebalancedWithin(ctx, t, l, generous, 3, apply("FLOCK")...)
	if doc.Outcome != "stopped" || doc.Stop == nil || doc.Stop.Code != "clients-flock" || !strings.Contains(doc.Stop.Text, "C1-n2 got 20 clients where about 10") || len(doc.Batches) != 1 {
		t.Errorf("clients that flock: %s, %+v, %+v", doc.Outcome, doc.Stop, doc.Batches)
	}

	// With the list the run knows: it has them go there, and some of them on from there.
	list, closed := l.URLs("C1", "ORDER"), &disconnects{of: map[*nats.Conn]int{}}
	if _, err := l.Connect(ctx, lab.Clients{Account: "ORDER", URLs: list, Count: 30, NoRandomize: true, Options: []nats.Option{nats.DisconnectErrHandler(closed.note)}}); err != nil {
		t.Fatal(err)
	}
	doc = rebalancedWithin(ctx, t, l, generous, 0, apply("ORDER", "--client-url", "ORDER="+strings.Join(list, ","))...)
	if first, _, _ := strings.Cut(doc.Notes[0], " ("); doc.Outcome != "balanced" || first != "The clients try their servers in order" || doc.Plan.Expected != len(doc.Moves) ||
		doc.Predicted.OnServer != doc.After.OnServer || doc.Plan.Expected <= doc.Plan.Excess {
		t.Errorf("clients that take their list in order: %s, %q, %+v, predicted %+v, %d moves to %+v", doc.Outcome, doc.Notes, doc.Plan, doc.Predicted, len(doc.Moves), doc.After)
	}
	// Those that took two moves are one client each.
	if clients, closes := closed.count(); doc.Accounts[0].Clients != clients || doc.Accounts[0].Moves != closes || clients >= closes || doc.Accounts[0].Services[0].Clients != clients {
		t.Errorf("%d clients were closed with %d closes, and reported are %+v", clients, closes, doc.Accounts[0])
	}

	// Every second client never comes back.
	refusing := witnesses(ctx, t, l, "GONE", map[string]int{"C1-n1": 20})
	refusing.join(ctx, t, "C1-n1", 20, nats.NoReconnect())
	doc = rebalancedWithin(ctx, t, l, 8*time.Second, 3, apply("GONE", "--batch", "10")...)
	if doc.Outcome != "stopped" || doc.Stop == nil || doc.Stop.Code != "clients-stay-away" || doc.Missing == nil || *doc.Missing == 0 {
		t.Errorf("clients that do not come back: %s, %+v, %v missing, %+v", doc.Outcome, doc.Stop, doc.Missing, doc.Batches)
	}
	refusing.closedAsTold(t, "", doc)
	var text strings.Builder
	if err := report.RebalanceText(&text, &doc, report.Style{}); err != nil || !strings.Contains(strings.ReplaceAll(text.String(), "\n", " "), "missing") {
		t.Errorf("%v: %s", err, text.String())
	}

	writesOrStops(ctx, t, l, clients, apply)

	// A server dies: that is the reason, though the audit afterwards fails too.
	others, w := witnesses(ctx, t, l, "OTHERS", map[string]int{"C1-n1": 2, "C1-n2": 2}), witnesses(ctx, t, l, "CHAOS", map[string]int{"C1-n1": 26, "C1-n2": 2, "C1-n3": 2})
	dying := make(chan struct{})
	go func() {
		defer close(dying)
		w.moved(ctx)
		l.Server("C1-n3").Shutdown()
	}()
	doc = rebalancedWithin(ctx, t, l, 8*time.Second, 3, apply("CHAOS", "--batch", "5")...)
	<-dying
	stops(t, "a server died", &doc, "server-lost")
	w.unharmed(ctx, t, "C1-n3", doc)
	others.unharmed(ctx, t, "C1-n3")
}

// writesOrStops: a document that can't be written to --outfile is found out before
// the first move, or goes to stdout.
func writesOrStops(ctx context.Context, t *testing.T, l *lab.Lab, clients func(string, int, ...nats.Option), apply func(string, ...string) []string) {
	t.Helper()
	clients("WRITTEN", 24)
	before := cids(t, l, "WRITTEN")
	// The temporary file beside it has a longer name, which no file system takes.
	unwritable := filepath.Join(t.TempDir(), strings.Repeat("x", 250))
	out, err := rebalancedTo(ctx, t, l.SystemURL(), nil, generous, apply("WRITTEN", "--outfile", unwritable)...)
	if ExitStatus(err) != 3 || len(out) > 0 || !strings.Contains(sentence(err), "nothing was moved") || !reflect.DeepEqual(cids(t, l, "WRITTEN"), before) {
		t.Errorf("an --outfile that can't be written: %v, %s", err, out)
	}
	gone, draft := goneWhenMoved(ctx, t, l, "WRITTEN")
	out, err = rebalancedTo(ctx, t, l.SystemURL(), nil, generous, apply("WRITTEN", "--outfile", gone)...)
	var doc report.Rebalance
	if jsonErr := json.Unmarshal(out, &doc); ExitStatus(err) != 3 || jsonErr != nil || doc.Outcome != "balanced" || !strings.Contains(sentence(err), "can't be written") || strings.Contains(sentence(err), "closed") {
		t.Errorf("an --outfile whose folder is gone: %v, %v, %s", err, jsonErr, out)
	}
	// What a run that was killed would have left says that it is not the end.
	if jsonErr := json.Unmarshal(<-draft, &doc); jsonErr != nil || doc.Outcome != "started" || !doc.Given.Apply || doc.After != nil {
		t.Errorf("while it moved, %v: %+v", jsonErr, doc)
	}
	// Nor does stdout take it: what was done is in the sentence.
	clients("LOST", 24)
	gone, _ = goneWhenMoved(ctx, t, l, "LOST")
	err = rebalancedInto(ctx, t, fullDevice{}, l.SystemURL(), nil, generous, apply("LOST", "--max-moves", "5", "--outfile", gone)...)
	if want := "5 connections were closed (5 on C1-n1), and where the clients are now can't be written: --outfile "; ExitStatus(err) != 3 || !strings.HasPrefix(sentence(err), want) || !strings.HasSuffix(sentence(err), "; the output can't be written: no space left on device") {
		t.Errorf("no place for the document: %v", err)
	}
}

// goneWhenMoved is a file in a folder that is removed once a connection of the
// account was closed, and what stood in it then.
func goneWhenMoved(ctx context.Context, t *testing.T, l *lab.Lab, account string) (file string, had <-chan []byte) {
	t.Helper()
	before := cids(t, l, account)
	folder := filepath.Join(t.TempDir(), "gone")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	file = filepath.Join(folder, "out.json")
	then := make(chan []byte, 1)
	go func() {
		for ctx.Err() == nil && reflect.DeepEqual(cids(t, l, account), before) {
			<-time.After(10 * time.Millisecond)
		}
		data, _ := os.ReadFile(file)
		then <- data
		_ = os.RemoveAll(folder)
	}()
	return file, then
}

// fullDevice is a writer that takes nothing.
type fullDevice struct{}

// Write implements io.Writer.
func (fullDevice) Write([]byte) (int, error) {
	return 0, &os.PathError{Op: "write", Path: "/dev/stdout", Err: syscall.ENOSPC}
}

// disconnects counts how often clients were disconnected.
type disconnects struct {
	mu sync.Mutex
	of map[*nats.Conn]int
}

func (d *disconnects) note(nc *nats.Conn, _ error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.of[nc]++
}

// count returns how many clients were, and how often in all.
func (d *disconnects) count() (clients, all int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, n := range d.of {
		all += n
	}
	return len(d.of), all
}

// logIn logs in to every server once: that shows that each takes the users.
func logIn(t *testing.T, l *lab.Lab, accounts ...string) {
	t.Helper()
	for _, s := range l.Servers() {
		for _, account := range accounts {
			if !s.Running() {
				continue
			}
			nc, err := nats.Connect(s.URL(account), nats.Timeout(generous))
			if err != nil {
				t.Fatal(err)
			}
			nc.Close()
		}
	}
}
