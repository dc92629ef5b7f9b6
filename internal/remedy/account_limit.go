package remedy

import (
	"fmt"
	"strings"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/words"
)

// limit is the most connections that the account may have on all servers
// together: the least that a server of the cluster tells. By is that server.
func (x *facts) limit() (most int, by string, ok bool) {
	for _, s := range x.members {
		if n := x.Accounts[s.ID].MaxConnections; n != nil && (!ok || *n < most) {
			most, by, ok = *n, x.label(s), true
		}
	}
	return most, by, ok
}

// refused is the most of the concentrated server's connections that the others
// refuse after its crash, as the account's limit is reached: one that has the
// account counts those of a dead server on until it forgets that server, which
// takes it 2.5 to 4 minutes (nats-server: orphMax, chkOrph). One that does not
// have it yet asks who is there.
func (x *facts) refused() int {
	limit, _, ok := x.limit()
	knows := false
	for _, s := range x.Others {
		knows = knows || x.Accounts[s.ID].Usable == checks.Yes
	}
	if !ok || !knows {
		return 0
	}
	use, _ := x.use(x.f.Account.ID)
	return min(x.f.OnServer, max(0, use+x.f.OnServer-limit))
}

// crash is what the account's limit adds to the forecast, after a blank.
func (x *facts) crash() string {
	n := x.refused()
	if n == 0 {
		return ""
	}
	limit, _, _ := x.limit()
	return fmt.Sprintf(" If it crashes, %s: the limit of %s is %s on all servers together, and for up to 4 minutes they count those of the dead server on.",
		x.elsewhere()+" can refuse "+words.Count(n)+" of them", x.account, words.Plural(limit, "connection"))
}

// raiseLimit is the limits remedy of an account that has a limit in its JWT.
func (x *facts) raiseLimit(limit int, by string) Remedy {
	use, most := x.use(x.f.Account.ID)
	need := roundUp(use + most)
	r := Remedy{Title: fmt.Sprintf("Raise the limit of %s from %s to %s", x.account, words.Count(limit), words.Plural(need, "connection"))}
	why := []string{
		fmt.Sprintf("Its JWT allows %s on all servers together, as %s reports, and it has %s.", words.Plural(limit, "connection"), by, words.Count(use)),
		fmt.Sprintf("If %s crashes, the others count its %s on for up to 4 minutes, and can refuse %s of those that come back; while it shuts down connections can count twice, too (nats-server#7527).",
			x.here, words.Plural(x.f.OnServer, "connection"), words.Count(x.refused())),
		fmt.Sprintf("%s is the use now and the %s of one server again.", words.Count(need), words.Count(most)),
	}
	name, known, ok := x.nscName(x.f.Account)
	if ok {
		r.Commands = []string{fmt.Sprintf("nsc edit account %s --conns %d", option("--name", name), need), "nsc push " + option("--account", name)}
		why = append(why, memoryResolver)
	} else {
		why = append(why, noCommand)
	}
	if !known {
		why = append(why, "ACCOUNT_NAME is the name that nsc has for "+shown(x.f.Account.ID)+".")
	}
	r.Why = strings.Join(why, " ")
	return r
}

// memoryResolver is what to do where nsc push reaches nobody.
const memoryResolver = "With a memory resolver there is nothing to push to: generate the configuration again (nsc generate config --mem-resolver) and reload every server."

// roomToMove says where the account's limit leaves no room for connections that
// count twice while they move; empty where it does.
func (x *facts) roomToMove() []string {
	limit, _, ok := x.limit()
	if !ok { // which spares most findings to go through all reports
		return nil
	}
	use, _ := x.use(x.f.Account.ID)
	room := limit - use
	excess, _ := x.excess()
	switch {
	case room >= excess:
		return nil
	case room < 1:
		return []string{fmt.Sprintf("%s is at its limit of %s: raise that first (limits), or others may take the place of those that are closed.", x.account, words.Plural(limit, "connection"))}
	}
	return []string{fmt.Sprintf("%s has %s left to its limit of %s, and what moves can count twice for a moment: raise that first (limits), or pass --batch %d.",
		x.account, words.Count(room), words.Plural(limit, "connection"), room)}
}

// leafLimit says that the account may not have two more leafnodes, and how it may.
func (x *facts) leafLimit() (why string, commands []string) {
	for _, s := range x.members {
		n := x.Accounts[s.ID].MaxLeafnodes
		if n == nil || *n >= x.f.Leafnodes+2 {
			continue
		}
		why = fmt.Sprintf(" The account's JWT allows %s on all servers together, as %s reports, and it has %s here: raise that first.",
			words.Plural(*n, "leafnode"), x.label(s), words.Count(x.f.Leafnodes))
		if name, _, ok := x.nscName(x.f.Account); ok {
			commands = []string{fmt.Sprintf("nsc edit account %s --leaf-conns %d", option("--name", name), x.f.Leafnodes+2), "nsc push " + option("--account", name)}
		}
		return why, commands
	}
	return "", nil
}

// sameLimit has the account's limit of connections on all servers alike.
func (x *facts) sameLimit(lower []*checks.Server) Remedy {
	r := Remedy{Title: "Raise the limit of " + x.account + " on " + on(lower) + " to that on " + x.here,
		Why: "A limit counts the account's connections on all servers, so that the one with the highest limit is left alone. "}
	if x.Operator {
		r.Why += "Servers that have an old JWT of the account go by the limit in it."
		r.ByHand = "push its JWT to all servers"
		return r
	}
	r.Why += "It is in the account's block of each server's configuration."
	r.ByHand = "compare limits { max_connections } in its block on every server, and reload"
	r.Commands, r.Checks = []string{checkConf, signal("reload")}, []string{checkConf}
	return r
}
