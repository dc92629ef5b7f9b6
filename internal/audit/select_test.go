package audit

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/source"
	"github.com/nats-balance/nats-balance/internal/source/system"
)

// modelSource has a model and nothing else.
type modelSource struct {
	source.Source
	model *checks.Deployment
}

func (modelSource) Kind() source.Kind                                        { return system.Kind() }
func (modelSource) Limits() source.Limits                                    { return source.Limits{} }
func (s modelSource) Deployment(context.Context) (*checks.Deployment, error) { return s.model, nil }
func (s modelSource) Knows(_ context.Context, _ *checks.Deployment, account string) error {
	return &checks.UnknownAccountError{Name: account}
}

// A name that two accounts have is refused wherever one is given, with the ids to
// choose from: what it is said of would be a matter of chance.
func TestNameOfTwoAccounts(t *testing.T) {
	t.Parallel()
	for what, c := range map[string]struct {
		ask func(*Request, string)
	}{
		"--account":       {func(r *Request, name string) { r.Parameters.Accounts = []string{name} }},
		"--client-url":    {func(r *Request, name string) { r.Lists.Given = []checks.URLList{{Account: name}} }},
		"--client-config": {func(r *Request, name string) { r.Lists.Paths = []ClientPath{{Account: name}} }},
		"an override":     {func(r *Request, name string) { r.Parameters.Overrides = []checks.Override{{Match: name}} }},
		"an acceptance":   {func(r *Request, name string) { r.Accepted = []checks.Acceptance{{Account: name}} }},
	} {
		for name, refused := range map[string]bool{"ORDERS": true, "A1": false, "BILLING": false} {
			d := &checks.Deployment{Accounts: []checks.Account{{ID: "A1", Name: "ORDERS"}, {ID: "A2", Name: "ORDERS"}, {ID: "B", Name: "BILLING"}},
				Servers: []checks.Server{{ID: "1", Name: "n1", Cluster: "C"}}}
			r := Request{Parameters: checks.Defaults()}
			c.ask(&r, name)
			err := New(modelSource{model: d}, r).Gather(t.Context())
			var ambiguous *checks.AmbiguousAccountError
			if got := errors.As(err, &ambiguous); got != refused || !refused && err != nil {
				t.Errorf("%s %s: %v", what, name, err)
			} else if refused && !slices.Equal(ambiguous.IDs, []string{"A1", "A2"}) {
				t.Errorf("%s: ids %q", what, ambiguous.IDs)
			}
		}
	}
}
