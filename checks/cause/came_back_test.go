package cause

import (
	"testing"
	"time"

	"github.com/nats-balance/nats-balance/checks"
)

// What servers remember of connections that were closed on request shows what closing
// more of them does, as long as nothing else happened since.
func TestClientsThatCameBack(t *testing.T) {
	t.Parallel()
	at := started().Add(2 * time.Hour)
	closed := func(server, stem string, reason checks.Reason, n int, last time.Time) change {
		return func(s *scene) {
			s.History = append(s.History, checks.Closed{Server: server, Stem: stem, Reason: reason, Connections: n, First: started(), Newest: started(), Last: last})
		}
	}
	services := func(api, worker checks.Service, newest time.Time) change {
		api.Last, worker.Last = newest, started()
		return withServices(api, worker)
	}
	api, worker := serviceOf("orders-api", 20, 0, 0), serviceOf("orders-worker", 0, 4, 4)
	for _, r := range []struct {
		name    string
		changes []change
		want    int // 0: nothing shows it
	}{
		{"closed, and back in a second", with(services(api, worker, at.Add(time.Second)), closed("N1", "orders-api", "Kicked", 5, at)), 5},
		{"closed twice", with(services(api, worker, at.Add(time.Second)), closed("N1", "orders-api", "Kicked", 2, at.Add(-time.Hour)), closed("N1", "orders-api", "Kicked", 3, at)), 5},
		{"nothing was closed", with(services(api, worker, at)), 0},
		{"two show nothing", with(services(api, worker, at.Add(time.Second)), closed("N1", "orders-api", "Kicked", 2, at)), 0},
		{"they closed themselves", with(services(api, worker, at.Add(time.Second)), closed("N1", "orders-api", "Client Closed", 5, at)), 0},
		{"closed on another server", with(services(api, worker, at.Add(time.Second)), closed("N2", "orders-api", "Kicked", 5, at)), 0},
		{"those of another service", with(services(api, worker, at.Add(time.Second)), closed("N1", "orders-worker", "Kicked", 5, at)), 0},
		{"they went to the others", with(services(serviceOf("orders-api", 20, 3, 2), worker, at.Add(time.Second)), closed("N1", "orders-api", "Kicked", 5, at)), 0},
		{"none began since", with(services(api, worker, at.Add(-time.Second)), closed("N1", "orders-api", "Kicked", 5, at)), 0},
		{"processes started since", with(services(api, worker, at.Add(time.Hour)), closed("N1", "orders-api", "Kicked", 5, at)), 0},
		{"when is unknown", with(services(api, worker, at.Add(time.Second)), closed("N1", "orders-api", "Kicked", 5, time.Time{})), 0},
		{"not all connections were read", with(services(api, worker, at.Add(time.Second)), closed("N1", "orders-api", "Kicked", 5, at), func(s *scene) { s.Profile.Whole = false }), 0},
	} {
		n, last, ok := Diagnose(caseOf(r.changes...)).CameBack()
		if ok != (r.want > 0) || ok && (n != r.want || !last.Equal(at)) {
			t.Errorf("%s: %d at %s, %v; want %d", r.name, n, last, ok, r.want)
		}
	}
}
