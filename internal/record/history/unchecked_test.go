package history

import (
	"testing"
	"time"

	"github.com/nats-balance/nats-balance/internal/record"
)

// From when to when a cluster is not checked: until it is again, or until another watch began.
func TestUncheckedIsTold(t *testing.T) {
	t.Parallel()
	at := func(minutes int) time.Time { return began().Add(time.Duration(minutes) * time.Minute) }
	change := func(minute int, kind record.Kind, cluster string, n int) record.Change {
		return record.Change{Kind: kind, Time: at(minute), Cluster: cluster, Count: n, Least: 3}
	}
	docs := documents([]record.Change{
		change(1, record.Unchecked, "C1", 2), change(2, record.Unchecked, "C2", 1), change(3, record.Unchecked, "C1", 2), change(4, record.Checked, "C1", 3), change(5, record.Checked, "C1", 3),
		{Kind: record.Watching, Time: at(6), Of: &record.Totals{}}, change(6, record.Unchecked, "C2", 1),
	})
	got := DocumentOf(tellUntil(docs, at(9)), "", at(9)).Unchecked
	if len(got) != 3 || got[0].Cluster != "C1" || got[0].Servers != 2 || got[0].Least != 3 || got[0].To == nil || !got[0].To.Equal(at(4)) ||
		got[1].Cluster != "C2" || got[1].To == nil || !got[1].To.Equal(at(6)) || got[2].Cluster != "C2" || got[2].To != nil {
		t.Errorf("%+v", got)
	}
}
