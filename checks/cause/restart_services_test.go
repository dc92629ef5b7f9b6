package cause

import (
	"slices"
	"testing"
	"time"

	"github.com/nats-balance/nats-balance/checks"
)

// beganAs is a service whose connections began as these rows say: by server, and by how
// many of the three, which started in this order, were up.
func beganAs(stem string, rows ...[]int) checks.Service {
	x := serviceOf(stem, sum(rows[0]), sum(rows[1]), sum(rows[2]))
	p := &checks.Profile{Servers: []string{"N1", "N2", "N3"}, StartOrder: []int{0, 1, 2}, Starts: rows}
	exactly(p)
	x.Starts, x.SurelyUp = rows, p.SurelyUp
	return x
}

// drifted is a service that n2 and then n3 left as they restarted, cameAfterAll one
// that was deployed when that was over.
func drifted(stem string) checks.Service {
	return beganAs(stem, []int{0, 7, 3, 0}, []int{0, 0, 4, 0}, []int{0, 0, 0, 0})
}

func cameAfterAll(stem string, n1, n2, n3 int) checks.Service {
	return beganAs(stem, []int{0, 0, 0, n1}, []int{0, 0, 0, n2}, []int{0, 0, 0, n3})
}

// other is another account with these services, which was read.
func other(account string, services ...checks.Service) change {
	return func(s *scene) {
		p := &checks.Profile{Servers: []string{"N1", "N2", "N3"}, Whole: true, StartOrder: []int{0, 1, 2}, Services: services}
		s.Deployment.Accounts = append(s.Deployment.Accounts, checks.Account{ID: account, Name: account})
		for _, x := range services {
			p.Read, p.SurelyUp = added(p.Read, x.Counts), added(p.SurelyUp, x.SurelyUp)
			for at, row := range x.Starts {
				if at == len(p.Starts) {
					p.Starts = append(p.Starts, nil)
				}
				p.Starts[at] = added(p.Starts[at], row)
			}
		}
		for at, n := range p.Read {
			s.Deployment.Servers[at].Usage = append(s.Deployment.Servers[at].Usage, checks.Usage{Account: uint32(len(s.Deployment.Accounts) - 1), Connections: uint32(n)}) //nolint:gosec // a few
		}
		if s.Neighbours == nil {
			s.Neighbours = &Neighbours{Profiles: map[string]*checks.Profile{"ORDERS": s.Profile}}
		}
		s.Neighbours.Profiles[account] = p
	}
}

// TestRestartOfServices: what restarts did to one service is not ruled out by another
// one of the account that was deployed when they were over.
func TestRestartOfServices(t *testing.T) {
	of := func(services ...checks.Service) []change { return with(withServices(services...), laterStarts) }
	and := func(changes []change, more ...change) []change { return slices.Concat(changes, more) }
	both := of(drifted("orders-api"), cameAfterAll("orders-batch", 10, 0, 0))
	// All on n1 before the others started: they may know n1 alone.
	doubtful := beganAs("orders-api", []int{0, 12, 0, 0}, []int{0, 0, 0, 0}, []int{0, 0, 0, 0})
	judgeRows(t, RestartDrift, []row{
		{"a service drifted, and one came later, in order", both, Likely, RestartDrift},
		{"it drifted alone", of(drifted("orders-api")), Likely, RestartDrift},
		{"another account's service was left here, as a part of that account", and(of(doubtful), other("BILLING", beganAs("billing-api", []int{0, 16, 0, 1}, []int{0, 0, 0, 2}, []int{0, 0, 0, 2}), cameAfterAll("billing-batch", 20, 0, 0))), Likely, RestartDrift},

		{"the other one has more, and why is unknown", of(drifted("orders-api"), cameAfterAll("orders-batch", 16, 0, 0)), Possible, "none"},
		{"the other one has more, and came between the restarts", of(drifted("orders-api"), beganAs("orders-batch", []int{0, 0, 40, 0}, []int{0, 0, 0, 0}, []int{0, 0, 0, 0})), Possible, "none"},
		{"the one that drifted is spread since", of(cameAfterAll("orders-batch", 24, 0, 0), cameAfterAll("orders-api", 4, 4, 4)), RuledOut, "none"},
		{"both came later", of(cameAfterAll("orders-api", 10, 4, 0), cameAfterAll("orders-batch", 10, 0, 0)), RuledOut, "none"},
		{"one came later, and the other one is a small part of it", of(cameAfterAll("orders-batch", 40, 0, 0), drifted("orders-api")), Possible, "none"},
		{"one came later, and the other one does not make the finding", of(cameAfterAll("orders-batch", 40, 0, 0), beganAs("orders-web", []int{0, 3, 0, 0}, []int{0, 0, 3, 0}, []int{0, 0, 0, 2})), RuledOut, "none"},
		{"both may know this server alone", of(doubtful, cameAfterAll("orders-batch", 10, 0, 0)), Possible, "none"},
		{"both were there before", of(doubtful, beganAs("orders-batch", []int{0, 10, 0, 0}, []int{0, 0, 0, 0}, []int{0, 0, 0, 0})), Possible, "none"},
		{"the other account's services all came later", and(of(doubtful), other("BILLING", cameAfterAll("billing-api", 10, 4, 0), cameAfterAll("billing-batch", 20, 0, 0))), Possible, "none"},
		{"the other account's service may know this server alone", and(of(doubtful), other("BILLING", beganAs("billing-api", []int{0, 16, 0, 0}, []int{0, 0, 0, 0}, []int{0, 0, 0, 0}), cameAfterAll("billing-batch", 20, 0, 0))), Possible, "none"},
		{"both came later, and the other account drifted", and(of(cameAfterAll("orders-api", 10, 4, 0), cameAfterAll("orders-batch", 10, 0, 0)), other("BILLING", drifted("billing-api"))), RuledOut, "none"},
	})
}

// TestServicesOfAccountsTogether: accounts that restarts moved say so too where they have
// a service that was deployed after that.
func TestServicesOfAccountsTogether(t *testing.T) {
	t.Parallel()
	later := cameAfterAll("batch", 12, 0, 0)
	for _, r := range []struct {
		name    string
		changes []change
		want    int
	}{
		{"each drifted, and has a later service", with(other("A", drifted("a-api"), later), other("B", drifted("b-api"), later), other("C", drifted("c-api"), later)), 3},
		{"one has the later service alone", with(other("A", drifted("a-api"), later), other("B", later), other("C", drifted("c-api"), later)), 2},
		{"all came later", with(other("A", later, later), other("B", later), other("C", later)), 0},
	} {
		c := caseOf(append(with(withServices(cameAfterAll("orders-api", 12, 1, 1)), startedInTurn), r.changes...)...)
		if got := newSituation(c).rollingOf(); got.accounts != r.want || got.without != r.want {
			t.Errorf("%s: %d accounts, %d of them have left the last server; want %d", r.name, got.accounts, got.without, r.want)
		}
	}
}

// startedInTurn has n1, n2 and n3 started one after the other.
func startedInTurn(s *scene) {
	for i := range 3 {
		s.Deployment.Servers[i].Start = started().Add(time.Duration(i) * time.Minute)
	}
}
