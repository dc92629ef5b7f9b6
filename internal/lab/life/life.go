// Package life has everyday operations done to real clusters with real clients:
// a rolling restart, a scale-out, a deployment during an outage. Each operation
// happens to the clients of many accounts at the same time, and each account is
// a case of its own, with a cause that its clients prove.
//
// It is test equipment: the demo does not ship it, and it audits nothing.
package life

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/internal/lab"
)

// Unknown is what is to be said where nothing that an auditor is passed or can
// see tells the cause.
const Unknown = lab.CauseUnknown

// Operation is what operators do to one deployment, and the accounts on it.
type Operation struct {
	// Name is of words joined by hyphens; Title says in a sentence what is done.
	Name, Title string
	Topology    lab.Topology
	// Short marks those that run every day.
	Short bool
	// Rare marks those that run in CI only.
	Rare bool
	// IPv6 marks those that a machine without IPv6 can't run.
	IPv6 bool
	// Do starts the clients and does the operation.
	Do    func(ctx context.Context, w *World) error
	Cases []Case
}

// Case is what has become of one account.
type Case struct {
	Account string
	// Server is where most of its clients are; empty where there is nothing to
	// find.
	Server string
	// Perhaps says that it depends on chance whether it is a finding.
	Perhaps bool
	// Truth is the code of the root cause, Said the one that can be told, or
	// [Unknown].
	Truth, Said string
	// Also are the codes of other causes that are true too.
	Also []string
	// Exact says that just this is to be told, and not in 95 of 100 cases only; Sure
	// that it is to be confirmed.
	Exact, Sure bool
	// Not are the codes of causes for which nothing speaks, Open of those that
	// nothing excludes.
	Not, Open []string
	// Stuck says that no other server takes its clients: "can fail over" is not so.
	Stuck bool
	// Refused is the code for which a rebalance of the account is refused, or "none"
	// where it is not; empty is not tried. One of the cluster leaves it out, or not.
	Refused string
	// Group has the same name for cases that are told as one group, and for no others.
	Group string
	// Check has the clients prove the cause. It may connect more of them: it is
	// called when the audit is over.
	Check func(ctx context.Context, w *World) error
}

// World is a deployment on which an operation was done.
type World struct {
	*lab.Lab
	DNS *lab.DNS
	// Args are the flags that its operators pass.
	Args []string
	// Others are what they may pass instead, of which the same is to be told.
	Others [][]string
	// Mended, if not nil, has them mend the cause, and returns what they pass then to
	// move the clients.
	Mended func() []string
	// Pause is how long they wait between two steps, at the least.
	Pause time.Duration

	folder string
	ends   []func()

	mu     sync.Mutex
	apps   map[string][]App // by account, in the order in which they started
	groups map[string][]*lab.Group
}

// App is a service: clients of one account that are alike.
type App struct {
	Account, Name string
	// Pods gives each client a name as Kubernetes makes them; others have Name.
	Pods bool
	// Names, if not nil, is the name of each.
	Names func(i int) string
	// User and Password are the account's unless set.
	User, Password string
	Count          int
	URLs           []string
	InOrder        bool
	// From is the source address of all; without it they have four hosts.
	From string
	// Resolver is theirs, without it the operator's.
	Resolver *net.Resolver
	// Blocked, if not nil, says which addresses a firewall keeps from them.
	Blocked func(address string) bool
	Options []nats.Option
}

// Start starts the deployment of an operation and does it. It returns when every
// client is connected and the servers count it.
func Start(ctx context.Context, o Operation, folder string) (*World, error) {
	l, err := lab.Start(ctx, o.Topology)
	if err != nil {
		return nil, err
	}
	w := &World{Lab: l, folder: folder, apps: map[string][]App{}, groups: map[string][]*lab.Group{}}
	if w.DNS, err = lab.StartDNS(ctx); err == nil {
		w.Args = append(w.Args, "--resolver", w.DNS.Addr())
		if err = o.Do(ctx, w); err == nil {
			err = w.settled(ctx)
		}
	}
	if err != nil {
		w.Stop()
		return nil, fmt.Errorf("operation %s: %w", o.Name, err)
	}
	return w, nil
}

// Stop stops everything.
func (w *World) Stop() {
	for _, end := range w.ends {
		end()
	}
	w.Lab.Stop()
	if w.DNS != nil {
		w.DNS.Stop()
	}
}

// Placed says on which servers the clients of an account say that they are.
func (w *World) Placed(account string) map[string]int {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := map[string]int{}
	for _, g := range w.groups[account] {
		for _, nc := range g.Conns() {
			if nc.IsConnected() { // others ended, and were started again
				out[nc.ConnectedServerName()]++
			}
		}
	}
	return out
}

// settled returns when all clients are connected and the servers count them.
func (w *World) settled(ctx context.Context) error {
	return lab.Poll(ctx, func() error {
		for account, groups := range w.groups {
			want, have := 0, 0
			for _, app := range w.apps[account] {
				want += app.Count
			}
			for _, s := range w.Servers() {
				have += s.Connections(account)
			}
			connected := 0
			for _, g := range groups {
				connected += g.Connected()
			}
			if have != want || connected != want {
				return fmt.Errorf("account %s: %d of %d clients are connected, the servers count %d", account, connected, want, have)
			}
		}
		return nil
	})
}

const podLetters = "bcdfghjklmnpqrstvwxz2456789"

func (a App) name(i int) string {
	if a.Names != nil {
		return a.Names(i)
	}
	if !a.Pods {
		return a.Name
	}
	return fmt.Sprintf("%s-7f9c6d5b8-%c%cx9q", a.Name, podLetters[i/len(podLetters)], podLetters[i%len(podLetters)])
}

// run connects clients of an app from the hosts of a network.
func (w *World) run(ctx context.Context, a App, network int) ([]*lab.Group, error) {
	groups := make([]*lab.Group, a.Count)
	errs := make([]error, a.Count)
	options := a.Options
	if a.User != "" {
		password := a.Password
		if password == "" {
			password = lab.Password
		}
		options = append(slices.Clone(options), nats.UserInfo(a.User, password))
	}
	var wg sync.WaitGroup
	turn := make(chan struct{}, 8)
	for i := range a.Count {
		wg.Go(func() {
			turn <- struct{}{}
			defer func() { <-turn }()
			from := a.From
			if from == "" {
				from = fmt.Sprintf("127.60.%d.%d", network, 10+i%4)
			}
			resolver := a.Resolver
			if resolver == nil {
				resolver = w.DNS.Resolver()
			}
			groups[i], errs[i] = w.Connect(ctx, lab.Clients{Account: a.Account, URLs: a.URLs, Count: 1, Name: a.name(i), Source: from,
				NoRandomize: a.InOrder, Resolver: resolver, Blocked: a.Blocked, Options: options})
		})
	}
	wg.Wait()
	return slices.DeleteFunc(groups, func(g *lab.Group) bool { return g == nil }), errors.Join(errs...)
}

// start starts apps.
func (w *World) start(ctx context.Context, apps ...App) error {
	for _, a := range apps {
		n := 1
		for _, of := range w.apps {
			n += len(of)
		}
		groups, err := w.run(ctx, a, n)
		if err != nil {
			return fmt.Errorf("%s of %s: %w", a.Name, a.Account, err)
		}
		w.apps[a.Account] = append(w.apps[a.Account], a)
		w.mu.Lock()
		w.groups[a.Account] = append(w.groups[a.Account], groups...)
		w.mu.Unlock()
	}
	return nil
}

// raw starts clients of another language on a server: where the documented walk
// of their library leads them.
func (w *World) raw(ctx context.Context, c lab.RawClients) error {
	g, err := w.ConnectRaw(ctx, c)
	if err != nil {
		return err
	}
	w.apps[c.Account] = append(w.apps[c.Account], App{Account: c.Account, Name: c.Name, Count: c.Count, URLs: []string{c.Server.ClientURL()}})
	w.groups[c.Account] = append(w.groups[c.Account], g)
	return nil
}

// evenly starts an app that has as many clients on each server.
func (w *World) evenly(ctx context.Context, a App, each int) error {
	for _, s := range w.Servers() {
		a.URLs, a.Count = []string{s.ClientURL()}, each
		if err := w.start(ctx, a); err != nil {
			return err
		}
	}
	return nil
}

// url and all are URLs of servers without credentials.
func (w *World) url(name string) string { return w.Server(name).ClientURL() }

func (w *World) all() []string {
	var out []string
	for _, s := range w.Servers() {
		out = append(out, s.ClientURL())
	}
	return out
}

// fresh connects new clients as an app has them, and says where they are.
func (w *World) fresh(ctx context.Context, a App, n int) (map[string]int, error) {
	a.Count = n
	groups, err := w.run(ctx, a, 250)
	out := map[string]int{}
	for _, g := range groups {
		for _, nc := range g.Conns() {
			out[nc.ConnectedServerName()]++
		}
		g.Close()
	}
	return out, err
}

// accounts returns the accounts of the operation's cases, sorted, each once.
func (o Operation) accounts() []string {
	set := map[string]bool{}
	for _, c := range o.Cases {
		set[c.Account] = true
	}
	return slices.Sorted(maps.Keys(set))
}

// Operations returns all everyday operations that the tests do to real clusters.
func Operations() []Operation {
	all := []Operation{outage(), rolling(), rollingMute(), scaleOut(), tenants(), balancers(), kept(), credentials(), full(), certificate(), devices(), five(), steady(), replaced(), halfway(), half(), freed(),
		services(), burst(), rotation(), sites(), nodes(), habits(), paho(),
		measured(), families(), advertised(), draining(), returned(), partly(), ordered(), between(), patched(), added(), grown(),
		securing(), rack(), upgrade(), region(), fronted(), supervised()}
	for i := range all {
		o := &all[i]
		o.Topology.DistinctAddresses = true
		o.Topology.Accounts = append(o.Topology.Accounts, o.accounts()...)
	}
	return all
}

// three is a cluster of three.
func three(change ...func(c *lab.Cluster)) lab.Topology {
	c := lab.Cluster{Name: "C1", Servers: 3}
	for _, f := range change {
		f(&c)
	}
	return lab.Topology{Clusters: []lab.Cluster{c}}
}

const (
	n1 = "C1-n1"
	n2 = "C1-n2"
	n3 = "C1-n3"
)
