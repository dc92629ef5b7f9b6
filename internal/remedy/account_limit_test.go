package remedy

import (
	"strings"
	"testing"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/checks/cause"
)

// limited gives ORDERS a limit in its JWT, as every server tells.
func limited(connections, leafnodes int) change {
	return func(in *Input) {
		in.Operator = true
		for id, on := range in.Accounts {
			on.MaxConnections, on.MaxLeafnodes = &connections, &leafnodes
			in.Accounts[id] = on
		}
	}
}

// ORDERS has 24 connections, 20 of them on n1.
func TestAccountLimit(t *testing.T) {
	t.Parallel()
	process := withCause(cause.SingleProcess, cause.Confirmed)
	for _, tt := range []struct {
		name      string
		changes   []change
		want, not []string
	}{
		{"near", []change{limited(30, 9)}, []string{
			"Raise the limit of ORDERS from 30 to ", "Its JWT allows 30 connections on all servers together, as n1 reports, and it has 24.",
			"can refuse 14 of those that come back", "nsc edit account --name ORDERS --conns ", "nsc push --account ORDERS", "--mem-resolver",
			"has 6 left to its limit of 30 connections", "--batch 6",
			"If it crashes, n2 and n3 can refuse 14 of them: the limit of ORDERS is 30 connections on all servers together",
		}, nil},
		{"reached", []change{limited(24, 9)}, []string{"can refuse 20 of them", "is at its limit of 24 connections: raise that first"}, []string{"--batch"}},
		{"over", []change{limited(1, 9)}, []string{"can refuse 20 of them"}, nil},
		{"room for all a second time", []change{limited(44, 9), process}, nil, []string{"Raise the limit", "--conns", "crashes", "refuse", "left to its limit"}},
		{"one less", []change{limited(43, 9)}, []string{"can refuse 1 of them"}, nil},
		{"none", []change{process}, []string{"max_connections:"}, []string{"Raise", "crashes"}},
		{"the others have not loaded the account", []change{limited(24, 9), func(in *Input) {
			for _, id := range []string{"N2", "N3"} {
				in.Accounts[id] = checks.AccountOn{Usable: checks.Unknown}
			}
		}}, nil, []string{"Raise the limit", "crashes"}},
		{"servers that tell different limits", []change{limited(100, 9), func(in *Input) {
			on, less := in.Accounts["N3"], 30
			on.MaxConnections = &less
			in.Accounts["N3"] = on
		}}, []string{"from 30 to ", "as n3 reports"}, nil},
		{"a name that nsc does not tell", []change{limited(30, 9), func(in *Input) {
			in.Finding.Account.Name = "ORDERS"
			in.Finding.Account.ID = "ORDERS"
		}}, []string{"--name ACCOUNT_NAME", "ACCOUNT_NAME is the name that nsc has"}, nil},
		{"a name that is no word", []change{limited(30, 9), func(in *Input) {
			in.Finding.Account.Name = "x\n$(rm)"
		}}, []string{"Raise the limit"}, []string{"$ nsc edit account --name x"}},
		{"too few leafnodes", []change{limited(100, 1), withCause(cause.NetworkAffinity, cause.Confirmed)},
			[]string{"allows 1 leafnode on all servers together", "nsc edit account --name ORDERS --leaf-conns 2"}, nil},
		{"leafnodes enough", []change{limited(100, 2), withCause(cause.NetworkAffinity, cause.Confirmed)}, []string{"leafnodes of their own"}, []string{"--leaf-conns"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			in := inputOf(tt.changes...)
			if tt.name != "a name that nsc does not tell" { // an id and a name, as in operator mode
				in.Case.Deployment.Accounts[1].ID, in.Finding.Account.ID = "AORDERS", "AORDERS"
			}
			advice := For(concluded(in))
			remedies, forecast := advice.Remedies, advice.Forecast
			text := forecast
			for _, r := range remedies {
				text += "\n" + r.Title + "\n" + r.Why
				for _, c := range r.Commands {
					text += "\n$ " + c
				}
				for _, s := range r.Snippets {
					text += "\n" + s.Text
				}
			}
			for _, want := range tt.want {
				if !strings.Contains(text, want) {
					t.Errorf("%q is not in %s", want, text)
				}
			}
			for _, not := range tt.not {
				if strings.Contains(text, not) {
					t.Errorf("%q is in %s", not, text)
				}
			}
		})
	}
}
