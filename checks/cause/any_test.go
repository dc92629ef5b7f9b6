package cause

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-balance/nats-balance/checks"
)

// needLists are causes that nothing but the clients' lists can confirm.
func needLists() []Code {
	return []Code{SingleURL, SingleAddressDNS, StickyLoadBalancer, OrderedConnect, RestartDrift, NetworkAffinity, ServerFull}
}

// drawn are causes that draw brings about by itself. Another one is drawn by [anyWith].
func drawn() []Code {
	return append(needLists(), ListenerGap, AccountGap, DiscoveryOff, SmallAccount)
}

// TestAnyCase draws thousands of cases, most of them absurd.
func TestAnyCase(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(3, 14))
	confirmed := map[Code]int{}
	for n := range 1000 {
		a, b := rng.Uint64(), rng.Uint64()
		build := func() Case { return draw(rand.New(rand.NewPCG(a, b))) }
		c, causes := build(), holds(t, n, build)
		verdicts := map[Code]Verdict{}
		for _, cause := range causes {
			verdicts[cause.Code] = cause.Verdict
			if cause.Verdict == Confirmed {
				confirmed[cause.Code]++
			}
		}
		tied, ways := false, map[way]bool{}
		for _, l := range c.Lists {
			tied = tied || !l.Hint && c.Finding.Account.Is(l.Account)
			if f := newSituation(Case{Finding: c.Finding, Deployment: c.Deployment, Lists: []checks.URLList{l}}); len(f.Own) == 1 && f.Own[0].kind == pins {
				ways[wayOf(f.Own[0])] = true
			}
		}
		for _, code := range needLists() {
			if verdicts[code] == Confirmed && !tied {
				t.Errorf("case %d: %s is confirmed without a list of the account's", n, code)
			}
		}
		for code, w := range map[Code]way{SingleURL: byAddress, SingleAddressDNS: byName} {
			if verdicts[code] == Confirmed && !ways[w] {
				t.Errorf("case %d: %s is confirmed, but no list shows it", n, code)
			}
		}
		if c.Profile == nil && (verdicts[ListenerGap] == Confirmed || verdicts[SingleProcess] != NotTested) {
			t.Errorf("case %d: something is said of connections that were not read", n)
		}
		if t.Failed() {
			t.Fatalf("case %d:\n%s", n, tell(causes))
		}
	}
	for _, code := range drawn() {
		if confirmed[code] == 0 {
			t.Errorf("%s was never confirmed: the cases are too absurd: %v", code, confirmed)
		}
	}
}

// TestLessOfAnyCase takes something out of cases that were drawn.
func TestLessOfAnyCase(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(2, 71))
	for range 200 {
		a, b := rng.Uint64(), rng.Uint64()
		lessIsNotMore(t, func() Case { return draw(rand.New(rand.NewPCG(a, b))) })
	}
}

// anyWith draws cases that begin as the rows of a cause's table that fire, so that a
// cause is drawn without being named anywhere else. It has to be found in some of them.
func anyWith(t *testing.T, code Code, rows []row) {
	t.Helper()
	fire := slices.DeleteFunc(slices.Clone(rows), func(r row) bool { return r.want.Compare(Likely) > 0 })
	rng := rand.New(rand.NewPCG(1, 41))
	found := 0
	for n := range 8 * len(fire) {
		r := fire[n%len(fire)]
		a, b := rng.Uint64(), rng.Uint64()
		for _, cause := range holds(t, n, func() Case { return draw(rand.New(rand.NewPCG(a, b)), r.changes...) }) {
			if cause.Code == code && cause.Verdict.Strong() {
				found++
			}
		}
		if t.Failed() {
			t.Fatalf("case %d begins as %q", n, r.name)
		}
	}
	if found == 0 {
		t.Errorf("%s was found in none: the cases are too absurd", code)
	}
}

// holds judges a case, and tests what holds for any.
func holds(t *testing.T, n int, build func() Case) []Cause {
	t.Helper()
	c, again := build(), build()
	diagnosis := Diagnose(c)
	causes := diagnosis.Causes
	sound(t, c, causes)
	if !reflect.DeepEqual(c, again) {
		t.Errorf("case %d was changed", n)
	}
	if !reflect.DeepEqual(causes, Diagnose(again).Causes) {
		t.Errorf("case %d is not judged the same twice", n)
	}
	stranded, priority := diagnosis.FailOver.Stranded, diagnosis.Priority
	if stranded != nil && *stranded < 0 || !slices.Contains([]checks.Priority{checks.High, checks.Normal, checks.Low}, priority) {
		t.Errorf("case %d: %v connections are stranded, the priority is %q", n, stranded, priority)
	}
	return causes
}

// TestEveryCauseHasATable: without rows of its own a cause would not be drawn.
func TestEveryCauseHasATable(t *testing.T) {
	t.Parallel()
	for _, d := range All() {
		file := strings.ReplaceAll(string(d.Code), "-", "_") + "_test.go"
		text, err := os.ReadFile(file)
		if err != nil || !strings.Contains(string(text), "judgeCause(t, ") {
			t.Errorf("%s has no table in %s: %v", d.Code, file, err)
		}
	}
}

// draw changes the usual case in a few ways by chance, after these.
func draw(rng *rand.Rand, changes ...change) Case {
	ip := func() string {
		return []string{"10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.9", "127.0.0.1", "203.0.113.7", "2001:db8::1", "10.7.0.1"}[rng.IntN(8)]
	}
	outcomes := []checks.ContactOutcome{checks.ContactServer, checks.ContactRefused, checks.ContactTimeout, checks.ContactUnroutable, checks.ContactClosed, checks.ContactUnreadable, checks.ContactNone, ""}
	names := []checks.NameVerdict{checks.NameSingle, checks.NameSeveral, checks.NameRotating, checks.NameDiffers, checks.NameNoData, checks.NameMissing, checks.NameFailed, checks.NameUnknown}
	some := func() []int { return []int{rng.IntN(30), rng.IntN(4), rng.IntN(4)} }
	groups := func(keys ...string) (out []checks.Group) {
		for _, k := range keys {
			if rng.IntN(2) == 0 {
				out = append(out, checks.Group{Key: k, Other: rng.IntN(20) == 0, Counts: some()})
			}
		}
		return out
	}
	list := func(s *scene) {
		w := wrote{account: []string{"ORDERS", "ORDERS", "", "BILLING"}[rng.IntN(4)], hint: rng.IntN(6) == 0, ordered: []checks.Answer{checks.Yes, checks.No, checks.Unknown}[rng.IntN(3)]}
		for range rng.IntN(4) {
			scheme := []string{"nats", "nats", "nats", "tls", "ws"}[rng.IntN(5)]
			host := []string{"10.0.0.1", "10.0.0.2", ip(), "n1.example", "nats.example", "[2001:db8::1]"}[rng.IntN(6)]
			w.urls = append(w.urls, fmt.Sprintf("%s://%s:%d", scheme, host, []int{4222, 4222, 4222, 5222}[rng.IntN(4)]))
		}
		s.lists = append(s.lists, w)
	}
	all := []change{
		list, list, list,
		func(s *scene) {
			dns("nats.example", checks.NameSingle, "10.0.0.1")(s)
			s.lists = append(s.lists, wrote{account: "ORDERS", ordered: checks.Unknown, urls: []string{"nats://nats.example:4222"}})
		},
		func(s *scene) {
			var ips []string
			for range rng.IntN(4) {
				ips = append(ips, ip())
			}
			host := []string{"nats.example", "n1.example"}[rng.IntN(2)]
			dns(host, names[rng.IntN(8)], ips...)(s)
			s.names[host].Complete, s.names[host].HostsFile = rng.IntN(4) > 0, rng.IntN(6) == 0
		},
		func(s *scene) {
			at := netip.AddrPortFrom(netip.MustParseAddr(ip()), []uint16{4222, 4222, 5222}[rng.IntN(3)])
			c := checks.Contact{Outcome: outcomes[rng.IntN(8)], Detail: []string{"", "odd."}[rng.IntN(2)]}
			for range rng.IntN(3) {
				g := greets(s.Deployment.Servers[rng.IntN(len(s.Deployment.Servers))], rng.IntN(13), 12).Greetings[0]
				if rng.IntN(4) == 0 {
					g = checks.Greeting{Count: rng.IntN(3)}
				}
				c.Greetings, c.Tries = append(c.Greetings, g), 12
			}
			s.contacts[at] = c
		},
		func(s *scene) { counts(10+rng.IntN(90), rng.IntN(4), rng.IntN(4))(s) },
		func(s *scene) {
			counts(10, rng.IntN(3), rng.IntN(3))(s)
			s.Profile.Names = s.Profile.Names[:rng.IntN(8)]
		},
		func(s *scene) { on(func(s *checks.Server) { *s.Details.Connections = 1000 }, 2, 3)(s) },
		func(s *scene) {
			urls := urlsOf(1, 2, 3)
			rng.Shuffle(3, func(i, j int) { urls[i], urls[j] = urls[j], urls[i] })
			s.lists = append(s.lists, wrote{account: "ORDERS", ordered: []checks.Answer{checks.Yes, checks.No, checks.Unknown}[rng.IntN(3)], urls: urls})
			if rng.IntN(2) == 0 {
				on(func(s *checks.Server) { *s.Details.Connections = 1000 }, 2, 3)(s)
			}
		},
		func(s *scene) {
			leads("10.0.0.9:4222", 12, 1)(s)
			through("10.0.0.9:4222", "10.0.0.9")(s)
			from("10.0.0.9")(s)
			s.lists = append(s.lists, wrote{account: "ORDERS", ordered: checks.Unknown, urls: []string{"nats://10.0.0.9:4222"}})
		},
		networks(20, 2, 2), nearby, oneProcess,
		func(s *scene) {
			addr := ip()
			from(addr)(s)
			sharedWhen(addr, 1+rng.IntN(8), func(int) []int { return some() }, func(int) bool { return rng.IntN(2) == 0 }, map[string]bool{"TEAM-01": rng.IntN(2) == 0})(s)
		},
		func(s *scene) {
			urls := s.Deployment.Servers[0].Details.ConnectURLs
			urls = urls[:min(rng.IntN(2), len(urls))]
			on(func(s *checks.Server) { s.Details.ConnectURLs = urls }, 1)(s)
			for at, c := range s.contacts {
				for i := range c.Greetings {
					if c.Greetings[i].ID == "N1" {
						s.contacts[at].Greetings[i].ConnectURLs = urls
					}
				}
			}
		},
		func(s *scene) { on(func(s *checks.Server) { s.Details.MQTT = 1883 * rng.IntN(2) }, 1+rng.IntN(3))(s) },
		func(s *scene) {
			s.Accounts[[]string{"N1", "N2", "N3"}[rng.IntN(3)]] = checks.AccountOn{Usable: []checks.Answer{checks.Yes, checks.No, checks.Unknown, ""}[rng.IntN(4)]}
		},
		func(s *scene) {
			for i := range 2 {
				s.Accounts[fmt.Sprintf("N%d", i+2)] = checks.AccountOn{Usable: checks.No, Detail: "no."}
				s.Deployment.Servers[i+1].Usage = nil
			}
		},
		func(s *scene) { clear(s.Accounts) },
		aloneAtFirst,
		func(s *scene) { aloneAtFirst(s); unordered(urlsOf(1, 2, 3)...)(s) },
		func(s *scene) {
			// New ones, as those of a row are shared by all cases that begin as it.
			var starts [][]int
			for _, row := range s.Profile.Starts {
				row = make([]int, len(row))
				for k := range row {
					row[k] = rng.IntN(9)
				}
				starts = append(starts, row)
			}
			s.Profile.Starts, s.Profile.StartOrder = starts, slices.Clone(s.Profile.StartOrder)
			rng.Shuffle(3, func(i, j int) {
				o := s.Profile.StartOrder
				o[i], o[j] = o[j], o[i]
			})
		},
		func(s *scene) {
			s.Profile.Networks = groups("10.1.0.0/24", "10.2.0.0/24", "10.0.0.0/24", "2001:db8::/64", "", "garbage")
		},
		func(s *scene) { s.Profile.Protocols = groups("mqtt", "websocket", "nats") },
		func(s *scene) { s.Profile.Languages = groups("python3", "java", "go", "") },
		func(s *scene) {
			s.Profile.Tags = groups("az:a", "az:b", "")
			on(func(s *checks.Server) { s.Details.Tags = []string{"az:a"} }, 1)(s)
			on(func(s *checks.Server) { s.Details.Tags = []string{"az:b"} }, 2)(s)
		},
		func(s *scene) {
			s.Profile.Sources, s.Profile.Processes = nil, nil
			for range rng.IntN(5) {
				one := make([]int, 3)
				one[rng.IntN(3)] = rng.IntN(20)
				addr := netip.MustParseAddr(ip())
				s.Profile.Sources = append(s.Profile.Sources, checks.Source{Addr: addr, Counts: one, Kinds: rng.IntN(4)})
				s.Profile.Processes = append(s.Profile.Processes, checks.Process{Addr: addr, Counts: one, SharedByOthers: rng.IntN(2) == 0})
			}
			s.Profile.Sources = append(s.Profile.Sources, checks.Source{Counts: some(), Kinds: 2})
			s.Profile.Processes = append(s.Profile.Processes, checks.Process{Counts: some()})
		},
		func(s *scene) { on(silentServer, 1+rng.IntN(3))(s) },
		func(s *scene) { on(func(s *checks.Server) { s.Start = time.Time{} }, 1+rng.IntN(3))(s) },
		func(s *scene) { missing("n4")(s) },
		func(s *scene) { s.ThresholdPercent = 1 + rng.IntN(99) },
		partProfile,
	}
	more := rng.IntN(7)
	if len(changes) > 0 { // which are tested as they are too
		more = max(1, more)
	}
	changes = slices.Clone(changes)
	for range more {
		f := all[rng.IntN(len(all))]
		changes = append(changes, func(s *scene) {
			// A change that is about what an earlier one took away has no effect.
			if s.Profile != nil && !slices.ContainsFunc(s.Deployment.Servers, func(s checks.Server) bool { return s.Details == nil }) {
				f(s)
			}
		})
	}
	if rng.IntN(10) == 0 {
		changes = append(changes, noProfile)
	}
	return caseOf(changes...)
}
