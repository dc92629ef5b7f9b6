package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/words"
)

// Coverage says who answered and who did not.
type Coverage struct {
	Complete        bool      `json:"complete"`
	ServersExpected int       `json:"servers_expected"`
	ServersAnswered int       `json:"servers_answered"`
	Missing         []Missing `json:"missing"`
	Notes           []string  `json:"notes"`

	kinds []checks.MissingKind // of those that are missing, each once
	mixed []string             // clusters that may be several of one name
}

// Missing is a server that did not report; what is not known of it is null.
type Missing struct {
	Server  ServerRef `json:"server"`
	Cluster *string   `json:"cluster"`
	Reason  string    `json:"reason"`
}

// coverage is who answered and who did not, without notes.
func coverage(d *checks.Deployment) Coverage {
	c := Coverage{Complete: len(d.Missing)+len(d.Uncounted)+len(d.Doubtful) == 0 && len(d.Servers) >= d.Expected, ServersExpected: d.Expected,
		ServersAnswered: len(d.Servers), Missing: []Missing{}, Notes: []string{}}
	for _, name := range d.Mixed {
		c.mixed = append(c.mixed, words.Harmless(name))
	}
	total := len(d.Missing) + len(d.Uncounted) + len(d.Doubtful)
	listed := d.Missing[:min(len(d.Missing), mostMissing)]
	uncounted := d.Uncounted[:min(len(d.Uncounted), mostMissing-len(listed))]
	reason := d.Reasons()
	for _, m := range listed {
		out := Missing{Server: serverRef(m.Ref()), Reason: words.Sentence(reason(&m))}
		if m.ClusterKnown {
			name := words.Harmless(m.Cluster)
			out.Cluster = &name
		}
		c.Missing = append(c.Missing, out)
	}
	for _, m := range d.Missing {
		if !slices.Contains(c.kinds, m.Kind) {
			c.kinds = append(c.kinds, m.Kind)
		}
	}
	for _, u := range uncounted {
		cluster := words.Harmless(u.Cluster)
		c.Missing = append(c.Missing, Missing{Cluster: &cluster, Reason: words.Sentence(u.Reason)})
	}
	for _, x := range d.Doubtful[:min(len(d.Doubtful), mostMissing-len(c.Missing))] {
		s := &d.Servers[x.Server]
		cluster := words.Harmless(s.Cluster)
		c.Missing = append(c.Missing, Missing{Server: serverRef(s.Ref()), Cluster: &cluster, Reason: words.Sentence(x.Reason)})
	}
	if n := len(c.Missing); n < total {
		c.Notes = append(c.Notes, fmt.Sprintf("what is missing is listed up to %s entries, %s more are not", words.Count(n), words.Count(total-n)))
	}
	return c
}

// mostMissing is how much of what is missing is listed; the rest is counted.
const mostMissing = 1000

// note says of the coverage what the document has no other place for.
func (doc *Document) note(in Input) {
	notes := slices.Clone(in.Deployment.Notes)
	if names := in.Parameters.Accounts; len(names) > 0 {
		notes = append(notes, "only what was asked for was checked: --account "+strings.Join(names, " --account "))
	}
	if names := in.Parameters.Clusters; len(names) > 0 {
		notes = append(notes, "only what was asked for was checked: --cluster "+strings.Join(names, " --cluster "))
	}
	unmatched, lost := unmatchedNotes(in), lostNotes(in)
	for _, n := range slices.Concat(in.Deployment.Notes, unmatched, lost) {
		doc.screenNotes = append(doc.screenNotes, words.Sentence(n))
	}
	recorded := recordedNotes(in.Deployment)
	for _, n := range recorded {
		doc.lostOn = append(doc.lostOn, words.Sentence(n)+".")
	}
	leafs := leafnodeNotes(in)
	if len(in.Result.Findings) == 0 { // beside findings it is for --details
		for _, n := range leafs[:min(len(leafs), leafnodesOnScreen)] {
			doc.screenNotes = append(doc.screenNotes, words.Sentence(n))
		}
		if more := len(leafs) - leafnodesOnScreen; more > 0 {
			doc.screenNotes = append(doc.screenNotes, "Others have most leafnode connections in a cluster on one server, too: --details lists them")
		}
	}
	notes = slices.Concat(notes, overrideNotes(in.Parameters), unmatched, recorded, lost, leafs)
	before := len(notes)
	notes = append(notes, lapsedNotes(doc.Findings)...)
	if n := len(doc.open) + doc.moreOpen; n > 0 {
		notes = append(notes, fmt.Sprintf("open, as a missing server could overturn the verdict: %s; --all lists them", words.Plural(n, "account-cluster pair")))
	}
	notes = append(notes, doc.openSentences()...)
	if slices.ContainsFunc(doc.Findings, func(f Finding) bool { return f.criticalOpen }) {
		notes = append(notes, "a missing server decides whether a finding is critical")
	}
	doc.lastNotes = len(notes) - before
	for _, n := range notes {
		doc.Coverage.Notes = append(doc.Coverage.Notes, words.Sentence(n))
	}
}

// openSentences tell of accounts that only missing servers may have.
func (doc *Document) openSentences() []string {
	who := "an account that no server reported"
	switch {
	case doc.Source.of.OwnAccount:
		who = "connections of the account"
	case doc.someAccounts:
		who = "an account that was asked for"
	}
	clusters := slices.DeleteFunc(slices.Clone(doc.openClusters), func(name string) bool { return name == "" })
	var out []string
	if n := len(clusters); n > 0 {
		in := "cluster " + clusterName(clusters[0])
		if n > 1 {
			in = fmt.Sprintf("%s (%s)", words.Plural(n, "cluster"), list(clusters, named))
		}
		out = append(out, fmt.Sprintf("in %s, %s may be on a missing server", in, who))
	}
	if len(clusters) < len(doc.openClusters) {
		out = append(out, fmt.Sprintf("the missing servers may be a cluster of their own, with %s", who))
	}
	return out
}
