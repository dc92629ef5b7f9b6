package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/record"
	"github.com/nats-balance/nats-balance/internal/record/history"
	"github.com/nats-balance/nats-balance/internal/record/say"
	"github.com/nats-balance/nats-balance/internal/words"
)

// historyIn names the history in a directory, or of a context. It stands at the end of
// sentences: a path may be so long that what comes after it is cut.
func historyIn(where string) string { return "the history in " + where }

// HistoryUnread says that a history can't be evidence, as it can't be opened.
func HistoryUnread(where, why string) string {
	return fmt.Sprintf("the history can't be read, and is not evidence: %s (%s)", why, historyIn(where))
}

// HistoryNoEvidence says that a history can't be evidence, as what was asked for can't be read.
func HistoryNoEvidence(where, why string) string {
	return fmt.Sprintf("the history is not evidence: %s (%s)", why, historyIn(where))
}

// HistoryOfMissingUnread says that a history does not say which servers are missing.
func HistoryOfMissingUnread(where, why string) string {
	return fmt.Sprintf("the history does not help to say which servers are missing, and who was on them: %s (%s)", why, historyIn(where))
}

// HistoryText is a history for people. Known is that there is something of the account.
func HistoryText(h history.History, account string, known bool, since, now time.Time) string {
	var b strings.Builder
	line := func(indent, format string, args ...any) { fmt.Fprintf(&b, indent+format+"\n", args...) }
	unknown := h.Unknowns(account)
	seen := ""
	if len(unknown)+len(h.Gaps)+len(h.Unchecked)+h.Damage.Unreadable > 0 {
		seen = "seen "
	}
	what := "no account was " + seen + "above the threshold"
	if account != "" {
		what = words.Harmless(account) + " was not " + seen + "above the threshold"
	}
	if n := len(h.Episodes); n > 0 {
		what = words.Plurals(n, "time in which an account was above the threshold", "times in which an account was above the threshold")
	}
	from := since.UTC().Format(logTime)
	if h.First.After(since) {
		from = h.First.UTC().Format(logTime) + ", when the record begins"
	}
	ended := !h.Until.IsZero()
	switch {
	case h.First.IsZero():
		line("", "Nothing was recorded since %s.", since.UTC().Format(logTime))
	case !known:
		line("", "Nothing was ever recorded of %s: no account has this name or id, it never had enough connections to be checked, or watch does not check it.", words.Harmless(account))
	case ended && !h.Until.After(since):
		line("", "Nothing was recorded since %s.", since.UTC().Format(logTime))
	default:
		line("", "Since %s: %s.", from, what)
	}
	if ended {
		line("", "%s", say.NoRecorder(h.Until.UTC().Format(logTime), h.Waiting))
	}
	for _, note := range say.Damage(h.Damage.Missing, h.Damage.All, h.Damage.Unreadable) {
		line("", "%s", note)
	}
	if h.Cut {
		text := "Older changes were left out: they are too many to read at once."
		if account == "" {
			text += " To read further back, pass --account NAME."
		}
		line("", "%s", text)
	}
	for _, e := range h.Episodes {
		b.WriteByte('\n')
		episodeText(line, e, now, h.Until)
	}
	kickedText(line, h, account)
	unknownText(line, unknown)
	uncheckedText(line, h.Unchecked)
	gapsText(line, h)
	line("", "Times are UTC.")
	return b.String()
}

// episodeText is a time in which an account leaned. Until, if it is not zero, is when it was
// last known whether what had not ended lasts.
func episodeText(line func(indent, format string, args ...any), e history.Episode, now, until time.Time) {
	name := words.Harmless(e.Account.Name)
	if e.Cluster != "" {
		name += " (" + words.Harmless(e.Cluster) + ")"
	}
	kind := "leaned"
	if e.Finding {
		kind = "FINDING"
	}
	began := e.Began.UTC().Format(logTime)
	switch {
	case e.Ended == nil && !until.IsZero():
		line("", "%s  %s, since %s, last known at %s (%s%s)", name, kind, began, until.UTC().Format(logTime), lastedText(e.Began, until), unseenText(history.Before(e.Unseen, until)))
	case e.Ended == nil:
		line("", "%s  %s, since %s (%s%s)", name, kind, began, lastedText(e.Began, now), unseenText(e.Unseen))
	default:
		line("", "%s  %s, from %s to %s (%s%s)", name, kind, began, e.Ended.UTC().Format(logTime), lastedText(e.Began, *e.Ended), unseenText(e.Unseen))
	}
	begun := e.Beginning()
	if text := begunText(begun); text != "" {
		line("  ", "%s.", words.UpperFirst(text))
	}
	if e.From != (record.DocumentServer{}) {
		line("  ", "It moved from %s.", serverLabel(checks.ServerRef(e.From)))
	}
	if e.Next != (record.DocumentServer{}) {
		line("  ", "It moved to %s.", serverLabel(checks.ServerRef(e.Next)))
	}
	share := func(what string, s *record.DocumentSpread) {
		if s == nil || s.Connections == 0 || len(s.Servers) == 0 {
			return
		}
		of := ""
		if s.Verdict == checks.Incomplete {
			of = ", by the servers that reported at " + s.Time.UTC().Format(logTime)
		}
		line("  ", "%-7s %s of %s (%.1f%%) on %s%s", what+":", words.Count(s.OnServer), words.Plural(s.Connections, "connection"), s.SharePercent, words.Harmless(s.Servers[0].Server.Name), of)
	}
	if e.Before == nil && begun.Begun == record.WhileUnknown {
		line("  ", "before: unknown")
	}
	share("before", e.Before)
	share("then", e.Then)
	if e.Ended == nil && e.Last != nil && (e.Then == nil || !e.Last.Time.Equal(e.Then.Time)) {
		share("last", e.Last)
	}
	for i := range e.Kicked {
		line("  ", "kicked: %s", kickedLine(&e.Kicked[i]))
	}
	if len(e.Around) == 0 && len(e.Moves) == 0 && !e.MovesMissed {
		return
	}
	line("  ", "What happened then:")
	for _, d := range e.Around {
		line("    ", "%s  %s", d.Time.UTC().Format("15:04:05"), serverInCluster(checks.ServerRef(*d.Server), d.Cluster)+" "+say.Happened(&d).String())
	}
	for _, text := range movesText(record.MovesOf(e.Moves), e.MoreMoves, e.MovesMissed) {
		line("    ", "%s", text)
	}
}

// unseenText is for how long of a time nobody knows, after its length.
func unseenText(gaps []history.Gap) string {
	var long time.Duration
	for _, g := range history.Joined(gaps) {
		long += g.To.Sub(g.From)
	}
	return ofWhichUnknown(long)
}

// ofWhichUnknown is for how long of a time it was unknown whether an account leaned, after the
// length of that time; empty where that was always known.
func ofWhichUnknown(long time.Duration) string {
	if long <= 0 {
		return ""
	}
	return ", of which " + words.Duration(max(long, time.Second)) + " unknown"
}

// lastedText is how long something lasted until a time. It begins later where another clock is
// ahead of the one of that time.
func lastedText(began, until time.Time) string {
	if ahead := began.Sub(until); ahead >= time.Second {
		return "the clock of whoever recorded it is " + words.Duration(ahead) + " ahead"
	}
	return words.Duration(max(0, until.Sub(began)))
}

// unknownText lists the times in which verdicts were unknown.
func unknownText(line func(indent, format string, args ...any), all []history.Unknown) {
	for i := range all {
		if i == 0 {
			line("", "")
		}
		if i == mostUnknown {
			line("", "%s before that: see --json.", words.Plurals(len(all)-i, "such time", "such times"))
			return
		}
		u := all[len(all)-1-i] // the last one first
		from, is, depends, came := "since "+u.From.UTC().Format(logTime), "is", "depends", "no full report has come since"
		if u.To != nil {
			from, is, depends, came = periodText(u.From, *u.To), "was", "depended", "the next full report came then"
		}
		if u.Cluster == nil { // how long the connection was away is not known: it may have been a moment
			why := cmp.Or(u.Why, "watch saw nothing")
			line("", "It %s unknown %s which accounts leaned: %s, and %s.", is, from, words.Sentence(why), came)
			continue
		}
		who := "accounts"
		if u.Accounts > 0 {
			who = words.Plural(u.Accounts, "account")
		}
		text := fmt.Sprintf("It %s unknown %s whether %s in %s leaned", is, from, who, words.Harmless(*u.Cluster))
		if len(u.On) > 0 {
			text += fmt.Sprintf(": that %s on %s", depends, dependedText(u))
		}
		line("", "%s.", text)
	}
}

// dependedText is whose connections decided on verdicts. Of a time that lasts it tells those that
// decide from those that did.
func dependedText(u history.Unknown) string {
	before := slices.DeleteFunc(slices.Clone(u.On), func(s string) bool { return slices.Contains(u.Now, s) })
	if u.To != nil || len(u.Now) == 0 || len(before) == 0 {
		return words.Sentence(words.List(u.On))
	}
	return words.Sentence(words.List(u.Now)) + ", and depended on " + words.Sentence(words.List(before)) + " before"
}

// uncheckedText lists the times in which clusters had too few servers, the last ones first.
func uncheckedText(line func(indent, format string, args ...any), all []history.Unchecked) {
	for i := range min(len(all), mostUnknown) {
		if i == 0 {
			line("", "")
		}
		u := all[len(all)-1-i]
		name, is, when, has, least := words.Harmless(u.Cluster), "is", "since "+u.From.UTC().Format(logTime), "has", "is"
		if u.To != nil {
			is, when, has, least = "was", periodText(u.From, *u.To), "had", "was"
		}
		if u.Cluster == "" {
			line("", "A server without a cluster %s not checked %s, as it %s alone.", is, when, is)
			continue
		}
		line("", "%s %s not checked %s: it %s %s, and --min-servers %s %d.", name, is, when, has, words.Plural(u.Servers, "server"), least, u.Least)
	}
}

// periodText is from when to when, to the second.
func periodText(from, to time.Time) string {
	begin, end := from.UTC().Format(logTime), to.UTC().Format(logTime)
	if begin == end {
		return "for less than a second at " + begin
	}
	return "from " + begin + " to " + end
}

// mostUnknown is how many times in which verdicts were unknown are listed.
const mostUnknown = 20

// kickedText lists connections that were kicked while the account did not lean.
func kickedText(line func(indent, format string, args ...any), h history.History, account string) {
	said := false
	for i := range h.Kicked {
		k := &h.Kicked[i]
		if !k.Apart || account != "" && k.Account.ID != account && k.Account.Name != account {
			continue
		}
		if !said {
			line("", "")
			line("", "Connections were kicked while their account was not above the threshold:")
			said = true
		}
		line("  ", "%s (%s): %s", words.Harmless(k.Account.Name), words.Harmless(k.Cluster), kickedLine(k))
	}
}

// kickedLine is how many were kicked, from where, when, and whose they were.
func kickedLine(k *history.Kicked) string {
	text := fmt.Sprintf("%s from %s at %s", words.Plural(k.Connections, "connection"), serverLabel(checks.ServerRef(k.Server)), k.From.UTC().Format(logTime))
	if took := k.To.Sub(k.From); took > 10*time.Second { // which one alone takes to be told
		text += " and within " + words.Duration(took)
	}
	return text + kickedServices(k.Services)
}

// kickedServices are the largest services of those that were kicked, in brackets.
func kickedServices(moves []record.DocumentMove) string {
	var parts []string
	for _, m := range moves {
		parts = append(parts, words.Harmless(cmp.Or(m.Service, "without a name"))+" "+words.Count(m.Connections))
	}
	if len(parts) == 0 {
		return ""
	}
	return " (" + words.FirstOf(3, parts) + ")"
}
