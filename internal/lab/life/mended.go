package life

import (
	"context"
	"fmt"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/nats-balance/nats-balance/internal/lab"
)

// added: two servers lacked the accounts when the clients came, and got them since.
func added() Operation {
	accounts := []string{"ADDED", "JOINED", "PROVEN"}
	return Operation{
		Name: "added", Title: "two servers refused the clients of accounts that they did not know, and got these accounts since", Short: true,
		Topology: three(func(c *lab.Cluster) {
			c.Configure = func(i int, o *server.Options) {
				for _, account := range accounts {
					if i > 0 {
						without(o, account)
					}
				}
			}
		}),
		Do: func(ctx context.Context, w *World) error {
			for _, account := range accounts {
				if err := w.start(ctx, App{Account: account, Name: "api", Pods: true, Count: 16, URLs: w.all()}); err != nil {
					return err
				}
			}
			if err := w.later(ctx); err != nil {
				return err
			}
			for i, name := range []string{n2, n3} {
				conf := ""
				for _, account := range accounts {
					conf += fmt.Sprintf("%s { users: [{user: %s, password: %s}] }\n", account, account, lab.Password)
				}
				if err := w.Server(name).Reload("accounts {\n" + conf + "}"); err != nil {
					return err
				}
				for _, account := range accounts[1:] {
					if err := w.start(ctx, App{Account: account, Name: fmt.Sprintf("probe-%d", i), Count: 1, URLs: []string{w.url(name)}}); err != nil {
						return err
					}
				}
				if err := w.leave(ctx, "PROVEN", name, 0); err != nil { // somebody logged in, as the audit asks for
					return err
				}
			}
			w.pass("PROVEN", w.all()...)
			w.pass("ADDED", w.all()...)
			return w.later(ctx)
		},
		Cases: []Case{
			{Account: "ADDED", Server: n1, Truth: "account-gap", Said: "account-gap", Exact: true, Not: []string{"ordered-connect"}, Refused: "account-gap", Check: drifted("ADDED")},
			{Account: "JOINED", Server: n1, Truth: "account-gap", Said: "account-gap", Exact: true, Refused: "none", Check: drifted("JOINED")},
			{Account: "PROVEN", Server: n1, Truth: "account-gap", Said: "account-gap", Exact: true, Not: []string{"ordered-connect"}, Refused: "none", Check: drifted("PROVEN")},
		},
	}
}
