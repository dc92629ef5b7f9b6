package report

import (
	"strings"
	"testing"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/record"
)

// Why what was recorded is not used is said in one way by watch and by an audit.
func TestHistoryDoubt(t *testing.T) {
	t.Parallel()
	var six []checks.RecordedGone
	for _, name := range []string{"n1", "n2", "n3", "n4", "n5", "n6"} {
		six = append(six, checks.RecordedGone{Server: checks.ServerRef{ID: "A" + name, Name: name}, Cluster: "C1"})
	}
	const why = "servers that reported have the names of some in it, but they are other processes, and no account shows that they are the same"
	for _, c := range []struct {
		doubt record.PastDoubt
		want  string
	}{
		{record.PastDoubt{Code: record.OtherDeployment}, " does not say which servers are missing: it is of another deployment, as no server that reported is in it"},
		{record.PastDoubt{Code: record.ServersInDoubt, Servers: six[3:4]}, " has n4 (C1) as silent: not counted as missing, as it may be of another deployment: " + why},
		{record.PastDoubt{Code: record.ServersInDoubt, Servers: six}, " has n1 (C1), n2 (C1), n3 (C1), n4 (C1) and 2 more as silent: not counted as missing, as it may be of another deployment: " + why},
		{record.PastDoubt{Code: record.ServersInDoubt, Servers: []checks.RecordedGone{{Server: checks.ServerRef{ID: "A4"}, Cluster: "C1\x1b"}}}, ` has A4 (C1\x1b) as silent: not counted as missing, as it may be of another deployment: ` + why},
		{record.PastDoubt{Code: record.DeploymentInDoubt}, " does not say which servers are missing: it may be of another deployment: " + why},
	} {
		if got := HistoryInDoubt("x", c.doubt); got != "the history"+c.want+" (the history in x)" {
			t.Errorf("%s: %q", c.doubt.Code, got)
		}
		text := (WatchLines{}).Text(record.Change{Kind: record.Watching, Of: &record.Totals{}, Doubt: &c.doubt})
		if !strings.HasSuffix(text, "what was recorded there before"+c.want+"\n") {
			t.Errorf("%s: %q", c.doubt.Code, text)
		}
	}
}
