package checks

import (
	"reflect"
	"strings"
	"testing"
)

func TestValidate(t *testing.T) {
	change := func(f func(*Parameters)) Parameters {
		p := Defaults()
		f(&p)
		return p
	}
	for _, c := range []struct {
		name string
		p    Parameters
		want string // empty: valid
	}{
		{"defaults", Defaults(), ""},
		{"lowest", Parameters{ThresholdPercent: 1, MinServers: 2, MinConnections: 1, ReviewPercent: 1, CriticalPercent: 1}, ""},
		{"highest", Parameters{ThresholdPercent: 99, MinServers: 1 << 30, MinConnections: 1 << 30, ReviewPercent: 99, CriticalPercent: 100}, ""},
		{"critical below the threshold", change(func(p *Parameters) { p.CriticalPercent = 20 }), ""},
		{"review above the threshold", change(func(p *Parameters) { p.ReviewPercent = 90 }), ""},
		{"threshold 0", change(func(p *Parameters) { p.ThresholdPercent = 0 }), "threshold is 0: pass a whole number from 1 to 99"},
		{"threshold 100", change(func(p *Parameters) { p.ThresholdPercent = 100 }), "threshold is 100: pass a whole number from 1 to 99"},
		{"threshold below 0", change(func(p *Parameters) { p.ThresholdPercent = -70 }), "threshold is -70: pass a whole number from 1 to 99"},
		{"one server", change(func(p *Parameters) { p.MinServers = 1 }), "min-servers is 1: pass a whole number of 2 or more"},
		{"no connection", change(func(p *Parameters) { p.MinConnections = 0 }), "min-connections is 0: pass a whole number of 1 or more"},
		{"review 0", change(func(p *Parameters) { p.ReviewPercent = 0 }), "review is 0: pass a whole number from 1 to 99"},
		{"review 100", change(func(p *Parameters) { p.ReviewPercent = 100 }), "review is 100: pass a whole number from 1 to 99"},
		{"critical 101", change(func(p *Parameters) { p.CriticalPercent = 101 }), "critical is 101: pass a whole number from 1 to 100"},
		{"critical below 0", change(func(p *Parameters) { p.CriticalPercent = -1 }), "critical is -1: pass a whole number from 1 to 100"},
		{"the first of several", Parameters{}, "threshold is 0: pass a whole number from 1 to 99"},
	} {
		if got := message(c.p.Validate()); got != c.want {
			t.Errorf("%s:\ngot  %s\nwant %s", c.name, got, c.want)
		}
	}
}

func message(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestSelect(t *testing.T) {
	d := build(t, "C/n1 A=1 SYS=1", "D/m1 B=1", "E/e1 missing", "lone A=1", "?/? missing")
	// An ordinary account that has the system account's id for a name.
	d.Accounts = append(d.Accounts, Account{ID: "SYSTEM", Name: "sys-by-name"}, Account{ID: "X", Name: "SYSTEM2"}, Account{ID: "SYSTEM2", Name: "y", System: true})
	many := build(t, "C1/a", "C2/a", "C3/a", "C4/a", "C5/a", "C6/a", "C7/a", "C8/a", "C9/a")
	for _, c := range []struct {
		name string
		d    *Deployment
		p    Parameters
		want string // how the error starts; empty: all are there
	}{
		{"all", d, Parameters{}, ""},
		{"by id and name", d, Parameters{Accounts: []string{"A", "b"}, Clusters: []string{"C", "D"}}, ""},
		{"a cluster of missing servers only", d, Parameters{Clusters: []string{"E"}}, ""},
		{"an ordinary account named as the system one", d, Parameters{Accounts: []string{"SYSTEM2"}}, ""},
		{"no such cluster", d, Parameters{Clusters: []string{"C", "c"}}, `no server reports a cluster named "c"`},
		{"no such cluster of many", many, Parameters{Clusters: []string{"C"}}, `no server reports a cluster named "C"`},
		{"no cluster at all", build(t, "n1", "?/? missing"), Parameters{Clusters: []string{"C"}}, `no server reports a cluster named "C"`},
		{"no such account", d, Parameters{Accounts: []string{"A", "AA"}}, `no server that answered knows an account "AA"`},
		{"the system account by id", d, Parameters{Accounts: []string{"SYS"}}, `account "SYS" is the system account, which is never checked`},
		{"the system account by name", d, Parameters{Accounts: []string{"sys"}}, `account "sys" is the system account, which is never checked`},
	} {
		got := message(c.p.Select(c.d))
		if c.want == "" && got != "" || !strings.HasPrefix(got, c.want) {
			t.Errorf("%s:\ngot  %s\nwant %s", c.name, got, c.want)
		}
	}
}

func TestChecks(t *testing.T) {
	all := All()
	if len(all) < 2 || all[0] != Concentration() || all[0].Code != "OPT_BALANCE_006" || all[1] != hotspotCheck() {
		t.Errorf("%+v", all)
	}
	// The rule's sentence names the defaults.
	if p := Defaults(); !reflect.DeepEqual(p, Parameters{ThresholdPercent: 70, MinServers: 3, MinConnections: 10, ReviewPercent: 50}) {
		t.Errorf("%+v", p)
	}
	for _, part := range []string{"more than 70%", "at least 3 servers", "at least 10"} {
		if !strings.Contains(all[0].Rule, part) {
			t.Errorf("the rule does not say %q: %s", part, all[0].Rule)
		}
	}
}
