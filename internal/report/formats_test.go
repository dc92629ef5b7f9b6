package report

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/source/archive"
	"github.com/nats-balance/nats-balance/internal/words"
)

// forPrograms are the formats for runbooks, monitoring and spreadsheets: all but those
// with tests and golden files of their own.
func forPrograms() []format {
	return slices.DeleteFunc(formats(), func(f format) bool { return slices.Contains([]string{"text", "json", "html"}, f.name) })
}

// write and writeHotspots are a format's functions, without a style.
func (f format) write(w io.Writer, doc *Document) error { return f.concentrated(w, doc, Style{}) }

func (f format) writeHotspots(w io.Writer, doc *Hotspots) error { return f.hotspots(w, doc, Style{}) }

// input has every account where the format takes them, as the command asks for them.
func (f format) input(in Input) Input {
	if f.everyAccount {
		return everyRow(in)
	}
	return in
}

// everyRow is the input with all accounts, as the command asks for them.
func everyRow(in Input) Input {
	p := in.Parameters
	p.All = true
	in.Result.Rows, in.Parameters = checks.CheckConcentration(in.Deployment, p).Rows, p
	return in
}

func formatted[D any](t testing.TB, write func(io.Writer, *D) error, doc *D) string {
	t.Helper()
	var b bytes.Buffer
	if err := write(&b, doc); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// since is a document with what was accepted and what a baseline had.
func since(in Input) *Document {
	doc := New(in)
	row := Row{Account: Account{ID: "OLD", Name: evil}, Cluster: "C1", Server: ServerRef{ID: "N3", Name: "C1-n3"}, Connections: 20, OnServer: 18, SharePercent: 90}
	row.Account.Name = words.Harmless(row.Account.Name)
	doc.Accepted = []Accepted{{Row: row, Reason: words.Sentence("moves in Q1, see @team #12 | " + evil), Expires: "2027-01-31"}}
	doc.Baseline = &Baseline{Time: time.Date(2025, 11, 3, 0, 0, 0, 0, time.UTC), New: []Row{doc.Findings[0].row()},
		Worse: []Changed{{Row: row, WasPercent: 71}}, Gone: []Gone{{Row: row, Reason: "below-threshold"}}, Unchanged: 3}
	return doc
}

func TestFormatsGolden(t *testing.T) {
	expected := map[string]bool{}
	check := func(name, got string) {
		t.Run(name, func(t *testing.T) { golden(t, "formats/"+name, got) })
		expected[name+".golden"] = true
	}
	var lines strings.Builder // of the formats that have one only
	oneLine := []string{"all-incomplete", "critical", "idle", "incomplete", "incomplete-critical", "long", "many", "missing-but-pass", "parameters", "partial-pass", "wide"}
	shown := []string{"all", "critical-of-several", "finding", "hostile-why", "incomplete-sure", "pass", "why"}
	for _, f := range fixtures() {
		doc := New(everyRow(f.in))
		if slices.Contains(slices.Concat(oneLine, shown), f.name) {
			fmt.Fprintf(&lines, "%s:\n%s", f.name, formatted(t, writeNagios, doc))
		}
		for _, as := range forPrograms() {
			if as.name != "nagios" && slices.Contains(shown, f.name) {
				check(f.name+"."+as.name, formatted(t, as.write, New(as.input(f.in))))
			}
		}
	}
	doc := since(everyRow(fixtureNamed(t, "finding").in))
	fmt.Fprintf(&lines, "since:\n%s", formatted(t, writeNagios, doc))
	for _, as := range forPrograms() {
		if as.name != "nagios" {
			check("since."+as.name, formatted(t, as.write, doc))
		}
	}
	check("nagios.txt", lines.String())

	lines.Reset()
	for _, f := range hotspotFixtures() {
		doc := NewHotspots(f.in)
		fmt.Fprintf(&lines, "%s:\n%s", f.name, formatted(t, writeHotspotsNagios, doc))
		for _, as := range forPrograms() {
			if as.name != "nagios" && as.hotspots != nil && slices.Contains([]string{"hostile", "incomplete", "together"}, f.name) {
				check("hotspot-"+f.name+"."+as.name, formatted(t, as.writeHotspots, doc))
			}
		}
	}
	check("hotspot-nagios.txt", lines.String())

	files, err := filepath.Glob("testdata/formats/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if !expected[filepath.Base(file)] {
			t.Errorf("no test makes %s", file)
		}
	}
}

// hostile are names that mean something to what reads one of the formats.
func hostile() []string {
	names := []string{evil, "@team", "#123", "org/repo#1", "GH-12", "[x](http://evil.example)", "![i](u)", "<img src=x onerror=alert(1)>",
		"a`b", "``", "` `", "`@team`", "a|@team", `a\|@team|b`, "https://evil.example/x", "www.evil.example", "a@b.example", "*b*", "_u_", "~~s~~",
		"$x$", ":+1:", "deadbeefdeadbeef", "- x", "1. x", "> q", "===", "---", "&lt;b&gt;", "~~~", "```", "\\", "\\`", "x\\`@team",
		"=1+1", "+1", "-1", "@SUM(1)", "\t=1", "\r=1", " =1", "'=1", "＝1", "x;=1+1", `a";=cmd|' /C calc'!A0`, `","=1`, "a,b", "a\nb",
		"$(reboot)", "${HOME}", "`reboot`", "a=1", "'a=1;2;3'", "x | findings=0", "\"", `\"`, `a\nb`, `{a="b"} 1`, "# HELP", "\xff\xfe", "", " ",
		"nats://user:s3cret@host", "長い", strings.Repeat("x", 300)}
	return append(names, strings.Join(names, " "))
}

// named is an audit in which everything has that name.
func hostileInput(name string) Input {
	in := fixtureInput(newFleet().account(name+"id", name, false).
		server(name, name, 0, name, 90).server(name, name+"2", 0, name, 4).server(name, "n3", 0, name, 1, name+"other", 30).
		missing(name, name, 0, name).note("%s", name))
	in.SourceDetail, in.Warnings = []string{name}, []string{name}
	in.Result = checks.CheckConcentration(in.Deployment, in.Parameters)
	if len(in.Result.Findings) > 0 { // not in a cluster without a name
		explained(&in, name, name)
	}
	return everyRow(in)
}

func hostileHotspots(name string) *Hotspots {
	in := hostileInput(name)
	p := checks.ClientConnections().Defaults()
	return NewHotspots(HotspotInput{Time: in.Time, SourceKind: in.SourceKind, SourceDetail: []string{name}, Parameters: p,
		Deployment: in.Deployment, Result: checks.CheckHotspots(in.Deployment, p), All: true})
}

// eachFormat makes every document of the tests in a format.
func eachFormat(t *testing.T, name string, check func(t *testing.T, name, got string, doc *Document)) {
	t.Helper()
	as := formatOf(name)
	if as.name != name {
		t.Fatalf("there is no format %s", name)
	}
	run := func(name, got string, doc *Document) {
		t.Run(name, func(t *testing.T) {
			checkPlain(t, got)
			check(t, name, got, doc)
		})
	}
	for _, f := range fixtures() {
		doc := New(everyRow(f.in))
		run(f.name, formatted(t, as.write, doc), doc)
	}
	for i, name := range hostile() {
		doc := New(hostileInput(name))
		run(fmt.Sprintf("hostile %d", i), formatted(t, as.write, doc), doc)
		if as.hotspots != nil {
			run(fmt.Sprintf("hostile hotspot %d", i), formatted(t, as.writeHotspots, hostileHotspots(name)), nil)
		}
	}
	doc := since(everyRow(fixtureNamed(t, "finding").in))
	run("since", formatted(t, as.write, doc), doc)
	if as.hotspots == nil {
		return
	}
	for _, f := range hotspotFixtures() {
		run("hotspot "+f.name, formatted(t, as.writeHotspots, NewHotspots(f.in)), nil)
	}
}

// checkPlain holds what is so of every format.
func checkPlain(t *testing.T, s string) {
	t.Helper()
	if !utf8.ValidString(s) || !strings.HasSuffix(s, "\n") {
		t.Error("no valid UTF-8, or no final new line")
	}
	for _, r := range s {
		if r < ' ' && !strings.ContainsRune("\n\r\t", r) || r >= 0x7f && r < 0xa0 || r == '\u202e' || r == '\u200b' || r == '\u2028' {
			t.Errorf("it has %U", r)
		}
	}
	if strings.Contains(s, "s3cret") || strings.Contains(s, "user:p") {
		t.Error("it has credentials")
	}
}

// Whatever names are, a format has no control characters and no credentials. Those with
// a test of their own are held to that there.
func TestFormatsArePlain(t *testing.T) {
	for _, as := range forPrograms() {
		if slices.Contains([]string{"nagios", "prometheus", "markdown", "csv"}, as.name) {
			continue
		}
		eachFormat(t, as.name, func(*testing.T, string, string, *Document) {})
	}
}

var perfdata = regexp.MustCompile(`^[a-z_]+=[0-9]+%?(;[0-9]*){0,2}$`)

func TestNagiosIsOneLineThatNothingBreaks(t *testing.T) {
	eachFormat(t, "nagios", func(t *testing.T, _, got string, doc *Document) {
		said, data, ok := strings.Cut(strings.TrimSuffix(got, "\n"), " | ")
		if !ok || strings.ContainsAny(said, "|\n\r`<>&'\"") || strings.Contains(said, "$(") || strings.Contains(said, "${") {
			t.Errorf("said %q", said)
		}
		for item := range strings.FieldsSeq(data) {
			if !perfdata.MatchString(item) {
				t.Errorf("perfdata %q in %q", item, data)
			}
		}
		if len(got) > 1024 {
			t.Errorf("%d bytes, more than NRPE takes", len(got))
		}
		if doc == nil {
			return
		}
		want := map[string]string{"pass": "OK", "finding": "WARNING", "critical": "CRITICAL", "incomplete": "UNKNOWN", "not-judged": "UNKNOWN"}[doc.Outcome]
		if !strings.HasPrefix(said, want+" ") {
			t.Errorf("outcome %s: %q", doc.Outcome, said)
		}
	})
}

// Where only what is new or worse decides the exit status, it decides the
// status word as well.
func TestNagiosSaysWhatTheExitStatusSays(t *testing.T) {
	doc := since(everyRow(fixtureNamed(t, "finding").in))
	doc.newOnly = true
	doc.Baseline.New, doc.Baseline.Worse = nil, nil
	if got := formatted(t, writeNagios, doc); !strings.HasPrefix(got, "OK 0 new or worse of 1 finding. 1 account on one server: ORDERS 94.4% C1-n1") {
		t.Errorf("got %q", got)
	}
}

// The line says who is where: groups of several accounts first.
func TestNagiosSaysWhoIsWhere(t *testing.T) {
	accepted := eu(0, 2, 0)
	accepted.Result.Accepted = []checks.Accepted{{Finding: accepted.Result.Findings[0]}}
	accepted.Result.Findings, accepted.Explained = accepted.Result.Findings[1:], accepted.Explained[1:]
	gathered := eu(0, 1, 0)
	gathered.SourceKind = archive.Kind()
	for _, c := range []struct {
		in   Input
		want string
	}{
		{eu(0, 2, 0), "WARNING 2 accounts on one server: ORDERS-2 86.7% eu-n1, ORDERS-1 86.2% eu-n1 | "},
		{eu(30, 1, 0), "WARNING 31 accounts on one server: 30 accounts 90% eu-n3, ORDERS-1 86.2% eu-n1 | "},
		{eu(0, 0, 7), "WARNING 7 accounts on one server: TENANT-01 86.7% eu-n1, TENANT-02 86.7% eu-n2, TENANT-03 86.7% eu-n3, TENANT-04 86.7% eu-n1, TENANT-05 86.7% eu-n2"},
		{gathered, "WARNING 1 account on one server: ORDERS-1 86.2% eu-n1 (archive) | "},
		{accepted, "WARNING 1 account on one server: ORDERS-1 86.2% eu-n1; 1 accepted | findings=1 critical=0 open=0 review=0 evaluated=3 max_share=87%;70 "},
		{eu(0, 0, 0), "OK No finding: 1 account checked, none has more than 70% on one server | "},
	} {
		if got := formatted(t, writeNagios, New(c.in)); !strings.HasPrefix(got, c.want) {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
	}
}

func TestFormatsReturnTheErrorOfTheWriter(t *testing.T) {
	for _, as := range forPrograms() {
		if err := as.write(brokenWriter{}, New(everyRow(fixtureNamed(t, "finding").in))); !errors.Is(err, errBroken) {
			t.Errorf("%s: %v", as.name, err)
		}
		if as.hotspots == nil {
			continue
		}
		if err := as.writeHotspots(brokenWriter{}, NewHotspots(hotspotFixtureNamed(t, "finding"))); !errors.Is(err, errBroken) {
			t.Errorf("hotspots, %s: %v", as.name, err)
		}
	}
}
