package serve

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/internal/record"
	"github.com/nats-balance/nats-balance/internal/record/history"
)

// Those who live inside NATS ask for findings, an account and its history, find the
// service as any other, and hear of what crosses.
func TestService(t *testing.T) {
	t.Parallel()
	srv, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, NoLog: true, NoSigs: true})
	if err != nil {
		t.Fatal(err)
	}
	srv.Start()
	defer srv.Shutdown()
	if !srv.ReadyForConnections(10 * time.Second) {
		t.Fatal("it did not start")
	}
	nc, err := nats.Connect(srv.ClientURL())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	s, err := AddTo(t.Context(), nc, Options{State: seen, Account: func(string) []*record.Spread { return []*record.Spread{seen(1).Over[0].Spread} }, History: func(context.Context) (history.History, error) {
		return history.History{Episodes: []history.Episode{{Account: record.DocumentAccount{ID: "ORDERS", Name: "orders"}}, {Account: record.DocumentAccount{ID: "WEB", Name: "WEB"}}}}, nil
	}}, "1.2.3")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Stop()
	ask := func(subject, body string) *nats.Msg {
		t.Helper()
		m, err := nc.Request(subject, []byte(body), 10*time.Second)
		if err != nil {
			t.Fatal(subject, err)
		}
		return m
	}
	if m := ask("$SRV.INFO.nats-balance", ""); !strings.Contains(string(m.Data), `"nats-balance.findings"`) {
		t.Errorf("%s", m.Data)
	}
	var a answer
	if err := json.Unmarshal(ask("nats-balance.findings", "").Data, &a); err != nil || len(a.Findings) != 1 || a.Findings[0].Account.ID != "ORDERS" || !a.Connected {
		t.Errorf("%+v, %v", a, err)
	}
	a = answer{}
	if err := json.Unmarshal(ask("nats-balance.account", "ORDERS").Data, &a); err != nil || len(a.Spreads) != 1 || a.Spreads[0].Cluster != "C1" || a.Spreads[0].Spread.OnServer != 20 {
		t.Errorf("%+v, %v", a, err)
	}
	if m := ask("nats-balance.account", " "); m.Header.Get("Nats-Service-Error-Code") != "400" {
		t.Errorf("%+v", m.Header)
	}
	var h history.Document
	if err := json.Unmarshal(ask("nats-balance.history", "orders").Data, &h); err != nil || len(h.Episodes) != 1 || h.Type != "nats-balance.v1.history" {
		t.Errorf("%+v, %v", h, err)
	}
	heard, err := nc.SubscribeSync(EventSubjects + ">")
	if err != nil {
		t.Fatal(err)
	}
	over := seen(1).Over[0]
	s.Publish([]record.Change{{Kind: record.Shifted, Spread: over.Spread}, over})
	m, err := heard.NextMsg(10 * time.Second)
	if err != nil || m.Subject != EventSubjects+string(over.Kind) || !strings.Contains(string(m.Data), `"ORDERS"`) {
		t.Errorf("%+v, %v", m, err)
	}
}
