package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/audit"
	"github.com/nats-balance/nats-balance/internal/report"
	"github.com/nats-balance/nats-balance/internal/words"
)

// impact is `impact`.
type impact struct {
	host     Host
	server   string
	baseline string
	expect   expectFlags
	evidence evidenceFlags
	lists    clientListFlags
	source   sourceFlags
	settings settings
	output   output
}

// addImpact adds `impact`, which says what stopping a server would do.
func addImpact(parent Commander, h Host) {
	i := &impact{host: h.withDefaults()}
	cmd := parent.Command("impact", "Shows what stopping a server would do, or what its loss did")
	cmd.HelpLong(`Lists the accounts and services on a server, how many of their connections can
fail over, why others can't, and what the other servers would have next to their
limits. It shows whom to warn before a drain. Without a server it takes the one with
the most client connections of each cluster. Only reads.

Whether clients can fail over depends on what they are configured with: pass
--client-url or --client-config.

For a server that is gone, pass as --baseline what impact or audit concentration
wrote with --json while it was there: who was on it, who is back and where, and
who is missing. Where watch records in this user's directory, or in what --history
names, who was on it when it went is read there.

Exit status: 0 all can fail over and fit, or all are back; 1 not all; 3 unknown,
or not audited.

Examples:

  nats-balance impact
  nats-balance impact C1-n1 --client-config ORDERS=./deploy
  nats-balance impact C1-n1 --json --outfile impact.json
  nats-balance impact C1-n1 --baseline impact.json
  nats-balance impact C1-n1 --history monitoring`)
	cmd.Tag("scope:system")
	cmd.Tag("impact:ro")
	cmd.Arg("server", "The server, by name or id").StringVar(&i.server)
	cmd.Flag("baseline", "Report which clients of the server in this earlier JSON document are back").
		PlaceHolder("FILE").Validator(notEmpty("baseline", "the path of an earlier --json document")).StringVar(&i.baseline)
	i.expect.serversFlag(cmd)
	i.lists.flags(cmd)
	i.source.flags(cmd)
	i.evidence.flags(cmd)
	i.settings.flags(cmd)
	i.output.flags(cmd, "text", "json", "html")
	cmd.Action(i.host.action(end{after: i.host.twice}, i.run))
}

func (i *impact) run(ctx context.Context) error {
	lists, past, err := i.prepare(ctx)
	if err != nil {
		return &usageError{err: err}
	}
	from, closing, err := i.source.open(ctx, i.host, systemAccount)
	if err != nil {
		return err
	}
	defer closing()
	doc, err := i.audit(ctx, from, lists, past)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	switch i.output.format {
	case "json":
		err = report.JSON(&b, doc)
	case "html":
		err = report.ImpactHTML(&b, doc)
	default:
		err = report.ImpactText(&b, doc, i.output.style(i.host))
	}
	if err != nil {
		return err
	}
	if err := i.output.put(i.host, b.Bytes()); err != nil {
		return err
	}
	if outcome := checks.Outcome(doc.Outcome); outcome != checks.OutcomePass {
		return &OutcomeError{Outcome: outcome}
	}
	return nil
}

// prepare validates the flags and reads files, before anything is asked of the
// network.
func (i *impact) prepare(ctx context.Context) (lists audit.ClientLists, past *report.PastImpact, err error) {
	if err := i.host.checkTimeout(); err != nil {
		return lists, nil, err
	}
	if i.baseline != "" && i.server == "" {
		return lists, nil, errors.New("--baseline is for one server, and none is given: pass its name, as in impact C1-n1 --baseline FILE")
	}
	if i.baseline != "" && i.evidence.place != "" {
		return lists, nil, errors.New("--baseline and --history both say who was on the server: pass one of them")
	}
	for _, err := range []error{i.expect.validate(), i.evidence.validate(i.source), i.source.validate(), i.output.validate()} {
		if err != nil {
			return lists, nil, err
		}
	}
	c, err := i.settings.read(ctx, i.host)
	if err != nil {
		return lists, nil, err
	}
	i.lists.adopt(c)
	if lists, err = i.lists.lists(ctx, i.host); err != nil || i.baseline == "" {
		return lists, nil, err
	}
	past, err = reading(ctx, i.host, "--baseline", i.baseline, func() (*report.PastImpact, error) {
		f, err := openRegular("--baseline", i.baseline)
		if err != nil {
			return nil, err
		}
		defer func() { _ = f.Close() }() // it was only read
		past, err := report.ReadImpact(f, i.server)
		var absent *report.AbsentServerError
		if errors.As(err, &absent) && !mayShow(i.host.args, i.server) {
			err = fmt.Errorf("it has no %s: pass what impact --json wrote while the server was there", i.host.named("server", i.server))
		}
		if err != nil {
			return nil, fmt.Errorf("--baseline %s: %w", i.baseline, err)
		}
		return past, nil
	})
	return lists, past, err
}

// audit gathers, and works out the loss of each server that is asked about, all
// within the time-out.
func (i *impact) audit(ctx context.Context, from *origin, lists audit.ClientLists, past *report.PastImpact) (*report.Impacts, error) {
	ctx, cancel := context.WithTimeout(ctx, i.host.Timeout())
	defer cancel()
	p := checks.Defaults()
	p.AllowPartial = true
	expected := i.expect.expected(from, past.Earlier(), lists.Probe)
	expected.Kin = true // which is found out by the cluster: others than its servers need not be in it
	var was gone
	run := audit.New(from, audit.Request{Parameters: p, AnyShare: true, Lists: lists, Causes: true, Timeout: i.host.Timeout(),
		Flags: i.host.Flags(), Again: from.again, Connected: from.urls, Expected: expected, Gone: was.reader(i.evidence.gone(i.host, i.source))})
	err := run.Gather(ctx)
	if err != nil {
		return nil, err
	}
	d := run.Deployment
	notes := was.notes
	switch {
	case past != nil:
		doubts, err := ofAnother(d, past)
		if err != nil {
			return nil, fmt.Errorf("--baseline %s: %w", i.baseline, err)
		}
		notes = append(doubts, notes...)
	case i.server != "" && !reported(d, i.server):
		past, notes = i.recorded(was)
	}
	servers, err := i.servers(d, past)
	if err != nil && len(notes) > 0 {
		err = fmt.Errorf("%w; %s", err, notes[0])
	}
	if err != nil {
		return nil, err
	}
	in := report.ImpactInput{Version: Version(), Time: time.Now(), SourceKind: from.Kind(), SourceDetail: from.Detail(), Deployment: d, Everywhere: i.server == ""}
	in.Warnings = notes
	losses, warnings, err := run.Lose(ctx, servers)
	if err != nil {
		return nil, err
	}
	in.Losses = losses
	for _, w := range warnings {
		if !slices.Contains(in.Warnings, w) {
			in.Warnings = append(in.Warnings, w)
		}
	}
	if past != nil {
		now, err := present(ctx, run, past)
		if err != nil {
			return nil, err
		}
		in.Gone = past.Since(now)
		still := stillThere(d, past, in.Gone.AllBack())
		in.Warnings, in.MayHave = append(in.Warnings, still...), len(still) > 0
	}
	return report.NewImpacts(in), nil
}

// reported reports whether a server reported, by name or id.
func reported(d *checks.Deployment, server string) bool {
	return slices.ContainsFunc(d.Servers, func(s checks.Server) bool { return s.Name == server || s.ID == server })
}

// servers are those that are asked about. With a baseline it is about the past: a
// server of that name may be back, and is another one.
func (i *impact) servers(d *checks.Deployment, past *report.PastImpact) ([]checks.ServerRef, error) {
	switch {
	case past != nil:
		return nil, nil
	case i.server == "":
		return checks.Fullest(d), nil
	}
	var found []checks.ServerRef
	var names []string
	for k := range d.Servers {
		s := &d.Servers[k]
		names = append(names, s.Name)
		if s.Name == i.server || s.ID == i.server {
			found = append(found, s.Ref())
		}
	}
	slices.Sort(names)
	missing := slices.IndexFunc(d.Missing, func(m checks.Missing) bool { return m.Name == i.server || m.ID == i.server })
	switch {
	case len(found) == 1:
		return found, nil
	case len(found) > 1:
		var ids []string
		for _, s := range found {
			ids = append(ids, s.ID)
		}
		return nil, &usageError{err: fmt.Errorf("%s servers are called %q: pass the id of one of them: %s", words.Count(len(found)), i.server, words.FirstOf(8, ids))}
	case missing >= 0:
		return nil, fmt.Errorf("server %q did not report: %s: pass --baseline with what impact %s --json wrote while it did", i.server, words.HarmlessText(d.Missing[missing].Reason), i.server)
	}
	mayBe := ""
	if n := d.Absent(); n > 0 {
		mayBe = fmt.Sprintf(" (%s did not report, and it may be one of them)", words.Plural(n, "server"))
		if n == 1 {
			mayBe = " (1 server did not report, which it may be)"
		}
	}
	return nil, fmt.Errorf("no %s reported%s: pass one of %s, or --baseline with what impact --json wrote while it was there", i.host.named("server", i.server), mayBe, words.FirstOf(8, names))
}
