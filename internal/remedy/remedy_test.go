package remedy

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/nats-balance/nats-balance/checks"
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
				in.Case.Accounts[id] = checks.AccountOn{Usable: checks.No, Expired: true, Detail: "account has expired"}
			}
			in.Case.Finding.Causes = nil
		}, cause("account-gap", checks.Confirmed)},
		"restart-drift": {cause("restart-drift", checks.Confirmed), told, list("nats://10.0.0.1:4222", "nats://10.0.0.2:4222", "nats://10.0.0.3:4222")},
		"kubernetes":    {pods, cause("single-address-dns", checks.Confirmed)},
		"unknown":       {cause("single-url", checks.NotTested), func(in *Input) { in.Case.Profile = nil }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			remedies, _, forecast := For(inputOf(changes...))
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

// TestOrder has which remedies there are for each cause, and in which order.
func TestOrder(t *testing.T) {
	t.Parallel()
	const i, s, l = checks.Immediate, checks.ShortTerm, checks.LongTerm
	for _, tt := range []struct {
		name    string
		changes []change
		want    []advice
	}{
		{"single-url", []change{cause("single-url", checks.Confirmed)},
			[]advice{{codeClientConfig, s}, {codeRebalance, s}, {codeDrain, l}, {codeDNS, l}, {codeKeepItSo, l}}},
		{"single-url, no discovery", []change{cause("single-url", checks.Confirmed), cause("discovery-off", checks.Confirmed)},
			[]advice{{codeClientConfig, s}, {codeRebalance, s}, {codeDrain, l}, {codeDNS, l}, {codeAdvertise, l}, {codeKeepItSo, l}}},
		{"single-address-dns", []change{cause("single-address-dns", checks.Likely)},
			[]advice{{codeDNS, i}, {codeRebalance, s}, {codeDrain, s}, {codeKeepItSo, l}}},
		{"sticky-load-balancer", []change{cause("sticky-load-balancer", checks.Confirmed)},
			[]advice{{codeLoadBalancer, i}, {codeRebalance, s}, {codeDrain, s}, {codeClientConfig, l}, {codeKeepItSo, l}}},
		{"account-gap", []change{cause("account-gap", checks.Confirmed)},
			[]advice{{codeAccount, i}, {codeRebalance, s}, {codeKeepItSo, l}}},
		{"listener-gap", []change{cause("listener-gap", checks.Confirmed), protocols("mqtt")},
			[]advice{{codeListener, s}, {codeDNS, s}, {codeRebalance, s}, {codeKeepItSo, l}}},
		{"server-full", []change{full, cause("server-full", checks.Likely)},
			[]advice{{codeCapacity, i}, {codeRebalance, s}, {codeLimits, s}, {codeKeepItSo, l}}},
		{"restart-drift", []change{cause("restart-drift", checks.Likely)},
			[]advice{{codeRebalance, i}, {codeDrain, s}, {codeRestartOrder, s}, {codeKeepItSo, l}}},
		{"network-affinity", []change{cause("network-affinity", checks.Likely)},
			[]advice{{codePlacement, s}, {codeClientConfig, s}, {codeLeafnodes, l}, {codeKeepItSo, l}}},
		{"ordered-connect", []change{cause("ordered-connect", checks.Confirmed)},
			[]advice{{codeOrdered, s}, {codeClientConfig, s}, {codeKeepItSo, l}}},
		{"single-process", []change{cause("single-process", checks.Likely)},
			[]advice{{codeRebalance, i}, {codeProcess, s}, {codeLimits, s}, {codeLeafnodes, l}, {codeKeepItSo, l}}},
		{"small-account alone", []change{cause("small-account", checks.Confirmed)},
			[]advice{{codeClientConfig, s}, {codeRebalance, s}, {codeKeepItSo, l}}},
		{"nothing known", []change{cause("single-url", checks.NotTested)},
			[]advice{{codeClientConfig, s}, {codeRebalance, s}, {codeKeepItSo, l}}},
		{"nothing judged", nil,
			[]advice{{codeClientConfig, s}, {codeRebalance, s}, {codeKeepItSo, l}}},
		{"possible is not immediate", []change{cause("restart-drift", checks.Possible)},
			[]advice{{codeRebalance, s}, {codeDrain, s}, {codeRestartOrder, s}, {codeKeepItSo, l}}},
		{"possible beside confirmed", []change{cause("restart-drift", checks.Confirmed), cause("network-affinity", checks.Possible)},
			[]advice{{codeRebalance, i}, {codeDrain, s}, {codeRestartOrder, s}, {codeKeepItSo, l}}},
		{"possible beside likely", []change{cause("restart-drift", checks.Likely), cause("network-affinity", checks.Possible)},
			[]advice{{codeRebalance, i}, {codeDrain, s}, {codeRestartOrder, s}, {codePlacement, s}, {codeClientConfig, s}, {codeKeepItSo, l}, {codeLeafnodes, l}}},
		{"drift, but they take the first", []change{cause("restart-drift", checks.Likely), cause("ordered-connect", checks.Likely)},
			[]advice{{codeRebalance, s}, {codeDrain, s}, {codeRestartOrder, s}, {codeOrdered, s}, {codeClientConfig, s}, {codeKeepItSo, l}}},
		{"drift, and the others are full", []change{full, cause("restart-drift", checks.Likely), cause("server-full", checks.Likely)},
			[]advice{{codeCapacity, i}, {codeRebalance, s}, {codeRestartOrder, s}, {codeLimits, s}, {codeDrain, l}, {codeKeepItSo, l}}},
		{"MQTT clients take no list", []change{cause("small-account", checks.Confirmed), protocols("mqtt")},
			[]advice{{codeRebalance, s}, {codeListener, s}, {codeKeepItSo, l}}},
		{"a few MQTT clients besides", []change{cause("single-url", checks.Confirmed), someMQTT},
			[]advice{{codeClientConfig, s}, {codeRebalance, s}, {codeListener, s}, {codeDrain, l}, {codeDNS, l}, {codeKeepItSo, l}}},
		{"as many leafnodes on the server", []change{cause("restart-drift", checks.Confirmed), leafnodes(12, 9)},
			[]advice{{codeRebalance, i}, {codeDrain, s}, {codeRestartOrder, s}, {codeRemotes, s}, {codeKeepItSo, l}}},
		{"leafnodes that are spread", []change{cause("restart-drift", checks.Confirmed), leafnodes(12, 8)},
			[]advice{{codeRebalance, i}, {codeDrain, s}, {codeRestartOrder, s}, {codeKeepItSo, l}}},
		{"few leafnodes", []change{cause("restart-drift", checks.Confirmed), leafnodes(9, 9)},
			[]advice{{codeRebalance, i}, {codeDrain, s}, {codeRestartOrder, s}, {codeKeepItSo, l}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			remedies, byCause, forecast := For(inputOf(tt.changes...))
			var got []advice
			for _, r := range remedies {
				got = append(got, advice{r.Code, r.When})
				if r.Title == "" || !strings.HasSuffix(r.Why, ".") || len(r.Commands)+len(r.Snippets) == 0 && r.Code != codeRebalance {
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
					if !slices.ContainsFunc(got, func(a advice) bool { return a.code == c }) {
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
	for _, code := range checks.CauseCodes() {
		if len(adviceFor(code)) == 0 {
			t.Errorf("there is no remedy for %s", code)
		}
		remedies, byCause, _ := For(inputOf(cause(code, checks.Confirmed)))
		if len(remedies) == 0 || len(byCause[code]) == 0 {
			t.Errorf("%s: %d remedies, %v", code, len(remedies), byCause)
		}
		remedies, byCause, _ = For(inputOf(cause(code, checks.RuledOut)))
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
		{"drift", []change{cause("restart-drift", checks.Likely)}, []string{plan, apply}, "nothing that is known brings them back"},
		{"plugin", []change{cause("restart-drift", checks.Likely), func(in *Input) { in.Tool, in.Flags = "nats balance", "" }},
			[]string{"nats balance rebalance --account ORDERS --cluster C1", "nats balance rebalance --account ORDERS --cluster C1 --apply"}, "the plan"},
		{"python", []change{cause("restart-drift", checks.Likely), languages("python3")}, []string{plan, apply}, "a part comes back"},
		{"after DNS", []change{cause("single-address-dns", checks.Likely)}, []string{plan, apply}, "Only after dns:"},
		{"single-url, nobody tells them", []change{cause("single-url", checks.Likely)}, nil, "The clients know n1 only"},
		{"single-url, they are told", []change{cause("single-url", checks.Likely), told},
			[]string{"nats-balance rebalance --account ORDERS --cluster C1 --force --context system",
				"nats-balance rebalance --account ORDERS --cluster C1 --force --apply --context system"}, "does not last"},
		{"unknown", nil, []string{plan, "nats-balance rebalance --account ORDERS --cluster C1 --max-moves 5 --apply --context system"}, "not known"},
		{"servers missing", []change{cause("restart-drift", checks.Likely), func(in *Input) {
			in.Case.Deployment.Missing = []checks.Missing{{Name: "n4", Cluster: "C1", ClusterKnown: true}}
		}}, []string{plan, apply}, "refuses while servers of the cluster do not report"},
		{"accounts of the same name", []change{cause("restart-drift", checks.Likely), operator, func(in *Input) {
			in.Case.Deployment.Accounts[2].Name = "ORDERS"
		}}, []string{strings.ReplaceAll(plan, "ORDERS", "A"+strings.Repeat("B", 55)), strings.ReplaceAll(apply, "ORDERS", "A"+strings.Repeat("B", 55))}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := written(t, inputOf(tt.changes...), codeRebalance)
			if !slices.Equal(r.Commands, tt.want) || !strings.Contains(r.Why, tt.says) {
				t.Errorf("got %q\nwant %q and %q", append(r.Commands, r.Why), tt.want, tt.says)
			}
		})
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
		{"nowhere to go", []change{quiet, list("nats://10.0.0.1:4222"), judged}, "have nowhere to go until it is back, and all come back to it."},
		{"one URL, but told", []change{list("nats://10.0.0.1:4222"), judged}, "move to n2 and n3, if they reach them at the addresses that the server tells, and stay there. Processes that start meanwhile find no server, and later ones come to n1 again."},
		{"in order", []change{list("nats://10.0.0.1:4222", "nats://10.0.0.2:4222"), cause("ordered-connect", checks.Confirmed)}, "move to the next server of their list, all to the same, and stay there until they connect anew."},
		{"all servers", []change{all, judged}, "move to n2 and n3, and stay there: the account is then spread over these two, and n1 has none of it."},
		{"no room", []change{all, full, judged}, "have nowhere to go until it is back, as n2 and n3 take no more, and all come back to it."},
		{"little room", []change{all, func(in *Input) {
			stranded := 7
			in.Case.Finding.Impact.Stranded, in.Case.Finding.Impact.CanFailOver = &stranded, checks.No
		}, judged}, "find too little room on n2 and n3: 7 or more of them wait until it is back."},
		{"account elsewhere unknown", []change{cause("account-gap", checks.Confirmed)}, "have nowhere to go until it is back, as the account can't be used on n2 and n3, and all come back to it."},
		{"protocol", []change{cause("listener-gap", checks.Confirmed)}, "have nowhere to go until it is back, as n2 and n3 can't take their protocol, and all come back to it."},
		{"balancer", []change{cause("sticky-load-balancer", checks.Confirmed)}, "go where the load balancer sends them, perhaps all to one of n2 and n3, and stay there."},
		{"balancer, but told", []change{cause("sticky-load-balancer", checks.Confirmed), told}, "move to n2 and n3, where the load balancer sends them or by the addresses that the server tells, and stay there."},
		{"part of the protocol", []change{cause("listener-gap", checks.Confirmed), func(in *Input) { in.Case.Finding.Causes[0].Explains = 18 }}, "drop, and 18 of them have nowhere to go until it is back, as n2 and n3 can't take their protocol."},
		{"nothing known", []change{quiet}, "may or may not find another server: that is not known: pass --client-url ORDERS=URL[,URL…]."},
		{"told, no list", []change{told}, "can move to n2 and n3, which the server has told the clients of, and stay there. Whether they reach them is not known: pass --client-url ORDERS=URL[,URL…]."},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, _, got := For(inputOf(tt.changes...))
			if want := "If n1 is restarted now, its 20 connections of ORDERS " + tt.want; got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		})
	}
}
