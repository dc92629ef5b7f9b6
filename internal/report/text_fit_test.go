package report

import (
	"strings"
	"testing"

	"github.com/jedib0t/go-pretty/v6/text"
)

// Text that has no room ends where a sentence or a clause does.
func TestClipEndsWhereAClauseDoes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ sentence, want string }{
		{"It all fits.", "It all fits.\n"},
		{"nats.example has one address. It was 10.0.0.1 before, and the oldest client is of May.", "nats.example has one address.\n"},
		{"nats://10.0.0.1:4222 leads to n1 only, which answers at 10.0.0.1:4222.", "nats://10.0.0.1:4222 leads to n1 only …\n"},
		{"pass --client-url A=URL[,URL…] or a file with what its clients have", "pass --client-url A=URL[,URL…] or a file …\n"},
		{"a, but this goes on without an end of any kind until it is cut", "a, but this goes on without an end of any …\n"},
	} {
		p := newPrinter(Style{Width: narrowest})
		p.width = 44
		p.clip(text.Reset, "", "", 1, c.sentence)
		if got := p.b.String(); got != c.want {
			t.Errorf("%q: got %q, want %q", c.sentence, got, c.want)
		}
	}
}

// Columns are left out before names are cut until they are like each other, and
// words stay apart.
func TestTablesOnNarrowTerminals(t *testing.T) {
	t.Parallel()
	cells := [][]string{
		{"orders-api-worker", "user mobile-orders", "Java 2.20.5", "2 hosts", "11", "0", "uneven"},
		{"billing", "user batch", "Go 1.55.0", "12 hosts", "1", "2"},
	}
	for width, want := range map[int]string{
		90: "orders-api-worker  user mobile-orders  Java 2.20.5   2 hosts  11  0  uneven",
		60: "orders-…-worker  user mo…-orders  Java 2.20.5  11  0  uneven",
		40: "orders-api-worker  11  0  uneven",
		24: "orde…rker  11  0  uneven",
	} {
		got := laidOut(cells, width, 3, 4)[0]
		if columns(got) > width || strings.Join(strings.Fields(got), " ") != strings.Join(strings.Fields(want), " ") {
			t.Errorf("%d: %q", width, got)
		}
	}
}
