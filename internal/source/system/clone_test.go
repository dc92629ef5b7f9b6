package system

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/internal/lab"
	"github.com/nats-balance/nats-balance/internal/source"
	"github.com/nats-balance/nats-balance/internal/source/sourcetest"
)

// A server that was started with a copy of another one's configuration has its name.
// Servers of one name have no route to each other, so that neither gets the other's
// answers. Their peers have routes to both, by id.
func TestServersOfOneNameInACluster(t *testing.T) {
	t.Parallel()
	const patience = 30 * time.Second
	var servers []*server.Server
	for _, name := range []string{"n1", "n2", "n3", "n2"} {
		system, app := server.NewAccount("SYS"), server.NewAccount("APP")
		o := &server.Options{
			ServerName: name, Host: "127.0.0.1", Port: server.RANDOM_PORT, NoLog: true, NoSigs: true,
			Cluster:       server.ClusterOpts{Name: "C", Host: "127.0.0.1", Port: server.RANDOM_PORT, Username: t.Name(), Password: t.Name()},
			SystemAccount: "SYS", Accounts: []*server.Account{system, app},
			Users: []*server.User{{Username: "sys", Password: lab.Password, Account: system}, {Username: "app", Password: lab.Password, Account: app}},
		}
		if len(servers) > 0 {
			o.Routes = []*url.URL{{Scheme: "nats", User: url.UserPassword(t.Name(), t.Name()), Host: servers[0].ClusterAddr().String()}}
		}
		s, err := server.NewServer(o)
		if err != nil {
			t.Fatal(err)
		}
		s.Start()
		t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
		if !s.ReadyForConnections(patience) {
			t.Fatalf("%s does not start", name)
		}
		servers = append(servers, s)
	}
	urlOf := func(s *server.Server, user string) string {
		return fmt.Sprintf("nats://%s:%s@%s", user, lab.Password, s.Addr())
	}
	for range 12 {
		sourcetest.Connect(t, urlOf(servers[1], "app"))
	}
	routed := func(s *server.Server, to *server.Server) bool {
		z, err := s.Routez(nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range z.Routes {
			if r.RemoteID == to.ID() {
				return true
			}
		}
		return false
	}
	if err := lab.Poll(sourcetest.Within(t), func() error {
		for _, s := range []*server.Server{servers[0], servers[2]} {
			for _, to := range servers {
				if s != to && !routed(s, to) {
					return fmt.Errorf("no route from %s to %s", s.Name(), to.Name())
				}
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if routed(servers[3], servers[1]) {
		t.Skip("this nats-server has routes between servers of one name")
	}
	nc := sourcetest.Connect(t, urlOf(servers[3], "sys"), nats.Timeout(patience))
	d := audit(t, nc, source.Options{Timeout: sourcetest.Brief()})
	if len(d.Missing) != 1 || d.Missing[0].ID != servers[1].ID() || d.Missing[0].Name != "n2" || !strings.Contains(d.Missing[0].Reason, "another server has its name") {
		t.Errorf("missing %s, want the first n2", sourcetest.ShowMissing(d))
	}
}
