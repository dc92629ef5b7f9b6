package cli

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/nats-balance/nats-balance/internal/lab"
	"github.com/nats-balance/nats-balance/internal/report"
	"github.com/nats-balance/nats-balance/internal/source"
	"github.com/nats-balance/nats-balance/internal/source/monitor"
)

// monitoredScenario has APP on the first of three servers, nearly whole, and a
// second cluster that is fine.
func monitoredScenario(configure func(int, *server.Options)) lab.Scenario {
	return lab.Scenario{
		Topology: lab.Topology{
			Clusters: []lab.Cluster{{Name: "C1", Servers: 3, Configure: configure}, {Name: "C2", Servers: 1}},
			Accounts: []string{"APP", "IDLE"}, Monitoring: true,
		},
		Clients: []lab.Placement{
			{Account: "APP", Server: "C1-n1", Count: 18}, {Account: "APP", Server: "C1-n2", Count: 1}, {Account: "APP", Server: "C2-n1", Count: 4},
		},
	}
}

// monitorList is the value of --monitor for servers.
func monitorList(servers ...*lab.Server) string {
	var out []string
	for _, s := range servers {
		out = append(out, s.MonitorURL())
	}
	return strings.Join(out, ",")
}

// auditOf runs `audit concentration` and checks the exit status.
func auditOf(t *testing.T, status int, args ...string) (stdout, stderr string) {
	t.Helper()
	var out, said bytes.Buffer
	args = append([]string{"--no-context", "--timeout", "30s", "audit", "concentration"}, args...)
	if got := Run(args, &out, &said); got != status {
		t.Fatalf("%q: exit status %d, want %d\n%s%s", args, got, status, &out, &said)
	}
	return out.String(), said.String()
}

func documentOf(t *testing.T, status int, args ...string) report.Document {
	t.Helper()
	out, _ := auditOf(t, status, append(args, "--json")...)
	var doc report.Document
	if err := json.Unmarshal([]byte(out), &doc); err != nil {
		t.Fatal(err)
	}
	return doc
}

// sameFindings is what must be the same whatever the source: counts, findings and
// verdicts.
func sameFindings(doc report.Document) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %+v %v %v %v\n", doc.Outcome, doc.Summary, doc.Coverage.Complete, doc.Coverage.ServersExpected, doc.Coverage.ServersAnswered)
	for _, f := range doc.Findings {
		fmt.Fprintf(&b, "%s %s %s %d of %d %.1f %s\n", f.Account.ID, f.Cluster, f.Server.ID, f.OnServer, f.Connections, f.SharePercent, f.Priority)
		for _, d := range f.Distribution {
			row, _ := json.Marshal(d) // a plain struct
			fmt.Fprintf(&b, "  %s\n", row)
		}
		for _, c := range f.Causes {
			fmt.Fprintf(&b, "  %s %s\n", c.Code, c.Verdict)
		}
	}
	return b.String()
}

func TestMonitorAuditIsTheSameAsALiveOne(t *testing.T) {
	t.Parallel()
	l := startScenario(t, monitoredScenario(nil))
	if l == nil {
		t.FailNow()
	}
	list := "--client-url=APP=" + l.Server("C1-n1").ClientURL()
	// The monitoring ports first: servers count the connection of an audit for a moment.
	doc := documentOf(t, ExitFinding, list, "--monitor", monitorList(l.Servers()...))
	live := documentOf(t, ExitFinding, list, "--server", l.SystemURL())
	if got, want := sameFindings(doc), sameFindings(live); got != want {
		t.Errorf("by monitoring ports\n%s\nby the system account\n%s", got, want)
	}
	first := l.Servers()[0].MonitorURL()
	if doc.Source.Kind != "monitoring" || doc.Source.Detail != "4 monitoring URLs, first "+first {
		t.Errorf("source %+v", doc.Source)
	}
	if f := doc.Findings[0]; f.Causes[0].Code != "single-url" || f.Causes[0].Verdict != "confirmed" || f.Impact.SubscriptionsLost == nil {
		t.Errorf("first cause %+v, impact %+v", f.Causes[0], f.Impact)
	}
	// Without causes the subscriptions are counted all the same.
	doc = documentOf(t, ExitFinding, "--no-causes", "--monitor", monitorList(l.Servers()...))
	if doc.Findings[0].Impact.SubscriptionsLost == nil {
		t.Error("subscriptions are not known")
	}
	// Accounts without a connection are known, others are not.
	documentOf(t, ExitPass, "--account", "IDLE", "--monitor", monitorList(l.Servers()...))
	if _, said := auditOf(t, ExitNotAudited, "--account", "NOBODY", "--monitor", monitorList(l.Servers()...)); !strings.Contains(said, `"NOBODY"`) {
		t.Errorf("said %q", said)
	}
	if _, said := auditOf(t, ExitNotAudited, "--account", lab.SystemAccount, "--monitor", monitorList(l.Servers()...)); !strings.Contains(said, "is the system account") {
		t.Errorf("said %q", said)
	}
	// One server and its text.
	text, _ := auditOf(t, ExitNotAudited, "--monitor", l.Server("C2-n1").MonitorURL(), "--cluster", "C2", "--allow-partial")
	if !strings.Contains(text, "reported on their monitoring ports (1 monitoring URL,") {
		t.Errorf("the text does not say where it is from:\n%s", text)
	}
}

func TestMonitorAuditWithServersThatAreNotInTheList(t *testing.T) {
	t.Parallel()
	l := startScenario(t, monitoredScenario(nil))
	if l == nil {
		t.FailNow()
	}
	doc := documentOf(t, ExitNotAudited, "--monitor", monitorList(l.Server("C1-n1"), l.Server("C1-n2"), l.Server("C2-n1")))
	m := doc.Coverage.Missing
	if doc.Outcome != "incomplete" || doc.Coverage.ServersExpected != 4 || len(m) != 1 || m[0].Server.Name != "C1-n3" || *m[0].Cluster != "C1" ||
		!strings.Contains(m[0].Reason, "is not in --monitor") {
		t.Errorf("%s, coverage %+v", doc.Outcome, doc.Coverage)
	}
	dead := "http://watch:s3cret@127.0.0.1:" + closedPort(t)
	doc = documentOf(t, ExitFinding, "--allow-partial", "--monitor", monitorList(l.Servers()...)+","+dead)
	if m = doc.Coverage.Missing; len(m) != 1 || m[0].Cluster != nil || !strings.Contains(m[0].Reason, "refused") || strings.Contains(m[0].Reason, "s3cret") {
		t.Errorf("coverage %+v", doc.Coverage)
	}
}

// TestMonitorAuditShowsNoCredentials has monitoring ports behind a proxy that
// asks for a password.
func TestMonitorAuditShowsNoCredentials(t *testing.T) {
	t.Parallel()
	l := startScenario(t, monitoredScenario(func(_ int, o *server.Options) { o.HTTPBasePath = "/nats" }))
	if l == nil {
		t.FailNow()
	}
	var list []string
	for _, s := range l.Servers() {
		back, err := url.Parse(s.MonitorURL())
		if err != nil {
			t.Fatal(err)
		}
		pass := httputil.NewSingleHostReverseProxy(back)
		front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if user, password, _ := r.BasicAuth(); user != "watch" || password != "s3cret" {
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
			pass.ServeHTTP(w, r)
		}))
		t.Cleanup(front.Close)
		path := "/nats/"
		if s.Cluster() == "C2" {
			path = ""
		}
		list = append(list, strings.Replace(front.URL, "://", "://watch:s3cret@", 1)+path)
	}
	for _, format := range []string{"json", "text"} {
		out, said := auditOf(t, ExitFinding, "--trace", "--format", format, "--monitor", strings.Join(list, ","))
		for _, text := range []string{out, said} {
			if strings.Contains(text, "s3cret") || strings.Contains(text, "watch") {
				t.Errorf("credentials are shown:\n%s", text)
			}
		}
		if !strings.Contains(said, "/nats/varz") || !strings.Contains(out, "/nats") {
			t.Errorf("the trace has no requests:\n%s", said)
		}
	}
}

// startMonitoredByTLS starts servers that serve monitoring by HTTPS only, and ask
// for the certificate of a client: one is in the files cert and key.
func startMonitoredByTLS(t *testing.T) (l *lab.Lab, ca *connCA, cert, key string) {
	t.Helper()
	ca = newConnCA(t)
	pair, cert, key := ca.sign(t, time.Now().Add(time.Hour), "127.0.0.1")
	authority, err := os.ReadFile(ca.file)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(authority)
	s := monitoredScenario(nil)
	for i := range s.Topology.Clusters {
		s.Topology.Clusters[i].Configure = func(_ int, o *server.Options) {
			o.HTTPSPort, o.HTTPPort = o.HTTPPort, 0
			o.TLSConfig = &tls.Config{Certificates: []tls.Certificate{pair}, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert, MinVersion: tls.VersionTLS12}
			o.AllowNonTLS = true // for the lab's clients
		}
	}
	if l = startScenario(t, s); l == nil {
		t.FailNow()
	}
	return l, ca, cert, key
}

// TestMonitorAuditOverTLS has servers that serve monitoring by HTTPS only, and
// ask for the certificate of a client.
func TestMonitorAuditOverTLS(t *testing.T) {
	t.Parallel()
	l, ca, cert, key := startMonitoredByTLS(t)
	list := strings.ReplaceAll(monitorList(l.Servers()...), "http://", "https://")
	doc := documentOf(t, ExitFinding, "--monitor", list, "--tlsca", ca.file, "--tlscert", cert, "--tlskey", key)
	if !doc.Coverage.Complete || len(doc.Findings) != 1 {
		t.Errorf("coverage %+v, %d findings", doc.Coverage, len(doc.Findings))
	}
	if out, said := auditOf(t, ExitNotAudited, "--monitor", list); out != "" || !strings.Contains(said, "unknown authority: pass --tlsca") {
		t.Errorf("without a CA: %s%s", out, said)
	}
	if _, said := auditOf(t, ExitNotAudited, "--monitor", list, "--tlsca", ca.file, "--tlscert", cert, "--tlskey", ca.file); !strings.Contains(said, "client certificate") {
		t.Errorf("with a wrong key: %s", said)
	}
	if _, said := auditOf(t, ExitNotAudited, "--monitor", list, "--tlsca", key); !strings.Contains(said, "--tlsca") || strings.Contains(said, "PRIVATE") {
		t.Errorf("with a wrong CA: %s", said)
	}
}

func TestMonitorFlag(t *testing.T) {
	t.Parallel()
	urls, err := parseMonitors(" http://a:8222 ,, https://watch:p%40ss@[::1]:8443/nats/ ,http://b")
	if err != nil || len(urls) != 3 || urls[1].Port() != "8443" || urls[1].Path != "/nats/" || urls[2].Host != "b" {
		t.Errorf("%v, %v", urls, err)
	}
	if got := strings.Join(monitor.New(urls[1:], nil, source.Options{}).Detail(), ", "); got != "2 monitoring URLs, first https://[::1]:8443/nats/" {
		t.Errorf("detail %q", got)
	}
	if urls, err := parseMonitors(strings.Repeat("http://a,", mostMonitors+1)); err == nil {
		t.Errorf("%d URLs are taken", len(urls))
	}
	for _, list := range []string{"", " , ", "a", "a:8222", "ftp://a", "http://", "http://:8222", "http://a:0", "http://a:b", "http://a#x", "http://s3cret@@a", "http://s3cret:x/y@a", "s3cret@a:1"} {
		urls, err := parseMonitors(list)
		if err == nil || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%q: %v, %v", list, urls, err)
		}
	}
}
