package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-balance/nats-balance/checks"
	"github.com/nats-balance/nats-balance/internal/clienturl"
	"github.com/nats-balance/nats-balance/internal/report"
)

// urls is `audit urls`.
type urls struct {
	host   Host
	lists  clientListFlags
	config settings
	output output
}

// addURLs adds `audit urls`, which looks at client URLs alone.
func addURLs(parent Commander, h Host) {
	u := &urls{host: h.withDefaults()}
	cmd := parent.Command("urls", "Shows which servers client URLs lead to")
	cmd.HelpLong(`Looks up the host names of client URLs and connects to every address that they
lead to, without any credentials, to see which server answers. Needs no user.
Without --client-url, --client-config or --contexts, here or in the file of
--config, it checks the URLs of --server or the context.

Exit status: 0 nothing is wrong, 1 something is, 3 not all could be checked.

Examples:

  nats-balance audit urls --client-url nats://nats.example:4222
  nats-balance audit urls --client-config ./deploy --resolver 10.0.0.2
  kubectl get deploy,sts,ds,job,cronjob,cm,secret -A -o yaml |
    nats-balance audit urls --client-config -
  nats-balance audit urls --contexts --json`)
	cmd.Tag("scope:user")
	cmd.Tag("impact:ro")
	u.lists.flags(cmd)
	u.config.flags(cmd)
	u.output.flags(cmd)
	cmd.Action(u.host.action(end{after: u.host.twice}, u.run))
}

func (u *urls) run(ctx context.Context) error {
	if err := u.host.checkTimeout(); err != nil {
		return &usageError{err: err}
	}
	c, err := u.config.read(ctx, u.host)
	if err != nil {
		return &usageError{err: err}
	}
	u.lists.adopt(c)
	asked, err := u.lists.lists(ctx, u.host)
	if err != nil {
		return &usageError{err: err}
	}
	if err := u.output.validate(); err != nil {
		return &usageError{err: err}
	}
	limited, cancel := context.WithTimeout(ctx, u.host.Timeout())
	defer cancel()
	p := newProgress(u.host.Err)
	asked.Progress = p.read
	lists, read, warnings, err := asked.Read(limited)
	p.clear()
	if err != nil {
		return err
	}
	if !asked.Any() {
		if lists, err = u.configured(limited); err != nil {
			return err
		}
	}
	if len(lists) == 0 {
		why := ""
		if len(warnings) > 0 {
			why = " (" + strings.Join(warnings, "; ") + ")"
		}
		return fmt.Errorf("there is no client URL to check%s: pass --client-url, or a --client-config that has some", why)
	}
	warnings = append(warnings, asked.Follow(limited, &checks.Deployment{}, lists)...)
	if errors.Is(ctx.Err(), context.Canceled) {
		return ctx.Err()
	}
	doc := report.NewURLs(Version(), time.Now(), lists, read, warnings)
	var b bytes.Buffer
	if u.output.format == "json" {
		err = report.JSON(&b, doc)
	} else {
		err = report.URLsText(&b, doc, u.output.style(u.host))
	}
	if err != nil {
		return err
	}
	if err := u.output.put(u.host, b.Bytes()); err != nil {
		return err
	}
	if outcome := checks.Outcome(doc.Outcome); outcome != checks.OutcomePass {
		return &OutcomeError{Outcome: outcome}
	}
	return nil
}

// configured are the URLs that this program itself would connect with.
func (u *urls) configured(ctx context.Context) ([]checks.URLList, error) {
	if u.host.URLs == nil {
		return nil, nil
	}
	given, err := u.host.URLs(ctx)
	if err != nil {
		return nil, err
	}
	l, err := clienturl.ParseFlag(given)
	if err != nil {
		return nil, errors.New("the URL to connect with can't be used: pass --client-url instead")
	}
	l.Origin, l.Account = "--server or the context", ""
	return []checks.URLList{l}, nil
}
