package cli

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/nats-balance/nats-balance/internal/lab"
	"github.com/nats-balance/nats-balance/internal/lab/tool"
	"github.com/nats-balance/nats-balance/internal/source/sourcetest"
)

// auditPatiently is auditProcesses with time to find out that something hangs, on a
// machine with other tests as well.
func auditPatiently(t *testing.T, urls string) (int, judged, string) {
	t.Helper()
	var out, errs watched
	status := runHere(t.Context(), &out, &errs, "audit", "concentration", "--no-context", "--server", urls, "--timeout", "15s", "--no-causes", "--json")
	return status, readJudged(t, out.String()), out.String() + errs.String()
}

// startOdd starts three servers of C1, and n4 with another system account, or the
// default one, until all know of it.
func startOdd(t *testing.T, system string) []*server.Server {
	t.Helper()
	all := sourcetest.StartServers(t, "C1", 4, func(i int, o *server.Options) {
		if i < 3 {
			return
		}
		o.SystemAccount = system
		if system != "" {
			o.Accounts = append(o.Accounts, server.NewAccount(system))
		}
	})
	if err := lab.Poll(sourcetest.Within(t), func() error {
		z, err := all[0].Varz(nil)
		if n := all[0].NumRemotes(); err == nil && (len(z.ClientConnectURLs) < 4 || n < 3 || all[0].TrackedRemoteServers() < 2) {
			err = fmt.Errorf("%d remotes, advertised: %q", n, z.ClientConnectURLs)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return all
}

// A server that has another system account answers nobody of the others, and has
// routes and clients: it is not said to hang, as it greets at the address that the
// others tell clients of.
func TestServerWithAnotherSystemAccount(t *testing.T) {
	t.Parallel()
	for _, system := range []string{"OTHER", ""} {
		all := startOdd(t, system)
		at := all[3].Addr().String()
		own := sourcetest.UserURL(all[0], "SYS")
		const is = "nobody has a route to it for the system account: "
		for _, c := range []struct {
			what, urls string
			args       []string
			reason     string
		}{
			{"one URL", own, nil, "and it greets at " + at + ", but " + is + "it does not hang, it has another system account"},
			{"its own URL besides", own + ",nats://" + at, nil, "and it greets at " + at + ", but " + is + "it does not hang, it has another system account"},
			{"--no-probe", own, []string{"--no-probe"}, "and " + is + "it has another system account, or hangs"},
		} {
			status, doc, text := auditProcesses(t, c.urls, c.args...)
			if m := doc.Coverage.Missing; status != ExitNotAudited || len(m) != 1 || m[0].Server.Name != "n4" || !strings.HasSuffix(m[0].Reason, c.reason) {
				t.Errorf("%s%s, %q: status %d, %+v", text, c.what, system, status, doc.Coverage)
			}
		}
	}
}

// One that hangs accepts connections at the address that others tell clients of, and
// says nothing: nobody has to pass that address.
func TestProcessThatHangsWithRoutes(t *testing.T) {
	t.Parallel()
	p := thirdHangs(t, nil)
	for _, urls := range []string{p[0].URL(lab.SystemAccount), p[0].URL(lab.SystemAccount) + "," + p[2].URL(lab.SystemAccount)} {
		saidToHang(t, urls, p[2])
	}
}

// thirdHangs starts three servers, of which the third is paused.
func thirdHangs(t *testing.T, configure func(i int) string) []*tool.Process {
	t.Helper()
	c, err := tool.StartProcessCluster(sourcetest.Within(t), 3, []string{"ORDERS"}, configure)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Stop)
	p := c.Processes()
	if err := p[2].Pause(); errors.Is(err, tool.ErrPauseUnsupported) {
		t.Skip(err)
	} else if err != nil {
		t.Fatal(err)
	}
	return p
}

// saidToHang audits, and wants a server named as one that hangs, with its address.
func saidToHang(t *testing.T, urls string, p *tool.Process) {
	t.Helper()
	status, doc, text := auditPatiently(t, urls)
	if m := doc.Coverage.Missing; status != ExitNotAudited || len(m) != 1 || m[0].Server.Name != "P-n3" ||
		!strings.HasSuffix(m[0].Reason, "has a route to it, and it accepts connections at "+strings.TrimPrefix(p.ClientURL(), "nats://")+" but says nothing: it hangs") {
		t.Errorf("status %d: %s", status, text)
	}
}

// joined returns nil once all servers know of all others, and each says of those that
// started before it that it is configured to have routes to them: of two that dialled
// each other one of the routes goes, and is dialled again a second later.
func joined(all []*server.Server) error {
	for i, s := range all {
		z, err := s.Routez(nil)
		if err != nil {
			return err
		}
		configured := map[string]bool{}
		for _, r := range z.Routes {
			configured[r.RemoteID] = configured[r.RemoteID] || r.IsConfigured
		}
		if n := s.TrackedRemoteServers(); n < len(all)-1 || len(configured) < len(all)-1 || slices.ContainsFunc(all[:i], func(peer *server.Server) bool { return !configured[peer.ID()] }) {
			return fmt.Errorf("%s knows %d, routes %v", s.Name(), n, configured)
		}
	}
	return nil
}

// ofThemselves is what servers say of where they are, and of their routes.
func ofThemselves(all []*server.Server) string {
	var b strings.Builder
	for _, s := range all {
		v, errV := s.Varz(nil)
		z, errZ := s.Routez(nil)
		if err := errors.Join(errV, errZ); err != nil {
			return err.Error()
		}
		fmt.Fprintf(&b, "%s at %s:%d, %q:", s.Name(), v.Host, v.Port, v.ClientConnectURLs)
		for _, r := range z.Routes {
			fmt.Fprintf(&b, " %s %s (%v)", r.RemoteName, r.IP, r.IsConfigured)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// Servers that advertise another address than the one that they are reached at, or
// listen on all of their machine, are at the addresses of --server as far as anybody
// can say who does not connect to them: none is missing. One address more than there
// are servers is one of a server that is not here. Where the servers say which addresses
// are theirs, any other address is that of a missing server.
func TestAddressesThatServersDoNotKnow(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		what  string
		more  func(i int, o *server.Options)
		exact bool // servers know where they are
	}{
		{what: "client_advertise", more: func(i int, o *server.Options) { o.ClientAdvertise = fmt.Sprintf("192.0.2.9:%d", 4001+i) }},
		{what: "all addresses, and client_advertise", more: func(i int, o *server.Options) {
			o.Host, o.ClientAdvertise = "0.0.0.0", fmt.Sprintf("192.0.2.9:%d", 4001+i)
		}},
		{what: "all addresses", more: func(_ int, o *server.Options) { o.Host = "0.0.0.0" }, exact: true},
		{what: "an address each", more: func(int, *server.Options) {}, exact: true},
	} {
		all := sourcetest.StartServers(t, "C1", 3, c.more)
		var urls []string
		for _, s := range all {
			_, port, _ := net.SplitHostPort(s.Addr().String())
			urls = append(urls, "nats://"+lab.UserOf("SYS")+":"+lab.Password+"@127.0.0.1:"+port)
			for range 4 {
				sourcetest.Connect(t, "nats://"+lab.UserOf("ORDERS")+":"+lab.Password+"@127.0.0.1:"+port)
			}
		}
		if err := lab.Poll(sourcetest.Within(t), func() error {
			return joined(all)
		}); err != nil {
			t.Fatal(err)
		}
		closed := "nats://127.0.0.1:" + closedPort(t)
		for _, probe := range [][]string{nil, {"--no-probe"}} {
			status, doc, text := auditProcesses(t, strings.Join(urls, ","), probe...)
			if status != ExitPass || !doc.Coverage.Complete {
				// Seen twice among other tests, and never alone: why is not known. What
				// servers say of themselves is to tell.
				t.Errorf("%s%s %v: status %d, %+v\n%s", text, c.what, probe, status, doc.Coverage, ofThemselves(all))
			}
			if status, doc, text := auditProcesses(t, strings.Join(append(slices.Clone(urls), closed), ","), probe...); status != ExitNotAudited || len(doc.Coverage.Missing) != 1 {
				t.Errorf("%s%s %v, one more: status %d, %+v", text, c.what, probe, status, doc.Coverage)
			}
			// The third server is not in the list, and who is there instead is open.
			few := strings.Join([]string{urls[0], urls[1], closed}, ",")
			if status, doc, text := auditProcesses(t, few, probe...); (probe == nil || c.exact) && (status != ExitNotAudited || len(doc.Coverage.Missing) != 1) {
				t.Errorf("%s%s %v, another: status %d, %+v", text, c.what, probe, status, doc.Coverage)
			}
		}
	}
}
