package system

import (
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/internal/source"
	"github.com/nats-balance/nats-balance/internal/source/sourcetest"
	"github.com/nats-balance/nats-balance/internal/sysreq"
)

// Where an import delivers one answer, and that is noticed late, as the first question
// got none in time, servers that are there are not said to hang or to have fallen
// silent: they are asked by their names.
func TestOneAnswerThatIsNoticedLate(t *testing.T) {
	t.Parallel()
	carrier, err := server.NewServer(&server.Options{ServerName: "a", Host: "127.0.0.1", Port: -1, NoLog: true, NoSigs: true, NoSystemAccount: true})
	if err != nil {
		t.Fatal(err)
	}
	carrier.Start()
	t.Cleanup(func() { carrier.Shutdown(); carrier.WaitForShutdown() })
	servers := sourcetest.Connect(t, carrier.ClientURL())
	on := func(subject string, answer func(m *nats.Msg)) {
		if _, err := servers.Subscribe(subject, answer); err != nil {
			t.Fatal(err)
		}
	}
	names := []string{"a", "b", "c"}
	block := func(i int) string {
		return fmt.Sprintf(`"server":{"id":%q,"name":%q,"cluster":"C"}`, map[bool]string{true: carrier.ID(), false: "N" + names[i]}[i == 0], names[i])
	}
	on(sysreq.UserInfo, func(m *nats.Msg) { _ = m.Respond([]byte(`{"data":{"user":"u","account":"MON"}}`)) })
	on(sysreq.Varz("*"), func(m *nats.Msg) {
		_ = m.Respond([]byte("{" + block(0) + `,"data":{"system_account":"SYS","connections":1,"leafnodes":0}}`))
	})
	on(sysreq.Routez("*"), func(m *nats.Msg) { _ = m.Respond([]byte("{" + block(0) + `,"data":{"routes":[]}}`)) })
	roster := func(m *nats.Msg, i int) {
		peers := fmt.Sprintf(`{"name":%q},{"name":%q}`, names[(i+1)%3], names[(i+2)%3])
		_ = m.Respond(fmt.Appendf(nil, `{%s,"statsz":{"connections":1,"active_servers":3,"active_accounts":2,"routes":[%s]}}`, block(i), peers))
	}
	named := func(m *nats.Msg) int {
		var f sysreq.Filter
		_ = json.Unmarshal(m.Data, &f) // none
		return slices.Index(names, f.Name)
	}
	var mu sync.Mutex
	var first *nats.Msg // of the questions to all
	on(sysreq.Statsz, func(m *nats.Msg) {
		mu.Lock()
		defer mu.Unlock()
		switch at := named(m); {
		case at >= 0:
			roster(m, at)
		case first == nil:
			first = m
		default:
			roster(m, 1)
		}
	})
	on(sysreq.AccountStatz, func(m *nats.Msg) {
		mu.Lock()
		defer mu.Unlock()
		at := named(m)
		if at < 0 { // which is asked for when the roster did not come in time
			at = 1
			roster(first, 0)
		}
		_ = m.Respond([]byte("{" + block(at) + `,"data":{"account_statz":[` + sourcetest.Account("APP", 1, 0) + "," + sourcetest.Account("SYS", 0, 0) + "]}}"))
	})
	if err := servers.Flush(); err != nil {
		t.Fatal(err)
	}
	d := audit(t, sourcetest.Connect(t, carrier.ClientURL()), source.Options{Timeout: sourcetest.Brief()})
	sourcetest.Complete(t, d, 3)
}
