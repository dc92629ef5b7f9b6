package history

import (
	"fmt"
	"strings"

	"github.com/nats-balance/nats-balance/internal/record"
)

// The names of what is kept.
const (
	// StreamName is the stream, and BucketName the bucket of who records.
	StreamName = "NATS_BALANCE_HISTORY"
	BucketName = "NATS_BALANCE"
	// Subjects are those of the stream. Who has a permission for them can follow
	// what is written.
	Subjects = "nats-balance.history.>"

	ofAccounts = "nats-balance.history.account."
	ofServers  = "nats-balance.history.server."
	ofKicks    = "nats-balance.history.kicked."
	ofWatch    = "nats-balance.history.watch"
)

// subject is where a document goes: all of one account in one cluster to the same.
func subject(d record.Document) string {
	cluster := ""
	if d.Cluster != nil {
		cluster = *d.Cluster
	}
	switch {
	case d.Change == record.Kicked && d.Account != nil: // the last of an account has its spread
		return ofKicks + token(cluster) + "." + token(d.Account.ID)
	case d.Account != nil:
		return ofAccounts + token(cluster) + "." + token(d.Account.ID)
	case d.Server != nil:
		return ofServers + token(cluster) + "." + token(d.Server.Name)
	}
	return ofWatch
}

// longestToken is how long a token is at most: longer names are cut, and may meet
// others, which reading tells apart.
const longestToken = 200

// token makes one token of a subject of any name. An empty one is "_".
func token(name string) string {
	var b strings.Builder
	for _, c := range []byte(name) {
		switch {
		case b.Len() >= longestToken:
		case c <= ' ' || c >= 0x7f || strings.IndexByte(".*>=$", c) >= 0 || c == '_' && len(name) == 1:
			fmt.Fprintf(&b, "=%02x", c)
		default:
			b.WriteByte(c)
		}
	}
	if b.Len() == 0 {
		return "_"
	}
	return b.String()
}
