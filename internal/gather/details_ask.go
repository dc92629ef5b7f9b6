package gather

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/checks"
)

const (
	// inFlight is how many replies are waited for at a time.
	inFlight = 64
	// longestAnswer is the size in bytes from which on the answer of one server
	// about itself is not read.
	longestAnswer = 16 << 20
)

// question is a request with one reply or more.
type question struct {
	subject string
	body    []byte
	kind    string // last token of the subject
	replies int    // how many are to come
}

// answer is a reply to a question.
type answer struct {
	question    int // its index
	message     *nats.Msg
	asked, came time.Time
}

// nobody says that the answer is that nobody listens to the question.
func (a answer) nobody() bool { return noResponders(a.message) }

// everything stands for all kinds of questions.
const everything = "*"

// askAll asks questions, so many at a time that no more than inFlight replies
// are on their way, and hands over the replies. It returns when all are there,
// that is, when take has said of as many as are to come that they count; when
// the context ends or the connection is closed; when nothing more can come
// because the server refuses the questions; and when nothing has come for so
// long that what is asked afterwards would lack the time. It returns the kinds that are
// refused with the server's sentence. The error is that of the context where it
// was cancelled, or of a connection that can't be used.
func askAll(ctx context.Context, nc *nats.Conn, w *refusals, questions []question, take func(answer) bool) (map[string]string, error) {
	refused := map[string]string{}
	if len(questions) == 0 {
		return refused, nil
	}
	over, cancel := context.WithCancel(ctx)
	defer cancel()
	answers, violations := make(chan answer), make(chan string)
	asked := make([]time.Time, len(questions))
	inbox := nc.NewInbox()
	sub, err := nc.Subscribe(inbox+".*", func(m *nats.Msg) {
		a := answer{question: roundOf(m.Subject), message: m, came: time.Now()}
		if a.question < 0 || a.question >= len(questions) {
			return
		}
		select {
		case answers <- a:
		case <-over.Done():
		}
	})
	if err != nil {
		return nil, fmt.Errorf("%s: subscribing for replies: %w", nc.ConnectedUrlRedacted(), err)
	}
	defer func() { _ = sub.Unsubscribe() }() // fails only where the connection is gone
	stop := w.listen(func(violation string) bool {
		kind := forbiddenKind(violation)
		if kind != everything && !slices.ContainsFunc(questions, func(q question) bool { return q.kind == kind }) {
			return false
		}
		select {
		case violations <- violation:
		case <-over.Done():
		}
		return true
	})
	defer stop()
	status := nc.StatusChanged(nats.CLOSED)
	defer nc.RemoveStatusListener(status)

	waiting := make([]int, len(questions))
	next, open, quiet := 0, 0, time.NewTicker(lull)
	defer quiet.Stop()
	last, longest := time.Now(), patience(ctx)
	for {
		for ; next < len(questions) && (open == 0 || open+questions[next].replies <= inFlight); next++ {
			q := questions[next]
			if refused[q.kind] != "" || refused[everything] != "" {
				continue
			}
			asked[next] = time.Now()
			m := &nats.Msg{Subject: q.subject, Reply: inbox + "." + strconv.Itoa(next), Data: q.body, Header: compressed()}
			if err := nc.PublishMsg(m); err != nil {
				return refused, fmt.Errorf("%s: asking %s: %w", nc.ConnectedUrlRedacted(), q.subject, err)
			}
			waiting[next] = q.replies
			open += q.replies
		}
		if next == len(questions) && !slices.ContainsFunc(waiting, func(n int) bool { return n > 0 }) {
			return refused, nil
		}
		select {
		case a := <-answers:
			a.asked = asked[a.question]
			quiet.Reset(lull)
			last = a.came
			done := 0
			if a.nobody() {
				done = waiting[a.question]
			} else if take(a) {
				done = min(1, waiting[a.question])
			}
			waiting[a.question] -= done
			open = max(0, open-done)
		case violation := <-violations:
			kind := forbiddenKind(violation)
			refused[kind] = violation
			for i, q := range questions[:next] {
				if kind == q.kind || kind == everything {
					open = max(0, open-waiting[i])
					waiting[i] = 0
				}
			}
		case <-quiet.C:
			open = 0 // what is late keeps nobody waiting
			if next == len(questions) && time.Since(last) > longest {
				return refused, nil
			}
		case <-status:
			return refused, nil
		case <-ctx.Done():
			if errors.Is(ctx.Err(), context.Canceled) {
				return refused, ctx.Err()
			}
			return refused, nil
		}
	}
}

const (
	// mostPatience is the longest wait for one reply, and what there is where
	// the context has no end; leastPatience the shortest.
	mostPatience  = 10 * time.Second
	leastPatience = time.Second
)

// patience is how long to wait for one reply: a fourth of the time that there
// is, so that who is silent leaves time to ask the others.
func patience(ctx context.Context) time.Duration {
	end, ok := ctx.Deadline()
	if !ok {
		return mostPatience
	}
	return min(mostPatience, max(leastPatience, time.Until(end)/4))
}

// refusals tells those who listen when the server refuses to let us publish or
// subscribe. A connection has one handler of errors, so that it is not to be
// watched twice at a time.
type refusals struct {
	mu        sync.Mutex
	listeners map[int]func(violation string) bool
	next      int
}

// watch watches a connection until it is stopped.
func watch(nc *nats.Conn) (_ *refusals, stop func()) {
	r := &refusals{listeners: map[int]func(string) bool{}}
	previous := nc.ErrorHandler()
	nc.SetErrorHandler(func(nc *nats.Conn, s *nats.Subscription, err error) {
		if errors.Is(err, nats.ErrPermissionViolation) && r.tell(strings.TrimPrefix(err.Error(), nats.ErrPermissionViolation.Error()+": ")) {
			return
		}
		if previous != nil {
			previous(nc, s, err)
		}
	})
	return r, func() { nc.SetErrorHandler(previous) }
}

// tell says whether the server's sentence was about what a listener does.
func (r *refusals) tell(violation string) bool {
	r.mu.Lock()
	listeners := slices.Collect(maps.Values(r.listeners))
	r.mu.Unlock()
	ours := false
	for _, f := range listeners {
		ours = f(violation) || ours
	}
	return ours
}

// listen hands over the server's sentences until it is stopped; f says whether
// they are about what the listener does.
func (r *refusals) listen(f func(violation string) bool) (stop func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	id := r.next
	r.next++
	r.listeners[id] = f
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.listeners, id)
	}
}

// forbiddenKind is the kind of question that the server's sentence is about;
// everything where it is about the replies, and "" where it is none of ours.
func forbiddenKind(violation string) string {
	upper := strings.ToUpper(violation)
	if strings.Contains(upper, "SUBSCRIPTION") {
		return everything
	}
	for _, kind := range []string{"VARZ", "ROUTEZ", "CONNZ", "INFO"} {
		if strings.Contains(upper, "$SYS.REQ.") && strings.Contains(upper, "."+kind+`"`) {
			return kind
		}
	}
	return ""
}

// whole is a reply without its content encoding, unless it is too long. It is
// only good until the next one.
func (d *decoder) whole(m *nats.Msg) ([]byte, error) {
	body, err := d.body(m)
	if err != nil {
		return nil, err
	}
	d.plain.Reset()
	switch n, err := d.plain.ReadFrom(io.LimitReader(body, longestAnswer+1)); {
	case err != nil:
		return nil, err
	case n > longestAnswer:
		return nil, errors.New("it is larger than 16 MiB")
	}
	return d.plain.Bytes(), nil
}

// note adds a sentence to the model, once.
func note(d *checks.Deployment, sentence string) {
	if !slices.Contains(d.Notes, sentence) {
		d.Notes = append(d.Notes, sentence)
		slices.Sort(d.Notes)
	}
}
