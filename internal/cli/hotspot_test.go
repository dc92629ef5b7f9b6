package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"regexp"
	"strings"
	"testing"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/lab"
	"github.com/nats-balance/nats-balance/internal/source"
	"github.com/nats-balance/nats-balance/internal/source/archive"
)

func TestParseFactor(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int{
		"": -7, "2": 200, "02": 200, "1.5": 150, "1.50": 150, "1.05": 105, "0.5": 50, "100": 10000, "10000000": 1_000_000_000,
	} {
		got := -7
		if err := parseFactor(text, &got); err != nil || got != want {
			t.Errorf("%q is %d, %v; want %d", text, got, err, want)
		}
	}
	for _, text := range []string{".", "2.", ".5", "1.234", "-1", "+1", "1e1", "1,5", "1.5.", "1.-5", " 2", "2x", "٢", "Inf", "NaN", "0x2", strings.Repeat("9", 99)} {
		got := -7
		err := parseFactor(text, &got)
		if err == nil || got != -7 || !strings.HasPrefix(err.Error(), "--factor is ") {
			t.Errorf("%q is %d, %v", text, got, err)
		}
	}
}

func FuzzParseFactor(f *testing.F) {
	for _, text := range []string{"", "2", "1.5", "1.234", ".", "-1", "1e9", "99999999999999999999"} {
		f.Add(text)
	}
	number := regexp.MustCompile(`^[0-9]+(\.[0-9]{1,2})?$`)
	f.Fuzz(func(t *testing.T, text string) {
		got := -7
		err := parseFactor(text, &got)
		switch {
		case text == "":
			if err != nil || got != -7 {
				t.Errorf("nothing is %d, %v", got, err)
			}
		case err == nil && (got < 0 || !number.MatchString(text)):
			t.Errorf("%q is %d", text, got)
		case err != nil && (got != -7 || number.MatchString(text) && len(text) < 8):
			t.Errorf("%q: %v, %d", text, err, got)
		}
	})
}

// modelSource is a source that has a model already.
type modelSource struct {
	source.Source
	model *checks.Deployment
	err   error
}

func (modelSource) Kind() source.Kind     { return archive.Kind() }
func (modelSource) Detail() []string      { return []string{"a model"} }
func (modelSource) Limits() source.Limits { return source.Limits{} }

func (s modelSource) Deployment(context.Context) (*checks.Deployment, error) {
	return s.model, s.err
}

// Whatever the source is, the audit asks it for nothing but the model.
func TestHotspotsOfAnySource(t *testing.T) {
	t.Parallel()
	model := &checks.Deployment{Accounts: []checks.Account{{ID: "ORDERS", Name: "ORDERS"}}, Expected: 3}
	for i, name := range []string{"n1", "n2", "n3"} {
		model.Servers = append(model.Servers, checks.Server{ID: name, Name: name, Cluster: "C1", Peers: []string{"n1", "n2", "n3"},
			Usage: []checks.Usage{{Account: 0, Connections: []uint32{20, 2, 2}[i]}}})
	}
	var out bytes.Buffer
	a := hotspots{host: Host{Out: &out}.withDefaults(), parameters: checks.ClientConnections().Defaults()}
	doc, err := a.audit(context.Background(), &origin{Source: modelSource{model: model}})
	if err != nil {
		t.Fatal(err)
	}
	if doc.Outcome != "finding" || doc.Source.Kind != "archive" || len(doc.Findings) != 1 || doc.Findings[0].Server.Name != "n1" {
		text, _ := json.Marshal(doc)
		t.Errorf("%s", text)
	}
	a.expect.count = 4
	if doc, err = a.audit(context.Background(), &origin{Source: modelSource{model: model}}); err != nil || doc.Outcome != "incomplete" || doc.Coverage.ServersExpected != 4 {
		t.Errorf("one more is expected: %v, %+v", err, doc)
	}
	a.parameters.Clusters = []string{"C2"}
	if _, err := a.audit(context.Background(), &origin{Source: modelSource{model: model}}); err == nil || !strings.Contains(err.Error(), `"C2"`) {
		t.Errorf("a cluster that is not there: %v", err)
	}
	broken := errors.New("damaged")
	if _, err := a.audit(context.Background(), &origin{Source: modelSource{err: broken}}); !errors.Is(err, broken) {
		t.Errorf("a source that fails: %v", err)
	}
}

// Live, by monitoring ports and from an archive the same cluster has the same
// hotspot, by the same accounts.
func TestHotspotsAreTheSameByEachSource(t *testing.T) {
	t.Parallel()
	l := startScenario(t, lab.Scenario{
		Topology: lab.Topology{Clusters: []lab.Cluster{{Name: "C1", Servers: 3}}, Accounts: []string{"ORDERS", "BILLING", "IDLE"}, Monitoring: true},
		Clients: []lab.Placement{
			{Account: "ORDERS", Server: "C1-n1", Count: 14}, {Account: "ORDERS", Server: "C1-n2", Count: 2},
			{Account: "BILLING", Server: "C1-n1", Count: 8}, {Account: "BILLING", Server: "C1-n3", Count: 4},
		},
	})
	if l == nil {
		t.FailNow()
	}
	var ports []string
	for _, s := range l.Servers() {
		ports = append(ports, s.MonitorURL())
	}
	want := ""
	for _, from := range [][]string{
		{"--server", l.SystemURL()},
		{"--monitor", strings.Join(ports, ",")},
		{"--archive", gatherArchive(t, l.SystemURL())},
	} {
		var out, said bytes.Buffer
		args := append([]string{"--no-context", "--timeout", "30s", "audit", "hotspot", "--json"}, from...)
		if status := Run(args, &out, &said); status != ExitFinding {
			t.Fatalf("%s: status %d: %s%s", from[0], status, &out, &said)
		}
		var doc map[string]any
		if err := json.Unmarshal(out.Bytes(), &doc); err != nil {
			t.Fatal(err)
		}
		for _, key := range []string{"source", "time", "coverage"} {
			delete(doc, key)
		}
		text, err := json.MarshalIndent(doc, "", " ")
		if err != nil {
			t.Fatal(err)
		}
		// Commands repeat the flags of the connection.
		same := regexp.MustCompile(` --server .*? --no-context`).ReplaceAllString(string(text), "")
		if want == "" {
			want = same
		}
		if same != want {
			t.Errorf("%s\n%s\nlive\n%s", from[0], same, want)
		}
	}
	for _, part := range []string{`"on_server": 22`, `"above_even": 8.7`, `"above_even": 4`} {
		if !strings.Contains(want, part) {
			t.Errorf("%s is not in\n%s", part, want)
		}
	}
}
