package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nats-balance/nats-balance/internal/lab"
	"github.com/nats-balance/nats-balance/internal/source/sourcetest"
)

// TestWatchWithAFile: LEGACY is accepted, BATCH has a threshold of its own, and ORDERS
// is a finding by the threshold of the file.
func TestWatchWithAFile(t *testing.T) {
	t.Parallel()
	l := sourcetest.StartLab(t, sourcetest.Three("ORDERS", "BATCH", "LEGACY"))
	for account, n1 := range map[string]int{"ORDERS": 13, "BATCH": 16, "LEGACY": 18} {
		sourcetest.Clients(t, l, account, map[string]int{"C1-n1": n1, "C1-n2": 20 - n1})
	}
	file := filepath.Join(t.TempDir(), "balance.yaml")
	if err := os.WriteFile(file, []byte(`version: 1
threshold: 60
accounts:
  - {match: "BAT*", threshold: 90}
accepted:
  - {account: LEGACY, cluster: C1, reason: "known", expires: 2099-01-31}
`), 0o600); err != nil {
		t.Fatal(err)
	}
	out, stop := watching(t, l.Server("C1-n1").URL(lab.SystemAccount), filepath.Join(t.TempDir(), "kept"), "--config", file)
	defer stop()
	shows(t, out, &watched{}, "FINDING ORDERS (C1): 13 of 20 connections (65.0%) on C1-n1")
	shows(t, out, &watched{}, " --threshold 60 --config ")
	if _, err := l.Connect(sourcetest.Within(t), lab.Clients{Account: "BATCH", Server: l.Server("C1-n1"), Count: 40}); err != nil {
		t.Fatal(err)
	}
	shows(t, out, &watched{}, "FINDING BATCH (C1): 56 of 60 connections (93.3%) on C1-n1")
	if text := out.String(); strings.Contains(text, "LEGACY") {
		t.Error(text)
	}
	var stdout, stderr watched
	if status := runHere(sourcetest.Within(t), &stdout, &stderr, "watch", "--no-context", "--no-store", "--config", file+"x"); status != 3 || !strings.Contains(stderr.String(), "--config ") {
		t.Errorf("%d: %s", status, stderr.String())
	}
}

// TestWatchExpectsAServer: nobody has heard of a server that never came, and watch says
// that it is missing until it is there.
func TestWatchExpectsAServer(t *testing.T) {
	t.Parallel()
	topology := sourcetest.Three("ORDERS")
	topology.Clusters[0].Servers, topology.Clusters[0].Late = 4, []int{3}
	l := sourcetest.StartLab(t, topology)
	file := filepath.Join(t.TempDir(), "balance.yaml")
	if err := os.WriteFile(file, []byte("version: 1\nexpect-servers: C1-n1,C1-n2,C1-n3,C1-n4\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, with := range [][]string{{"--expect-servers", "4"}, {"--config", file}} {
		out, stop := watching(t, l.Server("C1-n1").URL(lab.SystemAccount), filepath.Join(t.TempDir(), "kept"), with...)
		defer stop()
		shows(t, out, &watched{}, "1 server does not report")
		if with[0] == "--config" {
			shows(t, out, &watched{}, "C1-n4")
			if err := l.Server("C1-n4").Start(sourcetest.Within(t)); err != nil {
				t.Fatal(err)
			}
		}
	}
	audit := []string{"watch", "--no-context", "--no-store", "--expect-servers", "0"}
	var stdout, stderr watched
	if status := runHere(sourcetest.Within(t), &stdout, &stderr, audit...); status != 3 || !strings.Contains(stderr.String(), "--expect-servers is 0") {
		t.Errorf("%d: %s", status, stderr.String())
	}
}
