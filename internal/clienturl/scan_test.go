package clienturl

import (
	"context"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/nats-balance/nats-balance/checks"
)

// show is a list in a line: its line in the file, URLs, order and account.
func show(root string, l checks.URLList) string {
	origin := strings.TrimPrefix(filepath.ToSlash(l.Origin), filepath.ToSlash(root))
	var urls []string
	for _, e := range l.Endpoints {
		urls = append(urls, strings.TrimSuffix(strings.TrimPrefix(e.URL, "nats://"), ":4222"))
	}
	line := strings.TrimLeft(origin, "/:") + " " + strings.Join(urls, ",")
	if len(l.Incomplete) > 0 {
		line += " incomplete"
	}
	if l.Ordered != checks.Unknown {
		line += " ordered=" + string(l.Ordered)
	}
	if l.Account != "" {
		line += " account=" + l.Account
	}
	return line
}

func showAll(root string, found Found) []string {
	var out []string
	for _, l := range found.Lists {
		out = append(out, show(root, l))
	}
	return out
}

func expect(t *testing.T, what string, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: got\n  %s\nwant\n  %s", what, strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

func TestFolderOfAProject(t *testing.T) {
	t.Parallel()
	root := filepath.Join("testdata", "tree")
	found, err := scanPath(t.Context(), "", root)
	if err != nil {
		t.Fatal(err)
	}
	expect(t, "lists", showAll(root, found), []string{
		".env:1 e1,e2",
		"application.properties:1 p1,p2,p3",
		"application.properties:4 q1",
		"application.properties:5 q2,q3",
		"application.yml:3 y1,y2 ordered=no",
		"application.yml:6 y3,y4",
		"clients.json:2 o1,o2",
		"clients.json:4 s1",
		"clients.json:5 s2",
		"docker-compose.yml:8 nats",
		"docker-compose.yml:12 nats:4223 incomplete",
		"helm/templates/deploy.yaml:7 backup",
		"helm/values.yaml:6 n1.example.com,n2.example.com,n3.example.com ordered=yes",
		"helm/values.yaml:12 tls://nats.billing.svc",
		"k8s/all.yaml:14 nats-0.nats,nats-1.nats,nats-2.nats",
		"k8s/all.yaml:16 nats-a,nats-b",
		"k8s/all.yaml:22 c1,c2",
		"src/Client.cs:2 cs1,cs2 ordered=yes",
		"src/Client.cs:4 cs3,cs4 ordered=no",
		"src/Client.java:4 j1,j2 ordered=yes",
		"src/Client.java:10 j3,j4",
		"src/app.py:5 py1,py2 ordered=yes",
		"src/app.py:13 tls://py3.example.com",
		"src/client.c:1 c1",
		"src/client.c:3 c2,c3 ordered=yes",
		"src/client.js:4 js1.example.com,js2.example.com ordered=yes",
		"src/client.js:7 wss://js3.example.com:443",
		"src/client.js:8 js4",
		"src/client.js:8 js5",
		"src/client.js:9 js6 incomplete",
		"src/main.go:5 g1,g2",
		"src/main.go:10 g3,g4 ordered=yes",
		"src/main.go:17 g5",
		"src/main.go:18 g6 ordered=yes",
		"src/main.go:20 g8",
		"src/main.go:20 g9",
		"src/main.rs:4 r1,r2 ordered=yes",
		"src/main.rs:8 r3,r4",
		"src/main.rs:9 r5,r6",
	})
	for i, w := range found.Warnings {
		w, _, _ = strings.Cut(filepath.ToSlash(w), ": ")
		found.Warnings[i] = strings.TrimPrefix(w, filepath.ToSlash(root)+"/")
	}
	expect(t, "warnings", found.Warnings, []string{
		"docker-compose.yml:12", "helm/templates/deploy.yaml:3", "helm/templates/deploy.yaml:5",
		"src/client.js:9", "src/main.go:21", "src/main.go:22",
	})
	if found.Read.Files != 15 || skipped(found.Read) != 3 { // a test, a document, a server's configuration
		t.Errorf("%d files were read and %d not; want 15 and 3", found.Read.Files, skipped(found.Read))
	}
}

// Each text is one file; the want is as of show, warnings as "line!".
func TestShapes(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, file, text string
		want             []string
	}{
		{"shell array", "a.sh", "NATS=(nats://a nats://b)\n", []string{"1 a,b"}},
		{"systemd", "a.service", `Environment="NATS_URL=nats://a:4222,b:4222"`, []string{"1 a,b"}},
		{"Dockerfile", "Dockerfile", "FROM nats:2\nENV NATS_URL nats://a:4222\n", []string{"2 a"}},
		{"a flag in a command", "a.sh", "run \\\n  --server nats://a:4222 \\\n  --other nats://b\n", []string{"2 a", "3 b"}},
		{"lines without commas", "a.conf", "urls = [\n nats://a\n nats://b\n]\n", []string{"2 a,b"}},
		{"lines without brackets are no list", "a.conf", "nats://a\nnats://b\n", []string{"1 a", "2 b"}},
		{"block of YAML under its key", "a.yaml", "s:\n- nats://a\n\n- nats://b\nt:\n  - nats://c\n", []string{"2 a,b", "6 c"}},
		{"items that differ in depth", "a.yaml", "s:\n  - nats://a\n- nats://b\n", []string{"2 a", "3 b"}},
		{"objects are clients of their own", "a.yaml", "- url: nats://a\n- url: nats://b\n", []string{"1 a", "2 b"}},
		{"folded scalar", "a.yaml", "url: >-\n  nats://a,\n  nats://b\n", []string{"2 a,b"}},
		{"CRLF", "a.yaml", "s:\r\n  - nats://a\r\n  - nats://b\r\n", []string{"2 a,b"}},
		{"JSON in a string", "a.yaml", `conf: "{\"servers\":[\"nats://a\",\"nats://b\"]}"`, []string{"1 a,b"}},
		{"nested arrays are lists of their own", "a.json", `[["nats://a"],["nats://b"]]`, []string{"1 a", "1 b"}},
		{"XML", "a.xml", "<servers><server>nats://a</server>\n<server>nats://b</server></servers>\n<!-- nats://c\nnats://d -->", []string{"1 a,b"}},
		{"TOML", "a.toml", "servers = [\n  \"nats://a\", # first\n  \"nats://b\",\n]\n", []string{"2 a,b"}},
		{"environment of .NET", "a.env", "Nats__Servers__0=nats://a\nNats__Servers__1=nats://b\n", []string{"1 a,b"}},
		{"index that starts again", "a.properties", "a[0]=nats://a\nb[0]=nats://b\nb[1]=nats://c\n", []string{"1 a", "2 b,c"}},
		{"appended", "a.py", "s.append('nats://a')\ns.append('nats://b')\n", []string{"1 a,b"}},
		{"wrapped", "a.cs", `new[] { new Uri("nats://a"), new Uri("nats://b") }`, []string{"1 a,b"}},
		{"arguments", "a.rb", `servers("nats://a", "nats://b")`, []string{"1 a,b"}},
		{"named arguments are lists of their own", "a.py", `f(a="nats://a", b="nats://b")`, []string{"1 a", "1 b"}},
		{"an address beside a URL in a call", "a.go", `run("nats://a", "0.0.0.0:8080")`, []string{"1 a"}},
		{"an address beside a URL in an array", "a.js", `servers: ["nats://a", "b:4222"]`, []string{"1 a,b"}},
		{"an address after a URL", "a.sh", "app nats://a 0.0.0.0:8080\n", []string{"1 a"}},
		{"array of C", "a.c", `char *s[] = {"nats://a", "nats://b", NULL};`, []string{"1 a,b"}},
		{"list with a variable", "a.go", `s := []string{"nats://a", nats.DefaultURL}`, []string{"1 a incomplete", "1!"}},
		{"options after a URL", "a.go", `nats.Connect("nats://a", nats.Name(x))`, []string{"1 a"}},
		{"Elixir", "a.ex", "@doc \"\"\"\nnats://doc\n\"\"\"\nurls = [~c\"nats://a\", ~c\"nats://b\"]\n", []string{"4 a,b"}},
		{"IPv6", "a.env", "N=nats://[2001:db8::1]:4222,nats://[::1]\n", []string{"1 [2001:db8::1],[::1]"}},
		{"Spring's default", "a.yml", "url: ${NATS_URL:nats://a:4222}\n", []string{"1 a incomplete", "1!"}},
		{"placeholder in one of several", "a.yml", "url: nats://a,nats://${B}:4222\n", []string{"1 a incomplete", "1!"}},
		{"placeholder without a URL", "a.env", "NATS_URL=${SOMETHING}\nOTHER=${X}\n", []string{"1!"}},
		{"credentials from templates", "a.yml", "url: nats://{{ .U }}:${P}@a:4222\n", []string{"1 a"}},
		{"format", "a.c", `sprintf(u, "nats://%s:4222", h);`, []string{"1!"}},
		{"port from code", "a.js", `connect("nats://a:" + port)`, []string{"1!"}},
		{"password that ends the URL early", "a.env", "NATS_URL=nats://u:12)34@a:4222\n", []string{"1 a"}},
		{"password with a comma", "a.env", "NATS_URL=nats://u:12,34@a:4222\n", []string{"1!"}},
		{"bad port", "a.env", "NATS_URL=nats://a:99999\n", []string{"1!"}},
		{"string without a URL", "a.js", `if (u.startsWith("nats://")) { x("tls:// or nats:// ") }`, nil},
		{"prose", "a.py", "help='Such as nats://a:4222'\nh('It is nats://b:4222. ')\nrun('app --server nats://c')\n", []string{"3 c"}},
		{"comments", "a.go", "// nats://a\n/* nats://b\n nats://c */\nx(\"nats://d\") // nats://e\n", []string{"4 d"}},
		{"pattern of paths is no comment", "a.yaml", "paths: /* \nurl: nats://a\ncron: '*/5 * * * *'\n", []string{"2 a"}},
		{"no comment in a string", "a.py", "u = 'x # y', 'nats://a'\n", []string{"1 a"}},
		{"other schemes", "a.env", "NATS=1\nA=mqtt://a\nB=http://b:4222\nC=nats-route://c:6222\nD=xnats://d\n", nil},
		{"another service's WebSocket", "a.yaml", "nats: 1\nfeed:\n  url: wss://feed.example.com\n", nil},
		{"WebSocket of NATS", "a.yaml", "nats:\n  url: wss://feed.example.com\n", []string{"2 wss://feed.example.com:443"}},
		{"other services' addresses", "a.yaml", "nats: 1\nredis: redis:6379\ntime: \"10:30\"\nimage: nats:10\n", nil},
		{"routes by flag", "a.yaml", "args: [\"--routes\", \"nats://a:6222\"]\nx:\n- --cluster\n- nats://b:6222\n", nil},
		{"remotes in YAML", "a.yaml", "leafnodes:\n  remotes:\n    - url: nats://a\n    - urls: [nats://b, nats://c]\n", nil},
		{"unindented routes", "a.conf", "cluster {\nroutes: [\nnats://a:6222\nnats://b:6222\n]\n}\n", nil},
		{"service named routes", "a.yaml", "routes:\n  env:\n    NATS_URL: nats://a\n", []string{"3 a"}},
		{"order of a list before the call", "a.go", "s := []string{\"nats://a:1222\",\n\t\"nats://a:1223\",\n}\n\nnc, err := nats.Connect(strings.Join(s, \",\"), nats.DontRandomize())\n", []string{"1 a:1222,a:1223 ordered=yes"}},
		{"order of another function", "a.go", "func a() {\n\tnats.Connect(\"nats://a\")\n}\n\nfunc b() {\n\tnats.Connect(u, nats.DontRandomize())\n}\n", []string{"2 a"}},
		{"order of another block", "a.yaml", "a:\n  urls: [nats://a]\nb:\n  noRandomize: true\n", []string{"2 a"}},
		{"order in one line of objects", "a.json", `{"a":{"servers":["nats://a"],"noRandomize":true},"b":{"servers":["nats://b"]}}`, []string{"1 a ordered=yes", "1 b"}},
		{"order too far away", "a.go", "nats.Connect(\"nats://a\")\n" + strings.Repeat("\n", 16) + "nats.DontRandomize()\n", []string{"1 a"}},
		{"order from a variable", "a.go", "o.Servers = []string{\"nats://a\"}\no.NoRandomize = ordered\n", []string{"1 a"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			expect(t, tt.text, shapes(tt.file, tt.text), tt.want)
		})
	}
}

// read reads a text as a file of that name.
func read(name, text string) ([]checks.URLList, []string) {
	f := &fileReader{scan: &scan{}, result: &result{path: name}}
	r := f.reader(0)
	return r.read(name, []byte(text))
}

func shapes(file, text string) []string {
	lists, warnings := read(file, text)
	var got []string
	for _, l := range lists {
		got = append(got, show(file, l))
	}
	for _, w := range warnings {
		line, _, _ := strings.Cut(strings.TrimPrefix(w, file+":"), ":")
		got = append(got, line+"!")
	}
	return got
}

// scanPath scans without standard input.
func scanPath(ctx context.Context, account, path string) (Found, error) {
	return Scanner{}.Scan(ctx, account, path)
}
