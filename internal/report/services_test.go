package report

import (
	"fmt"
	"testing"
)

// A cell of CSV says where services are left out.
func TestServicesCellSaysWhatItLeavesOut(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]string{
		2: "s0 9, s1 8", 3: "s0 9, s1 8, s2 7", 5: "s0 9, s1 8, s2 7, … 2 more",
	} {
		var all []Service
		for i := range n {
			name := fmt.Sprint("s", i)
			all = append(all, Service{Name: &name, Counts: []ServiceCount{{ServerRef{ID: "N1"}, ptr(9 - i)}}})
		}
		if got := servicesCell(all, "N1"); got != want {
			t.Errorf("%d: %q, want %q", n, got, want)
		}
	}
}

// Brackets of a sentence stay outside of what stands as code.
func TestMarkdownBrackets(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]string{
		"unnamed (127.0.0.0/24) 3; x 2.": "unnamed (`127.0.0.0/24`) 3; x 2.",
		"(a*b).":                         "(`a*b`).",
		"(a*b) (c*d)":                    "`(a*b) (c*d)`",
		"2. of them":                     "`2`. of them",
		"()":                             "`()`",
		"[x](a*b)":                       "`[x](a*b)`",
	} {
		if got := mdSentence(s); got != want {
			t.Errorf("%q: %q, want %q", s, got, want)
		}
	}
}
