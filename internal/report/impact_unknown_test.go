package report

import "testing"

// Why it is unknown who is back is a number of one account: it is named where others have
// another reason.
func TestWhyItIsUnknownWhoIsBack(t *testing.T) {
	t.Parallel()
	account := func(name string, on int, why string) AccountGone {
		a := AccountGone{Account: Account{ID: name, Name: name}, OnServer: on}
		if why != "" {
			a.Why = &why
		} else {
			a.Missing = new(int)
		}
		return a
	}
	for _, c := range []struct {
		of   []AccountGone
		n    int
		want string
	}{
		{[]AccountGone{account("BILL", 60, "32 came"), account("PAY", 54, "54 came"), account("SHIP", 9, "")}, 114, "of BILL, 32 came"},
		{[]AccountGone{account("SHIP", 9, ""), account("BILL", 60, "32 came")}, 60, "32 came"},
		{[]AccountGone{account("BILL", 60, "n2 did not report"), account("PAY", 54, "n2 did not report")}, 114, "n2 did not report"},
	} {
		g := ServerGone{Accounts: c.of}
		if n, why := g.unknown(); n != c.n || why != c.want {
			t.Errorf("%d, %q, want %d, %q", n, why, c.n, c.want)
		}
	}
}
