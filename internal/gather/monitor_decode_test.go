package gather

import (
	"bytes"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/nats-io/nkeys"

	"github.com/nats-balance/nats-balance/checks"
)

// FuzzMonitorPages has pages of monitoring ports that may hold anything: they
// are read or refused, and what is read makes sense.
func FuzzMonitorPages(f *testing.F) {
	for _, page := range []string{
		`{"server_id":"A","server_name":"n1","host":"0.0.0.0","port":4222,"connections":3,"max_connections":9,"now":"2026-01-02T03:04:05Z","cluster":{"name":"C1"},"gateway":{"name":"C1"},"connect_urls":["10.0.0.1:4222"],"system_account":"SYS","tags":["az:a"]}`,
		`{"server_id":"A","now":"2026-01-02T03:04:05Z","account_statz":[{"acc":"APP","name":"APP","conns":3,"leafnodes":1},{"acc":"IDLE","name":"IDLE","conns":0,"leafnodes":0}]}`,
		"{\n  \"server_id\": \"A\",\n  \"account_statz\": [\n    {\n      \"acc\": \"APP\",\n      \"conns\": 3,\n      \"sent\": {\n        \"msgs\": 1\n      }\n    }\n  ]\n}",
		`{"server_id":"A","num_routes":1,"routes":[{"remote_id":"B","remote_name":"n2","ip":"10.0.0.2"},{"remote_id":"","ip":"::ffff:10.0.0.3"}]}`,
		`{"server_id":"A","outbound_gateways":{"C2":{"configured":true}},"inbound_gateways":{"C2":[{"configured":false}],"C3":null}}`,
		`{"server_id":"A","total":2,"connections":[{"cid":3,"kind":"Client","type":"nats","ip":"10.0.0.9","lang":"go","subscriptions_list":["a"]},{"cid":4,"kind":"Leafnode"}]}`,
		`{"server_id":"","connections":null}`,
		`{"server_id":"A","account_detail":{"account_name":"APP","expired":false,"complete":false}}`,
		`{},"server":{"id":"A"},"data":{}`, `<html>`, `[]`, `null`, `{"server_id":"A","account_statz":null}`, "",
	} {
		f.Add([]byte(page))
	}
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	d := newDecoder()
	f.Fuzz(func(t *testing.T, page []byte) {
		if v, err := decodeMonitorVarz(page, at, at.Add(time.Millisecond)); err == nil {
			if v.ID == "" || v.connections < 0 || v.details != nil && (v.details.Port < 0 || v.details.Port > 65535 || v.details.Margin <= 0) {
				t.Errorf("/varz: %+v", v)
			}
		}
		if peers, err := decodeMonitorRoutez(page, "A"); err == nil && slices.ContainsFunc(peers, func(p monitorPeer) bool { return p.id == "" || p.id == "A" }) {
			t.Errorf("/routez: %v", peers)
		}
		if names, err := decodeMonitorGatewayz(page, "A"); err == nil && (slices.Contains(names, "") || !slices.IsSorted(names)) {
			t.Errorf("/gatewayz: %q", names)
		}
		if on, err := decodeMonitorAccountz(page, nil, "A", "APP"); err == nil && on.Usable != checks.Unknown && on.Detail == "" {
			t.Errorf("/accountz: %+v", on)
		}
		in := newInterner()
		usage, err := d.monitorReport(t.Context(), bytes.NewReader(page), "A", in)
		if err == nil && slices.ContainsFunc(usage, func(u checks.Usage) bool {
			return int(u.Account) >= len(in.all()) || u.Connections > most || u.Connections+u.Leafnodes == 0
		}) {
			t.Errorf("/accstatz: %+v", usage)
		}
		last, taken := uint64(0), 0
		n, err := d.monitorConnz(t.Context(), bytes.NewReader(page), "A", func(c *connection) {
			if c.cid <= last || len(c.name) > longestText {
				t.Errorf("/connz: %+v after %d", c, last)
			}
			last = c.cid
			taken++
		})
		if n != taken || n > pageSize {
			t.Errorf("/connz: %d of %d connections, %v", n, taken, err)
		}
	})
}

func TestMonitorAccountz(t *testing.T) {
	t.Parallel()
	pair, err := nkeys.CreateAccount()
	if err != nil {
		t.Fatal(err)
	}
	nkey, err := pair.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	missing := &statusError{http.StatusBadRequest, "Account X does not exist"}
	for what, c := range map[string]struct {
		body    string
		refused error
		account string
		want    checks.Answer
		fails   bool
	}{
		"known":                        {body: `{"server_id":"A","account_detail":{"account_name":"APP"}}`, account: "APP", want: checks.Yes},
		"expired":                      {body: `{"server_id":"A","account_detail":{"account_name":"APP","expired":true,"complete":true}}`, account: "APP", want: checks.No},
		"not there":                    {refused: missing, account: "APP", want: checks.No},
		"not loaded, in operator mode": {refused: missing, account: nkey, want: checks.Unknown},
		"another account":              {body: `{"server_id":"A","account_detail":{"account_name":"OTHER"}}`, account: "APP", want: checks.Unknown},
		"none":                         {body: `{"server_id":"A"}`, account: "APP", want: checks.Unknown},
		"another server":               {body: `{"server_id":"B","account_detail":{"account_name":"APP"}}`, account: "APP", fails: true},
		"another error":                {refused: &statusError{http.StatusBadRequest, "no"}, account: "APP", fails: true},
		"garbage":                      {body: `{"server_id":`, account: "APP", fails: true},
	} {
		on, err := decodeMonitorAccountz([]byte(c.body), c.refused, "A", c.account)
		if (err != nil) != c.fails || err == nil && (on.Usable != c.want || on.Detail == "" || on.Expired != (what == "expired")) {
			t.Errorf("%s: %+v, %v; want %v, an error: %v", what, on, err, c.want, c.fails)
		}
	}
}
