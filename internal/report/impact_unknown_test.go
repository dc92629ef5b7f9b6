package report

import (
	"slices"
	"testing"
)

// Why it is unknown who is back is a number of one account: it is named where others have
// another reason.
func TestWhyItIsUnknownWhoIsBack(t *testing.T) {
	t.Parallel()
	account := func(name string, on int, why Open) AccountGone {
		a := AccountGone{Account: Account{ID: name, Name: name}, OnServer: on}
		if why != nil {
			a.open, a.Why = why, new(openText(why))
		} else {
			a.Missing = new(int)
		}
		return a
	}
	const came = "32 connections came to other servers about when it went, and whether those were on it is unknown"
	west := []ClusterGained{{"WEST", 12}}
	for _, c := range []struct {
		of   []AccountGone
		n    int
		want string
	}{
		{[]AccountGone{account("BILL", 60, openCame{32}), account("PAY", 54, openCame{54}), account("SHIP", 9, nil)}, 114, "of BILL, " + came},
		{[]AccountGone{account("SHIP", 9, nil), account("BILL", 60, openCame{32})}, 60, came},
		{[]AccountGone{account("BILL", 60, openThen{west}), account("PAY", 54, openThen{slices.Clone(west)})}, 114, "WEST has 12 of the account, and what other clusters had of it then is unknown"},
		{[]AccountGone{account("BILL", 60, OpenSilent{Server: "n2"}), account("PAY", 54, OpenSilent{Server: "n2"})}, 114, "n2 did not report"},
	} {
		g := ServerGone{Accounts: c.of}
		if n, why := g.unknown(); n != c.n || why != c.want {
			t.Errorf("%d, %q, want %d, %q", n, why, c.n, c.want)
		}
	}
}
