package cause

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// row is one line of a table: what a case is to come to. first is the first root
// cause that is at least likely; "none" where there is none, "" where it does
// not matter.
type row struct {
	name    string
	changes []change
	want    Verdict
	first   Code
}

// with lists changes. Like other helpers that rows call, it is not inlined: as part of
// hundreds of rows they took the compiler a third of the time of this package.
//
//go:noinline
func with(changes ...change) []change { return changes }

// judgeRows judges a cause in every row.
func judgeRows(t *testing.T, code Code, rows []row) {
	t.Helper()
	t.Parallel()
	fires := 0
	for _, r := range rows {
		if r.want.Strong() {
			fires++
		}
		t.Run(r.name, func(t *testing.T) {
			causes := Diagnose(caseOf(r.changes...)).Causes
			sound(t, caseOf(r.changes...), causes)
			at := slices.IndexFunc(causes, func(c Cause) bool { return c.Code == code })
			if causes[at].Verdict != r.want {
				t.Errorf("%s is %s, want %s", code, causes[at].Verdict, r.want)
			}
			if first := firstRoot(causes); r.first != "" && first != r.first {
				t.Errorf("the first root cause is %s, want %s", first, r.first)
			}
			lessIsNotMore(t, func() Case { return caseOf(r.changes...) })
			if t.Failed() {
				t.Log(tell(causes))
			}
		})
	}
	if fires == 0 || len(rows) < 3*fires {
		t.Errorf("%d of %d rows fire: at least two of three are to be silent", fires, len(rows))
	}
}

// judgeCause is [judgeRows] of a cause's own table, of which any case is drawn too.
func judgeCause(t *testing.T, code Code, rows []row) {
	t.Helper()
	judgeRows(t, code, rows)
	t.Run("any case with these", func(t *testing.T) { anyWith(t, code, rows) })
}

func firstRoot(causes []Cause) Code {
	for _, c := range causes {
		if c.Role == Root && c.Verdict.Strong() {
			return c.Code
		}
	}
	return "none"
}

func tell(causes []Cause) string {
	var out strings.Builder
	for _, c := range causes {
		fmt.Fprintf(&out, "%s %s %.2f explains %d\n", c.Verdict, c.Code, c.Confidence, c.Explains)
		for _, e := range c.Evidence {
			fmt.Fprintf(&out, "    %s [%s]\n", e.Text, e.Where)
		}
	}
	return out.String()
}
