package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/source"
	"github.com/nats-balance/nats-balance/internal/source/account"
	"github.com/nats-balance/nats-balance/internal/source/system"
)

type hotspotFixture struct {
	name string
	in   HotspotInput
}

// hot is a cluster with a hotspot, of one concentrated account and others.
func hot() *fleet {
	return newFleet().account("SYSID", "SYS", true).
		server("C1", "C1-n1", 0, "ORDERS", 170, "BILLING", 60, "EVEN", 10, "SYS", 900).
		server("C1", "C1-n2", 0, "ORDERS", 8, "BILLING", 20, "EVEN", 10).
		server("C1", "C1-n3", 0, "ORDERS", 2, "BILLING", 20, "EVEN", 10)
}

func hotspotFixtures() []hotspotFixture {
	var out []hotspotFixture
	add := func(name string, f *fleet, change ...func(*HotspotInput)) {
		base := fixtureInput(f)
		in := HotspotInput{Version: base.Version, Time: base.Time, SourceKind: base.SourceKind, SourceDetail: base.SourceDetail,
			Parameters: checks.ClientConnections().Defaults(), Deployment: &f.Deployment}
		for _, c := range change {
			c(&in)
		}
		in.Result = checks.CheckHotspots(in.Deployment, in.Parameters)
		out = append(out, hotspotFixture{name, in})
	}
	all := func(in *HotspotInput) { in.All = true }
	partial := func(in *HotspotInput) { in.Parameters.AllowPartial = true }

	add("finding", hot())
	add("pass", newFleet().server("C1", "C1-n1", 0, "ORDERS", 12).server("C1", "C1-n2", 0, "ORDERS", 3).server("C1", "C1-n3", 0, "ORDERS", 3))
	add("none-judged", newFleet().server("C1", "C1-n1", 0, "ORDERS", 9).server("C1", "C1-n2", 0).server("C1", "C1-n3", 0).server("", "lone", 0, "ORDERS", 90), all)
	add("together", newFleet().
		server("C1", "C1-n1", 0, "A", 7, "B", 7, "C", 7, "D", 7).server("C1", "C1-n2", 0, "A", 2, "B", 2, "C", 1, "D", 1).
		server("C1", "C1-n3", 0, "A", 1, "B", 1, "C", 2, "D", 2))
	many := newFleet()
	for c := range 25 {
		var uses []any
		services := 4
		if c == 0 { // more than a finding lists
			services = 13
		}
		for n := range services {
			uses = append(uses, fmt.Sprintf("SERVICE-%02d", n), 20+n)
		}
		for s := range 3 {
			many.server(fmt.Sprintf("REGION-%02d", c), fmt.Sprintf("r%02d-n%d", c, s+1), 0, uses...)
			uses = uses[:2*c%4]
		}
	}
	add("many", many)
	add("incomplete", hot().missing("C1", "C1-n4", -1, silent).missing("C2", "", -1, silent), all)
	add("incomplete-sure", hot().server("C2", "C2-n1", 0, "ORDERS", 30).server("C2", "C2-n2", 0, "ORDERS", 30).server("C2", "C2-n3", 0, "ORDERS", 30).
		missing("C1", "C1-n4", 20, silent).missing("C2", "C2-n4", -1, silent), func(in *HotspotInput) {
		in.Empty = []checks.EmptyServer{{Load: checks.Load{Connections: 90, OnServer: 1, Servers: 4}, Cluster: "C2", Server: checks.ServerRef{ID: "EMPTY", Name: "C2-n5", Host: "10.0.0.9"},
			Start: time.Date(2026, 2, 3, 3, 0, 0, 0, time.UTC)}}
	})
	add("missing-but-pass", newFleet().server("C1", "C1-n1", 0, "ORDERS", 10).server("C1", "C1-n2", 0, "ORDERS", 10).server("C1", "C1-n3", 0, "ORDERS", 10).
		missing("C1", "C1-n4", 9, silent))
	unknown := newFleet().server("C1", "C1-n1", 0, "ORDERS", 10).server("C1", "C1-n2", 0, "ORDERS", 10)
	for range 3 {
		unknown.missing("?", "", -1, silent)
	}
	add("elsewhere", unknown, all)
	add("partial", hot().missing("C1", "C1-n4", -1, silent).note("a note"), partial, all)
	two := func() *fleet {
		return newFleet().server("C1", "C1-n1", 0, "ORDERS", 10).server("C1", "C1-n2", 0, "ORDERS", 10)
	}
	add("partial-pass", two().server("C1", "C1-n3", 0, "ORDERS", 10).missing("C1", "C1-n4", -1, silent), partial)
	add("partial-few", two().missing("C1", "C1-n3", -1, silent), partial)
	add("two-servers", newFleet().server("C1", "C1-n1", 0, "ORDERS", 20).server("C1", "C1-n2", 0, "ORDERS", 12))
	add("parameters", hot(), func(in *HotspotInput) {
		in.Parameters.FactorPercent, in.Parameters.MinServers, in.Parameters.MinConnections = 225, 3, 310
		in.Parameters.Clusters = []string{"C1"}
	})
	add("hostile", newFleet().server(evil, evil+"1", 0, evil, 90, evil+"e\u0301", 10).server(evil, evil+"2", 0, evil, 4).server(evil, evil+"2", 0, evil, 1).
		missing(evil, evil, 0, "nats://user:pass@host refused \x07"+evil).note("asked nats://tok@h1: %s", evil), all,
		func(in *HotspotInput) { in.SourceDetail = []string{"nats://user:p@ss/w@10.0.0.1:4222"} })
	long := strings.Repeat("very-long-name-", 40)
	add("long", newFleet().account(long+"id", long, false).server(long, long+"1", 0, long, 4_000_000_000).server(long, long+"2", 0, long, 9).server(long, "長"+long, 0, long, 1).
		missing(long, long+"4", -1, long).note("%s", long), all)
	return out
}

func hotspotFixtureNamed(t *testing.T, name string) HotspotInput {
	t.Helper()
	for _, f := range hotspotFixtures() {
		if f.name == name {
			return f.in
		}
	}
	t.Fatalf("no fixture %q", name)
	return HotspotInput{}
}

func hotspotText(t *testing.T, in HotspotInput, style Style) string {
	t.Helper()
	var b bytes.Buffer
	if err := writeHotspotsText(&b, NewHotspots(in), style); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func hotspotJSON(t *testing.T, in HotspotInput) string {
	t.Helper()
	var b bytes.Buffer
	if err := JSON(&b, NewHotspots(in)); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestHotspotGolden(t *testing.T) {
	expected := map[string]bool{}
	for _, f := range hotspotFixtures() {
		plain := hotspotText(t, f.in, Style{})
		golden(t, "hotspot/"+f.name+".txt", plain)
		expected[f.name+".txt.golden"] = true
		if f.name == "many" {
			wholeHotspots(t, f.in)
		} else {
			golden(t, "hotspot/"+f.name+".json", hotspotJSON(t, f.in))
			expected[f.name+".json.golden"] = true
		}
		checkText(t, plain)
		colored := hotspotText(t, f.in, Style{Color: true, Scheme: "cyan"})
		checkText(t, colored)
		if stripped := sgr.ReplaceAllString(colored, ""); stripped != plain || stripped == colored {
			t.Errorf("%s: with colour, the text is another: %s", f.name, firstDifference(stripped, plain))
		}
	}
	files, err := filepath.Glob("testdata/hotspot/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if !expected[filepath.Base(file)] {
			t.Errorf("no test makes %s", file)
		}
	}
}

// wholeHotspots checks that JSON has all of what text cuts off.
func wholeHotspots(t *testing.T, in HotspotInput) {
	t.Helper()
	var doc Hotspots
	if err := json.Unmarshal([]byte(hotspotJSON(t, in)), &doc); err != nil {
		t.Fatal(err)
	}
	if a, b := len(doc.Clusters), len(doc.Findings); a != 25 || b != 25 || doc.Summary.Findings != 25 || doc.Summary.Servers != 75 {
		t.Errorf("%d clusters, %d findings, %+v", a, b, doc.Summary)
	}
	for i, f := range doc.Findings {
		want := in.Result.Findings[i]
		if f.Server.Name != want.Server.Name || f.OnServer != want.OnServer || len(f.Distribution) != 3 || len(f.Accounts) != len(want.Accounts) || f.MoreAccounts != want.MoreAccounts {
			t.Errorf("%d: %+v, want %+v", i, f, want)
		}
	}
}

// Names from outside do no harm, and credentials are gone, in both formats.
func TestHotspotIsHarmless(t *testing.T) {
	in := hotspotFixtureNamed(t, "hostile")
	for _, s := range []string{hotspotText(t, in, Style{}), hotspotJSON(t, in)} {
		for _, bad := range []string{"pass@", "p@ss", "tok@", "\x1b", "\u202e", "\u200b", "\u009b"} {
			if strings.Contains(s, bad) {
				t.Errorf("%q got through", bad)
			}
		}
	}
}

func TestHotspotNumbers(t *testing.T) {
	for f, want := range map[Factor]string{200: "2", 150: "1.5", 225: "2.25", 101: "1.01", 10000: "100"} {
		if f.String() != want {
			t.Errorf("factor %d is %s, want %s", int(f), f, want)
		}
	}
	for _, c := range []struct {
		a, b int
		want string
	}{{0, 0, "0.0"}, {5, 0, "0.0"}, {7, 2, "3.5"}, {1, 20, "0.1"}, {1, 21, "0.0"}, {36, 3, "12.0"}, {4_000_000_000_000_000, 1, "4000000000000000.0"}} {
		if got := ratio(c.a, c.b).String(); got != c.want {
			t.Errorf("%d by %d is %s, want %s", c.a, c.b, got, c.want)
		}
	}
}

func TestHotspotErrorsOfTheWriter(t *testing.T) {
	doc := NewHotspots(hotspotFixtureNamed(t, "finding"))
	if err := writeHotspotsText(brokenWriter{}, doc, Style{}); !errors.Is(err, errBroken) {
		t.Errorf("text: %v", err)
	}
	if err := JSON(brokenWriter{}, doc); !errors.Is(err, errBroken) {
		t.Errorf("JSON: %v", err)
	}
}

// A concentration finding says where its server is a hotspot too, or may be.
func TestFindingSaysWhetherItsServerIsAHotspot(t *testing.T) {
	even := newFleet().
		server("C1", "C1-n1", 0, "ORDERS", 17, "BILLING", 2).
		server("C1", "C1-n2", 0, "ORDERS", 1, "BILLING", 18).
		server("C1", "C1-n3", 0, "ORDERS", 1, "BILLING", 18)
	for _, c := range []struct {
		name string
		kind source.Kind
		f    *fleet
		want string
	}{
		{"hot too", system.Kind(), hot(), "C1-n1 is also a hotspot: 240 of all 310 connections, 2.3 times the average."},
		{"not hot", system.Kind(), even, ""},
		{"a missing server decides", system.Kind(), hot().server("C1", "C1-n5", 0, "OTHER", 250).missing("C1", "C1-n4", 50, silent),
			"C1-n1 may also be a hotspot, which depends on a missing server: 240 of all"},
		{"one account only", account.Kind(), hot(), ""},
	} {
		in := fixtureInput(c.f)
		in.SourceKind, in.Time = c.kind, time.Unix(0, 0)
		in.Parameters.Accounts = []string{"ORDERS"}
		in.Result = checks.CheckConcentration(in.Deployment, in.Parameters)
		if text := textOf(t, in, Style{Details: true}); !strings.Contains(text, c.want) || strings.Contains(text, "hotspot") != (c.want != "") {
			t.Errorf("%s: %q is not in\n%s", c.name, c.want, text)
		}
	}
}

// The example in the documentation is what the program prints.
func TestHotspotDocsShowRealOutput(t *testing.T) {
	page, err := os.ReadFile("../../docs/OPT_BALANCE_002.md")
	if err != nil {
		t.Fatal(err)
	}
	want := hotspotText(t, hotspotFixtureNamed(t, "finding"), Style{})
	if !strings.Contains(string(page), "\n"+want+"```\n") {
		t.Error("the page does not show what is in testdata/hotspot/finding.txt.golden")
	}
}
