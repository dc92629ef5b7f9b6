package account

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/nats-balance/nats-balance/internal/wire"
)

// addresses are advertised, and were not connected to.
func addresses(at ...string) (out []address) {
	for _, a := range at {
		out = append(out, address{at: a})
	}
	return out
}

// Which advertised addresses mean a missing server.
func TestAdvertisedAddresses(t *testing.T) {
	t.Parallel()
	checked := func(at ...string) (out []address) {
		for _, a := range at {
			where, id, _ := strings.Cut(a, "=")
			out = append(out, address{at: where, id: strings.TrimPrefix(id, "hangs"), hangs: id == "hangs", checked: true})
		}
		return out
	}
	for name, test := range map[string]struct {
		hosts           []string // of A, B, … which answered
		addresses       []address
		absent, unclear string
	}{
		"nothing is advertised":            {[]string{"h1", "h2"}, nil, "", ""},
		"all greet":                        {[]string{"h1", "h2"}, checked("h1:1=A", "h2:1=B"), "", ""},
		"none greets, by host":             {[]string{"H1", "h2"}, checked("h1:1", "h2:1"), "", ""},
		"one host, two servers, one more":  {[]string{"h1", "h1"}, checked("h1:1", "h1:2", "h1:3"), "h1:3", ""},
		"another greets":                   {[]string{"h1", "h2"}, checked("h1:1=A", "h2:1=B", "h3:1=C"), "h3:1", ""},
		"another greets twice":             {[]string{"h1"}, checked("h1:1=A", "h3:1=C", "h4:1=C"), "h3:1", ""},
		"one hangs":                        {[]string{"0.0.0.0", "0.0.0.0"}, checked("h1:1=A", "h2:1=B", "h3:1=hangs"), "h3:1", ""},
		"one host is another's":            {[]string{"h1", "h2"}, checked("h1:1=A", "h2:1=B", "h3:1"), "h3:1", ""},
		"any address, as many":             {[]string{"0.0.0.0", "::", ""}, checked("a:1", "b:1", "c:1"), "", ""},
		"any address, more than servers":   {[]string{"0.0.0.0", "0.0.0.0"}, checked("a:1", "b:1", "c:1"), "", "a:1 b:1 c:1"},
		"any address, one does not answer": {[]string{"0.0.0.0", "0.0.0.0"}, checked("a:1=A", "b:1=B", "c:1"), "", "c:1"},
		"not checked, as many":             {[]string{"0.0.0.0", "0.0.0.0"}, addresses("10.0.0.1:1", "10.0.0.2:1"), "", ""},
		"not checked, IPv6 as well":        {[]string{"::", "::"}, addresses("10.0.0.1:1", "10.0.0.2:1", "[fd00::1]:1", "[fd00::2]:1"), "", ""},
		"not checked, one more":            {[]string{"0.0.0.0", "0.0.0.0"}, addresses("10.0.0.1:1", "10.0.0.2:1", "10.0.0.3:1"), "10.0.0.3:1", ""},
		"some checked, one more":           {[]string{"0.0.0.0", "0.0.0.0"}, append(checked("10.0.0.1:1=A"), addresses("10.0.0.2:1", "10.0.0.3:1")...), "10.0.0.3:1", ""},
		"no address at all":                {[]string{"h1"}, checked("nonsense"), "nonsense", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := &gathering{addresses: test.addresses, servers: map[string]*seen{}, notes: map[string]bool{}}
			for i, host := range test.hosts {
				id := string(rune('A' + i))
				g.servers[id] = &seen{Server: wire.Server{ID: id, Host: host}, whole: true}
			}
			absent, unclear := g.compare()
			at := func(of []address) string {
				var out []string
				for _, x := range of {
					out = append(out, x.at)
				}
				return strings.Join(out, " ")
			}
			if at(absent) != test.absent || at(unclear) != test.unclear {
				t.Errorf("absent %q, unclear %q; want %q and %q", at(absent), at(unclear), test.absent, test.unclear)
			}
			// What is unclear is no missing server, and not kept quiet.
			if missing := g.missing(); len(missing) != len(absent) || (len(g.notes) > 0) != (test.unclear != "") {
				t.Errorf("missing %+v, notes %v", missing, g.notes)
			}
		})
	}
}

// Addresses are connected to only where that matters, and no more than 16: those of
// small networks first.
func TestAddressesToCheck(t *testing.T) {
	t.Parallel()
	var many []string
	for i := range 40 {
		many = append(many, fmt.Sprintf("10.0.0.%d:1", i+1))
	}
	for name, test := range map[string]struct {
		servers   int
		addresses []address
		want      int
		first     string
	}{
		"all accounted for":      {40, addresses(many...), 0, ""},
		"one more than servers":  {39, addresses(many...), mostChecked, "10.0.0.1:1"},
		"one of another network": {39, addresses(append(slices.Clone(many[:39]), "172.17.0.1:1")...), mostChecked, "172.17.0.1:1"},
	} {
		g := &gathering{addresses: test.addresses, servers: map[string]*seen{}, notes: map[string]bool{}}
		for i := range test.servers {
			id := fmt.Sprint("N", i)
			g.servers[id] = &seen{Server: wire.Server{ID: id, Host: "0.0.0.0"}, whole: true}
		}
		got := g.toCheck()
		if len(got) != test.want || len(got) > 0 && got[0].at != test.first {
			t.Errorf("%s: %d addresses, want %d from %s on", name, len(got), test.want, test.first)
		}
	}
}
