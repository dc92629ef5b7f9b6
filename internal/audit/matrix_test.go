package audit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	jsm "github.com/nats-io/jsm.go/audit/archive"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/source"
	"github.com/nats-balance/nats-balance/internal/source/account"
	"github.com/nats-balance/nats-balance/internal/source/archive"
	"github.com/nats-balance/nats-balance/internal/source/monitor"
	"github.com/nats-balance/nats-balance/internal/source/system"
	"github.com/nats-balance/nats-balance/internal/sysreq"
)

// fault is what is wrong with one server of four.
type fault string

const (
	dead      fault = "dead"      // killed: nobody has a route to it, all count it
	forgotten fault = "forgotten" // killed, and nobody counts it any more
	unheard   fault = "unheard"   // has clients and hangs for so long that nobody counts it any more
	hung      fault = "hung"      // has routes and answers nothing
	draining  fault = "draining"  // the same, says so and is not advertised
	garbling  fault = "garbling"  // its report is no JSON
	duplicate fault = "duplicate" // it answers twice, and differently
	late      fault = "late"      // its report comes when it is asked for again
	partly    fault = "partly"    // it answers neither VARZ nor ROUTEZ, as where that is not permitted
	renamed   fault = "renamed"   // it has another name than before
)

var faults = []fault{dead, forgotten, unheard, hung, draining, garbling, duplicate, late, partly, renamed} //nolint:gochecknoglobals // a list of constants

// simulated are four servers of a cluster, with one of them at fault.
type simulated struct {
	fault fault
	at    int
	conns [4]int    // of ORDERS
	ids   [4]string // the second is the server that carries the messages
}

func (s *simulated) name(i int) string {
	if i == s.at && s.fault == renamed {
		return "x"
	}
	return fmt.Sprintf("n%d", i+1)
}

func (s *simulated) is(i int, any ...fault) bool { return i == s.at && slices.Contains(any, s.fault) }

// block is what names the server in an answer.
func (s *simulated) block(i int) string {
	return fmt.Sprintf(`"server":{"id":%q,"name":%q,"host":"127.0.0.1","cluster":"C"}`, s.ids[i], s.name(i))
}

// peers are the servers that it has routes to.
func (s *simulated) peers(i int) (out []int) {
	for k := range s.ids {
		if k != i && !s.is(k, dead, forgotten, unheard) {
			out = append(out, k)
		}
	}
	return out
}

func (s *simulated) routes(i int, format func(k int) string) string {
	var out []string
	for _, k := range s.peers(i) {
		out = append(out, format(k))
	}
	return strings.Join(out, ",")
}

func (s *simulated) statsz(i int) string {
	known := 4
	if s.fault == forgotten || s.fault == unheard {
		known = 3
	}
	routes := s.routes(i, func(k int) string { return fmt.Sprintf(`{"name":%q}`, s.name(k)) })
	return fmt.Sprintf(`{%s,"statsz":{"start":"2026-01-01T00:00:00Z","connections":%d,"active_accounts":2,"active_servers":%d,"routes":[%s]}}`, s.block(i), s.conns[i], known, routes)
}

// statz is an account report, of ORDERS alone or of all.
func (s *simulated) statz(i int, own bool) []string {
	report := func(n int) string {
		rows := fmt.Sprintf(`{"acc":"ORDERS","name":"ORDERS","conns":%d,"leafnodes":0}`, n)
		if !own {
			rows += `,{"acc":"SYS","name":"SYS","conns":0,"leafnodes":0}`
		}
		return fmt.Sprintf(`{%s,"data":{"account_statz":[%s]}}`, s.block(i), rows)
	}
	switch {
	case s.is(i, garbling):
		return []string{report(1)[:40]}
	case s.is(i, duplicate):
		return []string{report(s.conns[i]), report(0)}
	}
	return []string{report(s.conns[i])}
}

func (s *simulated) varz(i int) string {
	var urls, routes []string
	for k := range s.ids {
		if !s.is(k, dead, forgotten, unheard, draining) {
			urls = append(urls, fmt.Sprintf(`"127.0.0.1:%d"`, 1000+k))
		}
		if !s.is(k, forgotten) { // it was taken out of the configuration
			routes = append(routes, fmt.Sprintf(`"127.0.0.1:%d"`, 2000+k))
		}
	}
	return fmt.Sprintf(`"server_id":%q,"server_name":%q,"cluster":{"name":"C","addr":"127.0.0.1","cluster_port":%d,"urls":[%s]},"host":"127.0.0.1","port":%d,"now":"2026-01-01T00:00:00Z","start":"2026-01-01T00:00:00Z","version":"2.15.2","connections":%d,"leafnodes":0,"system_account":"SYS","connect_urls":[%s]`,
		s.ids[i], s.name(i), 2000+i, strings.Join(routes, ","), 1000+i, s.conns[i], strings.Join(urls, ","))
}

func (s *simulated) routez(i int) string {
	return fmt.Sprintf(`"server_id":%q,"routes":[%s]`, s.ids[i], s.routes(i, func(k int) string {
		return fmt.Sprintf(`{"remote_id":%q,"remote_name":%q,"ip":"127.0.0.1","is_configured":true}`, s.ids[k], s.name(k))
	}))
}

// serve answers in an account of a real server as all four would.
//
// An own account hears of itself alone; one that imports some services answers the
// roster besides.
func (s *simulated) serve(t *testing.T, nc *nats.Conn, own, roster bool) {
	t.Helper()
	on := func(subject string, answer func(m *nats.Msg)) {
		if _, err := nc.Subscribe(subject, answer); err != nil {
			t.Error(err)
		}
	}
	each := func(m *nats.Msg, do func(i int)) {
		var f sysreq.Filter
		_ = json.Unmarshal(m.Data, &f) // none
		for i := range s.ids {
			if !s.is(i, dead, forgotten, unheard, hung, draining) && (f.Name == "" || f.Name == s.name(i)) {
				do(i)
			}
		}
	}
	of := "SYS"
	if own {
		of = "ORDERS"
	}
	on(sysreq.UserInfo, func(m *nats.Msg) { _ = m.Respond(fmt.Appendf(nil, `{"data":{"user":"u","account":%q}}`, of)) })
	if roster {
		on(sysreq.Statsz, func(m *nats.Msg) { each(m, func(i int) { _ = m.Respond([]byte(s.statsz(i))) }) })
	}
	asked := 0
	on(sysreq.AccountStatz, func(m *nats.Msg) {
		asked++
		each(m, func(i int) {
			for _, answer := range s.statz(i, own) {
				if !s.is(i, late) || asked > 1 {
					_ = m.Respond([]byte(answer))
				}
			}
		})
	})
	for i, id := range s.ids {
		if s.is(i, dead, forgotten, unheard, hung, draining, partly) || own && roster {
			continue
		}
		on(sysreq.Varz(id), func(m *nats.Msg) { _ = m.Respond([]byte("{" + s.block(i) + `,"data":{` + s.varz(i) + "}}")) })
		on(sysreq.Routez(id), func(m *nats.Msg) { _ = m.Respond([]byte("{" + s.block(i) + `,"data":{` + s.routez(i) + "}}")) })
	}
	if err := nc.Flush(); err != nil {
		t.Error(err)
	}
}

// pages are the monitoring ports of all four.
func (s *simulated) pages(t *testing.T) (urls []*url.URL) {
	for i := range s.ids {
		if s.is(i, unheard) {
			continue // nor is its URL given
		}
		port := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if s.is(i, hung) {
				<-r.Context().Done()
				return
			}
			switch answer := s.statz(i, false)[0]; {
			case r.URL.Path == "/varz":
				_, _ = fmt.Fprintf(w, "{%s}", s.varz(i))
			case r.URL.Path == "/accstatz" && s.is(i, garbling):
				_, _ = fmt.Fprint(w, answer)
			case r.URL.Path == "/accstatz":
				_, rows, _ := strings.Cut(strings.TrimSuffix(answer, "}}"), `"data":{`)
				_, _ = fmt.Fprintf(w, `{"server_id":%q,%s}`, s.ids[i], rows)
			case r.URL.Path == "/routez" && !s.is(i, partly):
				_, _ = fmt.Fprintf(w, "{%s}", s.routez(i))
			default:
				http.NotFound(w, r)
			}
		}))
		if s.is(i, dead, forgotten) {
			port.Close()
		} else {
			t.Cleanup(port.Close)
		}
		u, err := url.Parse(port.URL)
		if err != nil {
			t.Fatal(err)
		}
		urls = append(urls, u)
	}
	return urls
}

// archived is what a gathering of all four has.
func (s *simulated) archived(t *testing.T) *archive.Source {
	t.Helper()
	file := filepath.Join(t.TempDir(), "audit.zip")
	w, err := jsm.NewWriter(file)
	if err != nil {
		t.Fatal(err)
	}
	for i := range s.ids {
		if s.is(i, dead, forgotten, unheard, hung, draining, late) {
			continue
		}
		put := func(data string, tags ...*jsm.Tag) {
			body := "{" + s.block(i) + `,"data":{` + data + "}}"
			err = errors.Join(err, w.AddRaw(strings.NewReader(body), "json", append(tags, jsm.TagServer(s.name(i)), jsm.TagCluster("C"))...))
		}
		put(`"accounts":["ORDERS","SYS"]`, jsm.TagServerAccounts())
		if !s.is(i, garbling, duplicate) {
			put(fmt.Sprintf(`"account_name":"ORDERS","client_connections":%d`, s.conns[i]), jsm.TagAccount("ORDERS"), jsm.TagAccountInfo())
		}
		if !s.is(i, partly) {
			put(s.varz(i), jsm.TagServerVars())
			put(s.routez(i), jsm.TagServerRoutes())
		}
	}
	if err = errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	a, err := archive.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Close() })
	return a
}

// truth is what is so, whoever reports it: what was killed has no connection.
func (s *simulated) truth() *checks.Deployment {
	d := &checks.Deployment{Accounts: []checks.Account{{ID: "ORDERS", Name: "ORDERS"}}}
	for i, n := range s.conns {
		if !s.is(i, dead, forgotten) {
			d.Servers = append(d.Servers, checks.Server{ID: s.ids[i], Name: s.name(i), Cluster: "C", Usage: []checks.Usage{{Connections: uint32(n)}}})
		}
	}
	return d
}

// Whatever is wrong with a server, whatever the source: an audit never passes where
// a finding could hide, and never finds what is not so.
func TestNeverPassWhereAFindingCouldHide(t *testing.T) {
	t.Parallel()
	o := &server.Options{Host: "127.0.0.1", Port: -1, NoLog: true, NoSigs: true, NoSystemAccount: true}
	user := func() string { // of an account of its own, so that cases do not hear each other
		name := fmt.Sprintf("A%d", len(o.Accounts))
		o.Accounts = append(o.Accounts, server.NewAccount(name))
		o.Users = append(o.Users, &server.User{Username: name, Password: "pw", Account: o.Accounts[len(o.Accounts)-1]})
		return name
	}
	type matrixCase struct {
		source, user string
		s            *simulated
	}
	var cases []matrixCase
	for _, f := range faults {
		for _, shape := range []struct {
			at    int
			conns [4]int
		}{{0, [4]int{20, 1, 1, 0}}, {2, [4]int{20, 1, 1, 0}}, {2, [4]int{6, 6, 6, 6}}, {2, [4]int{4, 4, 40, 4}}} {
			for _, from := range []string{"system", "account", "importer", "monitor", "archive"} {
				cases = append(cases, matrixCase{from, user(), &simulated{fault: f, at: shape.at, conns: shape.conns, ids: [4]string{"NA", "", "NC", "ND"}}})
			}
		}
	}
	carrier, err := server.NewServer(o)
	if err != nil {
		t.Fatal(err)
	}
	carrier.Start()
	t.Cleanup(func() { carrier.Shutdown(); carrier.WaitForShutdown() })
	if !carrier.ReadyForConnections(time.Minute) {
		t.Fatal("not ready")
	}
	t.Run("all", func(t *testing.T) {
		for _, c := range cases {
			t.Run(fmt.Sprintf("%s/%s of %v at %d", c.source, c.s.fault, c.s.conns, c.s.at), func(t *testing.T) {
				t.Parallel()
				c.s.ids[1] = carrier.ID()
				const timeout = 2 * time.Second
				connect := func() *nats.Conn {
					nc, err := nats.Connect(carrier.ClientURL(), nats.UserInfo(c.user, "pw"), nats.Timeout(time.Minute))
					if err != nil {
						t.Fatal(err)
					}
					t.Cleanup(nc.Close)
					return nc
				}
				var from source.Source
				switch c.source {
				case "system":
					c.s.serve(t, connect(), false, true)
					from = system.New(connect(), source.Options{Timeout: timeout})
				case "account":
					c.s.serve(t, connect(), true, false)
					from = account.New(connect(), "ORDERS", source.Options{Timeout: timeout})
				case "importer":
					c.s.serve(t, connect(), true, true)
					from = account.OrSystem(connect(), source.Options{Timeout: timeout})
				case "monitor":
					from = monitor.New(c.s.pages(t), nil, source.Options{})
				case "archive":
					from = c.s.archived(t)
				}
				ctx, cancel := context.WithTimeout(t.Context(), timeout)
				defer cancel()
				d, err := from.Deployment(ctx)
				if err != nil {
					t.Fatal(err)
				}
				c.s.holds(t, c.source, d)
			})
		}
	})
}

// holds checks what an audit says with each set of flags.
func (s *simulated) holds(t *testing.T, from string, gathered *checks.Deployment) {
	t.Helper()
	truth := checks.CheckConcentration(s.truth(), checks.Defaults())
	var before []EarlierServer
	for i := range s.ids {
		before = append(before, EarlierServer{Name: fmt.Sprintf("n%d", i+1), Cluster: "C"})
	}
	joined := slices.Delete(slices.Clone(before), s.at, s.at+1) // it has joined since
	for _, partial := range []bool{false, true} {
		for _, earlier := range [][]EarlierServer{nil, before, joined} {
			baseline := len(earlier) == len(before)
			d := *gathered
			d.Servers, d.Missing = slices.Clone(d.Servers), slices.Clone(d.Missing)
			Expected{Earlier: earlier}.Add(t.Context(), &d)
			p := checks.Defaults()
			p.AllowPartial = partial
			r := checks.CheckConcentration(&d, p)
			reported := slices.ContainsFunc(d.Servers, func(x checks.Server) bool { return x.ID == s.ids[s.at] })
			what := fmt.Sprintf("partial %v, baseline %v: %s, missing %+v", partial, earlier, r.Outcome, d.Missing)
			// An ordinary account is told of no other server: docs/sources.md.
			hidden := (from == "account" || from == "importer") && !baseline && s.is(s.at, dead, forgotten, unheard, hung, draining)
			// That it said how many connections it has at most may settle it.
			bounded := slices.ContainsFunc(d.Missing, func(m checks.Missing) bool { return m.Bound != nil })
			if r.Outcome == checks.OutcomePass && !partial && len(truth.Findings) > 0 && !hidden {
				t.Errorf("%s: it passes over a finding", what)
			}
			if r.Outcome == checks.OutcomePass && !partial && baseline && (!reported && !bounded || s.fault == renamed) {
				t.Errorf("%s: it passes without a server that is expected", what)
			}
			if !reported && (baseline || s.is(s.at, unheard) && !hidden) && len(d.Missing) == 0 {
				t.Errorf("%s: the server is not missing", what)
			}
			if len(d.Missing) > 1 && s.fault != renamed {
				t.Errorf("%s: one server is counted more than once", what)
			}
			for _, f := range r.Findings {
				so := slices.ContainsFunc(truth.Findings, func(x checks.Finding) bool { return x.Server.ID == f.Server.ID })
				if !so && !partial && !hidden {
					t.Errorf("%s: %d of %d is no finding", what, f.OnServer, f.Connections)
				}
			}
			// What survives and is concentrated is found, however little is known of the rest.
			survives := len(truth.Findings) > 0 && truth.Findings[0].Server.ID != s.ids[s.at]
			if survives && partial && r.Outcome != checks.OutcomeFinding {
				t.Errorf("%s: what survives is not found", what)
			}
		}
	}
}
