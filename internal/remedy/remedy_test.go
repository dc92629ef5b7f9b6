package remedy

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/checks/cause"
	"github.com/nats-balance/nats-balance/internal/words"
)

var update = flag.Bool("update", false, "write the golden files")

// TestGolden has complete cases, judged as an audit judges them.
func TestGolden(t *testing.T) {
	t.Parallel()
	for name, changes := range map[string][]change{
		"single-url":         {list("nats://10.0.0.1:4222"), judged},
		"single-address-dns": {named("nats.example", "10.0.0.1", "10.0.0.9"), judged},
		"server-full":        {full, judged},
		"listener-gap":       {protocols("mqtt"), serverOf(func(s *checks.Server) { s.Details.MQTT = 1884 }, 1), judged},
		"account-gap-jwt": {operator, judged, func(in *Input) {
			for _, id := range []string{"N2", "N3"} {
				in.Accounts[id] = checks.AccountOn{Usable: checks.No, Expired: true, Detail: "account has expired"}
			}
			in.Causes = nil
		}, withCause(cause.AccountGap, cause.Confirmed)},
		"restart-drift": {withCause(cause.RestartDrift, cause.Confirmed), told, list("nats://10.0.0.1:4222", "nats://10.0.0.2:4222", "nats://10.0.0.3:4222")},
		"kubernetes":    {pods, withCause(cause.SingleAddressDNS, cause.Confirmed)},
		"unknown":       {withCause(cause.SingleURL, cause.NotTested), func(in *Input) { in.Profile = nil }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			advice := For(inputOf(changes...))
			remedies, forecast := advice.Remedies, advice.Forecast
			got := tell(remedies, forecast)
			file := filepath.Join("testdata", name+".txt")
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if got != strings.ReplaceAll(string(want), "\r\n", "\n") {
				t.Errorf("%s differs; go test -update writes it:\n%s", file, got)
			}
		})
	}
}

// step is a remedy and how soon it can help.
type step struct {
	code cause.Remedy
	when cause.When
}

// TestOrder has which remedies there are for each cause, and in which order.
func TestOrder(t *testing.T) {
	t.Parallel()
	const i, s, l = cause.Immediate, cause.ShortTerm, cause.LongTerm
	for _, tt := range []struct {
		name    string
		changes []change
		want    []step
	}{
		{"single-url", []change{withCause(cause.SingleURL, cause.Confirmed)},
			[]step{{cause.RemedyClientConfig, s}, {cause.RemedyRebalance, s}, {cause.RemedyDrain, l}, {cause.RemedyDNS, l}, {cause.RemedyKeepItSo, l}}},
		{"single-url, no discovery", []change{withCause(cause.SingleURL, cause.Confirmed), withCause(cause.DiscoveryOff, cause.Confirmed)},
			[]step{{cause.RemedyClientConfig, s}, {cause.RemedyRebalance, s}, {cause.RemedyDrain, l}, {cause.RemedyDNS, l}, {cause.RemedyAdvertise, l}, {cause.RemedyKeepItSo, l}}},
		{"single-address-dns", []change{withCause(cause.SingleAddressDNS, cause.Likely)},
			[]step{{cause.RemedyDNS, i}, {cause.RemedyRebalance, s}, {cause.RemedyDrain, s}, {cause.RemedyKeepItSo, l}}},
		{"sticky-load-balancer", []change{withCause(cause.StickyLoadBalancer, cause.Confirmed)},
			[]step{{cause.RemedyLoadBalancer, i}, {cause.RemedyRebalance, s}, {cause.RemedyDrain, s}, {cause.RemedyClientConfig, l}, {cause.RemedyKeepItSo, l}}},
		{"account-gap", []change{withCause(cause.AccountGap, cause.Confirmed)},
			[]step{{cause.RemedyAccount, i}, {cause.RemedyRebalance, s}, {cause.RemedyKeepItSo, l}}},
		{"listener-gap", []change{withCause(cause.ListenerGap, cause.Confirmed), protocols("mqtt")},
			[]step{{cause.RemedyListener, s}, {cause.RemedyDNS, s}, {cause.RemedyRebalance, s}, {cause.RemedyKeepItSo, l}}},
		{"server-full", []change{full, withCause(cause.ServerFull, cause.Likely)},
			[]step{{cause.RemedyCapacity, i}, {cause.RemedyRebalance, s}, {cause.RemedyLimits, s}, {cause.RemedyKeepItSo, l}}},
		{"restart-drift", []change{withCause(cause.RestartDrift, cause.Likely)},
			[]step{{cause.RemedyRebalance, i}, {cause.RemedyDrain, s}, {cause.RemedyRestartOrder, s}, {cause.RemedyKeepItSo, l}}},
		{"network-affinity", []change{withCause(cause.NetworkAffinity, cause.Likely)},
			[]step{{cause.RemedyPlacement, s}, {cause.RemedyClientConfig, s}, {cause.RemedyLeafnodes, l}, {cause.RemedyKeepItSo, l}}},
		{"ordered-connect", []change{withCause(cause.OrderedConnect, cause.Confirmed)},
			[]step{{cause.RemedyOrdered, s}, {cause.RemedyClientConfig, s}, {cause.RemedyKeepItSo, l}}},
		{"single-process", []change{withCause(cause.SingleProcess, cause.Likely)},
			[]step{{cause.RemedyRebalance, i}, {cause.RemedyProcess, s}, {cause.RemedyLimits, s}, {cause.RemedyLeafnodes, l}, {cause.RemedyKeepItSo, l}}},
		{"small-account alone", []change{withCause(cause.SmallAccount, cause.Confirmed)},
			[]step{{cause.RemedyClientConfig, s}, {cause.RemedyRebalance, s}, {cause.RemedyKeepItSo, l}}},
		{"nothing known", []change{withCause(cause.SingleURL, cause.NotTested)},
			[]step{{cause.RemedyClientConfig, s}, {cause.RemedyRebalance, s}, {cause.RemedyKeepItSo, l}}},
		{"nothing judged", nil,
			[]step{{cause.RemedyClientConfig, s}, {cause.RemedyRebalance, s}, {cause.RemedyKeepItSo, l}}},
		{"possible is not immediate", []change{withCause(cause.RestartDrift, cause.Possible)},
			[]step{{cause.RemedyRebalance, s}, {cause.RemedyDrain, s}, {cause.RemedyRestartOrder, s}, {cause.RemedyKeepItSo, l}}},
		{"possible beside confirmed", []change{withCause(cause.RestartDrift, cause.Confirmed), withCause(cause.NetworkAffinity, cause.Possible)},
			[]step{{cause.RemedyRebalance, i}, {cause.RemedyDrain, s}, {cause.RemedyRestartOrder, s}, {cause.RemedyKeepItSo, l}}},
		{"possible beside likely", []change{withCause(cause.RestartDrift, cause.Likely), withCause(cause.NetworkAffinity, cause.Possible)},
			[]step{{cause.RemedyRebalance, i}, {cause.RemedyDrain, s}, {cause.RemedyRestartOrder, s}, {cause.RemedyPlacement, s}, {cause.RemedyClientConfig, s}, {cause.RemedyKeepItSo, l}, {cause.RemedyLeafnodes, l}}},
		{"drift, but they take the first", []change{withCause(cause.RestartDrift, cause.Likely), withCause(cause.OrderedConnect, cause.Likely)},
			[]step{{cause.RemedyRebalance, s}, {cause.RemedyDrain, s}, {cause.RemedyRestartOrder, s}, {cause.RemedyOrdered, s}, {cause.RemedyClientConfig, s}, {cause.RemedyKeepItSo, l}}},
		{"drift, and the others are full", []change{full, withCause(cause.RestartDrift, cause.Likely), withCause(cause.ServerFull, cause.Likely)},
			[]step{{cause.RemedyCapacity, i}, {cause.RemedyRebalance, s}, {cause.RemedyRestartOrder, s}, {cause.RemedyLimits, s}, {cause.RemedyDrain, l}, {cause.RemedyKeepItSo, l}}},
		{"MQTT clients take no list", []change{withCause(cause.SmallAccount, cause.Confirmed), protocols("mqtt")},
			[]step{{cause.RemedyRebalance, s}, {cause.RemedyListener, s}, {cause.RemedyKeepItSo, l}}},
		{"a few MQTT clients besides", []change{withCause(cause.SingleURL, cause.Confirmed), someMQTT},
			[]step{{cause.RemedyClientConfig, s}, {cause.RemedyRebalance, s}, {cause.RemedyListener, s}, {cause.RemedyDrain, l}, {cause.RemedyDNS, l}, {cause.RemedyKeepItSo, l}}},
		{"WebSocket clients, which one server takes", []change{withCause(cause.SingleURL, cause.Confirmed), protocols("websocket"), serverOf(func(s *checks.Server) { s.Details.WebSocket = 8080 }, 1), judgedUnserved(20, "WebSocket")},
			[]step{{cause.RemedyListener, s}, {cause.RemedyClientConfig, s}, {cause.RemedyRebalance, s}, {cause.RemedyDrain, l}, {cause.RemedyDNS, l}, {cause.RemedyKeepItSo, l}}},
		{"as many leafnodes on the server", []change{withCause(cause.RestartDrift, cause.Confirmed), leafnodes(12, 9)},
			[]step{{cause.RemedyRebalance, i}, {cause.RemedyDrain, s}, {cause.RemedyRestartOrder, s}, {cause.RemedyRemotes, s}, {cause.RemedyKeepItSo, l}}},
		{"leafnodes that are spread", []change{withCause(cause.RestartDrift, cause.Confirmed), leafnodes(12, 8)},
			[]step{{cause.RemedyRebalance, i}, {cause.RemedyDrain, s}, {cause.RemedyRestartOrder, s}, {cause.RemedyKeepItSo, l}}},
		{"few leafnodes", []change{withCause(cause.RestartDrift, cause.Confirmed), leafnodes(9, 9)},
			[]step{{cause.RemedyRebalance, i}, {cause.RemedyDrain, s}, {cause.RemedyRestartOrder, s}, {cause.RemedyKeepItSo, l}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			advice := For(inputOf(tt.changes...))
			remedies, byCause, forecast := advice.Remedies, advice.ByCause, advice.Forecast
			var got []step
			for _, r := range remedies {
				got = append(got, step{r.Code, r.When})
				if r.Title == "" || !strings.HasSuffix(r.Why, ".") || len(r.Commands)+len(r.Snippets) == 0 && r.Code != cause.RemedyRebalance {
					t.Errorf("%s says too little: %+v", r.Code, r)
				}
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("got %v\nwant %v", got, tt.want)
			}
			for code, of := range byCause {
				if len(of) == 0 {
					t.Errorf("nothing helps with %s", code)
				}
				for _, c := range of {
					if !slices.ContainsFunc(got, func(a step) bool { return a.code == c }) {
						t.Errorf("%s: there is no remedy %s", code, c)
					}
				}
			}
			if !strings.HasPrefix(forecast, "If n1 is restarted now, its 20 connections of ORDERS ") || !strings.HasSuffix(forecast, ".") {
				t.Errorf("forecast: %s", forecast)
			}
		})
	}
}

// TestEveryCauseHasAdvice holds when a cause is added.
func TestEveryCauseHasAdvice(t *testing.T) {
	t.Parallel()
	for _, d := range cause.All() {
		code := d.Code
		if len(d.Helps) == 0 {
			t.Errorf("there is no remedy for %s", code)
		}
		advice := For(inputOf(withCause(code, cause.Confirmed)))
		remedies, byCause := advice.Remedies, advice.ByCause
		if len(remedies) == 0 || len(byCause[code]) == 0 {
			t.Errorf("%s: %d remedies, %v", code, len(remedies), byCause)
		}
		advice = For(inputOf(withCause(code, cause.RuledOut)))
		remedies, byCause = advice.Remedies, advice.ByCause
		if len(byCause) > 0 || len(remedies) != 3 {
			t.Errorf("%s, ruled out, calls for %v", code, byCause)
		}
	}
}

// TestRebalance has when closing connections helps.
func TestRebalance(t *testing.T) {
	t.Parallel()
	plan := "nats-balance rebalance --account ORDERS --cluster C1 --context system"
	apply := "nats-balance rebalance --account ORDERS --cluster C1 --apply --context system"
	for _, tt := range []struct {
		name    string
		changes []change
		want    []string
		says    string
	}{
		{"drift", []change{withCause(cause.RestartDrift, cause.Likely)}, []string{plan, apply}, "nothing that is known brings them back"},
		{"plugin", []change{withCause(cause.RestartDrift, cause.Likely), func(in *Input) { in.Tool, in.Flags = "nats balance", "" }},
			[]string{"nats balance rebalance --account ORDERS --cluster C1", "nats balance rebalance --account ORDERS --cluster C1 --apply"}, "the plan"},
		{"python", []change{withCause(cause.RestartDrift, cause.Likely), languages("python3")}, []string{plan, apply}, "Python and Rust clients may choose the same server again: a part comes back"},
		{"after DNS", []change{withCause(cause.SingleAddressDNS, cause.Likely)}, []string{plan, apply}, "Only after dns:"},
		{"single-url, nobody tells them", []change{withCause(cause.SingleURL, cause.Likely)}, nil, "The clients know n1 only"},
		{"single-url, they are told", []change{withCause(cause.SingleURL, cause.Likely), told},
			[]string{"nats-balance rebalance --account ORDERS --cluster C1 --force --context system",
				"nats-balance rebalance --account ORDERS --cluster C1 --force --apply --context system"}, "does not last"},
		{"in order", []change{withCause(cause.RestartDrift, cause.Likely), withCause(cause.OrderedConnect, cause.Likely)}, []string{plan, apply},
			"all go to the next one of their list, not evenly to all, and take n1 again when their processes restart"},
		{"near", []change{withCause(cause.SmallAccount, cause.Likely), withCause(cause.NetworkAffinity, cause.Likely)}, []string{plan, apply},
			"may come back whenever they connect anew"},
		{"in order, and the others are full", []change{full, withCause(cause.ServerFull, cause.Likely), withCause(cause.OrderedConnect, cause.Likely)}, []string{plan, apply},
			"Only after capacity: until then they find no room."},
		{"unknown", nil, []string{plan, "nats-balance rebalance --account ORDERS --cluster C1 --max-moves 5 --apply --context system"}, "stay away is unknown"},
		{"servers missing", []change{withCause(cause.RestartDrift, cause.Likely), func(in *Input) {
			in.Deployment.Missing = []checks.Missing{{Name: "n4", Cluster: "C1", ClusterKnown: true}}
		}}, []string{plan, apply}, "refuses while servers of the cluster do not report"},
		{"accounts of the same name", []change{withCause(cause.RestartDrift, cause.Likely), operator, func(in *Input) {
			in.Deployment.Accounts[2].Name = "ORDERS"
		}}, []string{strings.ReplaceAll(plan, "ORDERS", "A"+strings.Repeat("B", 55)), strings.ReplaceAll(apply, "ORDERS", "A"+strings.Repeat("B", 55))}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := written(t, inputOf(tt.changes...), cause.RemedyRebalance)
			if !slices.Equal(r.Commands, tt.want) || !strings.Contains(r.Why, tt.says) {
				t.Errorf("got %q\nwant %q and %q", append(r.Commands, r.Why), tt.want, tt.says)
			}
		})
	}
}

// TestForAll has what of the commands of one account is left for all: everything but the
// account, whatever its name looks like.
func TestForAll(t *testing.T) {
	t.Parallel()
	const all, rest = "nats-balance rebalance --cluster C1", " --client-url A=nats://n1:4222 --context system"
	for _, name := range []string{"ORDERS", "-a", "a --b", "it's --x", "--account", "x --account y --cluster z"} {
		r := written(t, inputOf(withCause(cause.RestartDrift, cause.Likely), account(name), func(in *Input) { in.ListFlags = "--client-url A=nats://n1:4222" }), cause.RemedyRebalance)
		if want := []string{all + rest, all + " --apply" + rest}; !slices.Equal(r.ForAll, want) || len(r.Commands) != 2 || !strings.Contains(r.Commands[0], words.Shell(name)) {
			t.Errorf("%s: %q of %q, want %q", name, r.ForAll, r.Commands, want)
		}
	}
	for _, c := range []struct {
		name string
		r    Remedy
	}{
		{"they come straight back", written(t, inputOf(withCause(cause.SingleURL, cause.Likely)), cause.RemedyRebalance)},
		{"no command moves anybody", written(t, inputOf(), cause.RemedyKeepItSo)},
	} {
		if len(c.r.ForAll) > 0 {
			t.Errorf("%s: %q", c.name, c.r.ForAll)
		}
	}
}

// TestOpenLine has when the line of URLs has something to fill in.
func TestOpenLine(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		changes []change
		want    bool
	}{
		{"all addresses are known", nil, false},
		{"a server is missing", []change{func(in *Input) {
			in.Deployment.Missing = []checks.Missing{{Name: "n4", Cluster: "C1", ClusterKnown: true}}
		}}, false},
		{"an account of that name", []change{account("<n2's address>")}, false},
		{"one address is unknown", []change{serverOf(func(s *checks.Server) { s.Details = nil }, 2)}, true},
	} {
		if r := written(t, inputOf(c.changes...), cause.RemedyClientConfig); r.Open != c.want || r.Line == "" {
			t.Errorf("%s: %v of %q", c.name, r.Open, r.Line)
		}
	}
}

// TestForecast has what a restart would do.
func TestForecast(t *testing.T) {
	t.Parallel()
	all := list("nats://10.0.0.2:4222", "nats://10.0.0.1:4222", "nats://10.0.0.3:4222")
	quiet := serverOf(func(s *checks.Server) { s.Details.ConnectURLs = nil }, 1, 2, 3)
	for _, tt := range []struct {
		name    string
		changes []change
		want    string
	}{
		{"nowhere to go", []change{quiet, list("nats://10.0.0.1:4222"), judged}, "have nowhere to go until it is back, as they know of no other server, and all come back to it."},
		{"one URL, but told", []change{list("nats://10.0.0.1:4222"), judged}, "move to n2 and n3, if they reach them at the addresses that the server advertises, and stay there. Processes that start meanwhile find no server, and later ones come to n1 again."},
		{"in order", []change{list("nats://10.0.0.1:4222", "nats://10.0.0.2:4222"), withCause(cause.OrderedConnect, cause.Confirmed)}, "move to the next server of their list, all to the same, and stay there until they connect anew."},
		{"all servers", []change{all, judged}, "move to n2 and n3, and stay there: the account is then spread over these two, and n1 has none of it."},
		{"no room", []change{all, full, judged}, "have nowhere to go until it is back, as the other servers are full, and all come back to it."},
		{"little room", []change{all, func(in *Input) {
			stranded := 7
			in.Finding.Impact.Stranded, in.Finding.Impact.CanFailOver = &stranded, checks.No
		}, judged}, "find too little room on n2 and n3: 7 or more of them wait until it is back."},
		{"account elsewhere unknown", []change{withCause(cause.AccountGap, cause.Confirmed)}, "have nowhere to go until it is back, as the account can't be used on n2 and n3, and all come back to it."},
		{"protocol", []change{withCause(cause.ListenerGap, cause.Confirmed)}, "have nowhere to go until it is back, as n2 and n3 can't take their protocol, and all come back to it."},
		{"balancer", []change{withCause(cause.StickyLoadBalancer, cause.Confirmed)}, "go where the load balancer sends them, perhaps all to one of n2 and n3, and stay there."},
		{"balancer, but told", []change{withCause(cause.StickyLoadBalancer, cause.Confirmed), told}, "move to n2 and n3, where the load balancer sends them or by the addresses that the server advertises, and stay there."},
		{"part of the protocol", []change{withCause(cause.ListenerGap, cause.Confirmed), func(in *Input) { in.Causes[0].Explains = 18 }}, "drop, and 18 of them have nowhere to go until it is back, as n2 and n3 can't take their protocol."},
		{"nothing known", []change{quiet}, "may find no other server: pass --client-url ORDERS=URL[,URL…]."},
		{"told, no list", []change{told}, "can move to n2 and n3, which the server advertises, and stay there. Whether they reach them is unknown: pass --client-url ORDERS=URL[,URL…]."},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := For(inputOf(tt.changes...)).Forecast
			if want := "If n1 is restarted now, its 20 connections of ORDERS " + tt.want; got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		})
	}
}
