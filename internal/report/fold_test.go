package report

import "testing"

func TestFolded(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		line, indent string
		columns      int
		want         string
	}{
		{"", "  ", 10, ""},
		{"one two three", "  ", 0, "one two three"},
		{"one two three", "  ", 13, "one two three"},
		{"one two three", "  ", 12, "one two\n  three"},
		{"  one two three", "  ", 7, "  one\n  two\n  three"},
		{"- one two", "  ", 5, "- one\n  two"},
		{"one nats://nats.example:4222 two", "  ", 10, "one\n  nats://nats.example:4222\n  two"},
		{"a  b", "", 3, "a\nb"},
		{"漢字 漢字", "", 8, "漢字\n漢字"},
	} {
		if got := Folded(c.line, c.indent, c.columns); got != c.want {
			t.Errorf("%q in %d columns: got %q, want %q", c.line, c.columns, got, c.want)
		}
	}
}
