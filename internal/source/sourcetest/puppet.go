package sourcetest

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/internal/lab"
	"github.com/nats-balance/nats-balance/internal/sysreq"
)

// Puppet is a server that answers what a test wants, through a real server
// that carries the messages, answers for itself too, and counts it. Each answer
// is given the number of the request of its kind, from 1, that was meant for
// the puppet; it returns what follows the server block of the reply, that of
// several replies joined by "\n", or "" for no answer.
type Puppet struct {
	ID, Name, Cluster string

	Roster, Report, Varz func(nth int) string
}

// Always answers the same to each request.
func Always(s string) func(int) string { return From(1, s) }

// From answers the same from the first request on that it answers.
func From(first int, s string) func(int) string {
	return func(nth int) string {
		if nth < first {
			return ""
		}
		return s
	}
}

// Pretend starts puppets beside a server without a cluster, which counts them.
func Pretend(t testing.TB, l *lab.Lab, puppets ...Puppet) {
	t.Helper()
	nc := Connect(t, l.SystemURL())
	for _, p := range puppets {
		p.listen(t, nc)
		hello, err := json.Marshal(server.ServerStatsMsg{Server: server.ServerInfo{
			ID: p.ID, Name: p.Name, Host: "127.0.0.1", Cluster: p.Cluster, Version: server.VERSION, Seq: 1, Time: time.Now()}})
		if err != nil {
			t.Fatal(err)
		}
		if err := nc.Publish("$SYS.SERVER."+p.ID+".STATSZ", hello); err != nil {
			t.Fatal(err)
		}
	}
	for srv := l.Servers()[0].Embedded(); srv.TrackedRemoteServers() < len(puppets); {
		select {
		case <-Within(t).Done():
			t.Fatal("the server does not count the puppets")
		case <-time.After(5 * time.Millisecond):
		}
	}
}

func (p Puppet) listen(t testing.TB, nc *nats.Conn) {
	t.Helper()
	answer := func(with func(int) string) nats.MsgHandler {
		nth := 0
		return func(m *nats.Msg) {
			var f sysreq.Filter
			if len(m.Data) > 0 && json.Unmarshal(m.Data, &f) != nil || f.Name != "" && f.Name != p.Name || f.Cluster != "" && f.Cluster != p.Cluster {
				return
			}
			if nth++; with == nil {
				return
			}
			for body := range strings.SplitSeq(with(nth), "\n") {
				if body == "" {
					continue
				}
				who := fmt.Sprintf(`{"server":{"id":%q,"name":%q,"host":"127.0.0.1","cluster":%q},`, p.ID, p.Name, p.Cluster)
				_ = m.Respond([]byte(who + body + "}")) // fails at the end of the test only
			}
		}
	}
	for subject, handler := range map[string]nats.MsgHandler{
		sysreq.Statsz:       answer(p.Roster),
		sysreq.AccountStatz: answer(p.Report),
		sysreq.Varz(p.ID):   answer(p.Varz),
	} {
		if _, err := nc.Subscribe(subject, handler); err != nil {
			t.Fatal(err)
		}
	}
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
}

// Statsz is the body of an answer to the roster request.
func Statsz(members string) string { return `"statsz":{` + members + `}` }

// Statz is the body of an account report.
func Statz(rows ...string) string {
	return `"data":{"account_statz":[` + strings.Join(rows, ",") + `]}`
}

// Varz is the body of a VARZ.
func Varz(members string) string { return `"data":{` + members + `}` }

// Account is a row of a report.
func Account(id string, conns, leafs int) string {
	return fmt.Sprintf(`{"acc":%q,"name":%q,"conns":%d,"leafnodes":%d,"total_conns":%d}`, id, id, conns, leafs, conns+leafs)
}

// StartUnanswering starts a server whose account listens to all requests and
// answers none. It returns the URL of a user.
func StartUnanswering(t *testing.T) string {
	t.Helper()
	s, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: -1, NoLog: true, NoSigs: true, NoSystemAccount: true})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	nc := Connect(t, s.ClientURL())
	if _, err := nc.SubscribeSync(">"); err != nil {
		t.Fatal(err)
	}
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
	return s.ClientURL()
}
