package system

import (
	"context"
	"strings"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/source"
	"github.com/nats-balance/nats-balance/internal/sysreq"
	"github.com/nats-balance/nats-balance/internal/wire"
)

// accountsOn asks the servers of each suspect's cluster whether they know its
// account. The result has every one of them, by id. It returns as [details]
// does; a server that has not answered by then is Unknown.
//
// A server answers from the accounts that it has loaded; being asked it does
// not load one. With accounts from its configuration these are all there are.
// In operator mode it loads an account when it first needs it: that it does not
// know one says nothing about whether its resolver would find it, and is
// Unknown, too.
func accountsOn(ctx context.Context, c *sysreq.Client, d *checks.Deployment, of []source.Suspect) map[source.Suspect]map[string]checks.AccountOn {
	out := map[source.Suspect]map[string]checks.AccountOn{}
	var suspects []source.Suspect // by question
	var questions []sysreq.Question
	for _, s := range of {
		if out[s] != nil {
			continue
		}
		out[s] = map[string]checks.AccountOn{}
		for i := range d.Servers {
			if d.Servers[i].Cluster == s.Cluster {
				out[s][d.Servers[i].ID] = source.Unknown("it did not answer in time")
			}
		}
		switch {
		case len(out[s]) == 0:
		case s.Account == "" || strings.ContainsAny(s.Account, " \t\r\n.*>"):
			for id := range out[s] {
				out[s][id] = source.Unknown("it can't be asked for an account of that name")
			}
		default:
			suspects = append(suspects, s)
			questions = append(questions, sysreq.Question{
				Subject: sysreq.AccountInfo(s.Account), Body: sysreq.Filter{Cluster: d.Reported(s.Cluster), Exact: true}, Replies: len(out[s])})
		}
	}
	dec := wire.NewDecoder()
	heard := make([]map[string]bool, len(questions))
	refused, err := c.AskAll(ctx, questions, source.Patience(ctx), func(a sysreq.Answer) bool {
		s := suspects[a.Question]
		body, err := dec.Reply(a.Message)
		if err != nil {
			return false
		}
		info, err := wire.DecodeAccountInfo(body)
		from := info.From.ID
		if _, asked := out[s][from]; !asked || heard[a.Question][from] {
			return false
		}
		if heard[a.Question] == nil {
			heard[a.Question] = map[string]bool{}
		}
		heard[a.Question][from] = true
		on, err := source.AccountOn(info, err, s.Account)
		if err != nil {
			on = source.Unknown("its answer can't be used: " + err.Error())
		}
		out[s][from] = on
		return true
	})
	for i, s := range suspects {
		var why string
		switch {
		case err != nil:
			why = "it can't be asked: " + err.Error()
		case refused.Of("INFO") != nil:
			why = "not allowed to ask: " + refused.Of("INFO").Violation
		default:
			continue
		}
		for id := range out[s] {
			if !heard[i][id] {
				out[s][id] = source.Unknown(why)
			}
		}
	}
	return out
}
