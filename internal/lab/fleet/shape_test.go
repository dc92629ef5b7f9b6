package fleet

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// onlySim are paths that the fleet sends and this real server does not,
// with the reason. There is nothing that only the real one sends.
var onlySim = map[string]string{
	".data.connections[].issuer_key":  "the fleet is in operator mode: users are nkeys",
	".data.connections[].mqtt_client": "the real server has no MQTT client",
}

// shape collects every path of a document with the JSON types found there.
func shape(into map[string]map[string]bool, path string, v any) {
	kind := fmt.Sprintf("%T", v)
	switch x := v.(type) {
	case map[string]any:
		kind = "object"
		for k, e := range x {
			shape(into, path+"."+k, e)
		}
	case []any:
		kind = "array"
		for _, e := range x {
			shape(into, path+"[]", e)
		}
	}
	if into[path] == nil {
		into[path] = map[string]bool{}
	}
	into[path][kind] = true
}

// realSuper starts servers a1 and a2 in cluster A and b1 in cluster B, with
// two accounts and clients of both on a1.
func realSuper(t *testing.T) *nats.Conn {
	t.Helper()
	var servers []*server.Server
	gateways := []*server.RemoteGatewayOpts{}
	start := func(name, cluster string, routes []*url.URL) {
		sys, orders := server.NewAccount("SYS"), server.NewAccount("ORDERS")
		o := &server.Options{ServerName: name, Host: "127.0.0.1", Port: -1, NoLog: true, NoSigs: true, MaxConn: 1000,
			Accounts: []*server.Account{sys, orders}, SystemAccount: "SYS", Tags: []string{"az:a"}, Routes: routes,
			Users: []*server.User{{Username: "sys", Password: "sys", Account: sys},
				{Username: "orders", Password: "orders", Account: orders}},
			Cluster: server.ClusterOpts{Name: cluster, Host: "127.0.0.1", Port: -1},
			Gateway: server.GatewayOpts{Name: cluster, Host: "127.0.0.1", Port: -1, Gateways: gateways}}
		s, err := server.NewServer(o)
		if err != nil {
			t.Fatal(err)
		}
		s.Start()
		t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
		if !s.ReadyForConnections(30 * time.Second) {
			t.Fatal("a server does not start")
		}
		servers = append(servers, s)
		if len(gateways) == 0 {
			u, _ := url.Parse("nats://" + s.GatewayAddr().String())
			gateways = append(gateways, &server.RemoteGatewayOpts{Name: cluster, URLs: []*url.URL{u}})
		}
	}
	start("b1", "B", nil)
	start("a2", "A", nil)
	route, _ := url.Parse("nats://" + servers[1].ClusterAddr().String())
	start("a1", "A", []*url.URL{route}) // the last one has routes and gateways in its configuration
	a1 := servers[2]
	connect := func(user string) *nats.Conn {
		nc, err := nats.Connect("nats://"+user+":"+user+"@"+a1.Addr().String(), nats.Name(user), nats.Timeout(30*time.Second))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(nc.Close)
		return nc
	}
	for range 2 {
		nc := connect("orders")
		if _, err := nc.Subscribe("orders.>", func(*nats.Msg) {}); err != nil {
			t.Fatal(err)
		}
		if err := nc.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	deadline := time.Now().Add(30 * time.Second)
	for a1.NumRoutes() < 4 || a1.NumOutboundGateways() < 1 {
		if time.Now().After(deadline) {
			t.Fatal("the super-cluster does not form")
		}
		time.Sleep(10 * time.Millisecond)
	}
	return connect("sys")
}

// TestShapes asks a real server and a simulated one the same and compares
// keys, JSON types and headers.
func TestShapes(t *testing.T) {
	t.Parallel()
	real := realSuper(t)
	f, sim := startTest(t, Size{Servers: 6, Clusters: 2, Accounts: 30, Connections: 900, Seed: 3, Skewed: 1})
	truth := f.Truth()
	s := truth.Servers[1]
	one := ask(t, real, "$SYS.REQ.SERVER.PING", `{"server_name":"a1","exact_match":true}`, "", 1)[0]
	var stats server.ServerStatsMsg
	if err := json.Unmarshal(one.Data, &stats); err != nil {
		t.Fatal(err)
	}
	realVars := strings.NewReplacer("<NAME>", "a1", "<ID>", stats.Server.ID, "<ACC>", "ORDERS")
	simVars := strings.NewReplacer("<NAME>", s.Name, "<ID>", s.ID, "<ACC>", truth.Accounts[s.Accounts[0].Account].ID)
	used := map[string]bool{}
	const only = `"server_name":"<NAME>","exact_match":true`
	for _, c := range []struct{ what, subject, body string }{
		{"statsz", "$SYS.REQ.SERVER.PING", `{` + only + `}`},
		{"statsz", "$SYS.REQ.SERVER.PING.STATSZ", `{` + only + `}`},
		{"statsz", "$SYS.REQ.SERVER.<ID>.STATSZ", ``},
		{"error", "$SYS.REQ.SERVER.<ID>.STATSZ", `{"server_name":3}`},
		{"statz", "$SYS.REQ.ACCOUNT.PING.STATZ", `{` + only + `}`},
		{"statz", "$SYS.REQ.ACCOUNT.PING.STATZ", `{` + only + `,"include_unused":true}`},
		{"statz", "$SYS.REQ.ACCOUNT.PING.STATZ", `{` + only + `,"accounts":["<ACC>","nope"]}`},
		{"statz", "$SYS.REQ.ACCOUNT.PING.STATZ", `{` + only + `,"accounts":["nope"],"include_unused":true}`},
		{"statz", "$SYS.REQ.ACCOUNT.<ACC>.STATZ", `{` + only + `}`},
		{"varz", "$SYS.REQ.SERVER.PING.VARZ", `{` + only + `}`},
		{"varz", "$SYS.REQ.SERVER.<ID>.VARZ", ``},
		{"error", "$SYS.REQ.SERVER.<ID>.VARZ", `not JSON`},
		{"connz", "$SYS.REQ.SERVER.PING.CONNZ", `{` + only + `}`},
		{"connz", "$SYS.REQ.SERVER.<ID>.CONNZ", ``},
		{"connz", "$SYS.REQ.SERVER.<ID>.CONNZ", `{"auth":true,"subscriptions":true,"acc":"<ACC>"}`},
		{"connz", "$SYS.REQ.SERVER.<ID>.CONNZ", `{"auth":true,"subscriptions_detail":true,"acc":"<ACC>","sort":"subs","limit":1}`},
		{"connz", "$SYS.REQ.SERVER.<ID>.CONNZ", `{"acc":"nope"}`},
		{"connz", "$SYS.REQ.SERVER.<ID>.CONNZ", `{"offset":100000,"limit":5}`},
		{"connz", "$SYS.REQ.SERVER.<ID>.CONNZ", `{"state":1}`},
		{"connz", "$SYS.REQ.SERVER.<ID>.CONNZ", `{"cid":99999999}`},
		{"error", "$SYS.REQ.SERVER.<ID>.CONNZ", `{"sort":"stop"}`},
		{"error", "$SYS.REQ.SERVER.<ID>.CONNZ", `{"sort":"wrong"}`},
		{"error", "$SYS.REQ.SERVER.<ID>.CONNZ", `{"filter_subject":"a"}`},
		{"connz", "$SYS.REQ.ACCOUNT.<ACC>.CONNZ", `{` + only + `,"auth":true}`},
		{"routez", "$SYS.REQ.SERVER.<ID>.ROUTEZ", ``},
		{"info", "$SYS.REQ.ACCOUNT.<ACC>.INFO", `{` + only + `}`},
		{"error", "$SYS.REQ.ACCOUNT.nope.INFO", `{` + only + `}`},
	} {
		for _, accept := range []string{"", "snappy", "gzip", "br"} {
			t.Run(c.subject+" "+c.body+" "+accept, func(t *testing.T) {
				a := askOne(t, real, realVars.Replace(c.subject), realVars.Replace(c.body), accept)
				b := askOne(t, sim, simVars.Replace(c.subject), simVars.Replace(c.body), accept)
				if !reflect.DeepEqual(a.Header, b.Header) {
					t.Errorf("headers: real %v, fleet %v", a.Header, b.Header)
				}
				compareShapes(t, used, c.what, plainData(t, a), plainData(t, b))
			})
		}
	}
	for path := range onlySim {
		if !used[path] {
			t.Errorf("%q is excused in vain", path)
		}
	}
}

// askOne is ask for one reply, without waiting for a second.
func askOne(t *testing.T, nc *nats.Conn, subject, body, accept string) *nats.Msg {
	t.Helper()
	req := nats.NewMsg(subject)
	req.Data = []byte(body)
	if accept != "" {
		req.Header.Set("Accept-Encoding", accept)
	}
	m, err := nc.RequestMsg(req, 30*time.Second)
	if err != nil {
		t.Fatal(subject, body, err)
	}
	return m
}

func compareShapes(t *testing.T, used map[string]bool, what string, realJSON, simJSON []byte) {
	t.Helper()
	shapes := [2]map[string]map[string]bool{{}, {}}
	for i, b := range [][]byte{realJSON, simJSON} {
		var v any
		if err := json.Unmarshal(b, &v); err != nil {
			t.Fatalf("%v in %s", err, b)
		}
		shape(shapes[i], "", v)
	}
	for _, path := range slices.Sorted(maps.Keys(shapes[0])) {
		switch sim, ok := shapes[1][path]; {
		case !ok:
			t.Errorf("a real server sends %s %v", path, shapes[0][path])
		case !reflect.DeepEqual(sim, shapes[0][path]):
			t.Errorf("%s: real %v, fleet %v", path, shapes[0][path], sim)
		}
	}
	for _, path := range slices.Sorted(maps.Keys(shapes[1])) {
		switch _, ok := onlySim[path]; {
		case shapes[0][path] != nil:
		case ok:
			used[path] = true
		default:
			t.Errorf("only the fleet sends %s %v", path, shapes[1][path])
		}
	}
	if what == "error" {
		errorOf := func(b []byte) (v struct {
			Error server.ApiError `json:"error"`
		}) {
			_ = json.Unmarshal(b, &v) // decoded above
			return v
		}
		if a, b := errorOf(realJSON), errorOf(simJSON); a != b || a.Error.Code == 0 {
			t.Errorf("error: real %+v, fleet %+v", a, b)
		}
	}
}
