package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/checks/cause"
	"github.com/nats-balance/nats-balance/internal/words"
)

// Group is findings with one common cause. A finding whose cause is not at least
// likely, or is its own, is a group of its own.
type Group struct {
	Cause        *string    `json:"cause"` // null without a cause that is at least likely
	Title        *string    `json:"title"`
	Verdict      string     `json:"verdict"`
	Key          *string    `json:"key"` // what the findings have in common, such as URLs or an address
	Text         string     `json:"text"`
	Server       *ServerRef `json:"server"` // null where they are on several
	Cluster      string     `json:"cluster"`
	Accounts     []Account  `json:"accounts"`
	Connections  int        `json:"connections"`
	SharePercent Percent    `json:"share_percent"`
	Remedies     []string   `json:"remedies"` // codes of the findings' remedies

	findings []int // indexes of its findings
	onServer int
	priority string
}

// group divides the findings by common cause, see [cause.Groups].
func (doc *Document) group(in Input) {
	all := make([]cause.Diagnosis, len(in.Result.Findings))
	for i, f := range in.Result.Findings {
		all[i] = cause.Diagnosis{Priority: f.Priority, FailOver: f.Impact.FailOver}
		if i < len(in.Explained) && in.Explained[i].Diagnosis != nil {
			all[i] = *in.Explained[i].Diagnosis
		}
		all[i].Finding = f
	}
	for n, g := range cause.Groups(all) {
		out := Group{Cause: orNull(string(g.Code)), Title: orNull(g.Title), Verdict: string(g.Verdict), Key: orNull(g.Key),
			Cluster: words.Harmless(g.Cluster), Accounts: []Account{}, Connections: g.Connections, SharePercent: percent(g.OnServer, g.Connections),
			Remedies: []string{}, findings: g.Findings, onServer: g.OnServer, priority: string(g.Priority)}
		if g.Code == "" {
			out.Verdict = string(cause.NotTested)
		}
		if g.Server.ID != "" {
			out.Server = &doc.Findings[g.Findings[0]].Server
		}
		for _, i := range g.Findings {
			f := &doc.Findings[i]
			f.Group, f.Priority = n, out.priority
			out.Accounts = append(out.Accounts, f.Account)
			for _, r := range f.Remedies {
				if !slices.Contains(out.Remedies, r.Code) {
					out.Remedies = append(out.Remedies, r.Code)
				}
			}
		}
		out.Text = doc.groupText(out)
		doc.Groups = append(doc.Groups, out)
	}
}

// groupText says in a sentence who is where, and why.
func (doc *Document) groupText(g Group) string {
	first := doc.Findings[g.findings[0]]
	who, has := accountName(first.Account), "has"
	if n := len(g.findings); n > 1 {
		who, has = words.Plural(n, "account"), "have"
	}
	where := "one server each"
	if g.Server != nil {
		where = first.label
	}
	share := fmt.Sprintf("%s of %s", words.Count(g.onServer), words.Plural(g.Connections, "connection"))
	if g.onServer == g.Connections {
		share = "all of " + words.Plural(g.Connections, "connection")
	}
	why := "the cause is unknown"
	if g.Cause != nil {
		why = fmt.Sprintf("%s (%s)", strings.TrimSuffix(*g.Title, "."), g.Verdict)
	}
	return fmt.Sprintf("%s %s %s on %s: %s", who, has, share, where, why)
}

// Step is what one step of the funnel says of each server of the cluster, the
// concentrated one first.
type Step struct {
	Step    string   `json:"step"`
	Servers []Passes `json:"servers"`
	Text    string   `json:"text"`

	left   []checks.Answer // after it and all steps before it
	leaves bool            // the concentrated server alone
}

// Passes says whether a step lets a server through: yes, no or unknown.
type Passes struct {
	Server ServerRef `json:"server"`
	Passes string    `json:"passes"`
}

// funnel is that of a finding; empty where nobody looked for causes.
func funnel(d *cause.Diagnosis) []Step {
	out := []Step{}
	if d == nil {
		return out
	}
	for _, s := range d.Funnel {
		step := Step{Step: string(s.Name), Servers: []Passes{}, Text: words.Sentence(s.Text), left: s.Left, leaves: s.Leaves}
		for i, server := range s.Servers {
			step.Servers = append(step.Servers, Passes{serverRef(server), string(s.Passes[i])})
		}
		out = append(out, step)
	}
	return out
}
