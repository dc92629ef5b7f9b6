package cli

import (
	"bytes"
	"strings"
	"testing"

	"github.com/choria-io/fisk"
)

func TestManPageOfTheApplication(t *testing.T) {
	t.Parallel()
	var out, errs bytes.Buffer
	if status := Run([]string{"--help-man"}, &out, &errs); status != 0 || errs.Len() > 0 {
		t.Fatalf("exit status %d, on stderr %q", status, errs.String())
	}
	page := out.String()
	for _, want := range []string{
		".TH NATS-BALANCE 1 \"\" ",
		"\n.SH NAME\nnats\\-balance \\- Finds accounts",
		"\n.SS audit concentration\n",
		"\n.SS explain [<code>]\n",
		"\n.B \\-\\-threshold=",
		"\n.B \\-s, \\-\\-server=URL\n",
		"\n.SH EXIT STATUS\n",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	for _, hidden := range []string{"help\\-man", "completion\\-bash", "fisk\\-introspect"} {
		if strings.Contains(page, hidden) {
			t.Errorf("the page shows the hidden flag %s", hidden)
		}
	}
}

func TestManPageTakesNoTextForMarkup(t *testing.T) {
	t.Parallel()
	app := fisk.New("thing", "Does a \\fBthing\\fR")
	cmd := app.Command("go", "Goes")
	cmd.HelpLong("First.\n.so /etc/passwd is a line of it.\n\nExample:\n\n  thing go --to 'there'\n  'quoted' first\n\nAnd after.")
	cmd.Flag("to", ".TH \"where\"…").String()
	page := manText(app.Model())
	want := `.SS go
.PP
Goes.
.PP
First.
\&.so /etc/passwd is a line of it.
.PP
Example:
.PP
.nf
.RS 4
thing go \-\-to \(aqthere\(aq
\(aqquoted\(aq first
.RE
.fi
.PP
And after.
.TP
.B \-\-to=TO
\&.TH \(dqwhere\(dq\[u2026].
`
	if !strings.Contains(page, want) || !strings.Contains(page, `Does a \efBthing\efR`) {
		t.Errorf("got\n%s\nwant in it\n%s", page, want)
	}
	if strings.Count(page, "\n.TH ") != 0 {
		t.Error("text became a title line")
	}
}
