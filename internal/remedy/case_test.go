package remedy

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/checks/cause"
)

// change is what differs from the usual case.
type change = func(*Input)

// inputOf is account ORDERS with 20, 2 and 2 connections on n1, n2 and n3 of
// cluster C1, which listen on all addresses of their machines at 10.0.0.1 to
// 10.0.0.3, port 4222. BILLING has 5, 30 and 30 there. No cause has been judged.
func inputOf(changes ...change) Input {
	d := &checks.Deployment{Expected: 3, Accounts: []checks.Account{{ID: "SYS", Name: "SYS", System: true},
		{ID: "ORDERS", Name: "ORDERS"}, {ID: "BILLING", Name: "BILLING"}}}
	in := Input{Tool: "nats-balance", Flags: "--context system", Again: "--context system"}
	in.Case = cause.Case{Deployment: d, Accounts: map[string]checks.AccountOn{}, ThresholdPercent: 70}
	urls := []string{"10.0.0.1:4222", "10.0.0.2:4222", "10.0.0.3:4222"}
	on, other := []int{20, 2, 2}, []uint32{5, 30, 30}
	f := checks.Finding{}
	for i, u := range urls {
		limit, connections := 1000, on[i]+int(other[i])
		s := checks.Server{ID: fmt.Sprintf("N%d", i+1), Name: fmt.Sprintf("n%d", i+1), Host: "0.0.0.0", Cluster: "C1", MaxConnections: &limit,
			Start: time.Date(2026, 5, 4, 12, i, 0, 0, time.UTC),
			Usage: []checks.Usage{{Account: 0, Connections: 1}, {Account: 1, Connections: uint32(on[i])}, {Account: 2, Connections: other[i], Leafnodes: 1}},
			Details: &checks.Details{Margin: time.Millisecond, Connections: &connections, Host: "0.0.0.0", Port: 4222, ConnectURLs: urls,
				Seen: []netip.Addr{netip.MustParseAddrPort(u).Addr()}}}
		d.Servers = append(d.Servers, s)
		in.Accounts[s.ID] = checks.AccountOn{Usable: checks.Yes}
		ref := checks.ServerRef{ID: s.ID, Name: s.Name, Host: s.Host}
		f.Distribution = append(f.Distribution, checks.Share{Server: ref, Connections: &on[i]})
		if i == 0 {
			f.Server = ref
			continue
		}
		after := connections + 12
		f.Impact.Survivors = append(f.Impact.Survivors, checks.Survivor{Server: ref, Now: &connections, After: &after, Limit: &limit})
	}
	stranded := 0
	f.Account, f.Cluster, f.Verdict, f.Connections, f.OnServer = d.Accounts[1], "C1", checks.Found, 24, 20
	f.Impact.ConnectionsLost, f.Impact.Stranded, f.Impact.CanFailOver = 20, &stranded, checks.Unknown
	in.Finding = f
	in.Profile = &checks.Profile{Servers: []string{"N1", "N2", "N3"}, Read: on, Whole: true,
		Protocols: []checks.Group{{Key: "nats", Counts: on}}, Languages: []checks.Group{{Key: "go", Counts: on}},
		Networks: []checks.Group{{Key: "10.9.0.0/24", Counts: on}}}
	for _, c := range changes {
		c(&in)
	}
	return concluded(in)
}

// spread is the account with so many connections on each server.
func spread(counts ...int) change {
	return func(in *Input) {
		in.Finding.Connections, in.Finding.OnServer = 0, counts[0]
		for i, n := range counts {
			in.Finding.Connections += n
			in.Finding.Distribution[i].Connections = &counts[i]
			in.Case.Deployment.Servers[i].Usage[1].Connections = uint32(n)
		}
	}
}

// concluded works out again what follows from the case and the causes.
func concluded(in Input) Input {
	in.Diagnosis = cause.Conclude(in.Case, in.Causes)
	return in
}

// behindOne has all clients come from one address, as those of another account, when
// all servers were up.
func behindOne(in *Input) {
	on := []int{20, 0, 0}
	p := checks.Profile{Servers: in.Profile.Servers, Read: on, Whole: true, StartOrder: []int{0, 1, 2}, Starts: [][]int{{0, 0, 0, 20}, {0, 0, 0, 0}, {0, 0, 0, 0}},
		Sources: []checks.Source{{Addr: netip.MustParseAddr("10.7.7.7"), Counts: on, Kinds: 2}}}
	in.Profile.Sources = p.Sources
	in.Neighbours = cause.NewNeighbours(in.Deployment, "C1", map[string]*checks.Profile{"ORDERS": &p, "BILLING": &p}, nil)
}

// withCause sets the verdict on a cause; those that nobody set are ruled out.
func withCause(code cause.Code, v cause.Verdict) change {
	return func(in *Input) {
		d, _ := cause.Define(code)
		in.Causes = append(in.Causes, cause.Cause{Code: code, Role: d.Role, Verdict: v, Explains: 20})
	}
}

func told(in *Input) { withCause(cause.DiscoveryOff, cause.RuledOut)(in) }

// list is a list of URLs of ORDERS, which are probed: at 10.0.0.n listens n<n>.
func list(urls ...string) change {
	return func(in *Input) {
		l := checks.URLList{Origin: "deploy.yaml:3", Account: "ORDERS", Ordered: checks.Unknown}
		for _, u := range urls {
			l.Endpoints = append(l.Endpoints, endpoint(in, u))
		}
		in.Lists = append(in.Lists, l)
	}
}

func endpoint(in *Input, u string, ips ...string) checks.Endpoint {
	scheme, rest, _ := strings.Cut(u, "://")
	host, _, _ := strings.Cut(rest, ":")
	e := checks.Endpoint{URL: u, Scheme: scheme, Host: host, Port: 4222}
	if ip, err := netip.ParseAddr(host); err == nil {
		e.Literal, ips = true, []string{ip.String()}
	}
	for _, s := range ips {
		a := checks.Address{IP: netip.MustParseAddr(s), Port: 4222, Contact: checks.Contact{Outcome: checks.ContactRefused}}
		for i := range in.Deployment.Servers {
			server := &in.Deployment.Servers[i]
			if server.Details != nil && len(server.Details.Seen) > 0 && server.Details.Seen[0] == a.IP {
				a.Contact = checks.Contact{Outcome: checks.ContactServer, Tries: 1, Greetings: []checks.Greeting{{ID: server.ID, Name: server.Name,
					Cluster: "C1", Host: "0.0.0.0", Port: 4222, ConnectURLs: server.Details.ConnectURLs, Count: 1}}}
			}
		}
		e.Addresses = append(e.Addresses, a)
	}
	return e
}

// named is a list with one host name that has these addresses.
func named(host string, ips ...string) change {
	return func(in *Input) {
		scheme := "nats"
		if in.Profile.Protocols[0].Key == "websocket" {
			scheme = "wss"
		}
		e := endpoint(in, scheme+"://"+host+":4222", ips...)
		ttl := 3600
		answer := checks.NameAnswer{Resolver: "10.0.0.53:53", Verdict: checks.NameSeveral}
		for _, a := range e.Addresses {
			answer.Addresses = append(answer.Addresses, checks.NameAddress{IP: a.IP, TTL: &ttl})
		}
		e.Name = &checks.Name{Host: host, Verdict: checks.NameSeveral, Complete: true, Answers: []checks.NameAnswer{answer},
			Detail: host + " has " + fmt.Sprint(len(ips)) + " addresses."}
		in.Lists = append(in.Lists, checks.URLList{Origin: "--client-url", Account: "ORDERS", Ordered: checks.Unknown, Endpoints: []checks.Endpoint{e}})
	}
}

// judged has the causes judged as an audit does.
func judged(in *Input) { in.Causes = cause.Diagnose(in.Case).Causes }

// serverOf changes servers, by number.
func serverOf(f func(*checks.Server), numbers ...int) change {
	return func(in *Input) {
		for _, n := range numbers {
			f(&in.Deployment.Servers[n-1])
		}
	}
}

func languages(keys ...string) change {
	return func(in *Input) {
		in.Profile.Languages = nil
		for i, k := range keys {
			in.Profile.Languages = append(in.Profile.Languages, checks.Group{Key: k, Counts: []int{20 - i, 1, 1}})
		}
	}
}

// someMQTT has 8 of the 20 connections on n1 speak MQTT, which only n1 takes, and
// the rest WebSocket, which all take.
func someMQTT(in *Input) {
	in.Profile.Protocols = []checks.Group{{Key: "mqtt", Counts: []int{8, 0, 0}}, {Key: "websocket", Counts: []int{12, 2, 2}}}
	for i := range in.Deployment.Servers {
		in.Deployment.Servers[i].Details.WebSocket = 8080
	}
	in.Deployment.Servers[0].Details.MQTT = 1884
}

func leafnodes(all, here int) change {
	return func(in *Input) { in.Finding.Leafnodes, in.Finding.LeafnodesHere = all, here }
}

func protocols(keys ...string) change {
	return func(in *Input) {
		in.Profile.Protocols = nil
		for _, k := range keys {
			in.Profile.Protocols = append(in.Profile.Protocols, checks.Group{Key: k, Counts: []int{20, 0, 0}})
		}
	}
}

// pods has the servers in a StatefulSet, and a service.
func pods(in *Input) {
	for i := range in.Deployment.Servers {
		in.Deployment.Servers[i].Name = fmt.Sprintf("nats-%d", i)
	}
	in.Finding.Server.Name = "nats-0"
	named("nats.prod.svc.cluster.local", "10.0.0.1")(in)
}

func operator(in *Input) {
	in.Operator = true
	id := "A" + strings.Repeat("B", 55)
	in.Deployment.Accounts[1] = checks.Account{ID: id, Name: "ORDERS"}
	in.Finding.Account = in.Deployment.Accounts[1]
}

func account(name string) change {
	return func(in *Input) {
		in.Deployment.Accounts[1] = checks.Account{ID: name, Name: name}
		in.Finding.Account = in.Deployment.Accounts[1]
	}
}

// full has n2 and n3 at their limit.
func full(in *Input) {
	serverOf(func(s *checks.Server) { s.MaxConnections = s.Details.Connections }, 2, 3)(in)
	stranded := 20
	in.Finding.Impact.FailOver = checks.FailOver{CanFailOver: checks.No, Why: cause.HeldBack{By: cause.Room}, Stranded: &stranded}
}

// written is one remedy of a case; it must be there.
func written(t *testing.T, in Input, code cause.Remedy) Remedy {
	t.Helper()
	for _, r := range For(concluded(in)).Remedies {
		if r.Code == code {
			return r
		}
	}
	t.Fatalf("no remedy %s", code)
	return Remedy{}
}

// snippet is the text of a remedy's snippet; it must be there.
func snippet(t *testing.T, r Remedy, lang string) string {
	t.Helper()
	for _, s := range r.Snippets {
		if s.Lang == lang {
			return s.Text
		}
	}
	t.Fatalf("%s has no snippet in %s", r.Code, lang)
	return ""
}

// tell is remedies as text.
func tell(remedies []Remedy, forecast string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Forecast: %s\n", forecast)
	for _, r := range remedies {
		fmt.Fprintf(&b, "\n[%s] %s: %s\n  %s\n", r.When, r.Code, r.Title, r.Why)
		for _, c := range r.Commands {
			fmt.Fprintf(&b, "  $ %s\n", c)
		}
		for _, s := range r.Snippets {
			fmt.Fprintf(&b, "  --- %s\n", s.Lang)
			for line := range strings.Lines(s.Text) {
				b.WriteString("  | " + line)
			}
		}
	}
	return b.String()
}

// judgedUnserved has connections of a protocol that no other server takes.
func judgedUnserved(n int, protocol string) change {
	return func(in *Input) { in.Unserved = cause.Unserved{Connections: n, Protocols: []string{protocol}} }
}
