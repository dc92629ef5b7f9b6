package report

import (
	"strings"
	"testing"
	"time"

	"github.com/nats-balance/nats-balance/internal/record"
	"github.com/nats-balance/nats-balance/internal/record/history"
)

// A history does not say that nobody leaned in a time of which that is unknown, nor of an
// account that it has nothing of.
func TestHistoryOfWhatIsUnknown(t *testing.T) {
	t.Parallel()
	at := func(minute int) time.Time { return time.Date(2026, 1, 2, 3, minute, 0, 0, time.Local) }
	cluster, began, never := "C1", at(1), time.Time{}
	to := at(5)
	unknown := []history.Unknown{{Cluster: &cluster, From: began, To: &to, Accounts: 2, On: []string{"1 server of unknown name"}}}
	lasts := []history.Unknown{{Cluster: &cluster, From: began, On: []string{"n3"}}}
	away := []history.Unknown{{From: began, To: &to, Why: "watch lost its connection to the servers"}}
	soon := began.Add(80 * time.Millisecond)
	moment := []history.Unknown{{From: began, To: &soon}}
	ended := at(10)
	lean := history.Episode{Account: record.DocumentAccount{ID: "ORDERS", Name: "ORDERS"}, Cluster: cluster, Began: at(0), Ended: &ended, Unseen: []history.Gap{{From: at(1), To: at(3)}, {From: at(2), To: at(5)}}}
	for name, c := range map[string]struct {
		h       history.History
		account string
		known   bool
		want    string
		not     string
	}{
		"nothing":      {history.History{First: at(0)}, "", true, "no account was above the threshold.", "seen"},
		"unknown":      {history.History{First: at(0), Unknown: unknown}, "", true, "It was unknown from 2026-01-02 03:01:00 to 2026-01-02 03:05:00 whether 2 accounts in C1 leaned: that depended on 1 server of unknown name.", "no account was above"},
		"it lasts":     {history.History{First: at(0), Unknown: lasts}, "ORDERS", true, "It is unknown since 2026-01-02 03:01:00 whether accounts in C1 leaned: that depends on n3.", "ORDERS was not above"},
		"on others":    {history.History{First: at(0), Unknown: []history.Unknown{{Cluster: &cluster, From: began, To: &to, Accounts: 1, On: []string{"n5", "n3", "n4"}}}}, "", true, "whether 1 account in C1 leaned: that depended on n5, n3 and n4.", "more"},
		"others now":   {history.History{First: at(0), Unknown: []history.Unknown{{Cluster: &cluster, From: began, On: []string{"n5", "n3", "n4"}, Now: []string{"n3", "n4"}}}}, "", true, "whether accounts in C1 leaned: that depends on n3 and n4, and depended on n5 before.", "more"},
		"no event":     {history.History{First: at(0), Unknown: away}, "", true, "It was unknown from 2026-01-02 03:01:00 to 2026-01-02 03:05:00 which accounts leaned: watch lost its connection to the servers, and the next full report came then.", "no account was above"},
		"stood still":  {history.History{First: at(0), Unknown: []history.Unknown{{From: began, To: &to, Why: "watch itself stood still, or its clock was set"}}}, "", true, "which accounts leaned: watch itself stood still, or its clock was set, and the next full report came then.", "connection"},
		"unchecked":    {history.History{First: at(0), Unchecked: []history.Unchecked{{Cluster: "C1", From: began, To: &to, Servers: 2, Least: 3}}}, "", true, "C1 was not checked from 2026-01-02 03:01:00 to 2026-01-02 03:05:00: it had 2 servers, and --min-servers was 3.", "no account was above"},
		"not now":      {history.History{First: at(0), Unchecked: []history.Unchecked{{Cluster: "C1", From: began, Servers: 2, Least: 3}}}, "", true, "C1 is not checked since 2026-01-02 03:01:00: it has 2 servers, and --min-servers is 3.", "no account was above"},
		"a moment":     {history.History{First: at(0), Unknown: moment}, "", true, "It was unknown for less than a second at 2026-01-02 03:01:00 which accounts leaned: ", "from"},
		"no event yet": {history.History{First: at(0), Unknown: []history.Unknown{{From: began}}}, "", true, "and no full report has come since.", "to 2026"},
		"a gap":        {history.History{First: at(0), Gaps: []history.Gap{{From: at(1), To: at(2)}}}, "ORDERS", true, "ORDERS was not seen above the threshold.", "was not above"},
		"short gaps":   {history.History{First: at(0), Gaps: []history.Gap{{From: at(0), To: at(0).Add(9 * time.Second)}, {From: at(1), To: at(1).Add(time.Second)}, {From: at(2), To: at(2).Add(2 * time.Second)}, {From: at(3), To: at(3).Add(3 * time.Second)}}}, "ORDERS", true, "There were 4 times of less than a minute in which nothing was recorded, 15s in all. The last one was from 2026-01-02 03:03:00 to 2026-01-02 03:03:03.", "Nothing was recorded"},
		"it waits":     {history.History{First: at(0), Until: at(2), Waiting: 3, Gaps: []history.Gap{{From: at(2), To: at(20)}}}, "ORDERS", true, "Watch can't write to the history: 3 changes wait since 2026-01-02 03:02:00, and what happened since then is unknown.", "No watch"},
		"it moved":     {history.History{First: at(0), Episodes: []history.Episode{{Account: lean.Account, Began: at(0), From: record.DocumentServer{Name: "n3"}, Next: record.DocumentServer{Name: "n1"}}}}, "ORDERS", true, "It moved from n3.\n  It moved to n1.", "unknown"},
		"never there":  {history.History{First: at(0)}, "NOPE", false, "Nothing was ever recorded of NOPE: ", "above the threshold"},
		"since":        {history.History{First: at(0), Episodes: []history.Episode{{Account: lean.Account, Began: at(5), NotBefore: &began, Undecided: true}}}, "ORDERS", true, "It may have begun at any time from 2026-01-02 03:01:00 on: whether it leaned was unknown.\n  before: unknown", "not known"},
		"never known":  {history.History{First: at(0), Episodes: []history.Episode{{Account: lean.Account, Began: at(5), NotBefore: &never}}}, "ORDERS", true, "  It may have begun earlier: until then watch did not know whether it leaned.\n", "any time"},
		"it was seen":  {history.History{First: at(0), Episodes: []history.Episode{{Account: lean.Account, Began: at(5)}}}, "ORDERS", true, "ORDERS  leaned, since 2026-01-02 03:05:00 (15m)\n", "may have begun"},
		"at the start": {history.History{First: at(0), Episodes: []history.Episode{{Account: lean.Account, Began: at(5), NotBefore: &began}}}, "ORDERS", true, "It may have begun at any time from 2026-01-02 03:01:00 on: nothing was recorded.", "before:"},
		"part of time": {history.History{First: at(0), Episodes: []history.Episode{lean}}, "ORDERS", true, "(10m, of which 4m unknown)", "seen"},
	} {
		text := HistoryText(c.h, c.account, c.known, at(0), at(20))
		if !strings.Contains(text, c.want) || strings.Contains(text, c.not) {
			t.Errorf("%s: %s", name, text)
		}
	}
}
