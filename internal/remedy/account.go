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

// limits bounds the account that fills the servers, or else that of the finding.
// What servers have that did not report is unknown: a limit that leaves it out
// would refuse clients.
func (x *facts) limits() (Remedy, bool) {
	if x.Missing > 0 || len(x.d.Missing) > 0 || len(x.LimitedOn()) > 0 { // see sameLimit
		return Remedy{}, false
	}
	if limit, by, ok := x.limit(); ok && x.refused() > 0 {
		return x.raiseLimit(limit, by), true
	}
	a, others := x.filler()
	if !others && x.strong(cause.ServerFull) {
		return Remedy{}, false // others filled the servers, and who they were is not known
	}
	if !others || !x.strong(cause.ServerFull) {
		a, others = x.f.Account, false
	}
	if _, _, limited := x.limit(); a.ID == checks.GlobalAccount || limited && !others {
		return Remedy{}, false
	}
	use, most := x.use(a.ID)
	share := x.evenShare()
	if others {
		share = most
	}
	limit := roundUp(use + share)
	name := shown(cmp.Or(a.Name, a.ID))
	r := Remedy{Title: fmt.Sprintf("Limit %s to %s", name, words.Plural(limit, "connection"))}
	why := []string{"The limit is for the account as a whole, on all servers together: it does not spread connections, but keeps a pool that grows from filling the servers."}
	if others {
		why = append([]string{fmt.Sprintf("%s has most of the connections on the full servers.", name)}, why...)
	}
	why = append(why, fmt.Sprintf("%s is the use now, %s, and the %s of one server again: while a server shuts down, its connections can count twice (nats-server#7527).",
		words.Count(limit), words.Count(use), words.Count(share)))
	if !others && most > share {
		why = append(why, fmt.Sprintf("Set it when the account is spread; until then it takes %s.", words.Count(roundUp(use+most))))
	}
	if x.Operator {
		nsc, known, ok := x.nscName(a)
		switch {
		case !ok:
			why = append(why, noCommand)
		default:
			r.Commands = []string{fmt.Sprintf("nsc edit account %s --conns %d", option("--name", nsc), limit), "nsc push " + option("--account", nsc)}
			why = append(why, memoryResolver)
		}
		if !known {
			why = append(why, "ACCOUNT_NAME is the name that nsc has for "+shown(a.ID)+".")
		}
		r.Why = strings.Join(why, " ")
		return r, true
	}
	if key, ok := confKey(a.ID); ok {
		r.Snippets = []Snippet{{Lang: "nats-server", Text: fmt.Sprintf("accounts {\n  %s {\n    limits { max_connections: %d }\n  }\n}\n", key, limit)}}
		r.ByHand = fmt.Sprintf("set limits { max_connections: %d } in its block on every server, and reload", limit)
		r.Commands, r.Checks = []string{checkConf, signal("reload")}, []string{checkConf}
		why = append(why, "Put it into the account's block, on every server.")
	} else {
		why = append(why, "The name of the account can't be written in a configuration as it is.")
	}
	r.Why = strings.Join(why, " ")
	return r, true
}

// use is how many connections an account has on all servers of all clusters, and
// the most on one.
func (x *facts) use(id string) (all, most int) {
	at := slices.IndexFunc(x.d.Accounts, func(a checks.Account) bool { return a.ID == id })
	for _, s := range x.d.Servers {
		for _, u := range s.Usage { // of every account: numbers are compared, not ids
			if int(u.Account) == at {
				all += int(u.Connections)
				most = max(most, int(u.Connections))
			}
		}
	}
	if id == x.f.Account.ID {
		return max(all, x.f.Connections), max(most, x.f.OnServer)
	}
	return all, most
}

// nscName is an account as nsc knows it; a placeholder where only its key is
// known.
func (x *facts) nscName(a checks.Account) (name string, known, ok bool) {
	if a.Name == "" || a.Name == a.ID {
		return "ACCOUNT_NAME", false, true
	}
	return a.Name, true, pasteable(a.Name)
}

// accountEverywhere puts the account on the servers that lack it.
func (x *facts) accountEverywhere() Remedy {
	var without []*checks.Server
	expired := false
	for _, s := range x.Others {
		if known := x.Accounts[s.ID]; known.Usable == checks.No {
			without = append(without, s)
			expired = expired || known.Expired
		}
	}
	if users, by := x.RefusedUsers(); len(without) == 0 && len(users) > 0 && !x.Operator {
		return x.usersEverywhere(users, by)
	}
	where := "every server"
	if len(without) > 0 {
		where = on(without)
	}
	r := Remedy{Title: "Put " + x.account + " on " + where}
	why := []string{"Its clients can't connect there, so they are on " + x.here + ", and fail with it."}
	if !x.strong(cause.AccountGap) {
		why = []string{"Its clients can't connect there: those that try may be lost where their library gives up."}
	}
	if x.Operator {
		nsc, known, ok := x.nscName(x.f.Account)
		if ok {
			if expired {
				r.Commands = append(r.Commands, fmt.Sprintf("nsc edit account %s --expiry 1y", option("--name", nsc)))
				why = append(why, "Its JWT has expired.")
			}
			r.Commands = append(r.Commands, "nsc push "+option("--account", nsc), "nsc push --diff")
			r.Checks = []string{"nsc push --diff"}
		} else {
			why = append(why, noCommand)
		}
		if !known {
			why = append(why, "ACCOUNT_NAME is the name that nsc has for "+shown(x.f.Account.ID)+".")
		}
		why = append(why, "The last command shows what the servers have. A resolver of type full on each server keeps them alike.")
		r.Snippets = []Snippet{{Lang: "nats-server", Text: "resolver { type: full, dir: \"/var/lib/nats/jwt\" }\n"}}
		r.Why = strings.Join(why, " ")
		return r
	}
	if key, ok := confKey(x.f.Account.ID); ok {
		r.Snippets = []Snippet{{Lang: "nats-server", Text: fmt.Sprintf("accounts {\n  %s {\n    # users, exports, imports, jetstream and limits: as on %s\n  }\n}\n", key, x.label(x.Server))}}
	} else {
		why = append(why, "The name of the account can't be written in a configuration as it is: copy its block.")
	}
	why = append(why, "Check the file and reload, on each of them. One file for all servers of the cluster keeps them alike.", loginShows)
	r.ByHand = "copy its block in accounts { } from " + x.here + " there, and reload"
	r.Commands, r.Checks = []string{checkConf, signal("reload")}, []string{checkConf}
	r.Why = strings.Join(why, " ")
	return r
}

// loginShows is what it takes after that, as nothing else shows that a user is taken.
const loginShows = "Then log in to each once as such a user: a rebalance is refused for logins that failed until one succeeds."

// usersEverywhere puts users on servers that know the account, and not them.
func (x *facts) usersEverywhere(users []string, without []*checks.Server) Remedy {
	var names []string
	for _, u := range users {
		names = append(names, shown(u))
	}
	who, they := "user "+words.Few(names), "This user"
	if len(users) > 1 {
		who, they = "users "+words.Few(names), "These users"
	}
	r := Remedy{Title: "Put the " + who + " of " + x.account + " on " + on(without)}
	r.Why = they + " can't log in there, so the clients are on " + x.here + ", and fail with it."
	if !x.strong(cause.AccountGap) {
		r.Why = they + " can't log in there: clients that try may be lost where their library gives up."
	}
	r.Why += " The account itself is there. Check the file and reload, on each of them. One file for all servers of the cluster keeps them alike. " + loginShows
	r.ByHand = "copy the entry in users [ ] from " + x.here + " there, with the same password or key, and reload"
	r.Commands, r.Checks = []string{checkConf, signal("reload")}, []string{checkConf}
	return r
}
