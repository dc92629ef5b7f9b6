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

// Library is what is known of a client library, as its source was read.
type Library struct {
	// Language is what its users write: "go", "c", "java", "javascript", "csharp",
	// "python" or "rust"; empty for a library that is not known.
	Language string
	// MayReturn reports whether a client may choose the server that closed it at once.
	// The others put it at the end of their list. What is not known may do so.
	MayReturn bool

	names habit
}

// LibraryOf returns the library that clients announce. Of Java's the habit is by its
// version, see [habitOf]; how names are resolved for the libraries of browsers and of
// Deno was not read.
func LibraryOf(announced string) Library {
	switch l := strings.ToLower(announced); l {
	case "go", "c":
		return Library{Language: l, names: shufflesNames}
	case "java":
		return Library{Language: l}
	case "nats.js", "javascript", "js", "node", "typescript":
		return Library{Language: "javascript", names: shufflesNames}
	case "nats.ws", "nats.deno":
		return Library{Language: "javascript"}
	case ".net", "c#", "csharp", "dotnet":
		return Library{Language: "csharp", names: keepsOrder}
	case "python", "python2", "python3":
		return Library{Language: "python", names: keepsOrder, MayReturn: true}
	case "rust":
		return Library{Language: l, names: keepsOrder, MayReturn: true}
	}
	return Library{MayReturn: true}
}

// habitOf is the habit of a library. Version is empty where it is not known. Java
// changed it twice: it took the first address up to 2.16.8, shuffles all of them up to
// 2.25.1, and keeps the order since.
func habitOf(announced, version string) habit {
	l := LibraryOf(announced)
	switch {
	case l.Language != "java":
		return l.names
	case version == "":
		return habitUnknown
	case before(version, 2, 16, 9), !before(version, 2, 25, 2):
		return keepsOrder
	}
	return shufflesNames
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
