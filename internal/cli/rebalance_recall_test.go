package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/nats-balance/nats-balance/internal/lab"
	"github.com/nats-balance/nats-balance/internal/report"
)

// TestRebalanceRemembers: clients that came straight back are not closed again, as the
// servers remember it. With --force they are, and the output says what became of them.
func TestRebalanceRemembers(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	l, err := lab.Start(ctx, lab.Topology{Clusters: []lab.Cluster{{Name: "C1", Servers: 3, NoAdvertise: true}}, Accounts: []string{"PINNED"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Stop)
	logIn(t, l, "PINNED")
	if _, err := l.Connect(ctx, lab.Clients{Account: "PINNED", Server: l.Server("C1-n1"), Name: "pinned-app", Count: 12}); err != nil {
		t.Fatal(err)
	}
	apply := []string{"--account", "PINNED", "--apply", "--yes", "--rate", "200"}
	doc := rebalanced(t, l, generous, 3, apply...)
	if doc.Stop == nil || doc.Stop.Code != "clients-came-back" || doc.Batches[0].Returned != 8 {
		t.Fatalf("%s: %+v, %+v", doc.Outcome, doc.Stop, doc.Batches)
	}
	before := cids(t, l, "PINNED")
	doc = rebalanced(t, l, generous, 3, apply...)
	if doc.Outcome != "refused" || len(doc.Refusals) != 1 || doc.Refusals[0].Code != "clients-came-back" || !strings.Contains(doc.Refusals[0].Text, "(pinned-app, 8 closes on C1-n1 until ") || doc.Accounts[0].Services[0].LeftOut == nil {
		t.Errorf("%s: %+v, %+v", doc.Outcome, doc.Refusals, doc.Accounts)
	}
	if after := cids(t, l, "PINNED"); !reflect.DeepEqual(after, before) {
		t.Errorf("connections were closed: %v and %v", before, after)
	}
	doc = rebalanced(t, l, generous, 0, "--account", "PINNED", "--force")
	if doc.Outcome != "planned" || len(doc.Moves) != 8 || len(doc.Refusals) != 1 || !doc.Refusals[0].Overridden || doc.Predicted.SharePercent != 100 {
		t.Errorf("forced: %s: %+v, %d moves, predicted %+v", doc.Outcome, doc.Refusals, len(doc.Moves), doc.Predicted)
	}
}

// TestRebalanceRemembersDevices: MQTT clients with one address came back when the first of
// them was tried. The next run does not try it again.
func TestRebalanceRemembersDevices(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	l := withDevices(ctx, t, false, "METERS")
	meters := startDevices(ctx, t, "METERS", 12, l.Server("C1-n1").MQTTAddr())
	apply := []string{"--account", "METERS", "--apply", "--yes", "--rate", "100"}
	doc := rebalanced(t, l, generous, 3, apply...)
	if doc.Stop == nil || doc.Stop.Code != "clients-came-back" || meters.closed.Load() != 1 {
		t.Fatalf("%s, %+v: %d were closed", doc.Outcome, doc.Stop, meters.closed.Load())
	}
	doc = rebalanced(t, l, generous, 3, apply...)
	if doc.Outcome != "refused" || len(doc.Refusals) != 1 || doc.Refusals[0].Code != "clients-came-back" || meters.closed.Load() != 1 {
		t.Errorf("%s, %+v: %d were closed", doc.Outcome, doc.Refusals, meters.closed.Load())
	}
}

// TestRebalanceSaysWhoCameBack: one client knows no other server. It is too few to leave its
// service out, and the output says that it came back.
func TestRebalanceSaysWhoCameBack(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	l, err := lab.Start(ctx, lab.Topology{Clusters: []lab.Cluster{{Name: "C1", Servers: 3, NoAdvertise: true}}, Accounts: []string{"ORDERS"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Stop)
	logIn(t, l, "ORDERS")
	var all []string
	for _, s := range l.Cluster("C1") {
		all = append(all, s.ClientURL())
	}
	first := l.Server("C1-n1")
	for _, c := range []lab.Clients{
		{Account: "ORDERS", Server: first, Name: "orders-old", Count: 1},
		{Account: "ORDERS", URLs: all, NoRandomize: true, Name: "orders-api", Count: 11},
		{Account: "ORDERS", URLs: []string{all[0], all[2], all[1]}, NoRandomize: true, Name: "orders-api", Count: 11},
	} {
		if _, err := l.Connect(ctx, c); err != nil {
			t.Fatal(err)
		}
	}
	// Whether it becomes even is chance.
	out, _ := rebalancedTo(ctx, t, l.SystemURL(), nil, generous, "--account", "ORDERS", "--apply", "--yes", "--rate", "100", "--batch", "6")
	var doc report.Rebalance
	if err := json.Unmarshal(out, &doc); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	closes := 0
	for _, m := range doc.Moves {
		if m.Name == "orders-old" && m.Outcome == "kicked" {
			closes++
		}
	}
	notes := strings.Join(doc.Notes, " ")
	if want := fmt.Sprintf("Came straight back to the server that closed them: orders-old of ORDERS (%d of %d close", closes, closes); closes == 0 || !strings.Contains(notes, want) {
		t.Errorf("%s, %d closes: %q", doc.Outcome, closes, notes)
	}
	if doc.Stop == nil && strings.Contains(notes, "orders-api of ORDERS (") {
		t.Errorf("%q", notes)
	}
}
