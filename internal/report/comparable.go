package report

import (
	"fmt"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/source"
	"github.com/nats-balance/nats-balance/internal/words"
)

// Comparable returns an error where an earlier document says nothing of what an audit
// of a source and of so many accounts, all where none is named, found: it is of one
// account, and the audit is of others. An error says what to pass.
func (p *Past) Comparable(kind source.Kind, d *checks.Deployment, accounts []string) error {
	switch was := p.Account; {
	case was == nil:
		return nil
	case kind.OwnAccount && len(d.Accounts) == 1 && words.Harmless(d.Accounts[0].ID) != was.ID:
		return fmt.Errorf("it is of account %s, and the credentials are of account %s: pass a document of that one, or of all accounts",
			accountName(*was), words.Harmless(d.Accounts[0].Name))
	case !kind.OwnAccount && (len(accounts) != 1 || words.Harmless(accounts[0]) != was.ID && words.Harmless(accounts[0]) != was.Name):
		return fmt.Errorf("it is of account %s alone: pass --account %s too, or a document of all accounts", accountName(*was), words.Shell(was.ID))
	}
	return nil
}

// sees reports whether an audit was to see an account.
func sees(in Input, id string) bool {
	at := func(a checks.Account) bool { return words.Harmless(a.ID) == id }
	for _, a := range in.Deployment.Accounts {
		if !at(a) {
			continue
		}
		if len(in.Parameters.Accounts) == 0 {
			return true
		}
		for _, name := range in.Parameters.Accounts {
			if a.Is(name) {
				return true
			}
		}
	}
	return !in.SourceKind.OwnAccount && len(in.Parameters.Accounts) == 0
}
