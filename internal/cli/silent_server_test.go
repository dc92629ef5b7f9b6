package cli

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/nats-balance/nats-balance/internal/lab"
	"github.com/nats-balance/nats-balance/internal/lab/tool"
	"github.com/nats-balance/nats-balance/internal/source/sourcetest"
)

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
				t.Errorf("%s, %q: status %d: %s", c.what, system, status, text)
			}
		}
	}
}

// One that hangs accepts connections at the address that others tell clients of, and
// says nothing: nobody has to pass that address.
func TestProcessThatHangsWithRoutes(t *testing.T) {
	t.Parallel()
	c, err := tool.StartProcessCluster(sourcetest.Within(t), 3, []string{"ORDERS"}, nil)
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
	at := strings.TrimPrefix(p[2].ClientURL(), "nats://")
	for _, urls := range []string{p[0].URL(lab.SystemAccount), p[0].URL(lab.SystemAccount) + "," + p[2].URL(lab.SystemAccount)} {
		status, doc, text := auditProcesses(t, urls)
		if m := doc.Coverage.Missing; status != ExitNotAudited || len(m) != 1 || m[0].Server.Name != "P-n3" ||
			!strings.HasSuffix(m[0].Reason, "has a route to it, and it accepts connections at "+at+" but says nothing: it hangs") {
			t.Errorf("status %d: %s", status, text)
		}
	}
}
