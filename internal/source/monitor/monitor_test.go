package monitor

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	natsserver "github.com/nats-io/nats-server/v2/server"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/lab"
	"github.com/nats-balance/nats-balance/internal/source"
	"github.com/nats-balance/nats-balance/internal/source/sourcetest"
	"github.com/nats-balance/nats-balance/internal/source/system"
	"github.com/nats-balance/nats-balance/internal/wire"
)

// monitoredThree is three servers with monitoring ports.
func monitoredThree(accounts ...string) lab.Topology {
	t := sourcetest.Three(accounts...)
	t.Monitoring = true
	return t
}

// monitorURLs are those of a lab's servers.
func monitorURLs(servers ...*lab.Server) []string {
	var out []string
	for _, s := range servers {
		out = append(out, s.MonitorURL())
	}
	return out
}

// monitoringOf is for these URLs, with what it traces.
func monitoringOf(t testing.TB, urls ...string) (*Source, *[]string) {
	t.Helper()
	var all []*url.URL
	for _, text := range urls {
		u, err := url.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, u)
	}
	var traced []string
	m := New(all, nil, source.Options{Trace: func(format string, args ...any) { traced = append(traced, fmt.Sprintf(format, args...)) }})
	t.Cleanup(m.client.CloseIdleConnections)
	return m, &traced
}

// monitor gathers from these URLs and makes sure that the model makes sense.
func monitor(t testing.TB, m *Source, longest time.Duration) *checks.Deployment {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), longest)
	defer cancel()
	d, err := m.Deployment(ctx)
	if err != nil {
		t.Fatalf("Deployment: %v", err)
	}
	sourcetest.MakesSense(t, d)
	return d
}

// sameModel checks that two models have the same servers and connections; the
// system account, which the auditors use differently, aside.
func sameModel(t testing.TB, got, want *checks.Deployment) {
	t.Helper()
	show := func(d *checks.Deployment) []string {
		var out []string
		for _, s := range d.Servers {
			line := fmt.Sprintf("%s %s %s %q %s:", s.ID, s.Name, s.Host, s.Cluster, s.Start.UTC())
			var usage []string
			for _, u := range s.Usage {
				if a := d.Accounts[u.Account]; !a.System {
					usage = append(usage, fmt.Sprintf(" %s (%s) %d+%d", a.ID, a.Name, u.Connections, u.Leafnodes))
				}
			}
			slices.Sort(usage)
			out = append(out, line+strings.Join(usage, ""))
		}
		return out
	}
	if g, w := show(got), show(want); !slices.Equal(g, w) {
		t.Errorf("the model has\n%s\nwant\n%s", strings.Join(g, "\n"), strings.Join(w, "\n"))
	}
}

func TestMonitoringSeesWhatTheSystemAccountSees(t *testing.T) {
	t.Parallel()
	l := sourcetest.StartLab(t, lab.Topology{
		Clusters:   []lab.Cluster{{Name: "C1", Servers: 3, MaxConnections: 99, Tags: map[int][]string{0: {"az:a"}}}, {Name: "C2", Servers: 2, WebSocket: true}},
		Leafs:      []lab.Leaf{{Cluster: lab.Cluster{Name: "EDGE", Servers: 1}, Hub: "C1", Accounts: []string{"APP"}}, {Cluster: lab.Cluster{Servers: 1}, Hub: "C1", Accounts: []string{"APP"}}},
		Accounts:   []string{"APP", "IDLE", "$G"},
		Monitoring: true,
	})
	sourcetest.Clients(t, l, "APP", map[string]int{"C1-n1": 12, "C1-n2": 1, "C2-n2": 3})
	sourcetest.Clients(t, l, "$G", map[string]int{"C1-n3": 2})
	system := system.New(sourcetest.Connect(t, l.SystemURL()), source.Options{Timeout: sourcetest.Long})
	live := liveModel(t, system, 7)
	m, _ := monitoringOf(t, monitorURLs(l.Servers()...)...)
	d := monitor(t, m, sourcetest.Long)
	sourcetest.Complete(t, d, 7)
	if len(d.Notes) > 0 {
		t.Errorf("notes %q, want none", d.Notes)
	}
	sameModel(t, d, live)
	if got := sourcetest.SystemAccounts(d); !slices.Equal(got, []string{lab.SystemAccount}) {
		t.Errorf("system accounts %q", got)
	}
	for _, s := range d.Servers {
		if s.Details != nil || s.MaxConnections != nil {
			t.Errorf("%s has details before they are asked for", s.Name)
		}
	}
	clusters := []string{"C1", "C2"}
	if err := errors.Join(m.Details(sourcetest.Within(t), d, clusters), system.Details(sourcetest.Within(t), live, clusters)); err != nil {
		t.Fatal(err)
	}
	for i, s := range d.Servers {
		got, want := s.Details, live.Servers[i].Details
		if (got == nil) != (want == nil) {
			t.Fatalf("%s has details %+v, want %+v", s.Name, got, want)
		}
		if got == nil {
			continue
		}
		sourcetest.SensibleClock(t, s.Name, got)
		slices.Sort(got.ConnectURLs)
		slices.Sort(want.ConnectURLs)
		if got.Host != want.Host || got.Port != want.Port || got.WebSocket != want.WebSocket || got.TLS != want.TLS ||
			!slices.Equal(got.ConnectURLs, want.ConnectURLs) || !slices.Equal(got.Tags, want.Tags) || !slices.Equal(got.Seen, want.Seen) {
			t.Errorf("%s: details %+v, want %+v", s.Name, got, want)
		}
		if g, w := s.MaxConnections, live.Servers[i].MaxConnections; (g == nil) != (w == nil) || g != nil && *g != *w {
			t.Errorf("%s: limit %v, want %v", s.Name, g, w)
		}
	}
	suspects := []source.Suspect{{Account: "APP", Server: l.Server("C1-n1").ID(), Cluster: "C1"}}
	reports, accounts, err := m.Examine(sourcetest.Within(t), d, suspects)
	if err != nil {
		t.Fatal(err)
	}
	wantReports, wantAccounts, err := system.Examine(sourcetest.Within(t), live, suspects)
	if err != nil {
		t.Fatal(err)
	}
	p, want := reports[0].Profile, wantReports[0].Profile
	if fmt.Sprint(p.Servers, p.Read, p.Whole, p.Note, p.Protocols, p.Versions, p.Names, p.Users, p.Networks, p.Starts) !=
		fmt.Sprint(want.Servers, want.Read, want.Whole, want.Note, want.Protocols, want.Versions, want.Names, want.Users, want.Networks, want.Starts) {
		t.Errorf("profile %+v, want %+v", p, want)
	}
	if got, want := reports[0].Subscriptions, wantReports[0].Subscriptions; got == nil || want == nil || *got != *want {
		t.Errorf("subscriptions %v, want %v", got, want)
	}
	if fmt.Sprint(accounts) != fmt.Sprint(wantAccounts) {
		t.Errorf("accounts %v, want %v", accounts, wantAccounts)
	}
	counts, err := m.Subscriptions(sourcetest.Within(t), []source.Held{{Server: l.Server("C1-n1").ID(), Account: "APP"}, {Server: "nowhere", Account: "APP"}})
	if err != nil || counts[0] == nil || *counts[0] != *reports[0].Subscriptions || counts[1] != nil {
		t.Errorf("subscriptions %v, %v", counts, err)
	}
}

func TestMonitoringKnowsAccounts(t *testing.T) {
	t.Parallel()
	topology := monitoredThree("APP", "IDLE", "a b&c")
	topology.Accounts = topology.Accounts[:2]
	topology.Clusters[0].Configure = func(i int, o *natsserver.Options) {
		if i > 0 { // the first server alone knows IDLE
			o.Accounts = slices.DeleteFunc(o.Accounts, func(a *natsserver.Account) bool { return a.Name == "IDLE" })
			o.Users = slices.DeleteFunc(o.Users, func(u *natsserver.User) bool { return u.Username == "IDLE" })
		}
	}
	l := sourcetest.StartLab(t, topology)
	sourcetest.Clients(t, l, "APP", map[string]int{"C1-n1": 3})
	m, _ := monitoringOf(t, monitorURLs(l.Servers()...)...)
	d := monitor(t, m, sourcetest.Long)
	before := len(d.Accounts)
	for _, id := range []string{"NOBODY", "idle", "", "a b&c=d"} {
		if err := m.Knows(sourcetest.Within(t), d, id); err != nil || len(d.Accounts) != before {
			t.Errorf("%q: %v, accounts %v", id, err, d.Accounts)
		}
	}
	if err := m.Knows(sourcetest.Within(t), d, "IDLE"); err != nil || len(d.Accounts) != before+1 || d.Accounts[before].ID != "IDLE" || d.Accounts[before].System {
		t.Errorf("IDLE: %v, accounts %v", err, d.Accounts)
	}
	s := source.Suspect{Account: "IDLE", Server: l.Server("C1-n1").ID(), Cluster: "C1"}
	_, accounts, err := m.Examine(sourcetest.Within(t), d, []source.Suspect{s, s})
	if err != nil {
		t.Fatal(err)
	}
	for i, server := range l.Servers() {
		want := checks.No
		if i == 0 {
			want = checks.Yes
		}
		if on := accounts[s][server.ID()]; on.Usable != want || want == checks.No && !strings.Contains(on.Detail, "does not exist") {
			t.Errorf("%s: %+v, want %v", server.Name(), on, want)
		}
	}
	// With a server that went, what no other knows can't be told.
	l.Server("C1-n3").Shutdown()
	if err := m.Knows(sourcetest.Within(t), d, "NOBODY"); err == nil || !strings.Contains(err.Error(), l.Server("C1-n3").MonitorURL()) {
		t.Errorf("error %v", err)
	}
}

// TestMonitoringReadsPages has an account with more connections on a server than
// a page holds.
func TestMonitoringReadsPages(t *testing.T) {
	t.Parallel()
	const many = 2*wire.PageSize + 100
	l := sourcetest.StartLab(t, monitoredThree("APP"))
	if _, err := l.ConnectRaw(sourcetest.Within(t), lab.RawClients{Account: "APP", Server: l.Server("C1-n1"), Count: many}); err != nil {
		t.Fatal(err)
	}
	sourcetest.Clients(t, l, "APP", map[string]int{"C1-n2": 2})
	if err := l.WaitCounts(sourcetest.Within(t), "APP", map[string]int{"C1-n1": many}); err != nil {
		t.Fatal(err)
	}
	m, traced := monitoringOf(t, monitorURLs(l.Servers()...)...)
	d := monitor(t, m, sourcetest.Long)
	reports, _, err := m.Examine(sourcetest.Within(t), d, []source.Suspect{{Account: "APP", Server: l.Server("C1-n1").ID(), Cluster: "C1"}})
	if err != nil {
		t.Fatal(err)
	}
	if p := reports[0].Profile; !slices.Equal(p.Read, []int{many, 2, 0}) || !p.Whole {
		t.Errorf("read %v, whole %v, note %q", p.Read, p.Whole, p.Note)
	}
	if n := strings.Count(strings.Join(*traced, "\n"), ">>> GET "+l.Server("C1-n1").MonitorURL()+"/connz?acc=APP&auth=1&limit=1024&offset="); n != 3 {
		t.Errorf("%d pages were asked for, want 3: %q", n, *traced)
	}
}

func TestMonitoringThroughAProxyWithAPrefixAndAPassword(t *testing.T) {
	t.Parallel()
	topology := monitoredThree("APP")
	topology.Clusters[0].Configure = func(i int, o *natsserver.Options) { o.HTTPBasePath = fmt.Sprintf("/nats/%d", i) }
	l := sourcetest.StartLab(t, topology)
	sourcetest.Clients(t, l, "APP", map[string]int{"C1-n1": 10, "C1-n2": 1})
	var urls []string
	for i, s := range l.Servers() {
		back, err := url.Parse(s.MonitorURL())
		if err != nil {
			t.Fatal(err)
		}
		pass := httputil.NewSingleHostReverseProxy(back)
		front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch user, password, ok := r.BasicAuth(); {
			case !ok || user != "watch" || password != "s3cr@t":
				w.WriteHeader(http.StatusUnauthorized)
			case strings.HasPrefix(r.URL.Path, "/nats/1/old"):
				http.Redirect(w, r, strings.Replace(r.URL.String(), "/old", "", 1), http.StatusFound) // on the same host
			default:
				pass.ServeHTTP(w, r)
			}
		}))
		t.Cleanup(front.Close)
		path := map[int]string{0: "/nats/0/", 1: "/nats/1/old", 2: "/nats/2"}[i]
		urls = append(urls, strings.Replace(front.URL, "http://", "http://watch:s3cr%40t@", 1)+path)
	}
	m, traced := monitoringOf(t, urls...)
	d := monitor(t, m, sourcetest.Long)
	sourcetest.Complete(t, d, 3)
	reports, _, err := m.Examine(sourcetest.Within(t), d, []source.Suspect{{Account: "APP", Server: l.Server("C1-n1").ID(), Cluster: "C1"}})
	if err != nil || !slices.Equal(reports[0].Profile.Read, []int{10, 1, 0}) {
		t.Errorf("read %+v, %v", reports, err)
	}
	// A wrong password is said, and no password is.
	bad := append(slices.Clone(urls[:2]), strings.Replace(urls[2], "s3cr", "wr0ng", 1))
	m, badTraced := monitoringOf(t, bad...)
	d = monitor(t, m, sourcetest.Long)
	missing := sourcetest.OnlyMissing(t, d, "C1", "C1-n3", "it answered 401 Unauthorized")
	for _, text := range append(append(slices.Clone(*traced), *badTraced...), append(d.Notes, missing.Reason)...) {
		if strings.Contains(text, "s3cr") || strings.Contains(text, "wr0ng") || strings.Contains(text, "watch") {
			t.Errorf("%q shows credentials", text)
		}
	}
}

func TestMonitoringOverTLS(t *testing.T) {
	t.Parallel()
	l := sourcetest.StartLab(t, monitoredThree("APP"))
	sourcetest.Clients(t, l, "APP", map[string]int{"C1-n1": 4})
	var urls []*url.URL
	var front *httptest.Server
	for _, s := range l.Servers() {
		back, err := url.Parse(s.MonitorURL())
		if err != nil {
			t.Fatal(err)
		}
		front = httptest.NewTLSServer(httputil.NewSingleHostReverseProxy(back))
		t.Cleanup(front.Close)
		u, err := url.Parse(front.URL)
		if err != nil {
			t.Fatal(err)
		}
		urls = append(urls, u)
	}
	m := New(urls, front.Client().Transport.(*http.Transport).TLSClientConfig, source.Options{})
	sourcetest.Complete(t, monitor(t, m, sourcetest.Long), 3)
	m = New(urls, nil, source.Options{})
	if _, err := m.Deployment(sourcetest.Within(t)); err == nil || !strings.Contains(err.Error(), "unknown authority") {
		t.Errorf("an unknown authority: %v", err)
	}
}

func TestMonitoringCancelled(t *testing.T) {
	t.Parallel()
	l := sourcetest.StartLab(t, monitoredThree("APP"))
	sourcetest.Clients(t, l, "APP", map[string]int{"C1-n1": 4})
	m, _ := monitoringOf(t, monitorURLs(l.Servers()...)...)
	d := monitor(t, m, sourcetest.Long)
	ctx, cancel := context.WithCancel(sourcetest.Within(t))
	cancel()
	if _, err := m.Deployment(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Deployment: %v", err)
	}
	s := source.Suspect{Account: "APP", Server: l.Server("C1-n1").ID(), Cluster: "C1"}
	if _, _, err := m.Examine(ctx, d, []source.Suspect{s}); !errors.Is(err, context.Canceled) {
		t.Errorf("Examine: %v", err)
	}
	if _, err := m.Subscriptions(ctx, []source.Held{{Server: s.Server, Account: s.Account}}); !errors.Is(err, context.Canceled) {
		t.Errorf("Subscriptions: %v", err)
	}
	if err := m.Knows(ctx, d, "APP"); !errors.Is(err, context.Canceled) {
		t.Errorf("Knows: %v", err)
	}
	if _, _, err := m.Examine(sourcetest.Within(t), d, []source.Suspect{{Account: "APP", Server: "nobody", Cluster: "C1"}}); err == nil {
		t.Error("a server that is in no cluster was examined")
	}
}
