package dnscheck

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/miekg/dns"
)

func TestParseHosts(t *testing.T) {
	t.Parallel()
	const file = "# a comment\n" +
		"192.0.2.1\ta.example A # b.example\r\n" +
		"  2001:db8::1   x A.Example. y\n" +
		"192.0.2.1 a.example\n" +
		"::ffff:192.0.2.1 a.example\n" +
		"192.0.2.300 a.example\n" +
		"#192.0.2.4 a.example\n" +
		"192.0.2.5\n" +
		"fe80::1%eth0 scoped\n" +
		"192.0.2.6 last"
	for name, expected := range map[string]string{
		"a.example":  "[192.0.2.1 2001:db8::1]",
		"A.EXAMPLE.": "[192.0.2.1 2001:db8::1]",
		"a":          "[192.0.2.1]",
		"b.example":  "[]",
		"192.0.2.5":  "[]",
		"scoped":     "[fe80::1%eth0]",
		"last":       "[192.0.2.6]",
	} {
		got, err := parseHosts(strings.NewReader(file), name)
		if err != nil || fmt.Sprint(got) != expected {
			t.Errorf("%s: %v, %v; want %s", name, got, err, expected)
		}
	}
	long := "192.0.2.1 a\n" + strings.Repeat("#", maxFile) + "\n192.0.2.2 a\n"
	if got, err := parseHosts(strings.NewReader(long), "a"); fmt.Sprint(got) != "[192.0.2.1]" || err == nil {
		t.Errorf("a file that is too long: %v, %v; want what is at the start, and an error", got, err)
	}
}

func TestHostsFileDecides(t *testing.T) {
	t.Parallel()
	server := serve(t, zone{
		"a.example. A": {"192.0.2.1"}, "b.example. A": {"192.0.2.1", "192.0.2.2"}, "c.example. A": {"192.0.2.1"},
	}.answer)
	dir := t.TempDir()
	file := filepath.Join(dir, "hosts")
	text := "203.0.113.1 b.example gone.example\n203.0.113.2 a.example\n203.0.113.3 a.example\n10.0.0.1 my.localhost\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, file string
		verdict    Verdict
		hosts      int
		complete   bool
		dns        Verdict
		detail     string
	}{
		{"b.example", file, Single, 1, true, Several, "has one address for the name, and overrides DNS"},
		{"a.example", file, Several, 2, true, Single, "has 2 addresses for the name"},
		{"gone.example", file, Single, 1, true, NXDomain, "and overrides DNS"},
		{"my.localhost", file, Single, 1, true, Several, "and overrides DNS"},
		{"c.example", file, Single, 0, true, Single, "c.example. has one address"},
		{"a.example", "", Single, 0, true, Single, "one address"},
		{"a.example", filepath.Join(dir, "none"), Single, 0, true, Single, "one address"},
		{"c.example", dir, Failed, 0, false, Single, "but the hosts file may say otherwise"},
		{"b.example", dir, Several, 0, false, Several, "but the hosts file may say otherwise"},
	} {
		res := look(t, Config{Resolvers: []string{server}, HostsFile: c.file}, c.name)
		if res.Verdict != c.verdict || len(res.Hosts) != c.hosts || res.Complete != c.complete || !strings.Contains(res.Detail, c.detail) {
			t.Errorf("%s in %s: %+v, want %s, %d addresses, %q", c.name, c.file, res, c.verdict, c.hosts, c.detail)
		}
		if len(res.Answers) != 1 || res.Answers[0].Verdict != c.dns {
			t.Errorf("%s: DNS says %+v, want %s", c.name, res.Answers, c.dns)
		}
	}
}

func TestSystemFrom(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "resolv.conf")
	text := "; comment\nnameserver 192.0.2.1 # first\nnameserver 2001:db8::1\nnameserver nonsense\n" +
		"nameserver fe80::1%eth0\nnameserver 192.0.2.4\nsearch a.example b.example\noptions ndots:2 timeout:9\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := systemFrom(file, "hosts")
	expected := []string{"192.0.2.1:53", "[2001:db8::1]:53", "[fe80::1%eth0]:53"}
	if err != nil || !slices.Equal(cfg.Resolvers, expected) || !cfg.Fallback || cfg.Ndots != 2 ||
		!slices.Equal(cfg.Search, []string{"a.example", "b.example"}) || cfg.HostsFile != "hosts" {
		t.Errorf("%+v, %v; want the resolvers %q", cfg, err, expected)
	}
	for name, path := range map[string]string{"no file": filepath.Join(dir, "none"), "Windows": ""} {
		if cfg, err := systemFrom(path, "hosts"); err != nil || len(cfg.Resolvers) != 0 || cfg.HostsFile != "hosts" {
			t.Errorf("%s: %+v, %v; want the hosts file alone", name, cfg, err)
		}
	}
	if cfg, err := systemFrom(dir+"\x00", "hosts"); err == nil || cfg.HostsFile != "hosts" {
		t.Errorf("a file that can't be opened: %+v, %v; want an error", cfg, err)
	}
	if cfg, err := System(); err != nil || cfg.HostsFile == "" {
		t.Errorf("this machine: %+v, %v", cfg, err)
	}
}

func TestHostsPath(t *testing.T) {
	t.Parallel()
	env := func(value string) func(string) string { return func(string) string { return value } }
	for _, c := range [][3]string{
		{"linux", "", "/etc/hosts"},
		{"darwin", "", "/etc/hosts"},
		{"windows", `D:\Win`, `D:\Win\System32\drivers\etc\hosts`},
		{"windows", "", `C:\Windows\System32\drivers\etc\hosts`},
	} {
		if got := hostsPath(c[0], env(c[1])); got != c[2] {
			t.Errorf("%s with %q: %s, want %s", c[0], c[1], got, c[2])
		}
	}
}

func TestResolver(t *testing.T) {
	t.Parallel()
	for arg, expected := range map[string]string{
		"192.0.2.1":           "192.0.2.1:53",
		"192.0.2.1:5353":      "192.0.2.1:5353",
		"::1":                 "[::1]:53",
		"[::1]":               "[::1]:53",
		"[::1]:5353":          "[::1]:5353",
		"2001:db8::1:53":      "[2001:db8::1:53]:53",
		"fe80::1%eth0":        "[fe80::1%eth0]:53",
		"[fe80::1%eth0]:9":    "[fe80::1%eth0]:9",
		"dns.example":         "dns.example:53",
		"kube_dns.example:54": "kube_dns.example:54",
	} {
		if got, err := Resolver(arg); err != nil || got != expected {
			t.Errorf("%q: %q, %v; want %q", arg, got, err, expected)
		}
	}
	for arg, expected := range map[string]string{
		"":                  "empty",
		":53":               "empty",
		"192.0.2.1:":        `port ""`,
		"192.0.2.1:0":       `port "0"`,
		"192.0.2.1:65536":   `port "65536"`,
		"192.0.2.1:+53":     `port "+53"`,
		"192.0.2.1:domain":  `port "domain"`,
		"a:b:c":             "brackets",
		"[::1":              "brackets",
		"[192.0.2.1]":       "not an IPv6 address",
		"[dns.example]:53":  "not an IPv6 address",
		"udp://192.0.2.1":   "port",
		"bücher.example":    "not ASCII",
		"a b":               "character",
		"a\x1b[0m":          "character",
		"fe80::1%e\x1bth:0": "zone",
		"u:SECRET@host":     "an @",
		"u:SECRET@host:53":  "an @",
	} {
		got, err := Resolver(arg)
		if err != nil && strings.Contains(err.Error(), "SECRET") {
			t.Errorf("%v", err)
		}
		if err == nil || !strings.Contains(err.Error(), expected) || strings.Contains(err.Error(), "\x1b") {
			t.Errorf("%q: %q, %v; want an error with %q", arg, got, err, expected)
		}
	}
}

// answersOf is a resolver of the net package with these answers in turn.
type answersOf struct {
	count atomic.Int64
	list  []func() ([]netip.Addr, error)
}

func (a *answersOf) LookupNetIP(context.Context, string, string) ([]netip.Addr, error) {
	return a.list[int(a.count.Add(1)-1)%len(a.list)]()
}

func TestTheSystemsOwnResolver(t *testing.T) {
	t.Parallel()
	has := func(addresses ...string) func() ([]netip.Addr, error) {
		return func() (out []netip.Addr, err error) {
			for _, a := range addresses {
				out = append(out, netip.MustParseAddr(a))
			}
			return out, nil
		}
	}
	fails := func(err error) func() ([]netip.Addr, error) {
		return func() ([]netip.Addr, error) { return nil, err }
	}
	missing := fails(&net.DNSError{Err: "no such host", IsNotFound: true})
	for _, c := range []struct {
		name      string
		answers   []func() ([]netip.Addr, error)
		verdict   Verdict
		addresses string
		detail    string
	}{
		{"one", []func() ([]netip.Addr, error){has("192.0.2.1", "::ffff:192.0.2.1")}, Single, "192.0.2.1", unseen},
		{"two", []func() ([]netip.Addr, error){has("2001:db8::1", "192.0.2.1")}, Several, "192.0.2.1 2001:db8::1", unseen},
		{"in turn", []func() ([]netip.Addr, error){has("192.0.2.1"), has("192.0.2.2")}, Rotating, "192.0.2.1 192.0.2.2", unseen},
		{"no address", []func() ([]netip.Addr, error){has()}, NoData, "", unseen},
		{"no name", []func() ([]netip.Addr, error){missing}, NXDomain, "", "does not say whether there is such a name"},
		{"then none", []func() ([]netip.Addr, error){has("192.0.2.1"), missing}, Failed, "192.0.2.1", "no such host"},
		{"time-out", []func() ([]netip.Addr, error){fails(&net.DNSError{Err: "x", IsTimeout: true})}, Failed, "", "time-out"},
		{"another error", []func() ([]netip.Addr, error){fails(errors.New("odd\x1b"))}, Failed, "", `failed: odd\x1b`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			res := lookup(t.Context(), Config{}, "a.example", noSystem, &answersOf{list: c.answers})
			checkHarmless(t, res)
			if len(res.Answers) != 1 {
				t.Fatalf("%d answers, want one", len(res.Answers))
			}
			a := res.Answers[0]
			if res.Verdict != c.verdict || res.Complete || listed(a) != c.addresses || !strings.Contains(res.Detail, c.detail) || a.Resolver != SystemResolver {
				t.Errorf("%+v, want %s, not complete, %q, %q", res, c.verdict, c.addresses, c.detail)
			}
		})
	}
}

// The net package's resolver itself, led to a server on loopback.
func TestTheNetPackage(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("the net package reads no resolver's address there")
	}
	var count atomic.Int64
	server := serve(t, func(w dns.ResponseWriter, q *dns.Msg) {
		count.Add(1)
		oneAddress.answer(w, q)
	})
	own := &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, network, server)
	}}
	res := lookup(t.Context(), Config{}, "a.example.", noSystem, own)
	if res.Verdict != Single || res.Complete || listed(res.Answers[0]) != "192.0.2.1" || res.Answers[0].Asked != "a.example." || count.Load() == 0 {
		t.Errorf("%+v after %d questions, want single and not complete", res, count.Load())
	}
	if res := lookup(t.Context(), Config{}, "gone.example.", noSystem, own); res.Verdict != NXDomain || res.Complete {
		t.Errorf("%+v, want nxdomain and not complete", res)
	}
}

func FuzzHosts(f *testing.F) {
	f.Add("192.0.2.1 a b # c\n::1 a\n", "a")
	f.Add("fe80::1%\x1b a", "a")
	f.Add("\x00\xff\r\n\t#", "")
	f.Fuzz(func(t *testing.T, file, name string) {
		got, err := parseHosts(strings.NewReader(file), name)
		if err != nil {
			t.Fatal(err)
		}
		if len(got) > strings.Count(file, "\n")+1 {
			t.Fatalf("%d addresses from %q", len(got), file)
		}
	})
}

func FuzzResolvConf(f *testing.F) {
	f.Add("nameserver 192.0.2.1\nsearch a b\noptions ndots:3\n", "a.b")
	f.Add("nameserver [::1]:5\noptions ndots:-1\nsearch . .. \x1b\ndomain\n", "a")
	f.Fuzz(func(t *testing.T, file, name string) {
		cfg, err := parseResolvConf(strings.NewReader(file))
		if err != nil {
			t.Fatal(err)
		}
		if len(cfg.Resolvers) > maxResolvers || cfg.Ndots < 0 {
			t.Fatalf("%+v", cfg)
		}
		for _, r := range cfg.Resolvers {
			if _, _, err := net.SplitHostPort(r); err != nil {
				t.Fatalf("the resolver %q: %v", r, err)
			}
		}
		if checkName(name) != nil {
			return
		}
		names, _ := candidates(cfg, name)
		for _, n := range names {
			if err := checkName(n); err != nil || !dns.IsFqdn(n) {
				t.Fatalf("%q would be asked for: %v", n, err)
			}
		}
	})
}

func FuzzResolver(f *testing.F) {
	for _, s := range []string{"192.0.2.1", "[::1]:53", "::1", "a.example:5", "fe80::1%eth0", "[a]:1", ":", "%"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, arg string) {
		got, err := Resolver(arg)
		if err != nil {
			if strings.ContainsFunc(err.Error(), func(r rune) bool { return r < ' ' || r == 0x7f }) {
				t.Fatalf("the error has control characters: %q", err)
			}
			return
		}
		if again, err := Resolver(got); err != nil || again != got {
			t.Fatalf("%q is read as %q, and that as %q, %v", arg, got, again, err)
		}
	})
}
