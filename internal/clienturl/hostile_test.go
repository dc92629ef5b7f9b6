package clienturl

import (
	"os"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/nats-balance/nats-balance/internal/lab/tool"
)

// Each text is large, and made to keep a careless reader busy for minutes. In CI it
// is eight times as large, which takes a careful one seconds, too.
func TestHostileFiles(t *testing.T) {
	t.Parallel()
	size := 64 << 10
	if !testing.Short() && os.Getenv(tool.BuildTools) != "" {
		size = 512 << 10
	}
	for name, unit := range map[string]string{
		"URLs":              "nats://a ",
		"schemes":           "nats://",
		"quoted":            `"nats://a",`,
		"lines of URLs":     "- nats://a\n",
		"deep":              "[{(nats ",
		"deeper lines":      "nats: [\n",
		"closed":            "nats://a)]}",
		"comments":          "nats /* ",
		"comments closed":   "nats /**/ ",
		"quotes":            `nats "'` + "`",
		"placeholders":      "nats://${",
		"templates":         "nats://{{ .X }}{",
		"orders":            "nats://a noRandomize: true\n",
		"orders in a line":  "{nats://a} noRandomize: true,",
		"credentials":       "nats://a x.creds\n",
		"JWTs":              "nats://a eyJhbGciOiJub25lIn0.eyJhbGciOiJub25lIn0.eyJhbGciOiJub25lIn0\n",
		"JWT without end":   "eyJnats----------.",
		"hosts":             "nats=a:4222,",
		"not hosts":         "nats a..a:42 ",
		"keys":              "nats_url_",
		"at signs":          "nats://@",
		"empty lines":       "\nnats://a",
		"tags":              "<s>nats://a</s>",
		"lines in brackets": "[\n\n\n\nnats://a][noRandomize: true\n]",
		"calls":             `.server("nats://a")`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text := []byte(strings.Repeat(unit, size/len(unit)))
			for at := size / 2; at < len(text) && !strings.Contains(unit, "\n"); at += size {
				text[at] = '\n'
			}
			lists, warnings := read("a.go", string(text))
			if len(lists)+len(warnings) > 2*maxCandidates+maxWarnings {
				t.Errorf("%d lists and %d warnings", len(lists), len(warnings))
			}
		})
	}
}

func FuzzExtract(f *testing.F) {
	for _, text := range []string{
		"nats://a,nats://b", "servers: [\"nats://a\",\n \"b:4222\"]\nnoRandomize: true", "a[0]=nats://a\na[1]=nats://b",
		".server('nats://a').server('nats://b')", "/* nats://a */ {{ x }} ${NATS_URL:-nats://[::1]:4222}", "NATS_URL=${X}",
		"<a>nats://a</a>\n<a>nats://b</a>", "routes: [{urls: [nats://a\n]}]", "x.creds nats://u:p@a eyJhbGciOiJub25lIn0.e30.eA",
	} {
		f.Add("a.py", text, text)
	}
	f.Fuzz(func(t *testing.T, name, before, after string) {
		// Names with it would be in origins.
		if strings.Contains(name, password) || strings.Contains(before+after, password) || !utf8.ValidString(name) {
			t.Skip()
		}
		text := before + "nats://user:" + password + "@" + after
		lists, warnings := read(name, text)
		quiet(t, text, lists, warnings)
	})
}

// What is not all of a URL is none: its host may be a token, and would be looked
// up.
func TestEscapedSign(t *testing.T) {
	t.Parallel()
	for name, texts := range map[string][]string{
		"hidden": {
			`nats_url: "nats://TOKEN\u0040host:4222"`, `nats_url = "nats://TOKEN\x40host"`, `nats_url = "nats://tok\u002den\u0040host"`,
			"nats_url: nats://TOKEN\n  @host:4222\n", "NATS_URL=nats://TOKEN\\\n@host:4222\n", `nats_url = "nats://TOKEN" + "@host"`,
			"nats_url = (\"nats://TOKEN\"\n   \"@host\")", `nats_url = "nats://user:1234\u0040host"`, `nats_url = "nats://TOKEN" + "\u0040host"`,
			"NATS_URL=nats://TOKEN\n@host:4222\n", `nats.Connect("nats://TOKEN'9@host:4222")`, "nats.Connect(\"nats://TOKEN`9@host:4222\")", `nats.Connect("nats://TOKEN<9@host:4222")`,
			`nats.Connect("nats://TOKEN\"9@host:4222")`,
		},
		"whole": {
			`nats_url: "nats://a.example:4222"`, `nats_url: \"nats://a.example:4222\"`, `"nats_url": "nats://a.example:4222\n"`,
			"nats_url = \"nats://a.example:4222\"\n@decorator\n", `\u0022nats_url\u0022: \u0022nats://a.example:4222\u0022`,
			"nats-server -s nats://a.example:4222 \\\n  --name x\n", "NATS_URL=nats://a.example:4222\\\n", "nats_url: nats://a.example:4222\nother: x@y\n",
			`urls = ["nats://a.example:4222", "nats://u@b.example"]`, `"nats://a.example:4222" + port`, `connect('nats://a.example:4222', "x@y")`,
		},
	} {
		for _, text := range texts {
			var hosts []string
			at := strings.Index(text, "nats://")
			end, hidden := urlEnd([]byte(text), at+len("nats://"))
			if e, err := parse(text[at:end]); err == nil && !hidden {
				hosts = append(hosts, e.Host)
			}
			if (len(hosts) == 0) != (name == "hidden") {
				t.Errorf("%q: %q", text, hosts)
			}
		}
	}
}

// The same in files whose format is read.
func TestEscapedSignInFiles(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"a.service": "[Service]\nExecStart=/usr/bin/orders -s nats://TOKEN\\x40n1.example:4222\n",
		"b.service": "[Service]\nEnvironment=NATS_URL=nats://TOKEN\\x40n1.example\n",
		"c.service": "[Service]\nExecStart=/usr/bin/orders --server nats://TOKEN\\100n1.example:4222 --name x\n",
		"h.java":    "class A { String u = \"nats://TOKEN\" + AT + \"host\"; }\n",
		"d.ini":     "url = nats://TOKEN\n   @n1.example:4222\n",
		"e.env":     "NATS_URL=nats://TOKEN\n@n1.example:4222\n",
		"f.yaml":    "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: x\ndata:\n  a.service: |\n    [Service]\n    ExecStart=/usr/bin/orders -s nats://TOKEN\\u0040n1.example:4222\n",
		"g.yaml":    "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: x\ndata:\n  a.service: |\n    ExecStart=/usr/bin/orders -s nats://TOKEN\\u0040n1.example:4222\n",
	} {
		r := textReader{path: name}
		for _, l := range r.lists(name, []byte(text)) {
			for _, e := range l.Endpoints {
				if strings.Contains(strings.ToLower(e.Host), "token") {
					t.Errorf("%s: %s", name, e.Host)
				}
			}
		}
	}
}

// Windows would send the user's login to the machine that such a path names.
func TestPathOfAnotherMachine(t *testing.T) {
	t.Parallel()
	for path, other := range map[string]bool{
		`\\host\share\a.creds`: true, `//host/share/a.creds`: true, `\\.\pipe\x`: true, `\\?\UNC\host\share`: true, `\??\UNC\host\x`: true,
		`C:\a.creds`: false, "a.creds": false, "/etc/a.creds": false, "": false,
	} {
		if got := onOtherMachine(path); got != other {
			t.Errorf("%s: %v", path, got)
		}
	}
}
