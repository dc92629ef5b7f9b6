package audit

import (
	"errors"
	"strings"
	"testing"

	"github.com/nats-balance/nats-balance/checks"
)

// A server that an earlier audit names and one of which only an address, a number or
// the cluster is known are one, and count once.
func TestNamesOfAnEarlierAuditCountOnce(t *testing.T) {
	t.Parallel()
	earlier := func(names ...string) (e Expected) {
		for _, name := range names {
			cluster, _, _ := strings.Cut(name, "-")
			e.Earlier = append(e.Earlier, EarlierServer{Name: name, Host: "10.0.0." + name[len(name)-1:], Cluster: cluster})
		}
		return e
	}
	at := func(host string) checks.Missing {
		return checks.Missing{Name: host + ":4222", At: host + ":4222", Host: host, Cluster: "GA", ClusterKnown: true, Kind: checks.Silent, Reason: "servers advertise " + host}
	}
	counted := checks.Missing{Kind: checks.Counted, Reason: "GA-n1 counts 5"}
	nobody := checks.Missing{Cluster: "GB", ClusterKnown: true, Kind: checks.Silent, Reason: "GA-n1 has a gateway to its cluster"}
	for _, c := range []struct {
		name     string
		expected Expected
		missing  []checks.Missing
		want     string // names and clusters
	}{
		{"one at its address", earlier("GA-n1", "GA-n2", "GA-n3"), []checks.Missing{at("10.0.0.3")}, "GA-n3 GA"},
		{"one at another address", earlier("GA-n1", "GA-n2", "GA-n3"), []checks.Missing{at("192.168.0.3")}, "GA-n3 GA"},
		{"two at their addresses", earlier("GA-n1", "GA-n3", "GA-n4"), []checks.Missing{at("10.0.0.4"), at("10.0.0.3")}, "GA-n4 GA, GA-n3 GA"},
		{"an address of one more", earlier("GA-n1", "GA-n2"), []checks.Missing{at("10.0.0.3")}, "10.0.0.3:4222 GA"},
		{"all of a cluster", earlier("GA-n1", "GA-n2", "GB-n1", "GB-n2", "GB-n3"), []checks.Missing{counted, counted, nobody}, "GB-n1 GB, GB-n2 GB, GB-n3 GB"},
		{"all of a cluster that nobody counts any more", earlier("GA-n1", "GA-n2", "GB-n1", "GB-n2", "GB-n3"), []checks.Missing{nobody}, "GB-n1 GB, GB-n2 GB, GB-n3 GB"},
		{"a name without a cluster may be of that one, and is counted once", Expected{Names: []string{"GA-n1", "GA-n2", "GA-n3"}}, []checks.Missing{nobody}, "GA-n3 , silent GB"},
	} {
		d := &checks.Deployment{Gateways: true, Missing: c.missing}
		for _, name := range []string{"GA-n1", "GA-n2"} {
			d.Servers = append(d.Servers, checks.Server{ID: name, Name: name, Cluster: "GA"})
		}
		c.expected.Add(t.Context(), d)
		var got []string
		for _, m := range d.Missing {
			got = append(got, m.Name+" "+m.Cluster)
		}
		for _, name := range d.Silent {
			got = append(got, "silent "+name)
		}
		if text := strings.Join(got, ", "); text != c.want {
			t.Errorf("%s: %s, want %s", c.name, text, c.want)
		}
	}
}

// An earlier audit of other servers is not one to compare with.
func TestAnEarlierAuditOfAnotherDeployment(t *testing.T) {
	t.Parallel()
	d := &checks.Deployment{Servers: []checks.Server{{ID: "A", Name: "n1", Cluster: "C1"}}, Missing: []checks.Missing{{Name: "n2"}}}
	for _, c := range []struct {
		names []string
		other bool
	}{{[]string{"n1", "n9"}, false}, {[]string{"n2"}, false}, {nil, false}, {[]string{"m1", "m2"}, true}} {
		var e Expected
		for _, name := range c.names {
			e.Earlier = append(e.Earlier, EarlierServer{Name: name, Cluster: "C1"})
		}
		var other *OtherDeploymentError
		if err := e.sameDeployment(d); errors.As(err, &other) != c.other {
			t.Errorf("%q: %v", c.names, err)
		}
	}
}
