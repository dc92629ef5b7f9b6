package cli

import (
	"errors"
	"testing"

	"github.com/nats-balance/nats-balance/checks"
)

// TestSelectionErrors: what was asked for and is not there says what to pass.
func TestSelectionErrors(t *testing.T) {
	t.Parallel()
	many := []string{"C1", "C2", "C3", "C4", "C5", "C6", "C7", "C8", "C9"}
	for want, err := range map[string]error{
		`no server reports a cluster named "c": pass --cluster one of C, D`:                                                                                                             &checks.UnknownClusterError{Name: "c", Known: []string{"C", "D"}},
		`no server reports a cluster named "c": pass --cluster one of C1, C2, C3, C4, C5, C6, C7, C8, …`:                                                                                &checks.UnknownClusterError{Name: "c", Known: many},
		`no server reports a cluster named "c", or any other: leave out --cluster`:                                                                                                      &checks.UnknownClusterError{Name: "c"},
		`account "SYS" is the system account, which is never checked: pass --account an ordinary account`:                                                                               &checks.UnknownAccountError{Name: "SYS", System: true},
		`no server that answered knows an account "A": pass --account the id or the name of an account, they are case-sensitive, and with JWTs one that nobody has used yet is unknown`: &checks.UnknownAccountError{Name: "A"},
		`no server that answered knows an account "A", and 3 servers did not report and may know it: leave out --account to see which and why`:                                          &checks.UnknownAccountError{Name: "A", Missing: 3},
		"another": errors.New("another"),
	} {
		if got := explainSelection(err); got.Error() != want {
			t.Errorf("got %v, want %s", got, want)
		}
	}
}
