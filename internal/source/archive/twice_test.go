package archive

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	jsm "github.com/nats-io/jsm.go/audit/archive"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/source/sourcetest"
)

// An answer that is there twice counts once. Where two in one server's name differ that
// server is missing, as it is in a live audit, and the others are judged.
func TestServerThatIsThereTwice(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		count, missing int
	}{{12, 0}, {6, 1}} {
		a, err := Open(written(t, func(w *jsm.Writer) error {
			body := fmt.Sprintf(`{"server":{"id":"N1","name":"s1","cluster":"C1"},"data":{"account_name":"ORDERS","client_connections":%d}}`, c.count)
			tags := []*jsm.Tag{jsm.TagServer("s1"), jsm.TagCluster("C1"), jsm.TagAccount("ORDERS"), jsm.TagAccountInfo()}
			return errors.Join(threeServers(w), w.AddRaw(strings.NewReader(body), "json", tags...))
		}))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = a.Close() })
		d, err := a.Deployment(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if len(d.Servers) != 3-c.missing || len(d.Missing) != c.missing {
			t.Errorf("%d: %d servers, missing %s", c.count, len(d.Servers), sourcetest.ShowMissing(d))
		}
		if c.missing > 0 {
			if m := sourcetest.OnlyMissing(t, d, "C1", "s1", "two counts of account ORDERS in its name, which differ"); m.Kind != checks.Contradiction {
				t.Errorf("kind %q", m.Kind)
			}
		}
	}
}
