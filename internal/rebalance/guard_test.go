package rebalance

import (
	"slices"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/internal/lab"
)

// TestApplyStopsWhenAServerDrains: at once, as it answers nothing any more, and says
// why: its clients leave by themselves. Who may not hear of it finds it silent.
func TestApplyStopsWhenAServerDrains(t *testing.T) {
	t.Parallel()
	topology := three("ORDERS")
	topology.Clusters[0].Configure = func(_ int, o *server.Options) {
		o.LameDuckDuration, o.LameDuckGracePeriod = time.Minute, 10*time.Millisecond
		unheard := *o.Users[slices.IndexFunc(o.Users, func(u *server.User) bool { return u.Account.Name == lab.SystemAccount })]
		unheard.Username = "unheard"
		unheard.Permissions = &server.Permissions{Subscribe: &server.SubjectPermission{Deny: []string{"$SYS.SERVER.>"}}}
		o.Users = append(o.Users, &unheard)
	}
	l := startLab(t, topology)
	roam(t, "ORDERS", 60, "go", l.Cluster("C1")...)
	pace := calm(long, 10)
	pace.Progress = func(over, _ int) {
		if over == 10 {
			go l.Server("C1-n3").Embedded().LameDuckShutdown() // ends when the server is stopped
		}
	}
	scope, state := stageOf(t, l, "C1", "ORDERS")
	r := Apply(within(t), connect(t, l.Server("C1-n2").URL(lab.SystemAccount)), scope, state, everywhere(), pace)
	stopped(t, r, StopServerLost)
	if got := outcomes(r); got[Kicked] > 30 || r.Stop == nil || r.Stop.Why != StopReason(Drains{"C1-n3"}) {
		t.Errorf("moves %v, %+v", got, r.Stop)
	} else if r.Unseen != (got[Kicked] > r.Batches[0].Kicked) {
		t.Errorf("moves %v, batches %+v, unseen: %v", got, r.Batches, r.Unseen)
	}
	r = Apply(within(t), connect(t, l.Server("C1-n2").ClientURL(), nats.UserInfo("unheard", lab.Password)), scope, state, everywhere(), calm(2*time.Second, 10))
	stopped(t, r, StopServerLost)
	if got := outcomes(r); got[Kicked] > 0 || r.Stop == nil || r.Stop.Why != StopReason(Vanished{"C1-n3"}) {
		t.Errorf("moves %v, %+v", got, r.Stop)
	}
}
