package gather

import (
	"strings"
	"testing"
)

// Which told addresses mean a missing server.
func TestOwnToldAddresses(t *testing.T) {
	t.Parallel()
	told := func(at ...string) (out []Told) {
		for _, a := range at {
			address, id, _ := strings.Cut(a, "=")
			out = append(out, Told{Address: address, ID: strings.TrimPrefix(id, "silent"), Silent: id == "silent"})
		}
		return out
	}
	for name, test := range map[string]struct {
		hosts           []string // of A, B, … which answered
		told            []Told
		absent, unclear string
	}{
		"nothing is told":                  {[]string{"h1", "h2"}, nil, "", ""},
		"all greet":                        {[]string{"h1", "h2"}, told("h1:1=A", "h2:1=B"), "", ""},
		"none greets, by host":             {[]string{"H1", "h2"}, told("h1:1", "h2:1"), "", ""},
		"one host, two servers, one more":  {[]string{"h1", "h1"}, told("h1:1", "h1:2", "h1:3"), "h1:3", ""},
		"another greets":                   {[]string{"h1", "h2"}, told("h1:1=A", "h2:1=B", "h3:1=C"), "h3:1", ""},
		"another greets twice":             {[]string{"h1"}, told("h1:1=A", "h3:1=C", "h4:1=C"), "h3:1", ""},
		"one hangs":                        {[]string{"0.0.0.0", "0.0.0.0"}, told("h1:1=A", "h2:1=B", "h3:1=silent"), "h3:1", ""},
		"one host is another's":            {[]string{"h1", "h2"}, told("h1:1=A", "h2:1=B", "h3:1"), "h3:1", ""},
		"any address, as many":             {[]string{"0.0.0.0", "::", ""}, told("a:1", "b:1", "c:1"), "", ""},
		"any address, more than servers":   {[]string{"0.0.0.0", "0.0.0.0"}, told("a:1", "b:1", "c:1"), "", "a:1 b:1 c:1"},
		"any address, one does not answer": {[]string{"0.0.0.0", "0.0.0.0"}, told("a:1=A", "b:1=B", "c:1"), "", "c:1"},
		"no address at all":                {[]string{"h1"}, told("nonsense"), "nonsense", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := &own{told: test.told, servers: map[string]*ownSeen{}, notes: map[string]bool{}}
			for i, host := range test.hosts {
				id := string(rune('A' + i))
				g.servers[id] = &ownSeen{identity: identity{ID: id, Host: host}, whole: true}
			}
			absent, unclear := g.sort()
			at := func(told []Told) string {
				var out []string
				for _, x := range told {
					out = append(out, x.Address)
				}
				return strings.Join(out, " ")
			}
			if at(absent) != test.absent || at(unclear) != test.unclear {
				t.Errorf("absent %q, unclear %q; want %q and %q", at(absent), at(unclear), test.absent, test.unclear)
			}
			// What is unclear is no missing server, and not kept quiet.
			if lacking := g.lacking(); len(lacking) != len(absent) || (len(g.notes) > 0) != (test.unclear != "") {
				t.Errorf("missing %+v, notes %v", lacking, g.notes)
			}
		})
	}
}

func TestFew(t *testing.T) {
	t.Parallel()
	for want, all := range map[string][]string{"a": {"a"}, "a, b and c": {"a", "b", "c"}, "a, b, c and 2 more": {"a", "b", "c", "d", "e"}} {
		if got := few(all); got != want {
			t.Errorf("few(%q) = %q, want %q", all, got, want)
		}
	}
}
