package wire

import (
	"fmt"
	"strings"
	"testing"

	"github.com/nats-balance/nats-balance/internal/lab"
	"github.com/nats-balance/nats-balance/internal/source/sourcetest"
)

const (
	countHead  = `{"type":"t","id":"e","timestamp":"2026-01-02T03:04:05Z","server":{"name":"n1","host":"h","id":"NA","cluster":"C1","ver":"2.15.2","tags":["az:a"],"jetstream":true,"flags":1,"seq":7,"time":"2026-01-02T03:04:05.123Z"},`
	countEvent = countHead + `"acc":"ORDERS","name":"orders","conns":3,"leafnodes":1,"total_conns":4,"num_subscriptions":12,"sent":{"msgs":1,"bytes":2,"gateways":{"msgs":0,"bytes":0}},"received":{"msgs":0,"bytes":0},"slow_consumers":0}`
)

// sameCount reports whether a reader that knows a server reads an event as the JSON
// library does, the first time and the second, and whether it read it where it stands.
func sameCount(t *testing.T, r *CountReader, body []byte) (plain bool) {
	t.Helper()
	want, wrong := decodeAccountConns(body)
	for range 2 {
		head, rest, cut := cutHead(body)
		_, known := r.heads[string(head)]
		plain = false
		if cut && known {
			_, plain = r.plain(rest)
		}
		got, err := r.AccountConns(body)
		if got != want || fmt.Sprint(err) != fmt.Sprint(wrong) {
			t.Errorf("of %q:\n%+v, %v, want\n%+v, %v", body, got, err, want, wrong)
		}
	}
	return plain
}

// What stands as servers write it is read where it stands, and anything else as JSON.
func TestCountReader(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, old, new string
		plain          bool
	}{
		{"as it is", "", "", true},
		{"another number", `"seq":7`, `"seq":123456789012345678`, true},
		{"other counters", `"msgs":1`, `"msgs":987654321`, true},
		{"a new counter", `"slow_consumers":0`, `"slow_consumers":0,"stalled":5`, true},
		{"no name of its own", `"name":"orders"`, `"name":"ORDERS"`, true},
		{"an empty name", `"name":"orders"`, `"name":""`, true},
		{"many connections", `"conns":3`, `"conns":100000000`, true},
		{"too many", `"conns":3`, `"conns":100000001`, false},
		{"a count below 0", `"conns":3`, `"conns":-3`, false},
		{"a fraction", `"conns":3`, `"conns":3.5`, false},
		{"a leading zero", `"conns":3`, `"conns":03`, false},
		{"a number as a text", `"seq":7`, `"seq":"7"`, false},
		{"a number with a leading zero", `"seq":7`, `"seq":07`, false},
		{"no time", `"time":"2026-01-02T03:04:05.123Z"`, `"time":"noon"`, false},
		{"white space", `"conns":3`, `"conns": 3`, false},
		{"an escape", `"acc":"ORDERS"`, `"acc":"ORDER\u0053"`, false},
		{"no ASCII", `"name":"orders"`, `"name":"ö"`, false},
		{"no UTF-8", `"name":"orders"`, "\"name\":\"\xff\"", false},
		{"no account", `"acc":"ORDERS"`, `"acc":""`, false},
		{"a second account", `"slow_consumers":0`, `"acc":"BILLING"`, false},
		{"a second count", `"slow_consumers":0`, `"conns":9`, false},
		{"a second server", `"slow_consumers":0`, `"server":{"seq":9}`, false},
		{"a text behind", `"slow_consumers":0`, `"slow_consumers":"0"`, false},
		{"more behind the end", `"slow_consumers":0}`, `"slow_consumers":0}}`, false},
		{"a line behind the end", `"slow_consumers":0}`, "\"slow_consumers\":0}\n", false},
		{"cut short", `,"slow_consumers":0}`, ``, false},
		{"nothing behind the counts", countEvent[strings.Index(countEvent, `,"total_conns"`):], `}`, false},
		{"an id of wildcards", `"id":"NA"`, `"id":"N.>"`, false},
		{"the number within another object", `"flags":1,"seq":7,"time":"2026-01-02T03:04:05.123Z"`, `"metadata":{"seq":7,"time":"2026-01-02T03:04:05.123Z"}`, false},
		{"the name of the number in a text", `"az:a"`, `"\"seq\":3"`, true},
		{"a head that is no object", `"server":{"name"`, `"server":["name"`, false},
	} {
		body := strings.Replace(countEvent, c.old, c.new, 1)
		if c.old != "" && body == countEvent {
			t.Fatal(c.name)
		}
		r := &CountReader{}
		if _, err := r.AccountConns([]byte(countEvent)); err != nil {
			t.Fatal(err)
		}
		if plain := sameCount(t, r, []byte(body)); plain != c.plain {
			t.Errorf("%s: read where it stands: %v, want %v", c.name, plain, c.plain)
		}
	}
}

// What a real server sends is read where it stands, from the second event on.
func TestCountsOfARealServer(t *testing.T) {
	t.Parallel()
	l := sourcetest.StartLab(t, lab.Topology{Accounts: []string{"APP", "ORDERS"}, Clusters: []lab.Cluster{{Name: "A", Servers: 1}}})
	nc := sourcetest.Connect(t, l.SystemURL())
	events, err := nc.SubscribeSync("$SYS.ACCOUNT.*.SERVER.CONNS")
	if err != nil {
		t.Fatal(err)
	}
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
	r, ctx := &CountReader{}, sourcetest.Within(t)
	for _, account := range []string{"APP", "ORDERS", "APP"} {
		sourcetest.Connect(t, l.Servers()[0].URL(account))
		for {
			m, err := events.NextMsgWithContext(ctx)
			if err != nil {
				t.Fatal(err)
			}
			if !sameCount(t, r, m.Data) {
				t.Errorf("not read where it stands: %s", m.Data)
			}
			if m.Subject == "$SYS.ACCOUNT."+account+".SERVER.CONNS" {
				break
			}
		}
	}
}

// FuzzCountReader holds that events that may hold anything are read as by the JSON
// library, also once their server is known.
func FuzzCountReader(f *testing.F) {
	for _, body := range []string{countEvent, eventConns, eventClient, eventServed, countHead, countEvent + "\n", `null`, `{}`,
		strings.Replace(countEvent, `"slow_consumers":0`, `"Conns":9`, 1), strings.Replace(countEvent, `"slow_consumers":0`, `"con_ns":9`, 1),
		strings.Replace(countEvent, `"seq":7`, `"seq":7,"seq":8`, 1), strings.Replace(countEvent, `"flags":1`, `"metadata":{"seq":"7"}`, 1)} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		r := &CountReader{}
		if _, err := r.AccountConns([]byte(countEvent)); err != nil {
			t.Fatal(err)
		}
		sameCount(t, r, body)
	})
}

// BenchmarkCountReader reads an event where it stands, and as JSON.
func BenchmarkCountReader(b *testing.B) {
	r := &CountReader{}
	for name, read := range map[string]func([]byte) (AccountConns, error){"where it stands": r.AccountConns, "as JSON": decodeAccountConns} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(countEvent)))
			for b.Loop() {
				if _, err := read([]byte(countEvent)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
