package cli

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/source"
)

// spokenSource is a model whose clients speak these protocols.
type spokenSource struct {
	modelSource
	protocols []checks.Group
	err       error
}

func (spokenSource) Details(context.Context, *checks.Deployment, []string) error { return nil }

func (s spokenSource) Connections(_ context.Context, _ *checks.Deployment, _ []source.Suspect) ([]source.Report, error) {
	if s.err != nil {
		return nil, s.err
	}
	return nil, nil
}

// profiled has the protocols of all accounts in the first report.
type profiled struct{ spokenSource }

func (s profiled) Connections(context.Context, *checks.Deployment, []source.Suspect) ([]source.Report, error) {
	return []source.Report{{Profile: &checks.Profile{Protocols: s.protocols}}}, nil
}

// TestEmptyWithoutAListener: a server without the WebSocket listener that all others
// have is empty if enough clients need none; who can't be read may need it.
func TestEmptyWithoutAListener(t *testing.T) {
	t.Parallel()
	model := &checks.Deployment{Accounts: []checks.Account{{ID: "ORDERS", Name: "ORDERS"}}, Expected: 3}
	for i, name := range []string{"n1", "n2", "n3"} {
		model.Servers = append(model.Servers, checks.Server{ID: name, Name: name, Cluster: "C1", Peers: []string{"n1", "n2", "n3"}, Details: &checks.Details{WebSocket: []int{80, 80, 0}[i]},
			Usage: []checks.Usage{{Account: 0, Connections: []uint32{30, 30, 0}[i]}}})
	}
	half := []checks.Group{{Key: "nats", Counts: []int{15, 15, 0}}, {Key: "websocket", Counts: []int{15, 15, 0}}}
	for _, c := range []struct {
		name string
		from source.Source
		want int
	}{
		{"half of the clients are plain ones", profiled{spokenSource{modelSource: modelSource{model: model}, protocols: half}}, 1},
		{"all need a WebSocket", profiled{spokenSource{modelSource: modelSource{model: model}, protocols: []checks.Group{{Key: "websocket", Counts: []int{30, 30, 0}}}}}, 0},
		{"nobody says who is connected", spokenSource{modelSource: modelSource{model: model}}, 0},
		{"who is connected can't be read", spokenSource{modelSource: modelSource{model: model}, err: errors.New("not allowed")}, 0},
	} {
		a := hotspots{host: Host{Out: &bytes.Buffer{}}.withDefaults(), parameters: checks.ClientConnections().Defaults()}
		doc, err := a.audit(t.Context(), &origin{Source: c.from})
		if err != nil || len(doc.Empty) != c.want {
			t.Errorf("%s: %v, %+v", c.name, err, doc)
		}
	}
}
