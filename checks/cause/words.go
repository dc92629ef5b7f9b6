package cause

import (
	"cmp"
	"slices"
	"strings"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/words"
)

// times is "once", "twice" or "5 times".
func times(n int) string {
	switch n {
	case 1:
		return "once"
	case 2:
		return "twice"
	}
	return words.Count(n) + " times"
}

// fill puts names into a sentence.
func fill(sentence, names string) string { return strings.Replace(sentence, "%s", names, 1) }

// connectionsOf is "1 connection" or "5 connections".
func connectionsOf(n int) string { return words.Plural(n, "connection") }

// verb is the form for as many servers.
func verb(servers []*checks.Server, one, several string) string {
	if len(servers) == 1 {
		return one
	}
	return several
}

// names joins servers' names for a sentence.
func (s *Situation) names(servers []int) string {
	if len(servers) == 0 {
		return "no server of this cluster"
	}
	var out []string
	for _, i := range servers {
		out = append(out, label(&s.Deployment.Servers[i]))
	}
	return words.Few(out)
}

// label names a server in a sentence: one without a name of its own goes by its
// id, of which the start is enough.
func label(s *checks.Server) string {
	const long = 24
	if name := cmp.Or(s.Name, s.ID); name == s.ID && len(name) > long {
		return name[:8] + "…"
	}
	return cmp.Or(s.Name, s.ID)
}

func otherNames(servers []*checks.Server) string {
	var out []string
	for _, s := range servers {
		out = append(out, label(s))
	}
	return words.Few(out)
}

// listWord names lists for a sentence.
func listWord(lists []List) string {
	var origins []string
	for _, l := range lists {
		if !slices.Contains(origins, l.Origin) {
			origins = append(origins, l.Origin)
		}
	}
	return words.Few(origins)
}

// leads is the verb for its URLs.
func (f List) leads() string {
	if len(f.Endpoints) == 1 {
		return "leads"
	}
	return "lead"
}

// urls are those of the list, for a sentence.
func (f List) urls() string {
	var out []string
	for _, e := range f.Endpoints {
		out = append(out, e.URL)
	}
	return words.Few(out)
}
