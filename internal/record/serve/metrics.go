package serve

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/nats-balance/nats-balance/internal/words"
)

// metric is one of a watch: its description, and whether it only grows.
type metric struct {
	desc    *prometheus.Desc
	counter bool
}

// collector collects a state at every scrape. Series are bounded: those of accounts
// by the state's own bound.
type collector struct {
	state func() State

	single  map[string]metric
	account map[string]metric
}

func newCollector(state func() State) *collector {
	c := &collector{state: state, single: map[string]metric{}, account: map[string]metric{}}
	name := func(s string) string { return "nats_balance_watch_" + s }
	add := func(to map[string]metric, s, help string, counter bool, labels ...string) {
		to[s] = metric{prometheus.NewDesc(name(s), help, labels, nil), counter}
	}
	for s, help := range map[string]string{
		"connected":                             "Whether the servers' events come in.",
		"leader":                                "Whether this watch records; others stand by.",
		"last_reconciliation_timestamp_seconds": "When the last full report of all servers came.",
		"servers":                               "Servers that report.",
		"servers_missing":                       "Servers that do not report, or are down.",
		"accounts":                              "Accounts with a client or leafnode connection, without the system account.",
		"connections":                           "Client connections of all accounts but the system account.",
		"findings":                              "Accounts in clusters that were above the threshold for as long as --for says.",
		"leaning":                               "Accounts in clusters that are above the threshold, findings included.",
		"verdicts_unknown":                      "Accounts in clusters of which it is unknown whether they are above the threshold, as it depends on servers that do not report.",
		"series_left_out":                       "Accounts in clusters that have no series of their own, to keep their number small.",
		"store_queued":                          "Changes that wait to be written.",
		"store_failing":                         "Whether what changes can't be written now.",
	} {
		add(c.single, s, help, false)
	}
	for s, help := range map[string]string{
		"events_total":          "Events of servers that were read.",
		"events_bad_total":      "Events that no server sends.",
		"events_stale_total":    "Events that came after a later one of the same server.",
		"events_lost_total":     "Events that are known to be lost.",
		"refused_total":         "Connections that servers refused.",
		"reconciliations_total": "Full reports of all servers.",
		"corrected_total":       "Counts in which a full report differed.",
		"store_lost_total":      "Changes that could not be written.",
	} {
		add(c.single, s, help, true)
	}
	for s, help := range map[string]string{
		"account_connections":                "Client connections of the account in the cluster.",
		"account_share_ratio":                "Part of them that is on one server, the largest.",
		"account_finding":                    "Whether the account is a finding.",
		"account_leaning_since_seconds":      "Since when it is above the threshold on the server that it leans to, as a timestamp; 0 where it is not.",
		"account_leaning_not_before_seconds": "From when on that may have begun, as a timestamp: as since where that was seen, 0 where it may have been at any time.",
	} {
		add(c.account, s, help, false, "account", "account_id", "cluster")
	}
	return c
}

// Describe implements prometheus.Collector.
func (c *collector) Describe(to chan<- *prometheus.Desc) {
	for _, all := range []map[string]metric{c.single, c.account} {
		for _, m := range all {
			to <- m.desc
		}
	}
}

// Collect implements prometheus.Collector.
func (c *collector) Collect(to chan<- prometheus.Metric) {
	s := c.state()
	send := func(m metric, v float64, labels ...string) {
		kind := prometheus.GaugeValue
		if m.counter {
			kind = prometheus.CounterValue
		}
		to <- prometheus.MustNewConstMetric(m.desc, kind, v, labels...)
	}
	findings := 0
	since, notBefore, finding := map[[2]string]float64{}, map[[2]string]float64{}, map[[2]string]bool{}
	for _, o := range s.Over {
		k := [2]string{o.Spread.Account.ID, o.Cluster}
		since[k], finding[k] = float64(o.Since.Unix()), o.Finding
		b := o.Beginning()
		if from, known := b.Earliest(); known {
			notBefore[k] = float64(from.Unix())
		} else if b.Seen() {
			notBefore[k] = since[k]
		}
		if o.Finding {
			findings++
		}
	}
	// Two names may look alike once they are harmless. Prometheus takes no series twice.
	labels, leftOut := make([][]string, len(s.Spreads)), s.LeftOut
	series := map[[3]string]bool{}
	for i, x := range s.Spreads {
		k := [3]string{words.Harmless(x.Account.Name), words.Harmless(x.Account.ID), words.Harmless(x.Cluster)}
		if series[k] {
			leftOut++
			continue
		}
		series[k], labels[i] = true, k[:]
	}
	reconciled := 0.0
	if !s.Reconciled.IsZero() {
		reconciled = float64(s.Reconciled.Unix())
	}
	for name, v := range map[string]float64{
		"connected": number(s.Connected), "leader": number(s.Leader), "last_reconciliation_timestamp_seconds": reconciled,
		"servers": float64(s.Totals.Servers), "servers_missing": float64(len(s.Missing)), "accounts": float64(s.Totals.Accounts),
		"connections": float64(s.Totals.Connections), "findings": float64(findings), "leaning": float64(len(s.Over)),
		"verdicts_unknown": float64(s.Unknown), "series_left_out": float64(leftOut), "store_queued": float64(s.Store.Queued), "store_failing": number(s.Store.Err != nil),
		"events_total": float64(s.Counters.Events), "events_bad_total": float64(s.Counters.Bad), "events_stale_total": float64(s.Counters.Stale),
		"events_lost_total": float64(s.Counters.Lost), "refused_total": float64(s.Counters.Refused), "reconciliations_total": float64(s.Counters.Reconciliations),
		"corrected_total": float64(s.Counters.Corrected), "store_lost_total": float64(s.Store.Lost),
	} {
		send(c.single[name], v)
	}
	for i, x := range s.Spreads {
		if labels[i] == nil {
			continue
		}
		k, labels := [2]string{x.Account.ID, x.Cluster}, labels[i]
		send(c.account["account_connections"], float64(x.Connections), labels...)
		send(c.account["account_share_ratio"], float64(x.Top().Connections)/float64(max(1, x.Connections)), labels...)
		send(c.account["account_finding"], number(finding[k]), labels...)
		send(c.account["account_leaning_since_seconds"], since[k], labels...)
		send(c.account["account_leaning_not_before_seconds"], notBefore[k], labels...)
	}
}

func number(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}
