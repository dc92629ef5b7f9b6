package report

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	balance "github.com/nats-balance/nats-balance/internal/rebalance"
	"github.com/nats-balance/nats-balance/internal/words"
)

// Stopped says that a run did not come to its end, and why.
func (doc *Rebalance) Stopped(stop balance.Stop) {
	doc.Outcome, doc.Stop = string(balance.ResultStopped), &RebalanceStop{Code: string(stop.Code), Text: stopText(stop.Why)}
}

// AuditFailed warns that nobody could look after a run which was stopped for another reason.
func (doc *Rebalance) AuditFailed(err error) {
	doc.Warnings = append(doc.Warnings, "the servers could not be audited afterwards: "+err.Error())
}

func stopText(why balance.StopReason) string {
	switch x := why.(type) {
	case balance.Drains:
		return x.Server + " began to drain: it closes the connections of its clients by itself."
	case balance.Forbidden:
		return "The user of these credentials lacks a permission: " + x.Violation + "."
	case balance.ConnectionLost:
		return "The connection to the servers was lost."
	case balance.Interrupted:
		return "It was interrupted."
	case balance.NotAsked:
		return fmt.Sprintf("The servers can't be asked: %v.", x.Err)
	case balance.NotAllRead:
		return "The connections could not all be read."
	case balance.SilentAtClose:
		return x.Server + " did not answer when it was asked to close connections."
	case balance.Vanished:
		return x.Server + " does not answer any more."
	case balance.NearLimit:
		return fmt.Sprintf("%s has %s of the %s that it takes.", x.Server, words.Plural(x.Connections, "connection"), words.Count(x.Limit))
	case balance.SlowConsumers:
		return fmt.Sprintf("%s has had %s since the start.", x.Server, words.Plural(x.N, "slow consumer"))
	case balance.Busy:
		return fmt.Sprintf("%s uses %.0f%% of its processors, from %.0f%% at the start.", x.Server, x.CPU, x.Was)
	case balance.AllReturned:
		return fmt.Sprintf("After %s of %s the clients came back to the servers that they were moved from (%s).", words.Count(x.Back), words.Plural(x.Closed, "close"), clientsOfAll(x.Services))
	case balance.Flocked:
		unit := "client"
		if x.Twice {
			unit = "reconnect"
		}
		return fmt.Sprintf("%s got %s where about %.0f were expected: the clients do not choose as predicted.", x.Server, words.Plural(x.Got, unit), x.Expected)
	case balance.MostNow:
		of := ""
		if x.Account != "" {
			of = " of " + x.Account
		}
		return fmt.Sprintf("The most%s on one server is now %s of %s, and was %s of %s.", of, words.Count(x.Most), words.Count(x.Of), words.Count(x.Was), words.Count(x.WasOf))
	case balance.Hot:
		return words.UpperFirst(hotText(x, "was")) + "."
	case balance.NotBack:
		return fmt.Sprintf("After %s %s were not back on any server within %s.", words.Plural(x.Closed, "close"), words.Plural(x.Clients, "client"), x.Within)
	case balance.SomebodyElse:
		return fmt.Sprintf("Somebody else kicked %s of this cluster meanwhile, perhaps with a rebalance of their own: wait for it to end, then plan again.", words.Plural(x.Connections, "connection"))
	case balance.Unreached:
		return strings.Join(MissTexts(x.Misses), " ")
	case balance.NotAudited:
		return "The audit afterwards failed: " + x.Err.Error() + "."
	case balance.SomeNotReported:
		return "Not all servers reported afterwards."
	case balance.MoreThanBefore:
		return "The most on one server is more than before."
	case balance.SomeNotBack:
		return "Not all clients that were disconnected are back."
	}
	return ""
}

// RanOut says what a run learnt of where clients get to, which of them came straight back,
// and why it ended though the servers are not level, in notes.
func (doc *Rebalance) RanOut(learnt []balance.RunNote, back []CameBack, enough balance.Enough) {
	for _, note := range learnt {
		doc.Notes = append(doc.Notes, runNote(note))
	}
	if len(back) > 0 {
		var of []string
		for _, x := range back {
			of = append(of, fmt.Sprintf("%s of %s (%s of %s)", clientsOf(x.Name.Service), words.Harmless(x.Name.Account), words.Count(x.Back), words.Plural(x.Closed, "close")))
		}
		doc.Notes = append(doc.Notes, fmt.Sprintf("Came straight back to the server that closed them: %s.", words.ListUpTo(namesInText, of)))
	}
	if enough != nil {
		doc.Notes = append(doc.Notes, enoughText(enough))
	}
}

// CameBack is how many closes of a service brought clients back to the same server.
type CameBack struct {
	Name         balance.ServiceName
	Back, Closed int
}

func enoughText(enough balance.Enough) string {
	switch x := enough.(type) {
	case balance.NoMoreMoves:
		return words.UpperFirst(words.List(LimitedBy(x.Short))) + "."
	case balance.NotNamed:
		var of []string
		for _, name := range x.Services {
			of = append(of, serviceOf(name))
		}
		slices.Sort(of)
		return fmt.Sprintf("What is left takes connections of %s, which the plan did not name: run it again to plan anew.", words.ListUpTo(namesInText, of))
	case balance.KeptAbove:
		return words.UpperFirst(keptText(x.Servers)) + "."
	case balance.StillReturning:
		return fmt.Sprintf("It does not become more even: after %s of %s the clients came back to the same server.", words.Count(x.Back), words.Plural(x.Closed, "close"))
	case balance.NothingGained:
		return fmt.Sprintf("It does not become more even: clients choose where they go, and the last %s brought nothing.", words.Plural(x.Closes, "close"))
	}
	return ""
}

func runNote(note balance.RunNote) string {
	switch x := note.(type) {
	case balance.Miss:
		return missText(x)
	case balance.Unsettled:
		return fmt.Sprintf("After %s of %s no client came to %s. Whether they get there is unknown: they may try it last.", words.Plural(x.Closes, "close"), clientsOfAll(x.Services), x.Server)
	case balance.InOtherClusters:
		var in []string
		for cluster, n := range x.More {
			in = append(in, words.Count(n)+" in "+cluster)
		}
		slices.Sort(in)
		are := " are"
		if x.Clients == 1 {
			are = " is"
		}
		return fmt.Sprintf("%s of %s not back in %s: there are more of the account than before the run in other clusters, %s.",
			words.Plural(x.Clients, "client"), words.Harmless(x.Account)+are, x.Cluster, words.ListUpTo(namesInText, in))
	}
	return ""
}

// MissTexts say which servers no client came to, a sentence each.
func MissTexts(all []balance.Miss) (out []string) {
	for _, x := range all {
		out = append(out, missText(x))
	}
	return out
}

func missText(x balance.Miss) string {
	though := fmt.Sprintf("where about %.0f would have by chance", x.Expected)
	if x.Last > 0 {
		though = fmt.Sprintf("and %s of clients that had been moved from all the others", words.Plurals(x.Last, "of these was", "of these were"))
	}
	them := "them"
	if len(x.Servers) == 1 {
		them = "it"
	}
	return fmt.Sprintf("After %s of %s no client came to %s, %s: they do not know %s, or can't get in.",
		words.Plural(x.Closes, "close"), clientsOfAll(x.Services), words.Or(x.Servers), though, them)
}

// clientsOfAll names the clients of services.
func clientsOfAll(names []string) string {
	var of []string
	for _, name := range names {
		of = append(of, clientsOf(name))
	}
	slices.Sort(of)
	return words.ListUpTo(namesInText, slices.Compact(of))
}

// Closes says how many connections were closed, by server, and how many more were asked
// for without an answer, in a clause.
func Closes(sure map[string]int, open int) string {
	all := 0
	var each []string
	for _, server := range slices.Sorted(maps.Keys(sure)) {
		all += sure[server]
		each = append(each, words.Count(sure[server])+" on "+server)
	}
	var text string
	switch all {
	case 0:
		text = "no connection was closed"
	case 1:
		text = "1 connection was closed (" + words.List(each) + ")"
	default:
		text = fmt.Sprintf("%s were closed (%s)", words.Plural(all, "connection"), words.List(each))
	}
	if open > 0 {
		text += fmt.Sprintf(", and %s more may be", words.Count(open))
	}
	return text
}
