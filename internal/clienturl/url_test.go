package clienturl

import (
	"strings"
	"testing"

	"github.com/nats-balance/nats-balance/checks"
)

func TestFlag(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]string{
		"nats://a:4222":                "nats://a:4222",
		"nats://a":                     "nats://a:4222",
		"a":                            "nats://a:4222",
		"a:":                           "nats://a:4222",
		"a:4333":                       "nats://a:4333",
		"NATS://A.Example.COM":         "nats://a.example.com:4222",
		"tls://a":                      "tls://a:4222",
		"ws://a":                       "ws://a:80",
		"wss://a/path?x=y#z":           "wss://a:443/path",
		"u:p@a,nats://t@b:1,c":         "nats://a:4222 nats://b:1 nats://c:4222",
		" nats://a , nats://b ":        "nats://a:4222 nats://b:4222",
		"nats://u:p@x@a:4222":          "nats://a:4222",
		"nats://10.0.0.1":              "nats://10.0.0.1:4222 literal",
		"nats://[2001:DB8:0::1]:65535": "nats://[2001:db8::1]:65535 literal",
		"nats://[fe80::1%25eth0]":      "nats://[fe80::1%25eth0]:4222 literal",
		"ORDERS=nats://a":              "ORDERS: nats://a:4222",
		"my account=a,b":               "my account: nats://a:4222 nats://b:4222",
		"nats://u:p=q@a":               "nats://a:4222",
		"A=nats://u:p=q@a":             "A: nats://a:4222",
		"a_b.svc.cluster.local.:4222,[::ffff:1.2.3.4]": "nats://a_b.svc.cluster.local.:4222 nats://[::ffff:1.2.3.4]:4222 literal",
	} {
		list, err := ParseFlag(value)
		if err != nil {
			t.Errorf("%q: %v", value, err)
			continue
		}
		var got []string
		for _, e := range list.Endpoints {
			text := e.URL
			if e.Literal {
				text += " literal"
			}
			got = append(got, text)
			if e.Host == "" || e.Port < 1 || !strings.HasPrefix(e.URL, e.Scheme+"://") {
				t.Errorf("%q: endpoint %+v", value, e)
			}
		}
		text := strings.Join(got, " ")
		if list.Account != "" {
			text = list.Account + ": " + text
		}
		if text != want || list.Origin != "--client-url" || list.Ordered != checks.Unknown || list.Hint {
			t.Errorf("%q: got %s in %+v, want %s", value, text, list, want)
		}
	}
}

func TestFlagThatIsWrong(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]string{
		"":                        "is empty",
		"nats://a,":               "URL 2 of 2 is empty",
		"=nats://a":               "no account before the =",
		"A\x1b=nats://a":          "an account with a control character",
		"A=":                      "is empty",
		"http://s3cret@a":         "pass nats, tls, ws, wss, mqtt or mqtts",
		"nats-route://a:6222":     "pass nats, tls, ws, wss, mqtt or mqtts",
		"nats://":                 "has no host",
		"nats://u:s3cret@:4222":   "has no host",
		"nats://u:s3cret":         "invalid port",
		"nats://a:0":              "invalid port",
		"nats://a:65536":          "invalid port",
		"nats://a:+1":             "invalid port",
		"nats://a:1:2":            "invalid port",
		"nats://::1":              "without brackets",
		"nats://[::1":             "neither a name nor an address",
		"nats://[a]:4222":         "neither a name nor an address",
		"nats://[1.2.3.4]:4222":   "neither a name nor an address",
		"nats://[::1]4222":        "invalid port",
		"nats://a b":              "a space or a control character",
		"nats://a\x00":            "a space or a control character",
		"nats://a\u009b":          "a space or a control character",
		"nats://bücher":           "neither a name nor an address",
		"nats://" + long():        "neither a name nor an address",
		"nats://${HOST}:4222":     "has a placeholder",
		"{{ .Values.x }}":         "a space or a control character",
		"nats://u:s3/cret@a:4222": "reserved character in its credentials",
		"nats://u:s3,cret@a:4222": "URL 1 of 2 has an invalid port",
		"nats://u:12,cret@a:4222": "reserved character in its credentials",
		"u:s3://cret@a":           "pass nats, tls, ws, wss, mqtt or mqtts",
	} {
		list, err := ParseFlag(value)
		if err == nil {
			t.Errorf("%q: no error but %+v", value, list)
			continue
		}
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %q, want %q", value, err, want)
		}
		if strings.Contains(err.Error(), "cret") {
			t.Errorf("%q: error %q has the password", value, err)
		}
	}
}

func long() string { return strings.Repeat("a.", 127) }

func TestAccountOfAFlag(t *testing.T) {
	t.Parallel()
	for value, want := range map[string][2]string{
		"A=deploy/app.yaml": {"A", "deploy/app.yaml"},
		"deploy/a=b.yaml":   {"", "deploy/a=b.yaml"},
		`C:\a=b`:            {"", `C:\a=b`},
		"app.yaml":          {"", "app.yaml"},
		"=app.yaml":         {"", "=app.yaml"},
		"u:p=@host":         {"", "u:p=@host"},
		"A=B=c":             {"A", "B=c"},
	} {
		if account, rest := SplitAccount(value); account != want[0] || rest != want[1] {
			t.Errorf("%q: got %q, %q", value, account, rest)
		}
	}
}

func TestRedact(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]string{
		"nats://u:p@a:4222/x":     "nats://a:4222",
		"nats://t@a,wss://b":      "nats://a:4222,wss://b:443",
		"nats://u:s3cret":         "(a URL that can't be read)",
		"nats://u:12,s3cret@a":    "(a URL that can't be read)",
		"https://u:s3cret@a:4222": "(a URL that can't be read)",
		"":                        "(a URL that can't be read)",
	} {
		if got := Redact(value); got != want {
			t.Errorf("%q: got %q, want %q", value, got, want)
		}
	}
}

func FuzzParseFlag(f *testing.F) {
	for _, value := range []string{"A=nats://u:p@a:4222,b", "nats://[fe80::1%25eth0]", "wss://a/b@c", "a:b@c,d@e", "=,", "u:p=@[::]:1"} {
		f.Add(value)
	}
	f.Fuzz(func(t *testing.T, value string) {
		list, err := ParseFlag(value)
		if err == nil {
			for _, e := range list.Endpoints {
				if again, err := parse(e.URL); err != nil || again.URL != e.URL || again.Host != e.Host {
					t.Fatalf("%q: its %q is not canonical: %+v, %v", value, e.URL, again, err)
				}
				if strings.ContainsFunc(e.URL, isControl) || strings.Contains(e.URL, "@") {
					t.Fatalf("%q: URL %q", value, e.URL)
				}
			}
		}
		// The same with a password before a host.
		secret := "nats://user:" + password + "@" + value
		list, err = ParseFlag(secret)
		if err != nil && strings.Contains(err.Error(), password) || strings.Contains(Redact(secret), password) {
			t.Fatalf("%q: the password is in %v or %q", value, err, Redact(secret))
		}
		for _, e := range list.Endpoints {
			if strings.Contains(e.URL+e.Host, password) {
				t.Fatalf("%q: the password is in %+v", value, e)
			}
		}
	})
}
