package config

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-balance/nats-balance/dnscheck"
	"github.com/nats-balance/nats-balance/internal/clienturl"
)

const wholeConfig = `# what a file can have
version: 1
threshold: 80
min-servers: 2
min-connections: 5
review: 40
critical: 95
client-urls:
  - {account: ORDERS, urls: ["nats://a:4222", "nats://user:secret@b:4222"]}
  - urls: [wss://c]
client-configs:
  - {account: ORDERS, path: deploy}
  - path: a=b
resolvers: [10.0.0.53, "[2001:db8::53]:5353"]
accounts:
  - {match: "BATCH-*", threshold: 90, min-connections: 20}
  - match: ORDERS
    critical: 99
accepted:
  - {account: LEGACY, cluster: C1, reason: "moves in Q1, OPS-123", expires: 2027-01-31}
  - account: "*"
    cluster: "*"
    reason: >
      a long
      one
    expires: "2027-02-28"
    max-share: 90
`

func TestConfig(t *testing.T) {
	folder := t.TempDir()
	for _, name := range []string{"deploy", "a=b"} {
		if err := os.Mkdir(filepath.Join(folder, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(folder, "nats-balance.yaml")
	c, err := Parse(path, []byte(wholeConfig))
	if err != nil {
		t.Fatal(err)
	}
	for flag, want := range map[string]int{"threshold": 80, "min-servers": 2, "min-connections": 5, "review": 40, "critical": 95} {
		if c.Thresholds[flag] != want {
			t.Errorf("%s is %d", flag, c.Thresholds[flag])
		}
	}
	if len(c.ClientURLs) != 2 || c.ClientURLs[0] != (Located{"ORDERS=nats://a:4222,nats://user:secret@b:4222", path + ":9"}) || c.ClientURLs[1].Value != "wss://c" {
		t.Errorf("client URLs: %+v", c.ClientURLs)
	}
	if len(c.ClientConfigs) != 2 || c.ClientConfigs[0].Value != "ORDERS="+filepath.Join(folder, "deploy") || c.ClientConfigs[1].Value != filepath.Join(folder, "a=b") {
		t.Errorf("client configs: %+v", c.ClientConfigs)
	}
	if strings.Join(c.Resolvers, " ") != "10.0.0.53 [2001:db8::53]:5353" {
		t.Errorf("resolvers: %q", c.Resolvers)
	}
	o := c.Overrides
	if len(o) != 2 || o[0].Match != "BATCH-*" || *o[0].ThresholdPercent != 90 || *o[0].MinConnections != 20 || o[0].CriticalPercent != nil || *o[1].CriticalPercent != 99 {
		t.Errorf("overrides: %+v", o)
	}
	a := c.Accepted
	if len(a) != 2 || a[0].Account != "LEGACY" || a[0].Cluster != "C1" || a[0].Reason != "moves in Q1, OPS-123" || a[0].Origin != path+":20" ||
		!a[0].Expires.Equal(time.Date(2027, 1, 31, 0, 0, 0, 0, time.UTC)) || a[1].MaxSharePercent != 90 || a[1].Expires.Day() != 28 {
		t.Errorf("accepted: %+v", a)
	}
}

func TestConfigErrorsNameTheLine(t *testing.T) {
	const accepted = "version: 1\naccepted:\n- account: A\n  cluster: C\n  reason: R\n  expires: "
	for text, want := range map[string]string{
		"":                             "c.yaml:1: the file is empty: it must have version: 1",
		"# nothing\n":                  "c.yaml:1: the file is empty",
		"---\n":                        "c.yaml:2: the file is not a mapping",
		"- a":                          "c.yaml:1: the file is not a mapping: pass KEY: VALUE of accepted, accounts, ",
		"text":                         "c.yaml:1: the file is not a mapping",
		"threshold: 70":                "c.yaml:1: the file has no version: add it",
		"version: 2":                   "version is 2: this program reads version 1",
		"version: one":                 "c.yaml:1: version is not a whole number",
		"version: 1\nversion: 1":       "c.yaml:2: version is there twice: leave one",
		"version: 1\nthresholds: 70":   `c.yaml:2: the file has no key "thresholds": pass one of accepted, `,
		"version: 1\n\nthreshold: 100": "c.yaml:3: threshold is 100: pass a whole number from 1 to 99",
		"version: 1\nthreshold: '70'":  "c.yaml:2: threshold is not a whole number",
		"version: 1\nthreshold: 70.5":  "c.yaml:2: threshold is not a whole number",
		"version: 1\nthreshold: 0x46":  "c.yaml:2: threshold is not a whole number",
		"version: 1\nthreshold: 070":   "c.yaml:2: threshold is not a whole number",
		"version: 1\nthreshold: -1":    "c.yaml:2: threshold is not a whole number",
		"version: 1\nthreshold: 99999999999999999999":                 "c.yaml:2: threshold is not a whole number",
		"version: 1\nthreshold: !!int '70'":                           "c.yaml:2: threshold is not a whole number",
		"version: 1\nthreshold: [70]":                                 "c.yaml:2: threshold is not a whole number",
		"version: 1\nthreshold:":                                      "c.yaml:2: threshold is not a whole number",
		"version: 1\nmin-servers: 1":                                  "c.yaml:2: min-servers is 1: pass a whole number of 2 or more",
		"version: 1\ncritical: 0":                                     "c.yaml:2: critical is 0: pass a whole number from 1 to 100, or leave it out",
		"version: 1\n a: 2":                                           "c.yaml:2: it is not YAML: mapping values are not allowed",
		"version: 1\nreview: [1":                                      "it is not YAML: ",
		"version: 1\n\treview: 1":                                     "it is not YAML: ",
		"version: 1\nreview: \"\\q\"":                                 "it is not YAML: ",
		"version: 1\n---\nversion: 1":                                 "the file has several documents: leave one, without ---",
		"version: &a 1":                                               "c.yaml:1: version has an anchor or an alias: write it out",
		"version: 1\nx: &a [1]":                                       `the file has no key "x"`,
		"version: 1\naccounts: &a []":                                 "c.yaml:2: accounts has an anchor or an alias",
		"version: 1\naccounts: *a":                                    "c.yaml:2: it is not YAML: unknown anchor",
		"version: 1\n<<: {review: 1}":                                 `c.yaml:2: the file has no key "<<"`,
		"version: 1\n? [a]\n: b":                                      "c.yaml:2: the file has no key",
		"version: 1\nresolvers:":                                      "c.yaml:2: resolvers is not a list",
		"version: 1\nresolvers: 10.0.0.1":                             "c.yaml:2: resolvers is not a list: pass lines that begin with a dash, or [A, B]",
		"version: 1\nresolvers: !x [a]":                               "c.yaml:2: resolvers is not a list",
		"version: 1\nresolvers:\n- 1":                                 "c.yaml:3: a resolver is not text, but 1: put it in quotes",
		"version: 1\nresolvers:\n- a:b:c":                             "c.yaml:3: resolver",
		"version: 1\nresolvers: [" + strings.Repeat("a,", 1001) + "]": "c.yaml:2: resolvers has 1,001 entries: pass at most 1,000",

		"version: 1\nclient-urls:\n- nats://a":                            "c.yaml:3: an entry of client-urls is not a mapping",
		"version: 1\nclient-urls:\n- account: A":                          "c.yaml:3: an entry of client-urls has no urls: add it",
		"version: 1\nclient-urls:\n- urls: []":                            "c.yaml:3: urls is empty",
		"version: 1\nclient-urls:\n- urls:\n  - a\n  - http://u:sEcret@b": "c.yaml:5: a URL has a scheme that NATS clients do not have: pass nats, tls, ws, wss, mqtt or mqtts",
		"version: 1\nclient-urls:\n- urls: ['nats://u:sEcret@b:4222,c']":  "c.yaml:3: a URL has a comma: pass each URL as an entry of urls",
		"version: 1\nclient-urls:\n- urls: ['nats://a:port']":             "c.yaml:3: a URL has an invalid port",
		"version: 1\nclient-urls:\n- urls: [a, 'u:sEcret@b']":             "c.yaml:3: urls URL 2 of 2 has a reserved character in its credentials",
		"version: 1\nclient-urls:\n- {account: A=B, urls: [a]}":           "c.yaml:3: account has one of = : /",
		"version: 1\nclient-urls:\n- {account: '', urls: [a]}":            "c.yaml:3: account is empty: pass one",
		"version: 1\nclient-urls:\n- {account: 12, urls: [a]}":            "c.yaml:3: account is not text, but 12: put it in quotes",
		"version: 1\nclient-configs:\n- {path: nowhere}":                  "c.yaml:3: path nowhere: ",
		"version: 1\nclient-configs:\n- {account: A}":                     "c.yaml:3: an entry of client-configs has no path",

		"version: 1\naccounts:\n- threshold: 70":                                              "c.yaml:3: an entry of accounts has no match: add it",
		"version: 1\naccounts:\n- match: A":                                                   "c.yaml:3: an entry of accounts changes nothing: pass one of threshold, min-servers",
		"version: 1\naccounts:\n- match: A\n  review: 100":                                    "c.yaml:4: review is 100: pass a whole number from 1 to 99",
		"version: 1\naccounts:\n- {match: A, review: 1, all: true}":                           `c.yaml:3: an entry of accounts has no key "all": pass one of critical, match, `,
		"version: 1\naccepted:\n- {account: A, cluster: C, expires: 2027-01-31}":              "c.yaml:3: an entry of accepted has no reason: add it",
		"version: 1\naccepted:\n- {account: A, cluster: C, reason: ' ', expires: 2027-01-31}": "c.yaml:3: reason is empty: pass one",
		"version: 1\naccepted:\n- {account: A, cluster: C, reason: R}":                        "c.yaml:3: an entry of accepted has no expires: add it",
		"version: 1\naccepted:\n- {account: A, reason: R, expires: 2027-01-31}":               "c.yaml:3: an entry of accepted has no cluster: add it",
		accepted + "2027-02-30":                                                               `c.yaml:6: expires is "2027-02-30", which is not a day: pass the last day`,
		accepted + "soon":                                                                     `c.yaml:6: expires is "soon", which is not a day`,
		accepted + "2027-01-31T10:00:00Z":                                                     `c.yaml:6: expires is "2027-01-31T10:00:00Z", which is not a day`,
		accepted + "20270131":                                                                 "c.yaml:6: expires is not text, but 20270131",
		accepted + "31.01.2027":                                                               "c.yaml:6: expires is \"31.01.2027\", which is not a day",
		accepted + "2027-01-31\n  max-share: 0":                                               "c.yaml:7: max-share is 0: pass a whole number from 1 to 100",
		accepted + "2027-01-31\n  max-share: 101":                                             "c.yaml:7: max-share is 101: pass a whole number from 1 to 100",
	} {
		c, err := Parse("c.yaml", []byte(text))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, %+v; want %s", text, err, c, want)
			continue
		}
		if strings.Contains(err.Error(), "sEcret") || !strings.HasPrefix(err.Error(), "c.yaml:") || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// However it is made, a file of the largest size takes no longer than a blink.
func TestConfigBombs(t *testing.T) {
	t.Parallel()
	bomb := "version: 1\na: &a [x, x, x, x, x, x, x, x, x]\n"
	for c := 'b'; c < 'z'; c++ {
		bomb += string(c) + ": &" + string(c) + " [" + strings.Repeat("*"+string(c-1)+", ", 9) + "]\n"
	}
	for name, text := range map[string]string{
		"aliases": bomb,
		"deep":    strings.Repeat("[", MaxBytes),
		"deeper":  strings.Repeat("- ", MaxBytes/2),
		"keys":    strings.Repeat("? ", MaxBytes/2),
		"braces":  strings.Repeat("{a: ", MaxBytes/4),
		"text":    strings.Repeat("a", MaxBytes),
		"lines":   strings.Repeat("a\n", MaxBytes/2),
		"quotes":  "\"" + strings.Repeat("\n", MaxBytes-1),
		"anchors": strings.Repeat("&a ", MaxBytes/3),
		"tags":    strings.Repeat("!a ", MaxBytes/3),
	} {
		start := time.Now()
		if _, err := Parse("c.yaml", []byte(text)); err == nil {
			t.Errorf("%s: no error", name)
		}
		if took := time.Since(start); took > 30*time.Second {
			t.Errorf("%s took %s", name, took)
		} else {
			t.Logf("%s took %s", name, took)
		}
	}
}

func FuzzConfig(f *testing.F) {
	f.Add([]byte(wholeConfig))
	f.Add([]byte("version: 1\naccepted: [{account: A, cluster: '*', reason: R, expires: 2027-01-31}]"))
	f.Add([]byte("version: 1\nclient-urls: [{urls: ['nats://u:p@h']}]"))
	f.Add([]byte("? [&a *a]\n: !!binary |\n  a\n--- >-\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := Parse("c.yaml", text)
		if err != nil {
			if !strings.HasPrefix(err.Error(), "c.yaml:") {
				t.Errorf("%v", err)
			}
			return
		}
		for _, l := range c.ClientURLs {
			if _, err := clienturl.ParseFlag(l.Value); err != nil {
				t.Errorf("what was read is refused: %v", err)
			}
		}
		for _, r := range c.Resolvers {
			if _, err := dnscheck.Resolver(r); err != nil {
				t.Errorf("what was read is refused: %v", err)
			}
		}
		for _, a := range c.Accepted {
			if a.Account == "" || a.Cluster == "" || strings.TrimSpace(a.Reason) == "" || a.Expires.IsZero() && a.Expires.Year() != 1 {
				t.Errorf("%+v", a)
			}
		}
	})
}

// The file that the documentation shows can be read, and so can each sentence
// about what is wrong be had.
func TestConfigOfTheDocumentation(t *testing.T) {
	page, err := os.ReadFile("../../docs/config.md")
	if err != nil {
		t.Fatal(err)
	}
	_, example, _ := strings.Cut(string(page), "```yaml\n")
	example, _, _ = strings.Cut(example, "```")
	folder := t.TempDir()
	if err := os.Mkdir(filepath.Join(folder, "deploy"), 0o700); err != nil {
		t.Fatal(err)
	}
	c, err := Parse(filepath.Join(folder, "nats-balance.yaml"), []byte(example))
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Thresholds) != 5 || len(c.ClientURLs) != 2 || len(c.ClientConfigs) != 1 || len(c.Resolvers) != 2 || len(c.Overrides) != 2 || len(c.Accepted) != 2 {
		t.Errorf("%+v", c)
	}
	_, err = Parse("nats-balance.yaml", []byte("version: 1\n\nthreshold: 100"))
	if sentence := fmt.Sprintf("nats-balance: --config %v, see nats-balance audit concentration --help", err); !strings.Contains(string(page), "\n"+sentence+"\n") {
		t.Errorf("the page does not show: %s", sentence)
	}
}
