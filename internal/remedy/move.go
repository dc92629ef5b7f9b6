package remedy

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/checks/cause"
	"github.com/nats-balance/nats-balance/internal/words"
)

// pages is how many connections of an account on one server the command of the
// nats CLI counts right (CONNZ gives 1,024 a page).
const pages = 1024

// move closes the excess connections, so that the clients choose again. Where
// they would come straight back, it says so and has no command, or comes after
// what keeps them there.
func (x *facts) move(a *cause.Help) (Remedy, bool) {
	excess, off := x.excess()
	if excess == 0 {
		return Remedy{}, false
	}
	r := Remedy{Title: "Move " + words.Plural(excess, "connection") + " of " + x.account + " off " + words.Few(off)}
	if n, at, ok := x.CameBack(); ok && !x.moved(cause.ComeBack) && !x.moved(cause.ComeBackUntold) {
		a.When = later(a.When)
		return Remedy{Title: "Do not close connections yet: those that were closed came back", Why: fmt.Sprintf(
			"%s of %s were closed on %s at somebody's request until %s, and their clients came back there within seconds. Find out what leads them there, and mend that first.",
			words.Plural(n, "connection"), x.account, x.here, at.UTC().Format("15:04:05 UTC"))}, true
	}
	parts, apart := x.parts()
	if back := x.comesBack(); back != "" && !apart {
		r.Title, r.Why = "Do not close connections yet: they would come straight back", back
		a.When = later(a.When)
		return r, true
	}
	var why []string
	if x.AtLimit() {
		why = append(why, "The account is at its limit of connections: others that wait for a place may take those of clients that are moved.")
	}
	force, after, login := x.force(), x.before(), x.loginFirst()
	switch {
	case apart:
		force = ""
		a.When = later(a.When)
		r.Title += ", not those of " + words.Few(parts.stay)
		why = append(why, parts.say(x.here)...)
	case login != "":
		a.When = later(a.When)
		r.ByHand = "first " + login + ": until then the command refuses"
		why = append(why, "Only after that login: clients that are refused again are lost where their library gives up.")
	case len(after) > 0:
		a.When = later(a.When)
		until := "find no room"
		if slices.ContainsFunc(x.Causes, func(c cause.Cause) bool { return c.Verdict.Strong() && x.ComesBack(c.Code) }) {
			until = "come straight back"
		} else if x.losing() {
			until = "may be lost on a server that refuses them, and the command refuses"
		}
		why = append(why, "Only after "+words.Few(after)+": until then they "+until+".")
	case force != "":
		why = append(why, "This does not last: clients move to the servers that are advertised to them, but come back when their processes restart. The command takes --force for that.")
	case x.moved(cause.GoToNext):
		a.When = later(a.When)
		why = append(why, "The clients take their servers in order: those that are closed all go to the next one of their list, not evenly to all, and take "+x.here+
			" again when their processes restart. Let them choose at random first (ordered).")
	case x.unknown:
		why = append(why, "Whether they stay away is unknown, as the cause is: move a few, and see.")
	case x.moved(cause.Undecided):
		why = append(why, "The clients choose again among all servers that they know, but may come back whenever they connect anew.")
	default:
		why = append(why, "The clients choose again among all servers that they know, and nothing that is known brings them back.")
	}
	why = append(why, "The first command only shows the plan; a closed client reconnects by itself.")
	why = append(why, x.roomToMove()...)
	if returning := x.returning(); returning != "" {
		why = append(why, returning)
	}
	if x.Missing > 0 {
		why = append(why, "The command refuses while servers of the cluster do not report.")
	}
	ours, ok := x.scope()
	theirs, okByID := x.scopeByID()
	if !ok || !okByID {
		r.Why = strings.Join(append(why, noCommand), " ")
		return r, true
	}
	few := ""
	if x.unknown || apart && len(parts.strong) == 0 {
		// Enough for the rebalancer to see whether they come back.
		few = fmt.Sprintf("--max-moves %d", min(5, excess))
	}
	commands := func(account string) []string {
		return []string{
			x.command(x.Tool, "rebalance", account, ours.cluster, force, x.Expect, x.ListFlags),
			x.command(x.Tool, "rebalance", account, ours.cluster, force, few, "--apply", x.Expect, x.ListFlags),
		}
	}
	r.Commands, r.ForAll = commands(ours.account), commands("")
	if x.NoSystem {
		why = append(why, takesSystem)
	}
	note := ""
	if x.f.OnServer > pages {
		note = "# It counts pages of 1,024 as servers, and closes more than it has to.\n"
	}
	// It takes its time where there are many: about one connection a second.
	minutes := min(60, max(1, excess/60))
	if !x.unknown && !apart { // it can't try a few, and leaves nobody out
		r.Snippets = []Snippet{{Lang: "sh", Text: "# The same with the nats CLI. It asks before it begins.\n" + note +
			x.command("nats server cluster balance", theirs.account, theirs.cluster, fmt.Sprintf("%dm", minutes)) + "\n"}}
	}
	r.Why = strings.Join(why, " ")
	return r, true
}

// later is a time after that.
func later(w cause.When) cause.When {
	if w == cause.Immediate {
		return cause.ShortTerm
	}
	return w
}

// comesBack says why closing connections is of no use, as long as the clients
// are as they are; empty where it may help, or help after something else.
func (x *facts) comesBack() string {
	if x.strong(cause.SingleURL) && x.ComesBack(cause.SingleURL) {
		return "The clients know " + x.here + " only, and no server is known to advertise others. With all servers in their list (client-config) they spread as their processes restart."
	}
	return ""
}

// moved reports whether that becomes of clients that are closed, by a root cause that
// is confirmed or likely.
func (x *facts) moved(m cause.Moved) bool {
	return slices.ContainsFunc(cause.All(), func(d cause.Definition) bool { return d.Moved == m && x.strong(d.Code) })
}

// force is the flag without which a rebalance refuses to move clients that come back when
// their processes restart; empty where it takes none, or where something has to come
// first.
func (x *facts) force() string {
	if x.strong(cause.SingleURL) && x.comesBack() == "" && x.loginFirst() == "" && len(x.before()) == 0 {
		return "--force"
	}
	return ""
}

// before are the remedies that have to come before connections are closed.
func (x *facts) before() []string {
	var out []string
	for _, d := range cause.All() {
		if d.First != "" && (x.strong(d.Code) && !x.Cause(d.Code).Past || d.Code == cause.AccountGap && x.losing()) {
			out = append(out, string(d.First))
		}
	}
	return out
}

// losing reports whether a server refuses clients that are to be moved, while others
// take them, or may: it is not why they are where they are, and they may be lost there.
func (x *facts) losing() bool {
	return x.calls(x.Cause(cause.AccountGap)) && len(x.Lost()) > 0
}

// loginFirst says which login has to show that a cause is mended before connections are
// closed; empty where none has to.
func (x *facts) loginFirst() string {
	for _, c := range x.Causes {
		users, by := x.LoginFirst(c.Code)
		if !c.Verdict.Strong() || len(users) == 0 {
			continue
		}
		const shown = 5
		for i, user := range users {
			users[i] = words.Harmless(user)
		}
		names := make([]string, len(by))
		for i, s := range by {
			names[i] = words.Harmless(cmp.Or(s.Name, s.ID))
		}
		return fmt.Sprintf("log in to %s as %s once", words.ListUpTo(shown, names), words.ListUpTo(shown, users))
	}
	return ""
}

// returning says which clients on the server use libraries that shuffle the server that
// closed them in with the others, or may do so; empty where none does.
func (x *facts) returning() string {
	if x.Profile == nil {
		return ""
	}
	known, unknown := false, false
	for _, g := range x.Profile.Languages {
		if library := cause.LibraryOf(g.Key); first(g.Counts) > 0 {
			known = known || !g.Other && library.MayReturn && library.Language != ""
			unknown = unknown || g.Other || library.Language == ""
		}
	}
	switch {
	case known && unknown:
		return "Python and Rust clients, and those of unknown libraries, may choose the same server again: a part comes back."
	case known:
		return "Python and Rust clients may choose the same server again: a part comes back."
	case unknown:
		return "Clients of unknown libraries may choose the same server again: a part may come back."
	}
	return ""
}

// keepItSo is the check in a review, and in monitoring.
func (x *facts) keepItSo() Remedy {
	threshold := ""
	if t := x.ThresholdPercent; t > 0 && t != checks.Defaults().ThresholdPercent {
		threshold = fmt.Sprintf("--threshold %d", t)
	}
	review := x.audit(x.Tool, "audit concentration --review 50", threshold, x.Expect, x.ListFlags)
	r := Remedy{Title: "Look again after changes and every quarter, and let monitoring look",
		Why: "Connections drift back with every rolling restart and new server. The review lists accounts above 50% before they are findings. " +
			"The exit status is 0 without a finding, 1 with one, 2 at or above --critical, 3 if not all could be audited.",
		Commands: []string{review}, Checks: []string{review}}
	// Without what clients are configured with: its paths may be relative, and an audit
	// that only watches needs no cause. The plugin host of nats turns every status into 1, and cron takes % for the
	// end of the command.
	cron := strings.ReplaceAll(x.audit("nats-balance audit concentration --review 50", threshold, x.Expect, "--json --outfile ~/nats-balance/audit.json"), "%", `\%`)
	if x.Plugin {
		r.Why += " As a plugin every status but 0 becomes 1: let monitoring call nats-balance itself."
	}
	if x.Again == "" && x.NoSystem {
		r.Why += " The command audits servers: add --context or --creds, unless a context is selected."
	}
	r.Snippets = []Snippet{{Lang: "cron", Text: "# every Monday, after mkdir -m 700 ~/nats-balance; add what alerts you of a status other than 0\n17 6 * * 1  " + cron + "\n"}}
	if c := x.Cause(cause.SmallAccount); x.strong(c.Code) {
		accepted := fmt.Sprintf("--min-connections %d", max(16, x.f.Connections+1))
		r.Why += " If the concentration of so small an account is accepted, write that down with the limits that are used."
		r.Snippets = append(r.Snippets, Snippet{Lang: "sh", Text: "# Small accounts accepted, findings of 90% critical\n" +
			x.audit(x.Tool, "audit concentration", accepted, "--critical 90", x.Expect) + "\n"})
	}
	return r
}
