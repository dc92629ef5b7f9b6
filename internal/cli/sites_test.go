package cli

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nats-balance/nats-balance/internal/lab"
	"github.com/nats-balance/nats-balance/internal/lab/tool"
	"github.com/nats-balance/nats-balance/internal/source/sourcetest"
)

// Inside a leaf cluster, with another one of its name behind the hub that has a
// finding: neither --cluster nor an archive that was gathered there passes over it.
func TestInsideOneOfTwoClustersOfAName(t *testing.T) {
	if sourcetest.RaceDetector {
		t.Skip("nats-server 2.15.2 has a race of its own, between a leafnode that connects and routing that starts")
	}
	t.Parallel()
	sites := sourcetest.StartSites(t)
	inside := sourcetest.UserURL(sites.Lyon[0], "SYS")
	lost := func(what string, status int, doc judged, text string) {
		t.Helper()
		if status != ExitNotAudited || doc.Outcome != "incomplete" || len(doc.Coverage.Missing) != 3 {
			t.Errorf("%s: status %d: %s", what, status, text)
			return
		}
		for i, name := range []string{"berlin1", "berlin2", "berlin3"} {
			if m := doc.Coverage.Missing[i]; m.Server.Name != name || !strings.HasPrefix(m.Reason, "it is behind a leafnode of hub") {
				t.Errorf("%s: missing %s: %s", what, m.Server.Name, m.Reason)
			}
		}
	}
	status, doc, text := auditProcesses(t, inside)
	lost("live", status, doc, text)
	status, doc, text = auditProcesses(t, inside, "--cluster", "EDGE")
	lost("--cluster EDGE", status, doc, text)
	var out, errs watched
	if status := runHere(t.Context(), &out, &errs, "audit", "hotspot", "--no-context", "--server", inside, "--cluster", "EDGE"); status != ExitNotAudited {
		t.Errorf("hotspot --cluster EDGE: %d, %s%s", status, out.String(), errs.String())
	}
	for _, from := range []string{inside, sourcetest.UserURL(sites.Hub, "SYS")} {
		file := filepath.Join(t.TempDir(), "audit.zip")
		if err := tool.GatherArchive(sourcetest.Within(t), from, file); errors.Is(err, tool.ErrNotBuilt) {
			t.Skip(err)
		} else if err != nil {
			t.Fatal(err)
		}
		status, doc, text = archived(t, file)
		if from == inside {
			lost("archive", status, doc, text)
			status, doc, text = archived(t, file, "--cluster", "EDGE")
			lost("archive, --cluster EDGE", status, doc, text)
		} else if status != ExitFinding || !doc.Coverage.Complete || len(doc.Findings) != 1 || doc.Findings[0].OnServer != 16 {
			t.Errorf("archive of the hub: status %d: %s", status, text)
		}
	}
}

// A third site of that name, of processes, of which one hangs. From there it is the
// one that hangs, and the servers of the other sites are behind the hub: none of them
// stopped without a goodbye. From the hub it is missing in its own group, and the
// finding of the other site is shown.
func TestServerHangsInOneOfThreeClustersOfAName(t *testing.T) {
	if sourcetest.RaceDetector {
		t.Skip("nats-server 2.15.2 has a race of its own, between a leafnode that connects and routing that starts")
	}
	t.Parallel()
	sites := sourcetest.StartSites(t)
	z, err := sites.Hub.Varz(nil)
	if err != nil {
		t.Fatal(err)
	}
	c, err := tool.StartProcessClusterCalled(sourcetest.Within(t), "EDGE", 3, []string{"ORDERS"}, func(int) string {
		var remotes []string
		for _, account := range []string{lab.SystemAccount, "ORDERS"} {
			remotes = append(remotes, fmt.Sprintf(`{url: "nats-leaf://%s:%s@127.0.0.1:%d", account: %s}`, lab.UserOf(account), lab.Password, z.LeafNode.Port, account))
		}
		return "leafnodes { remotes: [" + strings.Join(remotes, ", ") + "] }\n"
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Stop)
	if err := lab.Poll(sourcetest.Within(t), func() error {
		if n, leafs := sites.Hub.TrackedRemoteServers(), sites.Hub.NumLeafNodes(); n != 9 || leafs != 18 {
			return fmt.Errorf("the hub knows %d servers by %d leafnodes", n, leafs)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	p := c.Processes()
	if err := p[2].Pause(); errors.Is(err, tool.ErrPauseUnsupported) {
		t.Skip(err)
	} else if err != nil {
		t.Fatal(err)
	}
	const hangs = "but says nothing: it hangs"
	status, doc, text := auditPatiently(t, p[1].URL(lab.SystemAccount))
	reasons := map[string]string{"EDGE-n3": hangs}
	for _, name := range []string{"berlin1", "berlin2", "berlin3", "lyon1", "lyon2", "lyon3"} {
		reasons[name] = "it is behind a leafnode of hub"
	}
	for _, m := range doc.Coverage.Missing {
		if reason := reasons[m.Server.Name]; reason == "" || !strings.Contains(m.Reason, reason) {
			t.Errorf("inside: missing %s: %s", m.Server.Name, m.Reason)
		}
	}
	if status != ExitNotAudited || len(doc.Coverage.Missing) != len(reasons) {
		t.Errorf("inside: status %d: %s", status, text)
	}
	status, doc, text = auditPatiently(t, sourcetest.UserURL(sites.Hub, "SYS"))
	if m := doc.Coverage.Missing; status != ExitNotAudited || doc.Outcome != "incomplete" || len(m) != 1 || m[0].Server.Name != "EDGE-n3" || !strings.Contains(m[0].Reason, hangs) ||
		len(doc.Findings) != 1 || doc.Findings[0].OnServer != 16 {
		t.Errorf("from the hub: status %d: %s", status, text)
	}
}

// archived is what an archive is judged.
func archived(t *testing.T, file string, args ...string) (int, judged, string) {
	t.Helper()
	var out, errs watched
	status := runHere(t.Context(), &out, &errs, append([]string{"audit", "concentration", "--archive", file, "--no-causes", "--json"}, args...)...)
	return status, readJudged(t, out.String()), out.String() + errs.String()
}
