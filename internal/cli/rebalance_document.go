package cli

import (
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/natsconn"
	balance "github.com/nats-balance/nats-balance/internal/rebalance"
	"github.com/nats-balance/nats-balance/internal/report"
)

// document is what was planned.
func (r *rebalance) document(s *assessment, nc *nats.Conn) *report.Rebalance {
	p := s.plan
	doc := &report.Rebalance{
		Tool: report.Tool{Name: "nats-balance", Version: Version()}, Time: time.Now(),
		Source:  report.Source{Kind: "system-account", Detail: fmt.Sprintf("%s, server %s", natsconn.ShownURL(nc.ConnectedUrl()), nc.ConnectedServerName())},
		Account: report.Account{ID: s.account.ID, Name: s.account.Name}, Cluster: s.cluster,
		Given: report.RebalanceParameters{Apply: r.apply, Force: r.force, Rate: r.rate, Batch: r.batch, MaxMoves: r.limit},
		Plan: report.RebalancePlan{Connections: p.Connections, EvenShare: p.Even, Excess: p.Excess, Moves: len(p.Moves),
			DurationS: p.Takes(r.rate, r.batch).Seconds(), LimitedBy: p.Short},
		Notes: s.notes, Warnings: s.warnings, Outcome: "planned",
	}
	for _, refusal := range s.refusals {
		doc.Refusals = append(doc.Refusals, report.Refusal{Code: string(refusal.Code), Text: refusal.Text})
	}
	var before, predicted report.Spread
	for i, m := range p.Servers {
		if s.outlook.AllReturn {
			m.Predicted = float64(m.Held)
		}
		doc.Servers = append(doc.Servers, report.RebalanceServer{Server: m.Name, ID: m.ID, Connections: m.Connections, Limit: m.Limit,
			Room: m.Room, Before: m.Held, Moves: m.Moves, Predicted: m.Predicted})
		if i == 0 || float64(m.Held) > before.OnServer {
			before = report.SpreadOf(m.Name, float64(m.Held), p.Connections)
		}
		if i == 0 || m.Predicted > predicted.OnServer {
			predicted = report.SpreadOf(m.Name, m.Predicted, p.Connections)
		}
	}
	doc.Before, doc.Predicted = before, predicted
	for _, m := range p.Moves {
		move := report.RebalanceMove{Server: m.ServerName, ServerID: m.Server, CID: m.ID, Name: m.Name, Language: m.Language, Protocol: m.Protocol,
			IdleS: m.Idle.Seconds(), Subscriptions: m.Subscriptions, PendingBytes: m.Pending, MayReturn: m.MayReturn, Outcome: "planned"}
		if !m.Start.IsZero() {
			start := m.Start.UTC().Truncate(time.Millisecond)
			move.Start = &start
		}
		doc.Moves = append(doc.Moves, move)
	}
	switch {
	case len(s.refusals) > 0 && (s.final || !r.force):
		doc.Outcome = "refused"
	case p.Excess == 0:
		doc.Outcome = "nothing-to-do"
	case len(p.Moves) == 0:
		doc.Outcome = "refused"
		doc.Refusals = append(doc.Refusals, report.Refusal{Code: string(balance.NoMoves), Text: "There is no connection that can be moved: " + strings.Join(p.Short, "; ") + "."})
	}
	if doc.Outcome != "refused" {
		for i := range doc.Refusals {
			doc.Refusals[i].Overridden = true
		}
	}
	return doc
}

// recordRun adds what was done.
func recordRun(doc *report.Rebalance, run balance.Run) {
	for i, m := range run.Moves {
		to := &doc.Moves[i]
		to.Outcome = string(m.Outcome)
		if m.Why != "" {
			to.Why = &m.Why
		}
		if m.Batch > 0 {
			to.Batch = &m.Batch
		}
	}
	for _, b := range run.Batches {
		doc.Batches = append(doc.Batches, report.RebalanceBatch{Kicked: b.Kicked, Gone: b.Gone, Failed: b.Failed, Returned: b.Returned,
			ExpectedReturned: float64(int(b.Expected*10+0.5)) / 10, Late: b.Late, TookS: b.Took.Round(time.Millisecond).Seconds()})
	}
	doc.Missing = run.Missing
	if run.Stop != nil {
		doc.Outcome, doc.Stop = "stopped", &report.RebalanceStop{Code: string(run.Stop.Code), Text: run.Stop.Text}
	}
}

// judgeAfter adds how the connections are spread now, and says what that is.
func judgeAfter(doc *report.Rebalance, s *assessment, d *checks.Deployment) (outcome string) {
	total := 0
	most, name := -1, ""
	for i := range d.Servers {
		server := &d.Servers[i]
		if server.Cluster != s.cluster {
			continue
		}
		n := balance.Held(d, server, s.account.ID)
		total += n
		if n > most {
			most, name = n, server.Name
		}
		for k := range doc.Servers {
			if doc.Servers[k].ID == server.ID {
				doc.Servers[k].After = &n
			}
		}
	}
	if most >= 0 {
		after := report.SpreadOf(name, float64(most), total)
		doc.After = &after
	}
	doc.Missing = min(doc.Missing, max(0, doc.Before.Connections-total))
	p := checks.Defaults()
	p.Accounts, p.Clusters = []string{s.account.ID}, []string{s.cluster}
	result := checks.CheckConcentration(d, p)
	switch {
	case doc.Stop != nil: // that is why, whatever else is so
		return "stopped"
	case result.Outcome == checks.OutcomeIncomplete:
		doc.Stop = &report.RebalanceStop{Code: "not-audited", Text: "Not all servers reported afterwards."}
		return "stopped"
	case doc.After != nil && doc.After.SharePercent > doc.Before.SharePercent:
		doc.Stop = &report.RebalanceStop{Code: string(balance.StopWorse), Text: "The most on one server is more than before."}
		return "stopped"
	case doc.Missing > 0:
		doc.Stop = &report.RebalanceStop{Code: string(balance.StopNotReconnected), Text: "Not all clients that were disconnected are back."}
		return "stopped"
	case len(result.Findings) > 0:
		return "finding"
	}
	return "balanced"
}

func lowerTrimmed(s string) string { return strings.ToLower(strings.TrimSpace(s)) }
