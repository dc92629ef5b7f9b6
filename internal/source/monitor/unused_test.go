package monitor

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/nats-balance/nats-balance/internal/source/sourcetest"
)

// Old servers leave accounts that have leafnodes only out unless they are asked
// for unused ones; others are not asked for what makes their pages longer.
func TestOldServersAreAskedForUnusedAccounts(t *testing.T) {
	t.Parallel()
	for version, want := range map[string]string{"2.12.1": "1", "2.14.1": "1", "2.14.2": "", "2.15.2": "", "": ""} {
		asked := make(chan string, 1)
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch r.URL.Path {
			case "/varz":
				_, _ = w.Write([]byte(`{"server_id":"S","server_name":"s","version":"` + version + `","connections":0,"leafnodes":1}`))
			case "/accstatz":
				asked <- r.URL.Query().Get("unused")
				_, _ = w.Write([]byte(`{"server_id":"S","account_statz":[{"acc":"APP","conns":0,"leafnodes":1}]}`))
			default:
				_, _ = w.Write([]byte(`{"server_id":"S"}`))
			}
		}))
		t.Cleanup(s.Close)
		m, _ := monitoringOf(t, s.URL)
		d := monitor(t, m, time.Minute)
		if got := <-asked; got != want {
			t.Errorf("%q: unused=%q, want %q", version, got, want)
		}
		if got := sourcetest.Leafnodes(d, "APP"); got["s"] != 1 && got["/s"] != 1 {
			t.Errorf("%q: %v", version, got)
		}
	}
}
