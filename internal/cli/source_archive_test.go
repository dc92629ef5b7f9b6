package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-balance/nats-balance/internal/lab"
	"github.com/nats-balance/nats-balance/internal/lab/tool"
)

// gatherArchive has the real nats gather an archive.
func gatherArchive(t *testing.T, url string, flags ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	file := filepath.Join(t.TempDir(), "audit.zip")
	possible(t, tool.GatherArchive(ctx, url, file, flags...))
	return file
}

// gatherWhole gathers until the archive has an answer of each server that knows
// an account: nats audit gather waits for as many answers as there are such
// servers, and the refusal of another one counts as one of them.
func gatherWhole(t *testing.T, url string) string {
	t.Helper()
	for range 20 {
		file := gatherArchive(t, url)
		if Run([]string{"audit", "concentration", "--archive", file, "--timeout", "30s"}, io.Discard, io.Discard) != ExitNotAudited {
			return file
		}
	}
	t.Fatal("no archive was whole")
	return ""
}

// audited runs `audit concentration` with these arguments.
func audited(t *testing.T, want int, args ...string) (stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	if got := Run(append([]string{"audit", "concentration"}, args...), &out, &errs); got != want {
		t.Fatalf("%q: status %d, want %d: %s%s", args, got, want, out.String(), errs.String())
	}
	return out.String(), errs.String()
}

func parsed(t *testing.T, document string) map[string]any {
	t.Helper()
	var d map[string]any
	if err := json.Unmarshal([]byte(document), &d); err != nil {
		t.Fatalf("%v: %s", err, document)
	}
	return d
}

// commonPart is a document without what one source can know and another can't:
// the causes and what follows from them, and what is said of the source.
func commonPart(t *testing.T, document string) string {
	t.Helper()
	d := parsed(t, document)
	for _, key := range []string{"source", "time", "client_urls", "dns", "warnings"} {
		delete(d, key)
	}
	for _, f := range d["findings"].([]any) {
		delete(f.(map[string]any), "causes")
		delete(f.(map[string]any), "funnel")
		delete(f.(map[string]any), "remedies")
		delete(f.(map[string]any), "services") // an archive does not say who logs in
	}
	text, err := json.MarshalIndent(d, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// An audit of an archive says what a live one at the same moment does, when the
// servers are gone, too.
func TestAuditOfAnArchive(t *testing.T) {
	t.Parallel()
	scenario, _ := lab.FindScenario("skewed")
	scenario.Topology.Accounts = append(scenario.Topology.Accounts, "IDLE")
	l := startScenario(t, scenario)
	file := gatherArchive(t, l.SystemURL())
	live, _ := audited(t, ExitFinding, "-s", l.SystemURL(), "--no-context", "--timeout", "30s", "--json", "--all")
	l.Stop()

	archive, _ := audited(t, ExitFinding, "--archive", file, "--timeout", "30s", "--json", "--all")
	if a, b := commonPart(t, live), commonPart(t, archive); a != b {
		t.Errorf("live:\n%s\nby the archive:\n%s", a, b)
	}
	d := parsed(t, archive)
	from := d["source"].(map[string]any)
	if from["kind"] != "archive" || !strings.HasPrefix(from["detail"].(string), "audit.zip, gathered 20") {
		t.Errorf("source %v", from)
	}
	verdicts := func(document string) string {
		var out []string
		for _, f := range parsed(t, document)["findings"].([]any) {
			for _, c := range f.(map[string]any)["causes"].([]any) {
				cause := c.(map[string]any)
				out = append(out, cause["code"].(string)+" "+cause["verdict"].(string))
			}
		}
		return strings.Join(out, "\n")
	}
	// To the clocks of an archive, which are as wide as the gathering, the clients
	// came as the servers started. It has no closed connections, which would say whether
	// others refused them for their account's limit.
	less := strings.NewReplacer("server-full ruled-out", "server-full unknown", "network-affinity ruled-out", "network-affinity unknown", "restart-drift ruled-out", "restart-drift unknown")
	if a, b := less.Replace(verdicts(live)), verdicts(archive); !sameLines(a, b) {
		t.Errorf("causes live:\n%s\nby the archive:\n%s", a, b)
	}
	text, _ := audited(t, ExitFinding, "--archive", file, "--timeout", "30s")
	for _, want := range []string{"Finding: ORDERS has 17 of its 18 connections in C1 on C1-n1", "archive", "audit.zip, gathered 20"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in %s", want, text)
		}
	}
	without, _ := audited(t, ExitFinding, "--archive", file, "--timeout", "30s", "--json", "--no-causes")
	lost := func(document string) any {
		return parsed(t, document)["findings"].([]any)[0].(map[string]any)["impact"].(map[string]any)["subscriptions_lost"]
	}
	if lost(without) == nil || lost(without) != lost(live) {
		t.Errorf("subscriptions lost %v, live %v", lost(without), lost(live))
	}

	for args, want := range map[string]int{
		"--critical 90":              ExitCritical,
		"--account BILLING":          ExitPass,
		"--account IDLE":             ExitPass,
		"--threshold 95":             ExitPass,
		"--cluster C1":               ExitFinding,
		"--account NOBODY":           ExitNotAudited,
		"--account SYS":              ExitNotAudited,
		"--cluster NOWHERE":          ExitNotAudited,
		"--monitor http://127.0.0.1": ExitNotAudited,
	} {
		audited(t, want, append([]string{"--archive", file, "--timeout", "30s"}, strings.Fields(args)...)...)
	}
	_, said := audited(t, ExitNotAudited, "--archive", file, "--timeout", "1ns")
	if !strings.Contains(said, "archive audit.zip: it was not read to the end in time: pass a longer --timeout") {
		t.Error(said)
	}
}

// In operator mode accounts have ids and names, and servers know only those that
// they needed; either is found by an archive.
func TestArchiveOfOperatorMode(t *testing.T) {
	t.Parallel()
	o := startOperatorMode(t)
	if o == nil {
		t.FailNow()
	}
	file := gatherArchive(t, o.url, "--creds", o.systemCreds)
	var out bytes.Buffer
	for _, account := range []string{o.ordersID, "ORDERS"} {
		out.Reset()
		status := Run([]string{"audit", "concentration", "--archive", file, "--timeout", "30s", "--json", "--account", account}, &out, &out)
		// nats audit gather may lose a server's answer for an account that not
		// all servers know: then the audit is incomplete, and says so.
		switch text := out.String(); {
		case status == ExitFinding && strings.Contains(text, `"on_server": 12`) && strings.Contains(text, `"name": "ORDERS"`) && strings.Contains(text, o.ordersID):
		case status == ExitNotAudited && strings.Contains(text, "the archive has no ") && strings.Contains(text, "account "+o.ordersID):
		default:
			t.Errorf("%s: status %d: %s", account, status, text)
		}
	}
}

// The cause is found by an archive where the servers tell it.
func TestCauseByAnArchive(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"account-gap", "server-full", "listener-gap-ws"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			scenario, ok := lab.FindScenario(name)
			if !ok {
				t.Fatal("there is no such scenario")
			}
			l := startScenario(t, scenario)
			file := gatherWhole(t, l.SystemURL())
			l.Stop()
			out, _ := audited(t, ExitFinding, "--archive", file, "--timeout", "30s", "--json")
			cause := parsed(t, out)["findings"].([]any)[0].(map[string]any)["causes"].([]any)[0].(map[string]any)
			if cause["code"] != string(scenario.Cause) {
				t.Errorf("the first cause is %v", cause)
			}
		})
	}
}

// nats audit gather can't ask for an account with a dot in its name: that one is
// open, and the others are judged.
func TestArchiveOfAnAccountWithADot(t *testing.T) {
	t.Parallel()
	l := startScenario(t, lab.Scenario{
		Topology: lab.Topology{Clusters: []lab.Cluster{{Name: "C1", Servers: 3}}, Accounts: []string{"ORDERS", "eu.orders"}},
		Clients:  []lab.Placement{{Account: "ORDERS", Server: "C1-n1", Count: 12}, {Account: "eu.orders", Server: "C1-n2", Count: 12}},
	})
	if l == nil {
		t.FailNow()
	}
	file := gatherArchive(t, l.SystemURL())
	out, _ := audited(t, ExitNotAudited, "--archive", file, "--timeout", "30s")
	for _, want := range []string{
		"Incomplete, but 1 finding for certain: not all connections are known. ORDERS has 12 of its 12 connections",
		"the archive has no count of account eu.orders on any server",
	} {
		if !strings.Contains(strings.Join(strings.Fields(out), " "), want) {
			t.Errorf("no %q in %s", want, out)
		}
	}
	audited(t, ExitFinding, "--archive", file, "--timeout", "30s", "--account", "ORDERS")
	audited(t, ExitNotAudited, "--archive", file, "--timeout", "30s", "--account", "eu.orders")
}

// sameLines reports whether two texts have the same lines, in any order.
func sameLines(a, b string) bool {
	return slices.Equal(slices.Sorted(strings.SplitSeq(a, "\n")), slices.Sorted(strings.SplitSeq(b, "\n")))
}
