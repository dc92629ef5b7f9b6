package wire

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/internal/lab"
	"github.com/nats-balance/nats-balance/internal/source/sourcetest"
)

const (
	eventHead   = `{"type":"t","id":"e","timestamp":"2026-01-02T03:04:05Z","server":{"name":"n1","host":"h","id":"NA","cluster":"C1","ver":"2.15.2","seq":7,"time":"2026-01-02T03:04:05Z"},`
	eventConns  = eventHead + `"acc":"ORDERS","name":"ORDERS","conns":3,"leafnodes":1,"total_conns":4}`
	eventClient = eventHead + `"client":{"start":"2026-01-02T03:04:00Z","stop":"2026-01-02T03:04:05Z","host":"10.0.0.9","id":12,"acc":"ORDERS","user":"u","name":"api-1","lang":"go","ver":"1.55.0","jwt":"eyJ","kind":"Client","client_id":"m"},"reason":"Kicked"}`
	eventServed = `{"name":"n1","host":"h","id":"NA","cluster":"C1","ver":"2.15.2","seq":7,"time":"2026-01-02T03:04:05Z"}`
)

// What events say is what they have, and nothing of a JWT.
func TestEvents(t *testing.T) {
	t.Parallel()
	from := Server{ID: "NA", Name: "n1", Host: "h", Cluster: "C1"}
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	stamp := Stamp{7, at}
	if c, err := new(CountReader).AccountConns([]byte(eventConns)); err != nil || c != (AccountConns{From: from, Stamp: stamp, Account: "ORDERS", Clients: 3, Leafnodes: 1}) {
		t.Errorf("%+v, %v", c, err)
	}
	if c, err := DecodeClientEvent([]byte(eventClient)); err != nil || c != (ClientEvent{From: from, Stamp: stamp, ID: 12, Client: true, Account: "ORDERS",
		Name: "api-1", User: "u", Language: "go", Version: "1.55.0", Host: "10.0.0.9", MQTTClient: "m", Start: at.Add(-5 * time.Second), Stop: at, Reason: "Kicked"}) {
		t.Errorf("%+v, %v", c, err)
	}
	if s, err := DecodeServerEvent([]byte(eventServed)); err != nil || s != (ServerEvent{from, stamp}) {
		t.Errorf("%+v, %v", s, err)
	}
	leaf := strings.Replace(eventClient, `"kind":"Client"`, `"kind":"Leafnode"`, 1)
	if c, err := DecodeClientEvent([]byte(leaf)); err != nil || c.Client {
		t.Errorf("a leafnode: %+v, %v", c, err)
	}
	long := strings.Replace(eventClient, "api-1", strings.Repeat("x", 5000), 1)
	if c, err := DecodeClientEvent([]byte(long)); err != nil || len(c.Name) != longestText {
		t.Errorf("a long name has %d bytes, %v", len(c.Name), err)
	}
}

// An event that no server sends is an error, and counts for nothing.
func TestBadEvents(t *testing.T) {
	t.Parallel()
	conns := func(b string) error { _, err := new(CountReader).AccountConns([]byte(b)); return err }
	client := func(b string) error { _, err := DecodeClientEvent([]byte(b)); return err }
	served := func(b string) error { _, err := DecodeServerEvent([]byte(b)); return err }
	for what, c := range map[string]struct {
		read func(string) error
		body string
		want error // nil is any
	}{
		"no server":          {conns, `{"acc":"A","conns":1,"leafnodes":0}`, ErrNoData},
		"no account":         {conns, strings.Replace(eventConns, `"acc":"ORDERS",`, "", 1), errNoAccount},
		"no count":           {conns, strings.Replace(eventConns, `"conns":3,`, "", 1), errCounts},
		"a count below 0":    {conns, strings.Replace(eventConns, `"conns":3`, `"conns":-3`, 1), errCounts},
		"too many":           {conns, strings.Replace(eventConns, `"conns":3`, `"conns":100000001`, 1), errCounts},
		"leafnodes below 0":  {conns, strings.Replace(eventConns, `"leafnodes":1`, `"leafnodes":-1`, 1), errCounts},
		"a long account":     {conns, strings.Replace(eventConns, `"acc":"ORDERS"`, `"acc":"`+strings.Repeat("A", longestName+1)+`"`, 1), errCounts},
		"a text for a count": {conns, strings.Replace(eventConns, `"conns":3`, `"conns":"3"`, 1), nil},
		"an id of wildcards": {conns, strings.Replace(eventConns, `"id":"NA"`, `"id":"N.>"`, 1), ErrServerID},
		"too long":           {conns, eventConns + strings.Repeat(" ", longestEvent), errLongEvent},
		"no client":          {client, eventHead + `"reason":"x"}`, errNoClient},
		"nobody's client":    {client, strings.Replace(eventClient, `"acc":"ORDERS",`, "", 1), errNoClient},
		"cut short":          {client, eventClient[:len(eventClient)-9], nil},
		"no object":          {served, `[]`, nil},
		"nothing":            {served, ``, nil},
		"no id":              {served, `{"name":"n1"}`, ErrNoData},
	} {
		if err := c.read(c.body); err == nil || c.want != nil && !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", what, err, c.want)
		}
	}
}

// A real server's events are read: a client that comes and goes, one that is
// refused, and the server's own end.
func TestEventsOfAServer(t *testing.T) {
	t.Parallel()
	l := sourcetest.StartLab(t, lab.Topology{Accounts: []string{"APP"}, Clusters: []lab.Cluster{{Name: "A", Servers: 2}}})
	n1, n2 := l.Servers()[0], l.Servers()[1]
	id := n2.ID()
	nc := sourcetest.Connect(t, n1.URL(lab.SystemAccount))
	events, err := nc.SubscribeSync("$SYS.ACCOUNT.*.>")
	if err != nil {
		t.Fatal(err)
	}
	served, err := nc.SubscribeSync("$SYS.SERVER.>")
	if err != nil {
		t.Fatal(err)
	}
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
	ctx := sourcetest.Within(t)
	next := func(s *nats.Subscription, subject string) []byte {
		t.Helper()
		for {
			m, err := s.NextMsgWithContext(ctx)
			if err != nil {
				t.Fatal(subject, err)
			}
			if m.Subject == subject {
				return m.Data
			}
		}
	}
	c, err := nats.Connect(n1.URL("APP"), nats.Name("api-7"))
	if err != nil {
		t.Fatal(err)
	}
	if e, err := new(CountReader).AccountConns(next(events, "$SYS.ACCOUNT.APP.SERVER.CONNS")); err != nil || e.From.ID != n1.ID() || e.Clients != 1 || e.Stamp.Seq == 0 || e.Stamp.Time.IsZero() {
		t.Errorf("%+v, %v", e, err)
	}
	if e, err := DecodeClientEvent(next(events, "$SYS.ACCOUNT.APP.CONNECT")); err != nil || e.Name != "api-7" || !e.Client || e.From.Name != n1.Name() || e.Start.IsZero() {
		t.Errorf("%+v, %v", e, err)
	}
	c.Close()
	if e, err := new(CountReader).AccountConns(next(events, "$SYS.ACCOUNT.APP.SERVER.CONNS")); err != nil || e.Clients != 0 {
		t.Errorf("%+v, %v", e, err)
	}
	if e, err := DecodeClientEvent(next(events, "$SYS.ACCOUNT.APP.DISCONNECT")); err != nil || e.Reason == "" || e.Stop.IsZero() {
		t.Errorf("%+v, %v", e, err)
	}
	if c, err := nats.Connect(n1.ClientURL(), nats.UserInfo("nobody", "x")); err == nil {
		c.Close()
		t.Error("somebody without an account is connected")
	}
	if e, err := DecodeClientEvent(next(served, "$SYS.SERVER."+n1.ID()+".CLIENT.AUTH.ERR")); err != nil || e.Reason == "" || e.From.ID != n1.ID() || e.User != "nobody" {
		t.Errorf("%+v, %v", e, err)
	}
	n2.Shutdown()
	if e, err := DecodeServerEvent(next(served, "$SYS.SERVER."+id+".SHUTDOWN")); err != nil || e.From.ID != id || e.From.Cluster != "A" {
		t.Errorf("%+v, %v", e, err)
	}
}

// FuzzEvents has events that may hold anything: they are read or refused, and what
// is read makes sense.
func FuzzEvents(f *testing.F) {
	for _, body := range []string{eventConns, eventClient, eventServed, `null`, `{}`, `{"server":{"id":"A"},"client":{}}`, `{"server":null,"acc":"A","conns":1e9,"leafnodes":0}`} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		if c, err := new(CountReader).AccountConns(body); err == nil && (c.From.ID == "" || c.Account == "" || c.Clients > mostCount || c.Leafnodes > mostCount || c.Name == c.Account) {
			t.Errorf("CONNS of %q: %+v", body, c)
		}
		if c, err := DecodeClientEvent(body); err == nil && (c.From.ID == "" || c.Account == "" || len(c.Name) > longestText || len(c.Reason) > longestText) {
			t.Errorf("CONNECT of %q: %+v", body, c)
		}
		if s, err := DecodeServerEvent(body); err == nil && s.From.ID == "" {
			t.Errorf("SHUTDOWN of %q: %+v", body, s)
		}
	})
}
