package cli

import (
	"testing"

	"github.com/nats-io/nats-server/v2/server"
)

// A user that may ask about its own account, and nothing else of the system, is
// enough.
func TestOwnAccountOfANarrowUser(t *testing.T) {
	t.Parallel()
	s := connServer(t, func(o *server.Options) {
		o.Users[1].Permissions = &server.Permissions{
			Publish:   &server.SubjectPermission{Allow: []string{"orders.>", "$SYS.REQ.ACCOUNT.PING.>"}},
			Subscribe: &server.SubjectPermission{Allow: []string{"orders.>", "_MINE.>"}},
		}
	})
	doc := ownRun(t, ExitNotAudited, "--server", "nats://app:"+connPassword+"@"+connAddr(s), "--inbox-prefix", "_MINE")
	if doc.Source.Kind != "account" || !doc.Coverage.Complete || doc.Summary.Connections != 0 {
		t.Errorf("source %+v, coverage %+v, summary %+v", doc.Source, doc.Coverage, doc.Summary)
	}
}
