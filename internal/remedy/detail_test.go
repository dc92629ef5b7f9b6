package remedy

import (
	"fmt"
	"go/parser"
	"go/token"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/checks/cause"
)

// monitoring is what an audit of monitoring ports passes.
func monitoring(in *Input) {
	in.Flags, in.Again, in.NoSystem = "", "--monitor http://10.0.0.1:8222", true
}

// TestDetails has what each remedy says, and does not say, in what situation.
func TestDetails(t *testing.T) {
	t.Parallel()
	noDetails := func(s *checks.Server) { s.Details = nil }
	for _, tt := range []struct {
		name      string
		code      cause.Remedy
		changes   []change
		want, not []string
	}{
		{"two languages, most first", cause.RemedyClientConfig, []change{languages("rust", "python3", "elixir", "")},
			[]string{"--- rust\n", "--- python\n"}, []string{"--- go\n", "not known", "DontRandomize", "retain_servers_order"}},
		{"languages that there is no snippet for", cause.RemedyClientConfig, []change{languages("elixir")}, []string{"--- go\n", "Their languages are unknown"}, nil},
		{"names of C#, C and JS", cause.RemedyClientConfig, []change{languages(".NET", "C", "nats.js")}, []string{"--- csharp\n", "--- c\n", "--- javascript\n"}, nil},
		{"an unknown address", cause.RemedyClientConfig, []change{serverOf(noDetails, 2)},
			[]string{`"nats://<n2's address>:4222"`, `"nats://10.0.0.3:4222"`, "The addresses of n2 for clients are unknown: fill them in."}, nil},
		{"servers that are missing", cause.RemedyClientConfig, []change{func(in *Input) {
			in.Deployment.Missing = []checks.Missing{{Name: "n4", Cluster: "C1", ClusterKnown: true}}
		}}, []string{"Add the servers that are missing"}, nil},
		{"TLS by address", cause.RemedyClientConfig, []change{serverOf(func(s *checks.Server) { s.Details.TLS = true }, 1, 2, 3)},
			[]string{`"tls://10.0.0.1:4222"`, "names that are in the servers' certificates"}, nil},
		{"TLS by name", cause.RemedyClientConfig, []change{serverOf(func(s *checks.Server) { s.Details.TLS, s.Details.Host = true, s.Name+".example" }, 1, 2, 3)},
			[]string{`"tls://n1.example:4222"`}, []string{"certificates"}},
		{"names that are advertised", cause.RemedyClientConfig, []change{serverOf(func(s *checks.Server) {
			s.Details.Seen, s.Details.ConnectURLs = nil, []string{"n1.example:4223", "n2.example:4223", "n3.example:4223"}
		}, 1, 2, 3)}, []string{`"nats://n1.example:4223"`, `"nats://n3.example:4223"`}, []string{"not known"}},
		{"the name in the list", cause.RemedyClientConfig, []change{named("n1.example", "10.0.0.1"), withCause(cause.SingleURL, cause.Confirmed)},
			[]string{`"nats://n1.example:4222"`, `"nats://10.0.0.2:4222"`, "the address of n1 only"}, nil},
		{"addresses of routes", cause.RemedyClientConfig, []change{serverOf(func(s *checks.Server) { s.Details.ConnectURLs = nil }, 1, 2, 3)},
			[]string{`"nats://10.0.0.2:4222"`, "For n1, n2 and n3 the addresses are those of routes"}, []string{"not known"}},
		{"another account's list", cause.RemedyClientConfig, []change{named("n1.example", "10.0.0.1"), func(in *Input) { in.Lists[0].Account = "BILLING" }},
			[]string{`"nats://10.0.0.1:4222"`}, []string{"n1.example"}},
		{"WebSocket clients", cause.RemedyClientConfig, []change{protocols("websocket"), languages("nats.js"), serverOf(func(s *checks.Server) { s.Details.WebSocket = 8443 }, 1)},
			[]string{`"wss://10.0.0.2:8443"`, "wsconnect"}, []string{"nats://"}},
		{"WebSocket clients, which two servers take", cause.RemedyClientConfig, []change{protocols("websocket"), serverOf(func(s *checks.Server) { s.Details.WebSocket = 8443 }, 1, 2)},
			[]string{`"wss://10.0.0.1:8443"`, `"wss://10.0.0.2:8443"`}, []string{"10.0.0.3", "listener"}},
		{"WebSocket clients, which this server alone takes", cause.RemedyClientConfig, []change{protocols("websocket"), serverOf(func(s *checks.Server) { s.Details.WebSocket = 8443 }, 1)},
			[]string{`"wss://10.0.0.3:8443"`, "once these have the listener", "Only after listener"}, nil},

		{"what is there now", cause.RemedyDNS, []change{named("nats.example", "10.0.0.1", "10.0.0.9"), withCause(cause.SingleAddressDNS, cause.Confirmed)},
			[]string{"; now, by 10.0.0.53:53: 10.0.0.1 (TTL 3600) and 10.0.0.9 (TTL 3600)", "nats.example.  300  IN  A  10.0.0.2  ; n2", "; take out 10.0.0.9", "$ dig +noall +answer nats.example"}, []string{"yaml"}},
		{"an alias", cause.RemedyDNS, []change{named("nats.example", "10.0.0.1"), withCause(cause.SingleAddressDNS, cause.Confirmed), func(in *Input) {
			in.Lists[0].Endpoints[0].Name.Answers[0].CNAME = []string{"vm-1.infra.example.", "x.example."}
		}}, []string{"; take out: nats.example. IN CNAME vm-1.infra.example."}, []string{"\n  | vm-1"}},
		{"IPv6", cause.RemedyDNS, []change{withCause(cause.SingleAddressDNS, cause.Confirmed), serverOf(func(s *checks.Server) {
			s.Details.Seen, s.Details.ConnectURLs = []netip.Addr{netip.MustParseAddr("2001:db8::1")}, nil
		}, 1)}, []string{"IN  AAAA  2001:db8::1  ; n1"}, nil},
		{"no name known", cause.RemedyDNS, []change{withCause(cause.SingleURL, cause.Confirmed)}, []string{"nats.example stands for it"}, []string{"dig"}},
		{"an address unknown", cause.RemedyDNS, []change{withCause(cause.SingleURL, cause.Confirmed), serverOf(noDetails, 3)},
			[]string{"; nats.example.  300  IN  A  <n3's address>", "addresses of n3 are unknown"}, nil},
		{"ports differ", cause.RemedyDNS, []change{withCause(cause.SingleURL, cause.Confirmed), serverOf(func(s *checks.Server) { s.Details.Port = 4333 }, 2)},
			[]string{"listen on different ports"}, nil},
		{"a service of Kubernetes", cause.RemedyDNS, []change{pods, withCause(cause.SingleAddressDNS, cause.Confirmed)},
			[]string{`name: "nats-headless"`, `namespace: "prod"`, "clusterIP: None", "nats-headless.prod.svc.cluster.local"}, []string{"--- zone"}},
		{"the audit's own name is nobody's", cause.RemedyDNS, []change{named("mq.example", "10.0.0.1"), func(in *Input) { in.Lists[0].Hint = true }, withCause(cause.SingleURL, cause.Confirmed)},
			[]string{"nats.example stands for it"}, []string{"mq.example"}},

		{"all accounts", cause.RemedyDrain, []change{withCause(cause.RestartDrift, cause.Likely)},
			[]string{"[short-term]", "25 client connections of 2 accounts and 1 leafnode connection", "$ nats-server --signal ldm=/var/run/nats-server.pid", "on the host of n1", "is unknown: make sure first"}, []string{"Not now"}},
		{"a pod", cause.RemedyDrain, []change{pods, withCause(cause.RestartDrift, cause.Likely)},
			[]string{"$ kubectl -n prod exec nats-0 -c nats -- nats-server --signal ldm=/var/run/nats/nats.pid"}, []string{"on the host"}},
		{"nowhere to go", cause.RemedyDrain, []change{withCause(cause.RestartDrift, cause.Likely), full}, []string{"[long-term]", "Not now: clients of ORDERS have nowhere else to go"}, nil},
		{"nowhere to go, single URL", cause.RemedyDrain, []change{withCause(cause.SingleURL, cause.Likely)}, []string{"[long-term]", "Not now"}, nil},

		{"a sticky address", cause.RemedyLoadBalancer, []change{withCause(cause.StickyLoadBalancer, cause.Confirmed), list("nats://10.0.0.50:4222"), func(in *Input) {
			in.Lists[0].Endpoints[0].Addresses[0].Contact = checks.Contact{Outcome: checks.ContactServer, Tries: 12,
				Greetings: []checks.Greeting{{ID: "N1", Name: "n1", Cluster: "C1", Host: "0.0.0.0", Port: 4222, Count: 12}}}
		}}, []string{"nats://10.0.0.50:4222 leads to n1 every time", "$ nats-balance audit urls --client-url ORDERS=nats://10.0.0.50:4222",
			"balance leastconn", "least_conn;", "stickiness.enabled,Value=false", "sessionAffinity"}, []string{"$ kubectl"}},
		{"a source address alone", cause.RemedyLoadBalancer, []change{withCause(cause.StickyLoadBalancer, cause.Likely), behindOne},
			[]string{"Find out what 10.7.7.7 is: if a load balancer", "a load balancer at 10.7.7.7 and a NAT look the same", "give them all servers", "least_conn;"}, []string{"every time"}},
		{"a sticky service", cause.RemedyLoadBalancer, []change{pods, withCause(cause.StickyLoadBalancer, cause.Confirmed)},
			[]string{`$ kubectl -n prod patch service nats -p '{"spec":{"sessionAffinity":"None"}}'`}, nil},

		{"the account itself", cause.RemedyLimits, []change{withCause(cause.SingleProcess, cause.Likely)},
			[]string{"Limit ORDERS to 32 connections", "the use now, 24, and the 8 of one server again", "until then it takes 44", "max_connections: 32", "nats-server#7527", "as a whole"}, []string{"nsc"}},
		{"the account, a JWT", cause.RemedyLimits, []change{withCause(cause.SingleProcess, cause.Likely), operator},
			[]string{"$ nsc edit account --name ORDERS --conns 32", "$ nsc push --account ORDERS"}, []string{"accounts {"}},
		{"a JWT without a name", cause.RemedyLimits, []change{withCause(cause.SingleProcess, cause.Likely), account("AXYZ"), func(in *Input) { in.Operator = true }},
			[]string{"--name ACCOUNT_NAME", "the name that nsc has for AXYZ"}, nil},
		{"who fills the servers", cause.RemedyLimits, []change{full, withCause(cause.ServerFull, cause.Likely)},
			[]string{"Limit BILLING to 95 connections", "BILLING has most of the connections on the full servers"}, []string{"until then"}},

		{"the others are full", cause.RemedyCapacity, []change{full, withCause(cause.ServerFull, cause.Likely)},
			[]string{"on n2 and n3", "max_connections: 52", "$ nats server report accounts --sort conns --top 20 --context system"}, nil},
		{"TLS", cause.RemedyListener, []change{withCause(cause.ListenerGap, cause.Confirmed), protocols("nats"), serverOf(func(s *checks.Server) { s.Details.TLS = true }, 2, 3)},
			[]string{"Let the clients use TLS, for n2 and n3", "allow_non_tls: true", "do not restart or drain n1"}, []string{"mqtt", "websocket"}},
		{"a certificate", cause.RemedyListener, []change{withCause(cause.ListenerGap, cause.Confirmed), protocols("nats")},
			[]string{"trust the certificates of the other servers"}, []string{"mqtt", "websocket"}},
		{"no TLS", cause.RemedyListener, []change{withCause(cause.ListenerGap, cause.Confirmed), protocols("nats"), serverOf(func(s *checks.Server) { s.Details.OffersTLS = checks.Yes }, 1), serverOf(func(s *checks.Server) { s.Details.OffersTLS = checks.No }, 2, 3)},
			[]string{"Offer TLS on n2 and n3", "allow_non_tls: true", "do not restart or drain n1"}, []string{"mqtt", "websocket", "trust"}},
		{"one listener", cause.RemedyListener, []change{withCause(cause.ListenerGap, cause.Confirmed), protocols("mqtt"), serverOf(func(s *checks.Server) { s.Details.MQTT = 1884 }, 1)},
			[]string{"Give n2 and n3 the MQTT listener", "mqtt { port: 1884 }", "do not restart or drain n1"}, []string{"websocket"}},
		{"two listeners", cause.RemedyListener, []change{withCause(cause.ListenerGap, cause.Confirmed), protocols("mqtt", "websocket")},
			[]string{"the MQTT and WebSocket listener", "mqtt { port: 1883 }", "websocket { port: 8080, no_tls: true }"}, nil},
		{"the listener that is lacking", cause.RemedyListener, []change{withCause(cause.SingleURL, cause.Confirmed), someMQTT},
			[]string{"Give n2 and n3 the MQTT listener", "can take 8 of the 20 connections, which are MQTT: do not restart or drain n1", "mqtt { port: 1884 }"}, []string{"websocket"}},
		{"some have nowhere to go", cause.RemedyDrain, []change{withCause(cause.SingleURL, cause.Confirmed), told, someMQTT},
			[]string{"Only after listener: no other server takes 8 MQTT connections of ORDERS.", "Or drain"}, []string{"Not now"}},
		{"leafnodes on the server", cause.RemedyRemotes, []change{leafnodes(12, 9), serverOf(func(s *checks.Server) { s.Details.Leafnode = 7500 }, 1, 2)},
			[]string{"9 of its 12 leafnode connections are on n1", "n3 takes none yet: it needs leafnodes { port: 7422 }.", `"nats-leaf://10.0.0.1:7500"`, `"nats-leaf://10.0.0.3:7422"`}, nil},
		{"an account in a file", cause.RemedyAccount, []change{withCause(cause.AccountGap, cause.Confirmed), func(in *Input) {
			in.Accounts["N3"] = checks.AccountOn{Usable: checks.No, Detail: "it does not exist"}
		}}, []string{"Put ORDERS on n3", "  \"ORDERS\" {", "as on n1", "reload"}, []string{"nsc"}},
		{"a user in a file", cause.RemedyAccount, []change{withCause(cause.AccountGap, cause.Confirmed), func(in *Input) {
			in.Accounts["N2"], in.Accounts["N3"] = checks.AccountOn{Usable: checks.Yes}, checks.AccountOn{Usable: checks.Yes}
			in.Profile.Read, in.Profile.Users = []int{20, 0, 0}, []checks.Group{{Key: "api", Counts: []int{20, 0, 0}}}
			in.History = []checks.Closed{{Server: "N3", User: "api", Reason: "Authentication Failure", Connections: 3}}
		}}, []string{"Put the user api of ORDERS on n3", "This user can't log in there", "The account itself is there", "reload"}, []string{"Put ORDERS", "accounts {"}},
		{"advertising", cause.RemedyAdvertise, []change{withCause(cause.DiscoveryOff, cause.Confirmed)},
			[]string{"no_advertise: false", `# client_advertise: "10.0.0.2:4222"`, "restart them one at a time"}, []string{"Helm"}},
		{"advertising in Kubernetes", cause.RemedyAdvertise, []change{pods, withCause(cause.DiscoveryOff, cause.Confirmed)}, []string{"Helm", "--- yaml"}, nil},
		{"restarting", cause.RemedyRestartOrder, []change{withCause(cause.RestartDrift, cause.Likely)},
			[]string{"n3 started last, at 2026-05-04 12:02 UTC", "$ nats server list 3 --context system", "$ nats-balance rebalance --account ORDERS"}, []string{"--apply"}},
		{"restarting pods", cause.RemedyRestartOrder, []change{pods, withCause(cause.RestartDrift, cause.Likely)}, []string{"$ kubectl -n prod rollout restart statefulset/nats", "nats-0 is the last"}, nil},
		{"an order in DNS", cause.RemedyOrdered, []change{named("nats.example", "10.0.0.1", "10.0.0.2"), withCause(cause.OrderedConnect, cause.Likely)}, []string{"rrset-order"}, []string{"DontRandomize"}},
		{"an option", cause.RemedyOrdered, []change{list("nats://10.0.0.1:4222", "nats://10.0.0.2:4222"), func(in *Input) { in.Lists[0].Ordered = checks.Yes }, languages("java"),
			withCause(cause.OrderedConnect, cause.Likely)}, []string{"the list of deploy.yaml:3", ".noRandomize()"}, []string{"rrset-order"}},
		{"a process", cause.RemedyProcess, []change{withCause(cause.SingleProcess, cause.Likely), func(in *Input) {
			in.Profile.Processes = []checks.Process{{Addr: netip.MustParseAddr("10.9.0.7"), Name: "imp\x1b[0morter", Language: "java", Counts: []int{17, 0, 0}}}
		}}, []string{`17 connections of ORDERS on n1 come from 10.9.0.7, named imp\x1b[0morter`, "--- java\n"}, nil},
		{"networks", cause.RemedyPlacement, []change{withCause(cause.NetworkAffinity, cause.Likely)}, []string{"On n1 are 20 from 10.9.0.0/24.", "room for 1,936", "SERVICE"}, []string{"$ kubectl"}},
		{"leafnodes", cause.RemedyLeafnodes, []change{withCause(cause.NetworkAffinity, cause.Likely)}, []string{`"nats-leaf://10.0.0.3:7422"`}, nil},
		{"monitoring ports", cause.RemedyKeepItSo, []change{monitoring}, []string{"--review 50 --monitor http://10.0.0.1:8222\n"}, []string{"system"}},
		{"monitoring ports", cause.RemedyRebalance, []change{withCause(cause.RestartDrift, cause.Likely), monitoring},
			[]string{"take a user of the system account: add --context or --creds", "$ nats-balance rebalance --account ORDERS --cluster C1\n"}, []string{"--monitor", "--context system"}},
		{"monitoring ports", cause.RemedyRestartOrder, []change{withCause(cause.RestartDrift, cause.Likely), monitoring}, []string{"take a user of the system account", "$ nats server list 3\n"}, []string{"--monitor"}},
		{"more than a page", cause.RemedyRebalance, []change{withCause(cause.RestartDrift, cause.Likely), spread(3000, 150, 150)},
			[]string{"Move 1,900 connections", "counts pages of 1,024", "--cluster C1 31m"}, nil},
		{"a threshold", cause.RemedyKeepItSo, []change{func(in *Input) { in.ThresholdPercent, in.Again = 60, "--context 'a%b'" }},
			[]string{"$ nats-balance audit concentration --review 50 --threshold 60 --context 'a%b'", `--context 'a\%b'`}, []string{"As a plugin"}},
		{"a plugin", cause.RemedyKeepItSo, []change{func(in *Input) { in.Tool, in.Plugin = "nats balance", true }}, []string{"$ nats balance audit", "17 6 * * 1  nats-balance audit", "As a plugin"}, nil},
		{"a small account", cause.RemedyKeepItSo, []change{withCause(cause.SmallAccount, cause.Confirmed), spread(11, 1, 0)},
			[]string{"--min-connections 16 --critical 90"}, nil},
		{"flags that can't be pasted", cause.RemedyKeepItSo, []change{func(in *Input) { in.Again = "--context x\nid" }}, []string{"--review 50\n"}, []string{"id\n"}},
	} {
		t.Run(string(tt.code)+" "+tt.name, func(t *testing.T) {
			t.Parallel()
			r := written(t, inputOf(tt.changes...), tt.code)
			got := tell([]Remedy{r}, "")
			for _, w := range tt.want {
				if !strings.Contains(got, w) {
					t.Errorf("it does not say %q", w)
				}
			}
			for _, n := range tt.not {
				if strings.Contains(got, n) {
					t.Errorf("it says %q", n)
				}
			}
			if t.Failed() {
				t.Log(got)
			}
		})
	}
}

// TestNoRemedy has where a remedy is left out.
func TestNoRemedy(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		code    cause.Remedy
		changes []change
	}{
		{cause.RemedyLimits, []change{withCause(cause.SingleProcess, cause.Likely), account(checks.GlobalAccount)}},
		{cause.RemedyLimits, []change{withCause(cause.SingleProcess, cause.Likely), func(in *Input) { // with more of its connections
			in.Deployment.Missing = []checks.Missing{{Name: "n4", Cluster: "C1", ClusterKnown: true}}
		}}},
		{cause.RemedyRebalance, []change{withCause(cause.RestartDrift, cause.Likely), spread(8, 8, 8)}},
	} {
		advice := For(inputOf(tt.changes...))
		remedies, byCause := advice.Remedies, advice.ByCause
		if slices.ContainsFunc(remedies, func(r Remedy) bool { return r.Code == tt.code }) {
			t.Errorf("there is %s", tt.code)
		}
		for code, helps := range byCause {
			if slices.Contains(helps, tt.code) {
				t.Errorf("%s has %s", code, tt.code)
			}
		}
	}
}

// TestOnlyWarning has remedies that are told, but do not help now.
func TestOnlyWarning(t *testing.T) {
	t.Parallel()
	in := inputOf(withCause(cause.SingleURL, cause.Likely))
	r := written(t, in, cause.RemedyRebalance)
	byCause := For(concluded(in)).ByCause
	if len(r.Commands) > 0 || !strings.HasPrefix(r.Title, "Do not") || slices.Contains(byCause[cause.SingleURL], cause.RemedyRebalance) {
		t.Errorf("%+v, %v", r, byCause)
	}
}

// TestPure holds that remedies come from plain data alone.
func TestPure(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("*.go")
	if err != nil || len(files) < 10 {
		t.Fatal(files, err)
	}
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range file.Imports {
			path := strings.Trim(i.Path.Value, `"`)
			if !strings.HasSuffix(name, "_test.go") && (path == "os" || path == "net/http" || strings.Contains(path, ".") && !strings.HasSuffix(path, "/checks") && !strings.HasSuffix(path, "/checks/cause") && !strings.HasSuffix(path, "/internal/words")) {
				t.Errorf("%s imports %s", name, path)
			}
		}
	}
}

// TestSame holds that equal input gives equal text, and that little is needed.
func TestSame(t *testing.T) {
	t.Parallel()
	var all []change
	for _, d := range cause.All() {
		all = append(all, withCause(d.Code, cause.Likely))
	}
	all = append(all, languages("go", "c", "java", "rust"), operator, full)
	advice := For(inputOf(all...))
	one, forecast := advice.Remedies, advice.Forecast
	for range 20 {
		advice := For(inputOf(all...))
		again, f := advice.Remedies, advice.Forecast
		if tell(one, forecast) != tell(again, f) {
			t.Fatal("the text differs")
		}
	}
	for _, d := range cause.All() {
		in := Input{}
		withCause(d.Code, cause.Confirmed)(&in)
		advice := For(concluded(in))
		remedies, forecast := advice.Remedies, advice.Forecast
		harmless(t, remedies, forecast)
		if len(remedies) == 0 || forecast == "" {
			t.Errorf("%s: nothing for a finding of which nothing is known", d.Code)
		}
	}
}

// BenchmarkFor is a finding in a cluster of 1,000 servers.
func BenchmarkFor(b *testing.B) {
	in := inputOf(withCause(cause.SingleURL, cause.Likely), withCause(cause.DiscoveryOff, cause.Confirmed))
	var urls []string
	for i := 4; i <= 1000; i++ {
		s := in.Deployment.Servers[2]
		d := *s.Details
		s.ID, s.Name, s.Details = fmt.Sprintf("N%d", i), fmt.Sprintf("n%d", i), &d
		d.Seen = []netip.Addr{netip.AddrFrom4([4]byte{10, 0, byte(i / 256), byte(i % 256)})}
		urls = append(urls, fmt.Sprintf("n%d.example:4222", i))
		in.Deployment.Servers = append(in.Deployment.Servers, s)
	}
	for i := range in.Deployment.Servers {
		in.Deployment.Servers[i].Details.ConnectURLs = urls
	}
	for b.Loop() {
		For(concluded(in))
	}
}
