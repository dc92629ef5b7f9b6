package report

import (
	"encoding/csv"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/words"
)

// exposed reads the series of a file, as the node exporter does.
func exposed(t testing.TB, text string) map[string]*dto.MetricFamily {
	t.Helper()
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(text))
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	return families
}

func label(m *dto.Metric, name string) string {
	for _, l := range m.GetLabel() {
		if l.GetName() == name {
			return l.GetValue()
		}
	}
	return ""
}

func TestPrometheusIsReadAsItWasMeant(t *testing.T) {
	named := regexp.MustCompile(`^nats_balance_[a-z_]+$`)
	eachFormat(t, "prometheus", func(t *testing.T, _, got string, doc *Document) {
		families := exposed(t, got)
		for name, f := range families {
			if !named.MatchString(name) || f.GetType() != dto.MetricType_GAUGE || !strings.HasSuffix(f.GetHelp(), ".") {
				t.Errorf("family %s %s %q", name, f.GetType(), f.GetHelp())
			}
			seen := map[string]bool{}
			for _, m := range f.GetMetric() {
				key := fmt.Sprint(m.GetLabel())
				if seen[key] {
					t.Errorf("%s%s is there twice", name, key)
				}
				seen[key] = true
				if v := m.GetGauge().GetValue(); strings.HasSuffix(name, "share_ratio") && (v < 0 || v > 1) {
					t.Errorf("%s is %v", name, v)
				}
				if m.TimestampMs != nil {
					t.Errorf("%s has a time, which the collector refuses", name)
				}
			}
		}
		if doc == nil {
			return
		}
		if n := families["nats_balance_findings"].GetMetric()[0].GetGauge().GetValue(); int(n) != len(doc.Findings) {
			t.Errorf("%v findings", n)
		}
		for i, f := range doc.Findings[:min(len(doc.Findings), 1)] {
			m := families["nats_balance_account_info"].GetMetric()[i]
			if label(m, "account_id") != f.Account.ID || label(m, "cluster") != f.Cluster || label(m, "verdict") == "pass" {
				t.Errorf("the first account is %v", m)
			}
		}
	})
}

// However many accounts there are, the number of series is bounded: findings
// are there first, then the largest shares.
func TestPrometheusBoundsSeries(t *testing.T) {
	f := newFleet()
	var first, others []any
	for n := range 300 {
		share := 40 + n%30
		if n == 299 {
			share = 80
		}
		first = append(first, fmt.Sprintf("A%03d", n), share)
		others = append(others, fmt.Sprintf("A%03d", n), (100-share)/2)
	}
	in := fixtureInput(f.server("C1", "n1", 0, first...).server("C1", "n2", 0, others...).server("C1", "n3", 0, others...))
	in.Result = checks.CheckConcentration(in.Deployment, in.Parameters)
	families := exposed(t, formatted(t, writePrometheus, New(everyRow(in))))
	shares := families["nats_balance_account_share_ratio"].GetMetric()
	if left := families["nats_balance_series_left_out"].GetMetric()[0].GetGauge().GetValue(); len(shares) != rowsExposed || left != 200 {
		t.Errorf("%d series, %v left out", len(shares), left)
	}
	if label(shares[0], "account") != "A299" {
		t.Errorf("the first is %v, not the finding", shares[0])
	}
	least := 1.0
	for _, m := range shares {
		least = min(least, m.GetGauge().GetValue())
	}
	if least < 0.6 {
		t.Errorf("a share of %v, though there are 100 larger ones", least)
	}
}

// records reads CSV as RFC 4180 has it.
func records(t testing.TB, text string) [][]string {
	t.Helper()
	if strings.Count(text, "\n") != strings.Count(text, "\r\n") {
		t.Error("lines end in another way than RFC 4180 has it")
	}
	out, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestCSVIsNoFormula(t *testing.T) {
	eachFormat(t, "csv", func(t *testing.T, name, got string, _ *Document) {
		for _, cell := range slices.Concat(records(t, got)...) {
			if formula(cell) {
				t.Errorf("%s: a cell is %q", name, cell)
			}
		}
		// The same where lists are separated by semicolons.
		r := csv.NewReader(strings.NewReader(got))
		r.Comma, r.LazyQuotes, r.FieldsPerRecord = ';', true, -1
		rows, err := r.ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		for _, cell := range slices.Concat(rows...) {
			if formula(cell) {
				t.Errorf("%s: with semicolons, a cell is %q", name, cell)
			}
		}
	})
}

func formula(cell string) bool {
	return regexp.MustCompile(`^\s*["']?\s*[=+\-@＝＋－＠]`).MatchString(cell) && !strings.HasPrefix(cell, "'")
}

// Every account is there on every server, and the sums are those of the
// clusters.
func TestCSVIsTheWholeMatrix(t *testing.T) {
	in := everyRow(fixtureNamed(t, "all").in)
	rows := records(t, formatted(t, writeCSV, New(in)))[1:]
	accounts := 0
	for _, a := range in.Deployment.Accounts {
		if !a.System {
			accounts++
		}
	}
	if want := accounts * len(in.Deployment.Servers); len(rows) != want {
		t.Errorf("%d rows, want %d", len(rows), want)
	}
	sums, verdicts := map[string]int{}, map[string]string{}
	for _, r := range rows {
		n, err := strconv.Atoi(r[5])
		if err != nil || r[0] == "SYSID" {
			t.Errorf("row %q", r)
		}
		sums[r[4]] += n
		verdicts[r[0]+" "+r[2]] = r[8]
	}
	for _, c := range in.Result.Clusters {
		for _, s := range c.Servers {
			if sums[s.Server.Name] != *s.Connections {
				t.Errorf("%s: %d connections, want %d", s.Server.Name, sums[s.Server.Name], *s.Connections)
			}
		}
	}
	for place, want := range map[string]string{"BILLING EAST": "review", "FEW EAST": "too-few-connections", "FEW WEST": "no-connections"} {
		if verdicts[place] != want {
			t.Errorf("%s: %q, want %q", place, verdicts[place], want)
		}
	}
}

// What a server that did not report has is not known, and not 0; what was not
// asked for is not there.
func TestCSVOfMissingServers(t *testing.T) {
	in := fixtureNamed(t, "incomplete").in
	in.Parameters.Accounts, in.Parameters.Clusters = []string{"ORDERS", "SMALL"}, []string{"C1"}
	in.Result = checks.CheckConcentration(in.Deployment, in.Parameters)
	rows := records(t, formatted(t, writeCSV, New(everyRow(in))))[1:]
	var got []string
	for _, r := range rows {
		got = append(got, strings.Join(append([]string{r[1], r[4]}, r[5:9]...), " "))
	}
	want := []string{"ORDERS C1-n1 17 94.4 18 incomplete", "ORDERS C1-n2 1 5.6 18 incomplete", "ORDERS C1-n3 0 0.0 18 incomplete", "ORDERS C1-n4   18 incomplete",
		"SMALL C1-n1 0 0.0 3 incomplete", "SMALL C1-n2 0 0.0 3 incomplete", "SMALL C1-n3 3 100.0 3 incomplete", "SMALL C1-n4   3 incomplete"}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// proseOf is what is left of markdown without code, which a reader of markdown
// looks for in the same way.
func proseOf(t testing.TB, md string) string {
	t.Helper()
	var out []string
	fence := ""
	for line := range strings.SplitSeq(md, "\n") {
		ticks := line[:len(line)-len(strings.TrimLeft(line, "`"))]
		switch {
		case fence != "":
			if line == ticks && len(ticks) >= len(fence) {
				fence = ""
			}
		case len(ticks) >= 3 && !strings.Contains(line[len(ticks):], "`"):
			fence = ticks
		default:
			out = append(out, withoutSpans(line))
		}
	}
	if fence != "" {
		t.Error("a fence is open at the end")
	}
	return strings.Join(out, "\n")
}

// withoutSpans cuts out code spans: from some backticks to the next run of as
// many.
func withoutSpans(line string) string {
	runs := regexp.MustCompile("`+").FindAllStringIndex(line, -1)
	var b strings.Builder
	from := 0
	for i := 0; i < len(runs); i++ {
		for j := i + 1; j < len(runs); j++ {
			if runs[j][1]-runs[j][0] == runs[i][1]-runs[i][0] {
				b.WriteString(line[from:runs[i][0]] + "CODE")
				from, i = runs[j][1], j
				break
			}
		}
	}
	return b.String() + line[from:]
}

func TestMarkdownHasNoMarkupFromOutside(t *testing.T) {
	ours := strings.NewReplacer("**", "", "OPT_BALANCE_", "")
	begin := regexp.MustCompile(`^(#{2,3} ([0-9]+\. )?|- |  - )?`)
	link := regexp.MustCompile(`(?i)://|www\.|\.example|gh-|deadbeefdeadbeef\b|:\+1:`)
	block := regexp.MustCompile(`^\s*([0-9]+[.)]|[-+=>]+)(\s|$)`)
	eachFormat(t, "markdown", func(t *testing.T, _, got string, _ *Document) {
		for line := range strings.SplitSeq(proseOf(t, got), "\n") {
			rest := ours.Replace(line[len(begin.FindString(line)):])
			if strings.ContainsAny(rest, "@#<>[]`\\~$&_*!") || link.MatchString(rest) || block.MatchString(rest) {
				t.Errorf("markup: %q", line)
			}
		}
		cells := 0
		for line := range strings.SplitSeq(got, "\n") {
			if !strings.HasPrefix(line, "| ") {
				cells = 0
				continue
			}
			n := strings.Count(line, "|")
			if cells != 0 && n != cells {
				t.Errorf("a row of %d bars below one of %d: %s", n, cells, line)
			}
			cells = n
		}
		if len(got) > 65_536 {
			t.Errorf("%d bytes, more than a ticket takes", len(got))
		}
	})
}

func TestMarkdownWords(t *testing.T) {
	for in, want := range map[string]string{
		"If C1-n1 fails, 17 connections drop at once.":  "If C1-n1 fails, 17 connections drop at once.",
		"It is 94.4% (17 of 1,018); can't say":          "It is 94.4% (17 of 1,018); can't say",
		"nats://h:4222 leads to n1, and to n2.example.": "`nats://h:4222` leads to n1, and to `n2.example`.",
		"ask @team or #12":                              "ask `@team` or `#12`",
		"see [a](b) and **c**":                          "see `[a](b)` and `**c**`",
		"a`b c":                                         "``a`b`` c",
		"`":                                             "`` ` ``",
		"a|b":                                           `` + "`a\\x7cb`",
		"1. x":                                          "`1`. x",
		"pass --client-url":                             "pass `--client-url`",
		"":                                              "",
		"$G, 10.0.0.1:4222: x":                          "`$G, 10.0.0.1:4222`: x",
		"GH-1 deadbeef99":                               "`GH-1 deadbeef99`",
	} {
		if got := mdSentence(in); got != want {
			t.Errorf("%q becomes %q, want %q", in, got, want)
		}
	}
}

func FuzzMarkdown(f *testing.F) {
	for _, name := range hostile() {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		s := words.Harmless(name)
		for _, md := range []string{mdCode(s), mdSentence(s), "| " + mdCode(s) + " |"} {
			if prose := withoutSpans(md); strings.ContainsAny(prose, "@#<>[]`\\~$&_*!") || strings.Count(prose, "|") > 2 {
				t.Errorf("%q becomes %q", name, md)
			}
		}
	})
}
