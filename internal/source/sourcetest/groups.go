package sourcetest

import (
	"fmt"
	"maps"
	"testing"

	"github.com/nats-balance/nats-balance/checks"
)

// Counts are the counts of groups by key; those together are "…".
func Counts(groups []checks.Group) map[string]string {
	out := map[string]string{}
	for _, g := range groups {
		key := g.Key
		if g.Other {
			key = "…"
		}
		out[key] = fmt.Sprint(g.Counts)
	}
	return out
}

// Expect checks counts.
func Expect(t testing.TB, what string, got, want map[string]string) {
	t.Helper()
	if !maps.Equal(got, want) {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

// Sum adds up counts.
func Sum(counts []int) int {
	n := 0
	for _, c := range counts {
		n += c
	}
	return n
}

// Total is how many connections are in groups, and how many groups there are.
func Total(groups []checks.Group) (connections, n int) {
	for _, g := range groups {
		connections += Sum(g.Counts)
	}
	return connections, len(groups)
}
