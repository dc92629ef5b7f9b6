package sysreq

import "strings"

// The subjects that are asked. All but KICK only read.
const (
	// UserInfo says whose credentials a connection has.
	UserInfo = "$SYS.REQ.USER.INFO"
	// Statsz asks every server for the roster, see [Filter].
	Statsz = "$SYS.REQ.SERVER.PING"
	// LameDuck is where servers say that they begin to drain.
	LameDuck = "$SYS.SERVER.*.LAMEDUCK"
	// AccountStatz asks every server for its account report, see [Filter]. Every
	// account imports it, and gets its own numbers only (registerSystemImports in
	// nats-server).
	AccountStatz = "$SYS.REQ.ACCOUNT.PING.STATZ"
	// AccountConnz is what every account imports for its own connections; all
	// servers hear it, and those that the filter does not mean do not answer.
	AccountConnz = "$SYS.REQ.ACCOUNT.PING.CONNZ"
)

// Varz is the subject of the VARZ of the server with this id.
func Varz(server string) string { return "$SYS.REQ.SERVER." + server + ".VARZ" }

// Routez is the subject of the ROUTEZ of the server with this id.
func Routez(server string) string { return "$SYS.REQ.SERVER." + server + ".ROUTEZ" }

// Leafz is the subject of the LEAFZ of the server with this id.
func Leafz(server string) string { return "$SYS.REQ.SERVER." + server + ".LEAFZ" }

// Connz is the subject of the CONNZ of the server with this id.
func Connz(server string) string { return "$SYS.REQ.SERVER." + server + ".CONNZ" }

// Kick closes a connection of the server with this id.
func Kick(server string) string { return "$SYS.REQ.SERVER." + server + ".KICK" }

// AccountInfo asks every server for the account with this id.
func AccountInfo(account string) string { return "$SYS.REQ.ACCOUNT." + account + ".INFO" }

// OfAccount asks for what is of one account.
type OfAccount struct {
	Account string `json:"account"`
}

// Filter addresses servers by name, the only way that the requests to all have.
type Filter struct {
	Accounts []string `json:"accounts,omitempty"`
	Name     string   `json:"server_name,omitempty"`
	Cluster  string   `json:"cluster,omitempty"`
	Exact    bool     `json:"exact_match"`
	// Unused has servers report accounts without connections, too.
	Unused bool `json:"include_unused,omitempty"`
}

// Draining is the id of the server that says so on [LameDuck].
func Draining(subject string) string {
	before, after, _ := strings.Cut(LameDuck, "*")
	return strings.TrimSuffix(strings.TrimPrefix(subject, before), after)
}
