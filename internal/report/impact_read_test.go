package report

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/nats-balance/nats-balance/internal/words"
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

// Of a finding those services were on the server that it counts there.
func TestReadImpactOfAFinding(t *testing.T) {
	t.Parallel()
	const audit = `{"type":"nats-balance.v1.audit","time":"2026-11-28T10:00:00Z","clusters":[{"name":"C1","servers":[{"server":{"id":"N3","name":"n3"},"connections":20}]}],
		"findings":[{"account":{"id":"A","name":"A"},"cluster":"C1","distribution":[{"server":{"name":"n3"},"connections":20},{"server":{"name":"n1"},"connections":3}],"services":[
		{"name":"api","user":"a","counts":[{"server":{"name":"n3"},"connections":9}]},{"name":"","user":"u","counts":[{"server":{"name":"n3"},"connections":8}]},
		{"name":"api","user":"b","counts":[{"server":{"name":"n3"},"connections":3},{"server":{"name":"n1"},"connections":3}]},{"name":"billing","counts":[{"server":{"name":"n1"},"connections":3}]},
		{"name":"unread","counts":[{"server":{"name":"n3"},"connections":null}]}]}]}`
	past, err := ReadImpact(strings.NewReader(audit), "n3")
	if err != nil || len(past.Accounts) != 1 || past.Accounts[0].OnServer != 20 || !slices.EqualFunc(past.Accounts[0].Services, []string{"api", "user u"}, func(s PastService, name string) bool { return s.Name == name }) ||
		past.Accounts[0].Services[0].OnServer != 12 || past.Accounts[0].Services[0].Held["n1"] != 3 {
		t.Errorf("%+v, %v", past, err)
	}
}

// What no server can have is not believed, nor is half a file.
func TestReadImpactRefuses(t *testing.T) {
	t.Parallel()
	document := func(connections, on string) string {
		return `{"type":"` + ImpactType + `","servers":[{"server":{"name":"n1"},"cluster":"C1","connections":` + connections +
			`,"accounts":[{"account":{"id":"A","name":"A"},"on_server":` + on + `}]}]}`
	}
	for text, want := range map[string]string{
		document("5", "5"):                      "",
		document("5", "5") + "\n":               "",
		document("-5", "5"):                     "no server can have",
		document("5", "-5"):                     "no server can have",
		document("9223372036854775807", "5"):    "no server can have",
		document("5", "5") + document("5", "5"): "not a document of impact",
		`{"type":"` + Type + `","clusters":[{"name":"C1","servers":[{"server":{"name":"n1"},"connections":-1}]}]}`: "no server can have",
	} {
		if _, err := ReadImpact(strings.NewReader(text), "n1"); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

// A document is from outside: what it calls a server, a cluster or an account.
func TestReadImpactIsHarmless(t *testing.T) {
	t.Parallel()
	past, err := ReadImpact(strings.NewReader(`{"type":"`+ImpactType+`","servers":[{"server":{"id":"N1","name":"n\u001b[1m"},"cluster":"C\u0007","connections":5,`+
		`"accounts":[{"account":{"id":"A\n","name":"A\u202e"},"on_server":5,"services":[{"name":"s\u001b","on_server":5,"counts":[{"server":{"name":"n\u0007"},"connections":5}]}]}]}]}`), "N1")
	if err != nil {
		t.Fatal(err)
	}
	a := past.Accounts[0]
	for _, s := range []string{past.Server, past.Cluster, a.ID, a.Name, a.Services[0].Name, slices.Collect(maps.Keys(a.Services[0].Held))[0]} {
		if !words.IsPrintable(s) {
			t.Errorf("%q", s)
		}
	}
}
