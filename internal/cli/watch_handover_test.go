package cli

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/internal/lab"
	"github.com/nats-balance/nats-balance/internal/record"
	"github.com/nats-balance/nats-balance/internal/record/history"
	"github.com/nats-balance/nats-balance/internal/source/sourcetest"
)

// handedOver is a cluster with nine clients of ORDERS on three servers, a store, and what is
// written into it.
func handedOver(t *testing.T) (*lab.Lab, *keeper, *keptLines) {
	t.Helper()
	l := sourcetest.StartLab(t, sourcetest.Three("ORDERS"))
	sourcetest.Clients(t, l, "ORDERS", map[string]int{"C1-n1": 3, "C1-n2": 3, "C1-n3": 3})
	store := startKeeper(t)
	store.write(t, "old")
	kept := &keptLines{}
	nc := sourcetest.Connect(t, store.ClientURL(), nats.UserInfo("u", "old"))
	if _, err := nc.Subscribe(history.Subjects, kept.take); err != nil {
		t.Fatal(err)
	}
	return l, store, kept
}

// once checks that one thing was written of a kind, and returns it.
func (w *keptLines) once(t *testing.T, kind record.Kind) record.Document {
	t.Helper()
	all := w.lines(t, kind)
	of := slices.DeleteFunc(slices.Clone(all), func(l keptLine) bool { return l.doc.Change != kind })
	if len(of) != 1 {
		t.Fatalf("%s was written %d times: %s", kind, len(of), inOrder(all))
	}
	return of[0].doc
}

// inOrder is what was written, a line each.
func inOrder(all []keptLine) string {
	var b strings.Builder
	for _, l := range all {
		d := l.doc
		fmt.Fprintf(&b, "\n%s written at %s by %s: %s", d.Time.Format(stamp), l.at.UTC().Format(stamp), l.writer, d.Change)
		if d.Since != nil {
			fmt.Fprintf(&b, " since %s", d.Since.Format(stamp))
		}
		if d.NotBefore != nil {
			fmt.Fprintf(&b, ", not before %s", d.NotBefore.Format(stamp))
		}
	}
	return b.String()
}

const stamp = "15:04:05.000"

// pastOf is the history of a store.
func pastOf(t *testing.T, store *keeper) (h history.Document) {
	t.Helper()
	var out, errs watched
	if status := runHere(sourcetest.Within(t), &out, &errs, "history", "--store", store.context, "--json"); status != 0 {
		t.Fatal(errs.String())
	}
	if err := json.Unmarshal([]byte(out.String()), &h); err != nil {
		t.Fatal(err)
	}
	return h
}

// Both watches saw ORDERS lean, and the one that recorded it ends at once. The other one goes on
// from there: it does not say again that ORDERS leans, and says when it is back since when it did.
func TestChangeIsRecordedOnce(t *testing.T) {
	t.Parallel()
	l, store, kept := handedOver(t)
	out, errs, stop := watchInto(t, l, store)
	shows(t, errs, out, "this watch records")
	shows(t, out, errs, "watching 3 servers")
	out, errs, _ = watchInto(t, l, store)
	shows(t, errs, out, "this one stands by")
	shows(t, out, errs, "watching 3 servers")
	many, err := l.Connect(sourcetest.Within(t), lab.Clients{Account: "ORDERS", Server: l.Server("C1-n1"), Count: 30, Name: "api"})
	if err != nil {
		t.Fatal(err)
	}
	kept.lines(t, record.Crossed)
	stop()
	shows(t, errs, out, "this watch records")
	many.Close()
	kept.lines(t, record.Back)
	crossed, held, back := kept.once(t, record.Crossed), kept.once(t, record.Held), kept.once(t, record.Back)
	if !back.Since.Equal(*crossed.Since) || !held.Since.Equal(*crossed.Since) {
		t.Errorf("it leaned since %s, was a finding since %s, and is back since %s", crossed.Since, held.Since, back.Since)
	}
	if h := pastOf(t, store); len(h.Gaps) > 0 || len(h.Episodes) != 1 || h.Episodes[0].Ended == nil || len(h.Episodes[0].Unseen) > 0 {
		t.Errorf("%+v", h)
	}
}

// A watch records that ORDERS leans and ends, while another one is starting. What it recorded is
// neither written again nor unknown: a time in which nobody recorded begins when it ended.
func TestStartingWatchTakesOver(t *testing.T) {
	t.Parallel()
	l, store, kept := handedOver(t)
	out, errs, stop := watchInto(t, l, store)
	shows(t, errs, out, "this watch records")
	shows(t, out, errs, "watching 3 servers")
	out, errs, _ = watchInto(t, l, store)
	many, err := l.Connect(sourcetest.Within(t), lab.Clients{Account: "ORDERS", Server: l.Server("C1-n1"), Count: 30, Name: "api"})
	if err != nil {
		t.Fatal(err)
	}
	kept.lines(t, record.Crossed)
	ending := time.Now()
	stop()
	shows(t, errs, out, "this watch records")
	shows(t, out, errs, "watching 3 servers")
	many.Close()
	kept.lines(t, record.Back)
	if crossed, back := kept.once(t, record.Crossed), kept.once(t, record.Back); !back.Since.Equal(*crossed.Since) {
		t.Errorf("it leaned since %s, and is back since %s", crossed.Since, back.Since)
	}
	h := pastOf(t, store)
	if slices.ContainsFunc(h.Gaps, func(g history.GapDocument) bool { return g.From.Before(ending) }) {
		t.Errorf("something is unknown before the first one began to end at %s: %+v", ending, h.Gaps)
	}
	if len(h.Episodes) != 1 || slices.ContainsFunc(h.Episodes[0].Unseen, func(g history.GapDocument) bool { return g.From.Before(ending) }) {
		t.Errorf("%+v", h.Episodes)
	}
}
