package record

import (
	"testing"
	"time"

	"github.com/nats-balance/nats-balance/internal/wire"
)

// connects is a CONNECT of a connection of n2 that began so long ago.
func (d *desk) connects(id uint64, ago time.Duration) {
	d.seq++
	d.w.Connected(wire.ClientEvent{From: at("n2"), Stamp: wire.Stamp{Seq: d.seq, Time: d.now}, Start: d.now.Add(-ago), ID: id, Client: true, Account: "ORDERS", Name: "api"}, d.now)
}

// cameTo is how many came to n2 by what is told of a change, and by what is kept for a server
// that goes; known is false where others may have come.
func (d *desk) cameTo(t *testing.T) (told int, known bool) {
	t.Helper()
	for _, m := range d.w.moves.of(map[string]bool{"ORDERS": true}, d.now)["ORDERS"] {
		told += m.Count
	}
	came, all := d.w.arrivals.since(d.now.Add(-time.Minute))
	n := 0
	for _, on := range came {
		n += on
	}
	if all && n != told {
		t.Errorf("%d came by moves, and %d by arrivals", told, n)
	}
	return told, all && !d.w.moves.missed(d.now)
}

// When a server's configuration is reloaded it sends CONNECT for the clients that are there.
// Nobody came.
func TestReloadBringsNobody(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		do    func(d *desk)
		came  int
		known bool
	}{
		{"clients of before the watch, reloaded", func(d *desk) {
			for id := uint64(24); id < 44; id++ {
				d.connects(id, 75*time.Second)
			}
		}, 0, true},
		{"clients that came, and two reloads", func(d *desk) {
			for id := uint64(24); id < 44; id++ {
				d.connects(id, 3*time.Millisecond)
			}
			for reload := range 2 {
				d.pass(time.Second)
				for id := uint64(24); id < 44; id++ {
					d.connects(id, time.Duration(1+reload)*time.Second+3*time.Millisecond)
				}
			}
		}, 20, true},
		{"a reload while clients come", func(d *desk) {
			d.connects(24, time.Millisecond)
			d.pass(10 * time.Millisecond)
			d.connects(24, 11*time.Millisecond) // the reload
			d.connects(9, time.Hour)
			d.connects(25, time.Millisecond)
		}, 2, true},
		{"a login that takes as long as auth_timeout = 60 allows", func(d *desk) {
			d.connects(30, time.Millisecond)
			d.connects(24, 58*time.Second) // began before, and is seen for the first time
		}, 2, true},
		{"and a reload after it", func(d *desk) {
			d.connects(24, 58*time.Second)
			d.pass(time.Second)
			d.connects(24, 59*time.Second)
		}, 1, true},
		{"another process of the server has its own ids", func(d *desk) {
			d.connects(24, time.Millisecond)
			d.w.Connected(wire.ClientEvent{From: wire.Server{ID: "Nother", Name: "n2", Cluster: "C1"}, Stamp: wire.Stamp{Seq: 1, Time: d.now}, Start: d.now,
				ID: 24, Client: true, Account: "ORDERS"}, d.now)
		}, 2, true},
		{"began before events were lost, not long ago: it may have come", func(d *desk) {
			d.w.Lose(1, "too many", d.now)
			d.connects(24, 3*time.Second)
		}, 0, false},
		{"a client came while events were lost, and a reload long after", func(d *desk) {
			d.w.Lose(1, "too many", d.now)
			d.pass(15 * time.Second)
			d.connects(24, 16*time.Second)
		}, 0, false}, // as events were lost
	} {
		d := watching(t, 0, 8, 7, 7)
		d.pass(70 * time.Second)
		d.w.Tick(d.now)
		c.do(d)
		if came, known := d.cameTo(t); came != c.came && c.known || known != c.known {
			t.Errorf("%s: %d came, known %t", c.name, came, known)
		}
	}
}

// A watch that has just begun does not know who logged in before. Who connected in the last
// seconds may be about to, and who connected before that is there.
func TestReloadAsTheWatchBegins(t *testing.T) {
	t.Parallel()
	for ago, known := range map[time.Duration]bool{12 * time.Second: true, 4 * time.Second: false} {
		d := watching(t, 0, 8, 7, 7)
		d.pass(time.Second)
		d.connects(24, ago)
		d.pass(movesFor - time.Second)
		if n := len(d.w.moves.of(map[string]bool{"ORDERS": true}, d.now)); n > 0 || d.w.moves.missed(d.now) == known {
			t.Errorf("began %s ago: %d, missed %t", ago, n, d.w.moves.missed(d.now))
		}
	}
}

// What is kept of connections is bounded, and goes by time.
func TestLoginsAreForgotten(t *testing.T) {
	t.Parallel()
	l, now := &logins{from: epoch().Add(-time.Hour)}, epoch()
	for i := range uint64(64 * 20) {
		l.take(wire.ClientEvent{ID: 1 + i, Start: now, Stamp: wire.Stamp{Time: now}}, now)
	}
	if n := len(l.now); n > 21 {
		t.Errorf("%d words for 1,280 connections that follow each other", n)
	}
	l.take(wire.ClientEvent{ID: 5000, Start: now, Stamp: wire.Stamp{Time: now}}, now.Add(2*longestLogin))
	if n := len(l.now) + len(l.before); n != 1 {
		t.Errorf("%d words after %s", n, 2*longestLogin)
	}
}
