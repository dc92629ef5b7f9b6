package remedy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/words"
)

// leafPort is what servers listen on for leafnodes unless told otherwise.
const leafPort = 7422

// leafnodes is the option to put a server near the clients.
func (x *facts) leafnodes() Remedy {
	allowed, commands := x.leafLimit()
	return Remedy{Title: "Or connect the clients to leafnodes of their own",
		Why: "A leafnode is one connection for all clients behind it, and does not count as a client. It chooses among the hubs at random and fails over: " +
			"use two or more. It costs a server to run at the clients' place." + x.hubs() + x.addresses() + allowed,
		Commands: commands,
		Snippets: []Snippet{x.remotesConf()}}
}

// remotes spreads the leafnodes that an account has on the concentrated server.
func (x *facts) remotes() Remedy {
	return Remedy{Title: "Give the leafnodes of " + x.account + " all servers as well",
		Why: fmt.Sprintf("%s of its %s are on %s: they do not count as clients, but drop together with them. "+
			"A leafnode takes one of the URLs of its remote at random when it connects, and goes to another when a server fails. "+
			"It takes a restart of the leafnodes' servers, a few at a time.", words.Count(x.f.LeafnodesHere), words.Plural(x.f.Leafnodes, "leafnode connection"), x.here) + x.hubs() + x.addresses(),
		Snippets: []Snippet{x.remotesConf()}}
}

// manyLeafnodes reports whether the account's leafnodes are on the concentrated server
// as its clients are, by the same numbers.
func (x *facts) manyLeafnodes() bool {
	return x.f.Leafnodes >= checks.Defaults().MinConnections && x.Exceeds(x.f.LeafnodesHere, x.f.Leafnodes)
}

// hubs says which servers take no leafnodes, as far as they said.
func (x *facts) hubs() string {
	var without []*checks.Server
	for _, s := range x.members {
		if s.Details != nil && s.Details.Leafnode == 0 {
			without = append(without, s)
		}
	}
	switch len(without) {
	case 0:
		return ""
	case 1:
		return fmt.Sprintf(" %s takes none yet: it needs leafnodes { port: %d }.", on(without), leafPort)
	}
	return fmt.Sprintf(" %s take none yet: each needs leafnodes { port: %d }.", on(without), leafPort)
}

// remotesConf is the configuration of a leafnode's server.
func (x *facts) remotesConf() Snippet {
	var urls []string
	for _, p := range x.places {
		p.port = leafPort
		if p.server.Details != nil && validPort(p.server.Details.Leafnode) {
			p.port = p.server.Details.Leafnode
		}
		u := `"nats-leaf://` + p.at() + `"`
		if p.host == "" {
			u = "# " + u
		}
		if len(urls) < mostURLs && !slices.Contains(urls, u) {
			urls = append(urls, u)
		}
	}
	return Snippet{Lang: "nats-server", Text: "leafnodes {\n  remotes: [\n    {\n      urls: [\n        " + strings.Join(urls, "\n        ") +
		"\n      ]\n      # credentials: \"/path/to/YOUR.creds\"\n    }\n  ]\n}\n"}
}
