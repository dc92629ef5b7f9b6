package history

import (
	"cmp"
	"crypto/sha256"
	_ "embed" // for the page
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"math"
	"strings"
	"time"

	"github.com/nats-balance/nats-balance/internal/record"
	"github.com/nats-balance/nats-balance/internal/record/say"
	"github.com/nats-balance/nats-balance/internal/words"
)

//go:embed chart.html
var chartText string

//go:embed chart.css
var chartStyle string

const (
	// mostCharts, mostMarks and mostTold bound a page.
	mostCharts, mostMarks, mostTold = 50, 300, 20
	chartTime                       = "2006-01-02 15:04:05"
	chartLeft, chartWidth           = 50.0, 800.0
	chartTop, chartHeight           = 10.0, 120.0
)

// Chart is what to chart.
type Chart struct {
	// Account is an id or a name; empty is every account that was above the
	// threshold.
	Account  string
	From, To time.Time
	Version  string
	Cut      bool      // as in [Reading], and so is Until
	Until    time.Time // until when a recorder recorded; zero where one does
	Waiting  int       // how many changes wait that it can't write
	Damage   Damage    // of the record
	// Refresh, if not 0, is after how many seconds the page loads itself again, and Back
	// the address of the page that it came from.
	Refresh int
	Back    string
}

type chartPage struct {
	Policy, Period, Version string
	Refresh                 int
	Back                    string
	Style                   template.CSS
	Notes                   []string
	Charts                  []chart
	Ticks                   []mark
}

// chart is the spread of one account in one cluster over time.
type chart struct {
	Name, Last          string
	Gaps, Leans, Events []mark
	Levels              []mark
	Lines               []string // of polylines
	Told                []string
}

// mark is something at a place of a chart.
type mark struct{ X, Y, Width, Class, Text string }

// Write writes documents, in the order of their times, as a page that needs nothing
// else: no network and no script, which its policy forbids. Names are text in it.
func (c Chart) Write(w io.Writer, docs []record.Document) error {
	t, err := template.New("chart").Parse(chartText)
	if err != nil {
		return err
	}
	return t.Execute(w, c.page(docs))
}

// ChartPolicy is the content security policy of a chart: its own style and nothing else.
func ChartPolicy() string {
	sum := sha256.Sum256([]byte(chartStyle))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; base-uri 'none'; form-action 'none'"
}

func (c Chart) page(docs []record.Document) chartPage {
	p := chartPage{Policy: ChartPolicy(), Refresh: c.Refresh, Back: c.Back,
		Style: template.CSS(chartStyle), Version: c.Version, //nolint:gosec // it is the file beside this one
		Period: fmt.Sprintf("From %s to %s UTC.", c.From.UTC().Format(chartTime), c.To.UTC().Format(chartTime))}
	for i := range 5 {
		at := c.From.Add(c.To.Sub(c.From) * time.Duration(i) / 4)
		p.Ticks = append(p.Ticks, mark{X: c.x(at), Text: at.UTC().Format("01-02 15:04")})
	}
	r := Reading{Docs: docs, Since: c.From, Until: c.Until, Waiting: c.Waiting, Damage: c.Damage}
	h := r.Tell(c.To)
	if h.First.IsZero() {
		p.Notes = append(p.Notes, "Nothing was recorded.")
	}
	if !c.Until.IsZero() {
		p.Notes = append(p.Notes, say.NoRecorder(c.Until.UTC().Format(chartTime), c.Waiting))
	}
	p.Notes = append(p.Notes, say.Damage(c.Damage.Missing, c.Damage.All, c.Damage.Unreadable)...)
	if c.Cut {
		p.Notes = append(p.Notes, "Older changes were left out: they are too many to read at once.")
	}
	pairs := c.pairs(h, docs)
	switch none := len(pairs) == 0 && !h.First.IsZero(); {
	case none && c.Account != "":
		p.Notes = append(p.Notes, "Nothing of this account was recorded.")
	case none:
		p.Notes = append(p.Notes, "No account was seen above the threshold.")
	}
	if over := len(pairs) - mostCharts; over > 0 {
		p.Notes = append(p.Notes, words.Plurals(over, "more account is not shown: pass --account", "more accounts are not shown: pass --account"))
		pairs = pairs[:mostCharts]
	}
	for _, k := range pairs {
		p.Charts = append(p.Charts, c.chart(k, h, docs))
	}
	return p
}

// pairs are the accounts and clusters to chart, those that leaned last first.
func (c Chart) pairs(h History, docs []record.Document) []pair {
	var out []pair
	known := map[pair]bool{}
	add := func(a record.DocumentAccount, cluster string) {
		k := pair{a.ID, cluster}
		if (c.Account == "" || a.ID == c.Account || a.Name == c.Account) && !known[k] {
			known[k], out = true, append(out, k)
		}
	}
	for _, e := range h.Episodes {
		add(e.Account, e.Cluster)
	}
	for _, d := range docs {
		if c.Account != "" && d.Account != nil && d.Cluster != nil && d.Spread != nil {
			add(*d.Account, *d.Cluster)
		}
	}
	return out
}

// known is until when it is known how accounts were spread.
func (c Chart) known() time.Time {
	if c.Until.IsZero() || c.Until.After(c.To) {
		return c.To
	}
	return c.Until
}

func (c Chart) x(t time.Time) string { return place(c.at(t)) }

func (c Chart) at(t time.Time) float64 {
	return chartLeft + chartWidth*min(1, max(0, t.Sub(c.From).Seconds()/max(1, c.To.Sub(c.From).Seconds())))
}

func place(x float64) string { return fmt.Sprintf("%.1f", x) }

func level(percent float64) string { return place(chartTop + chartHeight*(1-percent/100)) }

func (c Chart) chart(k pair, h History, docs []record.Document) chart {
	out := chart{}
	for _, percent := range []float64{0, 50, 100} {
		out.Levels = append(out.Levels, mark{Y: level(percent), Text: fmt.Sprintf("%.0f%%", percent)})
	}
	wide := func(from, to time.Time) string { return place(max(1, c.at(to)-c.at(from))) }
	for _, g := range h.Gaps {
		out.Gaps = append(out.Gaps, mark{X: c.x(g.From), Width: wide(g.From, g.To), Text: "nothing was recorded from " + g.From.UTC().Format(chartTime) + " to " + g.To.UTC().Format(chartTime)})
	}
	for _, u := range h.Unknown {
		if u.Cluster == nil || *u.Cluster == k.cluster {
			to := c.To
			if u.To != nil {
				to = *u.To
			}
			out.Gaps = append(out.Gaps, mark{X: c.x(u.From), Width: wide(u.From, to), Text: "whether it was above the threshold was unknown from " + u.From.UTC().Format(chartTime) + " to " + to.UTC().Format(chartTime)})
		}
	}
	for _, e := range h.Episodes {
		if (pair{e.Account.ID, e.Cluster}) != k {
			continue
		}
		m := mark{X: c.x(e.Began), Width: wide(e.Began, c.known()), Class: "leaned", Text: "since " + e.Began.UTC().Format(chartTime)}
		switch {
		case e.Ended == nil && !c.Until.IsZero():
			m.Text += ", last known at " + c.Until.UTC().Format(chartTime)
		case e.Ended != nil:
			m.Width, m.Text = wide(e.Began, *e.Ended), "from "+e.Began.UTC().Format(chartTime)+" to "+e.Ended.UTC().Format(chartTime)
		}
		if e.Finding {
			m.Class = "finding"
		}
		told := strings.ToUpper(m.Text[:1]) + m.Text[1:] + ": above the threshold"
		if e.Then != nil && len(e.Then.Servers) > 0 {
			told += fmt.Sprintf(", %s of %s on %s", words.Count(e.Then.OnServer), words.Plural(e.Then.Connections, "connection"), words.Harmless(e.Then.Servers[0].Server.Name))
		}
		begun := begunText(e.Beginning())
		told += begun
		m.Text += begun
		if e.From != (record.DocumentServer{}) {
			told += ", moved from " + words.Harmless(cmp.Or(e.From.Name, e.From.ID))
		}
		if e.Next != (record.DocumentServer{}) {
			told += ", moved to " + words.Harmless(cmp.Or(e.Next.Name, e.Next.ID))
		}
		for _, d := range e.Around {
			told += "; " + words.Harmless(d.Server.Name) + " " + say.Happened(&d).At(d.Time.UTC().Format("15:04:05"))
		}
		for i := range e.Kicked {
			x := &e.Kicked[i]
			told += fmt.Sprintf("; %s kicked from %s at %s", words.Plural(x.Connections, "connection"), words.Harmless(cmp.Or(x.Server.Name, x.Server.ID)), x.From.UTC().Format("15:04:05"))
		}
		if len(out.Told) < mostTold {
			out.Told = append(out.Told, told+".")
		}
		out.Leans = append(out.Leans, m)
	}
	c.draw(&out, k, h, docs)
	return out
}

// begunText says that an account may have leaned earlier, after since when it did.
func begunText(b record.Beginning) string {
	from, known := b.Earliest()
	switch {
	case b.Seen():
		return ""
	case known:
		return ", from " + from.UTC().Format(chartTime) + " on at the earliest"
	}
	return ", and it may have begun earlier"
}

// draw draws the line of an account, broken where nothing was recorded, and what
// happened to servers.
func (c Chart) draw(out *chart, k pair, h History, docs []record.Document) {
	var line []string
	var last *record.Document
	end := func(at time.Time) {
		if last != nil {
			line = append(line, c.x(at)+","+level(last.Spread.SharePercent))
		}
		if len(line) > 0 {
			out.Lines = append(out.Lines, strings.Join(line, " "))
		}
		line, last = nil, nil
	}
	gaps := h.Gaps
	for i := range docs {
		d := &docs[i]
		for len(gaps) > 0 && !d.Time.Before(gaps[0].To) {
			end(gaps[0].From)
			gaps = gaps[1:]
		}
		switch {
		case d.Cluster == nil || *d.Cluster != k.cluster:
		case d.Change == record.Kicked: // drawn below
		case d.Server != nil && d.Account == nil:
			if len(out.Events) >= mostMarks || d.Change == record.Refused || d.Time.Before(c.From) {
				continue
			}
			class := "stopped"
			if d.Change == record.Started || d.Change == record.Answering {
				class = "started"
			}
			out.Events = append(out.Events, mark{X: c.x(d.Time), Class: class,
				Text: words.Harmless(d.Server.Name) + " " + say.Happened(d).At(d.Time.UTC().Format(chartTime))})
		case d.Account != nil && d.Account.ID == k.account && d.Spread != nil && !math.IsNaN(d.Spread.SharePercent):
			at := c.x(d.Time)
			if d.Time.Before(c.From) { // it is so at the left edge
				line = nil
			} else if last != nil {
				line = append(line, at+","+level(last.Spread.SharePercent))
			}
			line = append(line, at+","+level(d.Spread.SharePercent))
			line = thin(line, at)
			last = d
			out.Name = words.Harmless(cmp.Or(d.Account.Name, d.Account.ID))
			if k.cluster != "" {
				out.Name += " (" + words.Harmless(k.cluster) + ")"
			}
			out.Last = fmt.Sprintf("Recorded last, at %s: %s on %s.", d.Time.UTC().Format(chartTime), words.Plural(d.Spread.Connections, "connection"), words.Plural(d.Spread.ServersUp, "server"))
			if len(d.Spread.Servers) > 0 {
				out.Last = fmt.Sprintf("Recorded last, at %s: %s of %s (%.1f%%) on %s.", d.Time.UTC().Format(chartTime), words.Count(d.Spread.OnServer),
					words.Plural(d.Spread.Connections, "connection"), d.Spread.SharePercent, words.Harmless(d.Spread.Servers[0].Server.Name))
			}
		}
	}
	end(c.known())
	for i := range h.Kicked {
		if x := &h.Kicked[i]; (pair{x.Account.ID, x.Cluster}) == k && len(out.Events) < mostMarks {
			out.Events = append(out.Events, mark{X: c.x(x.From), Class: "kicked",
				Text: fmt.Sprintf("%s kicked from %s at %s", words.Plural(x.Connections, "connection"), words.Harmless(cmp.Or(x.Server.Name, x.Server.ID)), x.From.UTC().Format(chartTime))})
		}
	}
}

// thin keeps four points of a place at most, the first two and the last two: more
// can't be told apart.
func thin(line []string, at string) []string {
	n := 0
	for n < len(line) && strings.HasPrefix(line[len(line)-1-n], at+",") {
		n++
	}
	if n <= 4 {
		return line
	}
	return append(line[:len(line)-n+2], line[len(line)-2:]...)
}
