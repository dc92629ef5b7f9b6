package report

import (
	"bufio"
	"cmp"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/words"
)

// matrix is what CSV is made of besides the document.
type matrix struct {
	deployment *checks.Deployment
	clusters   []checks.ClusterUse
	rows       []checks.Row
	wanted     []string
	services   map[pair][]Service
	open       []string // clusters where an account may be on a missing server
}

func matrixOf(in Input) matrix {
	return matrix{deployment: in.Deployment, clusters: in.Result.Clusters, rows: in.Result.Rows, wanted: in.Parameters.Accounts,
		open: in.Result.OpenClusters}
}

// pair is an account in a cluster; in one without a name, on its only server.
type pair struct{ account, cluster, server string }

func pairOf(account, cluster, server string) pair {
	if cluster != "" {
		server = ""
	}
	return pair{account, cluster, server}
}

// writeCSV writes a row for every account on every server of every cluster, as RFC
// 4180 has it. Servers without a connection have 0, those that did not report
// nothing. The system account is none. Verdicts take
// [checks.Parameters.All].
func writeCSV(w io.Writer, doc *Document) error {
	out := csvWriter{bufio.NewWriter(w)}
	out.row("account_id", "account", "cluster", "server_id", "server", "connections", "share_percent", "account_connections", "verdict", "services")
	m := doc.matrix
	m.services = map[pair][]Service{}
	for _, f := range doc.Findings {
		m.services[pairOf(f.Account.ID, f.Cluster, f.Server.ID)] = f.Services
	}
	verdicts := map[pair]string{}
	for _, r := range m.rows {
		verdicts[pairOf(r.Account.ID, r.Cluster, r.Server.ID)] = string(r.Verdict)
	}
	var accounts []uint32 // that were asked for, in order of name
	for i, a := range m.deployment.Accounts {
		if !a.System && (len(m.wanted) == 0 || slices.Contains(m.wanted, a.ID) || slices.Contains(m.wanted, a.Name)) {
			accounts = append(accounts, uint32(i)) //nolint:gosec // the model counts them so
		}
	}
	slices.SortFunc(accounts, func(a, b uint32) int {
		x, y := m.deployment.Accounts[a], m.deployment.Accounts[b]
		return cmp.Or(cmp.Compare(x.Name, y.Name), cmp.Compare(x.ID, y.ID))
	})
	at := map[string]int{}
	for i, s := range m.deployment.Servers {
		at[s.ID] = i
	}
	for _, c := range m.clusters {
		m.cluster(out, c, accounts, at, verdicts)
	}
	return out.Flush()
}

// cluster writes the rows of one cluster.
func (m matrix) cluster(out csvWriter, c checks.ClusterUse, accounts []uint32, at map[string]int, verdicts map[pair]string) {
	known := len(m.deployment.Accounts)
	counts := make([]uint32, known*len(c.Servers))
	totals := make([]int, known)
	for n, s := range c.Servers {
		if s.Connections == nil {
			continue
		}
		for _, u := range m.deployment.Servers[at[s.Server.ID]].Usage {
			counts[n*known+int(u.Account)] = u.Connections
			totals[u.Account] += int(u.Connections)
		}
	}
	uncounted := map[uint32]bool{}
	for _, u := range m.deployment.Uncounted {
		for _, a := range u.Accounts {
			uncounted[a] = uncounted[a] || u.Cluster == c.Name
		}
	}
	name, harmlessName := quotedCell(c.Name), words.Harmless(c.Name)
	var servers [][2]cell
	var ids []string // as in the document
	for _, s := range c.Servers {
		servers = append(servers, [2]cell{quotedCell(s.Server.ID), quotedCell(s.Server.Name)})
		ids = append(ids, words.Harmless(s.Server.ID))
	}
	for _, a := range accounts {
		if _, err := out.Write(nil); err != nil { // who reads it has gone
			return
		}
		account := m.deployment.Accounts[a]
		id, called := quotedCell(account.ID), quotedCell(account.Name)
		verdict, ok := verdicts[pairOf(account.ID, c.Name, c.Servers[0].Server.ID)]
		if !ok && totals[a] == 0 {
			verdict = "no-connections"
			if c.Name != "" && slices.Contains(m.open, c.Name) {
				verdict = string(checks.Incomplete)
			}
		}
		services := m.services[pairOf(words.Harmless(account.ID), harmlessName, ids[0])]
		for n, s := range c.Servers {
			cells := []any{id, called, name, servers[n][0], servers[n][1], nil, nil, totals[a], verdict, servicesCell(services, ids[n])}
			if uncounted[a] {
				cells[7] = nil
			} else if s.Connections != nil {
				connections := int(counts[n*known+int(a)])
				cells[5] = connections
				if totals[a] > 0 {
					cells[6] = percent(connections, totals[a])
				}
			}
			out.row(cells...)
		}
	}
}

// writeHotspotsCSV writes a row for every server, as [writeCSV] does.
func writeHotspotsCSV(w io.Writer, doc *Hotspots) error {
	out := csvWriter{bufio.NewWriter(w)}
	out.row("cluster", "server_id", "server", doc.measure.Noun+"s", "share_percent", "times_average", "cluster_"+doc.measure.Noun+"s", "cluster_average", "verdict")
	for _, c := range doc.Clusters {
		for _, s := range c.Servers {
			cells := []any{c.Name, deref(s.ID), deref(s.Name), nil, nil, nil, c.Connections, c.Average, s.Verdict}
			if s.Connections != nil {
				cells[3], cells[4], cells[5] = *s.Connections, *s.SharePercent, *s.Factor
			}
			out.row(cells...)
		}
	}
	return out.Flush()
}

// csvWriter puts all texts in quotes, which encoding/csv can't.
// The first error of the writer comes with the flush.
type csvWriter struct{ *bufio.Writer }

// cell is a text as it is written: what stands in many rows is made harmless once.
type cell string

func quotedCell(text string) cell {
	return cell(`"` + strings.ReplaceAll(spreadsheet(text), `"`, `""`) + `"`)
}

// row takes texts, numbers and nil for what is not known.
func (c csvWriter) row(cells ...any) {
	for i, value := range cells {
		if i > 0 {
			_ = c.WriteByte(',')
		}
		s := ""
		switch value := value.(type) {
		case cell:
			s = string(value)
		case string:
			s = string(quotedCell(value))
		case int:
			s = strconv.Itoa(value)
		case Percent:
			s = value.String()
		case Decimal:
			s = value.String()
		}
		_, _ = c.WriteString(s)
	}
	_, _ = c.WriteString("\r\n")
}

// formulaWithin is what begins a formula where lists are separated by
// semicolons or tabs, and quotes within a line are characters like others.
var formulaWithin = regexp.MustCompile(`([;\t][ '"]*)([-=+@＝＋－＠])`)

// spreadsheet makes a text harmless, and puts a ' before what a spreadsheet
// would take for a formula.
func spreadsheet(s string) string {
	s = formulaWithin.ReplaceAllString(words.Harmless(s), "$1'$2")
	if r, _ := utf8.DecodeRuneInString(strings.TrimLeft(s, ` '"`)); strings.ContainsRune("=+-@＝＋－＠", r) {
		return "'" + s
	}
	return s
}
