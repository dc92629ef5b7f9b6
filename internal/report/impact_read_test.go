package report

import (
	"strings"
	"testing"
)

// A document of an audit has the servers of each cluster, and the accounts of its
// findings only.
func TestReadImpactOfAnAudit(t *testing.T) {
	t.Parallel()
	const audit = `{"type":"nats-balance.v1.audit","time":"2026-11-28T10:00:00Z","clusters":[{"name":"C1","connections":25,"servers":[
		{"server":{"id":"N1","name":"n1","host":"h"},"connections":20,"accounts":1},{"server":{"id":"N3","name":"n3","host":"h"},"connections":5,"accounts":1}]}],"findings":[]}`
	for _, name := range []string{"n3", "N3"} {
		past, err := ReadImpact(strings.NewReader(audit), name)
		if err != nil || past.Server != "n3" || past.Cluster != "C1" || past.Connections != 5 || len(past.Accounts) != 0 {
			t.Errorf("%s: %+v, %v", name, past, err)
		}
	}
	if _, err := ReadImpact(strings.NewReader(audit), "n2"); err == nil || !strings.Contains(err.Error(), `no server "n2"`) {
		t.Errorf("%v", err)
	}
}
