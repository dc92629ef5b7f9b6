package cli

import (
	"net"
	"strings"
	"testing"

	natsserver "github.com/nats-io/nats-server/v2/server"

	"github.com/nats-balance/nats-balance/internal/lab"
)

// What connects and never logs in, as a check whether the port is open, counts as of
// $G on its server. It is nobody's client: it hides no finding of $G, and makes none.
func TestConnectionsThatNeverLogIn(t *testing.T) {
	t.Parallel()
	patient := func(_ int, o *natsserver.Options) { o.AuthTimeout = 300 }
	for name, url := range map[string]func(l *lab.Lab) string{
		"the system account":  func(l *lab.Lab) string { return l.SystemURL() },
		"an ordinary account": func(l *lab.Lab) string { return l.Server("C1-n1").URL("$G") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := startScenario(t, lab.Scenario{
				Topology: lab.Topology{Clusters: []lab.Cluster{{Name: "C1", Servers: 3, Configure: patient}}, Accounts: []string{"$G"}},
				Clients:  []lab.Placement{{Account: "$G", Server: "C1-n1", Count: 18}, {Account: "$G", Server: "C1-n2", Count: 1}, {Account: "$G", Server: "C1-n3", Count: 1}}})
			if l == nil {
				t.FailNow()
			}
			for _, idle := range []int{14, 30} {
				for range idle {
					c, err := net.Dial("tcp", l.Server("C1-n2").Addr())
					if err != nil {
						t.Fatal(err)
					}
					t.Cleanup(func() { _ = c.Close() })
					if _, err := c.Read(make([]byte, 4096)); err != nil { // it is counted
						t.Fatal(err)
					}
				}
				doc := ownRun(t, ExitFinding, "--server", url(l))
				who := 0
				for _, s := range doc.Findings[0].Services {
					who += s.Connections
				}
				if f := doc.Findings[0]; f.Server.Name != "C1-n1" || f.OnServer != 18 || f.Connections != 20 || who != 20 {
					t.Errorf("%d of %d on %s, services %+v", f.OnServer, f.Connections, f.Server.Name, f.Services)
				}
				if notes := strings.Join(doc.Coverage.Notes, "; "); !strings.Contains(notes, "on C1-n2 had not logged in") {
					t.Errorf("notes %s", notes)
				}
			}
		})
	}
}
