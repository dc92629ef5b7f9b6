package cli

import (
	"context"
	"strings"
	"testing"

	natsserver "github.com/nats-io/nats-server/v2/server"

	"github.com/nats-balance/nats-balance/internal/lab"
	"github.com/nats-balance/nats-balance/internal/source/sourcetest"
)

// A server sends events of an account under its name, and with whitespace in it no client can read
// them. Watch says which server ended its connection so, and by what.
func TestAccountWithSpacesInItsName(t *testing.T) {
	t.Parallel()
	spaces := natsserver.NewAccount("a b c")
	add := func(_ int, o *natsserver.Options) {
		o.Accounts = append(o.Accounts, spaces)
		o.Users = append(o.Users, &natsserver.User{Username: "spaces", Password: "p", Account: spaces})
	}
	l := sourcetest.StartLab(t, lab.Topology{Clusters: []lab.Cluster{{Name: "C1", Servers: 1, Configure: add}}, Accounts: []string{"ORDERS"}})
	server := l.Server("C1-n1")
	url := server.URL(lab.SystemAccount)
	var out, errs watched
	ctx, interrupt := context.WithCancel(t.Context())
	ended := make(chan int, 1)
	go func() {
		ended <- runHere(ctx, &out, &errs, "watch", "--no-context", "--server", url, "--no-store")
	}()
	defer interrupt()
	shows(t, &out, &errs, "watching 1 server")
	client := sourcetest.Connect(t, "nats://spaces:p@"+server.Addr())
	defer client.Close()
	shows(t, &out, &errs, "events were lost: the connection ended: nats://"+server.Addr()+" sends a message whose subject has whitespace in it")
	shows(t, &out, &errs, "whitespace in its name: $SYS.ACCOUNT.a b c.")
	interrupt()
	if status := <-ended; status != 0 || strings.Contains(errs.String(), "connection closed") {
		t.Errorf("exit status %d: %s", status, errs.String())
	}
}
