package wire

import (
	"encoding/json"
	"time"
)

// Accountz is which accounts a server knows.
type Accountz struct {
	From     Server
	System   string // the id of the system account; empty where there is none
	Accounts []string
}

// DecodeAccountz reads an ACCOUNTZ that was asked for all accounts.
func DecodeAccountz(body []byte) (Accountz, error) {
	from, data, err := split(body)
	if err != nil {
		return Accountz{From: from}, err
	}
	var v struct {
		System   string   `json:"system_account"`
		Accounts []string `json:"accounts"`
	}
	if err := json.Unmarshal(data, &v); err != nil {
		return Accountz{From: from}, asMalformed(err)
	}
	return Accountz{from, v.System, v.Accounts}, nil
}

// AccountInfo is what a server knows of an account.
type AccountInfo struct {
	From     Server
	ID, Name string // Name is empty where it has none but the id
	System   bool
	// Expired and not Complete is a placeholder for an account that others refer
	// to.
	Expired, Complete bool
	// Counts is nil where the server does not tell them.
	Counts *AccountCounts
	// MaxConnections and MaxLeafnodes are the limits in the account's JWT, each
	// over all servers together; nil is none, or none that is known.
	MaxConnections, MaxLeafnodes *int
	// Updated is when the server took over what it has of the account, by its clock;
	// zero where not reported.
	Updated time.Time
}

// AccountCounts is what an account has on a server.
type AccountCounts struct{ Clients, Leafnodes uint32 }

// DecodeAccountInfo reads an account's INFO, or an ACCOUNTZ that was asked for
// one account. A server that does not know the account answers with an [Error].
func DecodeAccountInfo(body []byte) (AccountInfo, error) {
	from, data, err := split(body)
	if err != nil {
		return AccountInfo{From: from}, err
	}
	if isPage(body, data) {
		var z struct {
			Account json.RawMessage `json:"account_detail"`
		}
		if err := json.Unmarshal(data, &z); err != nil {
			return AccountInfo{From: from}, asMalformed(err)
		}
		if data = z.Account; len(data) == 0 {
			data = []byte("null")
		}
	}
	var v struct {
		ID       string `json:"account_name"`
		Expired  bool   `json:"expired"`
		Complete bool   `json:"complete"`
	}
	var m members
	if err := json.Unmarshal(data, &v); err != nil {
		return AccountInfo{From: from}, asMalformed(err)
	}
	if err := json.Unmarshal(data, &m); err != nil {
		return AccountInfo{From: from}, asMalformed(err)
	}
	out := AccountInfo{From: from, ID: v.ID, Name: value[string](m, "name_tag"), System: value[bool](m, "is_system"), Expired: v.Expired, Complete: v.Complete,
		Updated: plausible(value[time.Time](m, "update_time"))}
	// In operator mode only.
	out.MaxConnections, out.MaxLeafnodes = limitsOf(m["decoded_jwt"], v.ID)
	leafs := new(int)
	if m["leafnode_connections"] != nil {
		leafs = m.count("leafnode_connections")
	}
	if clients := m.count("client_connections"); clients != nil && leafs != nil {
		out.Counts = &AccountCounts{uint32(*clients), uint32(*leafs)} //nolint:gosec // in range
	}
	return out, nil
}

// User is whose credentials a connection has.
type User struct {
	// Account is the account's id, Name its other name, if it has one.
	Account, Name string
}

// DecodeUserInfo reads a USER.INFO. An error is one without an account, too.
func DecodeUserInfo(body []byte) (User, error) {
	var m struct {
		Data struct {
			Account string `json:"account"`
			Name    string `json:"account_name"`
		} `json:"data"`
		Error *Error `json:"error"`
	}
	if err := unmarshal(body, &m); err != nil {
		return User{}, asMalformed(err)
	}
	switch {
	case m.Error != nil:
		return User{}, m.Error
	case m.Data.Account == "":
		return User{}, ErrNoData
	}
	return User{m.Data.Account, m.Data.Name}, nil
}
