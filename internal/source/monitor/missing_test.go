package monitor

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/lab"
	"github.com/nats-balance/nats-balance/internal/source"
	"github.com/nats-balance/nats-balance/internal/source/sourcetest"
	"github.com/nats-balance/nats-balance/internal/wire"
)

// closedMonitor is a URL where nobody listens.
func closedMonitor(t testing.TB) string {
	t.Helper()
	return "http://" + sourcetest.ClosedPort(t).String()
}

// serve is a monitoring port, or what passes for one.
func serve(t testing.TB, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

// faultyPath is a server's monitoring port but for one path.
func faultyPath(t testing.TB, s *lab.Server, path string, fault http.HandlerFunc) string {
	t.Helper()
	back, err := url.Parse(s.MonitorURL())
	if err != nil {
		t.Fatal(err)
	}
	pass := httputil.NewSingleHostReverseProxy(back)
	return serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == path {
			fault(w, r)
			return
		}
		pass.ServeHTTP(w, r)
	})
}

func hang(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

func says(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(body)) }
}

func TestMonitoringFindsServersThatWereNotGiven(t *testing.T) {
	t.Parallel()
	l := sourcetest.StartLab(t, lab.Topology{
		Clusters: []lab.Cluster{{Name: "C1", Servers: 3}, {Name: "C2", Servers: 2}}, Accounts: []string{"APP"}, Monitoring: true,
	})
	sourcetest.Clients(t, l, "APP", map[string]int{"C1-n1": 4})
	url := func(name string) string { return l.Server(name).MonitorURL() }
	dead := closedMonitor(t)
	for what, c := range map[string]struct {
		urls []string
		want []string // cluster/name: in its reason
		note string
	}{
		"all": {urls: monitorURLs(l.Servers()...)},
		"one of C1 is not given": {
			urls: []string{url("C1-n1"), url("C1-n2"), url("C2-n1"), url("C2-n2")},
			want: []string{"C1/C1-n3: C1-n1 has a route to it, but it is not in --monitor"},
		},
		"none of C2 is given": {
			urls: []string{url("C1-n1"), url("C1-n2"), url("C1-n3")},
			want: []string{"C2/: C1-n1 has a gateway to its cluster, but no server of it is in --monitor"},
		},
		"one server alone": {
			urls: []string{url("C1-n1")},
			want: []string{"C1/C1-n2: C1-n1 has a route", "C1/C1-n3: C1-n1 has a route", "C2/: C1-n1 has a gateway"},
		},
		"one twice": {
			urls: append(monitorURLs(l.Servers()...), url("C1-n2"), strings.Replace(url("C1-n1"), "127.0.0.1", "localhost", 1)),
			note: "lead to the same server, C1-n1, which is counted once",
		},
		"a dead URL more": {
			urls: append(monitorURLs(l.Servers()...), dead),
			want: []string{"?: " + dead + ": connect"},
		},
		"a dead URL for one that is up": {
			// Both have the address that only one server and one URL have.
			urls: []string{url("C1-n1"), url("C1-n2"), dead, url("C2-n1"), url("C2-n2")},
			want: []string{"C1/C1-n3: C1-n1 has a route to it, but " + dead + ": connect"},
		},
		"a dead URL for one of two that are up": {
			urls: []string{url("C1-n1"), dead, url("C2-n1"), url("C2-n2")},
			want: []string{"?: " + dead, "C1/C1-n2: C1-n1 has a route to it, but", "C1/C1-n3: C1-n1 has a route to it, but"},
		},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			m, _ := monitoringOf(t, c.urls...)
			d := monitor(t, m, sourcetest.Long)
			if len(d.Missing) != len(c.want) {
				t.Fatalf("missing %s, want %q", sourcetest.ShowMissing(d), c.want)
			}
			for i, want := range c.want {
				got := sourcetest.Path(d.Missing[i].Cluster, d.Missing[i].Name) + ": " + d.Missing[i].Reason
				switch {
				case !d.Missing[i].ClusterKnown:
					got = "?: " + d.Missing[i].Reason
				case d.Missing[i].Name == "":
					got = d.Missing[i].Cluster + "/: " + d.Missing[i].Reason
				}
				if !strings.HasPrefix(got, want) {
					t.Errorf("missing %q, want %q", got, want)
				}
			}
			if c.note != "" {
				sourcetest.Noted(t, d, c.note)
			} else if len(d.Notes) > 0 {
				t.Errorf("notes %q", d.Notes)
			}
		})
	}
}

// TestMonitoringOfOneClusterCountsAServerOnce has a server whose monitoring port
// can't be reached by the name that was given, but that the others know.
func TestMonitoringOfOneClusterCountsAServerOnce(t *testing.T) {
	t.Parallel()
	l := sourcetest.StartLab(t, monitoredThree("APP"))
	sourcetest.Clients(t, l, "APP", map[string]int{"C1-n1": 4})
	dead := strings.Replace(closedMonitor(t), "127.0.0.1", "localhost", 1)
	m, _ := monitoringOf(t, append(monitorURLs(l.Cluster("C1")[:2]...), dead)...)
	d := monitor(t, m, sourcetest.Long)
	sourcetest.OnlyMissing(t, d, "C1", "C1-n3", "C1-n1 has a route to it, but it is not in --monitor, unless it is the one at "+dead)
	// Two URLs that fail are one server more than is known of.
	other := strings.Replace(closedMonitor(t), "127.0.0.1", "localhost", 1)
	m, _ = monitoringOf(t, append(monitorURLs(l.Cluster("C1")[:2]...), dead, other)...)
	if d = monitor(t, m, sourcetest.Long); d.Expected != 4 || len(d.Servers) != 2 {
		t.Errorf("missing %s, want 2", sourcetest.ShowMissing(d))
	}
}

func TestMonitoringFaults(t *testing.T) {
	t.Parallel()
	l := sourcetest.StartLab(t, monitoredThree("APP"))
	sourcetest.Clients(t, l, "APP", map[string]int{"C1-n1": 4, "C1-n3": 2})
	good, n3 := monitorURLs(l.Cluster("C1")[:2]...), l.Server("C1-n3")
	elsewhere := serve(t, says("{}"))
	for what, c := range map[string]struct {
		path   string
		fault  http.HandlerFunc
		reason string
	}{
		"silent": {"/varz", hang, "it did not answer within"},
		"a web page": {"/varz", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			says("hello")(w, nil)
		}, "it answered with a web page rather than JSON"},
		"a web page as JSON": {"/varz", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			says(" \n<html>")(w, nil)
		}, "it answered with a web page rather than JSON"},
		"nothing":            {"/varz", says(""), "it answered with an empty page"},
		"another service":    {"/varz", says(`{"status":"ok"}`), "it is not from a nats-server"},
		"no JSON":            {"/varz", says(`{"server_id":"A","connections":1`), "it is malformed"},
		"a count below zero": {"/varz", says(`{"server_id":"A","connections":-1}`), "it is not from a nats-server"},
		"not found":          {"/varz", http.NotFound, "it answered 404 Not Found: pass the http_base_path"},
		"redirected elsewhere": {"/varz", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, strings.Replace(elsewhere, "127.0.0.1", "localhost", 1), http.StatusFound)
		}, "it redirects to another host"},
		"redirected for ever": {"/varz", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/varz", http.StatusFound) }, "it redirects again and again"},
		"cut off": {"/varz", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			says(`{"server_id":`)(w, nil)
		}, "EOF"},
		"too large": {"/varz", func(w http.ResponseWriter, _ *http.Request) {
			says(`{"a":"`+strings.Repeat("x", wire.LongestAnswer)+`"}`)(w, nil)
		}, "it is larger than 16 MiB"},
		"no report":             {"/accstatz", http.NotFound, "its account report can't be used"},
		"silent about accounts": {"/accstatz", hang, "it did not answer within"},
		"a report of another":   {"/accstatz", says(`{"server_id":"OTHER","account_statz":[]}`), "different servers answer at this URL"},
		"a report with garbage": {"/accstatz", says(`{"server_id":"OTHER","account_statz":[{"acc":"A","conns":-3}]}`), "not a whole number"},
		"two reports":           {"/accstatz", says(`{"account_statz":[],"account_statz":[]}`), "two lists of accounts"},
		"no accounts":           {"/accstatz", says(`{"server_id":"OTHER"}`), "it has neither accounts nor an error"},
		"an endless report":     {"/accstatz", endlessReport, "it is larger than 64 MiB"},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			longest := 10 * sourcetest.Long // for those that send a lot
			if strings.Contains(what, "silent") {
				longest = sourcetest.Patient() // three fifths of it are waited for
			}
			bad := faultyPath(t, n3, c.path, c.fault)
			m, _ := monitoringOf(t, append(slices.Clone(good), bad)...)
			d := monitor(t, m, longest)
			missing := sourcetest.OnlyMissing(t, d, "C1", "C1-n3", c.reason, bad)
			if c.path == "/accstatz" && (missing.Bound == nil || *missing.Bound < 2 || missing.ID != n3.ID()) {
				t.Errorf("missing %+v, want its bound and id", missing)
			}
			sourcetest.Complete(t, &checks.Deployment{Servers: d.Servers, Expected: len(d.Servers)}, 2)
		})
	}
}

// endlessReport is a report that goes on and on.
func endlessReport(w http.ResponseWriter, r *http.Request) {
	row := []byte(strings.Repeat(`{"acc":"A","conns":0},`+strings.Repeat(" ", 1000), 1000))
	_, err := w.Write([]byte(`{"server_id":"X","account_statz":[`))
	for n := 0; err == nil && r.Context().Err() == nil && n < 4*longestPage; n += len(row) {
		_, err = w.Write(row)
	}
}

func TestMonitoringWithoutRoutes(t *testing.T) {
	t.Parallel()
	l := sourcetest.StartLab(t, monitoredThree("APP"))
	sourcetest.Clients(t, l, "APP", map[string]int{"C1-n1": 4})
	n1 := l.Server("C1-n1")
	bad := faultyPath(t, n1, "/routez", http.NotFound)
	m, _ := monitoringOf(t, bad)
	d := monitor(t, m, sourcetest.Long)
	sourcetest.Noted(t, d, "the routes and gateways of 1 of 1 servers are unknown, the first of them being C1-n1 ("+bad+": it answered 404")
	if len(d.Missing) != 2 || !strings.Contains(d.Missing[0].Reason, "C1-n1 advertises "+l.Server("C1-n2").Addr()) && !strings.Contains(d.Missing[0].Reason, "C1-n1 advertises "+l.Server("C1-n3").Addr()) {
		t.Errorf("missing %s, want the two that are advertised", sourcetest.ShowMissing(d))
	}
	_ = m.Details(sourcetest.Within(t), d, []string{"C1"})
	sourcetest.Noted(t, d, "the peers' addresses of 1 of 1 servers are unknown")
	// What one server does not report, the others do.
	m, _ = monitoringOf(t, bad, l.Server("C1-n2").MonitorURL())
	d = monitor(t, m, sourcetest.Long)
	sourcetest.OnlyMissing(t, d, "C1", "C1-n3", "C1-n2 has a route to it")
}

func TestMonitoringWithNothingToRead(t *testing.T) {
	t.Parallel()
	l := sourcetest.StartLab(t, monitoredThree("APP"))
	dead := closedMonitor(t)
	for what, c := range map[string]struct {
		urls []string
		want string
	}{
		"one":                  {[]string{dead}, dead + ": connect"},
		"two":                  {[]string{dead, closedMonitor(t)}, "none of 2 monitoring ports gave an account report, the first of them being " + dead},
		"a client port":        {[]string{"http://" + l.Server("C1-n1").Addr()}, "it does not speak HTTP"},
		"https to http":        {[]string{strings.Replace(l.Server("C1-n1").MonitorURL(), "http", "https", 1)}, "HTTP response to HTTPS client"},
		"none":                 {nil, "there is no monitoring port to ask"},
		"an unknown host name": {[]string{"http://no-such-host.invalid:8222"}, "http://no-such-host.invalid:8222: "},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			m, _ := monitoringOf(t, c.urls...)
			if d, err := m.Deployment(sourcetest.Within(t)); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, %v, want an error with %q", d, err, c.want)
			}
		})
	}
}

func TestMonitoringConnectionsThatCannotBeRead(t *testing.T) {
	t.Parallel()
	l := sourcetest.StartLab(t, monitoredThree("APP"))
	sourcetest.Clients(t, l, "APP", map[string]int{"C1-n1": 9, "C1-n2": 1})
	n1 := l.Server("C1-n1")
	again := `{"server_id":"` + n1.ID() + `","connections":[` + strings.TrimSuffix(strings.Repeat(`{"cid":9},`, 1), ",") + `]}`
	for what, c := range map[string]struct {
		fault http.HandlerFunc
		note  string
	}{
		"silent":       {hang, "C1-n1 did not answer in time"},
		"of another":   {says(`{"server_id":"OTHER","connections":[]}`), "different servers answer at this URL"},
		"garbage":      {says(`{"server_id":7}`), "C1-n1 sent no connections that can be used"},
		"a web page":   {says(`<html>`), "web page"},
		"out of order": {says(strings.Replace(again, "]", `,{"cid":3}]`, 1)), "out of order"},
		"too many":     {says(strings.Replace(again, `{"cid":9}`, cids(wire.PageSize+1), 1)), "more connections than were asked for"},
		"the same":     {says(strings.Replace(again, `{"cid":9}`, cids(wire.PageSize), 1)), "the same connections again and again"},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			m, _ := monitoringOf(t, faultyPath(t, n1, "/connz", c.fault), l.Server("C1-n2").MonitorURL(), l.Server("C1-n3").MonitorURL())
			d := monitor(t, m, sourcetest.Long)
			sourcetest.Complete(t, d, 3)
			ctx := sourcetest.Within(t)
			if what == "silent" {
				short, cancel := contextWithin(t, sourcetest.Patient())
				defer cancel()
				ctx = short
			}
			reports, accounts, err := m.Examine(ctx, d, []source.Suspect{{Account: "APP", Server: n1.ID(), Cluster: "C1"}})
			if err != nil {
				t.Fatal(err)
			}
			if p := reports[0].Profile; p.Whole || !strings.Contains(p.Note, c.note) || p.Read[1] != 1 {
				t.Errorf("read %v, whole %v, note %q", p.Read, p.Whole, p.Note)
			}
			if reports[0].Subscriptions != nil {
				t.Errorf("subscriptions %d though they were not all read", *reports[0].Subscriptions)
			}
			if on := accounts[source.Suspect{Account: "APP", Server: n1.ID(), Cluster: "C1"}][l.Server("C1-n3").ID()]; on.Usable != checks.Yes {
				t.Errorf("the account on C1-n3: %+v", on)
			}
		})
	}
}

// cids are so many connections.
func cids(n int) string {
	var b strings.Builder
	for i := range n {
		if i > 0 {
			b.WriteString(",")
		}
		b.WriteString(`{"cid":` + strconv.Itoa(i+1) + `}`)
	}
	return b.String()
}

func TestMonitoringListeners(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		host string
		port int
		at   string
		want bool
	}{
		{"127.0.0.1", 4222, "127.0.0.1:4222", true},
		{"127.0.0.1", 4222, "127.0.0.2:4222", false},
		{"127.0.0.1", 4222, "127.0.0.1:4223", false},
		{"0.0.0.0", 4222, "10.0.0.7:4222", true},
		{"::", 4222, "[fd00::7]:4222", true},
		{"::", 4222, "10.0.0.7:4223", false},
		{"fd00::7", 4222, "[fd00::7]:4222", true},
		{"nats.example", 4222, "10.0.0.7:4222", true}, // who knows
	} {
		l := &listeners{at: map[netip.AddrPort]bool{}, anywhere: map[uint16]bool{}}
		l.add(&checks.Details{Host: c.host, Port: c.port})
		if got := l.mayBeAt(netip.MustParseAddrPort(c.at)); got != c.want {
			t.Errorf("%s:%d listens at %s: %v, want %v", c.host, c.port, c.at, got, c.want)
		}
	}
}

func TestMonitoringTakesTheTimeThatThereIs(t *testing.T) {
	t.Parallel()
	started := time.Now()
	m, _ := monitoringOf(t, serve(t, hang))
	ctx, cancel := contextWithin(t, sourcetest.Brief())
	defer cancel()
	if _, err := m.Deployment(ctx); err == nil || !strings.Contains(err.Error(), "it did not answer within") {
		t.Error(err)
	}
	if took := time.Since(started); took < sourcetest.Brief()/2 || ctx.Err() != nil {
		t.Errorf("it took %s of %s, want three fifths", took, sourcetest.Brief())
	}
}

// TestMonitoringAmongManyThatHang has more URLs that hang than are asked at once,
// before those that answer.
func TestMonitoringAmongManyThatHang(t *testing.T) {
	t.Parallel()
	l := sourcetest.StartLab(t, monitoredThree("APP"))
	sourcetest.Clients(t, l, "APP", map[string]int{"C1-n1": 4})
	silent := serve(t, hang)
	var urls []string
	for range monitoredTogether {
		urls = append(urls, silent)
	}
	m, _ := monitoringOf(t, append(urls, monitorURLs(l.Servers()...)...)...)
	d := monitor(t, m, 2*sourcetest.Patient())
	if len(d.Servers) != 3 || len(d.Missing) != monitoredTogether {
		t.Errorf("%d servers and %d missing, want 3 and %d", len(d.Servers), len(d.Missing), monitoredTogether)
	}
}

func contextWithin(t testing.TB, longest time.Duration) (context.Context, context.CancelFunc) {
	t.Helper()
	return context.WithTimeout(t.Context(), longest)
}
