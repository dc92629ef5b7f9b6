package record

import (
	"slices"
	"testing"
	"time"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/wire"
)

// lacking is a watch of n1, n2 and n3, to which a fourth server never came that others have a
// route configured to.
func lacking(t *testing.T, places []checks.Missing) *desk {
	d := &desk{t: t, w: New(Settings{Parameters: checks.Defaults(), Reconcile: time.Hour}), now: epoch()}
	d.lacks(places, time.Second, 0, 20, 4)
	d.want(Silent, Watching, Shifted, Undecided)
	return d
}

// n1 goes while the address at which a server never came is missing: n1 was there then, so it
// is not the one at that address, and what that one has stays unknown. So it does in the
// record, by which the next watch begins.
func TestServerThatGoesIsNotTheOneThatNeverCame(t *testing.T) {
	t.Parallel()
	place := configured()[0]
	own, unnamed := place, checks.Missing{Cluster: "C1", ClusterKnown: true, Kind: checks.Configured, Reason: "nobody has a route to it"}
	own.Name, own.At = "10.0.0.2:6222", "10.0.0.2:6222"
	fills := counted()
	fills[0].Fills = &place
	shut := func(d *desk) { d.w.Shut(wire.ServerEvent{From: at("n1")}, d.now) }
	killed := func(d *desk) { d.pass(30 * time.Second) }
	for name, c := range map[string]struct {
		before, after []checks.Missing
		goes          func(d *desk)
		want          []string
	}{
		"it shut down":                          {configured(), configured(), shut, []string{place.Name, "n1"}},
		"it was killed, and others count it":    {configured(), fills, killed, []string{place.Name, "n1"}},
		"it was killed, and others forgot it":   {configured(), configured(), killed, []string{place.Name, "n1"}},
		"others have its own address, too":      {configured(), []checks.Missing{own, place}, shut, []string{place.Name, "n1"}},
		"of both only the number is known":      {configured(), []checks.Missing{unnamed, unnamed}, shut, []string{"", "n1"}},
		"only the number was known":             {[]checks.Missing{unnamed}, []checks.Missing{own}, shut, []string{own.Name, "n1"}},
		"only the number was known, and is one": {[]checks.Missing{unnamed}, []checks.Missing{unnamed}, shut, []string{"", "n1"}},
		"the other one came":                    {configured(), []checks.Missing{own}, shut, []string{"n1"}},
	} {
		d := lacking(t, c.before)
		c.goes(d)
		var told []Change
		for range 2 {
			d.without(c.after, 20, 4)
			told = append(told, d.w.Tick(d.now)...)
			d.pass(time.Minute)
		}
		names, _ := d.names()
		slices.Sort(names)
		if !slices.Equal(names, c.want) {
			t.Errorf("%s: %q are missing, want %q", name, names, c.want)
		}
		if open := len(d.w.Undecided(d.now)) > 0; open != (len(c.want) > 1) {
			t.Errorf("%s: unknown %v: %v", name, open, told)
		}
		at := slices.IndexFunc(told, func(c Change) bool { return c.Server.Name == "n1" && c.Had != nil })
		if doc := DocumentOf(told[max(0, at)]); at < 0 || len(doc.Had.Lacked) != 1 || doc.Had.Lacked[0] != c.before[0].At {
			t.Errorf("%s: %+v", name, doc.Had)
		}
	}
}

// Two servers stop one after the other, the second while the first is missing: each is at its
// own address, and none has a connection.
func TestServersThatStopOneAfterTheOther(t *testing.T) {
	t.Parallel()
	place := func(address string) checks.Missing {
		return checks.Missing{Cluster: "C1", ClusterKnown: true, Kind: checks.Configured, Name: address, At: address, Reason: "nobody is there"}
	}
	d := watching(t, 0, 7, 20, 3)
	d.w.Shut(wire.ServerEvent{From: at("n1")}, d.now)
	d.without([]checks.Missing{place("10.0.0.2:6222")}, 20, 3)
	d.w.Shut(wire.ServerEvent{From: at("n3")}, d.now)
	d.without([]checks.Missing{place("10.0.0.1:6222"), place("10.0.0.2:6222")}, 20)
	if names, open := d.names(); len(names) != 2 || open {
		t.Errorf("%q, open %v", names, open)
	}
}

// A watch begins after n1 shut down while the address of another one was missing, as an
// earlier watch recorded.
func TestBeginsWithWhoWasMissingThen(t *testing.T) {
	t.Parallel()
	for lacked, open := range map[string]bool{configured()[0].At: true, "10.0.0.7:6222": false} {
		d := &desk{t: t, w: New(Settings{Parameters: checks.Defaults(), Reconcile: time.Hour}), now: epoch()}
		d.w.KnownPast([]checks.RecordedPast{{
			Identity: checks.Identity{Servers: []checks.ServerProcess{{ServerRef: checks.ServerRef{ID: "Nn2", Name: "n2"}, Cluster: "C1"}}, Accounts: []string{"ORDERS"}},
			Gone:     []checks.RecordedGone{{Server: checks.ServerRef{ID: "A1", Name: "n1"}, Cluster: "C1", At: d.now.Add(-time.Minute), Kind: checks.Down, Lacked: []string{lacked}}},
		}})
		d.without(configured(), 20, 4)
		d.kinds()
		if got := len(d.w.Undecided(d.now)) > 0; got != open {
			t.Errorf("%s was missing: unknown %v", lacked, got)
		}
	}
}
