package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/words"
)

// lostNotes say what servers that are missing now had in the baseline, and where
// such a server is gone how many connections more others have since. That these are
// the same ones is unknown: they may be of clients that were never on the server. Of
// one that a recorder saw go it says more, see [recordedNotes].
func lostNotes(in Input) []string {
	past := in.Baseline
	if past == nil {
		return nil
	}
	var out []string
	for _, m := range in.Deployment.Missing {
		if m.Gone != nil {
			continue
		}
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
		text += " in the baseline"
		sameScope := (past.Account != nil) == in.SourceKind.OwnAccount // or totals are of other accounts
		if mayBeGone(m.Kind) && sameScope {
			text += ": " + past.gained(in, s)
			if of := past.gainedOf(in, s); len(of) > 0 {
				text += ", " + words.ListUpTo(named, of)
			}
		}
		out = append(out, text)
	}
	return out
}

// mayBeGone reports whether a server that is missing for that reason may have no
// connection any more. One that drains or hangs has.
func mayBeGone(k checks.MissingKind) bool {
	return k == checks.Down || k == checks.Forgotten || k == checks.Configured || k == checks.Counted || k == checks.Refusing
}

// gained is how many more connections the servers that the cluster had besides have
// now, in a clause.
func (p *Past) gained(in Input, lost PastServer) string {
	const unknown = "how many more others have since is unknown"
	before, now := 0, 0
	for _, s := range p.Servers {
		if s.Cluster != lost.Cluster || s.Name == lost.Name {
			continue
		}
		if s.Connections == nil {
			return unknown
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
				return unknown
			}
		}
	}
	if !found {
		return unknown
	}
	return fmt.Sprintf("others have %s than then", difference(now-before))
}

// difference is how many more or fewer.
func difference(n int) string {
	switch {
	case n > 0:
		return words.Count(n) + " more"
	case n < 0:
		return words.Count(-n) + " fewer"
	}
	return "no more"
}

// gainedOf tells the same of the accounts that the baseline found on the server.
func (p *Past) gainedOf(in Input, lost PastServer) []string {
	var out []string
	for _, was := range p.Findings {
		if was.Server.Name != lost.Name || was.Cluster != lost.Cluster || !sees(in, was.Account.ID) {
			continue
		}
		now := 0
		for _, row := range in.Result.Rows {
			if words.Harmless(row.Account.ID) == was.Account.ID && in.Deployment.SameCluster(lost.Cluster, words.Harmless(row.Cluster)) {
				now = row.Connections
			}
		}
		out = append(out, fmt.Sprintf("of %s, which had %s there, %s", strings.TrimSpace(accountName(was.Account)), words.Count(was.OnServer),
			difference(now-(was.Connections-was.OnServer))))
	}
	return out
}

// recordedNotes say since when servers are missing that a recorder saw go, who was on
// them, and how many of these are elsewhere by what others have now.
func recordedNotes(d *checks.Deployment) []string {
	var out []string
	for _, m := range d.Missing {
		g := m.Gone
		if g == nil {
			continue
		}
		if len(out) == named {
			return append(out, "watch recorded of more missing servers when they went")
		}
		how := map[checks.MissingKind]string{checks.Draining: "began to drain", checks.Down: "shut down"}[g.Kind]
		text := fmt.Sprintf("%s %s at %s, as watch recorded", g.Server.Name, cmp.Or(how, "was found silent"), g.At.UTC().Format(timeLayout))
		if g.Known {
			text += fmt.Sprintf(", with %s of %s", words.Plural(g.Connections, "client connection"), words.Plural(g.Accounts, "account"))
			if of := backElsewhere(d, &m); mayBeGone(m.Kind) && len(of) > 0 {
				text += "; by what others have now, these are elsewhere: " + words.ListUpTo(named, of)
			}
		}
		out = append(out, text)
	}
	return out
}

// backElsewhere is how many connections of each account, of those that a server had,
// the others of its cluster have, if no other client came or left since. It is at least
// and at most so many where some came before that was noticed. As impact of it says, it is at
// least so many where other clusters have the account, or another server did not report.
func backElsewhere(d *checks.Deployment, m *checks.Missing) []string {
	g := m.Gone
	others := slices.ContainsFunc(d.Missing, func(o checks.Missing) bool {
		return o.Gone != g && o.MayBeIn(g.Cluster) && !o.Perhaps && (o.Bound == nil || *o.Bound > 0)
	})
	var out []string
	for _, x := range g.Of {
		least, most := x.Back(d.Connections(x.Account.ID, g.Cluster))
		_, _, open := PastAccount{}.away(x.Connections-least, Present{OtherClusters: inOtherClusters(d, x.Account.ID, g.Cluster)})
		if open == nil && others && least < x.Connections {
			open = openOther{}
		}
		back := words.Count(most)
		switch {
		case open != nil:
			back = "at least " + words.Count(least)
		case least < most:
			back = words.Count(least) + " to " + back
		}
		of := fmt.Sprintf("%s of %s of %s", back, words.Count(x.Connections), x.Account.Name)
		if open != nil {
			of += " (" + openText(open) + ")"
		}
		out = append(out, of)
	}
	return out
}

// inOtherClusters is what other clusters than one have of an account.
func inOtherClusters(d *checks.Deployment, account, cluster string) map[string]int {
	out := map[string]int{}
	for i := range d.Servers {
		s := &d.Servers[i]
		if d.SameCluster(cluster, s.Cluster) {
			continue
		}
		for _, u := range s.Usage {
			if d.Accounts[u.Account].ID == account && u.Connections > 0 {
				out[words.Harmless(s.Cluster)] += int(u.Connections)
			}
		}
	}
	return out
}
