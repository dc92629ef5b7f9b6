package wire

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	natsserver "github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/internal/lab"
	"github.com/nats-balance/nats-balance/internal/source/sourcetest"
	"github.com/nats-balance/nats-balance/internal/sysreq"
)

// seenConnection is a connection that can be kept.
type seenConnection struct {
	cid           uint64
	client        bool
	texts         []string // protocol, name, user, language, version and the tags
	more          string   // the MQTT client, whether it uses TLS, and how it ended
	addr          netip.Addr
	start         string
	rtt           time.Duration
	subscriptions uint32
}

func keepConnection(c *Connection) seenConnection {
	s := seenConnection{cid: c.ID, client: c.Client, addr: c.Addr, start: c.Start.Format(time.RFC3339Nano), rtt: c.RTT, subscriptions: c.Subscriptions}
	if len(c.MQTTClient)+len(c.Reason) > 0 || c.TLS || !c.Stop.IsZero() {
		s.more = fmt.Sprintf("%s %v %s %s", c.MQTTClient, c.TLS, c.Reason, c.Stop.Format(time.RFC3339Nano))
	}
	for _, text := range append([][]byte{c.Protocol, c.Name, c.User, c.Language, c.Version}, c.Tags...) {
		s.texts = append(s.texts, string(text))
	}
	return s
}

// pageOf reads a page of a reply, whichever server it is from.
func pageOf(ctx context.Context, d *Decoder, m *nats.Msg, take func(*Connection)) (int, error) {
	body, err := d.Open(m)
	if err != nil {
		return 0, err
	}
	return d.Connections(ctx, body, "", take)
}

func readPage(d *Decoder, m *nats.Msg) ([]seenConnection, error) {
	var out []seenConnection
	n, err := pageOf(context.Background(), d, m, func(c *Connection) { out = append(out, keepConnection(c)) })
	if n != len(out) {
		return nil, fmt.Errorf("%d connections are counted as %d", len(out), n)
	}
	return out, err
}

// connzOf is a reply to CONNZ.
func connzOf(connections ...string) string {
	return head + fmt.Sprintf(`"data":{"server_id":"A","now":"2026-01-01T00:00:00Z","num_connections":%d,"total":1,"offset":0,"limit":1024,"connections":[%s]}}`,
		len(connections), strings.Join(connections, ","))
}

func TestConnectionIsRead(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 5*longestText)
	for what, c := range map[string]struct {
		data string
		want seenConnection
	}{
		"all that is used": {`{"cid":7,"kind":"Client","type":"websocket","ip":"10.1.2.3","port":1,"start":"2026-01-02T03:04:05.6Z","rtt":"1.5ms",
			"subscriptions":3,"name":"a\u003cb","lang":"go","version":"1.55.0","authorized_user":"U","account":"APP","jwt":"x.y.z","tags":["az:a","az:b"]}`,
			seenConnection{7, true, []string{"websocket", "a<b", "U", "go", "1.55.0", "az:a", "az:b"}, "", netip.MustParseAddr("10.1.2.3"), "2026-01-02T03:04:05.6Z", 1500 * time.Microsecond, 3}},
		"MQTT, TLS, and closed": {`{"cid":1,"mqtt_client":"meter-1","tls_version":"1.3","reason":"Kicked","stop":"2026-01-02T03:04:05Z"}`,
			seenConnection{1, true, []string{"", "", "", "", ""}, "meter-1 true Kicked 2026-01-02T03:04:05Z", netip.Addr{}, "0001-01-01T00:00:00Z", 0, 0}},
		"next to nothing": {`{"cid":1}`,
			seenConnection{1, true, []string{"", "", "", "", ""}, "", netip.Addr{}, "0001-01-01T00:00:00Z", 0, 0}},
		"a leafnode": {`{"cid":1,"kind":"Leafnode","ip":"::ffff:10.0.0.1"}`,
			seenConnection{1, false, []string{"", "", "", "", ""}, "", netip.MustParseAddr("10.0.0.1"), "0001-01-01T00:00:00Z", 0, 0}},
		"other kinds of values": {`{"cid":1,"kind":null,"name":{"a":[1]},"lang":5,"ip":"nowhere","start":"then","rtt":"-3s","tags":"az:a","type":[],"version":true}`,
			seenConnection{1, true, []string{"", "", "", "", ""}, "", netip.Addr{}, "0001-01-01T00:00:00Z", 0, 0}},
		"long texts": {`{"cid":1,"name":"` + long + `","authorized_user":"` + long + `","lang":"go","tags":["` + long + `",7,"","b"],"ip":"fe80::1%` + long + `"}`,
			seenConnection{1, true, []string{"", long[:longestText], long[:longestText], "go", "", long[:longestText], "b"}, "", netip.MustParseAddr("fe80::1"), "0001-01-01T00:00:00Z", 0, 0}},
	} {
		for range 2 {
			got, err := readPage(NewDecoder(), &nats.Msg{Data: []byte(connzOf(c.data))})
			if err != nil || len(got) != 1 || !reflect.DeepEqual(got[0], c.want) {
				t.Errorf("%s: %+v, %v\nwant %+v", what, got, err, c.want)
			}
		}
	}
	got, err := readPage(NewDecoder(), &nats.Msg{Data: []byte(connzOf(`{"cid":1,"tags":[` + strings.Repeat(`"t",`, 5*mostTags) + `"t"]}`))})
	if err != nil || len(got) != 1 || len(got[0].texts) != 5+mostTags {
		t.Errorf("%v, of many tags %d texts are kept", err, len(got[0].texts))
	}
}

func TestConnectionsThatCanNotBeRead(t *testing.T) {
	t.Parallel()
	many := make([]string, PageSize+1)
	for i := range many {
		many[i] = fmt.Sprintf(`{"cid":%d}`, i+1)
	}
	for data, want := range map[string]string{
		"":                                  "cut short",
		"busy":                              "malformed",
		"[]":                                "where an object belongs",
		"{}":                                "no data",
		head + `"data":null}`:               "no data",
		head + `"data":{},"data":{}}`:       "data twice",
		head + `"data":{"connections":{}}}`: "where a list belongs",
		head + `"error":{"code":500,"description":"busy"}}`:  "error 500: busy",
		head + `"data":{"connections":[],"connections":[]}}`: "two lists",
		connzOf(`{}`):                           "no ids",
		connzOf(`{"cid":-1}`):                   "not a whole number",
		connzOf(`{"cid":"5"}`):                  "not a whole number",
		connzOf(`{"cid":5}`, `{"cid":5}`):       "out of order",
		connzOf(`{"cid":5}`, `{"cid":4}`):       "out of order",
		connzOf(`{"cid":5}`, `7`):               "where an object belongs",
		connzOf(`{"cid":5,"subscriptions":-1}`): "not a whole number",
		connzOf(`{"cid":5}`)[:150]:              "cut short",
		connzOf(`{"cid":5}`) + "{":              "more after its end",
		connzOf(many...):                        "more connections than were asked for",
		connzOf(`{"cid":5,"name":"` + strings.Repeat("x", 3<<20) + `"}`): "larger than 1 MiB",
		connzOf(`{"cid":5,"x":` + strings.Repeat("[", 20_000)):           "depth",
	} {
		if got, err := readPage(NewDecoder(), &nats.Msg{Data: []byte(data)}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.200q: %d connections, %v; want %q", data, len(got), err, want)
		}
	}
	// A server without the account says so with null.
	if got, err := readPage(NewDecoder(), &nats.Msg{Data: []byte(head + `"data":{"connections":null}}`)}); err != nil || len(got) > 0 {
		t.Errorf("%+v, %v", got, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := pageOf(ctx, NewDecoder(), &nats.Msg{Data: []byte(connzOf())}, nil); err == nil {
		t.Error("it is read though nobody waits any more")
	}
}

// Closed connections are sorted by when they stopped, or by nothing.
func TestClosedConnections(t *testing.T) {
	t.Parallel()
	page := connzOf(`{"cid":5,"reason":"Kicked"}`, `{"cid":4,"reason":"Client Closed"}`, `{"cid":5}`)
	var got []string
	n, err := NewDecoder().Closed(t.Context(), strings.NewReader(page), "A", func(c *Connection) { got = append(got, fmt.Sprintf("%d %s", c.ID, c.Reason)) })
	if want := []string{"5 Kicked", "4 Client Closed", "5 "}; err != nil || n != 3 || !reflect.DeepEqual(got, want) {
		t.Errorf("%v, %v", got, err)
	}
	if _, err := NewDecoder().Closed(t.Context(), strings.NewReader(page), "B", nil); !errors.Is(err, ErrOtherServer) {
		t.Errorf("of another server: %v", err)
	}
}

// A list that has fewer connections than the server says is not all of it.
func TestListThatWasCut(t *testing.T) {
	t.Parallel()
	for says, wrong := range map[string]bool{"2": false, "3": true, "24": true, "0": true, `"x"`: false, "null": false} {
		page := head + `"data":{"server_id":"A","num_connections":` + says + `,"total":24,"connections":[{"cid":4},{"cid":5}]}}`
		if _, err := NewDecoder().Connections(t.Context(), strings.NewReader(page), "A", func(*Connection) {}); (err != nil) != wrong {
			t.Errorf("%s: %v", says, err)
		}
	}
}

// readSlowly is what encoding/json reads, where it can.
func readSlowly(data []byte) ([]seenConnection, bool) {
	type object = map[string]json.RawMessage
	var reply, connz object
	var connections []object
	if json.Unmarshal(data, &reply) != nil || json.Unmarshal(reply["data"], &connz) != nil || connz == nil || reply["error"] != nil ||
		connz["connections"] != nil && json.Unmarshal(connz["connections"], &connections) != nil {
		return nil, false
	}
	var out []seenConnection
	for _, c := range connections {
		text := func(raw json.RawMessage) []byte {
			var s string
			if bytes.HasPrefix(raw, []byte(`"`)) {
				_ = json.Unmarshal(raw, &s)
			}
			return []byte(s[:min(len(s), longestText)])
		}
		kind := string(text(c["kind"]))
		x := Connection{Client: kind == "" || kind == "Client", Protocol: text(c["type"]), Name: text(c["name"]), User: text(c["authorized_user"]),
			Language: text(c["lang"]), Version: text(c["version"]), MQTTClient: text(c["mqtt_client"]), Reason: text(c["reason"]),
			TLS: len(text(c["tls_version"])) > 0}
		if x.Stop.UnmarshalText(text(c["stop"])) != nil {
			x.Stop = time.Time{}
		}
		x.ID, _ = strconv.ParseUint(string(c["cid"]), 10, 64)
		_ = json.Unmarshal(c["subscriptions"], &x.Subscriptions)
		x.Addr, _ = netip.ParseAddr(string(text(c["ip"])))
		x.Addr = x.Addr.Unmap().WithZone("")
		if x.Start.UnmarshalText(text(c["start"])) != nil {
			x.Start = time.Time{}
		}
		rtt, _ := time.ParseDuration(string(text(c["rtt"])))
		x.RTT = max(0, rtt)
		var tags []json.RawMessage
		_ = json.Unmarshal(c["tags"], &tags)
		for _, raw := range tags {
			if tag := text(raw); len(tag) > 0 && len(x.Tags) < mostTags {
				x.Tags = append(x.Tags, tag)
			}
		}
		out = append(out, keepConnection(&x))
	}
	return out, true
}

// realPages are pages of a server with clients of all kinds.
func realPages(t testing.TB) []*nats.Msg {
	t.Helper()
	l := sourcetest.StartLab(t, lab.Topology{Clusters: []lab.Cluster{{Servers: 1, WebSocket: true}}, Accounts: []string{"APP"}})
	for i := range 20 {
		if _, err := l.ConnectRaw(sourcetest.Within(t), lab.RawClients{Account: "APP", Server: l.Server("n1"), Count: 1,
			Name: fmt.Sprintf("client-%d <ü> \\ \"", i), Lang: "python3", Version: "2.9.0"}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := l.Connect(sourcetest.Within(t), lab.Clients{Account: "APP", URLs: []string{l.Server("n1").WebSocketURL("APP")}, Count: 3, Subscriptions: 2}); err != nil {
		t.Fatal(err)
	}
	nc := sourcetest.Connect(t, l.SystemURL())
	var out []*nats.Msg
	for _, header := range []nats.Header{nil, {"Accept-Encoding": []string{"snappy"}}} {
		for _, body := range []string{`{"acc":"APP","auth":true}`, `{"acc":"NOBODY","auth":true}`, `{"sort":"nonsense"}`, `{"limit":2,"offset":3}`} {
			m, err := nc.RequestMsgWithContext(sourcetest.Within(t), &nats.Msg{Subject: sysreq.Connz(l.Server("n1").ID()), Data: []byte(body), Header: header})
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, m)
		}
	}
	return out
}

func TestRealPagesAreReadAsByTheStandardLibrary(t *testing.T) {
	t.Parallel()
	d := NewDecoder()
	most := 0
	for _, m := range realPages(t) {
		plain := []byte(plainOf(t, m))
		got, err := readPage(d, m)
		want, ok := readSlowly(plain)
		if plainly := bytes.Contains(plain, []byte("nonsense")); ok == plainly || ok != (err == nil) || !reflect.DeepEqual(got, want) {
			t.Errorf("%s\nis read as %+v, %v\nwant %+v", plain, got, err, want)
		}
		most = max(most, len(got))
	}
	if most != 23 {
		t.Errorf("%d connections at most, want 23", most)
	}
}

func FuzzConnz(f *testing.F) {
	for _, m := range realPages(f) {
		f.Add([]byte(plainOf(f, m)))
	}
	f.Add([]byte(connzOf(`{"cid":1,"cid":2,"name":"a","name":null}`, `{"cid":9,"tags":["a",1,null,"\ud800"],"ip":"::1","rtt":"1h","start":"2026-01-01T00:00:00Z"}`)))
	f.Add([]byte(head + `"data":{"connections":null}}`))
	f.Add([]byte(head + `"error":{"code":500}}`))
	d := NewDecoder()
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := readPage(NewDecoder(), &nats.Msg{Data: data})
		again, errAgain := readPage(d, &nats.Msg{Data: data})
		if (err == nil) != (errAgain == nil) || !reflect.DeepEqual(got, again) {
			t.Errorf("%q is read as %+v, %v, and after others as %+v, %v", data, got, err, again, errAgain)
		}
		for _, c := range got {
			for _, text := range c.texts {
				if len(text) > longestText {
					t.Errorf("%q has a text of %d bytes", data, len(text))
				}
			}
		}
		if err != nil || !utf8.Valid(data) {
			return
		}
		if want, ok := readSlowly(data); !ok || !reflect.DeepEqual(got, want) {
			t.Errorf("%q is read as\n%+v, want\n%+v", data, got, want)
		}
	})
}

func BenchmarkConnz(b *testing.B) {
	z := natsserver.Connz{}
	for i := range PageSize {
		z.Conns = append(z.Conns, &natsserver.ConnInfo{Cid: uint64(i + 1), Kind: "Client", Type: "nats", IP: fmt.Sprintf("10.0.%d.%d", i/256, i%256), Port: 4000 + i,
			Start: time.Date(2026, 1, 1, 0, 0, i, 5, time.UTC), LastActivity: time.Date(2026, 1, 2, 0, 0, i, 6, time.UTC), RTT: "1.234ms", Uptime: "1d", Idle: "1s",
			InMsgs: 12345, OutMsgs: 23456, InBytes: 345678, OutBytes: 456789, NumSubs: 5, Name: fmt.Sprintf("orders-%d", i), Lang: "go", Version: "1.55.0",
			AuthorizedUser: "UCNGL4W5QX66CFX6A6DCBVDH5VOHMI7B2UZZU7TXAUQQSI2JPHULCKBR", Account: "ADCCBHBBIUGTJRWDPWGQIT4JSUX5BDWVNVRLYBS56XUCLEAZZU4FG6PW",
			JWT: strings.Repeat("eyJ0eXAiOiJKV1QiLCJhbGciOiJlZDI1NTE5LW5r", 20), Tags: []string{"az:a", "team:orders"}})
	}
	plain, err := json.Marshal(&natsserver.ServerAPIResponse{Server: &natsserver.ServerInfo{ID: "A"}, Data: &z})
	if err != nil {
		b.Fatal(err)
	}
	for what, m := range map[string]*nats.Msg{
		"plain":  {Data: plain},
		"snappy": {Data: snappyOf(string(plain)), Header: nats.Header{"Content-Encoding": []string{"snappy"}}},
	} {
		b.Run(what, func(b *testing.B) {
			d := NewDecoder()
			b.ReportAllocs()
			b.SetBytes(int64(len(plain)))
			for b.Loop() {
				if n, err := pageOf(b.Context(), d, m, func(*Connection) {}); err != nil || n != PageSize {
					b.Fatal(n, err)
				}
			}
		})
	}
	b.Run("encoding/json", func(b *testing.B) {
		b.ReportAllocs()
		b.SetBytes(int64(len(plain)))
		for b.Loop() {
			var reply struct {
				Data natsserver.Connz `json:"data"`
			}
			if err := json.Unmarshal(plain, &reply); err != nil || len(reply.Data.Conns) != PageSize {
				b.Fatal(err)
			}
		}
	})
}
