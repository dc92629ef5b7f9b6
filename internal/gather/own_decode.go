package gather

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/nats-io/nkeys"

	"github.com/nats-balance/nats-balance/checks"
)

// UnheardError says that nobody listens to what an account asks of itself.
type UnheardError struct{ Subject string }

func (e *UnheardError) Error() string {
	return "no server answers an ordinary account on " + e.Subject
}

// SystemUserError says that the servers report other accounts as well, as they
// do to the system account only.
type SystemUserError struct{}

func (*SystemUserError) Error() string {
	return "the servers report other accounts than that of these credentials, which are of the system account"
}

// ownRow is what a server says of an account.
type ownRow struct {
	ID    string  `json:"acc"`
	Name  string  `json:"name"`
	Conns *uint32 `json:"conns"`
	Leafs uint32  `json:"leafnodes"`
}

// decodeOwn reads an account's own report: an AccountStatz of one row, also
// where that is all zeros, or of none from a server that does not know the
// account. It says who sent it as far as that can be read, also with an error.
func decodeOwn(body []byte) (identity, []ownRow, error) {
	var reply struct {
		Server identity `json:"server"`
		Data   *struct {
			Accounts *[]ownRow `json:"account_statz"`
		} `json:"data"`
		Error *errorReply `json:"error"`
	}
	if err := json.Unmarshal(body, &reply); err != nil {
		return reply.Server, nil, fmt.Errorf("it is malformed: %w", err)
	}
	switch {
	case reply.Error != nil:
		return reply.Server, nil, reply.Error
	case reply.Server.ID == "":
		return reply.Server, nil, errors.New("it does not say which server it is from")
	case reply.Data == nil || reply.Data.Accounts == nil:
		return reply.Server, nil, errors.New("it has neither accounts nor an error")
	}
	for _, r := range *reply.Data.Accounts {
		switch {
		case r.ID == "":
			return reply.Server, nil, errors.New("an account has no id")
		case r.Conns == nil:
			return reply.Server, nil, errors.New("an account has no count of connections")
		case *r.Conns > most || r.Leafs > most:
			return reply.Server, nil, errors.New("it has a count that is no whole number from 0 to 100,000,000")
		}
	}
	return reply.Server, *reply.Data.Accounts, nil
}

// ownUsage is what a server with these rows, one at most, has of the account,
// and what it knows of it. Behind a leafnode the account may go by another name:
// that is other.
func ownUsage(rows []ownRow, account string) (_ checks.Usage, on checks.AccountOn, other string) {
	switch {
	case len(rows) == 0 && nkeys.IsValidPublicAccountKey(account):
		return checks.Usage{}, unknown("it has not loaded the account, which a server in operator mode does when it needs it"), ""
	case len(rows) == 0:
		return checks.Usage{}, checks.AccountOn{Usable: checks.No, Detail: "it does not know the account"}, ""
	case rows[0].ID != account:
		return checks.Usage{}, unknown("it answered for an account of another name"), rows[0].ID
	}
	return checks.Usage{Connections: *rows[0].Conns, Leafnodes: rows[0].Leafs},
		checks.AccountOn{Usable: checks.Yes, Detail: "it knows the account"}, ""
}
