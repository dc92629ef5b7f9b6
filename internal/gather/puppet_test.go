package gather

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	natsserver "github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/internal/lab"
)

// puppet is a server that answers what a test wants, through a real server
// that carries the messages, answers for itself too, and counts it. Each answer
// is given the number of the request of its kind, from 1, that was meant for
// the puppet; it returns what follows the server block of the reply, that of
// several replies joined by "\n", or "" to stay silent.
type puppet struct {
	id, name, cluster string

	roster, report, varz func(nth int) string
}

// always answers the same to each request; from keeps silent until the first
// that it answers.
func always(s string) func(int) string { return from(1, s) }

func from(first int, s string) func(int) string {
	return func(nth int) string {
		if nth < first {
			return ""
		}
		return s
	}
}

// pretend starts puppets beside a server without a cluster, which counts them.
func pretend(t testing.TB, l *lab.Lab, puppets ...puppet) {
	t.Helper()
	nc := connect(t, l.SystemURL())
	for _, p := range puppets {
		p.listen(t, nc)
		hello, err := json.Marshal(natsserver.ServerStatsMsg{Server: natsserver.ServerInfo{
			ID: p.id, Name: p.name, Host: "127.0.0.1", Cluster: p.cluster, Version: natsserver.VERSION, Seq: 1, Time: time.Now()}})
		if err != nil {
			t.Fatal(err)
		}
		if err := nc.Publish("$SYS.SERVER."+p.id+".STATSZ", hello); err != nil {
			t.Fatal(err)
		}
	}
	for srv := l.Servers()[0].Embedded(); srv.TrackedRemoteServers() < len(puppets); {
		select {
		case <-within(t).Done():
			t.Fatal("the server does not count the puppets")
		case <-time.After(5 * time.Millisecond):
		}
	}
}

func (p puppet) listen(t testing.TB, nc *nats.Conn) {
	t.Helper()
	answer := func(with func(int) string) nats.MsgHandler {
		nth := 0
		return func(m *nats.Msg) {
			var f filter
			if len(m.Data) > 0 && json.Unmarshal(m.Data, &f) != nil || f.Name != "" && f.Name != p.name || f.Cluster != "" && f.Cluster != p.cluster {
				return
			}
			if nth++; with == nil {
				return
			}
			for body := range strings.SplitSeq(with(nth), "\n") {
				if body == "" {
					continue
				}
				who := fmt.Sprintf(`{"server":{"id":%q,"name":%q,"host":"127.0.0.1","cluster":%q},`, p.id, p.name, p.cluster)
				_ = m.Respond([]byte(who + body + "}")) // fails at the end of the test only
			}
		}
	}
	for subject, handler := range map[string]nats.MsgHandler{
		subjectRoster:                  answer(p.roster),
		subjectReport:                  answer(p.report),
		fmt.Sprintf(subjectVarz, p.id): answer(p.varz),
	} {
		if _, err := nc.Subscribe(subject, handler); err != nil {
			t.Fatal(err)
		}
	}
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
}

// statsz, statz and varz are the bodies of answers.
func statsz(members string) string { return `"statsz":{` + members + `}` }

func statz(rows ...string) string {
	return `"data":{"account_statz":[` + strings.Join(rows, ",") + `]}`
}

func varzOf(members string) string { return `"data":{` + members + `}` }

// account is a row of a report.
func account(id string, conns, leafs int) string {
	return fmt.Sprintf(`{"acc":%q,"name":%q,"conns":%d,"leafnodes":%d,"total_conns":%d}`, id, id, conns, leafs, conns+leafs)
}

// startSilent starts a server whose account listens to all requests and
// answers none. It returns the URL of a user.
func startSilent(t *testing.T) string {
	t.Helper()
	s, err := natsserver.NewServer(&natsserver.Options{Host: "127.0.0.1", Port: -1, NoLog: true, NoSigs: true, NoSystemAccount: true})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	nc := connect(t, s.ClientURL())
	if _, err := nc.SubscribeSync(">"); err != nil {
		t.Fatal(err)
	}
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
	return s.ClientURL()
}
