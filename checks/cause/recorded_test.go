package cause

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/nats-balance/nats-balance/checks"
)

// A recorder's tale of a rolling restart of n1, n2 and n3, whose processes before
// were O1, O2 and O3: 5 clients of orders-api were on each, and are 12, 3 and 0 now.

func minutes(n float64) time.Time { return started().Add(time.Duration(n * float64(time.Minute))) }

func was(id, name string) checks.ServerRef { return checks.ServerRef{ID: id, Name: name} }

func spreadAt(at time.Time, generation string, on ...int) checks.RecordedSpread {
	s := checks.RecordedSpread{Time: at, Ended: new(int)}
	for i, n := range on {
		s.Connections += n
		if n > 0 {
			s.Servers = append(s.Servers, checks.RecordedShare{Server: was(fmt.Sprintf("%s%d", generation, i+1), fmt.Sprintf("n%d", i+1)), Connections: n})
		}
	}
	return s
}

// recorded has a recorder run through it all.
//
//go:noinline
func recorded(changes ...func(*checks.Recorded)) change {
	return func(s *scene) {
		r := &checks.Recorded{From: minutes(-60), Spreads: []checks.RecordedSpread{spreadAt(minutes(-60), "O", 5, 5, 5)}}
		for i := range 3 {
			name, at := fmt.Sprintf("n%d", i+1), minutes(float64(i)+0.8)
			r.Events = append(r.Events,
				checks.RecordedEvent{Time: at, Server: was(fmt.Sprintf("O%d", i+1), name)},
				checks.RecordedEvent{Time: at.Add(time.Second), Server: was(fmt.Sprintf("O%d", i+1), name)},
				checks.RecordedEvent{Time: at.Add(10 * time.Second), Server: was(fmt.Sprintf("N%d", i+1), name), Started: true})
		}
		came := func(at time.Time, n int, spread checks.RecordedSpread) {
			r.Moves = append(r.Moves, checks.RecordedMove{Time: at, Service: "orders-api", Server: was("N1", "n1"), Connections: n})
			r.Spreads = append(r.Spreads, spread)
		}
		r.Spreads = append(r.Spreads, spreadAt(minutes(0.9), "O", 0, 8, 7))
		came(minutes(1.9), 5, spreadAt(minutes(1.9), "N", 5, 0, 10))
		came(minutes(2.9), 12, spreadAt(minutes(2.9), "N", 12, 3, 0))
		for _, c := range changes {
			c(r)
		}
		s.Recorded = r
	}
}

// inTurn is what is there after it, of clients who walked.
func inTurn(s *scene) {
	x := serviceOf("orders-api", 12, 3, 0)
	x.Starts, x.SurelyUp = [][]int{{0, 0, 12, 0}, {0, 0, 3, 0}, {0, 0, 0, 0}}, []int{12, 12, 0}
	withServices(x)(s)
	restartedInTurn(s)
	s.Profile.Starts = x.Starts
	exactly(s.Profile)
}

// withAnother has one client of another service, on n2.
func withAnother(s *scene) {
	x, y := s.Profile.Services[0], serviceOf("orders-worker", 0, 1, 0)
	y.Starts, y.SurelyUp = [][]int{{0, 0, 0, 0}, {0, 0, 1, 0}, {0, 0, 0, 0}}, []int{0, 0, 0}
	withServices(x, y)(s)
	exactly(s.Profile)
}

// kickedFrom has so many connections kicked from a server.
func kickedFrom(server string, at time.Time, n int) func(*checks.Recorded) {
	return func(r *checks.Recorded) {
		r.Kicked = append(r.Kicked, checks.RecordedMove{Time: at, Left: true, Server: checks.ServerRef{Name: server}, Reason: "Kicked", Connections: n})
	}
}

// endedBy has so many connections ended by the time of a spread.
func endedBy(spread, n int) func(*checks.Recorded) {
	return func(r *checks.Recorded) { r.Spreads[spread].Ended = &n }
}

// closedAt has n1 remember that 12 connections of the account were closed.
func closedAt(reason checks.Reason, last time.Time) change {
	return func(s *scene) {
		s.History = append(s.History, checks.Closed{Stem: "orders-api", Server: "N1", Reason: reason, Connections: 12, First: last.Add(-time.Hour), Last: last})
	}
}

// noneElsewhere is what is there where all that came after the stops came to n1.
func noneElsewhere(s *scene) {
	x := serviceOf("orders-api", 15, 0, 0)
	x.Starts, x.SurelyUp = [][]int{{0, 10, 5, 0}, {0, 0, 0, 0}, {0, 0, 0, 0}}, []int{15, 5, 0}
	withServices(x)(s)
	restartedInTurn(s)
	s.Profile.Starts = x.Starts
	exactly(s.Profile)
}

// allHere has a recorder see these come to n1.
func allHere(r *checks.Recorded) {
	r.Spreads[3], r.Moves[1].Connections = spreadAt(minutes(2.9), "N", 15, 0, 0), 15
}

// Clients that ended with their server, and others that know n1 alone, are counted as those
// that came back are: it takes some that came to another server, or a list that leads there,
// to confirm that they came back.
func TestRecordedWhereAllCameToOne(t *testing.T) {
	t.Parallel()
	for _, r := range []row{
		{"all came to n1", with(noneElsewhere, recorded(allHere)), Likely, RestartDrift},
		{"all came to n1, and the list that was passed leads to all", with(noneElsewhere, recorded(allHere), list(urlsOf(2, 1, 3)...)), Confirmed, RestartDrift},
		{"some of them came to n3 first", with(noneElsewhere, recorded(allHere, func(r *checks.Recorded) {
			r.Moves = append(r.Moves, checks.RecordedMove{Time: minutes(1.9), Service: "orders-api", Server: was("O3", "n3"), Connections: 3})
		})), Confirmed, RestartDrift},
		{"two did, which may be others", with(noneElsewhere, recorded(allHere, func(r *checks.Recorded) {
			r.Moves = append(r.Moves, checks.RecordedMove{Time: minutes(1.9), Service: "orders-api", Server: was("O3", "n3"), Connections: 2})
		})), Likely, RestartDrift},
	} {
		causes := Diagnose(caseOf(r.changes...)).Causes
		sound(t, caseOf(r.changes...), causes)
		at := slices.IndexFunc(causes, func(c Cause) bool { return c.Code == RestartDrift })
		if causes[at].Verdict != r.want || firstRoot(causes) != r.first {
			t.Errorf("%s: %s, want %s: %s", r.name, causes[at].Verdict, r.want, tell(causes))
		}
	}
}

func TestRecordedRestarts(t *testing.T) {
	noMoves := func(r *checks.Recorded) { r.Moves = nil }
	leaned := func(r *checks.Recorded) {
		for i := range 2 {
			r.Spreads[i] = spreadAt(r.Spreads[i].Time, "O", 14, 1, 0)
		}
	}
	judgeRows(t, RestartDrift, []row{
		{"seen from before the first stop until now", with(inTurn, recorded()), Confirmed, RestartDrift},
		{"and the list that was passed leads to all", with(inTurn, recorded(), list(urlsOf(2, 1, 3)...)), Confirmed, RestartDrift},
		{"the pooled accounts show it too", with(inTurn, recorded(), tenants(8, func(int) [3]int { return [3]int{9, 3, 0} })), Confirmed, RestartDrift},
		{"there is another service, and n1 did not stop again", with(inTurn, withAnother, recorded()), Confirmed, RestartDrift},

		{"nothing was recorded", with(inTurn), Possible, "none"},
		{"the recorder began after it", with(inTurn, recorded(func(r *checks.Recorded) {
			r.Spreads, r.Events, r.Moves = r.Spreads[3:], nil, nil
		})), Possible, "none"},
		{"the recorder began amid it", with(inTurn, recorded(func(r *checks.Recorded) {
			r.Spreads, r.Events = r.Spreads[2:], r.Events[6:]
		})), Possible, "none"},
		{"it leaned to n1 before", with(inTurn, recorded(leaned)), Possible, "none"},
		{"it leaned to n1 before, and all accounts did after", with(inTurn, recorded(leaned), tenants(8, func(int) [3]int { return [3]int{9, 3, 0} })), Possible, "none"},
		{"the clients came when all were up again", with(inTurn, recorded(), profile(func(p *checks.Profile) {
			p.Starts, p.Oldest = [][]int{{0, 0, 0, 12}, {0, 0, 0, 3}, {0, 0, 0, 0}}, minutes(10)
			exactly(p)
		})), RuledOut, "none"},
		{"others came than those who are here", with(inTurn, recorded(func(r *checks.Recorded) {
			for i := range r.Moves {
				r.Moves[i].Service = "orders-worker"
			}
		})), Possible, "none"},
		{"they left n1, and did not come", with(inTurn, recorded(func(r *checks.Recorded) {
			for i := range r.Moves {
				r.Moves[i].Left = true
			}
		})), Possible, "none"},
		{"who came was not recorded", with(inTurn, recorded(noMoves)), Possible, "none"},
		{"there are more than there were", with(inTurn, recorded(func(r *checks.Recorded) { r.Spreads[1] = spreadAt(minutes(0.9), "O", 0, 5, 4) })), Possible, "none"},
		{"there is another service, and n1 stopped last", with(inTurn, withAnother, recorded(func(r *checks.Recorded) {
			r.Events = append(r.Events, checks.RecordedEvent{Time: minutes(3), Server: was("O1", "n1")})
		})), Possible, "none"},
		{"another service was on n1 all the time, and these were few", with(inTurn, withAnother, recorded(func(r *checks.Recorded) {
			r.Spreads[1] = spreadAt(minutes(0.9), "O", 9, 4, 3)
		})), Possible, "none"},
		{"one server had nobody", with(inTurn, recorded(func(r *checks.Recorded) {
			r.Spreads[1] = spreadAt(minutes(0.9), "O", 5, 10, 0)
		})), Possible, "none"},
		{"the last that was recorded is not what there is", with(inTurn, recorded(func(r *checks.Recorded) {
			r.Spreads[3] = spreadAt(minutes(3), "N", 7, 8, 0)
		})), Possible, "none"},
		{"somebody had two of them kicked from n2", with(inTurn, recorded(kickedFrom("n2", minutes(2), 2))), Confirmed, RestartDrift},
		{"somebody had most of them kicked from n2", with(inTurn, recorded(kickedFrom("n2", minutes(2), 9))), Possible, "none"},
		{"that was before it", with(inTurn, recorded(kickedFrom("n2", minutes(-90), 9))), Confirmed, RestartDrift},
		{"they were kicked from n1, and came back", with(inTurn, recorded(kickedFrom("n1", minutes(2.5), 9))), Confirmed, RestartDrift},
		// What came instead of connections that ended did not come from a server that stopped.
		{"all of them were replaced", with(inTurn, recorded(endedBy(2, 15))), Possible, "none"},
		{"all of them were replaced, and all accounts lean", with(inTurn, recorded(endedBy(2, 15)), tenants(8, func(int) [3]int { return [3]int{9, 3, 0} })), Possible, "none"},
		{"two of them were replaced", with(inTurn, recorded(endedBy(2, 2))), Confirmed, RestartDrift},
		{"they were replaced before it", with(inTurn, recorded(endedBy(1, 15), endedBy(0, 15))), Confirmed, RestartDrift},
		{"nobody knows who was replaced", with(inTurn, recorded(func(r *checks.Recorded) { r.Spreads[2].Ended = nil })), Possible, "none"},
		{"they were replaced after the last spread", with(inTurn, recorded(), closedAt("Client Closed", minutes(4))), Possible, "none"},
		{"others were closed as n1 stopped", with(inTurn, recorded(), closedAt("Server Shutdown", minutes(4))), Confirmed, RestartDrift},
		{"they were replaced an hour before", with(inTurn, recorded(), closedAt("Client Closed", minutes(-60))), Confirmed, RestartDrift},
		// The account leaned when n3 had not stopped yet, with more than came from n2.
		{"others came to n1 while n3 was up", with(inTurn, recorded(func(r *checks.Recorded) {
			r.Spreads[2] = spreadAt(minutes(1.9), "N", 30, 0, 10)
		})), Possible, "none"},
		{"those of n2 came to n1 while n3 was up", with(inTurn, recorded(func(r *checks.Recorded) {
			r.Spreads[2] = spreadAt(minutes(1.9), "N", 8, 0, 2)
		})), Confirmed, RestartDrift},
		{"one server did not stop", with(inTurn, recorded(func(r *checks.Recorded) { r.Events = r.Events[:6] })), Possible, "none"},
		{"one fell silent and came back the same", with(inTurn, recorded(func(r *checks.Recorded) {
			for i := range r.Events[6:] {
				r.Events[6+i].Server.ID = "N3"
			}
		})), Possible, "none"},
		{"a server did not report", with(inTurn, recorded(), missing("n4")), NotTested, "none"},
		{"nothing was read", with(inTurn, recorded(), noProfile), NotTested, "none"},
		{"two servers of one name", with(inTurn, recorded(), on(func(s *checks.Server) { s.Name = "n2" }, 3)), Possible, "none"},
	})
}

// TestLessOfAnyRecord takes something out of cases with a record that were drawn.
func TestLessOfAnyRecord(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(8, 15))
	for range 60 {
		a, b := rng.Uint64(), rng.Uint64()
		lessIsNotMore(t, func() Case {
			rng := rand.New(rand.NewPCG(a, b))
			all := []change{recorded(func(r *checks.Recorded) {
				if n := rng.IntN(8); n < len(r.Moves) {
					r.Moves = append(r.Moves[:n:n], r.Moves[n+1:]...)
				}
			}), tenants(rng.IntN(6), func(int) [3]int { return [3]int{rng.IntN(12), rng.IntN(4), rng.IntN(2)} })}
			if rng.IntN(2) == 0 {
				all = append(all, []change{list(urlsOf(1)...), list(urlsOf(1, 2, 3)...), inOrder(urlsOf(1, 2, 3)...), inOrder(urlsOf(2, 1, 3)...), anyones(urlsOf(1)...)}[rng.IntN(5)])
			}
			return caseOf(append([]change{inTurn}, all...)...)
		})
	}
}
