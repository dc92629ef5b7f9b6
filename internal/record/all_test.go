package record

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-balance/nats-balance/checks"
)

// met is a full report of n2, n3 and so on, of which the operator says that they are all,
// whomever others count.
func (d *desk) met(all bool, denied []checks.Missing, names ...string) {
	d.w.Ask(d.now)
	r := &checks.Deployment{Accounts: []checks.Account{{ID: "ORDERS", Name: "ORDERS"}}, All: all, Denied: denied, Expected: len(names)}
	for i, name := range names {
		s := at(name)
		r.Servers = append(r.Servers, checks.Server{ID: s.ID, Name: s.Name, Cluster: s.Cluster, Usage: []checks.Usage{{Connections: []uint32{20, 2, 0, 0}[i]}}})
	}
	d.w.Reconcile(r, time.Second, d.now)
}

// n1 was killed for good, and the operator says that the three that report are all: verdicts
// are known, whether this watch found n1 silent or an earlier one did. Once one of the three
// is missing, n1 may be the third.
func TestSilentServerWhereTheOthersAreAll(t *testing.T) {
	t.Parallel()
	for name, begin := range map[string]func() *desk{
		"found by this watch": func() *desk {
			d := &desk{t: t, w: New(Settings{Parameters: checks.Defaults(), Reconcile: time.Hour}), now: epoch()}
			d.met(true, nil, "n2", "n3", "n4", "n1")
			d.pass(30 * time.Second)
			return d
		},
		"found by an earlier watch": func() *desk {
			d := &desk{t: t, w: New(Settings{Parameters: checks.Defaults(), Reconcile: time.Hour}), now: epoch()}
			d.w.KnownPast([]checks.RecordedPast{{
				Identity: checks.Identity{Servers: []checks.ServerProcess{{ServerRef: checks.ServerRef{ID: "Nn2", Name: "n2"}, Cluster: "C1"}}, Accounts: []string{"ORDERS"}},
				Gone:     []checks.RecordedGone{{Server: checks.ServerRef{ID: "Nn1", Name: "n1"}, Cluster: "C1", At: d.now.Add(-time.Minute), Kind: checks.Silent}},
			}})
			return d
		},
	} {
		d := begin()
		d.met(true, counted(), "n2", "n3", "n4")
		told := d.w.Tick(d.now)
		if names, _ := d.names(); len(names) > 0 || len(d.w.Undecided(d.now)) > 0 || !slices.ContainsFunc(told, func(c Change) bool { return c.Kind == Crossed }) {
			t.Errorf("%s: %q are missing, told %+v", name, names, told)
		}
		for _, c := range told {
			if c.Kind == Silent && (name != "found by this watch" || !strings.Contains(c.Reason, "other servers count one")) {
				t.Errorf("%s: %s", name, c.Reason)
			}
		}
		d.pass(time.Minute)
		d.met(false, nil, "n2", "n3")
		d.kinds()
		if names, _ := d.names(); !slices.Contains(names, "n1") || len(d.w.Undecided(d.now)) == 0 {
			t.Errorf("%s: one of the three is missing: %q are", name, names)
		}
	}
}
