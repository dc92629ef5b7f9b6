package checks

// Reason is a server's word for why it closed a connection, a ClosedState of nats-server.
type Reason string

// Those that say something. Others have other words, and so may newer servers.
const (
	ReasonAuthFailure     Reason = "Authentication Failure"
	ReasonAuthTimeout     Reason = "Authentication Timeout"
	ReasonMissingAccount  Reason = "Missing Account"
	ReasonRevoked         Reason = "Credentials Revoked"
	ReasonTLS             Reason = "TLS Handshake Failure"
	ReasonProxyNotTrusted Reason = "Proxy Not Trusted"
	ReasonProxyRequired   Reason = "Proxy Required"
	ReasonFull            Reason = "Maximum Connections Exceeded"
	ReasonAccountFull     Reason = "Maximum Account Connections Exceeded"
	ReasonKicked          Reason = "Kicked"          // somebody asked for it, as a rebalance does
	ReasonShutdown        Reason = "Server Shutdown" // also as the server drains
)

// BeforeLogin reports whether the server closed the connection before it was of an
// account: it shows no login, and CONNZ has it without an account. Credentials that
// expire or are revoked end connections that were logged in: a new one with them is an
// authentication failure.
func (r Reason) BeforeLogin() bool {
	switch r {
	case ReasonAuthFailure, ReasonAuthTimeout, ReasonMissingAccount, ReasonTLS, ReasonProxyNotTrusted, ReasonProxyRequired, ReasonFull:
		return true
	case ReasonRevoked, ReasonAccountFull, ReasonKicked, ReasonShutdown:
	}
	return false
}

// Refused reports whether the server never let the client work. The limit of an account
// is counted after the login, so that such a connection is one of its account.
func (r Reason) Refused() bool { return r.BeforeLogin() || r == ReasonAccountFull }

// RefusedUser reports whether the server did not take the client's user or account. The
// other refusals are of whoever comes at that time or in that way, and say nothing of who
// it was.
func (r Reason) RefusedUser() bool { return r == ReasonAuthFailure || r == ReasonMissingAccount }

// ByOperator reports whether the server closed the connection as somebody asked it to, or
// as it stops: the client is alive, and connects again.
func (r Reason) ByOperator() bool { return r == ReasonKicked || r == ReasonShutdown }
