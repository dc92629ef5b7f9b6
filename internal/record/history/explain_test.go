package history

import (
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/internal/source/sourcetest"
)

// Where a store can't be used the error says what to do, and at once: its account has less
// room than the limits, or its user may not ask for a stream.
func TestStoreThatCannotBeUsed(t *testing.T) {
	t.Parallel()
	srv, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, JetStream: true, JetStreamMaxStore: 4 << 20, StoreDir: t.TempDir(), NoLog: true, NoSigs: true,
		Users: []*server.User{{Username: "all", Password: "p"}, {Username: "listens", Password: "p", Permissions: &server.Permissions{Publish: &server.SubjectPermission{Deny: []string{">"}}}}}})
	if err != nil {
		t.Fatal(err)
	}
	srv.Start()
	t.Cleanup(srv.Shutdown)
	if !srv.ReadyForConnections(10 * time.Second) {
		t.Fatal("it did not start")
	}
	for user, want := range map[string]string{"all": "pass a smaller --keep-bytes", "listens": "allow it to publish to $JS.API.>"} {
		nc := sourcetest.Connect(t, srv.ClientURL(), nats.UserInfo(user, "p"))
		began := time.Now()
		if _, err := Use(sourcetest.Within(t), nc, limits()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", user, err)
		}
		if took := time.Since(began); took >= patience {
			t.Errorf("%s: it took %s", user, took)
		}
	}
	nc := sourcetest.Connect(t, srv.ClientURL(), nats.UserInfo("listens", "p"))
	if _, err := Read(sourcetest.Within(t), nc); err == nil || !strings.Contains(err.Error(), "its user lacks a permission") {
		t.Error(err)
	}
}
