package dnscheck

import (
	"slices"
	"strings"
	"testing"
)

func TestCandidates(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a.", 120) + "example"
	for _, c := range []struct {
		name   string
		ndots  int
		search []string
		want   []string
	}{
		{"a", 1, nil, []string{"a."}},
		{"a", 1, []string{"."}, []string{"a."}},
		{"a", 1, []string{"x", "#", "x"}, []string{"a.x.", "a."}},
		{"a", 0, []string{"x"}, []string{"a.", "a.x."}},
		{"a.b.c", 2, []string{"x"}, []string{"a.b.c.", "a.b.c.x."}},
		{"a.b", 2, []string{".x."}, []string{"a.b.x.", "a.b."}},
		{"a.b", 1, []string{"x", "."}, []string{"a.b.", "a.b.x."}},
		{"a", 1, []string{long}, []string{"a." + long + ".", "a."}},
		{"aaaa.bbbb", 5, []string{long}, []string{"aaaa.bbbb."}},
	} {
		got, _ := candidates(Config{Search: c.search, Ndots: c.ndots}, c.name)
		if !slices.Equal(got, c.want) {
			t.Errorf("%s, ndots %d, search %q: %q, want %q", c.name, c.ndots, c.search, got, c.want)
		}
	}
}

func TestNamesThatNeedNoResolver(t *testing.T) {
	t.Parallel()
	server := refused
	for _, c := range []struct {
		name      string
		addresses string
		verdict   Verdict
	}{
		{"192.0.2.1", "192.0.2.1", Single},
		{"2001:db8::1", "2001:db8::1", Single},
		{"localhost", "127.0.0.1 ::1", Several},
		{"LocalHost.", "127.0.0.1 ::1", Several},
		{"nats.localhost", "127.0.0.1 ::1", Several},
	} {
		a := want(t, look(t, Config{Resolvers: []string{server}}, c.name), c.verdict, c.addresses, "")
		if a.Queries != 0 || a.Resolver != "" {
			t.Errorf("%s: %d queries to %q, want none", c.name, a.Queries, a.Resolver)
		}
	}
}

func TestNamesThatAreNone(t *testing.T) {
	t.Parallel()
	for name, detail := range map[string]string{
		"":                              "empty",
		".":                             "empty",
		"a..b":                          "an empty label",
		".a":                            "an empty label",
		"a b":                           "the character ' '",
		"a\x1b[31m":                     `'\x1b'`,
		"[::1]":                         "the character '['",
		`a\.b`:                          "the character",
		"bücher.example":                `not ASCII`,
		"a\xff.example":                 "not ASCII",
		strings.Repeat("a", 64):         "64 characters, more than 63",
		strings.Repeat("a.", 127) + "b": "255 characters, more than 253",
	} {
		res := look(t, Config{Resolvers: []string{refused}}, name)
		if res.Verdict != Unknown || res.Complete || len(res.Answers) != 0 || !strings.Contains(res.Detail, detail) {
			t.Errorf("%q: %s, %q; want unknown with %q", name, res.Verdict, res.Detail, detail)
		}
	}
	if err := checkName(strings.Repeat("a.", 126) + "b."); err != nil {
		t.Errorf("a name of 253 characters: %v", err)
	}
}
