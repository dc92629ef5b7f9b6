package report

import (
	"github.com/nats-balance/nats-balance/internal/words"
)

// accepted is a table of what is accepted, with why and until when.
func (m *markdown) accepted(all []Accepted) {
	if len(all) == 0 {
		return
	}
	m.line("### Accepted (%s)", words.Count(len(all)))
	var cells [][]string
	for _, a := range all[:min(len(all), listed)] {
		cells = append(cells, []string{mdAccount(a.Account), mdCluster(a.Cluster), mdCode(a.Server.called()), a.SharePercent.String() + "%", a.Expires, mdSentence(a.Reason)})
	}
	m.table([]string{"Account", "Cluster", "Most on", "Share", "Until", "Reason"}, cells)
	if n := len(all) - listed; n > 0 {
		m.line("… and %s more, which JSON and CSV have.", words.Count(n))
	}
}

// baseline is a table of what is not as it was.
func (m *markdown) baseline(b *Baseline) {
	if b == nil {
		return
	}
	m.line("### Since the baseline of %s", b.Time.Format(timeLayout))
	m.line("%s new, %s worse, %s better, %s gone, %s unchanged, %s unknown.", words.Count(len(b.New)), words.Count(len(b.Worse)),
		words.Count(len(b.Better)), words.Count(len(b.Gone)), words.Count(b.Unchanged), words.Count(len(b.Unknown)))
	rows := b.changes()
	for _, r := range b.Gone {
		rows = append(rows, RowOf{r.Row, "gone: " + r.Reason})
	}
	for _, r := range b.Unknown {
		rows = append(rows, RowOf{r.Row, "unknown: " + r.Reason})
	}
	m.rows("Changes", rows, "Change")
}
