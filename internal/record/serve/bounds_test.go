package serve

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/nats-balance/nats-balance/internal/record"
	"github.com/nats-balance/nats-balance/internal/record/history"
	"github.com/nats-balance/nats-balance/internal/source/sourcetest"
)

// What a visitor sends is bounded in size and time, and so is how many are served the
// metrics at a time.
func TestRequestsAreBounded(t *testing.T) {
	t.Parallel()
	goOn := make(chan struct{})
	s := listening(t, Options{State: func(most int) State { <-goOn; return seen(most) }})
	statuses := make(chan int, 5)
	for range 5 {
		go func() {
			status, _, _ := get(t, s, "/metrics", nil)
			statuses <- status
		}()
	}
	if status := <-statuses; status != http.StatusServiceUnavailable {
		t.Errorf("a fifth visitor of /metrics: %d", status)
	}
	close(goOn)
	for range 4 {
		if status := <-statuses; status != http.StatusOK {
			t.Errorf("a visitor of /metrics: %d", status)
		}
	}
	if status, _, _ := get(t, s, "/", func(r *http.Request) { r.Header.Set("X", strings.Repeat("x", 24<<10)) }); status != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("24 KiB of headers: %d", status)
	}
	conn, err := net.Dial("tcp", s.listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	from := time.Now()
	if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\n"); err != nil {
		t.Fatal(err)
	}
	_ = conn.SetReadDeadline(from.Add(20 * time.Second)) // it is connected
	if _, err := io.ReadAll(conn); errors.Is(err, os.ErrDeadlineExceeded) || time.Since(from) > 15*time.Second {
		t.Errorf("who sends too slowly stays for %s: %v", time.Since(from), err)
	}
}

// The service answers one request of a kind at a time, with 100 findings or
// episodes at most, and says where they are too long for a message.
func TestServiceIsBounded(t *testing.T) {
	t.Parallel()
	srv, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, NoLog: true, NoSigs: true})
	if err != nil {
		t.Fatal(err)
	}
	srv.Start()
	defer srv.Shutdown()
	if !srv.ReadyForConnections(10 * time.Second) {
		t.Fatal("it did not start")
	}
	nc := sourcetest.Connect(t, srv.ClientURL())
	var now, most atomic.Int32
	many := seen(1)
	for range 149 {
		many.Over = append(many.Over, many.Over[0])
	}
	past := history.History{Episodes: make([]history.Episode, 150)}
	s, err := AddTo(t.Context(), nc, Options{State: func(int) State {
		most.Store(max(most.Load(), now.Add(1)))
		time.Sleep(20 * time.Millisecond)
		now.Add(-1)
		return many
	}, History: func(context.Context) (history.History, error) { return past, nil }}, "1.2.3")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Stop()
	answers := make(chan answer, 4)
	for range cap(answers) {
		go func() {
			var a answer
			if m, err := nc.Request("nats-balance.findings", nil, 10*time.Second); err != nil || json.Unmarshal(m.Data, &a) != nil {
				t.Error(err)
			}
			answers <- a
		}()
	}
	for range cap(answers) {
		if a := <-answers; a.Count != 150 || len(a.Findings) != 100 {
			t.Errorf("%d of %d findings", len(a.Findings), a.Count)
		}
	}
	if most.Load() != 1 {
		t.Errorf("%d at a time", most.Load())
	}
	for _, long := range []bool{false, true} {
		if long { // than a message
			for i := range past.Episodes {
				past.Episodes[i].Around = make([]record.Document, 100)
			}
		}
		m, err := nc.Request("nats-balance.history", nil, 10*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		var doc history.Document
		err = json.Unmarshal(m.Data, &doc)
		if code := m.Header.Get("Nats-Service-Error-Code"); long != (code == "413") || !long && (err != nil || len(doc.Episodes) != 100 || !doc.Cut) {
			t.Errorf("%d episodes, %q, %v", len(doc.Episodes), code, err)
		}
	}
}
