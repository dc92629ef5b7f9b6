package words

import (
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"
)

func TestHarmless(t *testing.T) {
	long := strings.Repeat("x", 255)
	for _, c := range []struct{ name, in, want string }{
		// What stays as it is.
		{"empty", "", ""},
		{"plain", "ORDERS", "ORDERS"},
		{"spaces", " a  b ", " a  b "},
		{"punctuation", `$G "a" \n <b> & 'c'`, `$G "a" \n <b> & 'c'`},
		{"accents", "Größe é", "Größe é"},
		{"accents of their own", "e\u0301a\u0323\u0302", "e\u0301a\u0323\u0302"},
		{"CJK", "注文サービス", "注文サービス"},
		{"emoji", "🚀 prod", "🚀 prod"},
		{"Hindi", "हिन्दी", "हिन्दी"},
		{"Hebrew", "שלום", "שלום"},
		{"replacement character", "a\ufffdb", "a\ufffdb"},
		{"256 characters", long + "y", long + "y"},
		{"mail address", "ops@example.com", "ops@example.com"},
		{"mail addresses", "a@b,c@d", "a@b,c@d"},
		{"URL", "nats://host:4222", "nats://host:4222"},
		{"URLs", "nats://h1:4222,tls://h2,wss://[::1]:443/path", "nats://h1:4222,tls://h2,wss://[::1]:443/path"},
		{"URL and a mail address", "nats://h1:4222 is run by ops@example.com", "nats://h1:4222 is run by ops@example.com"},
		{"refused", "nats://h1:4222: connection refused, ask ops@example.com", "nats://h1:4222: connection refused, ask ops@example.com"},

		// What can't be seen, or does something.
		{"ANSI", "\x1b[31mred\x1b[0m", `\x1b[31mred\x1b[0m`},
		{"OSC 8 link", "\x1b]8;;http://evil\x1b\\here\x1b]8;;\x07", `\x1b]8;;http://evil\x1b\here\x1b]8;;\x07`},
		{"C1 control", "a\u009b31mb\u0085c", `a\u009b31mb\u0085c`},
		{"C1 byte", "a\x9b31mb", `a\x9b31mb`},
		{"DEL and NUL", "a\x7fb\x00c", `a\x7fb\x00c`},
		{"lines", "a\r\nFinding: none\n\vb\f", `a\x0d\x0aFinding: none\x0a\x0bb\x0c`},
		{"tab", "a\tb", `a\x09b`},
		{"backspace", "good\b\b\b\bevil", `good\x08\x08\x08\x08evil`},
		{"bidi", "a\u202eb\u2066c\u200fd\u061ce", `a\u202eb\u2066c\u200fd\u061ce`},
		{"zero width", "a\u200bb\u200cc\u200dd\u2060e\u00adf", `a\u200bb\u200cc\u200dd\u2060e\u00adf`},
		{"BOM", "\ufeffa", `\ufeffa`},
		{"tags", "a\U000e0041\U000e007f", `a\U000e0041\U000e007f`},
		{"variation selectors", "❤\ufe0f a\U000e0100", `❤\ufe0f a\U000e0100`},
		{"fillers", "a\u3164b\u115fc\uffa0d\u034fe", `a\u3164b\u115fc\uffa0d\u034fe`},
		{"blanks", "a\u00a0b\u2800c\u3000d\u2003e\u1680f", `a\u00a0b\u2800c\u3000d\u2003e\u1680f`},
		{"separators", "a\u2028b\u2029c", `a\u2028b\u2029c`},
		{"private and unassigned", "a\ue000b\uffffc\U0010ffffd", `a\ue000b\uffffc\U0010ffffd`},
		{"invalid UTF-8", "a\xffb\xc3", `a\xffb\xc3`},
		{"surrogate", "a\xed\xa0\x80b", `a\xed\xa0\x80b`},
		{"overlong", "a\xc0\xafb", `a\xc0\xafb`},
		{"a mark on nothing", "\u0301a \u0301b", `\u0301a \u0301b`},
		{"a tower of marks", "a" + strings.Repeat("\u0301", 5), "a" + strings.Repeat("\u0301", 3) + `\u0301` + "\u0301"},
		{"257 characters", long + "yz", long + "…"},
		{"very long", strings.Repeat("長", 5_000), strings.Repeat("長", 255) + "…"},
		{"very long escapes", strings.Repeat("\x1b", 5_000), strings.Repeat(`\x1b`, 63) + `\x1…`},

		// Credentials.
		{"user and password", "nats://user:pass@host:4222", "nats://host:4222"},
		{"and a mail address", "nats://user:pass@host is run by ops@example.com", "nats://host is run by ops@example.com"},
		{"token", "nats://s3cr3t@host", "nats://host"},
		{"empty user", "tls://:pass@host", "tls://host"},
		{"several", "nats://a:b@h1,nats://c:d@h2", "nats://h1,nats://h2"},
		{"several with spaces", "nats://a:b@h1, tls://c:d@h2", "nats://h1, tls://h2"},
		{"several, one without", "nats://h0:4222,nats://c:d@h2,nats://h3", "nats://h0:4222,nats://h2,nats://h3"},
		{"one scheme for several", "nats://a:b@h1:4222,c:d@h2:4222,h3", "nats://h1:4222,h2:4222,h3"},
		{"one user for several", "nats://a:b@h1,h2,h3", "nats://h1,h2,h3"},
		{"quoted", `dial "nats://a:b@h1","nats://c:d@h2": refused`, `dial "nats://h1","nats://h2": refused`},
		{"in brackets", "[nats://a:b@h1 nats://c:d@h2] (nats://e:f@h3)", "[nats://h1 nats://h2] (nats://h3)"},
		{"an assignment", "NATS_URL=nats://a:b@h1", "NATS_URL=nats://h1"},
		{"@ in the password", "nats://user:p@ss@host", "nats://host"},
		{"@@", "nats://user:p@@@host", "nats://host"},
		{"/ in the password", "nats://user:pa/ss@host:4222", "nats://host:4222"},
		{"// in the password", "nats://user:pa//ss@host", "nats://host"},
		{"? and # in the password", "nats://user:p?a#ss@host", "nats://host"},
		{"comma in the password", "nats://user:pa,ss@host", "nats://host"},
		{"comma in the token", "nats://to,ken@host", "nats://host"},
		{"' in the password", "nats://user:pa'ss@host", "nats://host"},
		{`" in the password`, `nats://user:pa"ss@host`, "nats://host"},
		{"a scheme in the password", "nats://user:p://ss@host", "nats://host"},
		{"a space in the password", "nats://user:pa ss@host, server n1", "nats://host, server n1"},
		{"a space in a quoted password", `parse "nats://user:12 34@host": net/url: invalid userinfo`, `parse "nats://host": net/url: invalid userinfo`},
		{"a tab in the password", "nats://user:pa\tss@host", "nats://host"},
		{"a control in the password", "nats://user:pa\x00\x1bss@host", "nats://host"},
		{"an invisible space in the password", "nats://user:pa\u00a0ss@host", "nats://host"},
		{"percent", "nats://us%40er:p%2Fss@host", "nats://host"},
		{"no scheme", "user:pass@host:4222", "host:4222"},
		{"no scheme, several", "a:b@h1:4222,c:d@h2:4222", "h1:4222,h2:4222"},
		{"no scheme, @ in the password", "user:p@ss@host", "host"},
		{"no scheme, in a sentence", "could not reach user:pass@host:4222", "could not reach host:4222"},
		{"IPv6", "nats://user:pass@[::1]:4222", "nats://[::1]:4222"},
		{"other schemes", "socks5://a:b@p:1080 mqtt+tls://t@h", "socks5://p:1080 mqtt+tls://h"},
		{"upper case", "NATS://U:P@H", "NATS://H"},
		{"behind what is cut off", "nats://user:" + strings.Repeat("p", 1000) + "@host", "nats://host"},
		{"two @ with a list", "nats://u:p@x@h1,nats://h2", "nats://h1,nats://h2"},
		// Too much rather than too little.
		{"@ in the path", "https://host/path@v1", "https://v1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := Harmless(c.in)
			if got != c.want {
				t.Errorf("Harmless(%q)\n got %q\nwant %q", c.in, got, c.want)
			}
			checkHarmless(t, c.in)
		})
	}
}

// Long hostile strings, which a careless search goes through over and over,
// take about as long as others.
func TestHarmlessIsLinear(t *testing.T) {
	fastest := func(s string) time.Duration {
		in, best := strings.Repeat(s, 1<<15/len(s))+"@", time.Hour
		for range 3 {
			start := time.Now()
			Harmless(in)
			best = min(best, time.Since(start))
		}
		return best
	}
	usual := fastest("a@ ")
	for _, s := range []string{"a@,", "x@" + strings.Repeat("a", 1000) + "!,"} {
		if took := fastest(s); took > 40*usual {
			t.Errorf("%.20q…: %v, others %v", s, took, usual)
		}
	}
}

func TestHarmlessText(t *testing.T) {
	in := strings.Repeat("word ", 1000) + "\x1bnats://a:b@h"
	if got, want := HarmlessText(in), strings.Repeat("word ", 1000)+`\x1bnats://h`; !strings.HasSuffix(got, "h") || got == in || len(got) > len(want) || strings.Contains(got, "a:b") {
		t.Errorf("got %q", got)
	}
	if got := utf8.RuneCountInString(Sentence(in)); got != longestSentence {
		t.Errorf("a sentence of %d characters", got)
	}
}

// userinfo is what must not be left, told in another way than redact does.
var userinfo = regexp.MustCompile(`://[^ ]*@|(^| )[^ @,]*:[^ @,]*@`)

// checkHarmless holds what is so of whatever Harmless returns.
func checkHarmless(t *testing.T, in string) {
	t.Helper()
	got := Harmless(in)
	switch n := utf8.RuneCountInString(got); {
	case !utf8.ValidString(got):
		t.Errorf("%q is no valid UTF-8", got)
	case n > longest:
		t.Errorf("%q has %d characters", got, n)
	case userinfo.MatchString(got):
		t.Errorf("%q has credentials", got)
	case Harmless(got) != got:
		t.Errorf("%q becomes %q the second time", got, Harmless(got))
	}
	for _, r := range got {
		if r != ' ' && !unicode.IsGraphic(r) || unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Co, unicode.Cs) {
			t.Errorf("%q has %U", got, r)
		}
	}
	text := HarmlessText(in)
	if userinfo.MatchString(text) {
		t.Errorf("the text %q has credentials", text)
	}
	if HarmlessText(text) != text {
		t.Errorf("the text %q becomes %q the second time", text, HarmlessText(text))
	}
}

// FuzzHarmless also runs its seeds as a test.
func FuzzHarmless(f *testing.F) {
	for _, s := range []string{"", "\x1b[31m", "a\u202eb", "nats://a:b@c", "a:b@c,d:e@f", `"nats://a b@c"`, "nats://u:p w@u:p x@h",
		"x@y,q:r@s,t@u", "\xff\xfe", "e\u0301\u0301\u0301\u0301", "a://b,c@d e:f g@h", `"a://b@c" d@e"`,
		`"nats://a /a b@c"b@c"`, "a:b@\u0325c", "m\ufe0f\u0325\u0325\u0325\u0325"} {
		f.Add(s)
	}
	f.Add(strings.Repeat("nats://a:b@c,", 50))
	f.Add(strings.Repeat("@:", 300))
	f.Fuzz(checkHarmless)
}
