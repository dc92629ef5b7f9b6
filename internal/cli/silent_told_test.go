package cli

import (
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/nats-balance/nats-balance/internal/lab"
	"github.com/nats-balance/nats-balance/internal/source/sourcetest"
)

// onLoopback is the URL of a server that listens on all of its machine.
func onLoopback(s *server.Server, account string) string {
	_, port, _ := net.SplitHostPort(s.Addr().String())
	return "nats://" + lab.UserOf(account) + ":" + lab.Password + "@127.0.0.1:" + port
}

// Servers advertise other addresses than those that they are reached at: one that is
// silent is still told by what is at the only address that is nobody's.
func TestProcessThatHangsAtAnAddressThatNobodyAdvertises(t *testing.T) {
	t.Parallel()
	p := thirdHangs(t, func(i int) string { return fmt.Sprintf("client_advertise: \"n%d.example.invalid:4222\"\n", i+1) })
	saidToHang(t, strings.Join([]string{p[0].URL(lab.SystemAccount), p[1].URL(lab.SystemAccount), p[2].URL(lab.SystemAccount)}, ","), p[2])
}

// hasNetwork reports whether this machine has an address that others can reach.
func hasNetwork(t *testing.T) bool {
	t.Helper()
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	return slices.ContainsFunc(addrs, func(a net.Addr) bool {
		n, ok := a.(*net.IPNet)
		return ok && n.IP.IsGlobalUnicast()
	})
}

// One that drains and listens on all of its machine is told by its address, and without
// that as everyone greets at the addresses that are advertised.
func TestServerThatDrainsAndListensEverywhere(t *testing.T) {
	t.Parallel()
	if !hasNetwork(t) {
		t.Skip("this machine has no address but those of loopback, which servers do not advertise")
	}
	all := sourcetest.StartServers(t, "C1", 3, func(_ int, o *server.Options) {
		o.Host, o.LameDuckGracePeriod, o.LameDuckDuration = "0.0.0.0", time.Minute, 2*time.Minute
	})
	n3 := all[2]
	sourcetest.Connect(t, onLoopback(n3, "ORDERS")) // without clients it would stop at once
	if err := lab.Poll(sourcetest.Within(t), func() error {
		for _, s := range all {
			if s.TrackedRemoteServers() < 2 || s.NumRemotes() < 2 {
				return fmt.Errorf("%s knows %d", s.Name(), s.TrackedRemoteServers())
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	urls := []string{onLoopback(all[0], "SYS"), onLoopback(all[1], "SYS"), onLoopback(n3, "SYS")}
	_, port, _ := net.SplitHostPort(n3.Addr().String())
	done := make(chan struct{})
	go func() { defer close(done); n3.LameDuckShutdown() }()
	t.Cleanup(func() { n3.Shutdown(); <-done })
	if err := lab.Poll(sourcetest.Within(t), func() error {
		v, err := all[0].Varz(nil)
		if err == nil && strings.Contains(strings.Join(v.ClientConnectURLs, " ")+" ", ":"+port+" ") {
			err = fmt.Errorf("it is advertised: %q", v.ClientConnectURLs)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ urls, reason string }{
		{strings.Join(urls, ","), ", nobody listens at 127.0.0.1:" + port + ", and other servers have routes to it: it is draining, or listens elsewhere"},
		{urls[0], "no server advertises it to clients: it is draining, or never was advertised"},
	} {
		status, doc, text := auditPatiently(t, c.urls)
		if m := doc.Coverage.Missing; status != ExitNotAudited || len(m) != 1 || !strings.HasSuffix(m[0].Reason, c.reason) {
			t.Errorf("status %d: %s", status, text)
		}
	}
}
