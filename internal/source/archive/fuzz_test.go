package archive

import (
	"os"
	"strings"
	"testing"
)

func FuzzArchive(f *testing.F) {
	good, err := os.ReadFile(written(f, threeServers))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte{})
	for _, members := range [][][2]string{
		{{manifestName, `{}`}},
		{{infoPage, `{"server":{"id":"N"},"data":{"account_name":"A","client_connections":1}}`}, {manifestName, `{"` + infoPage + `":` + tags("account_info") + `}`}},
	} {
		content, err := os.ReadFile(zipped(f, members...))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(content)
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		err := readAll(t.Context(), stored(t, content))
		if err != nil && !strings.HasPrefix(err.Error(), "archive audit.zip: ") {
			t.Error(err)
		}
	})
}

// FuzzArchivedAnswers reads any JSON as each kind of answer.
func FuzzArchivedAnswers(f *testing.F) {
	for _, seed := range []string{
		`{"server":{"id":"N","name":"n","cluster":"C1"},"data":{"account_name":"A","client_connections":12,"accounts":["A"],"routes":[{"remote_id":"M","remote_name":"m"}],"outbound_gateways":{"C2":{}}}}`,
		`{"server":{"id":"N"},"data":null,"error":{"code":1,"description":"no"}}`, `[]`, `{"data":{"inbound_gateways":{"C2":[]}}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		l := &contents{servers: map[string]*server{}, index: map[string]uint32{}}
		for _, take := range []func([]byte) error{l.varz, l.accountz, l.info, l.routez, l.gatewayz} {
			if take(body) == nil && len(l.servers) != 1 {
				t.Errorf("%q is of %d servers", body, len(l.servers))
			}
		}
		for _, s := range l.servers {
			_ = l.incomplete(s, l.uncounted())
		}
	})
}
