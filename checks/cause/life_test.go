package cause

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-balance/nats-balance/checks"
)

// life is what happens to clusters in everyday operation, as it is seen from the
// servers. The numbers are those of the list of what was measured wrong.
type life struct {
	name    string
	changes []change
	want    map[Code]Verdict
	first   Code          // root cause that is at least likely; "none" without one
	over    checks.Answer // can fail over; empty where it does not matter
}

// tenants are further accounts of the cluster, by counts on n1, n2 and n3.
func tenants(n int, counts func(i int) [3]int) change {
	return func(s *scene) {
		for i := range n {
			at := len(s.Deployment.Accounts)
			id := fmt.Sprintf("TEAM-%02d", i+1)
			s.Deployment.Accounts = append(s.Deployment.Accounts, checks.Account{ID: id, Name: id})
			for k, c := range counts(i) {
				if c > 0 {
					s.Deployment.Servers[k].Usage = append(s.Deployment.Servers[k].Usage, checks.Usage{Account: uint32(at), Connections: uint32(c)})
				}
			}
		}
	}
}

// rolled has the servers restarted one after the other, after the clients came:
// n1, n2, n3.
func restartedInTurn(s *scene) {
	for i := range 3 {
		s.Deployment.Servers[i].Start = started().Add(time.Duration(i+1) * time.Minute)
	}
	p := s.Profile
	on := p.Read
	p.Starts = [][]int{{0, on[0] / 3, on[0] - on[0]/3, 0}, {0, 0, on[1], 0}, {0, 0, on[2], 0}}
	exactly(p)
	p.Oldest, p.Newest = started().Add(110*time.Second), started().Add(170*time.Second)
}

// sharedWith has the finding's source address carry clients of other accounts, each
// with counts on n1, n2 and n3, that came when all servers were up.
func sharedWith(addr string, n int, counts func(i int) []int) change {
	return sharedWhen(addr, n, counts, nil, nil)
}

// sharedWhen is the same for clients that came when only n1 was up, where early says
// so of an account, and of accounts whose lists explain them.
func sharedWhen(addr string, n int, counts func(i int) []int, early func(i int) bool, explained map[string]bool) change {
	return func(s *scene) {
		ip := netip.MustParseAddr(addr)
		profiles := map[string]*checks.Profile{"ORDERS": s.Profile}
		for i := range n {
			on := counts(i)
			p := &checks.Profile{Servers: []string{"N1", "N2", "N3"}, Read: on, Whole: true, StartOrder: []int{0, 1, 2},
				Sources: []checks.Source{{Addr: ip, Counts: on, Kinds: 1}}}
			for _, n := range on {
				if early != nil && early(i) {
					p.Starts = append(p.Starts, []int{0, n, 0, 0})
				} else {
					p.Starts = append(p.Starts, []int{0, 0, 0, n})
				}
			}
			profiles[fmt.Sprintf("TEAM-%02d", i+1)] = p
		}
		s.Neighbours = NewNeighbours(s.Deployment, "C1", profiles, explained)
	}
}

// twoProxies are proxies at 10.0.0.8 and 10.0.0.9, one to n1 and one to n2.
func twoProxies(s *scene) {
	for i, ip := range []string{"10.0.0.8", "10.0.0.9"} {
		leads(ip+":4222", 12, i+1)(s)
		through(ip+":4222", ip)(s)
	}
}

// everyN1, eachOnOne and evenly are where other accounts of 13 clients are.
func everyN1(int) []int     { return []int{13, 0, 0} }
func eachOnOne(i int) []int { on := []int{0, 0, 0}; on[i%3] = 13; return on }
func onTwo(i int) []int     { on := []int{6, 6, 6}; on[i%3] = 0; return on }
func evenly(int) []int      { return []int{4, 4, 4} }

// five has servers n4 and n5 too, without clients of ORDERS; n2 started after
// all clients had come.
func five(s *scene) {
	for i := 3; i < 5; i++ {
		limit, connections := 1000, 100
		at := fmt.Sprintf("10.0.0.%d:4222", i+1)
		server := checks.Server{ID: fmt.Sprintf("N%d", i+1), Name: fmt.Sprintf("n%d", i+1), Cluster: "C1", Start: started(), MaxConnections: &limit,
			Details: &checks.Details{Margin: time.Millisecond, Connections: &connections, Host: "0.0.0.0", Port: 4222, Seen: []netip.Addr{netip.MustParseAddrPort(at).Addr()}}}
		s.Deployment.Servers = append(s.Deployment.Servers, server)
		s.Accounts[server.ID] = checks.AccountOn{Usable: checks.Yes}
		s.contacts[netip.MustParseAddrPort(at)] = greets(server, 1, 1)
		s.Finding.Distribution = append(s.Finding.Distribution, checks.Share{Server: server.Ref(), Connections: new(int)})
	}
	p := s.Profile
	on := p.Read[0]
	zero := func() []int { return make([]int, 5) }
	widen := func(groups []checks.Group) {
		for i := range groups {
			groups[i].Counts = added(groups[i].Counts, zero())
		}
	}
	for _, groups := range [][]checks.Group{p.Protocols, p.Languages, p.Versions, p.Users, p.Networks, p.Names} {
		widen(groups)
	}
	for i := range p.Sources {
		p.Sources[i].Counts = added(p.Sources[i].Counts, zero())
		p.Processes[i].Counts = p.Sources[i].Counts
	}
	p.Servers, p.Read, p.StartOrder = []string{"N1", "N2", "N3", "N4", "N5"}, added(p.Read, zero()), []int{0, 2, 3, 4, 1}
	p.Starts = [][]int{{0, 0, 0, 0, on, 0}, zero(), zero(), zero(), zero()}
	exactly(p)
	s.Deployment.Servers[1].Start = started().Add(5 * time.Hour)
}

// mute has servers advertise nobody.
func mute(s *scene) {
	on(func(s *checks.Server) { s.Details.ConnectURLs = nil }, 1, 2, 3)(s)
	for at, c := range s.contacts {
		for i := range c.Greetings {
			s.contacts[at].Greetings[i].ConnectURLs = nil
		}
	}
}

// loginAs has all clients log in as one user.
func loginAs(user string) change {
	return profile(func(p *checks.Profile) { p.Users = []checks.Group{{Key: user, Counts: p.Read}} })
}

// refusedOver has a server refuse clients of the user for the limit of their account.
func refusedOver(server string) change {
	return closed(server, "api", "Maximum Account Connections Exceeded", 9)
}

//go:noinline
func closed(server, user string, reason checks.Reason, n int) change {
	return func(s *scene) {
		s.History = append(s.History, checks.Closed{Server: server, User: user, Reason: reason, Connections: n,
			First: started().Add(time.Hour), Newest: started().Add(2 * time.Hour), Last: started().Add(3 * time.Hour)})
	}
}

func TestLife(t *testing.T) {
	t.Parallel()
	room := func(s *scene) {
		s.Finding.Impact = checks.Impact{ConnectionsLost: s.Finding.OnServer, FailOver: checks.FailOver{CanFailOver: checks.Unknown, Stranded: new(int)}}
	}
	byService := func(service string, urls ...string) change {
		return written(wrote{account: "ORDERS", service: service, ordered: checks.Unknown, urls: urls})
	}
	requireTLS := on(func(s *checks.Server) { s.Details.TLS = true }, 2, 3)
	plain := func(x checks.Service) checks.Service { x.TLS = checks.No; return x }
	teams := tenants(19, func(i int) [3]int { return [3]int{8 + i%4, 4 - i%4, 0} })
	gateways := func(s *scene) { // 150 of 4 hosts, by names with numbers
		counts(150, 2, 2)(s)
		p := s.Profile
		p.Names, p.Sources, p.Processes = nil, nil, nil
		for i := range 150 {
			p.Names = append(p.Names, checks.Group{Key: fmt.Sprintf("gw-%d", i), Counts: []int{1, 0, 0}})
		}
		for i := range 4 {
			p.Sources = append(p.Sources, checks.Source{Addr: netip.AddrFrom4([4]byte{10, 9, 0, byte(i + 1)}), Counts: []int{38 - i%2, 0, 0}, Kinds: 8})
		}
		for i := range 2 {
			at := []int{0, 0, 0}
			at[i+1] = 2
			p.Sources = append(p.Sources, checks.Source{Addr: netip.AddrFrom4([4]byte{10, 9, 1, byte(i + 1)}), Counts: at, Kinds: 2})
		}
	}
	forwards := func(s *scene) {
		leads("192.168.1.10:4222", 12, 1)(s)
		leads("192.168.1.10:4223", 12, 2)(s)
		through("192.168.1.10:4222", "10.0.0.254")(s)
		from("10.0.0.254")(s)
	}
	startsOf := func(rows ...[]int) change {
		return profile(func(p *checks.Profile) {
			p.Starts = rows
			exactly(p)
		})
	}
	small := on(func(s *checks.Server) {
		limit, now := 20, 5
		s.MaxConnections, s.Details.Connections = &limit, &now
	}, 2, 3)
	allTLS := on(func(s *checks.Server) { s.Details.TLS = true }, 1, 2, 3)
	secure := func(x checks.Service) checks.Service { x.TLS = checks.Yes; return x }
	process18 := func(s *scene) {
		s.Profile.Processes = []checks.Process{{Addr: netip.MustParseAddr("10.9.0.1"), Name: "importer", Language: "go", Version: "1.55.0", Counts: []int{18, 0, 0}, First: started().Add(time.Hour), Last: started().Add(time.Hour)}}
		one := []checks.Source{{Addr: netip.MustParseAddr("10.9.0.1"), Counts: []int{18, 0, 0}, Kinds: 1}}
		s.Profile.Services[0].Sources, s.Profile.Sources = one, slices.Concat(one, s.Profile.Services[1].Sources)
	}
	turned := func(n int) change { // away by each of the others, whoever they were
		return func(s *scene) {
			closed("N2", "", "Maximum Connections Exceeded", n)(s)
			closed("N3", "", "Maximum Connections Exceeded", n)(s)
		}
	}
	for _, l := range []life{
		{"1 a rolling restart, and these came after it", with(counts(14, 0, 0), restartedInTurn, teams, startsOf([]int{0, 0, 0, 14}, []int{0, 0, 0, 0}, []int{0, 0, 0, 0})), map[Code]Verdict{RestartDrift: RuledOut}, "none", ""},
		{"1 a rolling restart, and these take their list in order", with(counts(12, 0, 0), restartedInTurn, teams, inOrder(urlsOf(1, 2, 3)...), startsOf([]int{0, 0, 12, 0}, []int{0, 0, 0, 0}, []int{0, 0, 0, 0})), map[Code]Verdict{RestartDrift: Possible}, OrderedConnect, ""},
		{"1 a rolling restart, of which one account tells", with(counts(12, 3, 0), restartedInTurn, startsOf([]int{0, 0, 12, 0}, []int{0, 0, 3, 0}, []int{0, 0, 0, 0})), map[Code]Verdict{RestartDrift: Possible}, "none", ""},
		{"one process beside the account's full list, which others have too", with(withServices(serviceOf("importer", 18, 0, 0), serviceOf("web", 0, 2, 2)), process18, list(urlsOf(1, 2, 3)...)), map[Code]Verdict{SingleProcess: Likely, OrderedConnect: Possible}, SingleProcess, ""},
		{"certificates that these clients do not take", with(withServices(secure(serviceOf("orders", 24, 0, 0))), allTLS, closed("N2", "", "TLS Handshake Failure", 9), closed("N3", "", "TLS Handshake Failure", 7)), map[Code]Verdict{ListenerGap: Likely}, ListenerGap, ""},
		{"certificates of which nothing is known", with(withServices(secure(serviceOf("orders", 24, 0, 0))), allTLS), map[Code]Verdict{ListenerGap: NotTested}, "none", ""},
		{"certificates that other clients take", with(withServices(secure(serviceOf("orders", 24, 0, 0)), secure(serviceOf("web", 1, 2, 2))), allTLS), map[Code]Verdict{ListenerGap: RuledOut}, "none", ""},
		{"TLS is asked for, and handshakes failed", with(withServices(plain(serviceOf("orders", 24, 0, 0))), requireTLS, closed("N2", "", "TLS Handshake Failure", 9), closed("N3", "", "TLS Handshake Failure", 7)), map[Code]Verdict{ListenerGap: Likely}, ListenerGap, ""},
		{"the others were full", with(counts(24, 0, 0), small, closed("N2", "", "Maximum Connections Exceeded", 9), closed("N3", "", "Maximum Connections Exceeded", 7)), map[Code]Verdict{ServerFull: Likely}, ServerFull, ""},
		{"the others turned a few away", with(counts(24, 0, 0), small, turned(2), list(urlsOf(1, 2, 3)...)), map[Code]Verdict{ServerFull: Possible, OrderedConnect: Likely}, OrderedConnect, ""},
		{"the others turned many away, from hosts that another account has too", with(counts(24, 0, 0), small, turned(9), sharedWith("10.9.0.10", 1, everyN1)), map[Code]Verdict{ServerFull: Possible}, "none", ""},
		{"the same, and the list has all servers", with(counts(24, 0, 0), small, turned(9), sharedWith("10.9.0.10", 1, everyN1), list(urlsOf(1, 2, 3)...)),
			map[Code]Verdict{ServerFull: Possible, OrderedConnect: Possible}, "none", ""},
		{"the others turned many away, from hosts that another service has too", with(several, small, turned(9)), map[Code]Verdict{ServerFull: Possible}, "none", ""},
		{"the others turned many away, of another user", with(counts(24, 0, 0), small, loginAs("api"), closed("N2", "web", "Maximum Connections Exceeded", 9), closed("N3", "web", "Maximum Connections Exceeded", 9)),
			map[Code]Verdict{ServerFull: NotTested}, "none", ""},
		{"one of the others was full", with(counts(24, 0, 0), small, closed("N2", "", "Maximum Connections Exceeded", 9)), map[Code]Verdict{ServerFull: NotTested}, "none", ""},
		{"the account is at its own limit", with(counts(24, 0, 0), loginAs("api"), closed("N2", "api", "Maximum Account Connections Exceeded", 9)), map[Code]Verdict{ServerFull: NotTested}, "none", ""},
		{"the account is at its own limit on all servers", with(counts(24, 0, 0), loginAs("api"), refusedOver("N1"), refusedOver("N2"), refusedOver("N3")), map[Code]Verdict{ServerFull: NotTested}, "none", ""},
		{"the account has a lower limit on the others", with(counts(24, 0, 0), loginAs("api"), refusedOver("N2"), refusedOver("N3")), map[Code]Verdict{ServerFull: Likely}, ServerFull, ""},
		{"the same, and the list has all servers", with(counts(24, 0, 0), loginAs("api"), refusedOver("N2"), refusedOver("N3"), list(urlsOf(1, 2, 3)...)), map[Code]Verdict{ServerFull: Likely, OrderedConnect: Possible}, ServerFull, ""},
		{"others of the account are over its limit there", with(counts(24, 0, 0), loginAs("api"), closed("N2", "web", "Maximum Account Connections Exceeded", 9), closed("N3", "web", "Maximum Account Connections Exceeded", 9)), map[Code]Verdict{ServerFull: RuledOut}, "none", ""},
		{"a list that names servers without the listener", with(counts(24, 0, 0), profile(func(p *checks.Profile) { p.Protocols[0].Key = "websocket" }), on(func(s *checks.Server) { s.Details.WebSocket = 8080 }, 1),
			answers("10.0.0.1:8080", checks.Contact{Outcome: checks.ContactServer, Tries: 1, Greetings: []checks.Greeting{{ID: "N1", Name: "n1", Cluster: "C1", Host: "0.0.0.0", Port: 4222, Count: 1, ConnectURLs: []string{"10.0.0.1:4222", "10.0.0.2:4222"}}}}),
			list("ws://10.0.0.1:8080", "ws://10.0.0.2:8080", "ws://10.0.0.3:8080")), map[Code]Verdict{ListenerGap: Confirmed, SingleURL: Possible}, ListenerGap, ""},
		{"1 a rolling restart, seen in all accounts", with(counts(11, 1, 0), restartedInTurn, teams), map[Code]Verdict{RestartDrift: Likely, OrderedConnect: NotTested}, RestartDrift, ""},
		{"1 a rolling restart, and the true list is passed", with(counts(12, 0, 0), restartedInTurn, teams, list(urlsOf(1, 2, 3)...)), map[Code]Verdict{RestartDrift: Likely, OrderedConnect: Possible}, RestartDrift, ""},
		{"1 one account alone does not make a rolling restart", with(counts(12, 0, 0), restartedInTurn, profile(func(p *checks.Profile) { p.Starts = [][]int{{0, 0, 0, 12}, {0, 0, 0, 0}, {0, 0, 0, 0}}; exactly(p) })),
			map[Code]Verdict{RestartDrift: RuledOut}, "none", ""},
		{"2 one address carries 30 accounts", with(counts(13, 0, 0), from("10.7.7.7"), process(13, 0, 0), profile(func(p *checks.Profile) { p.Processes[0].Addr = netip.MustParseAddr("10.7.7.7") }), sharedWith("10.7.7.7", 29, everyN1)),
			map[Code]Verdict{SingleProcess: RuledOut, StickyLoadBalancer: Possible}, "none", ""},
		{"2 one address carries 30 accounts, each on one of the servers", with(counts(13, 0, 0), from("10.7.7.7"), process(13, 0, 0), profile(func(p *checks.Profile) { p.Processes[0].Addr = netip.MustParseAddr("10.7.7.7") }), sharedWith("10.7.7.7", 29, eachOnOne)),
			map[Code]Verdict{SingleProcess: RuledOut, StickyLoadBalancer: Possible}, "none", ""},
		{"2 one address carries 30 accounts, each on several of the servers", with(counts(13, 0, 0), from("10.7.7.7"), process(13, 0, 0), profile(func(p *checks.Profile) { p.Processes[0].Addr = netip.MustParseAddr("10.7.7.7") }), sharedWith("10.7.7.7", 29, onTwo)),
			map[Code]Verdict{SingleProcess: RuledOut, StickyLoadBalancer: NotTested}, "none", ""},
		{"2 one of 30 accounts there is on another server", with(counts(13, 0, 0), from("10.7.7.7"), sharedWith("10.7.7.7", 29, func(i int) []int { return []int{13 * min(i, 1), 13 - 13*min(i, 1), 0} })),
			map[Code]Verdict{StickyLoadBalancer: Possible}, "none", ""},
		{"2 the same 30, and the balancer of another one leads there", with(counts(13, 0, 0), from("10.7.7.7"), another("nats://10.7.7.7:4222"), leads("10.7.7.7:4222", 12, 1), through("10.7.7.7:4222", "10.7.7.7"), sharedWith("10.7.7.7", 29, everyN1)),
			map[Code]Verdict{StickyLoadBalancer: Likely}, StickyLoadBalancer, ""},
		{"2 the same 30, and the auditor is behind the same NAT", with(counts(13, 0, 0), from("10.7.7.7"), another(urlsOf(2)...), through("10.0.0.2:4222", "10.7.7.7"), sharedWith("10.7.7.7", 29, everyN1)),
			map[Code]Verdict{StickyLoadBalancer: Possible}, "none", ""},
		{"2 the other accounts there are on all servers", with(counts(13, 0, 0), from("10.7.7.7"), sharedWith("10.7.7.7", 5, evenly)), map[Code]Verdict{StickyLoadBalancer: NotTested}, "none", ""},
		{"2 one other account there is, on all servers", with(counts(13, 0, 0), from("10.7.7.7"), sharedWith("10.7.7.7", 1, evenly)), map[Code]Verdict{StickyLoadBalancer: NotTested}, "none", ""},
		{"2 one other account there is, on the same server", with(counts(13, 0, 0), from("10.7.7.7"), sharedWith("10.7.7.7", 1, everyN1)), map[Code]Verdict{StickyLoadBalancer: Possible}, "none", ""},
		{"2 the same, and its own list explains it", with(counts(13, 0, 0), from("10.7.7.7"), sharedWhen("10.7.7.7", 1, everyN1, nil, map[string]bool{"TEAM-01": true})), map[Code]Verdict{StickyLoadBalancer: NotTested}, "none", ""},
		{"2 all came from there when only n1 was up", with(counts(13, 0, 0), aloneAtFirst, from("10.7.7.7"), sharedWhen("10.7.7.7", 9, everyN1, func(int) bool { return true }, nil)),
			map[Code]Verdict{StickyLoadBalancer: Possible, RestartDrift: Possible}, "none", ""},
		{"2 some came later, and are on all servers", with(counts(13, 0, 0), aloneAtFirst, from("10.7.7.7"), sharedWhen("10.7.7.7", 9, func(i int) []int { return [][]int{{13, 0, 0}, {4, 4, 4}}[i/7] }, func(i int) bool { return i < 7 }, nil)),
			map[Code]Verdict{StickyLoadBalancer: Possible, RestartDrift: Possible}, "none", ""},
		{"2 some came later, and are on n1 too", with(counts(13, 0, 0), aloneAtFirst, from("10.7.7.7"), sharedWhen("10.7.7.7", 9, everyN1, func(i int) bool { return i < 5 }, nil)),
			map[Code]Verdict{StickyLoadBalancer: Possible}, "none", ""},
		{"2 when they came is unknown", with(counts(13, 0, 0), from("10.7.7.7"), on(func(s *checks.Server) { s.Details.Margin = 24 * time.Hour }, 1, 2, 3), unsure, sharedWith("10.7.7.7", 29, everyN1)),
			map[Code]Verdict{StickyLoadBalancer: Possible}, "none", ""},
		{"2 another balancer's address is passed", with(counts(13, 0, 0), from("10.7.7.7"), anyones("nats://10.0.0.9:4222"), leads("10.0.0.9:4222", 12, 2), through("10.0.0.9:4222", "10.0.0.9"), sharedWith("10.7.7.7", 5, everyN1)),
			map[Code]Verdict{StickyLoadBalancer: Possible}, "none", ""},
		{"2 the account's balancer leads elsewhere now, for all", with(counts(13, 0, 0), from("10.0.0.9"), list("nats://10.0.0.9:4222"), leads("10.0.0.9:4222", 12, 2), through("10.0.0.9:4222", "10.0.0.9"), sharedWith("10.0.0.9", 5, everyN1)),
			map[Code]Verdict{StickyLoadBalancer: Likely}, StickyLoadBalancer, ""},
		{"2 the balancer was mended, and its address is passed", with(counts(13, 0, 0), from("10.0.0.9"), anyones("nats://10.0.0.9:4222"), leads("10.0.0.9:4222", 12, 1, 2, 3), through("10.0.0.9:4222", "10.0.0.9"), sharedWith("10.0.0.9", 5, everyN1)),
			map[Code]Verdict{StickyLoadBalancer: NotTested}, "none", ""},
		{"2 the addresses of this balancer and of another are passed", with(counts(13, 0, 0), from("10.0.0.8"), anyones("nats://10.0.0.8:4222", "nats://10.0.0.9:4222"), twoProxies, sharedWith("10.0.0.8", 5, everyN1)),
			map[Code]Verdict{StickyLoadBalancer: Likely}, StickyLoadBalancer, ""},
		{"2 forwards of nobody's are passed", with(counts(13, 0, 0), from("10.7.7.7"), anyones("nats://10.0.0.8:4222"), anyones("nats://10.0.0.9:4222"), leads("10.0.0.8:4222", 12, 1), leads("10.0.0.9:4222", 12, 2), sharedWith("10.7.7.7", 5, everyN1)),
			map[Code]Verdict{StickyLoadBalancer: Possible}, "none", ""},
		{"2 two proxies with one port, each to a server", with(counts(13, 0, 0), list("nats://10.0.0.8:4222"), another("nats://10.0.0.9:4222"), twoProxies), map[Code]Verdict{StickyLoadBalancer: Likely}, StickyLoadBalancer, ""},
		{"2 two addresses with one port that leave clients theirs, each to a server", with(counts(13, 0, 0), list("nats://10.0.0.8:4222"), another("nats://10.0.0.9:4222"), leads("10.0.0.8:4222", 12, 1), leads("10.0.0.9:4222", 12, 2)),
			map[Code]Verdict{StickyLoadBalancer: RuledOut, SingleURL: Likely}, SingleURL, ""},
		{"2 a process, and a small one of another account on its host", with(counts(20, 1, 1), from("10.9.0.50"), process(18, 0, 0), sharedWith("10.9.0.50", 1, func(int) []int { return []int{0, 1, 0} })), map[Code]Verdict{SingleProcess: Possible}, "none", ""},
		{"2 one address carries this account only", with(counts(13, 0, 0), process(13, 0, 0)), map[Code]Verdict{SingleProcess: Possible}, "none", ""},
		{"3 instances of one service on four hosts are no unrelated clients", with(gateways), map[Code]Verdict{StickyLoadBalancer: NotTested}, "none", ""},
		{"4 the true lists of two services", with(several, list(urlsOf(1)...), list(urlsOf(1, 2, 3)...)), map[Code]Verdict{SingleURL: Confirmed}, SingleURL, ""},
		{"4 the same, tied to the services", with(several, byService("orders-api", urlsOf(1)...), byService("orders-worker", urlsOf(1, 2, 3)...)), map[Code]Verdict{SingleURL: Confirmed}, SingleURL, ""},
		{"5 another account's list in the same folder", with(another(urlsOf(1, 2, 3)...)), map[Code]Verdict{OrderedConnect: NotTested}, "none", ""},
		{"5 the context of the audit", with(hint(urlsOf(1, 2, 3)...)), map[Code]Verdict{OrderedConnect: NotTested, SingleURL: NotTested}, "none", ""},
		{"6 every client in a network of its own", with(counts(22, 3, 2), profile(func(p *checks.Profile) {
			p.Networks, p.Sources, p.Processes = nil, nil, nil
			for i := range 27 {
				at := []int{0, 0, 0}
				at[[]int{0, 1, 2}[min(i/22+max(0, i-21)/4, 2)]] = 1
				p.Networks = append(p.Networks, checks.Group{Key: fmt.Sprintf("%d.%d.0.0/24", 20+i, i), Counts: at})
				p.Sources = append(p.Sources, checks.Source{Addr: netip.AddrFrom4([4]byte{byte(20 + i), byte(i), 0, 9}), Counts: at, Kinds: 1})
			}
		}), list(urlsOf(1, 2, 3)...)), map[Code]Verdict{NetworkAffinity: Possible}, "", ""},
		{"7 five servers, the list has two, one of which was down", with(counts(24, 0, 0), five, list(urlsOf(1, 2)...)), map[Code]Verdict{RestartDrift: Likely, OrderedConnect: Possible}, RestartDrift, ""},
		{"7 the same through a balancer", with(counts(24, 0, 0), five, list("nats://10.0.0.9:4222"), leads("10.0.0.9:4222", 12, 1, 2)), map[Code]Verdict{RestartDrift: Likely, StickyLoadBalancer: RuledOut}, RestartDrift, ""},
		{"7 the same, and nothing is passed", with(counts(24, 0, 0), five), map[Code]Verdict{RestartDrift: Possible}, "none", ""},
		{"8 the others know the account, and perhaps not its user", with(room, counts(24, 0, 0), loginAs("api"), list(urlsOf(1, 2, 3)...)), map[Code]Verdict{AccountGap: NotTested}, "", checks.Unknown},
		{"8 the others refused the user", with(room, counts(24, 0, 0), loginAs("api"), list(urlsOf(1, 2, 3)...), closed("N2", "api", "Authentication Failure", 9), closed("N3", "api", "Authentication Failure", 4)),
			map[Code]Verdict{AccountGap: Confirmed}, AccountGap, checks.No},
		{"8 the user was on the others before", with(room, counts(24, 0, 0), loginAs("api"), list(urlsOf(1, 2, 3)...), closed("N2", "api", "Client Closed", 9), closed("N3", "api", "Server Shutdown", 4)),
			map[Code]Verdict{AccountGap: RuledOut}, "", checks.Yes},
		{"9 the other service's full list", with(withServices(serviceOf("orders-api", 20, 0, 0), serviceOf("orders-worker", 2, 2, 2)), byService("orders-worker", urlsOf(1, 2, 3)...)), map[Code]Verdict{SingleURL: NotTested}, "none", ""},
		{"9 the account's full list, and it has two services", with(withServices(serviceOf("orders-api", 20, 0, 0), serviceOf("orders-worker", 2, 2, 2)), list(urlsOf(1, 2, 3)...)), map[Code]Verdict{SingleURL: NotTested}, "", ""},
		{"10 A of n1, AAAA of n2", with(room, counts(24, 0, 0), list("nats://nats.example:4222"), dns("nats.example", checks.NameSeveral, "10.0.0.1", "2001:db8::2"), leads("[2001:db8::2]:4222", 1, 2), on(func(s *checks.Server) {
			s.Details.Seen = append(s.Details.Seen, netip.MustParseAddr("2001:db8::2"))
		}, 2), mute), map[Code]Verdict{SingleAddressDNS: Likely}, SingleAddressDNS, checks.Unknown},
		{"10 the same, and some come by IPv6", with(counts(20, 2, 2), list("nats://nats.example:4222"), dns("nats.example", checks.NameSeveral, "10.0.0.1", "2001:db8::2"), leads("[2001:db8::2]:4222", 1, 2), profile(func(p *checks.Profile) {
			p.Sources[0].Addr = netip.MustParseAddr("2001:db8::77")
		})), map[Code]Verdict{SingleAddressDNS: NotTested}, "", ""},
		{"11 the others require TLS, the clients are plain", with(room, withServices(plain(serviceOf("orders-api", 24, 0, 0))), requireTLS, list(urlsOf(1, 2, 3)...)), map[Code]Verdict{ListenerGap: Possible}, "", checks.Unknown},
		{"11 all require TLS", with(withServices(serviceOf("orders-api", 24, 0, 0)), on(func(s *checks.Server) { s.Details.TLS = true }, 1, 2, 3)), map[Code]Verdict{ListenerGap: NotTested}, "none", ""},
		{"12 nobody's list does not outweigh one process", with(counts(32, 2, 2), process(30, 0, 0), anyones(urlsOf(1)...)), map[Code]Verdict{SingleProcess: Likely, SingleURL: Possible}, SingleProcess, ""},
		{"13 all advertise the balancer's address, and it is told twice", with(on(func(s *checks.Server) { s.Details.ConnectURLs = []string{"10.0.0.9:4222", "10.0.0.9:4222"} }, 1, 2, 3)), map[Code]Verdict{DiscoveryOff: NotTested}, "none", ""},
		{"14 two of three are draining", with(counts(20, 0, 0), on(func(s *checks.Server) { s.Details.ConnectURLs = s.Details.ConnectURLs[:1] }, 1), missing("n2", "n3"), gone("N2"), gone("N3")), map[Code]Verdict{DiscoveryOff: NotTested, RestartDrift: NotTested}, "none", ""},
		{"15 an archive, whose clocks are as wide as the gathering", with(on(func(s *checks.Server) { s.Details.Margin = 24 * time.Hour }, 1, 2, 3), unsure), map[Code]Verdict{RestartDrift: NotTested}, "none", ""},
		{"16 a balancer that leads elsewhere in one of twelve tries", with(counts(22, 1, 1), list("nats://10.0.0.9:4222"), leads("10.0.0.9:4222", 12, 1, 2), func(s *scene) {
			c := s.contacts[netip.MustParseAddrPort("10.0.0.9:4222")]
			c.Greetings[0].Count, c.Greetings[1].Count = 11, 1
		}), map[Code]Verdict{StickyLoadBalancer: Likely}, StickyLoadBalancer, ""},
		{"16 a balancer that leads elsewhere in four of twelve", with(counts(22, 1, 1), list("nats://10.0.0.9:4222"), leads("10.0.0.9:4222", 12, 1, 2), func(s *scene) {
			c := s.contacts[netip.MustParseAddrPort("10.0.0.9:4222")]
			c.Greetings[0].Count, c.Greetings[1].Count = 8, 4
		}), map[Code]Verdict{StickyLoadBalancer: NotTested}, "none", ""},
		{"16 the same, and the clients are as it leads them", with(counts(10, 2, 1), list("nats://10.0.0.9:4222"), leads("10.0.0.9:4222", 12, 1, 2), func(s *scene) {
			c := s.contacts[netip.MustParseAddrPort("10.0.0.9:4222")]
			c.Greetings[0].Count, c.Greetings[1].Count = 8, 4
		}), map[Code]Verdict{StickyLoadBalancer: RuledOut}, "none", ""},
		{"17 a list, without connections and details", with(list(urlsOf(1)...), noProfile, on(silentServer, 1, 2, 3)), map[Code]Verdict{SingleURL: Likely}, SingleURL, ""},
		{"18 a published port for each server", with(counts(24, 0, 0), forwards, list("nats://192.168.1.10:4222"), hint("nats://192.168.1.10:4223")), map[Code]Verdict{StickyLoadBalancer: RuledOut, SingleURL: Likely}, SingleURL, ""},
		{"19 MQTT clients hear of nobody", with(room, profile(func(p *checks.Profile) { p.Protocols[0].Key = "mqtt" }), on(func(s *checks.Server) { s.Details.MQTT = 1883 }, 1, 2, 3)), map[Code]Verdict{DiscoveryOff: Confirmed, ListenerGap: RuledOut}, "none", checks.Unknown},
		{"20 Java that keeps the resolver's order", with(list("nats://nats.example:4222"), dns("nats.example", checks.NameSeveral, "10.0.0.1", "10.0.0.2", "10.0.0.3"), speakVersion("java", "2.25.2")), map[Code]Verdict{OrderedConnect: Likely}, OrderedConnect, ""},
		{"20 Java that shuffles", with(list("nats://nats.example:4222"), dns("nats.example", checks.NameSeveral, "10.0.0.1", "10.0.0.2", "10.0.0.3"), speakVersion("java", "2.20.0")), map[Code]Verdict{OrderedConnect: NotTested}, "none", ""},
		{"20 Java that takes the first", with(list("nats://nats.example:4222"), dns("nats.example", checks.NameSeveral, "10.0.0.1", "10.0.0.2", "10.0.0.3"), speakVersion("java", "2.16.8")), map[Code]Verdict{OrderedConnect: Likely}, OrderedConnect, ""},
	} {
		t.Run(l.name, func(t *testing.T) {
			t.Parallel()
			d := Diagnose(caseOf(l.changes...))
			sound(t, caseOf(l.changes...), d.Causes)
			for code, want := range l.want {
				if got := d.Cause(code).Verdict; got != want {
					t.Errorf("%s is %s, want %s", code, got, want)
				}
			}
			if first := firstRoot(d.Causes); l.first != "" && first != l.first {
				t.Errorf("the first root cause is %s, want %s", first, l.first)
			}
			if l.over != "" && d.FailOver.CanFailOver != l.over {
				t.Errorf("it can fail over: %s, want %s (%+v)", d.FailOver.CanFailOver, l.over, d.FailOver.Why)
			}
			lessIsNotMore(t, func() Case { return caseOf(l.changes...) })
			if t.Failed() {
				t.Log(tell(d.Causes))
				for _, step := range d.Funnel {
					t.Log(step.Name, step.Passes, step.Left, step.Text)
				}
			}
		})
	}
}

// speakVersion has all clients of one language and version.
func speakVersion(language, version string) change {
	return profile(func(p *checks.Profile) {
		p.Languages = []checks.Group{{Key: language, Counts: p.Read}}
		p.Versions = []checks.Group{{Key: language + " " + version, Counts: p.Read}}
	})
}

// TestTexts: 21 of what was measured wrong. A process with most of the connections
// is not said to have few.
func TestTexts(t *testing.T) {
	t.Parallel()
	c := caseOf(counts(40, 1, 1), process(28, 0, 0))
	e := Diagnose(c).Cause(SingleProcess).Evidence
	if len(e) == 0 || strings.Contains(e[0].Text, "No process holds most") || !strings.Contains(e[0].Text, "28 of the 40") {
		t.Errorf("got %v", e)
	}
	if slices.ContainsFunc(Diagnose(caseOf()).Cause(AccountGap).Evidence, func(e Evidence) bool { return strings.Contains(e.Text, "know the account") }) {
		t.Error("what is tested are the users too")
	}
}
