package remedy

import (
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/miekg/dns"
	"github.com/nats-io/nats-server/v2/server"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/checks/cause"
)

// shapes are clusters whose addresses look different.
func shapes() map[string]change {
	none := func(*Input) {}
	return map[string]change{
		"plain":   none,
		"unknown": serverOf(func(s *checks.Server) { s.Details = nil }, 2, 3),
		"ipv6": serverOf(func(s *checks.Server) {
			s.Details.ConnectURLs, s.Details.Seen = nil, []netip.Addr{netip.MustParseAddr("2001:db8::" + s.ID[1:])}
		}, 1, 2, 3),
		"tls":       serverOf(func(s *checks.Server) { s.Details.TLS, s.Details.Host = true, s.Name+".example" }, 1, 2, 3),
		"websocket": func(in *Input) { protocols("websocket")(in); in.Deployment.Servers[0].Details.WebSocket = 8443 },
		"odd names": serverOf(func(s *checks.Server) { s.Name, s.ID = "n \"$(id)' \\"+s.Name, s.ID+"\n"; s.Details.Seen = nil }, 2, 3),
		"hostile": serverOf(func(s *checks.Server) {
			s.Details.Host, s.Details.Seen, s.Details.ConnectURLs = "\"); system(\"id", nil, []string{"a\"b:4222", "user:secret@n1:4222", "n1:99999", ":", "-x:1"}
		}, 1, 2, 3),
		"many": func(in *Input) {
			for i := 4; i < 80; i++ {
				s := in.Deployment.Servers[2]
				d := *s.Details
				s.ID, s.Name, s.Details = fmt.Sprintf("N%d", i), fmt.Sprintf("n%d", i), &d
				d.Seen = []netip.Addr{netip.AddrFrom4([4]byte{10, 0, 0, byte(i)})}
				in.Deployment.Servers = append(in.Deployment.Servers, s)
			}
		},
	}
}

// written in each language by a compiler, an interpreter or a parser, in a file
// with what surrounds the snippet.
func compilers() map[string]struct {
	tool []string // the file comes last
	file string
	wrap func(snippets []string) string
	also map[string]string
} {
	each := func(snippets []string, f string, indent string) string {
		var b strings.Builder
		for i, s := range snippets {
			s = indent + strings.ReplaceAll(strings.TrimSpace(s), "\n", "\n"+indent)
			b.WriteString(strings.NewReplacer("%d", fmt.Sprint(i), "%s", s).Replace(f))
		}
		return b.String()
	}
	type compiler = struct {
		tool []string
		file string
		wrap func([]string) string
		also map[string]string
	}
	return map[string]compiler{
		"go": {[]string{"go", "vet"}, "main.go", func(s []string) string {
			return "package main\n\nimport (\n\t\"strings\"\n\n\t\"github.com/nats-io/nats.go\"\n)\n\nfunc main() {}\n" +
				each(s, "\nfunc Connect%d() (*nats.Conn, error) {\n\t%s\n\treturn nc, err\n}\n", "")
		}, nil},
		"python": {[]string{"python3", "-m", "py_compile"}, "main.py", func(s []string) string {
			return "import nats\n" + each(s, "\nasync def connect%d():\n%s\n    return nc\n", "    ")
		}, nil},
		"javascript": {[]string{"node", "--check"}, "main.mjs", func(s []string) string {
			return importLine.ReplaceAllString(each(s, "\nasync function connect%d(creds) {\n%s\nreturn nc;\n}\n", ""), "")
		}, nil},
		"java": {[]string{"javac", "-d", "out"}, "Main.java", func(s []string) string {
			return "import io.nats.client.*;\nclass Main {\n" + each(s, "static Connection connect%d() throws Exception {\n%s\nreturn nc;\n}\n", "") + "}\n"
		}, map[string]string{
			"io/nats/client/Connection.java":  "package io.nats.client;\npublic interface Connection {}\n",
			"io/nats/client/AuthHandler.java": "package io.nats.client;\npublic interface AuthHandler {}\n",
			"io/nats/client/Nats.java": "package io.nats.client;\npublic class Nats {\n  public static AuthHandler credentials(String f) { return null; }\n" +
				"  public static Connection connect(Options o) throws java.io.IOException, InterruptedException { return null; }\n}\n",
			"io/nats/client/Options.java": "package io.nats.client;\npublic class Options {\n  public static class Builder {\n" +
				"    public Builder servers(String[] s) { return this; }\n    public Builder connectionName(String s) { return this; }\n" +
				"    public Builder authHandler(AuthHandler a) { return this; }\n    public Options build() { return null; }\n  }\n}\n",
		}},
		"rust": {[]string{"rustc", "--edition", "2021", "--crate-type", "lib", "--emit", "metadata", "--out-dir", "."}, "main.rs", func(s []string) string {
			return rustStub + each(s, "\npub async fn connect%d() -> Result<async_nats::Client, Box<dyn std::error::Error>> {\n%s\nOk(nc)\n}\n", "")
		}, nil},
		"c": {[]string{"gcc", "-Wall", "-Werror", "-fsyntax-only", "-I."}, "main.c", func(s []string) string {
			return "#include \"nats.h\"\n" + each(s, "\nnatsStatus connect%d(void) {\n%s\nreturn s;\n}\n", "")
		}, map[string]string{"nats.h": cStub}},
	}
}

var importLine = regexp.MustCompile(`(?m)^import .*$`)

const cStub = `#include <stddef.h>
typedef enum { NATS_OK } natsStatus;
typedef struct o natsOptions;
typedef struct c natsConnection;
natsStatus natsOptions_Create(natsOptions **);
natsStatus natsOptions_SetServers(natsOptions *, const char **, int);
natsStatus natsOptions_SetName(natsOptions *, const char *);
natsStatus natsOptions_SetUserCredentialsFromFiles(natsOptions *, const char *, const char *);
natsStatus natsConnection_Connect(natsConnection **, natsOptions *);
`

const rustStub = `
pub mod async_nats {
    pub struct Client;
    #[derive(Clone)]
    pub struct ServerAddr;
    impl std::str::FromStr for ServerAddr {
        type Err = std::io::Error;
        fn from_str(_: &str) -> Result<Self, Self::Err> { Ok(ServerAddr) }
    }
    pub trait ToServerAddrs {}
    impl<'a> ToServerAddrs for &'a [ServerAddr] {}
    pub struct ConnectOptions;
    impl ConnectOptions {
        pub async fn with_credentials_file(_: impl AsRef<std::path::Path>) -> std::io::Result<Self> { Ok(Self) }
        pub fn name<T: ToString>(self, _: T) -> Self { self }
        pub async fn connect<A: ToServerAddrs>(self, _: A) -> Result<Client, std::io::Error> { Ok(Client) }
    }
}
`

// TestSnippetsCompile puts the connect calls of all languages, for clusters of
// every shape, through a compiler or a parser.
func TestSnippetsCompile(t *testing.T) {
	t.Parallel()
	lines := regexp.MustCompile(`secret|system\(|\$\(`)
	for lang, c := range compilers() {
		t.Run(lang, func(t *testing.T) {
			t.Parallel()
			tool := installed(t, c.tool[0])
			version := map[string]string{"go": "version", "java": "-version"}[lang]
			if version == "" {
				version = "--version"
			}
			// macOS, Windows and rustup have stand-ins for what is not installed.
			if out, err := exec.Command(tool, version).CombinedOutput(); err != nil {
				t.Skipf("%s does not run here: %v\n%s", c.tool[0], err, out)
			}
			var snippets []string
			for _, shape := range shapes() {
				s := snippet(t, written(t, inputOf(languages(lang), shape), cause.RemedyClientConfig), lang)
				if n := strings.Count(s, "://"); lines.MatchString(s) || n < 3 || n > mostURLs {
					t.Errorf("not to be in a snippet:\n%s", s)
				}
				snippets = append(snippets, s)
			}
			dir := t.TempDir()
			for name, text := range c.also {
				write(t, filepath.Join(dir, name), text)
			}
			write(t, filepath.Join(dir, c.file), c.wrap(snippets))
			args := append([]string{}, c.tool[1:]...)
			cmd := exec.Command(tool, append(args, c.file)...)
			cmd.Dir = dir
			if lang == "go" { // in this module, which has nats.go
				cmd = exec.Command(tool, append(args, filepath.Join(dir, c.file))...)
			}
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%v: %v\n%s\n%s", cmd.Args, err, out, c.wrap(snippets))
			}
		})
	}
}

// TestCSharp holds what can be held without a compiler: what is opened is closed.
func TestCSharp(t *testing.T) {
	t.Parallel()
	for name, shape := range shapes() {
		s := snippet(t, written(t, inputOf(languages(".NET"), shape), cause.RemedyClientConfig), "csharp")
		code := regexp.MustCompile(`"[^"\n]*"`).ReplaceAllString(s, "S")
		for _, pair := range []string{"()", "{}"} {
			if strings.Count(code, pair[:1]) != strings.Count(code, pair[1:]) {
				t.Errorf("%s: %s\n%s", name, pair, s)
			}
		}
		if strings.ContainsAny(code, "\"\\") || !strings.Contains(code, "string.Join(S,\n        S") || strings.Contains(code, "S,)") {
			t.Errorf("%s:\n%s", name, s)
		}
	}
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestConfigurations has nats-server read every piece of its configuration.
func TestConfigurations(t *testing.T) {
	t.Parallel()
	read := 0
	forAll(t, func(t *testing.T, name string, r Remedy, s Snippet) {
		if s.Lang != "nats-server" {
			return
		}
		file := filepath.Join(t.TempDir(), "nats.conf")
		// A resolver makes its folder when it is read.
		write(t, file, strings.ReplaceAll(s.Text, "/var/lib/nats/jwt", filepath.ToSlash(t.TempDir())))
		o, err := server.ProcessConfigFile(file)
		if err != nil {
			t.Errorf("%s, %s: %v\n%s", name, r.Code, err, s.Text)
			return
		}
		read++
		if r.Code == cause.RemedyLimits && (len(o.Accounts) != 1 || o.Accounts[0].Name != "ORDERS" && o.Accounts[0].Name != "BILLING") {
			t.Errorf("%s: accounts %v", name, o.Accounts)
		}
	})
	if read < 10 {
		t.Errorf("only %d were read", read)
	}
}

// TestZones has a parser of zone files read the lines.
func TestZones(t *testing.T) {
	t.Parallel()
	for name, shape := range shapes() {
		for host, names := range map[string]change{"nats.example.": func(*Input) {}, "mq.prod.example.": named("MQ.prod.example", "10.0.0.1")} {
			in := inputOf(shape, names, withCause(cause.SingleAddressDNS, cause.Confirmed))
			text := snippet(t, written(t, in, cause.RemedyDNS), "zone")
			records := 0
			z := dns.NewZoneParser(strings.NewReader(text), "", "")
			for rr, ok := z.Next(); ok; rr, ok = z.Next() {
				records++
				if h := rr.Header(); h.Name != host || h.Ttl != zoneTTL {
					t.Errorf("%s: %v", name, rr)
				}
			}
			if err := z.Err(); err != nil {
				t.Errorf("%s: %v\n%s", name, err, text)
			}
			want := map[string]int{"plain": 3, "ipv6": 3, "many": mostRecords}[name]
			if want > 0 && records != want {
				t.Errorf("%s: %d records\n%s", name, records, text)
			}
		}
	}
}

// TestYAML holds the shape of what is for Kubernetes: no tabs, keys with values
// or blocks, everything from outside in quotes.
func TestYAML(t *testing.T) {
	t.Parallel()
	line := regexp.MustCompile(`^( {2})*(- )?[A-Za-z_./]+:( ("[a-z0-9-]+"|[A-Za-z0-9_-]+))?$|^#`)
	seen := 0
	forAll(t, func(t *testing.T, name string, _ Remedy, s Snippet) {
		if s.Lang != "yaml" {
			return
		}
		seen++
		for l := range strings.Lines(s.Text) {
			if !line.MatchString(strings.TrimSuffix(l, "\n")) {
				t.Errorf("%s: %q", name, l)
			}
		}
	})
	if seen == 0 {
		t.Error("there was none")
	}
}

// placeholder matches the line of a server whose address has to be filled in.
var placeholder = regexp.MustCompile(`# (server .*)ADDRESS_OF_[^:]+:`)

// TestBalancers checks that each server has its line, and has HAProxy and nginx
// check the snippets as a user would: in a whole configuration that listens.
func TestBalancers(t *testing.T) {
	t.Parallel()
	snippets := func(shape string) (haproxy, nginx string) {
		r := written(t, inputOf(shapes()[shape], withCause(cause.StickyLoadBalancer, cause.Confirmed)), cause.RemedyLoadBalancer)
		return snippet(t, r, "haproxy"), snippet(t, r, "nginx")
	}
	haproxy, nginx := snippets("plain")
	for n := 1; n <= 3; n++ {
		if !strings.Contains(haproxy, fmt.Sprintf("    server n%d 10.0.0.%d:4222 check\n", n, n)) || !strings.Contains(nginx, fmt.Sprintf("    server 10.0.0.%d:4222;\n", n)) {
			t.Errorf("n%d has no line:\n%s%s", n, haproxy, nginx)
		}
	}
	// Not "tls": its host names do not exist, and both programs look them up.
	for _, shape := range []string{"plain", "unknown", "ipv6", "websocket", "odd names", "hostile", "many"} {
		haproxy, nginx := snippets(shape)
		haproxy, nginx = placeholder.ReplaceAllString(haproxy, "${1}10.9.9.9:"), placeholder.ReplaceAllString(nginx, "${1}10.9.9.9:")
		t.Run("haproxy/"+shape, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "haproxy.cfg")
			write(t, file, "defaults\n    timeout connect 5s\n    timeout client 5s\n    timeout server 5s\n"+
				"frontend clients\n    mode tcp\n    bind 127.0.0.1:4222\n    default_backend nats\n"+haproxy)
			accepted(t, file, "haproxy", "-c", "-f", file)
		})
		t.Run("nginx/"+shape, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			file := filepath.Join(dir, "nginx.conf")
			// nginx -t does not mind if something else listens there.
			write(t, file, loadStream(t)+"pid nginx.pid;\nerror_log stderr;\nevents {}\nstream {\n"+nginx+
				"server {\n    listen 127.0.0.1:4222;\n    proxy_pass nats;\n}\n}\n")
			accepted(t, file, "nginx", "-t", "-q", "-e", "stderr", "-p", dir, "-c", file)
		})
	}
}

// accepted runs a program that checks a file, where it is installed.
func accepted(t *testing.T, file, program string, args ...string) {
	t.Helper()
	if out, err := exec.Command(installed(t, program), args...).CombinedOutput(); err != nil {
		text, _ := os.ReadFile(file)
		t.Errorf("%s: %v\n%s\n%s", program, err, out, text)
	}
}

// loadStream returns the line that loads nginx's stream module, or nothing where
// nginx has it built in.
func loadStream(t *testing.T) string {
	t.Helper()
	out, err := exec.Command(installed(t, "nginx"), "-V").CombinedOutput()
	if err != nil {
		t.Fatalf("nginx -V: %v\n%s", err, out)
	}
	if regexp.MustCompile(`--with-stream(\s|$)`).Match(out) {
		return ""
	}
	path := regexp.MustCompile(`--modules-path=(\S+)`).FindSubmatch(out)
	if path == nil {
		t.Skip("nginx has no stream module")
	}
	module := filepath.Join(string(path[1]), "ngx_stream_module.so")
	if _, err := os.Stat(module); err != nil {
		t.Skipf("nginx has no stream module: %v", err)
	}
	return "load_module " + module + ";\n"
}

// installed returns where a program is, and skips the test where it is missing.
func installed(t *testing.T, program string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		t.Skipf("%s is not installed", program)
	}
	return path
}

// forAll goes through all snippets for every cause and shape, with accounts in
// the configuration and as JWTs, in Kubernetes and not.
func forAll(t *testing.T, check func(*testing.T, string, Remedy, Snippet)) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("paths")
	}
	none := func(*Input) {}
	for _, d := range append(cause.All(), cause.Definition{}) {
		code := d.Code
		for shape, change := range shapes() {
			for where, more := range map[string]func(*Input){"": none, "jwt": operator, "pods": pods, "full": full} {
				if where == "full" && (shape == "unknown" || shape == "many") {
					continue
				}
				in := inputOf(languages("go", "rust"), change, more, withCause(code, cause.Confirmed), withCause(cause.DiscoveryOff, cause.Confirmed))
				remedies := For(concluded(in)).Remedies
				for _, r := range remedies {
					for _, s := range r.Snippets {
						check(t, strings.Join([]string{string(code), shape, where}, "/"), r, s)
					}
				}
			}
		}
	}
}
