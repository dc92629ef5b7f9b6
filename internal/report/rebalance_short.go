package report

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	balance "github.com/nats-balance/nats-balance/internal/rebalance"
	"github.com/nats-balance/nats-balance/internal/words"
)

// LimitedBy says why there are fewer moves than it takes, one clause each.
func LimitedBy(all []balance.Short) (out []string) {
	for _, s := range all {
		out = append(out, shortText(s))
	}
	return out
}

func shortText(s balance.Short) string {
	switch s.Code {
	case balance.ShortMaxMoves:
		return "--max-moves"
	case balance.ShortFull:
		return fullText(s.Full)
	case balance.ShortUnnamed:
		return "the plan did not name the services of the " + words.Plural(s.N, "other connection") + " on servers with too many"
	case balance.ShortStays:
		return words.Plural(s.N, "connection") + " on servers with too many are left out"
	case balance.ShortTried:
		return words.Plural(s.N, "client") + " on servers with too many were moved often enough"
	case balance.ShortNotAtOnce:
		return "closing more would not make the servers even at once: clients also go to servers that have enough"
	case balance.ShortNothing:
		return "no connection that may move is on a server with too many"
	case balance.ShortKept:
		return keptText(s.Servers)
	case balance.ShortUnread:
		return "not all connections could be read"
	}
	return ""
}

// fullText says which servers take no more of those that are moved, in a clause.
func fullText(full balance.FullServers) string {
	switch {
	case full.Others:
		return "the other servers have no room for more"
	case len(full.Names) == 1:
		return full.Names[0] + " has no room for more, and clients that are moved may choose it"
	}
	return words.ListUpTo(namesInText, full.Names) + " have no room for more, and clients that are moved may choose them"
}

// keptText says which servers can't come down to their even share, in a clause.
func keptText(servers []string) string {
	if len(servers) == 1 {
		return "clients that stay keep " + servers[0] + " above its even share"
	}
	return "clients that stay keep " + words.ListUpTo(namesInText, servers) + " above their even shares"
}

// hotText says to which server an even spread of each account leads too many, in a clause.
// That the most is, or was, so many is the caller's word.
func hotText(x balance.Hot, is string) string {
	return fmt.Sprintf("an even spread of each account gives %s about %s of %s connections, and the most on one server %s %s of %s%s",
		x.Server, words.Count(x.Gets), words.Count(x.Of), is, words.Count(x.Was), words.Count(x.All), stayingText(x.Whose))
}

// stayingText says whose connections stay on a server, after a colon.
func stayingText(whose map[balance.ServiceName]int) string {
	n, of := 0, map[string]int{}
	for name, connections := range whose {
		n += connections
		of[serviceOf(name)] += connections
	}
	if n == 0 {
		return ""
	}
	names := slices.SortedFunc(maps.Keys(of), func(a, b string) int { return cmp.Or(of[b]-of[a], cmp.Compare(a, b)) })
	return fmt.Sprintf(": %s stay there (%s)", words.Plural(n, "connection"), words.ListUpTo(namesInText, names))
}
