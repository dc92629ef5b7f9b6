package sysreq

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
)

const (
	// Lull is how long nothing comes before what is missing is taken to be late.
	Lull = 300 * time.Millisecond
	// inFlight is how many replies are waited for at a time.
	inFlight = 64
	// everything stands for all services.
	everything = "*"
)

// Question is a request with one reply or more.
type Question struct {
	Subject string
	Body    any
	Replies int // how many are to come
	// Compressed asks for compressed replies, see [FewRows].
	Compressed bool
}

// service is the last token of its subject.
func (q Question) service() string { return q.Subject[strings.LastIndexByte(q.Subject, '.')+1:] }

// Answer is a reply to a question.
type Answer struct {
	Question    int // its index
	Message     *nats.Msg
	Asked, Came time.Time
}

// Refusals are the services that the server forbids to ask.
type Refusals map[string]*PermissionError

// Of is why a service may not be asked, by the last token of its subject; nil
// where it may.
func (r Refusals) Of(service string) *PermissionError {
	if e := r[service]; e != nil {
		return e
	}
	return r[everything]
}

// AskAll asks questions, so many at a time that no more than 64 replies are on
// their way, and hands over the replies. It returns when all are there, that is,
// when take has said of as many as are to come that they count; when the context
// ends or the connection is closed; when nothing more can come because the
// server refuses the questions; and when nothing has come for as long as
// patience says. The error is that of the context where it was cancelled, or of
// a connection that can't be used.
func (c *Client) AskAll(ctx context.Context, questions []Question, patience time.Duration, take func(Answer) bool) (Refusals, error) {
	if len(questions) == 0 {
		return Refusals{}, nil
	}
	over, cancel := context.WithCancel(ctx)
	defer cancel()
	answers, violations := make(chan Answer), make(chan *PermissionError)
	in, err := c.Listen(func(tag int, m *nats.Msg) {
		if tag < 0 || tag >= len(questions) {
			return
		}
		select {
		case answers <- Answer{Question: tag, Message: m, Came: time.Now()}:
		case <-over.Done():
		}
	})
	if err != nil {
		return nil, err
	}
	defer in.Close()
	stop := c.OnRefusal(func(e *PermissionError) bool {
		service := e.service()
		if service != everything && !slices.ContainsFunc(questions, func(q Question) bool { return q.service() == service }) {
			return false
		}
		select {
		case violations <- e:
		case <-over.Done():
		}
		return true
	})
	defer stop()
	status := c.nc.StatusChanged(nats.CLOSED)
	defer c.nc.RemoveStatusListener(status)

	a := &asking{in: in, questions: questions, asked: make([]time.Time, len(questions)), waiting: make([]int, len(questions)), refused: Refusals{}}
	quiet := time.NewTicker(Lull)
	defer quiet.Stop()
	last := time.Now()
	for {
		if err := a.more(); err != nil {
			return a.refused, err
		}
		if a.done() {
			return a.refused, nil
		}
		select {
		case got := <-answers:
			quiet.Reset(Lull)
			last = got.Came
			got.Asked = a.asked[got.Question]
			a.take(got, take)
		case e := <-violations:
			a.forbidden(e)
		case <-quiet.C:
			a.open = 0 // what is late keeps nobody waiting
			if a.next == len(questions) && time.Since(last) > patience {
				return a.refused, nil
			}
		case <-status:
			return a.refused, nil
		case <-ctx.Done():
			if errors.Is(ctx.Err(), context.Canceled) {
				return a.refused, ctx.Err()
			}
			return a.refused, nil
		}
	}
}

// asking is questions that are being asked.
type asking struct {
	in        *Inbox
	questions []Question
	next      int // the first that was not asked
	asked     []time.Time
	waiting   []int // for so many replies
	open      int   // all of them, but late ones
	refused   Refusals
}

// more asks as many questions as may be.
func (a *asking) more() error {
	for ; a.next < len(a.questions) && (a.open == 0 || a.open+a.questions[a.next].Replies <= inFlight); a.next++ {
		q := a.questions[a.next]
		if a.refused.Of(q.service()) != nil {
			continue
		}
		a.asked[a.next] = time.Now()
		if err := a.in.Ask(a.next, q.Subject, q.Body, q.Compressed); err != nil {
			return err
		}
		a.waiting[a.next] = q.Replies
		a.open += q.Replies
	}
	return nil
}

func (a *asking) done() bool {
	return a.next == len(a.questions) && !slices.ContainsFunc(a.waiting, func(n int) bool { return n > 0 })
}

func (a *asking) take(got Answer, take func(Answer) bool) {
	done := 0
	if NoResponders(got.Message) {
		done = a.waiting[got.Question]
	} else if take(got) {
		done = min(1, a.waiting[got.Question])
	}
	a.waiting[got.Question] -= done
	a.open = max(0, a.open-done)
}

func (a *asking) forbidden(e *PermissionError) {
	service := e.service()
	a.refused[service] = e
	for i, q := range a.questions[:a.next] {
		if service == everything || service == q.service() {
			a.open = max(0, a.open-a.waiting[i])
			a.waiting[i] = 0
		}
	}
}
