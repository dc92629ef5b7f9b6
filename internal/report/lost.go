package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/nats-balance/nats-balance/internal/words"
)

// lostNotes say what servers that are missing now had in the baseline, and how
// many of these connections other servers have now. An account that moved there
// for another reason counts as back: who is who is unknown.
func lostNotes(in Input) []string {
	past := in.Baseline
	if past == nil {
		return nil
	}
	var out []string
	for _, m := range in.Deployment.Missing {
		at := slices.IndexFunc(past.Servers, func(s PastServer) bool {
			return s.Name == words.Harmless(m.Name) && s.Name != "" && s.Connections != nil && *s.Connections > 0 &&
				(!m.ClusterKnown || in.Deployment.SameCluster(s.Cluster, words.Harmless(m.Cluster)))
		})
		if at < 0 {
			continue
		}
		if len(out) == named {
			out = append(out, "more missing servers had connections in the baseline")
			break
		}
		s := past.Servers[at]
		text := fmt.Sprintf("%s had %s", s.Name, words.Plural(*s.Connections, "client connection"))
		if s.Accounts != nil {
			text += " of " + words.Plural(*s.Accounts, "account")
		}
		text += " in the baseline: "
		if back, known := past.back(in, s); known {
			text += fmt.Sprintf("%s of them are back on other servers", words.Count(back))
		} else {
			text += "how many are back on other servers is unknown"
		}
		if of := past.backOf(in, s); len(of) > 0 {
			text += ", of " + words.ListUpTo(named, of)
		}
		out = append(out, text)
	}
	return out
}

// back is how many more connections the servers that the cluster had besides have
// now, up to what the server had; not known where another one is missing too.
func (p *Past) back(in Input, lost PastServer) (n int, known bool) {
	before, now := 0, 0
	for _, s := range p.Servers {
		if s.Cluster != lost.Cluster || s.Name == lost.Name {
			continue
		}
		if s.Connections == nil {
			return 0, false
		}
		before += *s.Connections
	}
	found := false
	for _, c := range in.Result.Clusters {
		if !in.Deployment.SameCluster(lost.Cluster, words.Harmless(c.Name)) {
			continue
		}
		found = true
		now += c.Connections
		for _, s := range c.Servers {
			if s.Connections == nil && words.Harmless(s.Server.Name) != lost.Name {
				return 0, false
			}
		}
	}
	return min(max(0, now-before), *lost.Connections), found
}

// backOf tells the same of the accounts that the baseline found on the server.
func (p *Past) backOf(in Input, lost PastServer) []string {
	var out []string
	for _, was := range p.Findings {
		if was.Server.Name != lost.Name || was.Cluster != lost.Cluster {
			continue
		}
		now := 0
		for _, row := range in.Result.Rows {
			if words.Harmless(row.Account.ID) == was.Account.ID && in.Deployment.SameCluster(lost.Cluster, words.Harmless(row.Cluster)) {
				now = row.Connections
			}
		}
		back := min(max(0, now-(was.Connections-was.OnServer)), was.OnServer)
		out = append(out, fmt.Sprintf("%s %s of %s", strings.TrimSpace(accountName(was.Account)), words.Count(back), words.Count(was.OnServer)))
	}
	return out
}
