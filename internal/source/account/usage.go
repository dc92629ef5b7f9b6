package account

import (
	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/source"
	"github.com/nats-balance/nats-balance/internal/wire"
)

// NoServiceError says that nobody listens to what an account asks of itself.
type NoServiceError struct{ Subject string }

func (e *NoServiceError) Error() string {
	return "no server answers an ordinary account on " + e.Subject
}

// SystemUserError says that the servers report other accounts as well, and none
// alone, as they do to the system account only.
type SystemUserError struct{}

func (*SystemUserError) Error() string {
	return "the servers report all accounts to these credentials, so that they are of the system account, or of one that imports its reports"
}

// usageOf is what a server with these rows, one at most, has of the account, and
// what it knows of it. Behind a leafnode the account may go by another name:
// that is other.
func usageOf(rows []wire.Row, account string) (_ checks.Usage, on checks.AccountOn, other string) {
	switch {
	case len(rows) == 0:
		return checks.Usage{}, source.NotKnown(account, "it does not know the account"), ""
	case rows[0].ID != account:
		return checks.Usage{}, source.Unknown("it answered for an account of another name"), rows[0].ID
	}
	return checks.Usage{Connections: rows[0].Connections, Leafnodes: rows[0].Leafnodes},
		checks.AccountOn{Usable: checks.Yes, Detail: "it knows the account"}, ""
}
