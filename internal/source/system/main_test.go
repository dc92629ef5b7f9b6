package system

import (
	"context"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/source"
	"github.com/nats-balance/nats-balance/internal/source/sourcetest"
	"github.com/nats-balance/nats-balance/internal/sysreq"
)

func TestMain(m *testing.M) { sourcetest.Main(m) }

// gather is [gatherAs] for who need not know as whom.
func gather(ctx context.Context, nc *nats.Conn, o source.Options) (*checks.Deployment, error) {
	d, _, err := gatherAs(ctx, nc, o)
	return d, err
}

// audit gathers and makes sure that the model makes sense in itself.
func audit(t testing.TB, nc *nats.Conn, o source.Options) *checks.Deployment {
	t.Helper()
	started := time.Now()
	d, err := gather(sourcetest.Within(t), nc, o)
	if err != nil {
		t.Fatalf("gather: %v", err)
	}
	if took := time.Since(started); took > o.Timeout*3/2 { // a busy machine may stand still for a while
		t.Errorf("it took %s with a time-out of %s", took, o.Timeout)
	}
	sourcetest.MakesSense(t, d)
	return d
}

// auditAll gathers from servers that all answer: as soon as they have, it is
// done, and has nothing to remark.
func auditAll(t testing.TB, nc *nats.Conn, servers int) *checks.Deployment {
	t.Helper()
	started := time.Now()
	d := audit(t, nc, source.Options{Timeout: sourcetest.Long})
	if took := time.Since(started); took > sourcetest.Long/2 {
		t.Errorf("all answered, and still it took %s", took)
	}
	sourcetest.Complete(t, d, servers)
	if len(d.Notes) > 0 {
		t.Errorf("notes %q, want none", d.Notes)
	}
	return d
}

// readProfiles is profiles through a client of its own.
func readProfiles(ctx context.Context, nc *nats.Conn, d *checks.Deployment, of []source.Suspect) ([]source.Report, error) {
	c := sysreq.New(nc, nil)
	defer c.Close()
	return profiles(ctx, c, d, of)
}

// askAccounts is accountsOn through a client of its own.
func askAccounts(ctx context.Context, nc *nats.Conn, d *checks.Deployment, of []source.Suspect) map[source.Suspect]map[string]checks.AccountOn {
	c := sysreq.New(nc, nil)
	defer c.Close()
	return accountsOn(ctx, c, d, of)
}
