package words

import (
	"os/exec"
	"strings"
	"testing"
)

func TestCounts(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]string{0: "0", 7: "7", 999: "999", 1_000: "1,000", 1_400: "1,400", 12_345: "12,345", 123_456: "123,456",
		1_234_567: "1,234,567", -1: "-1", -999: "-999", -1_400: "-1,400", -123_456: "-123,456"} {
		if got := Count(n); got != want {
			t.Errorf("%d is %s, want %s", n, got, want)
		}
	}
	for n, want := range map[int]string{0: "0 batches", 1: "1 batch", 2: "2 batches", 1_400: "1,400 batches"} {
		if got := Plurals(n, "batch", "batches"); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	if one, many := Plural(1, "server"), Plural(1_400, "server"); one != "1 server" || many != "1,400 servers" {
		t.Error(one, many)
	}
}

func TestLists(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ all, list, or, upTo3 string }{
		{"", "", "", ""},
		{"a", "a", "a", "a"},
		{"a b", "a and b", "a or b", "a and b"},
		{"a b c", "a, b and c", "a, b or c", "a, b and c"},
		{"a b c d", "a, b, c and d", "a, b, c or d", "a, b and 2 more"},
		{strings.Repeat("x ", 1_402), "", "", "x, x and 1,400 more"},
	} {
		all := strings.Fields(c.all)
		if c.list != "" || len(all) == 0 {
			if got := List(all); got != c.list {
				t.Errorf("%q, want %q", got, c.list)
			}
			if got := Or(all); got != c.or {
				t.Errorf("%q, want %q", got, c.or)
			}
		}
		if got := ListUpTo(3, all); got != c.upTo3 {
			t.Errorf("%q, want %q", got, c.upTo3)
		}
	}
	for _, c := range []struct{ all, oneOf, first2 string }{
		{"", "", ""}, {"a", "a", "a"}, {"a b", "a or b", "a, b"}, {"a b c", "one of a, b, c", "a, b, …"},
	} {
		all := strings.Fields(c.all)
		if oneOf, first := OneOf(all), FirstOf(2, all); oneOf != c.oneOf || first != c.first2 {
			t.Errorf("%q and %q, want %q and %q", oneOf, first, c.oneOf, c.first2)
		}
	}
	if got := UpperFirst("") + UpperFirst("in C1"); got != "In C1" {
		t.Error(got)
	}
}

// TestShell has a real shell read back what was quoted.
func TestShell(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{"": "''", "ORDERS": "ORDERS", "A=nats://h:4222": "A=nats://h:4222", "=x": "'=x'", "a b": "'a b'", "it's": `'it'\''s'`, "é": "'é'"} {
		if got := Shell(in); got != want {
			t.Errorf("%q is %s, want %s", in, got, want)
		}
	}
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("no shell is at hand")
	}
	for _, s := range []string{"", "it's", `"q"`, "$(touch x)", "`id`", "a;b&c|d>e", "*", "~", "#x", `back\slash`, "a\nb", "{a,b}", "!!"} {
		out, err := exec.Command(sh, "-c", "printf '%s.' "+Shell(s)).Output()
		if err != nil || string(out) != s+"." {
			t.Errorf("%q arrives as %q: %v", s, out, err)
		}
	}
}

func TestCutAndShorten(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		in             string
		most           int
		cut, shortened string
	}{
		{"abc", 3, "abc", "abc"},
		{"abcd", 3, "abc", "ab…"},
		{"長長", 4, "長", "長長"},
		{"長長長", 2, "", "長…"},
		{"a長", 2, "a", "a長"},
	} {
		if got := Cut(c.in, c.most); got != c.cut {
			t.Errorf("%q cut to %d bytes: %q, want %q", c.in, c.most, got, c.cut)
		}
		if got := Shorten(c.in, c.most); got != c.shortened {
			t.Errorf("%q shortened to %d characters: %q, want %q", c.in, c.most, got, c.shortened)
		}
	}
}

// TestPlainIsNotCopied keeps names as they are without work for each character.
func TestPlainIsNotCopied(t *testing.T) {
	if n := testing.AllocsPerRun(100, func() { Harmless("ORDERS-eu-west-1") }); n > 0 {
		t.Errorf("%v allocations", n)
	}
	if IsPrintable("a\u202eb") || !IsPrintable("é ü") {
		t.Error("IsPrintable does not agree with Printable")
	}
}

func TestFew(t *testing.T) {
	t.Parallel()
	for want, all := range map[string][]string{"a": {"a"}, "a, b and c": {"a", "b", "c"}, "a, b, c and 2 more": {"a", "b", "c", "d", "e"}} {
		if got := Few(all); got != want {
			t.Errorf("Few(%q) = %q, want %q", all, got, want)
		}
	}
}
