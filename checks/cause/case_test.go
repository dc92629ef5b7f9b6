package cause

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nats-balance/nats-balance/checks"
)

// scene is a case as it is put together: cluster C1 of n1, n2 and n3, which
// listen on all addresses of their machines at 10.0.0.1 to 10.0.0.3, port 4222.
// Account ORDERS has 20, 2 and 2 connections there, of ten services on ten
// hosts in one network, made when all servers were up. Nothing explains it.
type scene struct {
	Case
	names    map[string]*checks.Name
	contacts map[netip.AddrPort]checks.Contact
	lists    []wrote
}

// wrote is a URL list as it is written down.
type wrote struct {
	account string
	hint    bool
	ordered checks.Answer
	urls    []string
	// user, service and workload tie it; pattern and lacks say that it is not whole,
	// and unused that nobody uses it.
	user, service, workload, lacks, unused string
	pattern                                bool
}

// change is what differs from that.
type change = func(*scene)

// started is when all servers were.
//
//go:noinline
func started() time.Time { return time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC) }

func caseOf(changes ...change) Case {
	s := &scene{names: map[string]*checks.Name{}, contacts: map[netip.AddrPort]checks.Contact{}}
	d := &checks.Deployment{Accounts: []checks.Account{{ID: "SYS", Name: "SYS", System: true}, {ID: "ORDERS", Name: "ORDERS"}}}
	s.Deployment, s.Accounts, s.Remember = d, map[string]checks.AccountOn{}, map[string]bool{}
	s.Profile = &checks.Profile{}
	var urls []string
	for i := range 3 {
		urls = append(urls, fmt.Sprintf("10.0.0.%d:4222", i+1))
	}
	for i := range 3 {
		limit, connections := 1000, 100
		server := checks.Server{ID: fmt.Sprintf("N%d", i+1), Name: fmt.Sprintf("n%d", i+1), Cluster: "C1", Start: started(), MaxConnections: &limit,
			Details: &checks.Details{OffersTLS: checks.No, Loaded: started(), Margin: time.Millisecond, Connections: &connections, Host: "0.0.0.0", Port: 4222,
				ConnectURLs: urls, Seen: []netip.Addr{netip.MustParseAddrPort(urls[i]).Addr()}}}
		d.Servers = append(d.Servers, server)
		s.Accounts[server.ID], s.Remember[server.ID] = checks.AccountOn{Usable: checks.Yes}, true
		at := netip.MustParseAddrPort(urls[i])
		s.contacts[at] = greets(server, 1, 1)
	}
	d.Expected = 3
	s.Finding = checks.Finding{Row: checks.Row{Account: d.Accounts[1], Cluster: "C1", Server: d.Servers[0].Ref(), Verdict: checks.Found}}
	counts(20, 2, 2)(s)
	for _, c := range changes {
		c(s)
	}
	for n, w := range s.lists {
		s.Lists = append(s.Lists, s.write(n, w))
	}
	return s.Case
}

// write looks a list up.
func (s *scene) write(n int, w wrote) checks.URLList {
	l := checks.URLList{Origin: fmt.Sprintf("list %d", n+1), Account: w.account, Hint: w.hint, Ordered: w.ordered, User: w.user, Client: w.service, Workload: w.workload, ByPattern: w.pattern, Unused: w.unused}
	if w.lacks != "" {
		l.Incomplete = []string{w.lacks}
	}
	for _, u := range w.urls {
		scheme, rest, _ := strings.Cut(u, "://")
		host, digits, _ := strings.Cut(rest, ":")
		if at, err := netip.ParseAddrPort(rest); err == nil {
			host, digits = at.Addr().String(), strconv.Itoa(int(at.Port()))
		}
		port, _ := strconv.Atoi(digits)
		e := checks.Endpoint{URL: u, Scheme: scheme, Host: host, Port: port}
		var ips []netip.Addr
		if ip, err := netip.ParseAddr(host); err == nil {
			e.Literal, ips = true, []netip.Addr{ip}
		} else if e.Name = s.names[host]; e.Name != nil {
			for _, a := range e.Name.Answers {
				for _, at := range a.Addresses {
					if !slices.Contains(ips, at.IP) {
						ips = append(ips, at.IP)
					}
				}
			}
		}
		for _, ip := range ips {
			contact, ok := s.contacts[netip.AddrPortFrom(ip, uint16(port))]
			if !ok {
				contact = checks.Contact{Outcome: checks.ContactRefused, Detail: "connection refused"}
			}
			e.Addresses = append(e.Addresses, checks.Address{IP: ip, Port: port, Contact: contact})
		}
		l.Endpoints = append(l.Endpoints, e)
	}
	return l
}

// greets is a server that answered some of the tries, as if the auditor were
// at 10.9.0.99 and nothing between them.
func greets(s checks.Server, count, tries int) checks.Contact {
	g := checks.Greeting{ID: s.ID, Name: s.Name, Cluster: s.Cluster, Host: "0.0.0.0", Port: 4222, Count: count,
		ClientIP: netip.MustParseAddr("10.9.0.99"), LocalIP: netip.MustParseAddr("10.9.0.99")}
	if s.Details != nil {
		g.ConnectURLs = s.Details.ConnectURLs
	}
	return checks.Contact{Outcome: checks.ContactServer, Listener: "nats", Tries: tries, Greetings: []checks.Greeting{g}}
}

// counts are the connections of ORDERS on n1, n2 and n3, each from one of ten
// hosts in the same network.
//
//go:noinline
func counts(on ...int) change {
	return func(s *scene) {
		f, p := &s.Finding, s.Profile
		f.OnServer, f.Connections = on[0], on[0]+on[1]+on[2]
		f.Chance = checks.Chance(f.Connections, 3, f.OnServer)
		f.Distribution = nil
		for i, n := range on {
			s.Deployment.Servers[i].Usage = []checks.Usage{{Account: 1, Connections: uint32(n)}}
			f.Distribution = append(f.Distribution, checks.Share{Server: s.Deployment.Servers[i].Ref(), Connections: &on[i]})
		}
		*p = checks.Profile{Servers: []string{"N1", "N2", "N3"}, Read: on, Whole: true,
			Protocols:  []checks.Group{{Key: "nats", Counts: on}},
			Languages:  []checks.Group{{Key: "go", Counts: on}},
			Versions:   []checks.Group{{Key: "go 1.55.0", Counts: on}},
			Users:      []checks.Group{{Counts: on}},
			Networks:   []checks.Group{{Key: "10.9.0.0/24", Counts: on}},
			StartOrder: []int{0, 1, 2}, Starts: [][]int{{0, 0, 0, on[0]}, {0, 0, 0, on[1]}, {0, 0, 0, on[2]}},
			SurelyUp: []int{on[0], on[0], on[0]},
			Oldest:   started().Add(time.Hour), Newest: started().Add(2 * time.Hour), RTT: make([]*time.Duration, 3)}
		for i := range 10 {
			at := []int{share(on[0], i), share(on[1], i), share(on[2], i)}
			addr := netip.AddrFrom4([4]byte{10, 9, 0, byte(10 + i)})
			p.Names = append(p.Names, checks.Group{Key: fmt.Sprintf("service-%d", i), Counts: at})
			p.Sources = append(p.Sources, checks.Source{Addr: addr, Counts: at, Kinds: 1})
			p.Processes = append(p.Processes, checks.Process{Addr: addr, Name: fmt.Sprintf("service-%d", i), Language: "go", Version: "1.55.0",
				Counts: at, First: p.Oldest, Last: p.Newest})
		}
	}
}

// serviceOf is a service of ORDERS on n1, n2 and n3, which connected when all
// servers were up: each connection from a host of its own.
func serviceOf(stem string, n1, n2, n3 int) checks.Service {
	on := []int{n1, n2, n3}
	x := checks.Service{Stem: stem, Protocol: "nats", Language: "go", Versions: []string{"1.55.0"}, Counts: on, Hosts: n1 + n2 + n3,
		Networks: []checks.Group{{Key: "10.9.0.0/24", Counts: on}}, Starts: [][]int{{0, 0, 0, n1}, {0, 0, 0, n2}, {0, 0, 0, n3}}, SurelyUp: []int{n1, n1, n1},
		First: started().Add(time.Hour), Last: started().Add(2 * time.Hour), TLS: checks.Unknown}
	for at, n := range on {
		for i := range n {
			one := []int{0, 0, 0}
			one[at] = 1
			x.Sources = append(x.Sources, checks.Source{Addr: netip.AddrFrom4([4]byte{10, 9, byte(at), byte(i + 1)}), Counts: one, Kinds: 1})
		}
	}
	return x
}

// withServices has ORDERS of these services.
//
//go:noinline
func withServices(all ...checks.Service) change {
	return func(s *scene) {
		on := make([]int, 3)
		for _, x := range all {
			on = added(on, x.Counts)
		}
		counts(on...)(s)
		p := s.Profile
		p.Services, p.Names, p.Users, p.Protocols, p.Languages, p.Networks, p.Sources, p.Processes = slices.Clone(all), nil, nil, nil, nil, nil, nil, nil
		p.Starts, p.SurelyUp = nil, nil
		for _, x := range all {
			p.SurelyUp = added(p.SurelyUp, x.SurelyUp)
			p.Names = group(p.Names, checks.Group{Key: x.Stem, Counts: x.Counts})
			p.Users = group(p.Users, checks.Group{Key: x.User, Other: x.Remainder, Counts: x.Counts})
			p.Protocols = group(p.Protocols, checks.Group{Key: x.Protocol, Counts: x.Counts})
			p.Languages = group(p.Languages, checks.Group{Key: x.Language, Counts: x.Counts})
			for _, g := range x.Networks {
				p.Networks = group(p.Networks, g)
			}
			p.Sources = append(p.Sources, x.Sources...)
			for at, row := range x.Starts {
				if at == len(p.Starts) {
					p.Starts = append(p.Starts, nil)
				}
				p.Starts[at] = added(p.Starts[at], row)
			}
		}
	}
}

// several are two services: orders-api is all on n1, orders-worker is spread.
func several(s *scene) {
	withServices(serviceOf("orders-api", 24, 0, 0), serviceOf("orders-worker", 1, 3, 4))(s)
}

// share is what the i-th of ten gets of n.
func share(n, i int) int {
	out := n / 10
	if i < n%10 {
		out++
	}
	return out
}

// list is a list of ORDERS, anyones one of which it is not known whose it is,
// another one of another account.
//
//go:noinline
func list(urls ...string) change {
	return written(wrote{account: "ORDERS", ordered: checks.Unknown, urls: urls})
}

func anyones(urls ...string) change { return written(wrote{ordered: checks.Unknown, urls: urls}) }

func another(urls ...string) change {
	return written(wrote{account: "BILLING", ordered: checks.Unknown, urls: urls})
}

func hint(urls ...string) change {
	return written(wrote{hint: true, ordered: checks.Unknown, urls: urls})
}

func inOrder(urls ...string) change {
	return written(wrote{account: "ORDERS", ordered: checks.Yes, urls: urls})
}

func unordered(urls ...string) change {
	return written(wrote{account: "ORDERS", ordered: checks.No, urls: urls})
}

//go:noinline
func written(w wrote) change { return func(s *scene) { s.lists = append(s.lists, w) } }

// urlsOf are of servers by number.
//
//go:noinline
func urlsOf(servers ...int) []string {
	var out []string
	for _, n := range servers {
		out = append(out, fmt.Sprintf("nats://10.0.0.%d:4222", n))
	}
	return out
}

// dns has a name with addresses.
//
//go:noinline
func dns(host string, v checks.NameVerdict, ips ...string) change {
	return func(s *scene) {
		n := &checks.Name{Host: host, Verdict: v, Detail: fmt.Sprintf("%s has addresses: %s.", host, cmp.Or(strings.Join(ips, ", "), "none")),
			Complete: v != checks.NameFailed && v != checks.NameUnknown}
		a := checks.NameAnswer{Resolver: "10.0.0.53:53", Verdict: v}
		for _, ip := range ips {
			a.Addresses = append(a.Addresses, checks.NameAddress{IP: netip.MustParseAddr(ip)})
		}
		n.Answers = append(n.Answers, a)
		s.names[host] = n
	}
}

// alsoDNS is what a second resolver says of a name, other than the first.
func alsoDNS(host string, ips ...string) change {
	return func(s *scene) {
		a := checks.NameAnswer{Resolver: "10.0.0.54:53", Verdict: checks.NameSeveral}
		for _, ip := range ips {
			a.Addresses = append(a.Addresses, checks.NameAddress{IP: netip.MustParseAddr(ip)})
		}
		s.names[host].Verdict = checks.NameDiffers
		s.names[host].Answers = append(s.names[host].Answers, a)
	}
}

// hosts has the name from the auditor's hosts file.
func hosts(host string) change { return func(s *scene) { s.names[host].HostsFile = true } }

// partly has the name from an answer that is not complete.
func partly(host string) change { return func(s *scene) { s.names[host].Complete = false } }

// answers is what was seen at an address.
func answers(at string, c checks.Contact) change {
	return func(s *scene) { s.contacts[netip.MustParseAddrPort(at)] = c }
}

// without has no server's greeting at an address.
//
//go:noinline
func without(at string, o checks.ContactOutcome) change {
	return answers(at, checks.Contact{Outcome: o, Detail: "some detail"})
}

// leads has an address from which the tries lead to servers, by number.
//
//go:noinline
func leads(at string, tries int, to ...int) change {
	return func(s *scene) {
		c := checks.Contact{Outcome: checks.ContactServer, Listener: "nats", Tries: tries}
		for i, n := range to {
			one := greets(s.Deployment.Servers[n-1], share(tries*10/len(to), i), tries)
			one.Greetings[0].Count = tries / len(to)
			c.Greetings = append(c.Greetings, one.Greetings[0])
		}
		s.contacts[netip.MustParseAddrPort(at)] = c
	}
}

// through has the servers see whoever comes through an address as this one.
func through(at, as string) change {
	return func(s *scene) {
		c := s.contacts[netip.MustParseAddrPort(at)]
		for i := range c.Greetings {
			c.Greetings[i].ClientIP = netip.MustParseAddr(as)
		}
	}
}

// foreign has another cluster's server at an address.
func foreign(at string) change {
	return func(s *scene) {
		server := checks.Server{ID: "F1", Name: "f1", Cluster: "C2"}
		if !slices.ContainsFunc(s.Deployment.Servers, func(s checks.Server) bool { return s.ID == "F1" }) {
			s.Deployment.Servers = append(s.Deployment.Servers, server)
		}
		s.contacts[netip.MustParseAddrPort(at)] = greets(server, 1, 1)
	}
}

// from has all connections from one source address.
func from(ip string) change {
	return func(s *scene) {
		s.Profile.Sources = []checks.Source{{Addr: netip.MustParseAddr(ip), Counts: s.Profile.Read, Kinds: 8}}
		for i := range s.Profile.Processes {
			s.Profile.Processes[i].Addr, s.Profile.Processes[i].SharedByOthers = netip.MustParseAddr(ip), true
		}
	}
}

// missing has servers of the cluster that did not report.
func missing(names ...string) change {
	return func(s *scene) {
		for _, n := range names {
			s.Deployment.Missing = append(s.Deployment.Missing, checks.Missing{ID: "M" + n, Name: n, Cluster: "C1", ClusterKnown: true, Reason: "it did not answer"})
		}
		s.Profile.Whole, s.Profile.Note = false, "20 connections were read, those of 1 more server of the cluster are not known"
	}
}

// on changes servers, by number.
//
//go:noinline
func on(f func(*checks.Server), servers ...int) change {
	return func(s *scene) {
		for _, n := range servers {
			f(&s.Deployment.Servers[n-1])
		}
	}
}

func silentServer(s *checks.Server) { s.Details, s.MaxConnections = nil, nil }

// profile changes who is connected.
//
//go:noinline
func profile(f func(*checks.Profile)) change { return func(s *scene) { f(s.Profile) } }

func noProfile(s *scene) { s.Profile = nil }

func partProfile(s *scene) {
	s.Profile.Whole, s.Profile.Note = false, "12 of 24 connections were read: n2 did not answer"
}

// aloneAtFirst has all connections but those of n2 and n3 made when only n1 was
// up, and those when all were.
func aloneAtFirst(s *scene) {
	on := s.Profile.Read
	s.Profile.Starts = [][]int{{0, on[0], 0, 0}, {0, 0, 0, on[1]}, {0, 0, 0, on[2]}}
	s.Profile.SurelyUp = []int{on[0], 0, 0}
	for i := range 2 {
		s.Deployment.Servers[i+1].Start = started().Add(3 * time.Hour)
	}
}
