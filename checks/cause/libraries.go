package cause

import (
	"slices"
	"strconv"
	"strings"

	"github.com/nats-balance/nats-balance/checks"
)

// habit is what a client library does with the addresses of one name.
type habit int

const (
	habitUnknown  habit = iota
	keepsOrder          // it takes them in the order of the resolver
	shufflesNames       // it takes them in random order
)

// habitOf is the habit of a library, as its source was read. Version is empty
// where it is not known. Java changed it twice: it took the first address up to
// 2.16.8, shuffles all of them up to 2.25.1, and keeps the order since.
func habitOf(language, version string) habit {
	switch strings.ToLower(language) {
	case "go", "c", "nats.js", "javascript", "node", "typescript":
		return shufflesNames
	case "python", "python2", "python3", "rust", ".net", "c#", "csharp", "dotnet":
		return keepsOrder
	case "java":
		switch {
		case version == "":
			return habitUnknown
		case before(version, 2, 16, 9), !before(version, 2, 25, 2):
			return keepsOrder
		}
		return shufflesNames
	}
	return habitUnknown
}

// before reports whether a version is lower than another one.
func before(version string, other ...int) bool {
	parts := strings.FieldsFunc(version, func(r rune) bool { return r < '0' || r > '9' })
	for i, want := range other {
		n := 0
		if i < len(parts) {
			n, _ = strconv.Atoi(parts[i])
		}
		if n != want {
			return n < want
		}
	}
	return false
}

// habits counts the clients of the concentrated server by what their libraries do
// with the addresses of one name, and names those that keep the order.
func (s *Situation) habits() (keep, shuffle int, names []string) {
	count := func(language, version string, n int) {
		switch habitOf(language, version) {
		case keepsOrder:
			keep += n
			if !slices.Contains(names, language) {
				names = append(names, language)
			}
		case shufflesNames:
			shuffle += n
		case habitUnknown:
		}
	}
	for _, g := range s.Profile.Languages {
		if g.Other || g.Counts[0] == 0 {
			continue
		}
		versions := 0
		for _, v := range s.Profile.Versions {
			if language, version, ok := strings.Cut(v.Key, " "); ok && !v.Other && language == g.Key && len(v.Counts) > 0 {
				n := min(v.Counts[0], g.Counts[0]-versions)
				versions += n
				count(language, version, n)
			}
		}
		if left := g.Counts[0] - versions; left > 0 {
			count(g.Key, s.versionOf(g), left)
		}
	}
	return keep, shuffle, names
}

// versionOf is a version that stands for all clients of a language: the one that
// its services have, if each has the same habit.
func (s *Situation) versionOf(g checks.Group) string {
	found := ""
	for _, x := range s.Profile.Services {
		for _, v := range x.Versions {
			if x.Language != g.Key {
				continue
			}
			if found != "" && habitOf(g.Key, v) != habitOf(g.Key, found) {
				return ""
			}
			found = v
		}
	}
	return found
}
