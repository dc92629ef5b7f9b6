package report

import (
	"fmt"
	"io"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/words"
)

// writeHotspotsMarkdown writes the document of hotspots as [writeMarkdown] does.
func writeHotspotsMarkdown(w io.Writer, doc *Hotspots) error {
	m := &markdown{}
	_, said := doc.answer()
	m.head(doc.Check, said)
	m.source(doc.Source, doc.Coverage, doc.Time)
	m.items([]string{fmt.Sprintf("Checked: %s; more than %s times the average of its cluster is a finding", words.Plural(doc.Summary.Evaluated, "cluster"), doc.Parameters.Factor)})
	for i, f := range doc.Findings {
		if m.b.Len() > mdBytes || i == inFull {
			m.line("… and %s, which JSON has.", words.Plural(len(doc.Findings)-i, "more finding"))
			break
		}
		m.hotspot(i+1, doc.measure, f)
	}
	for i, e := range doc.Empty {
		if m.b.Len() > mdBytes || i == inFull {
			m.line("… and %s, which JSON has.", words.Plural(len(doc.Empty)-i, "more empty server"))
			break
		}
		m.line("The server %s has %s of %s in %s, less than a quarter of the average.", mdCode(e.Server.Name), words.Count(e.OnServer), words.Plural(e.Connections, "client connection"), mdCluster(e.Cluster))
	}
	return m.to(w, doc.Tool)
}

func (m *markdown) hotspot(n int, of checks.Measure, f Hotspot) {
	m.line("### %d. %s: %s times the average", n, mdCode(f.label), f.Factor)
	m.line("The server %s has %s of %s in %s.", mdCode(f.label), words.Count(f.OnServer), words.Plural(f.Connections, f.unit), mdCluster(f.Cluster))
	m.distribution(words.UpperFirst(of.Noun)+"s", f.Distribution)
	if len(f.Accounts) == 0 {
		return
	}
	m.line("The accounts that make it hot:")
	var cells [][]string
	for _, a := range f.Accounts {
		cells = append(cells, []string{mdAccount(a.Account), fmt.Sprintf("%s of %s", words.Count(a.OnServer), words.Count(a.Connections)),
			a.SharePercent.String() + "%", a.AboveEven.String(), a.Concentrated})
	}
	m.table([]string{"Account", words.UpperFirst(of.Noun) + "s", "Share", "Above even", "Concentrated"}, cells)
	if f.MoreAccounts > 0 {
		m.line("… and %s.", words.Plural(f.MoreAccounts, "more account"))
	}
}
