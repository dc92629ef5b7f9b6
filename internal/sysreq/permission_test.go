package sysreq

import (
	"errors"
	"fmt"
	"testing"

	"github.com/nats-io/nats.go"
)

// What nats-server says of a violation, as nats.go hands it over.
func TestPermission(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]struct {
		operation        Operation
		subject, service string
	}{
		`Permissions Violation for Publish to "$SYS.REQ.SERVER.PING"`:                             {Publish, "$SYS.REQ.SERVER.PING", "PING"},
		`Permissions Violation for Publish to "$SYS.REQ.SERVER.NABC.VARZ"`:                        {Publish, "$SYS.REQ.SERVER.NABC.VARZ", "VARZ"},
		`Permissions Violation for Publish to "orders"`:                                           {Publish, "orders", ""},
		`Permissions Violation for Publish with Reply of "_INBOX.x.1"`:                            {Publish, "_INBOX.x.1", ""},
		`Permissions Violation for Subscription to "_INBOX.x.*"`:                                  {Subscribe, "_INBOX.x.*", everything},
		`Permissions Violation for Subscription to "a" using queue "q"`:                           {Subscribe, "a", everything},
		`permissions violation for subscription to "subscription"`:                                {Subscribe, "subscription", everything},
		`Permissions Violation for Publish to "$SYS.REQ.ACCOUNT.subscription.INFO"`:               {Publish, "$SYS.REQ.ACCOUNT.subscription.INFO", "INFO"},
		`Permissions Violation in words that are not known, as of a subscription to "$SYS.REQ.X"`: {Unknown, "", ""},
	} {
		e := permission(fmt.Errorf("%w: %s", nats.ErrPermissionViolation, text))
		if e == nil || e.Operation != want.operation || e.Subject != want.subject || e.service() != want.service || e.Violation != text {
			t.Errorf("%s: %+v, service %q; want %+v", text, e, e.service(), want)
		}
	}
	if e := permission(errors.New("nats: permissions are fine")); e != nil {
		t.Errorf("another error: %+v", e)
	}
}
