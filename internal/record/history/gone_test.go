package history

import (
	"testing"
	"time"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/record"
)

// A server is gone from when it began to go until it is seen to run again.
func TestServersThatWent(t *testing.T) {
	t.Parallel()
	had := &record.DocumentHad{Connections: 20, Accounts: 1, Lacked: []string{"10.0.0.9:6222"}, Of: []record.DocumentHadShare{{Account: record.DocumentAccount{ID: "A", Name: "ORDERS"}, Connections: 20, Others: new(6), Came: new(0)}}}
	for _, c := range []struct {
		name string
		docs []record.Kind // a second apart; the first of those that go says who was there
		kind checks.MissingKind
		at   int
	}{
		{"runs", []record.Kind{record.Started}, "", 0},
		{"drained and stopped", []record.Kind{record.Started, record.Draining, record.Stopped}, checks.Draining, 1},
		{"stopped", []record.Kind{record.Stopped}, checks.Down, 0},
		{"restarted", []record.Kind{record.Stopped, record.Started}, "", 0},
		{"restarted, and killed", []record.Kind{record.Stopped, record.Started, record.Silent}, checks.Silent, 2},
		{"hung for a while", []record.Kind{record.Silent, record.Answering}, "", 0},
		{"refused somebody", []record.Kind{record.Refused}, "", 0},
	} {
		cluster := "C1"
		var docs []record.Document
		for i, k := range c.docs {
			d := record.Document{Change: k, Time: began().Add(time.Duration(i) * time.Second), Cluster: &cluster, Server: &record.DocumentServer{ID: "N1", Name: "n1"}}
			if k == record.Draining || k == record.Stopped && i == 0 || k == record.Silent {
				d.Had = had
			}
			docs = append(docs, d)
		}
		got, _ := wentBy(docs)
		switch {
		case c.kind == "":
			if len(got) > 0 {
				t.Errorf("%s: %+v", c.name, got)
			}
		case len(got) != 1 || got[0].Kind != c.kind || !got[0].At.Equal(docs[c.at].Time) || got[0].Connections != 20 || len(got[0].Of) != 1 || got[0].Of[0].Others != 6 || len(got[0].Lacked) != 1:
			t.Errorf("%s: %+v", c.name, got)
		}
	}
}

// A server that came back while nobody recorded and went again is gone since then, with
// who was on it then.
func TestServerThatWentTwice(t *testing.T) {
	t.Parallel()
	at := func(n int) time.Time { return began().Add(time.Duration(n) * time.Minute) }
	ref := func(id string) checks.ServerRef { return checks.ServerRef{ID: id, Name: "n1"} }
	who := func(id string) *checks.Identity {
		return &checks.Identity{Servers: []checks.ServerProcess{{ServerRef: ref(id), Cluster: "C1"}}}
	}
	changes := []record.Change{
		{Kind: record.Watching, Time: at(0), Of: &record.Totals{}, Who: who("N1")},
		{Kind: record.Stopped, Time: at(1), Cluster: "C1", Server: ref("N1"), Had: &record.Had{Connections: 20}},
		{Kind: record.Watching, Time: at(2), Of: &record.Totals{}, Who: who("N2")},
		{Kind: record.Stopped, Time: at(3), Cluster: "C1", Server: ref("N2"), Had: &record.Had{Connections: 7}},
	}
	if got, _ := wentBy(documents(changes)); len(got) != 1 || !got[0].At.Equal(at(3)) || got[0].Connections != 7 {
		t.Errorf("%+v", got)
	}
}

// A server was killed and runs again, which is noticed late, and then it drains: it is gone
// as it drained. Its former process is none of those that went, and others may count it.
func TestServerThatWasKilledAndDrains(t *testing.T) {
	t.Parallel()
	at := func(n int) time.Time { return began().Add(time.Duration(n) * time.Second) }
	change := func(second int, kind record.Kind, id string, how record.Unannounced, had int) record.Change {
		c := record.Change{Kind: kind, Time: at(second), Cluster: "C1", Server: checks.ServerRef{ID: id, Name: "n1"}, Unannounced: how}
		if had > 0 {
			c.Had = &record.Had{Connections: had}
		}
		return c
	}
	for name, c := range map[string]struct {
		of     []record.Change
		gone   int // how many were on it when it went
		former int // seconds when the former process was noticed to be gone; 0 where there is none
	}{
		"noticed before it drains":    {[]record.Change{change(1, record.Started, "B", "", 0), change(9, record.Stopped, "A", record.Replaced, 146), change(35, record.Draining, "B", "", 11)}, 11, 9},
		"noticed after it drains":     {[]record.Change{change(1, record.Started, "B", "", 0), change(5, record.Draining, "B", "", 11), change(9, record.Stopped, "A", record.Replaced, 146)}, 11, 9},
		"it runs":                     {[]record.Change{change(1, record.Started, "B", "", 0), change(9, record.Stopped, "A", record.Replaced, 146)}, 0, 9},
		"it was silent before it ran": {[]record.Change{change(1, record.Silent, "A", "", 146), change(9, record.Started, "B", "", 0)}, 0, 1},
		"its next start was not seen": {[]record.Change{change(1, record.Stopped, "A", "", 146), change(9, record.Draining, "B", "", 11)}, 11, 0},
		"it drained, noticed late":    {[]record.Change{change(1, record.Started, "B", "", 0), change(9, record.Stopped, "A", record.Drained, 3)}, 0, 0},
		"drains and stops":            {[]record.Change{change(1, record.Draining, "A", "", 146), change(9, record.Stopped, "A", "", 11)}, 146, 0},
	} {
		gone, former := wentBy(documents(c.of))
		if c.gone == 0 && len(gone) > 0 || c.gone > 0 && (len(gone) != 1 || gone[0].Connections != c.gone) {
			t.Errorf("%s: gone %+v", name, gone)
		}
		if c.former == 0 && len(former) > 0 || c.former > 0 && (len(former) != 1 || former[0].Server.ID != "A" || !former[0].At.Equal(at(c.former))) {
			t.Errorf("%s: former %+v", name, former)
		}
	}
}

// How a server went is what it said of itself last, also where it was heard to drain before
// what is read, and whatever is said of it for people.
func TestKindOfServerThatWent(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		change record.Change
		want   checks.MissingKind
	}{
		{record.Change{Kind: record.Draining}, checks.Draining},
		{record.Change{Kind: record.Stopped}, checks.Down},
		{record.Change{Kind: record.Stopped, Reason: "any sentence"}, checks.Down},
		{record.Change{Kind: record.Stopped, Unannounced: record.Drained}, checks.Draining},
		{record.Change{Kind: record.Stopped, Unannounced: record.Replaced}, checks.Silent},
		{record.Change{Kind: record.Stopped, Unannounced: "of a later version"}, checks.Silent},
		{record.Change{Kind: record.Silent, Reason: "it did not answer"}, checks.Silent},
	} {
		c.change.Cluster, c.change.Server = "C1", checks.ServerRef{ID: "A", Name: "n1"}
		gone, former := wentBy(documents([]record.Change{c.change}))
		if len(gone) != 1 || gone[0].Kind != c.want || len(former) > 0 {
			t.Errorf("%+v: %+v, former %+v", c.change, gone, former)
		}
	}
}
