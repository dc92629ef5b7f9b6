package report

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/nats-balance/nats-balance/checks"
)

// On 40 columns the answer is still the first line, and lines are no longer than that,
// but for commands, snippets and addresses, which are never cut.
func TestNarrowTerminal(t *testing.T) {
	t.Parallel()
	const narrow = 40
	check := func(t *testing.T, name string, write func(io.Writer, Style) error) {
		t.Helper()
		var wide, out bytes.Buffer
		if err := write(&wide, Style{Width: 160}); err != nil {
			t.Fatal(err)
		}
		if err := write(&out, Style{Width: 20}); err != nil {
			t.Fatal(err)
		}
		first, _, _ := strings.Cut(out.String(), "\n")
		answer, _, _ := strings.Cut(wide.String(), "\n")
		if first == "" || first[:min(12, len(first))] != answer[:min(12, len(first))] {
			t.Errorf("%s: the first line is %q, and %q on a wide terminal", name, first, answer)
		}
		for line := range strings.Lines(out.String()) {
			line = strings.TrimSuffix(line, "\n")
			if columns(line) > narrow && !strings.Contains(line, "--") && !strings.Contains(line, "://") && !strings.Contains(line, "nats-balance ") && !strings.HasPrefix(line, "       ") {
				t.Errorf("%s: %d columns: %s", name, columns(line), line)
			}
		}
	}
	for _, f := range fixtures() {
		doc := New(f.in)
		check(t, f.name, func(w io.Writer, s Style) error { return writeText(w, doc, s) })
		if f.name == "many-missing" || f.name == "forty-servers" || f.name == "hostile-why" {
			check(t, f.name+" in detail", func(w io.Writer, s Style) error { s.Details = true; return writeText(w, doc, s) })
		}
	}
	for _, f := range hotspotFixtures() {
		f.in.All = true
		doc := NewHotspots(f.in)
		check(t, "hotspot "+f.name, func(w io.Writer, s Style) error { return writeHotspotsText(w, doc, s) })
	}
	for i, name := range append(hostile(), "C1", strings.Repeat("cluster-of-a-long-name-", 4)) {
		doc := impactOf(name)
		check(t, fmt.Sprintf("impact %d", i), func(w io.Writer, s Style) error { return ImpactText(w, doc, s) })
		doc.Servers, doc.Gone = []ServerImpact{}, goneOf(name, doc.Time)
		check(t, fmt.Sprintf("impact of the loss %d", i), func(w io.Writer, s Style) error { return ImpactText(w, doc, s) })
	}
	for outcome := range outcomesOfRebalance() {
		doc := rebalanceOf(outcome, "ORDERS")
		check(t, "rebalance "+outcome, func(w io.Writer, s Style) error { return RebalanceText(w, doc, s) })
	}
}

// Servers of one cluster are filled by one command, which is whole however long the
// name of the cluster is.
func TestEmptyServersHaveOneCommand(t *testing.T) {
	t.Parallel()
	long := "cluster-" + strings.Repeat("very-long-", 12) + "east"
	in := hotspotFixtureNamed(t, "pass")
	for _, name := range []string{"n4", "n5"} {
		in.Empty = append(in.Empty, checks.EmptyServer{Load: checks.Load{Connections: 90, OnServer: 1, Servers: 5}, Cluster: long, Server: checks.ServerRef{ID: name, Name: name}})
	}
	in.Empty = append(in.Empty, checks.EmptyServer{Load: checks.Load{Connections: 90, Servers: 5}, Cluster: "west", Server: checks.ServerRef{ID: "w5", Name: "w5"}})
	text := strings.Join(strings.Fields(strings.ReplaceAll(hotspotText(t, in, Style{}), "\\\n", " ")), " ")
	if n := strings.Count(text, "nats-balance rebalance --cluster "+long); n != 1 {
		t.Errorf("%d commands for the cluster of the long name:\n%s", n, text)
	}
	if n := strings.Count(text, "nats-balance rebalance --cluster west"); n != 2 || !strings.Contains(text, "--cluster west --to-server w5") {
		t.Errorf("%d commands for the other:\n%s", n, text)
	}
}
