package cli

import (
	"bytes"
	"context"
	"time"

	"github.com/nats-balance/nats-balance/internal/record/history"
	"github.com/nats-balance/nats-balance/internal/report"
)

// past is `history`.
type past struct {
	host                 Host
	account, since, from string
	output               output
}

// addHistory adds `history`, which reads what watch recorded.
func addHistory(parent Commander, h Host) {
	a := &past{host: h.withDefaults()}
	cmd := parent.Command("history", "Reads what watch recorded: since when an account leans, and what happened then")
	cmd.HelpLong(`Lists every time in which an account was above the threshold in a cluster, the
last one first: when it began, what happened to the servers of the cluster within
a minute of that, which connections came and left, and when it ended. Reads what
"nats-balance watch" recorded, while it runs or after. With --format html, charts.

Examples:

  nats-balance history
  nats-balance history --account ORDERS --since 30d
  nats-balance history --store /var/lib/nats-balance --json
  nats-balance history --store monitoring
  nats-balance history --account ORDERS --format html --outfile orders.html`)
	cmd.Tag("scope:user")
	cmd.Tag("impact:ro")
	cmd.Flag("account", "Only this account, by id or name").PlaceHolder("NAME").Validator(notEmpty("account", "the id or the name of an account")).StringVar(&a.account)
	duration(cmd, "since", "How far to look back (default 7d)", "7d", &a.since)
	placeFlag(cmd, "store", "Where watch records: a directory, or a context (default the directory of this user)", &a.from)
	a.output.flags(cmd, "text", "json", "html")
	cmd.Action(a.host.action(end{}, a.read))
}

func (a *past) read(ctx context.Context) error {
	if err := a.host.checkTimeout(); err != nil {
		return &usageError{err: err}
	}
	back, err := readDuration("since", a.since, time.Minute, 10*365*24*time.Hour)
	if err == nil {
		err = a.output.validate()
	}
	if err != nil {
		return &usageError{err: err}
	}
	store, err := openHistory(ctx, "store", a.from, a.host)
	if err != nil {
		return err
	}
	defer store.Close()
	now := time.Now()
	r, err := store.Reading(ctx, history.Query{Account: a.account, Since: now.Add(-back)}, now)
	if err != nil {
		return err
	}
	if a.output.format == "html" {
		var page bytes.Buffer
		if err := (history.Chart{Account: a.account, From: now.Add(-back), To: now, Until: r.Until, Waiting: r.Waiting, Damage: r.Damage, Version: Version(), Cut: r.Cut}).Write(&page, r.Docs); err != nil {
			return err
		}
		return a.output.put(a.host, page.Bytes())
	}
	h := r.Tell(now)
	known := a.account == "" || h.Has(a.account)
	if !known {
		if known, err = store.Knows(ctx, a.account); err != nil {
			return err
		}
	}
	var out bytes.Buffer
	if a.output.format == "json" {
		doc := history.DocumentOf(h, a.account, now)
		doc.Recorded = known && !h.First.IsZero()
		if err := report.JSON(&out, doc); err != nil {
			return err
		}
		return a.output.put(a.host, out.Bytes())
	}
	out.WriteString(report.HistoryText(h, a.account, known, r.Since, now))
	return a.output.put(a.host, out.Bytes())
}
