package monitor

import (
	"net/http"
	"testing"

	"github.com/nats-io/nkeys"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/source/sourcetest"
	"github.com/nats-balance/nats-balance/internal/wire"
)

// What a server says of an account, in a page or in an error.
func TestAccountPages(t *testing.T) {
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
		refused *statusError
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
		url := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			if c.refused != nil {
				http.Error(w, c.refused.text, c.refused.code)
				return
			}
			says(c.body)(w, nil)
		})
		m, _ := monitoringOf(t, url)
		m.servers = map[string]*monitored{"A": {at: m.targets[0], Server: wire.Server{ID: "A"}}}
		on, err := m.account(sourcetest.Within(t), "A", c.account)
		if (err != nil) != c.fails || err == nil && (on.Usable != c.want || on.Detail == "" || on.Expired != (what == "expired")) {
			t.Errorf("%s: %+v, %v; want %v, an error: %v", what, on, err, c.want, c.fails)
		}
	}
}
