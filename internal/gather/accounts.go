package gather

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/words"
)

const subjectInfo = "$SYS.REQ.ACCOUNT.%s.INFO" // account id

// AccountsOn asks the servers of each suspect's cluster whether they know its
// account. The result has every one of them, by id. It returns as [Details]
// does; who was not heard by then is Unknown. The connection must be one to the
// system account, and not be used by another function of this package at the
// same time: [Examine] asks for profiles, too.
//
// A server answers from the accounts that it has loaded; being asked it does
// not load one. With accounts from its configuration these are all there are.
// In operator mode it loads an account when it first needs it: that it does not
// know one says nothing about whether its resolver would find it, and is
// Unknown, too.
func AccountsOn(ctx context.Context, nc *nats.Conn, d *checks.Deployment, of []Suspect) map[Suspect]map[string]checks.AccountOn {
	w, stop := watch(nc)
	defer stop()
	return accountsOn(ctx, nc, w, d, of)
}

func accountsOn(ctx context.Context, nc *nats.Conn, w *refusals, d *checks.Deployment, of []Suspect) map[Suspect]map[string]checks.AccountOn {
	out := map[Suspect]map[string]checks.AccountOn{}
	var suspects []Suspect // by question
	var questions []question
	for _, s := range of {
		if out[s] != nil {
			continue
		}
		out[s] = map[string]checks.AccountOn{}
		for i := range d.Servers {
			if d.Servers[i].Cluster == s.Cluster {
				out[s][d.Servers[i].ID] = unknown("it did not answer in time")
			}
		}
		switch {
		case len(out[s]) == 0:
		case s.Account == "" || strings.ContainsAny(s.Account, " \t\r\n.*>"):
			for id := range out[s] {
				out[s][id] = unknown("it can't be asked for an account of that name")
			}
		default:
			body, _ := json.Marshal(filter{Cluster: s.Cluster, Exact: true}) // a plain struct: can't fail
			suspects = append(suspects, s)
			questions = append(questions, question{subject: fmt.Sprintf(subjectInfo, s.Account), body: body, kind: "INFO", replies: len(out[s])})
		}
	}
	dec := newDecoder()
	heard := make([]map[string]bool, len(questions))
	refused, err := askAll(ctx, nc, w, questions, func(a answer) bool {
		s := suspects[a.question]
		body, err := dec.whole(a.message)
		if err != nil {
			return false
		}
		from, on, err := decodeInfo(body, s.Account)
		if _, asked := out[s][from]; !asked || heard[a.question][from] {
			return false
		}
		if heard[a.question] == nil {
			heard[a.question] = map[string]bool{}
		}
		heard[a.question][from] = true
		if err != nil {
			on = unknown("its answer can't be used: " + err.Error())
		}
		out[s][from] = on
		return true
	})
	for i, s := range suspects {
		var why string
		switch violation := cmp.Or(refused["INFO"], refused[everything]); {
		case violation != "":
			why = "not allowed to ask: " + violation
		case err != nil:
			why = "it can't be asked: " + err.Error()
		default:
			continue
		}
		for id := range out[s] {
			if !heard[i][id] {
				out[s][id] = unknown(why)
			}
		}
	}
	return out
}

// unknown is the state of an account that a server did not tell, and why.
func unknown(why string) checks.AccountOn {
	return checks.AccountOn{Usable: checks.Unknown, Detail: cut(why)}
}

// decodeInfo reads a server's answer to whether it knows an account. It says
// who answered as far as that could be read, also with an error.
func decodeInfo(body []byte, account string) (from string, _ checks.AccountOn, _ error) {
	var reply struct {
		Server identity `json:"server"`
		Data   *struct {
			Account  string `json:"account_name"`
			Expired  bool   `json:"expired"`
			Complete bool   `json:"complete"`
			// In operator mode only; read apart, not to lose the rest for it.
			Claims json.RawMessage `json:"decoded_jwt"`
		} `json:"data"`
		Error *errorReply `json:"error"`
	}
	if err := json.Unmarshal(body, &reply); err != nil {
		return reply.Server.ID, checks.AccountOn{}, err
	}
	on := checks.AccountOn{Usable: checks.Yes, Detail: "it knows the account"}
	switch e := reply.Error; {
	case e != nil && !strings.Contains(e.Description, "does not exist"):
		on = unknown(e.Error())
	case e != nil && nkeys.IsValidPublicAccountKey(account):
		on = unknown("it has not loaded the account, which a server in operator mode does when it needs it")
	case e != nil:
		on = checks.AccountOn{Usable: checks.No, Detail: cut(e.Description)}
	case reply.Data == nil || reply.Data.Account != account:
		on = unknown("it answered something else")
	case reply.Data.Expired && !reply.Data.Complete:
		// A placeholder for an account that others refer to.
		on = unknown("it has not loaded the account, which a server in operator mode does when it needs it")
	case reply.Data.Expired:
		on = checks.AccountOn{Usable: checks.No, Expired: true, Detail: "the account has expired there"}
	default:
		on.MaxConnections, on.MaxLeafnodes = limitsOf(reply.Data.Claims, account)
	}
	return reply.Server.ID, on, nil
}

// cut bounds what a server says to two of the longest ids and a sentence.
func cut(s string) string { return words.Cut(s, 256) }
