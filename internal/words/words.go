// Package words writes the small parts of sentences: counts with thousands
// separators, plurals and lists. It quotes words for a shell and makes strings
// from outside harmless for a person's terminal.
//
// It knows nothing of the project, imports none of its packages, and does not
// decide what is said.
package words

import (
	"strconv"
	"strings"
)

// Count returns a number as people read it: 1,400.
func Count(n int) string {
	s := strconv.Itoa(n)
	first := 0 // of the digits
	if n < 0 {
		first = 1
	}
	if len(s)-first <= 3 {
		return s
	}
	var b strings.Builder
	b.Grow(len(s) + (len(s)-first-1)/3)
	for i := range len(s) {
		if i > first && (len(s)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// Plural returns "1 server" or "1,400 servers".
func Plural(n int, one string) string { return Plurals(n, one, one+"s") }

// Plurals is [Plural] for a word with another plural: "batch", "batches".
func Plurals(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return Count(n) + " " + many
}

// List returns "a", "a and b" or "a, b and c".
func List(all []string) string { return join(all, " and ") }

// Or returns "a", "a or b" or "a, b or c".
func Or(all []string) string { return join(all, " or ") }

// ListUpTo is [List] of at most so many entries, the last of which says how
// many were left out: "a, b, c and 5 more".
func ListUpTo(most int, all []string) string {
	if len(all) <= most {
		return List(all)
	}
	shown := max(1, most-1)
	return strings.Join(all[:shown], ", ") + " and " + Count(len(all)-shown) + " more"
}

// Few is [ListUpTo] four: "a, b, c and 5 more".
func Few(all []string) string { return ListUpTo(4, all) }

// OneOf returns "a", "a or b" or "one of a, b, c", to follow "pass".
func OneOf(all []string) string {
	if len(all) > 2 {
		return "one of " + strings.Join(all, ", ")
	}
	return Or(all)
}

// FirstOf returns at most so many entries, and … where there are more: "a, b, …".
func FirstOf(most int, all []string) string {
	if len(all) <= most {
		return strings.Join(all, ", ")
	}
	return strings.Join(all[:most], ", ") + ", …"
}

func join(all []string, last string) string {
	if len(all) < 2 {
		return strings.Join(all, "")
	}
	return strings.Join(all[:len(all)-1], ", ") + last + all[len(all)-1]
}

// UpperFirst returns a sentence that begins with a capital letter.
func UpperFirst(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}
