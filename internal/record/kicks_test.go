package record

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/wire"
)

// TestKicks: what somebody had kicked is told once nobody was for five seconds, by
// server and with the services; who else left is none of it.
func TestKicks(t *testing.T) {
	t.Parallel()
	d := watching(t, 0, 8, 7, 7)
	d.kinds()
	began := d.now
	leaves := func(n int, server, name string, reason checks.Reason) {
		for i := range n {
			d.w.Disconnected(wire.ClientEvent{From: at(server), Client: true, Account: "ORDERS", Name: fmt.Sprintf("%s-%d", name, i), Reason: reason}, d.now)
		}
	}
	leaves(5, "n1", "api", checks.ReasonKicked)
	leaves(9, "n1", "api", "Client Closed")
	d.pass(3 * time.Second)
	d.want()
	leaves(2, "n1", "batch", checks.ReasonKicked)
	d.pass(kicksEnd - time.Second)
	leaves(1, "n2", "api", checks.ReasonKicked)
	d.want()
	d.pass(time.Second)
	all := d.w.Tick(d.now)
	if len(all) != 1 {
		t.Fatalf("%+v", all)
	}
	c := all[0]
	if c.Kind != Kicked || c.Count != 7 || !c.Since.Equal(began) || c.Server.Name != "n1" || c.Cluster != "C1" || c.Account.ID != "ORDERS" ||
		len(c.Moves) != 2 || c.Moves[0].Service != "api" || c.Moves[0].Count != 5 || c.Moves[1].Count != 2 || c.Moves[0].Reason != checks.ReasonKicked {
		t.Errorf("%+v", c)
	}
	if doc := DocumentOf(c); doc.Account == nil || doc.Server == nil || *doc.Count != 7 || doc.Since == nil || doc.Spread != nil || doc.Finding != nil {
		t.Errorf("%+v", doc)
	}
	d.pass(kicksEnd)
	d.want(Kicked) // n2's
	// A run that does not end is told of every minute.
	for range 90 {
		leaves(1, "n1", "api", checks.ReasonKicked)
		d.pass(time.Second)
		for _, c := range d.w.Tick(d.now) {
			if c.Kind == Kicked && c.Count != 60 {
				t.Errorf("%+v", c)
			}
		}
	}
	d.pass(kicksEnd)
	d.want(Kicked)
	// A watch that ends does not keep to itself what it counted until then.
	leaves(3, "n1", "api", checks.ReasonKicked)
	refused := func() { d.w.Refuse(wire.ClientEvent{From: at("n1"), Reason: "Authorization Violation"}, d.now) }
	refused()
	d.want(Refused) // the first is told at once
	refused()
	d.want()
	var told []string
	for _, c := range d.w.End(d.now) {
		told = append(told, fmt.Sprint(c.Kind, " ", c.Count))
	}
	if got := strings.Join(told, ", "); got != "refused 1, kicked 3" {
		t.Error(got)
	}
}

// TestKicksAreBounded: so many accounts and services are counted apart and no more.
func TestKicksAreBounded(t *testing.T) {
	t.Parallel()
	w := New(Settings{})
	for i := range 3 * mostKicks {
		w.kick(wire.ClientEvent{From: at("n1"), Account: fmt.Sprintf("A%d", i)}, "C1", epoch())
		w.kick(wire.ClientEvent{From: at("n1"), Account: "A0", Name: fmt.Sprintf("%c%c%c", 'a'+i%26, 'a'+i/26%26, 'a'+i/676%26)}, "C1", epoch())
	}
	if k := w.kicked[kickKey{"A0", "Nn1"}]; len(w.kicked) != mostKicks || len(k.services) > mostKickedServices+1 || k.count != 3*mostKicks+1 {
		t.Errorf("%d are counted, %d services, %d kicks", len(w.kicked), len(k.services), k.count)
	}
}
