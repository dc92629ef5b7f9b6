package history

import (
	"testing"
	"time"

	"github.com/nats-balance/nats-balance/internal/record"
	"github.com/nats-balance/nats-balance/internal/source/sourcetest"
)

// What is unknown by what was recorded is read from there, but for what is about to be
// written.
func TestUndecidedIsTakenOver(t *testing.T) {
	t.Parallel()
	s, err := OpenLocal(sourcetest.Within(t), t.TempDir(), limits())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	at := func(minutes int) time.Time { return began().Add(time.Duration(minutes) * time.Minute) }
	unknown := func(minute int, cluster string) record.Change {
		return record.Change{Kind: record.Undecided, Time: at(minute), Cluster: cluster, Count: 2, Reason: "n3"}
	}
	known := func(minute int, cluster string) record.Change {
		return record.Change{Kind: record.Decided, Time: at(minute), Since: at(minute - 1), Cluster: cluster}
	}
	written(t, s, []record.Change{unknown(0, "C0"), {Kind: record.Watching, Time: at(1), Of: &record.Totals{}}, unknown(2, "C1"), unknown(2, "C2"), known(3, "C1"), unknown(4, "C3"), {Kind: record.Undecided, Time: at(5), Everywhere: true}})
	s.Add([]record.Change{known(6, "C3")})
	said, err := s.Undecided(sourcetest.Within(t))
	if err != nil || len(said) != 2 || said[0].Cluster != "C2" || !said[0].Time.Equal(at(2)) || !said[1].Everywhere {
		t.Errorf("%v, %+v", err, said)
	}
}
