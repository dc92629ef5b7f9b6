package archive

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	jsm "github.com/nats-io/jsm.go/audit/archive"

	"github.com/nats-balance/nats-balance/internal/source/sourcetest"
)

// Leafnode connections of the system account lead to servers that are audited with
// it. Both of their ends list them, with the name of the other, which several have
// where sites were set up alike.
func TestArchiveNamesServersBehindLeafnodes(t *testing.T) {
	t.Parallel()
	const hubs = `{"name":"hub","account":"SYS","is_spoke":true}`
	for what, c := range map[string]struct {
		s1, s2, s3 string // leafnode connections
		want       string
	}{
		"none":                           {"", "", "", ""},
		"of one that is there":           {`{"name":"s2","account":"SYS"}`, `{"name":"s1","account":"SYS","is_spoke":true}`, "", ""},
		"of one that is not":             {`{"name":"x","account":"SYS"}`, "", "", "x behind: it is behind a leafnode of s1, but"},
		"of another of that name":        {`{"name":"s2","account":"SYS"},{"name":"s2","account":"SYS"}`, `{"name":"s1","account":"SYS","is_spoke":true}`, "", "s2 behind: it is behind a leafnode of s1, but"},
		"of one that is called as a hub": {`{"name":"s1","account":"SYS"}`, "", "", "s1 behind: it is behind a leafnode of s1, but"},
		"of one that connects twice":     {`{"name":"s3","account":"SYS"}`, `{"name":"s3","account":"SYS"}`, `{"name":"s1","account":"SYS","is_spoke":true},{"name":"s2","account":"SYS","is_spoke":true}`, ""},
		"of another account":             {`{"name":"x","account":"ORDERS"}`, "", "", ""},
		"of a hub that is not there":     {"", hubs, hubs, "hub silent: s2 is a leafnode of it, but"},
	} {
		a := openArchive(t, written(t, func(w *jsm.Writer) error {
			err := threeServers(w)
			for i, leafs := range []string{c.s1, c.s2, c.s3} {
				name := fmt.Sprintf("s%d", i+1)
				body := fmt.Sprintf(`{"server":{"id":"N%d","name":%q,"cluster":"C1"},"data":{"leafs":[%s]}}`, i+1, name, leafs)
				err = errors.Join(err, w.AddRaw(strings.NewReader(body), "json", jsm.TagServer(name), jsm.TagCluster("C1"), jsm.TagServerLeafs()))
			}
			return err
		}))
		d, err := a.Deployment(sourcetest.Within(t))
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, m := range d.Missing {
			got += fmt.Sprintf("%s %s: %s", m.Name, m.Kind, m.Reason)
		}
		if !strings.HasPrefix(got, c.want) || (got == "") != (c.want == "") || d.Expected != len(d.Servers)+len(d.Missing) {
			t.Errorf("%s: missing %s", what, got)
		}
	}
}
