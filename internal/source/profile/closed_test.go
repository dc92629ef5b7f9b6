package profile

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/source"
	"github.com/nats-balance/nats-balance/internal/wire"
)

// What a closed connection shows of clients hangs on whether it was closed before its
// login: only those are of no account, and whose they were is told by user or address.
func TestClosedByReason(t *testing.T) {
	t.Parallel()
	d := &checks.Deployment{Servers: []checks.Server{{ID: "N1", Cluster: "C1"}, {ID: "N2", Cluster: "C1"}}}
	addr := netip.MustParseAddr("10.0.0.9")
	profile := &checks.Profile{Services: []checks.Service{{Stem: "api", User: "u", Sources: []checks.Source{{Addr: addr}}}}}
	for _, c := range []struct {
		name                string
		page, user, service string
		reason              checks.Reason
		want                string // stem and user that it counts for
	}{
		{"theirs", "ORDERS", "u", "api-1", "Client Closed", "api u"},
		{"theirs, refused, on the page of all", "", "u", "api-1", checks.ReasonAuthFailure, "api u"},
		{"theirs, where a proxy is required", "", "u", "api-1", checks.ReasonProxyRequired, "api u"},
		{"nobody's, from their address", "", "", "", checks.ReasonFull, " "},
		{"nobody's, through a proxy", "", "", "", checks.ReasonProxyNotTrusted, " "},
		{"a login of their user by others", "ORDERS", "u", "batch-1", "Client Closed", " u"},
		{"credentials of their user that were revoked from others", "ORDERS", "u", "batch-1", checks.ReasonRevoked, " u"},
		{"credentials of their user that expired with others", "ORDERS", "u", "batch-1", "Authentication Expired", " u"},

		{"others of their user, refused", "ORDERS", "u", "batch-1", checks.ReasonAuthFailure, ""},
		{"others of their user, whose login took too long", "ORDERS", "u", "batch-1", checks.ReasonAuthTimeout, ""},
		{"another user", "ORDERS", "web", "api-1", "Client Closed", ""},
		{"another user, refused", "", "web", "api-1", checks.ReasonAuthFailure, ""},
		{"of the global account, by a user of the same name", "", "u", "api-1", "Client Closed", ""},
		{"of the global account, which is full", "", "u", "api-1", checks.ReasonAccountFull, ""},
		{"of the global account, as its credentials expired", "", "u", "api-1", "Authentication Expired", ""},
		{"nobody's, of the global account", "", "", "", "Client Closed", ""},
		{"of another account", "SHOP", "u", "api-1", "Client Closed", ""},
		{"open", "ORDERS", "u", "api-1", "", ""},
	} {
		all := newHistories(d, []source.Suspect{{Account: "ORDERS", Server: "N1", Cluster: "C1"}}, []source.Report{{Profile: profile}})
		at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
		all.add(ClosedPage{ID: "N2", Account: c.page}, &wire.Connection{Client: true, User: []byte(c.user), Name: []byte(c.service), Reason: []byte(c.reason),
			Addr: addr, Start: at, Stop: at.Add(time.Minute)})
		var got []string
		for _, x := range all.of[0].list() {
			got = append(got, x.Stem+" "+x.User)
			if x.Reason != c.reason || x.Server != "N2" || x.Connections != 1 {
				t.Errorf("%s: %+v", c.name, x)
			}
		}
		if strings.Join(got, ",") != c.want {
			t.Errorf("%s: counts for %q, want %q", c.name, got, c.want)
		}
	}
}
