package rebalance

import (
	"slices"
	"testing"
)

// TestEvenConverges: where every account is to be even, the servers become so too:
// what each account may have too much does not add up on the same server.
func TestEvenConverges(t *testing.T) {
	t.Parallel()
	const accounts = 5
	even := everywhere()
	even.Even = true
	for seed := range uint64(20) {
		for _, joins := range []bool{false, true} {
			s := simulate(seed, 3)
			for a := range accounts {
				s.connect(a, 24)
			}
			if joins {
				s.join()
			} else {
				s.restart()
			}
			before := s.state(accounts)
			before.restarts()
			if f := Foresee(before, even, 20); f.Short != nil {
				t.Errorf("seed %d, joins %v: %+v is foreseen", seed, joins, f.Short)
			}
			_, now := s.run(accounts, 20, even)
			share := now.Even()
			if loads := now.Loads(); !now.Level(even) || slices.Max(loads) > share+slack(share) || slices.Min(loads) < share-1-slack(share) {
				t.Errorf("seed %d, joins %v: %v became %v, by account %v", seed, joins, before.Loads(), loads, now.Held())
			}
		}
	}
}

// TestForeseesUneven: a plan whose moves are not expected to make the servers even
// says which of them stays furthest from its share.
func TestForeseesUneven(t *testing.T) {
	t.Parallel()
	s := held([][]int{{24, 0, 0}, {10, 0, 2}})
	s.Services[0].Stays = Unexamined{}
	f := Foresee(s, everywhere(), 20)
	if f.Short == nil || f.Short.Share != 12 || f.Short.Server != 0 || f.Short.Connections != f.Loads[0] {
		t.Errorf("%+v, short by %+v", f, f.Short)
	}
	if f := Foresee(held([][]int{{24, 0, 0}}), everywhere(), 20); f.Short != nil {
		t.Errorf("%+v, short by %+v", f, f.Short)
	}
}
