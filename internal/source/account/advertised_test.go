package account

import (
	"strings"
	"testing"

	"github.com/nats-balance/nats-balance/internal/wire"
)

// Which told addresses mean a missing server.
func TestOwnToldAddresses(t *testing.T) {
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
		"nothing is told":                  {[]string{"h1", "h2"}, nil, "", ""},
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
			at := func(told []address) string {
				var out []string
				for _, x := range told {
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
