package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/nats-balance/nats-balance/checks/cause"
	"github.com/nats-balance/nats-balance/internal/lab"
	"github.com/nats-balance/nats-balance/internal/lab/life"
	"github.com/nats-balance/nats-balance/internal/report"
)

// operate does one operation to a real cluster, audits it as its operators would, and
// has the clients prove the cause of each account.
func operate(t *testing.T, o life.Operation, table *confusions) {
	if o.IPv6 && !lab.HasIPv6(t.Context()) {
		t.Skip("this machine has no IPv6")
	}
	w, err := life.Start(t.Context(), o, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer w.Stop()
	doc := lived(t, w, w.Args...)
	if !doc.Coverage.Complete {
		t.Logf("%s: not complete: %+v", o.Name, doc.Coverage)
	}
	movable(t, o, w)
	// Less data never makes more certainty, and at once for all cases.
	offline := slices.Clone(w.Args)
	for _, args := range [][]string{nil, append(offline, "--no-dns", "--no-probe")} {
		// Clocks are compared anew each time, and a busy machine does it worse: what
		// had better ones has not less data. That is over when it is tried again.
		var more []string
		for try, all := 0, doc; try < 3; try++ {
			less := lived(t, w, args...)
			if more = surer(all, less); len(more) == 0 {
				break
			}
			all = lived(t, w, w.Args...)
		}
		for _, what := range more {
			t.Errorf("%s/%s", o.Name, what)
		}
	}
	for _, c := range o.Cases {
		name := o.Name + "/" + c.Account
		is := func(f report.Finding) bool { return f.Account.Name == c.Account }
		// An account may have a finding in each of several clusters.
		at := slices.IndexFunc(doc.Findings, func(f report.Finding) bool { return is(f) && f.Server.Name == c.Server })
		if at < 0 {
			at = slices.IndexFunc(doc.Findings, is)
		}
		switch {
		case at < 0 && (c.Server == "" || c.Perhaps):
			continue
		case at < 0 || c.Server == "":
			t.Errorf("%s: finding %v, want %q; its clients are on %v", name, at >= 0, c.Server, w.Placed(c.Account))
			continue
		}
		f := doc.Findings[at]
		if f.Server.Name != c.Server && !c.Perhaps {
			t.Errorf("%s: it is on %s, not on %s", name, f.Server.Name, c.Server)
		}
		for server, n := range w.Placed(c.Account) {
			if w.Server(server).Cluster() != f.Cluster {
				continue
			}
			if i := slices.IndexFunc(f.Distribution, func(s report.Share) bool { return s.Server.Name == server }); i < 0 || *f.Distribution[i].Connections < n {
				t.Errorf("%s: %d clients say that they are on %s, and not as many are reported", name, n, server)
			}
		}
		if c.Stuck && f.Impact.CanFailOver == "yes" {
			t.Errorf("%s: no other server takes its clients, and it is said that they can fail over", name)
		}
		if c.Check != nil {
			if err := c.Check(t.Context(), w); err != nil {
				t.Errorf("%s: the clients do not prove that it is %s: %v", name, c.Truth, err)
			}
		}
		table.judge(t, answered{name: name, truth: c.Truth, tellable: c.Said, also: c.Also, exact: c.Exact, sure: c.Sure, not: c.Not, open: c.Open}, f)
	}
	alike(t, o, doc)
	for i, args := range w.Others {
		other := lived(t, w, args...)
		alike(t, o, other)
		for _, c := range o.Cases {
			if at := slices.IndexFunc(other.Findings, func(f report.Finding) bool { return f.Account.Name == c.Account }); at >= 0 {
				table.judge(t, answered{name: fmt.Sprintf("%s/%s with other flags, %d", o.Name, c.Account, i+1), truth: c.Truth, tellable: c.Said, also: c.Also, exact: c.Exact, not: c.Not, open: c.Open}, other.Findings[at])
			}
		}
	}
	if w.Mended != nil {
		if plan := planned(t, w, append([]string{"--cluster", "C1"}, w.Mended()...)...); plan.Outcome != "planned" || slices.ContainsFunc(plan.Accounts, func(a report.RebalanceAccount) bool { return a.LeftOut != nil }) {
			t.Errorf("%s: it was mended, and a rebalance is %s: %+v, %+v", o.Name, plan.Outcome, plan.Refusals, plan.Accounts)
		}
	}
	for _, f := range doc.Findings {
		if !slices.ContainsFunc(o.Cases, func(c life.Case) bool { return c.Account == f.Account.Name }) {
			t.Errorf("%s: %s is a finding, and no case", o.Name, f.Account.Name)
		}
	}
}

// alike tests that cases of one group are told as one group, and those of others
// are not.
func alike(t *testing.T, o life.Operation, doc report.Document) {
	t.Helper()
	of, named := map[string]int{}, map[int]string{}
	for _, f := range doc.Findings {
		at := slices.IndexFunc(o.Cases, func(c life.Case) bool { return c.Account == f.Account.Name })
		if at < 0 {
			continue
		}
		name := o.Cases[at].Group
		if group, known := of[name]; known && name != "" && group != f.Group {
			t.Errorf("%s/%s: it is in group %d, and others of %s are in group %d", o.Name, f.Account.Name, f.Group, name, group)
		}
		if other, known := named[f.Group]; known && other != name {
			t.Errorf("%s/%s: one group has it and those of %q", o.Name, f.Account.Name, other)
		}
		of[name], named[f.Group] = f.Group, name
	}
}

// planned is the plan of a rebalance.
func planned(t *testing.T, w *life.World, args ...string) (doc report.Rebalance) {
	t.Helper()
	out, err := rebalancedTo(t.Context(), t, w.SystemURL(), nil, generous, args...)
	if e := json.Unmarshal(out, &doc); e != nil {
		t.Fatalf("%s: a rebalance says %v: %v", args, err, e)
	}
	return doc
}

// movable tests which accounts a rebalance refuses, or leaves out, and why.
func movable(t *testing.T, o life.Operation, w *life.World) {
	t.Helper()
	var cluster report.Rebalance
	for _, c := range o.Cases {
		if c.Refused == "" {
			continue
		}
		if cluster.Cluster == "" {
			cluster = planned(t, w, append([]string{"--cluster", w.Server(c.Server).Cluster()}, w.Args...)...)
		}
		doc := planned(t, w, append([]string{"--account", c.Account}, w.Args...)...)
		is := slices.ContainsFunc(doc.Refusals, func(r report.Refusal) bool { return r.Code == c.Refused })
		if c.Refused == "none" && len(doc.Refusals) > 0 || c.Refused != "none" && !is {
			t.Errorf("%s: a rebalance is refused by %+v, want %s", c.Account, doc.Refusals, c.Refused)
		}
		at := slices.IndexFunc(cluster.Accounts, func(a report.RebalanceAccount) bool { return a.Account.Name == c.Account })
		// The only account of a cluster is refused by its services.
		if at < 0 || (cluster.Accounts[at].LeftOut != nil || !slices.ContainsFunc(cluster.Accounts[at].Services, func(x report.RebalanceService) bool { return x.LeftOut == nil })) != (c.Refused != "none") {
			t.Errorf("%s: a rebalance of the cluster has it as %d of %+v, want %s", c.Account, at, cluster.Accounts, c.Refused)
		}
	}
}

// lived audits a world.
func lived(t *testing.T, w *life.World, with ...string) report.Document {
	t.Helper()
	args := append([]string{"audit", "concentration", "--no-context", "--server", w.SystemURL(), "--json", "--timeout", generous.String()}, with...)
	var stdout, stderr bytes.Buffer
	Run(args, &stdout, &stderr)
	var doc report.Document
	if err := json.Unmarshal(stdout.Bytes(), &doc); err != nil {
		t.Fatalf("%v, stderr %s", err, &stderr)
	}
	return doc
}

// surer are the causes that are confirmed, or ruled out, with less data only.
func surer(doc, less report.Document) []string {
	var out []string
	for _, f := range less.Findings {
		at := slices.IndexFunc(doc.Findings, func(g report.Finding) bool {
			return g.Account.Name == f.Account.Name && g.Cluster == f.Cluster
		})
		if at < 0 {
			continue
		}
		for _, c := range f.Causes {
			was := slices.IndexFunc(doc.Findings[at].Causes, func(x report.Cause) bool { return x.Code == c.Code })
			if before := doc.Findings[at].Causes[was].Verdict; before != c.Verdict && (c.Verdict == string(cause.Confirmed) || c.Verdict == string(cause.RuledOut)) {
				out = append(out, fmt.Sprintf("%s: with less data %s became %s, from %s: %v", f.Account.Name, c.Code, c.Verdict, before, c.Evidence))
			}
		}
	}
	return out
}

// answered is what was said of one finding.
type answered struct {
	name string
	// truth is the root cause, tellable what can be told of it, also the codes of
	// others that are true too.
	truth, tellable string
	also            []string
	// exact asks for just that answer, sure for one that is confirmed. Of the codes in not, none may be likely; of
	// those in open, none may be ruled out.
	exact, sure bool
	not, open   []string

	said, verdict string
}

// confusions counts what was said, by truth.
type confusions struct {
	mu  sync.Mutex
	all []answered
}

// judge takes down what was said of a finding.
func (c *confusions) judge(t *testing.T, j answered, f report.Finding) {
	t.Helper()
	j.said = life.Unknown
	isTrue := func(code string) bool { return code == j.truth || slices.Contains(j.also, code) }
	for _, x := range f.Causes {
		if strong := x.Verdict == string(cause.Confirmed) || x.Verdict == string(cause.Likely); strong && slices.Contains(j.not, x.Code) {
			t.Errorf("%s: %s is %s, and nothing speaks for it: %v", j.name, x.Code, x.Verdict, x.Evidence)
		}
		if x.Verdict == string(cause.RuledOut) && slices.Contains(j.open, x.Code) {
			t.Errorf("%s: %s is ruled out, and nothing excludes it: %v", j.name, x.Code, x.Evidence)
		}
		if x.Role != string(cause.Root) {
			continue
		}
		if strong := x.Verdict == string(cause.Confirmed) || x.Verdict == string(cause.Likely); strong && j.verdict == "" {
			j.said, j.verdict = x.Code, x.Verdict
		}
		if x.Verdict == string(cause.Confirmed) && !isTrue(x.Code) {
			t.Errorf("%s: %s is confirmed, and wrong: it is %s", j.name, x.Code, j.truth)
		}
		if x.Verdict == string(cause.RuledOut) && x.Code == j.truth {
			t.Errorf("%s: %s is ruled out, and it is the cause", j.name, x.Code)
		}
	}
	if j.sure && j.verdict != string(cause.Confirmed) {
		t.Errorf("%s: %s is %s, and is to be confirmed\n%s", j.name, j.said, j.verdict, told(report.Document{Findings: []report.Finding{f}}))
	}
	if j.said != j.tellable {
		if j.exact {
			t.Errorf("%s: said was %s (%s), and %s can be told", j.name, j.said, j.verdict, j.tellable)
		}
		t.Logf("%s: to be told is %s, said was %s (%s)\n%s", j.name, j.tellable, j.said, j.verdict, told(report.Document{Findings: []report.Finding{f}}))
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all = append(c.all, j)
}

// score is how many were right, of all.
func (c *confusions) score() (right, of int) {
	for _, j := range c.all {
		if j.said == j.tellable {
			right++
		}
	}
	return right, len(c.all)
}

// String is the table: a row for each cause that could be told, a column for what
// was said.
func (c *confusions) String() string {
	count, sure := map[[2]string]int{}, map[[2]string]int{}
	var codes []string
	for _, j := range c.all {
		key := [2]string{j.tellable, j.said}
		count[key]++
		if j.verdict == string(cause.Confirmed) {
			sure[key]++
		}
		for _, code := range key {
			if !slices.Contains(codes, code) {
				codes = append(codes, code)
			}
		}
	}
	slices.Sort(codes)
	var b strings.Builder
	b.WriteString("what could be told, and how often which was said first:\n")
	for _, truth := range codes {
		fmt.Fprintf(&b, "%-22s", truth)
		for _, said := range codes {
			if n := count[[2]string{truth, said}]; n > 0 {
				fmt.Fprintf(&b, "  %s %d (%d confirmed)", said, n, sure[[2]string{truth, said}])
			}
		}
		b.WriteByte('\n')
	}
	return b.String()
}
