package fleet

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

func TestPing(t *testing.T) {
	t.Parallel()
	f, nc := startTest(t, smallFleet)
	truth, n := f.Truth(), smallFleet.Servers
	for _, subject := range []string{"$SYS.REQ.SERVER.PING", "$SYS.REQ.SERVER.PING.STATSZ"} {
		all := decode(t, ask(t, nc, subject, "", "snappy", n+1), func(m *server.ServerStatsMsg) string { return m.Server.ID })
		for _, m := range all {
			if m.Stats.ActiveServers != n+1 {
				t.Errorf("%s knows %d servers, not %d", m.Server.Name, m.Stats.ActiveServers, n+1)
			}
		}
		for _, s := range truth.Servers {
			m := all[s.ID]
			if m == nil || m.Server.Name != s.Name || m.Server.Host != s.Host || m.Server.Cluster != s.Cluster ||
				m.Stats.Connections != s.Connections+s.SystemConnections || !m.Stats.Start.Equal(s.Start) {
				t.Errorf("%+v of %+v", m, s)
			}
		}
		if all[truth.CarrierID] == nil || all[truth.CarrierID].Server.Name != truth.CarrierName {
			t.Error("the carrier did not answer")
		}
	}
	s := truth.Servers[n-1]
	m := decode(t, ask(t, nc, "$SYS.REQ.SERVER."+s.ID+".STATSZ", "", "", 1),
		func(m *server.ServerStatsMsg) string { return m.Server.ID })[s.ID]
	routes, gateways := 0, len(truth.Clusters)-1
	for _, other := range truth.Servers {
		if other.Cluster == s.Cluster && other.ID != s.ID {
			routes += 4
		}
	}
	if len(m.Stats.Routes) != routes || len(m.Stats.Gateways) != gateways {
		t.Error(len(m.Stats.Routes), len(m.Stats.Gateways))
	}
	for i, v := range decode(t, ask(t, nc, "$SYS.REQ.SERVER.PING.VARZ", "", "", n+1),
		func(m *server.ServerAPIVarzResponse) string { return m.Server.ID }) {
		k := slices.IndexFunc(truth.Servers, func(s Server) bool { return s.ID == i })
		if k < 0 {
			continue // the carrier
		}
		s, v := truth.Servers[k], v.Data
		if v.MaxConn != s.MaxConnections || v.Connections != s.Connections+s.SystemConnections || v.Leafs != s.Leafnodes ||
			!slices.Contains(v.ClientConnectURLs, fmt.Sprintf("%s:%d", s.Host, s.Port)) || v.SystemAccount != truth.SystemAccount {
			t.Errorf("%+v of %+v", v, s)
		}
	}
}

// TestStatz checks every row of every encoding against the truth.
func TestStatz(t *testing.T) {
	t.Parallel()
	f, nc := startTest(t, smallFleet)
	truth, n := f.Truth(), smallFleet.Servers
	for _, accept := range []string{"", "snappy", "S2, gzip", "gzip", "br"} {
		all := decode(t, ask(t, nc, "$SYS.REQ.ACCOUNT.PING.STATZ", "", accept, n+1), statzID)
		for _, s := range truth.Servers {
			rows := map[string]*server.AccountStat{}
			for _, r := range all[s.ID].Data.Accounts {
				rows[r.Account] = r
			}
			if sys := rows[truth.SystemAccount]; (sys != nil) != (s.SystemConnections > 0) {
				t.Errorf("system account: %+v", sys)
			}
			delete(rows, truth.SystemAccount)
			if len(rows) != len(s.Accounts) || all[s.ID].Data.ID != s.ID {
				t.Errorf("%s: %d rows of %d", s.Name, len(rows), len(s.Accounts))
			}
			for _, w := range s.Accounts {
				a := truth.Accounts[w.Account]
				if r := rows[a.ID]; r == nil || r.Name != a.Name || r.Conns != w.Connections || r.LeafNodes != w.Leafnodes ||
					r.TotalConns != w.Connections+w.Leafnodes || int(r.NumSubs) != w.Subscriptions {
					t.Errorf("%+v of %+v", r, w)
				}
			}
		}
	}
	// Unused accounts: $G and the system account at least, everywhere.
	for _, r := range decode(t, ask(t, nc, "$SYS.REQ.ACCOUNT.PING.STATZ", `{"include_unused":true}`, "snappy", n+1), statzID) {
		seen := map[string]bool{}
		for _, a := range r.Data.Accounts {
			if seen[a.Account] {
				t.Error("twice", a.Account)
			}
			seen[a.Account] = true
		}
		if !seen["$G"] || !seen[truth.SystemAccount] {
			t.Error(r.Server.Name, len(seen))
		}
	}
	// One account: of its servers, or of all that know it with zeros.
	acc := truth.Skewed[0].Account
	on := 0
	for _, s := range truth.Servers {
		if slices.ContainsFunc(s.Accounts, func(r AccountRow) bool { return truth.Accounts[r.Account].ID == acc }) {
			on++
		}
	}
	one := decode(t, ask(t, nc, "$SYS.REQ.ACCOUNT."+acc+".STATZ", "", "snappy", on), statzID)
	if r := one[truth.Skewed[0].Server]; r == nil || len(r.Data.Accounts) != 1 || r.Data.Accounts[0].Conns != truth.Skewed[0].OnServer {
		t.Errorf("%+v", r)
	}
	for _, r := range decode(t, ask(t, nc, "$SYS.REQ.ACCOUNT.PING.STATZ",
		`{"accounts":["nobody","`+acc+`"],"include_unused":true}`, "", n+1), statzID) {
		if known := r.Server.Cluster == truth.Skewed[0].Cluster; len(r.Data.Accounts) == 1 != known {
			t.Errorf("%s: %d rows", r.Server.Name, len(r.Data.Accounts))
		}
	}
	ask(t, nc, "$SYS.REQ.ACCOUNT.PING.STATZ", `{"accounts":["nobody"]}`, "", 0)
}

// TestQuietServers: a server with nothing to report does not answer.
func TestQuietServers(t *testing.T) {
	t.Parallel()
	f, nc := startTest(t, Size{Servers: 6, Clusters: 2, Accounts: 1, Connections: 2, Seed: 5})
	busy := 0
	for _, s := range f.Truth().Servers {
		if len(s.Accounts)+s.SystemConnections > 0 {
			busy++
		}
	}
	if busy == 6 {
		t.Fatal("the test needs a server with nothing")
	}
	ask(t, nc, "$SYS.REQ.ACCOUNT.PING.STATZ", "", "snappy", busy+1)
	ask(t, nc, "$SYS.REQ.ACCOUNT.PING.STATZ", "", "", busy+1)
	ask(t, nc, "$SYS.REQ.ACCOUNT.PING.STATZ", `{"include_unused":true}`, "snappy", 7)
}

func TestFilters(t *testing.T) {
	t.Parallel()
	f, nc := startTest(t, Size{Servers: 14, Clusters: 7, Accounts: 20, Connections: 2000, Seed: 2})
	truth := f.Truth()
	s := truth.Servers[3] // eu-west-01-n02
	count := func(match func(Server) bool) (n int) {
		for _, s := range truth.Servers {
			if match(s) {
				n++
			}
		}
		return n
	}
	for filter, want := range map[string]int{
		`{"server_name":"` + s.Name + `"}`:                    1,
		`{"server_name":"` + s.Name + `","exact_match":true}`: 1,
		`{"server_name":"eu-west"}`:                           2,
		`{"server_name":"eu-west","exact_match":true}`:        0,
		`{"cluster":"-0"}`:                                    14,
		`{"cluster":"us-east-0"}`:                             4,
		`{"cluster":"us-east-01","exact_match":true}`:         2,
		`{"cluster":"us-east-0","server_name":"n02"}`:         2,
		`{"host":"` + s.Host + `","exact_match":true}`:        1,
		`{"host":"127."}`:                                     15,
		`{"tags":["az:b"]}`:                                   7,
		`{"tags":["az:b"," REGION:eu-west "]}`:                1,
		`{"tags":["az:b","az:a"]}`:                            0,
		`{"domain":"hub"}`:                                    0,
		`{}`:                                                  15,
		`{"cluster":"` + s.Cluster + `","server_name":"x","exact_match":true}`: 0,
	} {
		for _, subject := range []string{"$SYS.REQ.SERVER.PING", "$SYS.REQ.ACCOUNT.PING.STATZ", "$SYS.REQ.SERVER.PING.CONNZ"} {
			ask(t, nc, subject, filter, "snappy", want)
		}
	}
	if n := count(func(s Server) bool { return slices.Contains(s.Tags, "az:b") }); n != 7 {
		t.Error(n)
	}
	ask(t, nc, "$SYS.REQ.SERVER."+s.ID+".VARZ", `{"server_name":"other"}`, "", 0)
	if _, err := nc.Request("$SYS.REQ.SERVER.NOBODY.VARZ", nil, time.Second); !errors.Is(err, nats.ErrNoResponders) {
		t.Error("an unknown id:", err)
	}
}

// TestConnz pages through all connections and compares their accounts
// with the truth.
func TestConnz(t *testing.T) {
	t.Parallel()
	f, nc := startTest(t, smallFleet)
	truth := f.Truth()
	ask := func(id, body string) *server.Connz {
		t.Helper()
		m := askOne(t, nc, "$SYS.REQ.SERVER."+id+".CONNZ", body, "snappy")
		var r server.ServerAPIConnzResponse
		if err := json.Unmarshal(plainData(t, m), &r); err != nil || r.Error != nil {
			t.Fatal(err, r.Error)
		}
		return r.Data
	}
	for _, s := range truth.Servers {
		total := s.Connections + s.SystemConnections + s.Leafnodes
		conns, leafs, last := map[string]int{}, map[string]int{}, uint64(0)
		subs := map[string]int{}
		for offset := 0; offset < total; offset += 100 {
			z := ask(s.ID, fmt.Sprintf(`{"auth":true,"subscriptions":true,"limit":100,"offset":%d}`, offset))
			if z.Total != total || z.Limit != 100 || z.Offset != offset || z.NumConns != min(100, total-offset) || len(z.Conns) != z.NumConns {
				t.Fatalf("%d of %d: %+v", offset, total, z)
			}
			for _, c := range z.Conns {
				if c.Cid <= last || c.Start.Before(s.Start) || c.LastActivity.Before(c.Start) || len(c.Subs) != int(c.NumSubs) {
					t.Fatalf("%+v after %d", c, last)
				}
				last = c.Cid
				if subs[c.Account] += len(c.Subs); c.Kind == "Client" {
					conns[c.Account]++
				} else {
					leafs[c.Account]++
				}
			}
		}
		delete(conns, truth.SystemAccount)
		for _, r := range s.Accounts {
			id := truth.Accounts[r.Account].ID
			if conns[id] != r.Connections || leafs[id] != r.Leafnodes || subs[id] != r.Subscriptions {
				t.Errorf("%s: %d %d %d of %+v", id, conns[id], leafs[id], subs[id], r)
			}
			delete(conns, id)
			if z := ask(s.ID, `{"acc":"`+id+`","auth":true}`); z.Total != r.Connections+r.Leafnodes || z.NumConns != z.Total ||
				z.Conns[0].Account != id || z.Conns[0].Subs != nil {
				t.Errorf("%+v", z)
			}
		}
		if len(conns) != 0 {
			t.Errorf("connections of nobody: %v", slices.Collect(maps.Keys(conns)))
		}
	}
	id := truth.Servers[0].ID
	all := ask(id, `{"auth":true}`)
	pick := all.Conns[len(all.Conns)/2]
	if z := ask(id, fmt.Sprintf(`{"cid":%d,"auth":true,"subscriptions_detail":true}`, pick.Cid)); len(z.Conns) != 1 ||
		z.Conns[0].Name != pick.Name || len(z.Conns[0].SubsDetail) != int(pick.NumSubs) || z.Conns[0].Subs != nil {
		t.Errorf("%+v", z)
	}
	if z := ask(id, `{"user":"`+pick.AuthorizedUser+`","auth":true}`); len(z.Conns) == 0 || z.Conns[0].Account != pick.Account {
		t.Errorf("%+v", z)
	}
	if z := ask(id, `{"acc":"`+pick.Account+`","filter_subject":"_INBOX.>"}`); len(z.Conns) == 0 {
		t.Errorf("%+v", z)
	}
	for by, key := range map[string]func(*server.ConnInfo) int64{
		"subs": func(c *server.ConnInfo) int64 { return int64(c.NumSubs) }, "msgs_to": func(c *server.ConnInfo) int64 { return c.OutMsgs },
		"msgs_from": func(c *server.ConnInfo) int64 { return c.InMsgs }, "bytes_to": func(c *server.ConnInfo) int64 { return c.OutBytes },
		"bytes_from": func(c *server.ConnInfo) int64 { return c.InBytes }, "last": func(c *server.ConnInfo) int64 { return c.LastActivity.UnixNano() },
		"idle":   func(c *server.ConnInfo) int64 { return -c.LastActivity.UnixNano() },
		"uptime": func(c *server.ConnInfo) int64 { return c.Start.UnixNano() },
		"rtt": func(c *server.ConnInfo) int64 {
			d, _ := time.ParseDuration(c.RTT)
			return int64(d)
		},
		"pending": func(*server.ConnInfo) int64 { return 0 }, "start": func(c *server.ConnInfo) int64 { return -int64(c.Cid) },
	} {
		z := ask(id, `{"sort":"`+by+`","limit":50}`)
		if len(z.Conns) != 50 || !slices.IsSortedFunc(z.Conns, func(a, b *server.ConnInfo) int { return int(max(-1, min(1, key(b)-key(a)))) }) {
			t.Errorf("%s: %d not sorted", by, len(z.Conns))
		}
	}
	info := askOne(t, nc, "$SYS.REQ.ACCOUNT."+pick.Account+".INFO", `{"server_name":"`+truth.Servers[0].Name+`"}`, "")
	var v struct {
		Data server.AccountInfo `json:"data"`
	}
	if err := json.Unmarshal(info.Data, &v); err != nil || v.Data.ClientCnt == 0 || v.Data.NameTag != pick.NameTag {
		t.Errorf("%v %s", err, info.Data)
	}
}
