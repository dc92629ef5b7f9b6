package report

import (
	"cmp"
	"io"
	"maps"
	"slices"
	"strings"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/words"
)

// rowsExposed is how many accounts, or servers, get series of their own.
const rowsExposed = 100

// writePrometheus writes the document in the text format of Prometheus, for the
// node exporter's textfile collector: gauges only, shares from 0 to 1. Series
// of accounts are bounded: findings first, then the largest shares; a gauge
// says how many were left out. The shares of accounts that are neither take
// [checks.Parameters.All].
func writePrometheus(w io.Writer, doc *Document) error {
	e := exposition{common: labelPairs{"check", doc.Check.Code}}
	e.run(doc.Tool, doc.Source, doc.Outcome, float64(doc.Time.Unix()), doc.Coverage)
	e.add("findings", "Findings of the last audit.", float64(len(doc.Findings)))
	e.add("findings_critical", "Findings at or above the critical percentage.", float64(criticals(doc)))
	e.add("findings_accepted", "Findings that are accepted, and not among the others.", float64(len(doc.Accepted)))
	if b := doc.Baseline; b != nil {
		for _, c := range []struct {
			change string
			n      int
		}{{"new", len(b.New)}, {"worse", len(b.Worse)}, {"better", len(b.Better)}, {"gone", len(b.Gone)}, {"unknown", len(b.Unknown)}, {"unchanged", b.Unchanged}} {
			e.add("baseline_findings", "Findings by how they differ from those of the baseline.", float64(c.n), "change", c.change)
		}
	}
	e.add("open", "What a missing server decides: account-cluster pairs, or clusters.", float64(len(doc.open)+doc.moreOpen))
	e.add("review", "Account-cluster pairs above the review percentage that are not a finding.", float64(doc.Summary.Review))
	e.add("evaluated", "What was checked: account-cluster pairs, or clusters.", float64(doc.Summary.Evaluated))
	e.add("threshold_ratio", "A server with more than this part of an account's connections is a finding.", float64(doc.Parameters.ThresholdPercent)/100)
	e.add("connections", "Client connections of all accounts but the system account.", float64(doc.Summary.Connections))
	e.add("accounts", "Accounts with at least one client or leafnode connection.", float64(doc.Summary.Accounts))

	e.causes(doc)
	bound := bounded{}
	byServer := doc.byServer()
	for i, r := range doc.judged() {
		of := labelPairs{"account", cmp.Or(r.Account.Name, r.Account.ID), "account_id", r.Account.ID, "cluster", r.Cluster}
		if !bound.take(of) {
			continue
		}
		e.add("account_share_ratio", "Part of the account's client connections in the cluster that are on one server, the largest.", r.share(), of...)
		e.add("account_connections", "Client connections of the account in the cluster.", float64(r.Connections), of...)
		shown := byServer[r.place()]
		if !slices.Contains([]string{string(checks.Found), string(checks.Critical), string(checks.Review)}, r.Verdict) {
			shown = nil
		}
		for _, c := range shown {
			e.add("account_server_connections", "Client connections of an account that is a finding or to review, by server.", float64(c.Connections),
				append(slices.Clone(of), "server", c.Server.called(), "server_id", c.Server.ID)...)
		}
		priority, cause := "", ""
		if i < len(doc.Findings) { // which come first
			priority, cause = doc.Findings[i].Priority, doc.cause(doc.Findings[i])
		}
		e.add("account_info", "The server with most of the account's connections, the verdict, and of a finding its priority and the cause of its group, always 1.", 1,
			append(of, "server", r.Server.called(), "verdict", r.Verdict, "priority", priority, "cause", cause)...)
	}
	e.add("series_left_out", "Accounts, or servers, checked that have no series of their own, to keep their number small.", float64(bound.left))
	return e.write(w)
}

// causes adds what the groups come to by cluster, server and cause.
func (e *exposition) causes(doc *Document) {
	type of struct{ cluster, server, cause string }
	findings, connections := map[of]int{}, map[of]int{}
	var order []of
	for _, f := range doc.Findings {
		key := of{f.Cluster, f.Server.called(), doc.cause(f)}
		if findings[key] == 0 {
			order = append(order, key)
		}
		findings[key]++
		connections[key] += f.OnServer
	}
	for _, key := range order[:min(len(order), rowsExposed)] {
		labels := labelPairs{"cluster", key.cluster, "server", key.server, "cause", key.cause}
		e.add("cause_findings", "Findings by server and cause.", float64(findings[key]), labels...)
		e.add("cause_connections", "Client connections on the server of the findings with this cause.", float64(connections[key]), labels...)
	}
}

// serverSeries is about how many series by account and server there are.
const serverSeries = 2000

// serverCount is what a server has.
type serverCount struct {
	Server      ServerRef
	Connections int
}

// byServer returns the connections of findings and of what is to be reviewed by
// server, bounded.
func (doc *Document) byServer() map[place][]serverCount {
	wanted := map[string]int{} // ids of accounts
	for _, f := range doc.Findings[:min(len(doc.Findings), rowsExposed)] {
		wanted[f.Account.ID] = -1
	}
	for _, r := range doc.Review[:min(len(doc.Review), rowsExposed)] {
		wanted[r.Account.ID] = -1
	}
	d := doc.matrix.deployment
	ids := make([]string, len(d.Accounts)) // of wanted accounts
	for i, a := range d.Accounts {
		if id := words.Harmless(a.ID); wanted[id] != 0 {
			ids[i] = id
		}
	}
	servers := map[string]*checks.Server{}
	for i := range d.Servers {
		servers[d.Servers[i].ID] = &d.Servers[i]
	}
	out, series := map[place][]serverCount{}, 0
	for _, c := range doc.matrix.clusters {
		counts := map[string]map[string]int{} // by account and server
		for _, s := range c.Servers {
			if s.Connections == nil {
				continue
			}
			for _, u := range servers[s.Server.ID].Usage {
				if id := ids[u.Account]; id != "" && u.Connections > 0 {
					if counts[id] == nil {
						counts[id] = map[string]int{}
					}
					counts[id][s.Server.ID] = int(u.Connections)
				}
			}
		}
		for _, id := range slices.Sorted(maps.Keys(counts)) {
			if series += len(c.Servers); series > serverSeries {
				return out
			}
			at := place{id, words.Harmless(c.Name)}
			for _, s := range c.Servers {
				if s.Connections != nil {
					out[at] = append(out[at], serverCount{serverRef(s.Server), counts[id][s.Server.ID]})
				}
			}
		}
	}
	return out
}

// cause is that of a finding's group.
func (doc *Document) cause(f Finding) string {
	return cmp.Or(deref(doc.Groups[f.Group].Cause), "unknown")
}

// writeHotspotsPrometheus writes the document of hotspots as [writePrometheus] does.
func writeHotspotsPrometheus(w io.Writer, doc *Hotspots) error {
	e := exposition{common: labelPairs{"check", doc.Check.Code}}
	e.run(doc.Tool, doc.Source, doc.Outcome, float64(doc.Time.Unix()), doc.Coverage)
	e.add("findings", "Findings of the last audit.", float64(len(doc.Findings)))
	e.add("open", "What a missing server decides: account-cluster pairs, or clusters.", float64(doc.Summary.Open))
	e.add("evaluated", "What was checked: account-cluster pairs, or clusters.", float64(doc.Summary.Evaluated))
	units := words.UpperFirst(doc.measure.Unit) + "s"
	e.add(doc.measure.Noun+"s", units+" of all accounts but the system account.", float64(doc.Summary.Connections))
	bound := bounded{}
	for _, s := range doc.loaded() {
		of := labelPairs{"cluster", s.cluster, "server", cmp.Or(deref(s.Name), deref(s.ID)), "server_id", deref(s.ID)}
		if !bound.take(of) {
			continue
		}
		e.add("server_load_ratio", "Load of the server, as the check counts it, by the average of its cluster, 1 where even.", s.times, of...)
		e.add("server_"+doc.measure.Noun+"s", units+" of the server.", float64(*s.Connections), of...)
		e.add("server_info", "The verdict on the server, always 1.", 1, append(of, "verdict", s.Verdict)...)
	}
	e.add("series_left_out", "Accounts, or servers, checked that have no series of their own, to keep their number small.", float64(bound.left))
	return e.write(w)
}

// loadedServer is a server with how many times the average it has.
type loadedServer struct {
	HotspotServer
	cluster string
	times   float64
}

// loaded are the servers judged that reported, the most loaded first.
func (doc *Hotspots) loaded() []loadedServer {
	var out []loadedServer
	for _, c := range doc.Clusters {
		for _, s := range c.Servers {
			judged := slices.Contains([]string{string(checks.Pass), string(checks.Found), string(checks.Incomplete)}, s.Verdict)
			if judged && s.Connections != nil {
				times := float64(*s.Connections) * float64(len(c.Servers)) / float64(max(1, c.Connections))
				out = append(out, loadedServer{s, c.Name, times})
			}
		}
	}
	slices.SortStableFunc(out, func(a, b loadedServer) int { return cmp.Compare(b.times, a.times) })
	return out
}

// bounded keeps the number of series small, and each of them single: names
// that were shortened may be the same, and twice the same series would spoil
// the whole file.
type bounded struct {
	seen map[string]bool
	left int
}

func (b *bounded) take(of labelPairs) bool {
	key := strings.Join(of, "\x00")
	if b.seen[key] || len(b.seen) == rowsExposed {
		b.left++
		return false
	}
	if b.seen == nil {
		b.seen = map[string]bool{}
	}
	b.seen[key] = true
	return true
}

// labelPairs are names and values in turn.
type labelPairs []string

// exposition is what is written; every series has the common labels too.
type exposition struct {
	common   labelPairs
	families []*dto.MetricFamily
}

// run tells of the audit as a whole.
func (e *exposition) run(tool Tool, source Source, outcome string, at float64, c Coverage) {
	e.add("info", "The program and where its data came from, always 1.", 1, "version", tool.Version, "source", source.Kind)
	e.add("last_run_timestamp_seconds", "When the audit was made, in seconds since 1970.", at)
	for _, o := range []checks.Outcome{checks.OutcomePass, checks.OutcomeFinding, checks.OutcomeCritical, checks.OutcomeIncomplete, checks.OutcomeNotJudged} {
		e.add("outcome", "Whether this is the outcome of the last audit.", truth(string(o) == outcome), "outcome", string(o))
	}
	e.add("coverage_complete", "Whether every server reported.", truth(c.Complete))
	e.add("servers_expected", "Servers there should be.", float64(c.ServersExpected))
	e.add("servers_answered", "Servers that reported.", float64(c.ServersAnswered))
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// add adds a series to a family, which it begins where it is new.
func (e *exposition) add(name, help string, value float64, of ...string) {
	name = "nats_balance_" + name
	at := slices.IndexFunc(e.families, func(f *dto.MetricFamily) bool { return f.GetName() == name })
	if at < 0 {
		at = len(e.families)
		e.families = append(e.families, &dto.MetricFamily{Name: &name, Help: &help, Type: dto.MetricType_GAUGE.Enum()})
	}
	m := &dto.Metric{Gauge: &dto.Gauge{Value: &value}}
	for pair := range slices.Chunk(append(slices.Clone(e.common), of...), 2) {
		m.Label = append(m.Label, &dto.LabelPair{Name: &pair[0], Value: &pair[1]})
	}
	e.families[at].Metric = append(e.families[at].Metric, m)
}

func (e *exposition) write(w io.Writer) error {
	for _, f := range e.families {
		if _, err := expfmt.MetricFamilyToText(w, f); err != nil {
			return err
		}
	}
	return nil
}
