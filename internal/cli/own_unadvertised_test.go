package cli

import (
	"fmt"
	"strings"
	"testing"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/nats-balance/nats-balance/internal/lab"
	"github.com/nats-balance/nats-balance/internal/source/sourcetest"
)

// One whose peers do not advertise it, and that greets at its own URL, answers an
// ordinary account for itself: nobody else answers in its name.
func TestOwnAccountOfAServerThatIsNotAdvertised(t *testing.T) {
	t.Parallel()
	all := sourcetest.StartServers(t, "C1", 3, func(i int, o *server.Options) { o.Cluster.NoAdvertise = i == 2 })
	if err := lab.Poll(sourcetest.Within(t), func() error {
		v, err := all[0].Varz(nil)
		if n := all[0].NumRemotes(); err == nil && (len(v.ClientConnectURLs) != 2 || n < 2) {
			err = fmt.Errorf("%d remotes, advertised: %q", n, v.ClientConnectURLs)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	own := sourcetest.UserURL(all[0], "ORDERS")
	if status, doc, text := auditProcesses(t, own+","+sourcetest.UserURL(all[1], "ORDERS")+","+sourcetest.UserURL(all[2], "ORDERS")); status != ExitPass || !doc.Coverage.Complete {
		t.Errorf("status %d: %s", status, text)
	}
	if status, doc, text := auditProcesses(t, own); status != ExitNotAudited || len(doc.Coverage.Missing) != 1 || !strings.Contains(doc.Coverage.Missing[0].Reason, "pass its own URL as well") {
		t.Errorf("without its URL: status %d: %s", status, text)
	}
}
