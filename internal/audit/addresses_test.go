package audit

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/nats-balance/nats-balance/checks"
)

// What addresses where no server greets say of who is missing: they are a missing
// server's by its host or its name only, and never say what it has.
func TestAddressesOfServersThatDidNotReport(t *testing.T) {
	t.Parallel()
	refused := checks.Contact{Outcome: checks.ContactRefused}
	at := func(url string, c checks.Contact) sight {
		host, _, _ := strings.Cut(url, ":")
		s := sight{host: host, shown: url, of: ofServer, looked: true, contact: c}
		if ip, err := netip.ParseAddr(host); err == nil {
			s.at = netip.AddrPortFrom(ip, 4222)
		} else {
			s.named = true
		}
		return s
	}
	few := 3
	in := func(m checks.Missing, cluster string) checks.Missing {
		m.Cluster, m.ClusterKnown = cluster, true
		return m
	}
	earlier := checks.Missing{Name: "n3", Kind: checks.Forgotten, Known: "in the baseline of 06:49", Reason: "in the baseline of 06:49, but no server that answered knows of it"}
	hosted, linked, bounded := earlier, earlier, earlier
	hosted.Host = "10.0.0.3"
	linked.Host, linked.Peers, linked.Kind = "10.0.0.3", []string{"n1"}, checks.Silent
	bounded.Bound = &few
	unplaced := "which server that is, is unknown"
	for _, c := range []struct {
		what    string
		missing []checks.Missing
		left    []sight
		want    []string // names and reasons of who is missing then, those that are not counted with a question mark
		note    string
	}{
		{"nobody else is missing", nil, []sight{at("10.0.0.3:4222", refused)}, []string{"10.0.0.3:4222: nobody listens there (an address of --server); " + unplaced}, ""},
		{"a typo, one is missing", []checks.Missing{in(earlier, "C1")}, []sight{at("127.0.0.1:24229", refused)},
			[]string{"n3: in the baseline of 06:49, but no server that answered knows of it"}, "127.0.0.1:24229: nobody listens there (an address of --server); " + unplaced},
		{"two addresses, one is missing", []checks.Missing{in(earlier, "C1")}, []sight{at("10.0.0.8:4222", refused), at("10.0.0.9:4222", refused)},
			[]string{"n3: in the baseline", "10.0.0.9:4222: nobody listens there"}, "10.0.0.8:4222: nobody listens there"},
		{"one that counts itself is missing", []checks.Missing{in(bounded, "C1")}, []sight{at("10.0.0.9:4222", refused)},
			[]string{"n3: in the baseline", "10.0.0.9:4222: nobody listens there"}, ""},
		{"one of another cluster is missing", []checks.Missing{in(earlier, "C2")}, []sight{at("10.0.0.9:4222", refused)},
			[]string{"n3: in the baseline", "?10.0.0.9:4222: perhaps n3: nobody listens there"}, ""},
		{"two addresses, one of another cluster is missing", []checks.Missing{in(earlier, "C2")}, []sight{at("10.0.0.8:4222", refused), at("10.0.0.9:4222", refused)},
			[]string{"n3: in the baseline", "?10.0.0.8:4222: perhaps n3: nobody listens there", "10.0.0.9:4222: nobody listens there"}, ""},
		{"its host, and another address, of another cluster", []checks.Missing{in(hosted, "C2")}, []sight{at("10.0.0.3:4222", refused), at("10.0.0.9:4222", refused)},
			[]string{"n3: in the baseline of 06:49, and nobody listens at 10.0.0.3:4222", "10.0.0.9:4222: nobody listens there"}, ""},
		{"its host, of the baseline", []checks.Missing{in(hosted, "C1")}, []sight{at("10.0.0.3:4222", refused)},
			[]string{"n3: in the baseline of 06:49, and nobody listens at 10.0.0.3:4222: it is stopped, or draining"}, ""},
		{"two addresses of its host", []checks.Missing{in(hosted, "C1")}, []sight{at("10.0.0.3:4222", refused), at("10.0.0.3:4223", refused)},
			[]string{"n3: in the baseline", "10.0.0.3:4223: nobody listens there"}, "10.0.0.3:4222: "},
		{"its name", []checks.Missing{in(earlier, "C1")}, []sight{at("n3.example:4222", refused)},
			[]string{"n3: in the baseline of 06:49, and nobody listens at n3.example:4222: it is stopped, or draining"}, ""},
		{"it has routes, and refuses", []checks.Missing{in(linked, "C1")}, []sight{at("10.0.0.3:4222", refused)},
			[]string{"n3: in the baseline of 06:49, nobody listens at 10.0.0.3:4222, and other servers have routes to it: it is draining, or listens elsewhere"}, ""},
		{"it has routes, another address refuses", []checks.Missing{in(linked, "C1")}, []sight{at("127.0.0.1:24229", refused)},
			[]string{"n3: in the baseline"}, "127.0.0.1:24229: nobody listens there"},
		{"it has routes, and is silent", []checks.Missing{in(linked, "C1")}, []sight{at("10.0.0.3:4222", checks.Contact{Outcome: checks.ContactUnreadable, Hangs: true})},
			[]string{"n3: in the baseline of 06:49, and it accepts connections at 10.0.0.3:4222 but says nothing: it hangs"}, ""},
		{"no answer", nil, []sight{at("10.0.0.3:4222", checks.Contact{Outcome: checks.ContactTimeout})}, []string{"10.0.0.3:4222: no answer within "}, ""},
		{"it is listed already", []checks.Missing{in(checks.Missing{Name: "10.0.0.3:4222", Reason: "advertised"}, "C1")}, []sight{at("10.0.0.3:4222", refused)}, []string{"10.0.0.3:4222: advertised"}, ""},
	} {
		d := &checks.Deployment{Missing: c.missing, Accounts: []checks.Account{{ID: "A", Name: "A"}}}
		for _, name := range []string{"n1", "n2"} {
			d.Servers = append(d.Servers, checks.Server{ID: name, Name: name, Host: "10.0.0." + name[1:], Cluster: "C1", Usage: []checks.Usage{{Connections: 9}}})
		}
		Expected{}.missingAt(d, c.left, c.left, nil)
		d.CountOnce()
		settleClusters(d)
		for i, want := range c.want {
			if len(d.Missing) != len(c.want) || !strings.HasPrefix(shown(d, &d.Missing[i]), want) {
				t.Errorf("%s: missing %+v, want %q", c.what, d.Missing, c.want)
				break
			}
		}
		if notes := strings.Join(d.Notes, "\n"); !strings.HasPrefix(notes, c.note) || (notes == "") != (c.note == "") {
			t.Errorf("%s: notes %q, want %q", c.what, notes, c.note)
		}
		p := checks.Defaults()
		if r := checks.CheckConcentration(d, p); r.Outcome != checks.OutcomeIncomplete {
			t.Errorf("%s: %s", c.what, r.Outcome)
		}
	}
}

// shown is a missing server, with a question mark where it is not counted.
func shown(d *checks.Deployment, m *checks.Missing) string {
	text := m.Name + ": " + d.Reasons()(m)
	if m.Perhaps {
		return "?" + text
	}
	return text
}

// A server of the baseline that greets, and does not report, is at no other address.
func TestServerThatGreetsIsAtNoOtherAddress(t *testing.T) {
	t.Parallel()
	greeting := checks.Greeting{ID: "N3", Name: "n3", Cluster: "C2"}
	for _, known := range [][]checks.Greeting{nil, {greeting}} {
		d := &checks.Deployment{Gateways: true, Servers: []checks.Server{{ID: "N1", Name: "n1", Cluster: "C1"}},
			Missing: []checks.Missing{{Name: "n3", Cluster: "C2", ClusterKnown: true, Kind: checks.Forgotten, Reason: "in the baseline"}}}
		left := sight{host: "10.0.0.9", shown: "10.0.0.9:4222", at: netip.MustParseAddrPort("10.0.0.9:4222"), of: ofServer, looked: true, contact: checks.Contact{Outcome: checks.ContactRefused}}
		Expected{}.missingAt(d, []sight{left}, []sight{left}, known)
		d.CountOnce()
		if d.Absent() != 1+len(known) {
			t.Errorf("%d greet: %d are missing: %+v", len(known), d.Absent(), d.Missing)
		}
	}
}

// The operator's number settles whether a server is at an address of which nobody knows,
// as after a scale-in: unless something is there that says nothing, or a server is known
// to be missing.
func TestExpectedNumberSettlesAnAddress(t *testing.T) {
	t.Parallel()
	refused, hangs, silent := checks.Contact{Outcome: checks.ContactRefused}, checks.Contact{Outcome: checks.ContactTimeout, Hangs: true}, checks.Contact{Outcome: checks.ContactTimeout}
	for _, c := range []struct {
		name     string
		expected Expected
		contact  checks.Contact
		missing  []checks.Missing
		want     int
	}{
		{"nobody listens, and no number", Expected{}, refused, nil, 1},
		{"nobody listens, and they are all", Expected{Count: 2}, refused, nil, 0},
		{"nobody listens, and these are the names of all", Expected{Names: []string{"n1", "n2"}}, refused, nil, 0},
		{"nobody answers, and they are all", Expected{Count: 2}, silent, nil, 0},
		{"it hangs", Expected{Count: 2}, hangs, nil, 1},
		{"there are more", Expected{Count: 3}, refused, nil, 1},
		{"another one is missing", Expected{Count: 2}, refused, []checks.Missing{{Name: "n9", Cluster: "C1", ClusterKnown: true, Host: "10.0.0.7", Kind: checks.Silent}}, 2},
	} {
		d := &checks.Deployment{Servers: []checks.Server{{ID: "N1", Name: "n1", Cluster: "C1"}, {ID: "N2", Name: "n2", Cluster: "C1"}}, Missing: c.missing, Gateways: true}
		left := sight{host: "10.0.0.9", shown: "10.0.0.9:4222", at: netip.MustParseAddrPort("10.0.0.9:4222"), of: ofServer, looked: true, contact: c.contact}
		c.expected.missingAt(d, []sight{left}, []sight{left}, nil)
		if noted := strings.Contains(strings.Join(d.Notes, " "), "that all servers are here"); d.Absent() != c.want || noted != (c.want == 0) {
			t.Errorf("%s: %d are missing, want %d: %+v, %q", c.name, d.Absent(), c.want, d.Missing, d.Notes)
		}
	}
}

// Why a name has no address is said without the addresses of whom was asked.
func TestNameThatIsNotResolved(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err  error
		want string
	}{
		{nil, "it has no address"},
		{&net.DNSError{Err: "no such host", Name: "n1", Server: "10.0.0.53:53", IsNotFound: true}, "DNS has no such name"},
		{&net.DNSError{Err: "i/o timeout", Name: "n1", Server: "10.0.0.53:53", IsTimeout: true}, "DNS did not answer in time"},
		{context.DeadlineExceeded, "DNS did not answer in time"},
		{&net.DNSError{Err: "server misbehaving", Name: "n1", Server: "10.0.0.53:53", IsTemporary: true}, "server misbehaving"},
	} {
		if got := unresolved(c.err); got != c.want {
			t.Errorf("%v: %q, want %q", c.err, got, c.want)
		}
	}
}
