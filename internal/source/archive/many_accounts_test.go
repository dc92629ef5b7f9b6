package archive

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	jsm "github.com/nats-io/jsm.go/audit/archive"

	"github.com/nats-balance/nats-balance/checks"
)

// Servers that list many accounts, of none of which there is a count, make an
// archive of a few MiB. 900,000 took 5.5 GiB, and now hold 214 MiB.
func TestArchiveOfManyAccounts(t *testing.T) {
	t.Parallel()
	const accounts = 100_000
	names := make([]string, accounts)
	for i := range names {
		names[i] = fmt.Sprintf(`"A%d"`, i)
	}
	list := strings.Join(names, ",")
	file := written(t, func(w *jsm.Writer) error {
		var err error
		for i := range 3 {
			name := fmt.Sprintf("s%d", i+1)
			from := fmt.Sprintf(`"server":{"id":"N%d","name":%q,"cluster":"C1"}`, i+1, name)
			put := func(body string, tags ...*jsm.Tag) {
				err = errors.Join(err, w.AddRaw(strings.NewReader(body), "json", append(tags, jsm.TagServer(name), jsm.TagCluster("C1"))...))
			}
			put(fmt.Sprintf(`{%s,"data":{"connections":5,"system_account":"SYS"}}`, from), jsm.TagServerVars())
			put(fmt.Sprintf(`{%s,"data":{"accounts":[%s]}}`, from, list), jsm.TagServerAccounts())
			put(fmt.Sprintf(`{%s,"data":{"routes":[{"remote_id":"N%d"}]}}`, from, (i+1)%3+1), jsm.TagServerRoutes())
			put(fmt.Sprintf(`{%s,"data":{"account_name":"ORDERS","client_connections":5}}`, from), jsm.TagAccount("ORDERS"), jsm.TagAccountInfo())
		}
		return err
	})
	d := modelOfArchive(t, openArchive(t, file))
	if len(d.Uncounted) != namedUncounted+1 || len(d.Uncounted[namedUncounted].Accounts) != accounts-namedUncounted {
		t.Errorf("%d entries of what is not counted", len(d.Uncounted))
	}
	r := checks.CheckConcentration(d, checks.Defaults())
	if r.Outcome != checks.OutcomeIncomplete || len(r.Open)+r.MoreOpen != accounts || len(r.Open) >= accounts/5 {
		t.Errorf("%s, %d open and %d more", r.Outcome, len(r.Open), r.MoreOpen)
	}
	// One that is not listed is as open as the others.
	p := checks.Defaults()
	p.Accounts = []string{"A90000"}
	if r := checks.CheckConcentration(d, p); r.Outcome != checks.OutcomeIncomplete || len(r.Open) != 1 {
		t.Errorf("of the last: %s, %d open", r.Outcome, len(r.Open))
	}
}
