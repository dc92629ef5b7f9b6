package checks

import (
	"testing"

	"github.com/nats-io/nats-server/v2/server"
)

// TestReasons goes through all that nats-server has, so that a new one is noticed.
func TestReasons(t *testing.T) {
	t.Parallel()
	type says struct{ beforeLogin, refused, user, operator bool }
	refused := says{beforeLogin: true, refused: true}
	by := map[server.ClosedState]says{
		server.AuthenticationTimeout: refused, server.TLSHandshakeError: refused, server.MaxConnectionsExceeded: refused,
		server.ProxyNotTrusted: refused, server.ProxyRequired: refused,
		server.AuthenticationViolation: {true, true, true, false}, server.MissingAccount: {true, true, true, false},
		server.MaxAccountConnectionsExceeded: {refused: true},
		server.Kicked:                        {operator: true}, server.ServerShutdown: {operator: true},
	}
	named := map[Reason]bool{}
	const unknown = "Unknown State"
	state := server.ClientClosed
	for ; state.String() != unknown; state++ {
		r := Reason(state.String())
		named[r] = true
		if got := (says{r.BeforeLogin(), r.Refused(), r.RefusedUser(), r.ByOperator()}); got != by[state] {
			t.Errorf("%s: %+v, want %+v", r, got, by[state])
		}
	}
	if state != server.ProxyRequired+1 {
		t.Errorf("nats-server has reasons beyond %s, which nobody looked at", server.ProxyRequired)
	}
	for _, r := range []Reason{ReasonAuthFailure, ReasonAuthTimeout, ReasonMissingAccount, ReasonRevoked, ReasonTLS, ReasonProxyNotTrusted,
		ReasonProxyRequired, ReasonFull, ReasonAccountFull, ReasonKicked, ReasonShutdown} {
		if !named[r] {
			t.Errorf("no server says %q", r)
		}
	}
	for _, r := range []Reason{"", "kicked", unknown} {
		if r.BeforeLogin() || r.Refused() || r.RefusedUser() || r.ByOperator() {
			t.Errorf("%q says something", r)
		}
	}
}
