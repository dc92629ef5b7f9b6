package report

import (
	"fmt"

	"github.com/nats-balance/nats-balance/internal/words"
)

// fewestServers is the least that --min-servers takes.
const fewestServers = 2

// sized is a cluster by its number of servers, missing ones included.
type sized struct {
	name    string
	servers int
}

// largestCluster returns the cluster with the most servers, the first of several.
func largestCluster[C any](clusters []C, of func(C) (name string, servers int)) sized {
	var out sized
	for _, c := range clusters {
		if name, n := of(c); n > out.servers {
			out = sized{name, n}
		}
	}
	return out
}

// largestText names the account that comes nearest to the minimum of connections.
func (doc *Document) largestText() string {
	switch largest := doc.largestFew; {
	case largest != nil:
		return fmt.Sprintf("; the largest, %s, has %s%s", accountName(largest.Account), words.Count(largest.Connections), doc.in(largest.Cluster))
	case doc.Summary.Connections == 0:
		return "; there is no client connection"
	}
	return ""
}

// notJudged is the first line of an audit in which no cluster has the minimum of
// servers: that is not "all fine".
func notJudged(minimum int, largest sized) string {
	if largest.servers >= minimum {
		return fmt.Sprintf("Not checked: no account with enough connections is in a cluster of %s. Pass --min-servers %d to check smaller clusters.",
			words.Plural(minimum, "server"), fewestServers)
	}
	text := fmt.Sprintf("Not checked: no cluster has %s", words.Plural(minimum, "server"))
	if largest.name != "" {
		text += fmt.Sprintf(", the largest (%s) has %s", words.Cut(largest.name, prose), words.Count(largest.servers))
	}
	if largest.servers < fewestServers {
		return text + "."
	}
	return text + fmt.Sprintf(". If that is all there should be, pass --min-servers %d.", largest.servers)
}
