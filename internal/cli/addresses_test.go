package cli

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/lab"
	"github.com/nats-balance/nats-balance/internal/source/sourcetest"
)

// An address that the operator passes, and where nobody greets, may be a server that
// its peers have forgotten, whoever asks: it hangs, it drains, or its name is gone.
func TestAddressesThatNoServerGreetsAt(t *testing.T) {
	t.Parallel()
	l := startScenario(t, lab.Scenario{
		Topology: lab.Topology{Clusters: []lab.Cluster{{Name: "C1", Servers: 3, Configure: func(_ int, o *server.Options) {
			o.LameDuckGracePeriod, o.LameDuckDuration = time.Minute, 2*time.Minute
		}}}, Accounts: []string{"APP"}},
		Clients: []lab.Placement{{Account: "APP", Server: "C1-n1", Count: 6}, {Account: "APP", Server: "C1-n2", Count: 6}, {Account: "APP", Server: "C1-n3", Count: 6}},
	})
	if l == nil {
		t.FailNow()
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0") // it takes connections, and nobody accepts them
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	own, system, silent, refusing := l.Server("C1-n1").URL("APP"), l.SystemURL(), listener.Addr().String(), sourcetest.ClosedPort(t).String()
	web := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(web.Close)
	t.Run("each", func(t *testing.T) {
		for _, args := range [][]string{
			{own, "--client-url", "nats://" + web.Listener.Addr().String()}, // what clients connect to is anything
			{system, "--client-url", "nats://" + refusing},                  // servers know of each other
			{system + ",nats://" + silent, "--no-probe", "--expect-servers", "3"},
		} {
			t.Run("explained", func(t *testing.T) {
				t.Parallel()
				if doc := ownRunIn(t, generous/2, ExitPass, append([]string{"--server"}, args...)...); !doc.Coverage.Complete {
					t.Errorf("%q: coverage %+v", args, doc.Coverage)
				}
			})
		}
		for _, c := range []struct {
			name, reason string
			args         []string
		}{
			{silent, "it accepts connections but says nothing (an address of a client's URL list)", []string{own, "--client-url", "nats://" + silent}},
			{refusing, "nobody listens there (an address of a client's URL list)", []string{own, "--client-url", "nats://" + refusing}},
			{silent, "it accepts connections but says nothing (an address of --server)", []string{own + ",nats://" + silent}},
			{silent, "it accepts connections but says nothing (an address of --server)", []string{system + ",nats://" + silent}},
			{refusing, "nobody listens there (an address of --server)", []string{system + ",nats://" + refusing}},
			{"gone.invalid:4222", "the name can't be resolved: ", []string{system + ",nats://gone.invalid:4222"}},
			{"", "not checked because of --no-probe: " + silent, []string{system + ",nats://" + silent, "--no-probe"}},
		} {
			t.Run("missing", func(t *testing.T) {
				t.Parallel()
				doc := ownRunIn(t, generous/2, ExitNotAudited, append([]string{"--server"}, c.args...)...)
				// On a busy machine a second can pass before this process sees that it is connected.
				late := func(reason string) bool {
					return c.name == silent && strings.HasPrefix(reason, "no answer within 1s (an address of ")
				}
				if m := doc.Coverage.Missing; len(m) != 1 || m[0].Server.Name != c.name || !strings.HasPrefix(m[0].Reason, c.reason) && !late(m[0].Reason) || doc.Outcome != string(checks.OutcomeIncomplete) {
					t.Errorf("%q: %s, missing %+v", c.args, doc.Outcome, m)
				}
			})
		}
		for _, command := range [][]string{{"audit", "hotspot"}, {"impact", "C1-n1"}, {"rebalance", "--account", "APP"}} {
			t.Run(command[0], func(t *testing.T) {
				t.Parallel()
				var out, errs bytes.Buffer
				status := Run(append([]string{"--no-context", "--timeout", (generous / 2).String(), "--server", system + ",nats://" + silent}, command...), &out, &errs)
				if status == ExitPass && command[0] != "rebalance" || !strings.Contains(out.String(), silent) {
					t.Errorf("%q: status %d, %s%s", command, status, out.String(), errs.String())
				}
			})
		}
	})

	// A server that drains refuses connections, and has all of its clients.
	n3 := l.Server("C1-n3").Embedded()
	done := make(chan struct{})
	go func() { defer close(done); n3.LameDuckShutdown() }()
	t.Cleanup(func() { n3.Shutdown(); <-done })
	at := l.Server("C1-n3").Addr()
	if err := lab.Poll(t.Context(), func() error {
		if conn, err := net.Dial("tcp", at); err == nil {
			return errors.Join(conn.Close(), errors.New("it still listens"))
		}
		for _, s := range l.Servers()[:2] { // they are told of it, and forget it
			nc, err := nats.Connect(s.URL("APP"))
			if err != nil {
				return err
			}
			others := nc.DiscoveredServers()
			nc.Close()
			if slices.ContainsFunc(others, func(u string) bool { return strings.HasSuffix(u, at) }) {
				return fmt.Errorf("%s still advertises it", s.Name())
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	all := "," + l.Server("C1-n2").ClientURL() + "," + l.Server("C1-n3").ClientURL()
	doc := ownRun(t, ExitNotAudited, "--server", own+all)
	if m := doc.Coverage.Missing; len(m) != 1 || m[0].Server.Name != at || !strings.HasPrefix(m[0].Reason, "nobody listens there") {
		t.Errorf("missing %+v", m)
	}
	if doc = ownRun(t, ExitNotAudited, "--server", system+all); len(doc.Coverage.Missing) != 1 || !strings.Contains(doc.Coverage.Missing[0].Reason, "drain") {
		t.Errorf("missing %+v", doc.Coverage.Missing)
	}
}
