package report

import (
	"fmt"
	"slices"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/checks/cause"
	balance "github.com/nats-balance/nats-balance/internal/rebalance"
	"github.com/nats-balance/nats-balance/internal/words"
)

// SomeUnknown says that some of several accounts have no known cause.
const SomeUnknown = "Why clients are where they are is unknown for some accounts, so some may come back: pass --client-url or --client-config with what they are configured with, or --canary."

// Predicted says what the prediction rests on.
const Predicted = "The prediction is what to expect by the way that the clients' libraries choose; chance moves it by a few."

// NotLeftOut says that an account was accepted, and why it is not any more.
func NotLeftOut(account string, lapsed *checks.Lapse) string {
	return fmt.Sprintf("%s is not left out: it was %s.", account, lapseText(lapsed))
}

// ClosedAtFirst says how many clients may be lost before the first check.
func ClosedAtFirst(n int) string {
	return fmt.Sprintf("Whether clients reconnect by themselves is not reported: those that do not, up to %s, are lost before the first check. --canary 1 closes 1 of each service first.", words.Count(n))
}

// RebalanceNotes say what else to expect of clients that are moved.
func RebalanceNotes(all []balance.Note) (out []string) {
	for _, n := range all {
		out = append(out, noteText(n))
	}
	return out
}

func noteText(n balance.Note) string {
	const unknown = "Why the clients are where they are is unknown, so they may come back: "
	switch n.Code {
	case balance.NoteInOrder:
		return fmt.Sprintf("The clients try their servers in order%s: those that are moved all go to the next one of their list, not evenly to all.", sureText(n.Lead))
	case balance.NoteMayReturn:
		return fmt.Sprintf("%s%s: clients may come back whenever they connect anew.", n.Lead.Title, sureText(n.Lead))
	case balance.NoteElsewhere:
		return fmt.Sprintf("The clients' lists of %s also have servers of %s: clients that are moved may go there.", words.Harmless(n.Account), words.ListUpTo(namesInText, n.Clusters))
	case balance.NoteAtLimit:
		return "The account is at its limit of connections: others that wait for a place may take those of clients that are moved."
	case balance.NoteUnknown:
		return unknown + "pass --client-url or --client-config with what they are configured with."
	case balance.NoteUntied:
		return unknown + "whose the lists are that were passed is unknown too. Tie theirs to them: --client-url ACCOUNT=URL or --client-config ACCOUNT=PATH."
	}
	return ""
}

// RebalanceRemarks say what a plan rests on. Those that are foreseen no longer hold after a
// run.
func RebalanceRemarks(r balance.Remarks) (lasting, foreseen []string) {
	if r.MayReturn > 0 {
		lasting = append(lasting, fmt.Sprintf("%s of the %s may choose the same server again, by their library or by the name that they came by: some of them are expected to come back.",
			words.Count(r.MayReturn), words.Plural(r.Moves, "client")))
	}
	if len(r.KeptAway) > 0 {
		lasting = append(lasting, fmt.Sprintf("Not for clients, by a tag: %s. Clients that are there stay, and those that are moved and choose it are moved on.", words.ListUpTo(namesInText, r.KeptAway)))
	}
	lasting = append(lasting, Confined(r.Confines)...)
	if r.Fewer != nil {
		foreseen = append(foreseen, fmt.Sprintf("It moves fewer than an even spread takes: %s.", words.List(LimitedBy(r.Fewer))))
	}
	if r.Expected > 0 {
		foreseen = append(foreseen, fmt.Sprintf("Clients choose where they go, so it plans again after each batch: about %s in all, of these services only.", words.Plural(r.Expected, "move")))
	}
	if x := r.Last; x != nil {
		foreseen = append(foreseen, fmt.Sprintf("Nobody is on %s. Clients that have it last in their lists take %s moves each to get there: up to about %s in all.",
			words.Or(x.Servers), words.Count(x.Each), words.Plural(x.Moves, "move")))
	}
	if x := r.Uneven; x != nil {
		text := fmt.Sprintf("The servers are not expected to become even: %s would have about %s, and its even share is %s", x.Server, words.Plural(x.Connections, "connection"), words.Count(x.Share))
		if len(x.Kept) > 0 {
			text += ". " + words.UpperFirst(keptText(x.Kept))
		}
		foreseen = append(foreseen, text+".")
	}
	if r.Ordinary {
		foreseen = append(foreseen, "Clients that choose at random are often spread like this: moving some will hardly make it more even.")
	}
	if len(r.Unproven) > 0 {
		foreseen = append(foreseen, fmt.Sprintf("No other server is known to take the users of %s: one connection is moved first and looked after, as clients that are refused everywhere may give up.",
			words.ListUpTo(namesInText, r.Unproven)))
	}
	return lasting, foreseen
}

// Confined says for which servers some clients are not planned: a sentence for the accounts
// of which it is the same servers, or for the services, where those of an account do not get
// to the same ones.
func Confined(all []balance.Confine) []string {
	by, order := map[string][]string{}, []string(nil)
	for _, c := range all {
		to := words.ListUpTo(namesInText, c.Servers) + barrierText(c.Barrier)
		if by[to] == nil {
			order = append(order, to)
		}
		name := c.Name.Account
		if !c.Alike && c.Name.Service != "" {
			name = serviceOf(c.Name)
		}
		if !slices.Contains(by[to], name) {
			by[to] = append(by[to], name)
		}
	}
	const sentences = 5
	var out []string
	for _, to := range order[:min(len(order), sentences)] {
		out = append(out, fmt.Sprintf("Clients of %s do not get to %s: they are spread over the other servers.", words.ListUpTo(namesInText, by[to]), to))
	}
	return out
}

// barrierText says what keeps clients from servers, with a space before it.
func barrierText(b cause.Barrier) string {
	switch b {
	case cause.BarrierUntold:
		return " (neither their lists nor what servers advertise leads there)"
	case cause.BarrierProtocol:
		return " (it does not take such connections)"
	case cause.BarrierLogin:
		return " (it does not take their account or their users)"
	case cause.BarrierRoom:
		return " (it has no room)"
	case cause.BarrierUnseen:
		return " (none of those that were moved came there)"
	case cause.NoBarrier:
	}
	return " by what is known"
}
