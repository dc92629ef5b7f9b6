package cli

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-balance/nats-balance/checks/cause"
	"github.com/nats-balance/nats-balance/internal/lab/life"
	"github.com/nats-balance/nats-balance/internal/report"
)

// lifeRecorded has TestLifeRecorded run, which takes minutes.
const lifeRecorded = "NATS_BALANCE_LIFE_RECORDED"

// settledIn is how long it takes until watch has written down how accounts are spread:
// it writes at most every 5 seconds.
const settledIn = 6 * time.Second

// TestLifeRecorded does the operations of everyday life while watch records, audits
// them without any URL, and prints what is said with and without what was recorded.
// It fails on a cause that is confirmed wrongly, and on a true one that is ruled out.
func TestLifeRecorded(t *testing.T) {
	t.Parallel()
	if os.Getenv(lifeRecorded) == "" || runtime.GOOS != "linux" {
		t.Skip("it takes minutes: set " + lifeRecorded + "=1")
	}
	var mu sync.Mutex
	var table []recordedCase
	t.Run("operations", func(t *testing.T) {
		for _, o := range life.Operations() {
			t.Run(o.Name, func(t *testing.T) {
				t.Parallel()
				rows := operateRecorded(t, o)
				mu.Lock()
				defer mu.Unlock()
				table = append(table, rows...)
			})
		}
	})
	slices.SortFunc(table, func(a, b recordedCase) int { return strings.Compare(a.name, b.name) })
	var b strings.Builder
	var right, sure, wrong [2]int
	for _, r := range table {
		fmt.Fprintf(&b, "%-28s %-20s", r.name, r.truth)
		for i, said := range r.said {
			fmt.Fprintf(&b, "  %-34s", said.code+" ("+said.verdict+")")
			switch {
			case said.code == life.Unknown:
			case r.isTrue(said.code):
				right[i]++
				if said.verdict == string(cause.Confirmed) {
					sure[i]++
				}
			default:
				wrong[i]++
			}
		}
		b.WriteByte('\n')
	}
	t.Logf("case, truth, said without a history, said with it:\n%s\nof %d: right %d (%d confirmed), wrong %d without; right %d (%d confirmed), wrong %d with",
		&b, len(table), right[0], sure[0], wrong[0], right[1], sure[1], wrong[1])
	if wrong[1] > wrong[0] {
		t.Errorf("%d are wrong with the history, %d without", wrong[1], wrong[0])
	}
}

type recordedCase struct {
	name, truth string
	also        []string
	said        [2]saidFirst // without a history, with it
}

type saidFirst struct{ code, verdict string }

func (c recordedCase) isTrue(code string) bool {
	return code == c.truth || slices.Contains(c.also, code)
}

func operateRecorded(t *testing.T, o life.Operation) []recordedCase {
	dir := filepath.Join(t.TempDir(), "kept")
	stop := func() {}
	defer func() { stop() }()
	do := o.Do
	o.Do = func(ctx context.Context, w *life.World) error {
		_, stop = watching(t, w.SystemURL(), dir)
		w.Pause = settledIn // operators are no faster
		return do(ctx, w)
	}
	w, err := life.Start(t.Context(), o, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer w.Stop()
	time.Sleep(settledIn) // an operator who audits no sooner: what watch has yet to write shows nowhere
	docs := []report.Document{lived(t, w, "--no-history"), lived(t, w, "--history", dir)}
	var out []recordedCase
	for _, c := range o.Cases {
		row := recordedCase{name: o.Name + "/" + c.Account, truth: c.Truth, also: c.Also}
		found := 0
		for i, doc := range docs {
			at := slices.IndexFunc(doc.Findings, func(f report.Finding) bool {
				return f.Account.Name == c.Account && (c.Server == "" || f.Server.Name == c.Server)
			})
			if at < 0 {
				continue
			}
			found++
			row.said[i] = saidFirst{life.Unknown, "-"}
			for _, x := range doc.Findings[at].Causes {
				strong := x.Verdict == string(cause.Confirmed) || x.Verdict == string(cause.Likely)
				if x.Role == string(cause.Root) && strong && row.said[i].code == life.Unknown {
					row.said[i] = saidFirst{x.Code, x.Verdict}
				}
				if x.Code == c.Truth && i == 1 && !strong {
					t.Logf("%s: %s is %s: %v", row.name, x.Code, x.Verdict, x.Evidence)
				}
				if x.Role == string(cause.Root) && x.Verdict == string(cause.Confirmed) && !row.isTrue(x.Code) || x.Verdict == string(cause.RuledOut) && x.Code == c.Truth {
					t.Errorf("%s: %s is %s, and the cause is %s: %v", row.name, x.Code, x.Verdict, c.Truth, x.Evidence)
				}
			}
		}
		if found == len(docs) {
			out = append(out, row)
		}
	}
	return out
}
