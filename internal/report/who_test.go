package report

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/checks/cause"
)

func ptr[T any](v T) *T { return &v }

// What was not read is unknown, in text and in JSON: on a server that did not report,
// and on one whose connections were counted and not read.
func TestWhoIsUnknownWhereNothingWasRead(t *testing.T) {
	t.Parallel()
	f := checks.Finding{Distribution: []checks.Share{
		{Server: checks.ServerRef{ID: "N1", Name: "n1"}, Connections: ptr(18)}, {Server: checks.ServerRef{ID: "N2", Name: "n2"}, Connections: ptr(2)},
		{Server: checks.ServerRef{ID: "N3", Name: "n3"}, Connections: ptr(0)}, {Server: checks.ServerRef{Name: "n4"}}}}
	d := &cause.Diagnosis{Situation: cause.Situation{Case: cause.Case{Profile: &checks.Profile{Servers: []string{"N1", "N2", "N3"}, Read: []int{0, 2, 0}, Unread: []bool{true, false, false}}}},
		Services: []cause.ServiceDiagnosis{{Service: checks.Service{Stem: "svc", Hosts: 1, Counts: []int{0, 2, 0}}}}}
	out := finding(f, Explained{Diagnosis: d})
	p := &printer{width: width}
	p.who(out)
	if got := p.b.String(); !strings.Contains(strings.Join(strings.Fields(got), " "), "1 host ? 2 0 ? ?: who is on n1, n4 is unknown") && !strings.Contains(strings.Join(strings.Fields(got), " "), "1 host ? 2 0 ? ?: who is on n1 and n4 is unknown") {
		t.Errorf("%s", got)
	}
	raw, err := json.Marshal(out.Services[0].Counts)
	if err != nil {
		t.Fatal(err)
	}
	if want := `[{"server":{"id":"N2","name":"n2","host":null},"connections":2},{"server":{"id":"N1","name":"n1","host":null},"connections":null},{"server":{"id":null,"name":"n4","host":null},"connections":null}]`; string(raw) != want {
		t.Errorf("%s, want %s", raw, want)
	}
}

// A server without a name, which others only count, is no column of the counts.
func TestWhoHasNoColumnForAGhost(t *testing.T) {
	t.Parallel()
	name := "orders-api"
	f := Finding{Distribution: []Share{{Server: ServerRef{ID: "N1", Name: "n1"}}, {Server: ServerRef{ID: "N2", Name: "n2"}}, {}},
		Services: []Service{{Name: &name, Hosts: 1, Connections: 14, here: 14, Counts: []ServiceCount{{ServerRef{ID: "N1", Name: "n1"}, ptr(14)}}}}}
	p := &printer{width: width}
	p.who(f)
	if got := strings.Fields(p.b.String()); strings.Join(got[len(got)-3:], " ") != "host 14 0" {
		t.Errorf("%q", p.b.String())
	}
}
