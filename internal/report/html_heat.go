package report

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/words"
)

const (
	// heatRows and heatServers bound a heat map, heatCells all of them together.
	heatRows, heatServers, heatCells = 60, 20, 12_000
	// heatWide is how many servers have their names side by side; more have them upright.
	heatWide = 8
)

// htmlHeat is what each account has on each server of a cluster.
type htmlHeat struct {
	Cluster string
	Servers []htmlHeatServer
	Upright bool
	Rows    []htmlHeatRow
	Others  *htmlHeatRow // the accounts without a row, summed
	All     htmlHeatRow
	Notes   []string
}

type htmlHeatServer struct {
	Label  string
	Silent bool
}

type htmlHeatRow struct {
	Account string
	Card    int // of its finding; 0 where it has none
	Total   string
	Cells   []htmlHeatCell
	Verdict string
	Class   string // of the verdict
}

// htmlHeatCell is a share with the number; both are empty where they are unknown.
type htmlHeatCell struct {
	Level        int // of the colour, from 0 to 5
	Share, Count string
	Finding      bool
}

// heatMaps draws the clusters, those with findings first while there is room.
func (p *htmlPage) heatMaps() {
	m := p.Doc.matrix
	found := map[string]int{}
	for _, f := range p.Doc.Findings {
		found[f.Cluster]++
	}
	at := map[string]*checks.Server{}
	for i := range m.deployment.Servers {
		at[m.deployment.Servers[i].ID] = &m.deployment.Servers[i]
	}
	clusters := slices.Clone(m.clusters)
	slices.SortStableFunc(clusters, func(a, b checks.ClusterUse) int {
		return found[words.Harmless(b.Name)] - found[words.Harmless(a.Name)]
	})
	kinds := p.heatKinds()
	alone, left, cells := 0, 0, 0
	for _, c := range clusters {
		columns := min(len(c.Servers), heatServers+1)
		switch {
		case len(c.Servers) < fewestServers:
			alone++
			continue
		case cells+2*columns > heatCells:
			left++
			continue
		}
		h := p.heatMap(c, at, kinds, min(heatRows, (heatCells-cells)/columns))
		cells += (len(h.Rows) + 2) * columns
		p.Heat = append(p.Heat, h)
	}
	if alone > 0 {
		p.HeatLimits = append(p.HeatLimits, fmt.Sprintf("%s of one server not drawn.", isOrAre(alone, "cluster")))
	}
	if left > 0 {
		p.HeatLimits = append(p.HeatLimits, fmt.Sprintf("%s not drawn, for lack of room.", isOrAre(left, "more cluster")))
		p.summed("heat maps of %s", words.Plural(left, "cluster"))
	}
}

func isOrAre(n int, what string) string {
	if n == 1 {
		return words.Plural(n, what) + " is"
	}
	return words.Plural(n, what) + " are"
}

// heatKind is what a row of an account in a cluster is shown as.
type heatKind struct {
	order          int
	verdict, class string
	card           int
	server         string // the id that makes it a finding
}

// heatKinds are those of all accounts of which the document says something.
func (p *htmlPage) heatKinds() map[place]heatKind {
	out := map[place]heatKind{}
	for _, r := range p.Doc.matrix.rows {
		k := heatKind{order: 6}
		switch r.Verdict {
		case checks.Pass:
			k.verdict = "within the limit"
		case checks.TooFewConnections:
			k.order, k.verdict = 7, "few connections"
		case checks.TooFewServers:
			k.order, k.verdict = 7, "few servers"
		default: // below
		}
		out[rowOf(r).place()] = k
	}
	for _, r := range p.Doc.Review {
		out[r.place()] = heatKind{order: 5, verdict: "to review", class: "open"}
	}
	for _, r := range p.Doc.open {
		out[r.place()] = heatKind{order: 3, verdict: "undetermined", class: "open"}
	}
	for _, r := range p.Doc.Accepted {
		out[r.place()] = heatKind{order: 4, verdict: "accepted"}
	}
	for i, f := range p.Doc.Findings {
		k := heatKind{order: 2, verdict: "finding", class: "warn", card: p.cards[i], server: f.Server.ID}
		switch {
		case f.critical:
			k.order, k.verdict, k.class = 0, "critical finding", "bad"
		case k.card > 0:
			k.order = 1
		}
		out[f.row().place()] = k
	}
	return out
}

// heatMap is that of a cluster, with so many accounts at most: those to look at
// first, then the largest.
func (p *htmlPage) heatMap(c checks.ClusterUse, at map[string]*checks.Server, kinds map[place]heatKind, most int) htmlHeat {
	d := p.Doc.matrix.deployment
	name := words.Harmless(c.Name)
	totals := make([]int, len(d.Accounts))
	for _, s := range c.Servers {
		if s.Connections == nil || at[s.Server.ID] == nil {
			continue
		}
		for _, u := range at[s.Server.ID].Usage {
			totals[u.Account] += int(u.Connections)
		}
	}
	kindOf := func(account int) heatKind {
		if k, ok := kinds[place{words.Harmless(d.Accounts[account].ID), name}]; ok {
			return k
		}
		return heatKind{order: 8}
	}
	type ranked struct{ account, order int }
	var rows []ranked
	for a, n := range totals {
		if n > 0 && p.Doc.wanted(d.Accounts[a]) {
			rows = append(rows, ranked{a, kindOf(a).order})
		}
	}
	slices.SortStableFunc(rows, func(a, b ranked) int {
		return cmp.Or(cmp.Compare(a.order, b.order), totals[b.account]-totals[a.account])
	})
	rowsOf := make([]int, len(d.Accounts)) // 1 and up; 0 is that of the others
	shown := rows[:min(len(rows), most)]
	for i, r := range shown {
		rowsOf[r.account] = i + 1
	}
	counted := map[int]bool{} // of the accounts without a row
	for _, r := range rows[len(shown):] {
		counted[r.account] = true
	}
	columns, rest := heatColumns(c, kinds, name)
	counts := make([][]int, len(shown)+1)
	for i := range counts {
		counts[i] = make([]int, len(c.Servers))
	}
	for i, s := range c.Servers {
		if s.Connections == nil || at[s.Server.ID] == nil {
			continue
		}
		for _, u := range at[s.Server.ID].Usage {
			if row := rowsOf[u.Account]; row > 0 || counted[int(u.Account)] {
				counts[row][i] += int(u.Connections)
			}
		}
	}
	h := htmlHeat{Cluster: clusterName(name)}
	label := heatLabels(c)
	for _, i := range columns {
		h.Servers = append(h.Servers, htmlHeatServer{label(c.Servers[i].Server), c.Servers[i].Connections == nil})
	}
	if len(rest) > 0 {
		h.Servers = append(h.Servers, htmlHeatServer{Label: words.Plural(len(rest), "more server")})
		p.summed("heat map of %s: %s of %s", h.Cluster, words.Count(len(columns)), words.Plural(len(c.Servers), "server"))
	}
	h.Upright = len(h.Servers) > heatWide
	line := func(counts []int, total int, finding string) htmlHeatRow {
		row := htmlHeatRow{Total: words.Count(total)}
		for _, i := range columns {
			cell := htmlHeatCell{}
			if c.Servers[i].Connections != nil {
				cell = heatCell(counts[i], total)
				cell.Finding = finding != "" && words.Harmless(c.Servers[i].Server.ID) == finding
			}
			row.Cells = append(row.Cells, cell)
		}
		if len(rest) > 0 {
			n := 0
			for _, i := range rest {
				n += counts[i]
			}
			sum := heatCell(n, total)
			sum.Level = 0 // not one server's
			row.Cells = append(row.Cells, sum)
		}
		return row
	}
	for i, r := range shown {
		k := kindOf(r.account)
		row := line(counts[i+1], totals[r.account], k.server)
		account := d.Accounts[r.account]
		row.Account = short(accountName(Account{ID: words.Harmless(account.ID), Name: words.Harmless(account.Name)}), htmlName)
		row.Card, row.Verdict, row.Class = k.card, k.verdict, k.class
		h.Rows = append(h.Rows, row)
	}
	if others := rows[len(shown):]; len(others) > 0 {
		n := 0
		for _, r := range others {
			n += totals[r.account]
		}
		row := line(counts[0], n, "")
		row.Account = words.Plural(len(others), "more account")
		h.Others = &row
		p.summed("heat map of %s: %s of %s", h.Cluster, words.Count(len(shown)), words.Plural(len(rows), "account"))
	}
	all := make([]int, len(c.Servers))
	for i, s := range c.Servers {
		if s.Connections != nil {
			all[i] = *s.Connections
		}
	}
	h.All = line(all, c.Connections, "")
	h.All.Account = "All accounts"
	for _, u := range d.Uncounted {
		if u.Cluster == c.Name {
			h.Notes = append(h.Notes, "Not all connections in this cluster are known, see Coverage.")
			break
		}
	}
	return h
}

// wanted reports whether an account has a row.
func (doc *Document) wanted(a checks.Account) bool {
	names := doc.matrix.wanted
	return !a.System && (len(names) == 0 || slices.Contains(names, a.ID) || slices.Contains(names, a.Name))
}

// heatColumns divides the servers of a cluster, by index, into those with a column
// of their own and the rest: those of findings and those that did not report first,
// then the fullest.
func heatColumns(c checks.ClusterUse, kinds map[place]heatKind, name string) (own, rest []int) {
	for i := range c.Servers {
		own = append(own, i)
	}
	if len(own) <= heatServers+1 {
		return own, nil
	}
	found := map[string]bool{}
	for at, k := range kinds {
		if at.cluster == name && k.server != "" {
			found[k.server] = true
		}
	}
	rank := func(i int) int {
		switch s := c.Servers[i]; {
		case found[words.Harmless(s.Server.ID)]:
			return 0
		case s.Connections == nil:
			return 1
		}
		return 2
	}
	load := func(i int) int {
		if n := c.Servers[i].Connections; n != nil {
			return *n
		}
		return 0
	}
	slices.SortStableFunc(own, func(a, b int) int { return cmp.Or(rank(a)-rank(b), cmp.Compare(load(b), load(a))) })
	own, rest = own[:heatServers], own[heatServers:]
	slices.Sort(own)
	return own, rest
}

func heatLabels(c checks.ClusterUse) func(checks.ServerRef) string {
	var all []checks.Share
	for _, s := range c.Servers {
		all = append(all, checks.Share{Server: s.Server})
	}
	label := labels(all)
	return func(s checks.ServerRef) string { return short(label(s), 28) }
}

// heatCell is so many of a total.
func heatCell(n, total int) htmlHeatCell {
	if n == 0 {
		return htmlHeatCell{Share: "0"}
	}
	share := percent(n, total)
	text := share.String() + "%"
	if share == 0 {
		text = "<0.1%"
	}
	return htmlHeatCell{Level: 1 + min(4, int((float64(share)-0.05)/20)), Share: text, Count: words.Count(n)}
}
