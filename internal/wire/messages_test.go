package wire

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-balance/nats-balance/internal/lab"
	"github.com/nats-balance/nats-balance/internal/source/sourcetest"
	"github.com/nats-balance/nats-balance/internal/sysreq"
)

// asPage is the page of a monitoring port with the same data as a reply.
func asPage(data string) string { return `{"server_id":"A",` + strings.TrimPrefix(data, "{") }

func asReply(data string) string { return head + `"data":` + data + `}` }

// A reply and a page with the same data say the same.
func TestReplyAndPageSayTheSame(t *testing.T) {
	t.Parallel()
	const (
		varz    = `{"connections":3,"leafnodes":1,"max_connections":9,"now":"2026-01-02T03:04:05Z","start":"2026-01-01T03:04:05Z","system_account":"SYS","port":4222,"mqtt":{"port":1883},"tags":["az:a"],"cpu":150,"cores":4,"gomaxprocs":2,"slow_consumers":7}`
		routez  = `{"routes":[{"remote_id":"B","remote_name":"n2","ip":"10.0.0.2"},{"remote_id":"B","remote_name":"n2","ip":"10.0.0.2"},{"remote_id":"","ip":"10.0.0.3"},{"remote_id":"A","ip":"10.0.0.1"},{"remote_id":"C","ip":"?"}]}`
		gateway = `{"outbound_gateways":{"C3":{},"C2":{}},"inbound_gateways":{"C2":[{}],"":null}}`
		list    = `{"system_account":"SYS","accounts":["APP","SYS"]}`
		report  = `{"account_statz":[{"acc":"APP","name":"app","conns":3,"leafnodes":1},{"acc":"IDLE","name":"IDLE","conns":0,"leafnodes":0}]}`
		conns   = `{"now":"2026-01-02T03:04:05Z","connections":[{"cid":3,"kind":"Client","account":"APP","last_activity":"2026-01-02T03:04:00Z","pending_bytes":7}]}`
	)
	start := time.Date(2026, 1, 1, 3, 4, 5, 0, time.UTC)
	three, one, nine := 3, 1, 9
	for form, as := range map[string]func(string) string{"reply": asReply, "page": asPage} {
		wrong := func(what string, got any, err error) {
			t.Errorf("%s of a %s: %+v, %v", what, form, got, err)
		}
		v, err := DecodeVarz([]byte(as(varz)))
		config := Config{Port: 4222, MQTT: 1883, Tags: []string{"az:a"}}
		if err != nil || v.From.ID != "A" || v.System != "SYS" || !v.Start.Equal(start) || !v.Now.Equal(start.Add(24*time.Hour)) ||
			!reflect.DeepEqual([]*int{v.Connections, v.Leafnodes, v.MaxConnections}, []*int{&three, &one, &nine}) || v.Gateway ||
			!reflect.DeepEqual(*v.Config, config) || *v.Load != (Load{7, 150, 2}) {
			wrong("varz", v, err)
		}
		r, err := DecodeRoutez([]byte(as(routez)))
		if err != nil || r.From.ID != "A" || !reflect.DeepEqual(r.Peers, []Peer{{ID: "B", Name: "n2", Addr: netip.MustParseAddr("10.0.0.2"), Shared: 2}, {ID: "C", Shared: 1}}) {
			wrong("routez", r, err)
		}
		g, err := DecodeGatewayz([]byte(as(gateway)))
		if err != nil || g.From.ID != "A" || !slices.Equal(g.Clusters, []string{"C2", "C3"}) {
			wrong("gatewayz", g, err)
		}
		z, err := DecodeAccountz([]byte(as(list)))
		if err != nil || z.From.ID != "A" || z.System != "SYS" || !slices.Equal(z.Accounts, []string{"APP", "SYS"}) {
			wrong("accountz", z, err)
		}
		d, in := NewDecoder(), NewAccounts()
		s, err := d.ReportPage(t.Context(), strings.NewReader(as(report)), in)
		if err != nil || s.From.ID != "A" || len(s.Usage) != 1 || s.Usage[0].Connections != 3 || in.All()[0].Name != "app" {
			wrong("statz", s, err)
		}
		from, rows, err := d.Rows(t.Context(), strings.NewReader(as(report)))
		if err != nil || from.ID != "A" || !slices.Equal(rows, []Row{{"APP", "app", 3, 1}, {"IDLE", "IDLE", 0, 0}}) {
			wrong("rows", rows, err)
		}
		n, err := d.Connections(t.Context(), strings.NewReader(as(conns)), "A", func(c *Connection) {
			if c.ID != 3 || !c.Client || string(c.Account) != "APP" || c.Idle != 5*time.Second || c.Pending != 7 {
				wrong("connections", c, nil)
			}
		})
		if err != nil || n != 1 {
			wrong("connections", n, err)
		}
		if _, err := d.Connections(t.Context(), strings.NewReader(as(conns)), "B", func(*Connection) { t.Error("taken from another server") }); !errors.Is(err, ErrOtherServer) {
			wrong("connections from another server", nil, err)
		}
		if id := Sender([]byte(as(conns))); id != "A" {
			wrong("sender", id, nil)
		}
	}
	info := `{"account_name":"APP","name_tag":"app","is_system":true,"complete":true,"client_connections":3,"leafnode_connections":1}`
	for _, body := range []string{asReply(info), asPage(`{"account_detail":` + info + `}`)} {
		got, err := DecodeAccountInfo([]byte(body))
		if err != nil || got.From.ID != "A" || got.ID != "APP" || got.Name != "app" || !got.System || got.Expired || !got.Complete || *got.Counts != (AccountCounts{3, 1}) {
			t.Errorf("%s: %+v, %v", body, got, err)
		}
	}
}

// A page says of the server what the envelope of a reply does.
func TestVarzPageNamesTheServer(t *testing.T) {
	t.Parallel()
	for more, want := range map[string]Server{
		`"cluster":{"name":"C1"}`:                        {"A", "n1", "h", "C1"},
		`"cluster":{"name":"C1"},"gateway":{"name":"G"}`: {"A", "n1", "h", "G"},
		`"leaf":{"remotes":[{}]}`:                        {"A", "n1", "h", "n1"},
		`"leaf":{}`:                                      {"A", "n1", "h", ""},
	} {
		v, err := DecodeVarz([]byte(`{"server_id":"A","server_name":"n1","host":"h",` + more + `}`))
		if err != nil || v.From != want {
			t.Errorf("%s: %+v, %v; want %+v", more, v.From, err, want)
		}
	}
}

// What another version has in another kind of value is not told; a listener that
// can't be read makes all of them unknown, not absent.
func TestVarzOfAnotherVersion(t *testing.T) {
	t.Parallel()
	v, err := DecodeVarz([]byte(asReply(`{"connections":3,"leafnodes":"none","max_connections":-5,"start":7,"mqtt":"no","cpu":"high"}`)))
	if err != nil || *v.Connections != 3 || v.Leafnodes != nil || v.MaxConnections != nil || !v.Start.IsZero() || v.Config != nil || v.Load != nil {
		t.Errorf("%+v, %v", v, err)
	}
}

// What a server is configured with is read within bounds, and not known where it is
// of another kind.
func TestConfiguredLinks(t *testing.T) {
	t.Parallel()
	links := func(more string) *ConfiguredLinks {
		v, err := DecodeVarz([]byte(`{"server":{"id":"A"},"data":{"connections":1` + more + `}}`))
		if err != nil {
			t.Fatal(err)
		}
		return v.Links
	}
	if l := links(""); l == nil || l.Host != "" || l.Port != 0 || len(l.Routes)+len(l.Clusters) != 0 {
		t.Errorf("of none: %+v", l)
	}
	l := links(`,"cluster":{"name":"C","addr":"10.0.0.1","cluster_port":6222,"urls":["a:1","b:2"]},"gateway":{"name":"C","gateways":[{"name":"D","urls":["x:1"]},{"name":"C"},{"name":"D"}]}`)
	if l == nil || l.Host != "10.0.0.1" || l.Port != 6222 || !slices.Equal(l.Routes, []string{"a:1", "b:2"}) || !slices.Equal(l.Clusters, []string{"C", "D"}) {
		t.Errorf("%+v", l)
	}
	for _, more := range []string{`,"cluster":{"urls":"a:1"}`, `,"gateway":{"gateways":7}`, `,"cluster":[]`} {
		if l := links(more); l != nil {
			t.Errorf("%s: %+v", more, l)
		}
	}
	long := strings.Repeat("x", longestConnectURL+1)
	var urls, gateways []string
	for i := range 2 * mostRoutes {
		urls, gateways = append(urls, fmt.Sprintf(`"%d:1"`, i)), append(gateways, fmt.Sprintf(`{"name":"%d"}`, i))
	}
	l = links(fmt.Sprintf(`,"cluster":{"addr":%q,"cluster_port":-1,"urls":[%q,%s]},"gateway":{"gateways":[{"name":%q},%s]}`, long, long, strings.Join(urls, ","), long, strings.Join(gateways, ",")))
	if l == nil || l.Host != "" || l.Port != 0 || len(l.Routes) != mostRoutes || len(l.Clusters) != mostGateways || slices.Contains(l.Routes, long) || slices.Contains(l.Clusters, long) {
		t.Errorf("%d routes, %d gateways", len(l.Routes), len(l.Clusters))
	}
}

// What is not a message of a server is an error, and says who sent it where it
// can.
func TestMessagesThatCanNotBeRead(t *testing.T) {
	t.Parallel()
	decode := map[string]func([]byte) (Server, error){
		"heartbeat": func(b []byte) (Server, error) { v, err := DecodeHeartbeat(b); return v.From, err },
		"varz":      func(b []byte) (Server, error) { v, err := DecodeVarz(b); return v.From, err },
		"routez":    func(b []byte) (Server, error) { v, err := DecodeRoutez(b); return v.From, err },
		"gatewayz":  func(b []byte) (Server, error) { v, err := DecodeGatewayz(b); return v.From, err },
		"accountz":  func(b []byte) (Server, error) { v, err := DecodeAccountz(b); return v.From, err },
		"info":      func(b []byte) (Server, error) { v, err := DecodeAccountInfo(b); return v.From, err },
		"statsz":    func(b []byte) (Server, error) { v, err := DecodeStatsz(b); return v.From, err },
	}
	for body, want := range map[string]struct{ id, says string }{
		``:                                  {"", "malformed"},
		`null`:                              {"", "no server or no data"},
		`[]`:                                {"", "malformed"},
		`{}`:                                {"", "no server or no data"},
		`<html>`:                            {"", "malformed"},
		`{"server":{"id":"A"}}`:             {"A", "no server or no data"},
		`{"server":{"id":"A"},"data":null}`: {"A", "no server or no data"},
		`{"server":{"id":7},"data":{}}`:     {"", "malformed"},
		`{"data":{}}`:                       {"", "no server or no data"},
		`{"server_id":"","data":null}`:      {"", "no server or no data"},
		head + `"error":{"code":500,"description":"busy"}}`: {"A", "it answered with error 500: busy"},
	} {
		for what, f := range decode {
			if from, err := f([]byte(body)); err == nil || !strings.Contains(err.Error(), want.says) || from.ID != want.id {
				t.Errorf("%s: %s is of %q, %v; want %q", what, body, from.ID, err, want.says)
			}
		}
	}
	if err := DecodeDone([]byte(`{"server":{"id":"A"}}`), "A"); err != nil {
		t.Errorf("a reply without data: %v", err)
	}
	if err := DecodeDone([]byte(`{"server":{"id":"B"}}`), "A"); !errors.Is(err, ErrOtherServer) {
		t.Errorf("a reply of another server: %v", err)
	}
}

func TestUserInfo(t *testing.T) {
	t.Parallel()
	u, err := DecodeUserInfo([]byte(`{"server":{},"data":{"user":"U","account":"AXX","account_name":"ORDERS"}}`))
	if err != nil || u != (User{"AXX", "ORDERS"}) {
		t.Errorf("%+v, %v", u, err)
	}
	for _, body := range []string{``, `{}`, `{"data":{"account":""}}`, `{"data":null}`, `{"error":{"code":500}}`} {
		if u, err := DecodeUserInfo([]byte(body)); err == nil {
			t.Errorf("%s is %+v", body, u)
		}
	}
}

// FuzzMessages has replies and pages that may hold anything: they are read or
// refused, and what is read makes sense.
func FuzzMessages(f *testing.F) {
	l := sourcetest.StartLab(f, lab.Topology{Clusters: []lab.Cluster{{Name: "A", Servers: 2, MaxConnections: 99}, {Name: "B", Servers: 1}}})
	nc := sourcetest.Connect(f, l.SystemURL())
	id := l.Servers()[0].ID()
	for _, subject := range []string{sysreq.UserInfo, sysreq.Statsz, sysreq.AccountStatz, sysreq.Varz(id), sysreq.Routez(id), sysreq.Connz(id), "$SYS.REQ.SERVER." + id + ".GATEWAYZ", sysreq.AccountInfo(lab.SystemAccount)} {
		m, err := nc.RequestWithContext(sourcetest.Within(f), subject, nil)
		if err != nil {
			f.Fatal(subject, err)
		}
		f.Add(m.Data)
	}
	for _, body := range []string{
		head + `"statsz":{"start":"2026-01-01T00:00:00Z","connections":3,"active_servers":5,"routes":[{"name":"q"},null],"gateways":[{"name":"D"}]}}`,
		head + `"statsz":{"connections":-1,"active_servers":100001}}`, head + `"statsz":null,"error":null}`,
		head + `"error":{"code":500,"description":"busy"}}`, head + `"data":null,"error":{"code":500,"description":"Account APP does not exist"}}`,
		asReply(`{"connections":0,"leafnodes":0,"max_connections":-5}`), asReply(`{"connections":0}`), asReply(`{"account_name":"APP","expired":true}`),
		asReply(`{"routes":[{"remote_id":"B","ip":"::1"},null]}`), asReply(`{"account_statz":[{"acc":"A","conns":4294967295}]}`), asReply(`{"account_statz":[]}`),
		asReply(`{"connections":[{"cid":1,"pending_bytes":-9,"last_activity":"9999-01-02T03:04:00Z"}]}`), asReply(`{"connections":[null]}`),
		`{"server_id":"A","server_name":"n1","host":"0.0.0.0","port":4222,"connections":3,"max_connections":9,"now":"2026-01-02T03:04:05Z","cluster":{"name":"C1"},"gateway":{"name":"C1"},"connect_urls":["10.0.0.1:4222"],"system_account":"SYS","tags":["az:a"]}`,
		"{\n  \"server_id\": \"A\",\n  \"account_statz\": [\n    {\n      \"acc\": \"APP\",\n      \"conns\": 3,\n      \"sent\": {\n        \"msgs\": 1\n      }\n    }\n  ]\n}",
		`{"server_id":"A","num_routes":1,"routes":[{"remote_id":"B","remote_name":"n2","ip":"10.0.0.2"},{"remote_id":"","ip":"::ffff:10.0.0.3"}]}`,
		`{"server_id":"A","outbound_gateways":{"C2":{"configured":true}},"inbound_gateways":{"C2":[{"configured":false}],"C3":null}}`,
		`{"server_id":"A","total":2,"connections":[{"cid":3,"kind":"Client","type":"nats","ip":"10.0.0.9","lang":"go","subscriptions_list":["a"]},{"cid":4,"kind":"Leafnode"}]}`,
		`{"server_id":"","connections":null}`, `{"server_id":"A","account_detail":{"account_name":"APP","expired":false,"complete":false}}`,
		`{},"server":{"id":"A"},"data":{}`, `<html>`, `[]`, `null`, `{"server_id":"A","account_statz":null}`, ``, `{"server_id":"A","server":{"id":"B"},"data":{}}`,
	} {
		f.Add([]byte(body))
	}
	d := NewDecoder()
	f.Fuzz(func(t *testing.T, body []byte) {
		wrong := func(what string, got any) { t.Errorf("%s of %q: %+v", what, body, got) }
		count := func(n *int) bool { return n == nil || *n >= 0 && *n <= mostCount }
		if s, err := DecodeStatsz(body); err == nil && (s.From.ID == "" || s.Connections < 0 || s.Connections > mostCount || s.Servers < 0 || s.Servers > MostServers || len(s.Peers)+len(s.Gateways) > MostServers) {
			wrong("STATSZ", s)
		} else if beat, failed := DecodeHeartbeat(body); err == nil {
			if beat.Peers, beat.Gateways = s.Peers, s.Gateways; failed != nil || !reflect.DeepEqual(beat, s) {
				wrong("heartbeat", beat)
			}
		}
		if v, err := DecodeVarz(body); err == nil && (v.From.ID == "" || !count(v.Connections) || !count(v.Leafnodes) || v.MaxConnections != nil && *v.MaxConnections <= 0 ||
			v.Config != nil && (v.Config.Port < 0 || v.Config.Port > 65535 || len(v.Config.Tags) > mostTags || len(v.Config.ConnectURLs) > mostConnectURLs) ||
			v.Load != nil && v.Load.Processors < 1) {
			wrong("VARZ", v)
		}
		if r, err := DecodeRoutez(body); err == nil && (r.From.ID == "" || slices.ContainsFunc(r.Peers, func(p Peer) bool { return p.ID == "" || p.ID == r.From.ID })) {
			wrong("ROUTEZ", r)
		}
		if g, err := DecodeGatewayz(body); err == nil && (g.From.ID == "" || slices.Contains(g.Clusters, "") || !slices.IsSorted(g.Clusters)) {
			wrong("GATEWAYZ", g)
		}
		if z, err := DecodeAccountz(body); err == nil && z.From.ID == "" {
			wrong("ACCOUNTZ", z)
		}
		if i, err := DecodeAccountInfo(body); err == nil && (i.From.ID == "" || i.Counts != nil && (i.Counts.Clients > mostCount || i.Counts.Leafnodes > mostCount)) {
			wrong("INFO", i)
		}
		if u, err := DecodeUserInfo(body); err == nil && u.Account == "" {
			wrong("USER.INFO", u)
		}
		_ = Sender(body)
		from, rows, err := d.Rows(t.Context(), bytes.NewReader(body))
		if (err != nil) && rows != nil || err == nil && from.ID == "" || slices.ContainsFunc(rows, func(r Row) bool { return r.ID == "" || r.Connections > mostCount || r.Leafnodes > mostCount }) {
			wrong("STATZ", rows)
		}
		in := NewAccounts()
		if r, err := d.ReportPage(t.Context(), bytes.NewReader(body), in); err == nil {
			for _, u := range r.Usage {
				if int(u.Account) >= len(in.All()) || u.Connections+u.Leafnodes == 0 {
					wrong("STATZ", u)
				}
			}
		}
		last, taken := uint64(0), 0
		n, err := d.Connections(t.Context(), bytes.NewReader(body), "A", func(c *Connection) {
			if c.ID <= last || len(c.Name) > longestText || c.Idle < 0 || c.Pending < 0 {
				wrong("CONNZ", c)
			}
			last = c.ID
			taken++
		})
		if n != taken || n > PageSize {
			wrong("CONNZ", fmt.Sprint(n, taken, err))
		}
	})
}

// An id that can't be one of a server is refused where a message is decoded, and
// its sender keeps its name.
func TestIDsThatNoServerHas(t *testing.T) {
	t.Parallel()
	for _, id := range []string{"A B", "A\\r\\nPUB x 0", ">", "A.B", "*", "é", strings.Repeat("N", 129)} {
		from := `{"server":{"id":"` + id + `","name":"n1","cluster":"C"},`
		r, err := DecodeStatsz([]byte(from + `"statsz":{"connections":1}}`))
		if !errors.Is(err, ErrServerID) || r.From.ID != "" || r.From.Name != "n1" || r.From.Cluster != "C" {
			t.Errorf("roster of %q: %+v, %v", id, r.From, err)
		}
		sender, _, err := NewDecoder().Rows(t.Context(), strings.NewReader(from+`"data":{"account_statz":[]}}`))
		if !errors.Is(err, ErrServerID) || sender.ID != "" || sender.Name != "n1" {
			t.Errorf("report of %q: %+v, %v", id, sender, err)
		}
		if v, err := DecodeVarz([]byte(from + `"data":{"connections":1}}`)); !errors.Is(err, ErrServerID) || v.From.ID != "" {
			t.Errorf("VARZ of %q: %+v, %v", id, v.From, err)
		}
	}
}

// What is off in one field of a roster leaves the others as they are.
func TestRosterWithAFieldThatIsOff(t *testing.T) {
	t.Parallel()
	for _, off := range []string{`"start":"yesterday"`, `"start":-1`, `"active_servers":-1`, `"active_servers":"many"`, `"active_accounts":{}`, `"routes":7`, `"gateways":"C2"`} {
		r, err := DecodeStatsz([]byte(`{"server":{"id":"A","name":"n1","ver":7},"statsz":{"connections":3,` + off + `}}`))
		if err != nil || r.From.ID != "A" || r.Connections != 3 || r.Servers != 0 || !r.Start.IsZero() {
			t.Errorf("%s: %+v, %v", off, r, err)
		}
	}
}
