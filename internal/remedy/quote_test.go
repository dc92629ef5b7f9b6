package remedy

import (
	"net/netip"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/checks/cause"
)

// TestShell has a real shell take the commands apart: names arrive as they are,
// and nothing in them is carried out.
func TestShell(t *testing.T) {
	t.Parallel()
	sh := installed(t, "sh")
	for _, name := range []string{"ORDERS", "a b", "it's", `"q"`, "$G", "$(touch x)", "`id`", "a;b&c|d>e", "*", "~", "#x", `back\slash`, "-rf", "--apply", "@file", "=x", "é", "!!", "{a,b}", "%s"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := inputOf(withCause(cause.RestartDrift, cause.Likely), account(name), func(in *Input) {
				in.Tool = "show"
				in.Finding.Cluster = name
				for i := range in.Deployment.Servers {
					in.Deployment.Servers[i].Cluster = name
				}
			})
			r := written(t, in, cause.RemedyRebalance)
			commands := append(slices.Clone(r.Commands), strings.Replace(strings.Split(snippet(t, r, "sh"), "\n")[1], "nats", "show", 1))
			for _, command := range commands {
				out, err := exec.Command(sh, "-c", "show() { for a; do printf '%s\\n' \"$a\"; done; }\n"+command).Output()
				if err != nil {
					t.Fatalf("%s: %v", command, err)
				}
				said := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
				for _, flag := range []string{"--account", "--cluster"} {
					at := slices.Index(said, flag)
					taken := slices.Contains(said, flag+"="+name)
					if !taken && (at < 0 || said[at+1] != name || strings.HasPrefix(name, "-") || strings.HasPrefix(name, "@")) {
						t.Errorf("%s: %s is not %q in %q", command, flag, name, said)
					}
				}
			}
		})
	}
}

// TestNamesWithoutCommand has names that no terminal is to see.
func TestNamesWithoutCommand(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"a\nb", "a\x00b", "\x1b[2J", "a\u202eb", "\xff", "a\tb", "\u00a0", "a\u200bb", strings.Repeat("x", 300)} {
		for _, jwt := range []bool{false, true} {
			for _, d := range cause.All() {
				code := d.Code
				in := inputOf(withCause(code, cause.Likely), account(name))
				in.Operator = jwt
				advice := For(concluded(in))
				remedies, forecast := advice.Remedies, advice.Forecast
				harmless(t, remedies, forecast)
				for _, r := range remedies {
					for _, c := range r.Commands {
						if strings.Contains(c, "--account") && c != "nsc push --account ACCOUNT_NAME" {
							t.Errorf("%q: %s", name, c)
						}
					}
					if r.Code == cause.RemedyRebalance && len(r.Commands) == 0 && !strings.Contains(r.Why, noCommand) && in.Causes[0].Code != "single-url" {
						t.Errorf("%q, %s: it does not say why there is no command: %s", name, code, r.Why)
					}
				}
			}
		}
	}
}

// TestConfigurationNames has nats-server read back the names of accounts.
func TestConfigurationNames(t *testing.T) {
	t.Parallel()
	for name, written := range map[string]bool{"ORDERS": true, "a b": true, "$X": true, "it's": true, `say "x"`: true, `"'`: false, `a\b`: false,
		"é": true, "a{b}": true, "# a": true, "include x": true, "12": true, "a\nb": false, "": false} {
		key, ok := confKey(name)
		if ok != written {
			t.Errorf("%q is written: %v", name, ok)
		}
		if !ok {
			continue
		}
		file := filepath.Join(t.TempDir(), "nats.conf")
		write(t, file, "accounts {\n  "+key+" {\n    limits { max_connections: 7 }\n  }\n}\n")
		o, err := server.ProcessConfigFile(file)
		if err != nil || len(o.Accounts) != 1 || o.Accounts[0].Name != name {
			t.Errorf("%s: %v", key, err)
		}
	}
	for _, name := range []string{"C1", "a b", `q"x`, `back\slash`, "$X", "é"} {
		value, _ := confValue(name)
		file := filepath.Join(t.TempDir(), "nats.conf")
		write(t, file, "cluster {\n  name: "+value+"\n}\n")
		o, err := server.ProcessConfigFile(file)
		if strings.Contains(name, " ") {
			continue // the server takes no such name for a cluster
		}
		if err != nil || o.Cluster.Name != name {
			t.Errorf("%s: %v", value, err)
		}
	}
}

// harmless holds what is printed: no control characters, none of the secrets.
func harmless(t *testing.T, remedies []Remedy, forecast string) {
	t.Helper()
	fine := func(s string, allowed string) {
		for _, r := range s {
			if !unicode.IsPrint(r) && !strings.ContainsRune(allowed, r) || r == unicode.ReplacementChar {
				t.Errorf("%q in %q", r, s)
				return
			}
		}
		if strings.Contains(s, "s3cret") {
			t.Errorf("a secret: %q", s)
		}
	}
	fine(forecast, "")
	for _, r := range remedies {
		fine(r.Title, "")
		fine(r.Why, "")
		for _, c := range r.Commands {
			fine(c, "")
		}
		for _, s := range r.Snippets {
			fine(s.Text, "\n\t")
		}
	}
}

// FuzzFor puts what comes from outside into every remedy. Only names that are
// plain get into code; the rest is quoted, left out, or made harmless.
func FuzzFor(f *testing.F) {
	f.Add("ORDERS", "C1", "n1", "nats.example", "n1.example:4222", "go", uint16(1))
	f.Add("$(id)", "a'b", "n \"1", "x.svc.cluster.local", "user:s3cret@n1:4222", "python3", uint16(77))
	f.Add("a\nb", "\x1b[0m", "\xff", "nats.prod.svc", "[::1]:4222", "C#", uint16(4095))
	f.Add("-x", "@y", "nats-0", "*.example", "\"); x(\":1", "nats.ws", uint16(333))
	f.Fuzz(func(t *testing.T, accountName, cluster, serverName, host, advertised, lang string, which uint16) {
		in := inputOf(account(accountName), languages(lang), serverOf(func(s *checks.Server) {
			s.Name, s.Cluster = serverName, cluster
			s.Details.Host, s.Details.ConnectURLs = advertised, []string{advertised}
			s.Details.Tags = []string{lang}
		}, 1, 2, 3), named(host, "10.0.0.1", "10.0.0.9"))
		in.Finding.Cluster, in.Finding.Server.Name = cluster, serverName
		in.Lists[0].Account, in.Lists[0].Origin, in.Lists[0].Ordered = accountName, host, checks.Yes
		in.Lists[0].Endpoints[0].Name.Answers[0].CNAME = []string{advertised}
		in.Lists[0].Endpoints[0].Name.Answers[0].Resolver = host
		in.Accounts["N2"] = checks.AccountOn{Usable: checks.No, Expired: true, Detail: "expired " + lang}
		in.Profile.Processes = []checks.Process{{Name: lang, User: host, Language: lang, Addr: netip.MustParseAddr("10.9.0.1"), Counts: []int{9, 0, 0}}}
		in.Profile.Networks[0].Key, in.Operator = host, which%2 == 1
		for i, d := range cause.All() {
			withCause(d.Code, []cause.Verdict{cause.Confirmed, cause.RuledOut, cause.Possible, cause.Likely}[int(which)>>i%4])(&in)
		}
		advice := For(concluded(in))
		remedies, forecast := advice.Remedies, advice.Forecast
		if strings.Contains(accountName+cluster+serverName+host+lang, "s3cret") {
			return // a name is no secret
		}
		harmless(t, remedies, forecast)
		for _, r := range remedies {
			for _, s := range r.Snippets {
				for _, name := range []string{serverName, advertised} {
					if len(name) > 4 && !plainLabel.MatchString(name) && !validHost(name) && strings.Contains(s.Text, name) && s.Lang != "sh" && s.Lang != "nats-server" {
						if _, _, ok := hostPort(name); !ok {
							t.Errorf("%s, %s: %q is in\n%s", r.Code, s.Lang, name, s.Text)
						}
					}
				}
			}
		}
	})
}

// TestShown bounds and escapes names, and rounds numbers up.
func TestShown(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{"n1": "n1", "a\nb": `a\x0ab`, "\xff": `\xff`, "a\u202eb": `a\u202eb`, "é": "é",
		strings.Repeat("x", 90): strings.Repeat("x", 79) + "…"} {
		if got := shown(in); got != want {
			t.Errorf("%q is shown as %q, want %q", in, got, want)
		}
	}
	for n, want := range map[int]int{0: 0, 7: 7, 99: 99, 100: 100, 101: 110, 1234: 1300, 99_999: 100_000} {
		if got := roundUp(n); got != want {
			t.Errorf("%d is rounded to %d, want %d", n, got, want)
		}
	}
}
