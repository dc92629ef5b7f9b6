package history

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/record"
)

// busy are so many episodes of a thousand accounts in one cluster, one a minute, each
// with a server that stops and starts, and connections that are kicked.
func busy(episodes int) []record.Document {
	var all []record.Change
	for i := range episodes {
		at := began().Add(time.Duration(i) * time.Minute)
		account := checks.Account{ID: fmt.Sprintf("A%d", i%1000), Name: fmt.Sprintf("account %d", i%1000)}
		leans, back := spread(at.Add(time.Second), 20, 1, 1), spread(at.Add(50*time.Second), 8, 7, 7)
		leans.Account, back.Account = account, account
		n2 := checks.ServerRef{ID: fmt.Sprintf("N2-%d", i), Name: "n2"}
		all = append(all,
			record.Change{Kind: record.Stopped, Time: at, Cluster: "C1", Server: n2},
			record.Change{Kind: record.Crossed, Time: leans.Time, Cluster: "C1", Spread: leans, Since: leans.Time},
			record.Change{Kind: record.Started, Time: at.Add(10 * time.Second), Cluster: "C1", Server: n2},
			record.Change{Kind: record.Kicked, Time: at.Add(45 * time.Second), Since: at.Add(40 * time.Second), Cluster: "C1", Server: n2, Account: account, Count: 5},
			record.Change{Kind: record.Back, Time: back.Time, Cluster: "C1", Spread: back, Since: leans.Time})
	}
	return documents(all)
}

// TestWhatHappenedAround: an episode has what happened to servers of its cluster within
// a minute of its beginning, to the second, but nothing from after its end, and the kicks of
// its account.
func TestWhatHappenedAround(t *testing.T) {
	t.Parallel()
	docs := busy(500)
	h := tell(docs)
	if len(h.Episodes) != 500 || len(h.Kicked) != 500 {
		t.Fatalf("%d episodes, %d kicks", len(h.Episodes), len(h.Kicked))
	}
	cut := false
	for _, e := range h.Episodes {
		var want []record.Document
		for _, d := range docs {
			switch {
			case d.Server == nil || d.Change == record.Kicked || d.Time.Sub(e.Began).Abs() > around:
			case d.Time.After(*e.Ended):
				cut = true
			default:
				want = append(want, d)
			}
		}
		if !slices.EqualFunc(e.Around, want, func(a, b record.Document) bool { return a.Time.Equal(b.Time) && *a.Server == *b.Server }) {
			t.Fatalf("at %s: %d, want %d", e.Began, len(e.Around), len(want))
		}
		if len(e.Kicked) != 1 || e.Kicked[0].Account != e.Account || e.Kicked[0].Apart {
			t.Fatalf("at %s: %+v", e.Began, e.Kicked)
		}
	}
	if !cut {
		t.Error("nothing happened after the end of any")
	}
	from := began()
	for edge, n := range map[time.Duration]int{around: 1, around + 1: 0, -around: 1, -around - 1: 0} {
		if got := within([]record.Document{{Time: from.Add(edge)}}, from.Add(-around), from.Add(around)); len(got) != n {
			t.Errorf("%s from it: %d, want %d", edge, len(got), n)
		}
	}
}

// TestThousandsLeanAtOnce: of ten thousand events around each account, the closest ones
// are told.
func TestThousandsLeanAtOnce(t *testing.T) {
	t.Parallel()
	var all []record.Change
	for i := range 10_000 {
		all = append(all, record.Change{Kind: record.Started, Time: began().Add(time.Duration(i-5_000) * time.Millisecond), Cluster: "C1", Server: checks.ServerRef{ID: fmt.Sprint(i)}})
	}
	for i := range 10_000 {
		s := spread(began(), 20, 1, 1)
		s.Account = checks.Account{ID: fmt.Sprint(i)}
		all = append(all, record.Change{Kind: record.Crossed, Time: began(), Cluster: "C1", Spread: s, Since: began()})
	}
	h := tell(sorted(documents(all)))
	if len(h.Episodes) != 10_000 {
		t.Fatalf("%d episodes", len(h.Episodes))
	}
	for _, e := range h.Episodes {
		if n := len(e.Around); n != mostAround || e.Around[0].Time.Sub(began()).Abs() > 25*time.Millisecond || e.Around[n-1].Time.Sub(began()).Abs() > 25*time.Millisecond {
			t.Fatalf("%d events, from %s to %s", n, e.Around[0].Time, e.Around[n-1].Time)
		}
	}
}

// BenchmarkTell shows that what is told of takes time by its length.
func BenchmarkTell(b *testing.B) {
	for _, n := range []int{1_000, 10_000, 50_000} {
		docs := busy(n)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				if h := tell(docs); len(h.Episodes) != n {
					b.Fatal(len(h.Episodes))
				}
			}
		})
	}
}

// tellUntil is what documents tell that are all there are, where a recorder is there.
func tellUntil(docs []record.Document, now time.Time) History {
	r := Reading{Docs: docs}
	return r.Tell(now)
}

// tell is [tellUntil] the last document.
func tell(docs []record.Document) History {
	now := time.Time{}
	if len(docs) > 0 {
		now = docs[len(docs)-1].Time
	}
	return tellUntil(docs, now)
}
