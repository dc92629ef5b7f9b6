package report

import (
	"strings"
	"testing"
	"time"

	"github.com/nats-balance/nats-balance/internal/record"
	"github.com/nats-balance/nats-balance/internal/record/history"
)

// What is last known is told as of then once no watch records any more, and times are those
// that were asked for.
func TestHistoryAfterWatchEnded(t *testing.T) {
	t.Parallel()
	at := func(minute int) time.Time { return time.Date(2026, 1, 2, 3, minute, 0, 0, time.Local) }
	gap := []history.Gap{{From: at(10), To: at(30)}}
	lasts := []history.Episode{{Account: record.DocumentAccount{ID: "ORDERS", Name: "ORDERS"}, Cluster: "C1", Began: at(5), Finding: true, Unseen: append([]history.Gap{{From: at(6), To: at(8)}}, gap...)}}
	unread := []history.Episode{{Account: record.DocumentAccount{ID: "ORDERS", Name: "ORDERS"}, Cluster: "C1", Began: at(5), Unread: true}}
	ahead := []history.Episode{{Account: record.DocumentAccount{ID: "ORDERS", Name: "ORDERS"}, Cluster: "C1", Began: at(30).Add(83 * time.Second)}}
	const ended = "No watch records now: what happened since 2026-01-02 03:10:00 is unknown.\n"
	for name, c := range map[string]struct {
		h         history.History
		since     int
		want, not string
	}{
		"it leaned":          {history.History{First: at(0), Until: at(10), Gaps: gap, Episodes: lasts}, 1, "above the threshold.\n" + ended + "\nORDERS (C1)  FINDING, since 2026-01-02 03:05:00, last known at 2026-01-02 03:10:00 (5m, of which 2m unknown)\n", "from 2026-01-02 03:10:00"},
		"nobody leaned":      {history.History{First: at(0), Until: at(10), Gaps: gap}, 1, "Since 2026-01-02 03:01:00: no account was seen above the threshold.\n" + ended, "Nothing"},
		"it is long ago":     {history.History{First: at(0), Until: at(10), Gaps: gap, Episodes: lasts}, 20, "Nothing was recorded since 2026-01-02 03:20:00.\n" + ended + "\nORDERS (C1)  FINDING, since 2026-01-02 03:05:00, last known at", "above the threshold"},
		"it records":         {history.History{First: at(0), Episodes: lasts}, 1, "ORDERS (C1)  FINDING, since 2026-01-02 03:05:00 (25m, ", "last known"},
		"of the time":        {history.History{First: at(0)}, 7, "Since 2026-01-02 03:07:00: no account was above the threshold.\n", "begins"},
		"it began later":     {history.History{First: at(9)}, 7, "Since 2026-01-02 03:09:00, when the record begins: no account was above the threshold.\n", "03:07"},
		"nothing of that":    {history.History{First: at(0), Episodes: unread}, 1, "It may have begun earlier: what was recorded of its beginning is gone, or was too much to read.\n", "before:"},
		"its clock is ahead": {history.History{First: at(0), Episodes: ahead}, 1, "ORDERS (C1)  leaned, since 2026-01-02 03:31:23 (the clock of whoever recorded it is 1m23s ahead)\n", "(-"},
		"some is missing": {history.History{First: at(0), Gaps: gap, Damage: history.Damage{Missing: 12, Gaps: gap}}, 1,
			"no account was seen above the threshold.\n12 documents are missing in the record: a file of it is damaged, or somebody deleted them. What happened then is unknown.\n\nNothing was recorded from 2026-01-02 03:10:00", "was above"},
		"some can't be read": {history.History{First: at(0), Damage: history.Damage{Unreadable: 1}}, 1,
			"no account was seen above the threshold.\n1 document in the record can't be read: another version or somebody else wrote it.\n", "was above"},
		"nothing is left": {history.History{Damage: history.Damage{All: true}}, 1, "Nothing was recorded since 2026-01-02 03:01:00.\nNothing is left of the record: its files are damaged, or somebody purged the stream.\n", "above"},
	} {
		text := HistoryText(c.h, "", true, at(c.since), at(30))
		if !strings.Contains(text, c.want) || strings.Contains(text, c.not) {
			t.Errorf("%s: %s", name, text)
		}
	}
}
