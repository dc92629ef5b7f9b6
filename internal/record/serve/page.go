package serve

import (
	"cmp"
	_ "embed" // for the page
	"fmt"
	"html/template"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/record"
	"github.com/nats-balance/nats-balance/internal/record/history"
	"github.com/nats-balance/nats-balance/internal/record/say"
	"github.com/nats-balance/nats-balance/internal/words"
)

//go:embed page.html
var pageText string

//go:embed style.css
var styleText string

func style(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/css; charset=utf-8")
	_, _ = io.WriteString(w, styleText) // whoever asked is gone
}

const (
	// mostColumns is how many servers a heat map has; a larger cluster is shown by
	// its largest shares alone.
	mostColumns = 24
	pageTime    = "2006-01-02 15:04:05 MST"
)

// page is what the template shows: text that is ready, and escaped by the template.
type page struct {
	Version, Time, Health, Summary, Store string
	Well                                  bool
	Over                                  int // how many are above the threshold
	Findings                              []card
	More                                  string
	Maps                                  []heatMap
	LeftOut                               string
	Missing                               []string
	Past                                  []card
	PastNote                              string
}

type card struct {
	Title, Share, Since string
	Link                string // to its timeline; empty where nothing is recorded
	Finding             bool
	Lines               []string
	Open                bool // a server that does not report decides
	Partly              bool // what is shown is of the servers that report
}

type heatMap struct {
	Cluster string
	Servers []string
	Rows    []heatRow
}

type heatRow struct {
	Account, Total string
	Link           string
	Finding        bool
	Cells          []heatCell
}

// heatCell is a count with its class, h0 to h10, by tenths of the account's share.
type heatCell struct{ Count, Class, Share string }

func render(w io.Writer, s State, past history.History, pastErr error, o Options) error {
	t, err := template.New("page").Parse(pageText)
	if err != nil {
		return err
	}
	return t.Execute(w, pageOf(s, past, pastErr, o))
}

func pageOf(s State, past history.History, pastErr error, o Options) page {
	p := page{Version: o.Version, Time: s.Time.UTC().Format(pageTime), Well: s.Connected && !s.Reconciled.IsZero()}
	p.Summary = fmt.Sprintf("%s of %s on %s in %s", words.Plural(s.Totals.Connections, "client connection"), words.Plural(s.Totals.Accounts, "account"),
		words.Plural(s.Totals.Servers, "server"), words.Plural(s.Totals.Clusters, "cluster"))
	switch {
	case !s.Connected:
		p.Health = "Not connected to the servers: what is shown is what was last seen."
	case s.Reconciled.IsZero():
		p.Health = "Waiting for the first full report."
	default:
		p.Health = fmt.Sprintf("Following %s, last checked against a full report %s ago.", words.Plural(s.Totals.Servers, "server"), s.Time.Sub(s.Reconciled).Round(time.Second))
		if text := silent(s.Missing); text != "" {
			p.Well = false
			p.Health += " " + text + "."
		}
	}
	if s.Store.Queued > 0 || s.Store.Lost > 0 {
		p.Store = fmt.Sprintf("The store is away: %s, %s lost.", words.Plurals(s.Store.Queued, "change waits", "changes wait"), words.Count(s.Store.Lost))
	}
	link := func(id string) string {
		if o.Timeline == nil {
			return ""
		}
		return linkTo(id)
	}
	p.Over = len(s.Over)
	over := slices.Clone(s.Over)
	slices.SortStableFunc(over, func(a, b record.Change) int {
		if a.Finding == b.Finding {
			return 0
		}
		if a.Finding {
			return -1
		}
		return 1
	})
	if more := len(over) - mostShown; more > 0 {
		p.More = words.Plural(more, "more account") + " above the threshold: nats-balance audit concentration lists them."
	}
	for _, c := range over[:min(len(over), mostShown)] {
		x := card{Title: pairName(c.Spread.Account.Name, c.Cluster), Share: share(c.Spread.Top().Connections, c.Spread.Connections, name(c.Spread.Top().Server)), Finding: c.Finding,
			Since: begunText(c.Since, c.Beginning()), Link: link(c.Spread.Account.ID), Open: c.Spread.Verdict == checks.Incomplete, Partly: c.Spread.Time.Equal(c.Time)}
		p.Findings = append(p.Findings, x)
	}
	p.Maps = maps(s, link)
	if s.LeftOut > 0 {
		p.LeftOut = words.Plurals(s.LeftOut, "account with fewer connections is not shown", "accounts with fewer connections are not shown")
	}
	for _, m := range s.Missing[:min(len(s.Missing), mostShown)] {
		p.Missing = append(p.Missing, fmt.Sprintf("%s: %s", pairName(name(m.Ref()), m.Cluster), words.Sentence(m.Reason)))
	}
	if more := len(s.Missing) - mostShown; more > 0 {
		p.Missing = append(p.Missing, words.Plural(more, "more server"))
	}
	switch {
	case o.History == nil:
		p.PastNote = "Nothing is recorded."
	case pastErr != nil:
		p.PastNote = "What was recorded can't be read now."
	case past.Cut:
		p.PastNote = "Shown from " + past.Since.UTC().Format(pageTime) + " on: what was recorded before is too much to read at once."
	case len(past.Episodes) == 0:
		p.PastNote = "No account was seen above the threshold in the last 7 days, as far as was recorded."
	}
	if !past.Until.IsZero() {
		p.PastNote = strings.TrimSpace(say.NoRecorder(past.Until.UTC().Format(pageTime), past.Waiting) + " " + p.PastNote)
	}
	p.PastNote = strings.TrimSpace(strings.Join(append(say.Damage(past.Damage.Missing, past.Damage.All, past.Damage.Unreadable), p.PastNote), " "))
	for _, e := range past.Episodes[:min(len(past.Episodes), mostShown)] {
		c := episode(e)
		c.Link = link(e.Account.ID)
		p.Past = append(p.Past, c)
	}
	return p
}

// silent says how many servers may have connections that nobody knows of: not those that
// said that they shut down. It is empty where there is none.
func silent(missing []checks.Missing) string {
	n := 0
	for i := range missing {
		if b := missing[i].Bound; b == nil || *b > 0 {
			n++
		}
	}
	if n == 0 {
		return ""
	}
	return words.Plurals(n, "server does not report, which may decide on verdicts", "servers do not report, which may decide on verdicts")
}

// begunText is since when an account leans, and that it may have begun earlier.
func begunText(since time.Time, b record.Beginning) string {
	text := since.UTC().Format(pageTime)
	from, known := b.Earliest()
	switch {
	case b.Seen():
		return text
	case known:
		return text + ", or from any time since " + from.UTC().Format(pageTime)
	}
	return text + " or earlier"
}

func episode(e history.Episode) card {
	c := card{Title: pairName(e.Account.Name, e.Cluster), Finding: e.Finding}
	began := begunText(e.Began, e.Beginning())
	c.Since = "since " + began
	if e.Ended != nil {
		if _, known := e.Beginning().Earliest(); known {
			began += "," // which ends what is put in
		}
		c.Since = fmt.Sprintf("from %s to %s", began, e.Ended.UTC().Format(pageTime))
	}
	if e.Then != nil && len(e.Then.Servers) > 0 {
		c.Share = share(e.Then.OnServer, e.Then.Connections, words.Harmless(e.Then.Servers[0].Server.Name))
	}
	for _, s := range []struct {
		verb string
		of   record.DocumentServer
	}{{"moved from", e.From}, {"moved to", e.Next}} {
		if s.of != (record.DocumentServer{}) {
			c.Lines = append(c.Lines, s.verb+" "+name(checks.ServerRef(s.of)))
		}
	}
	for _, d := range e.Around {
		c.Lines = append(c.Lines, fmt.Sprintf("%s %s %s", d.Time.UTC().Format("15:04:05"), name(checks.ServerRef(*d.Server)), say.Happened(&d)))
	}
	for _, m := range record.ByName(record.MovesOf(e.Moves)) {
		verb := "came to"
		if m.Left {
			verb = "left"
		}
		c.Lines = append(c.Lines, fmt.Sprintf("%s of %s %s %s", words.Count(m.Count), words.Harmless(cmp.Or(m.Service, "clients without a name")), verb, words.Harmless(m.Server.Name)))
	}
	c.Lines = append(c.Lines, say.NotListed(e.MoreMoves, e.MovesMissed)...)
	return c
}

// maps are heat maps, one for each cluster.
func maps(s State, link func(id string) string) []heatMap {
	var out []heatMap
	over := map[[2]string]bool{}
	for _, c := range s.Over {
		over[[2]string{c.Spread.Account.ID, c.Cluster}] = true
	}
	columns := map[string][]checks.ServerRef{}
	for _, x := range s.Spreads {
		for _, h := range x.Servers {
			if all := columns[x.Cluster]; len(all) < mostColumns && !slices.ContainsFunc(all, func(r checks.ServerRef) bool { return r.ID == h.Server.ID }) {
				columns[x.Cluster] = append(all, h.Server)
			}
		}
	}
	for _, x := range s.Spreads {
		i := slices.IndexFunc(out, func(m heatMap) bool { return m.Cluster == words.Harmless(x.Cluster) })
		if i < 0 {
			i = len(out)
			slices.SortFunc(columns[x.Cluster], checks.CompareServers)
			m := heatMap{Cluster: words.Harmless(x.Cluster)}
			for _, r := range columns[x.Cluster] {
				m.Servers = append(m.Servers, name(r))
			}
			out = append(out, m)
		}
		row := heatRow{Account: words.Harmless(x.Account.Name), Total: words.Count(x.Connections), Link: link(x.Account.ID), Finding: over[[2]string{x.Account.ID, x.Cluster}]}
		for _, r := range columns[x.Cluster] {
			n := 0
			for _, h := range x.Servers {
				if h.Server.ID == r.ID {
					n = h.Connections
				}
			}
			row.Cells = append(row.Cells, heatCell{words.Count(n), fmt.Sprintf("h%d", 10*n/max(1, x.Connections)), fmt.Sprintf("%.1f%%", 100*float64(n)/float64(max(1, x.Connections)))})
		}
		out[i].Rows = append(out[i].Rows, row)
	}
	return out
}

func name(r checks.ServerRef) string { return words.Harmless(cmp.Or(r.Name, r.ID, "a server")) }

func pairName(what, cluster string) string {
	if cluster == "" {
		return words.Harmless(what)
	}
	return words.Harmless(what) + " in " + words.Harmless(cluster)
}

func share(on, all int, server string) string {
	return fmt.Sprintf("%s of %s (%.1f%%) on %s", words.Count(on), words.Plural(all, "connection"), 100*float64(on)/float64(max(1, all)), server)
}
