package report

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/checks/cause"
)

// keepPage writes a page where -pages wants pages.
func keepPage(t *testing.T, name, page string) string {
	t.Helper()
	if *pages != "" {
		if err := os.WriteFile(filepath.Join(*pages, name+".html"), []byte(page), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return page
}

// TestHTMLOfHotspots makes a page of every document of the tests.
func TestHTMLOfHotspots(t *testing.T) {
	t.Parallel()
	for _, f := range hotspotFixtures() {
		doc := NewHotspots(f.in)
		text := checkPage(t, keepPage(t, "hotspot-"+f.name, formatted(t, writeHotspotsHTML, doc)))
		_, said := doc.answer()
		if !strings.Contains(text, said) {
			t.Errorf("%s: the page does not say %q", f.name, said)
		}
		for _, e := range doc.Empty {
			if !strings.Contains(text, e.Commands[0]) {
				t.Errorf("%s: the page has no %q", f.name, e.Commands[0])
			}
		}
	}
}

// clause is an obstacle in these words.
type clause string

func (c clause) Clause() string { return string(c) }

// impactOf is the loss of a server with a service for each answer.
func impactOf(name string) *Impacts {
	in := fixtureInput(newFleet().server(name, name+"1", 100, name, 9).server(name, name+"2", 100, name, 3))
	d := in.Deployment
	service := func(stem string, n int, can checks.Answer, why checks.Obstacle) cause.ServiceLoss {
		return cause.ServiceLoss{Service: checks.Service{Stem: stem, User: name}, OnServer: n, Can: can, Why: why}
	}
	n := 3
	loss := cause.Loss{Server: d.Servers[0].Ref(), Cluster: name, Connections: 9, Can: 4, Stranded: 3, Fits: checks.Unknown,
		Survivors: []checks.Survivor{{Server: d.Servers[1].Ref(), Now: &n, After: &n}},
		Accounts: []cause.AccountLoss{{Account: d.Accounts[0], Connections: 12, OnServer: 9, Services: []cause.ServiceLoss{
			service(name, 4, checks.Yes, nil), service("mqtt", 3, checks.No, clause("no other server takes their protocol")), service("", 2, checks.Unknown, clause("until one logs in to another server"))}}}}
	return NewImpacts(ImpactInput{Version: "1.0.0", Time: in.Time, SourceKind: in.SourceKind, SourceDetail: in.SourceDetail, Deployment: d, Losses: []cause.Loss{loss}, Warnings: []string{name}})
}

// goneOf is a server that is gone, with one account that was on it.
func goneOf(name string, then time.Time) *ServerGone {
	return &ServerGone{Server: name, Cluster: "C1", Time: then, Connections: 9, Back: 5, Missing: new(4),
		Accounts: []AccountGone{{Account: Account{ID: "A", Name: "ORDERS"}, OnServer: 9, Back: 5, Missing: new(4), On: []Gained{{Server: "n2", More: 5}},
			Services: []ServiceGone{{Name: "billing", OnServer: 6, Back: new(5), Missing: new(1), On: []Gained{{Server: "n2", More: 5}}}, {Name: "the other services", OnServer: 3, Why: new("what others had of it then is unknown")}}}}}
}

// A page of an impact has who can't fail over and why; names are text in it.
func TestHTMLOfImpacts(t *testing.T) {
	t.Parallel()
	for i, name := range append(hostile(), "C1", "</style><script>alert(1)</script>", `"><svg onload=alert(1)>`) {
		doc := impactOf(name)
		text := checkPage(t, keepPage(t, fmt.Sprintf("impact-%02d", i), formatted(t, ImpactHTML, doc)))
		if !strings.Contains(text, "no other server takes their protocol") || !strings.Contains(text, doc.Servers[0].answer()) {
			t.Errorf("%q: the page does not say who can't fail over, and why", name)
		}
	}
	lost := impactOf("C1")
	lost.Servers, lost.Gone = []ServerImpact{}, goneOf("n1", lost.Time)
	if text := checkPage(t, keepPage(t, "impact-gone", formatted(t, ImpactHTML, lost))); !strings.Contains(text, "5 more on n2") || !strings.Contains(text, "billing") || !strings.Contains(text, "what others had of it then is unknown") {
		t.Errorf("the page does not say who is back:\n%s", text)
	}
}

// What would settle an unknown failover stands behind it; configuration is asked for
// only where nothing else is known.
func TestImpactTextOfAnUnknownFailover(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	if err := ImpactText(&b, impactOf("C1"), Style{}); err != nil {
		t.Fatal(err)
	}
	said := strings.Join(strings.Fields(b.String()), " ")
	if !strings.Contains(said, "Unknown whether they can fail over until one logs in to another server") || strings.Contains(said, "--client-url") {
		t.Error(b.String())
	}
}
