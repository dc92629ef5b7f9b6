package report

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/record"
	"github.com/nats-balance/nats-balance/internal/record/say"
	"github.com/nats-balance/nats-balance/internal/words"
)

// WatchLines words what a watch sees, for people.
type WatchLines struct {
	Parameters checks.Parameters
	For        time.Duration // how long an account must lean to be a finding
	Store      *WatchStore   // nil where nothing is recorded
	// Config is the configuration file, and Flags are those of the connection: an audit
	// that judges as this watch is given both. Either may be empty.
	Config, Flags string
	Columns       int // of the terminal; 0 elsewhere
}

// WatchStore is where a watch records, and how much of it is kept.
type WatchStore struct {
	Directory, Context string // one of them
	Keep               time.Duration
	Bytes              string // as it was passed
}

func (s WatchStore) text() string {
	place := "the account of context " + words.Harmless(s.Context)
	if s.Directory != "" {
		place = words.Harmless(s.Directory)
	}
	return fmt.Sprintf("%s, up to %s and %s", place, words.Duration(s.Keep), s.Bytes)
}

const (
	// logTime is how a line of watch begins, and logIndent stands below it.
	logTime   = "2006-01-02 15:04:05"
	logIndent = "                     "
)

// WatchJSON is a change in one line for programs.
func WatchJSON(c record.Change) (string, error) {
	line, err := json.Marshal(record.DocumentOf(c).Harmless())
	return string(line) + "\n", err
}

// Text is a change in lines; empty where it is not worth one.
func (x WatchLines) Text(c record.Change) string {
	var head, command string
	var more []string
	switch c.Kind {
	case record.Watching:
		head = fmt.Sprintf("watching %s in %s: %s of %s", words.Plural(c.Of.Servers, "server"), words.Plural(c.Of.Clusters, "cluster"),
			words.Plural(c.Of.Connections, "connection"), words.Plural(c.Of.Accounts, "account"))
		more = append(more, fmt.Sprintf("a finding is more than %d%% on one server for %s", x.Parameters.ThresholdPercent, words.Duration(x.For)), "times are UTC")
		if c.Of.Missing > 0 {
			more = append(more, words.Plurals(c.Of.Missing, "server does not report", "servers do not report"))
		}
		if x.Store != nil {
			more = append(more, "recording into "+x.Store.text())
		}
		if c.Doubt != nil {
			more = append(more, HistoryDoubt("what was recorded there before", *c.Doubt))
		}
	case record.Crossed:
		head = fmt.Sprintf("%s leans: %s", pairName(c.Spread), leanText(c.Spread))
		if c.Spread.Account.ID == checks.GlobalAccount {
			more = append(more, notLoggedIn(c.Moves))
		}
		if c.Left != nil {
			more = append(more, leftText(c))
		}
		switch before := beforeText(c.Before); {
		case before != "":
			more = append(more, before)
		case c.Before == nil && c.Beginning().Begun == record.WhileUnknown:
			more = append(more, "before: unknown")
		}
		if begun := begunText(c.Beginning()); begun != "" {
			more = append(more, begun)
		}
		if x.For > 0 {
			more = append(more, "a finding if it stays so for "+words.Duration(x.For))
		}
		more = append(more, movesText(c.Moves, c.MoreMoves, c.MovesMissed)...)
	case record.Held:
		head = fmt.Sprintf("FINDING %s: %s", pairName(c.Spread), leanText(c.Spread))
		if c.Spread.Account.ID == checks.GlobalAccount {
			more = append(more, notLoggedIn(nil))
		}
		since := "since " + c.Since.UTC().Format(logTime) + ofWhichUnknown(c.Unknown)
		if begun := begunText(c.Beginning()); begun != "" {
			more = append(more, begun)
		}
		more = append(more, since+"; why:")
		command = strings.TrimSpace("nats-balance audit concentration --account " + words.Shell(words.Harmless(c.Spread.Account.ID)) + x.thresholds() + " " + x.Flags)
	case record.Back:
		was := ", after " + words.Duration(c.Time.Sub(c.Since)) + ofWhichUnknown(c.Unknown)
		if c.Finding {
			was += " (it was a finding)"
		}
		head = fmt.Sprintf("%s is back: %s%s", pairName(c.Spread), leanText(c.Spread), was)
		switch {
		case c.Spread.Verdict == checks.AcceptedFinding:
			head = fmt.Sprintf("%s is accepted now: %s%s", pairName(c.Spread), leanText(c.Spread), was)
		case c.Spread.Connections == 0:
			head = fmt.Sprintf("%s leans no longer: it has no connections any more%s", pairName(c.Spread), was)
		case c.Spread.Verdict == checks.TooFewServers:
			head = fmt.Sprintf("%s is not checked any more: %s%s", pairName(c.Spread), leanText(c.Spread), was)
			more = append(more, fmt.Sprintf("clusters of fewer than %s are not, and %s has %s", words.Plural(x.Parameters.MinServers, "server"), words.Harmless(cmp.Or(c.Cluster, "its cluster")), words.Count(c.Spread.Of)))
		case c.Spread.Verdict == checks.TooFewConnections:
			head = fmt.Sprintf("%s is not checked any more: %s%s", pairName(c.Spread), leanText(c.Spread), was)
			more = append(more, "accounts of fewer than "+words.Plural(x.Parameters.MinConnections, "connection")+" in a cluster are not")
		}
		more = append(more, movesText(c.Moves, c.MoreMoves, c.MovesMissed)...)
	case record.Started, record.Draining, record.Stopped, record.Silent, record.Answering, record.Refused:
		if c.Kind == record.Silent && c.Server.Name == "" && c.Server.ID == "" {
			head = namelessText(c)
			break
		}
		d := record.DocumentOf(c)
		head = serverInCluster(c.Server, &c.Cluster) + " " + say.Happened(&d).String()
	case record.Kicked:
		head = fmt.Sprintf("%s of %s kicked from %s%s", words.Plural(c.Count, "connection"), words.Harmless(c.Account.Name), serverInCluster(c.Server, &c.Cluster), kickedServices(record.DocumentOf(c).Moves))
	case record.Corrected:
		head = fmt.Sprintf("corrected %s by a full report, which differed by %s", words.Plural(c.Count, "count"), words.Plural(c.Connections, "connection"))
	case record.Lost:
		head = "events were lost"
		if c.Count > 0 {
			head = words.Plurals(c.Count, "event was lost", "events were lost")
		}
		head += ": " + words.Sentence(c.Reason)
		more = append(more, "asking every server for a full report")
	case record.Undecided:
		if c.Everywhere && c.Since.IsZero() { // it is said that the connection is lost
			return ""
		}
		if c.Everywhere {
			head = fmt.Sprintf("unknown since %s which accounts lean: %s", c.Since.UTC().Format(logTime), words.Sentence(c.Reason))
			more = append(more, "asking every server for a full report")
			break
		}
		is, since, then := "unknown", "", ""
		switch {
		case c.Still:
			is, then = "still unknown", " now"
		case !c.Since.IsZero():
			since = "since " + c.Since.UTC().Format(logTime) + " "
		}
		head = fmt.Sprintf("%s %swhether %s in %s: that depends on %s%s", is, since, words.Plurals(c.Count, "account leans", "accounts lean"), words.Harmless(c.Cluster), words.Sentence(c.Reason), then)
	case record.Decided:
		if c.Everywhere {
			return ""
		}
		head = fmt.Sprintf("known again which accounts in %s lean, after %s", words.Harmless(c.Cluster), words.Duration(max(time.Second, c.Time.Sub(c.Since))))
	case record.Unchecked, record.Checked:
		head = checkedText(c)
	case record.Shifted, record.Unrecorded: // of the history alone
		return ""
	}
	var b strings.Builder
	fmt.Fprintln(&b, Folded(c.Time.UTC().Format(logTime)+"  "+head, logIndent, x.Columns))
	for _, l := range more {
		fmt.Fprintln(&b, Folded(logIndent+l, logIndent+"  ", x.Columns))
	}
	if command != "" { // whole, so that it can be copied
		fmt.Fprintln(&b, logIndent+command)
	}
	return b.String()
}

// begunText says that it is not known when a lean began, and why; empty where that is known.
func begunText(b record.Beginning) string {
	text := "it may have begun earlier"
	if from, known := b.Earliest(); known {
		text = "it may have begun at any time from " + from.UTC().Format(logTime) + " on"
	}
	switch b.Begun {
	case record.SeenToBegin:
		return ""
	case record.NeverKnown:
		text += ": until then watch did not know whether it leaned"
	case record.Unread:
		text += ": what was recorded of its beginning is gone, or was too much to read"
	case record.WhileUnknown:
		text += ": whether it leaned was unknown"
	case record.WhileUnrecorded:
		text += ": nothing was recorded"
	}
	return text
}

// leftText is which lean to another server ended.
func leftText(c record.Change) string {
	text := "moved from " + serverLabel(c.Left.Server) + ", to which it had leaned since " + c.Left.Since.UTC().Format(logTime)
	if !c.NotBefore.IsZero() {
		text = "moved from " + serverLabel(c.Left.Server) + ", to which it leaned when that was last known"
	}
	if c.Left.Finding {
		text += " (it was a finding)"
	}
	return text
}

// notLoggedIn says what may be among the connections of the global account, and how many
// left that had not logged in.
func notLoggedIn(moves []record.Move) string {
	n := 0
	for _, m := range moves {
		if m.Left && m.Reason == checks.ReasonAuthTimeout {
			n += m.Count
		}
	}
	text := "servers count a connection in " + checks.GlobalAccount + " until it has logged in"
	if n > 0 {
		text += "; " + words.Plural(n, "connection") + " ended without (" + string(checks.ReasonAuthTimeout) + ")"
	}
	return text
}

// thresholds are the flags of an audit that judges as this watch does.
func (x WatchLines) thresholds() string {
	p, d, out := x.Parameters, checks.Defaults(), ""
	for _, flag := range []struct {
		name         string
		value, usual int
	}{{"threshold", p.ThresholdPercent, d.ThresholdPercent}, {"min-servers", p.MinServers, d.MinServers}, {"min-connections", p.MinConnections, d.MinConnections}} {
		if flag.value != flag.usual {
			out += fmt.Sprintf(" --%s %d", flag.name, flag.value)
		}
	}
	if x.Config != "" {
		out += " --config " + words.Shell(words.Harmless(x.Config))
	}
	return out
}

// namelessText says of servers that are only counted that they do not report.
func namelessText(c record.Change) string {
	in := " of unknown name "
	if c.Cluster != "" {
		in += "in " + words.Harmless(c.Cluster) + " "
	}
	return words.Plurals(max(1, c.Count), "server"+in+"does not report", "servers"+in+"do not report") + ": " + words.Sentence(c.Reason)
}

// serverInCluster names a server, and its cluster where it is of one.
func serverInCluster(s checks.ServerRef, cluster *string) string {
	text := "server " + serverLabel(s)
	if cluster != nil && *cluster != "" {
		text += " (" + words.Harmless(*cluster) + ")"
	}
	return text
}

// pairName names an account in a cluster.
func pairName(s *record.Spread) string {
	name := words.Harmless(s.Account.Name)
	if s.Cluster != "" {
		name += " (" + words.Harmless(s.Cluster) + ")"
	}
	return name
}

// leanText is the largest share of an account, and on which server it is.
func leanText(s *record.Spread) string {
	top := s.Top()
	if s.Connections == 0 {
		return "no connections"
	}
	return fmt.Sprintf("%s of %s (%s) on %s", words.Count(top.Connections), words.Plural(s.Connections, "connection"), percentText(top.Connections, s.Connections), serverLabel(top.Server))
}

func serverLabel(s checks.ServerRef) string { return words.Harmless(cmp.Or(s.Name, s.ID, "a server")) }

func percentText(part, whole int) string {
	return fmt.Sprintf("%.1f%%", 100*float64(part)/float64(max(1, whole)))
}

func beforeText(s *record.Spread) string {
	if s == nil || s.Connections == 0 {
		return ""
	}
	top := s.Top()
	return fmt.Sprintf("before: %s of %s (%s) on %s", words.Count(top.Connections), words.Count(s.Connections), percentText(top.Connections, s.Connections), serverLabel(top.Server))
}

// movesText says who came and left, how many more did, and whether some were not seen.
func movesText(moves []record.Move, others int, missed bool) []string {
	var out []string
	for _, m := range record.ByName(moves) {
		verb, where := "came", "to "
		if m.Left {
			verb, where = "left", "from "
		}
		who := "without a name"
		if m.Service != "" {
			who = "of " + words.Harmless(m.Service)
		}
		text := fmt.Sprintf("%s: %s %s %s", verb, words.Count(m.Count), who, where+serverLabel(m.Server))
		if m.Reason != "" {
			text += " (" + words.Harmless(string(m.Reason)) + ")"
		}
		out = append(out, text)
	}
	return append(out, say.NotListed(others, missed)...)
}

// checkedText says of a cluster that it has too few servers to be checked, or enough again.
func checkedText(c record.Change) string {
	has := fmt.Sprintf("it has %s", words.Plural(c.Count, "server"))
	switch {
	case c.Kind == record.Checked:
		return fmt.Sprintf("%s is checked again: %s", words.Harmless(c.Cluster), has)
	case c.Cluster == "":
		return fmt.Sprintf("%s without a cluster: not checked, as each is alone", words.Plural(c.Count, "server"))
	}
	return fmt.Sprintf("%s is not checked: %s, and --min-servers is %d", words.Harmless(c.Cluster), has, c.Least)
}
