package cli

import (
	"bytes"
	"context"
	"errors"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
)

// TestRebalanceAsks: only yes is yes.
func TestRebalanceAsks(t *testing.T) {
	t.Parallel()
	st := stageOf(t, "restart-drift")
	for _, c := range []struct {
		answer, outcome string
		status          int
	}{{"\n", "declined", 3}, {"n\n", "declined", 3}, {"", "declined", 3}, {"yess\n", "declined", 3}, {" Y \n", "balanced", 0}} {
		var out, errs bytes.Buffer
		r := newRebalance(Host{Out: &out, Err: &errs, Timeout: func() time.Duration { return generous }, Connect: func(context.Context) (*nats.Conn, error) {
			nc, err := nats.Connect(st.SystemURL(), nats.Timeout(generous))
			if err == nil {
				t.Cleanup(nc.Close)
			}
			return nc, err
		}})
		r.accounts, r.apply, r.terminal, r.in, r.mostCPU, r.output.format = []string{"ORDERS"}, true, true, strings.NewReader(c.answer), 1e6, "text"
		r.output.formats = []string{"text", "json"}
		err := r.run(t.Context())
		if got := ExitStatus(err); got != c.status {
			t.Errorf("%q: status %d, %v", c.answer, got, err)
		}
		// The plan comes before the question. 16 moves at 10 a second take more than a second;
		// the rest is what asking the servers took here.
		if got := errs.String(); !regexp.MustCompile(`^The plan: move 16 connections of ORDERS in C1 in about ([2-9]|[1-9]\d)s`).MatchString(got) || !strings.HasSuffix(got, "Move about 16 connections of ORDERS in C1? [y/N] ") || !strings.Contains(got, "C1-n1") {
			t.Errorf("it asked %q", got)
		}
		if first := strings.HasPrefix(out.String(), "Not confirmed: no connection of ORDERS in C1 was moved."); first != (c.outcome == "declined") {
			t.Errorf("%q: %s", c.answer, out.String())
		}
	}
}

// TestRebalanceInterrupted: while it asks, and while it moves.
func TestRebalanceInterrupted(t *testing.T) {
	t.Parallel()
	st := stageOf(t, "restart-drift")
	before := cids(t, st.Lab, "ORDERS")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	asked, answers := make(chan struct{}), make(chan struct{})
	t.Cleanup(func() { close(answers) })
	r := newRebalance(Host{Out: &bytes.Buffer{}, Err: &bytes.Buffer{}, Timeout: func() time.Duration { return generous }, Connect: func(context.Context) (*nats.Conn, error) {
		nc, err := nats.Connect(st.SystemURL(), nats.Timeout(generous))
		if err == nil {
			t.Cleanup(nc.Close)
		}
		return nc, err
	}})
	r.accounts, r.apply, r.terminal, r.in = []string{"ORDERS"}, true, true, waiting{asked, answers}
	r.output.formats = []string{"text", "json"}
	r.output.format = "text"
	asking, stop := context.WithCancel(ctx)
	go func() {
		<-asked
		stop()
	}()
	if err := r.run(asking); err == nil || sentence(err) != "interrupted before it was confirmed: nothing was moved" || ExitStatus(err) != ExitNotAudited {
		t.Errorf("interrupted while it asked: %v", err)
	}
	if after := cids(t, st.Lab, "ORDERS"); !reflect.DeepEqual(after, before) {
		t.Error("connections were closed")
	}
	// One a second: the first is closed long before the last is due.
	moving, stop := context.WithCancel(ctx)
	defer stop()
	go func() {
		for ctx.Err() == nil && reflect.DeepEqual(cids(t, st.Lab, "ORDERS"), before) {
			<-time.After(10 * time.Millisecond)
		}
		stop()
	}()
	doc := rebalancedWithin(moving, t, st.Lab, generous, 3, "--account", "ORDERS", "--apply", "--yes", "--rate", "1")
	not := 0
	for _, m := range doc.Moves {
		if m.Outcome == "not-tried" {
			not++
		}
	}
	// The one that was moved may be on its way.
	if doc.Outcome != "stopped" || doc.Stop.Code != "interrupted" || not < 8 || doc.After == nil || doc.Missing == nil || doc.After.Connections+*doc.Missing != 27 {
		t.Errorf("%s: %+v, %+v, %d not tried, %v missing, %+v, %q", doc.Outcome, doc.Refusals, doc.Stop, not, doc.Missing, doc.After, doc.Warnings)
	}
}

// waiting is a terminal at which nobody answers.
type waiting struct{ asked, answers chan struct{} }

func (w waiting) Read([]byte) (int, error) {
	close(w.asked)
	<-w.answers
	return 0, errors.New("closed")
}

// What several servers did not do is one sentence.
func TestOneLine(t *testing.T) {
	t.Parallel()
	one, other := errors.New("n1 was not read"), errors.New("n2 was not read")
	for want, err := range map[string]error{"n1 was not read": one, "n1 was not read; n2 was not read": errors.Join(one, other)} {
		if got := oneLine(err); got != want {
			t.Errorf("%q", got)
		}
	}
}
