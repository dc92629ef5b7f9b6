package cause

import (
	"testing"
	"time"

	"github.com/nats-balance/nats-balance/checks"
)

// A list that is known to be the account's is that of one of its services: where it has
// several, it is not said for certain of any, and a full one does not say that those take
// other servers which may have a list of their own.
func TestListOfSeveralServices(t *testing.T) {
	t.Parallel()
	both := withServices(serviceOf("orders-api", 20, 0, 0), serviceOf("orders-worker", 6, 0, 0))
	moved := withServices(serviceOf("orders-api", 20, 0, 0), serviceOf("orders-worker", 0, 4, 2))
	leaning := withServices(serviceOf("orders-api", 20, 3, 3), serviceOf("orders-worker", 9, 0, 0))
	of := func(service string, servers ...int) change {
		return written(wrote{account: "ORDERS", service: service, ordered: checks.Unknown, urls: urlsOf(servers...)})
	}
	socket := serviceOf("web-portal", 1, 3, 2)
	socket.Protocol = "websocket"
	early := serviceOf("orders-api", 20, 0, 0)
	early.Starts, early.SurelyUp = [][]int{{0, 20, 0, 0}, {0, 0, 0, 0}, {0, 0, 0, 0}}, []int{20, 0, 0}
	restarted := func(s *scene) {
		for i := range 2 {
			s.Deployment.Servers[i+1].Start = started().Add(3 * time.Hour)
		}
	}
	f02 := with(withServices(early, serviceOf("orders-worker", 1, 3, 2)), restarted)
	for _, r := range []struct {
		name    string
		changes []change
		code    Code
		want    Verdict
	}{
		{"the worker's one URL, and the api takes the first of its own list", with(both, list(urlsOf(1)...)), SingleURL, Likely},
		{"the same, and the worker was moved by a restart", with(moved, list(urlsOf(1)...)), SingleURL, Likely},
		{"the same, and it is said to be the worker's", with(moved, of("orders-worker", 1)), SingleURL, NotTested},
		{"the same, and it is said to be the api's", with(moved, of("orders-api", 1)), SingleURL, Confirmed},
		{"one URL, where the worker is, and the api only in part", with(leaning, list(urlsOf(1)...)), SingleURL, Possible},
		{"one URL, which only the api can have by its protocol", with(withServices(serviceOf("orders-api", 20, 0, 0), socket), list(urlsOf(1)...), on(func(s *checks.Server) { s.Details.WebSocket, s.Details.WebSocketPlain = 8080, true }, 1, 2, 3)), SingleURL, Confirmed},
		{"an option beside the list, which the worker may have", with(both, inOrder(urlsOf(1, 2, 3)...)), OrderedConnect, Likely},
		{"the api came before the others restarted, and nothing was passed", f02, RestartDrift, Possible},
		{"the same, with the worker's full list", append(f02, list(urlsOf(1, 2, 3)...)), RestartDrift, Possible},
		{"the same, with the full list of the worker, by its name", append(f02, of("orders-worker", 1, 2, 3)), RestartDrift, Possible},
		{"the same, with the api's full list", append(f02, of("orders-api", 1, 2, 3)), RestartDrift, Likely},
	} {
		d := Diagnose(caseOf(r.changes...))
		if got := d.Cause(r.code).Verdict; got != r.want {
			t.Errorf("%s: %s is %s, want %s\n%s", r.name, r.code, got, r.want, tell(d.Causes))
		}
		lessIsNotMore(t, func() Case { return caseOf(r.changes...) })
	}
}
