package checks

import (
	"fmt"
	"slices"

	"github.com/nats-balance/nats-balance/internal/words"
)

// Parameters are the thresholds and the selection of the concentration check.
type Parameters struct {
	// ThresholdPercent: a server with more than this share is a finding. 1..99.
	ThresholdPercent int
	// MinServers that a cluster must have. 2 or more.
	MinServers int
	// MinConnections that an account must have in the cluster. 1 or more.
	MinConnections int
	// ReviewPercent: above this share and no finding is listed as review. 1..99.
	ReviewPercent int
	// CriticalPercent: a finding of at least this share is critical. 1..100,
	// or 0 for off.
	CriticalPercent int
	// Overrides for some accounts; the first that matches counts. They must be
	// valid, see [Override].
	Overrides []Override
	// Accounts, by id or name, and Clusters, by name, limit what is judged;
	// empty is all.
	Accounts, Clusters []string
	// AllowPartial judges by the servers that reported, as if the others had
	// nothing: the operator accepts that the verdict can be wrong.
	AllowPartial bool
	// All also lists every pair that was looked at, see [Result.Rows].
	All bool
}

// Defaults are the thresholds of the published check.
func Defaults() Parameters {
	return Parameters{ThresholdPercent: 70, MinServers: 3, MinConnections: 10, ReviewPercent: 50}
}

// Validate reports the first parameter that is out of its range, in a sentence
// that begins with its name and says what to pass.
func (p Parameters) Validate() error {
	limits := []struct {
		name      string
		value     int
		low, high int // high 0: no upper limit
		off       bool
	}{
		{"threshold", p.ThresholdPercent, 1, 99, false},
		{"min-servers", p.MinServers, 2, 0, false},
		{"min-connections", p.MinConnections, 1, 0, false},
		{"review", p.ReviewPercent, 1, 99, false},
		{"critical", p.CriticalPercent, 1, 100, true},
	}
	for _, l := range limits {
		if l.off && l.value == 0 {
			continue
		}
		switch {
		case l.high > 0 && (l.value < l.low || l.value > l.high):
			return fmt.Errorf("%s is %d: pass a whole number from %d to %d", l.name, l.value, l.low, l.high)
		case l.value < l.low:
			return fmt.Errorf("%s is %d: pass a whole number of %d or more", l.name, l.value, l.low)
		}
	}
	return nil
}

func (p Parameters) wantsAccount(a Account) bool {
	return len(p.Accounts) == 0 || slices.ContainsFunc(p.Accounts, a.Is)
}

// Is reports whether a name that was asked for is the account's id or name.
func (a Account) Is(name string) bool { return a.ID == name || a.Name == name }

func (p Parameters) wantsCluster(name string) bool {
	return len(p.Clusters) == 0 || slices.Contains(p.Clusters, name)
}

// Select reports the accounts and clusters asked for that the deployment does
// not have. A verdict on them would be a wrong "all fine".
func (p Parameters) Select(d *Deployment) error {
	for _, want := range p.Clusters {
		var names []string
		for _, c := range d.clusters() {
			if c.name != "" {
				names = append(names, c.name)
			}
		}
		if several := d.called(want); len(several) > 0 {
			return &AmbiguousClusterError{Name: want, Known: several}
		}
		if !slices.Contains(names, want) {
			return &UnknownClusterError{Name: want, Known: names}
		}
	}
	for _, want := range p.Accounts {
		if err := d.Unambiguous(want); err != nil {
			return err
		}
		ordinary, system := false, false
		for _, a := range d.Accounts {
			ordinary = ordinary || a.Is(want) && !a.System
			system = system || a.Is(want) && a.System
		}
		if !ordinary {
			return &UnknownAccountError{Name: want, System: system, Missing: d.Absent()}
		}
	}
	return nil
}

// Unambiguous returns an [AmbiguousAccountError] where a name is that of several
// accounts. An id is never that.
func (d *Deployment) Unambiguous(name string) error {
	var ids []string
	for _, a := range d.Accounts {
		switch {
		case a.ID == name:
			return nil
		case a.Name == name:
			ids = append(ids, a.ID)
		}
	}
	if len(ids) < 2 {
		return nil
	}
	slices.Sort(ids)
	return &AmbiguousAccountError{Name: name, IDs: ids}
}

// AmbiguousAccountError is a name that several accounts have.
type AmbiguousAccountError struct {
	Name string
	IDs  []string // of those accounts, in order
}

func (e *AmbiguousAccountError) Error() string {
	return fmt.Sprintf("%s accounts are called %q", words.Count(len(e.IDs)), e.Name)
}

// UnknownClusterError is a cluster that was asked for and that no server reports.
type UnknownClusterError struct {
	Name  string
	Known []string // those that servers report
}

func (e *UnknownClusterError) Error() string {
	return fmt.Sprintf("no server reports a cluster named %q", e.Name)
}

// AmbiguousClusterError is a name that several clusters report.
type AmbiguousClusterError struct {
	Name  string
	Known []string // what those clusters are called, in order
}

func (e *AmbiguousClusterError) Error() string {
	return fmt.Sprintf("%s clusters without routes to each other are called %q", words.Count(len(e.Known)), e.Name)
}

// UnknownAccountError is an account that was asked for and can't be judged: no
// server that answered knows it, or it is the system account.
type UnknownAccountError struct {
	Name    string
	System  bool
	Missing int // servers that did not report, which may know it
}

func (e *UnknownAccountError) Error() string {
	if e.System {
		return fmt.Sprintf("account %q is the system account, which is never checked", e.Name)
	}
	return fmt.Sprintf("no server that answered knows an account %q", e.Name)
}
