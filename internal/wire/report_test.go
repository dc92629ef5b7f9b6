package wire

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/klauspost/compress/s2"
	"github.com/nats-io/nats.go"

	"github.com/nats-balance/nats-balance/internal/lab"
	"github.com/nats-balance/nats-balance/internal/source/sourcetest"
	"github.com/nats-balance/nats-balance/internal/sysreq"
)

// line is what is read of one account.
type line struct {
	id, name     string
	conns, leafs uint32
}

// decoded is what is read of a reply.
type decoded struct {
	from  Server
	lines []line
	err   string
}

func show(r Report, err error, in *Accounts) decoded {
	d := decoded{from: r.From}
	if err != nil {
		d.err = err.Error()
		return d
	}
	accounts := in.All()
	for _, u := range r.Usage {
		a := accounts[u.Account]
		d.lines = append(d.lines, line{a.ID, a.Name, u.Connections, u.Leafnodes})
	}
	return d
}

// same says whether a and b are the same but for the wording of errors: the
// JSON library's depends on where its buffer ends.
func same(a, b decoded) bool {
	return a.from == b.from && slices.Equal(a.lines, b.lines) && (a.err == "") == (b.err == "")
}

// read decodes a reply.
func read(d *Decoder, m *nats.Msg) decoded {
	in := NewAccounts()
	r, err := d.Report(context.Background(), m, in)
	return show(r, err, in)
}

// readBoth decodes a plain reply as it is done and with the JSON library alone,
// and makes sure that there is no difference.
func readBoth(t testing.TB, d *Decoder, data string) decoded {
	t.Helper()
	normal := read(d, &nats.Msg{Data: []byte(data)})
	if data == "" {
		return normal
	}
	// Not only as it is done, which goes the slow way where the fast one fails.
	in := NewAccounts()
	d.plain.Reset()
	d.plain.WriteString(data)
	r, err := d.fast(context.Background(), in)
	fast := show(r, err, in)

	in = NewAccounts()
	r, err = d.slow(context.Background(), nil, in)
	slow := show(r, err, in)
	if !same(normal, slow) || fast.err == "" && !same(fast, slow) {
		t.Errorf("of %.2000q\nnormally: %+v\nfast:     %+v\nslowly:   %+v", data, normal, fast, slow)
	}
	return normal
}

// agrees compares with a decoder that knows nothing of all this, where the
// reply is one on whose meaning all JSON libraries agree.
func agrees(t testing.TB, data string, got decoded) {
	t.Helper()
	type accounts struct {
		Accounts []*struct {
			ID    string   `json:"acc"`
			Name  string   `json:"name"`
			Conns *float64 `json:"conns"`
			Leafs float64  `json:"leafnodes"`
		} `json:"account_statz"`
	}
	var want struct {
		Server Server         `json:"server"`
		Data   *accounts      `json:"data"`
		Error  jsontext.Value `json:"error"`
	}
	if got.err != "" || json.Unmarshal([]byte(data), &want) != nil {
		return
	}
	if want.Server == (Server{}) { // a page
		var p struct {
			ID       string   `json:"server_id"`
			Accounts accounts `json:",inline"`
		}
		if json.Unmarshal([]byte(data), &p) != nil {
			return
		}
		want.Server.ID, want.Data = p.ID, &p.Accounts
	}
	if want.Data == nil || want.Error != nil || want.Server != got.from {
		t.Errorf("%.2000q is read as %+v", data, got)
		return
	}
	var lines []line
	for _, a := range want.Data.Accounts {
		if a == nil || a.Conns == nil || a.ID == "" {
			t.Errorf("%.2000q is read as %+v", data, got)
			return
		}
		if *a.Conns == 0 && a.Leafs == 0 {
			continue
		}
		l := line{a.ID, a.Name, uint32(*a.Conns), uint32(a.Leafs)}
		if l.name == "" {
			l.name = l.id
		}
		lines = append(lines, l)
	}
	if !reflect.DeepEqual(lines, got.lines) {
		t.Errorf("%.2000q is read as %+v, not %+v", data, got.lines, lines)
	}
}

// realReplies are what a real server answers: plain, compressed in both ways,
// with unused accounts, with one account.
func realReplies(t testing.TB) []*nats.Msg {
	t.Helper()
	l := sourcetest.StartLab(t, lab.Topology{Clusters: []lab.Cluster{{Servers: 1}}, Accounts: []string{"APP", "a<b>&\"ü\\", "IDLE"}})
	for account, n := range map[string]int{"APP": 3, "a<b>&\"ü\\": 2} {
		if _, err := l.ConnectRaw(sourcetest.Within(t), lab.RawClients{Account: account, Server: l.Server("n1"), Count: n}); err != nil {
			t.Fatal(err)
		}
	}
	nc := sourcetest.Connect(t, l.SystemURL())
	var out []*nats.Msg
	for _, encoding := range []string{"", "snappy", "gzip", "identity"} {
		for _, body := range []string{"", `{"include_unused":true}`, `{"accounts":["APP"]}`} {
			m, err := nc.RequestMsgWithContext(sourcetest.Within(t), &nats.Msg{Subject: sysreq.AccountStatz, Data: []byte(body),
				Header: nats.Header{"Accept-Encoding": []string{encoding}}})
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, m)
		}
	}
	return out
}

// plainOf is a reply without its encoding.
func plainOf(t testing.TB, m *nats.Msg) string {
	t.Helper()
	r, err := NewDecoder().Open(m)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestRealReplies(t *testing.T) {
	t.Parallel()
	d := NewDecoder()
	encodings := map[string]int{}
	for i, m := range realReplies(t) {
		encodings[m.Header.Get("Content-Encoding")]++
		got := read(d, m)
		plain := plainOf(t, m)
		if again := readBoth(t, d, plain); !reflect.DeepEqual(again, got) {
			t.Errorf("%v: %+v, but plain %+v", m.Header, got, again)
		}
		agrees(t, plain, got)
		want := map[line]bool{{"APP", "APP", 3, 0}: true}
		if i%3 != 2 { // of all accounts
			want[line{"a<b>&\"ü\\", "a<b>&\"ü\\", 2, 0}] = true
			want[line{lab.SystemAccount, lab.SystemAccount, 1, 0}] = true
		}
		for _, l := range got.lines {
			if !want[l] {
				t.Errorf("%v: %+v", m.Header, l)
			}
		}
		if got.err != "" || len(got.lines) != len(want) || got.from.Name != "n1" || got.from.ID == "" {
			t.Errorf("%v: %+v of %s", m.Header, got, plain)
		}
		// No part of it is taken for the whole.
		for n := range len(m.Data) {
			if i%3 != 0 || i == 9 { // which are as the others
				break
			}
			part := &nats.Msg{Data: m.Data[:n], Header: m.Header}
			if cut := read(d, part); cut.err == "" || cut.from.ID != "" && cut.from.ID != got.from.ID {
				t.Fatalf("%v: %d of %d bytes are read as %+v", m.Header, n, len(m.Data), cut)
			}
		}
	}
	if len(encodings) != 4 {
		t.Errorf("content encodings %v, want the four that were asked for", encodings)
	}
}

const head = `{"server":{"id":"A","name":"n","host":"h","cluster":"C"},`

// reply is a reply with these rows, as a server writes it.
func reply(rows ...string) string {
	return head + `"data":{"server_id":"A","now":"2026-01-01T00:00:00Z","account_statz":[` + strings.Join(rows, ",") + `]}}`
}

// full is a row with all that nats-server 2.15 says.
func full(id string, conns, leafs int) string {
	const traffic = `{"msgs":1,"bytes":20,"gateways":{"msgs":0,"bytes":0},"routes":{"msgs":3,"bytes":4},"leafs":{"msgs":0,"bytes":0}}`
	return fmt.Sprintf(`{"acc":"%s","name":"%s","conns":%d,"leafnodes":%d,"total_conns":%d,"num_subscriptions":7,"sent":%s,"received":%s,"slow_consumers":0}`,
		id, id, conns, leafs, conns+leafs, traffic, traffic)
}

// replies are well-formed, each with what is read of it.
var replies = []struct {
	name, data string
	want       []line
}{
	{"as servers write it", reply(full("X", 1, 2), full("Y", 3, 0), full("Z", 0, 4)), []line{{"X", "X", 1, 2}, {"Y", "Y", 3, 0}, {"Z", "Z", 0, 4}}},
	{"one row", reply(full("X", 1, 2)), []line{{"X", "X", 1, 2}}},
	{"no rows", reply(), nil},
	{"unused accounts", reply(full("X", 0, 0), full("Y", 3, 0), full("Z", 0, 0)), []line{{"Y", "Y", 3, 0}}},
	{"an unused account, listed before", reply(full("X", 0, 0), full("X", 3, 0)), []line{{"X", "X", 3, 0}}},
	{"the most", reply(full("X", mostCount, mostCount), full("Y", mostCount, mostCount)), []line{{"X", "X", mostCount, mostCount}, {"Y", "Y", mostCount, mostCount}}},
	{"no name", reply(`{"acc":"X","conns":1,"leafnodes":0}`, `{"acc":"Y","name":"","conns":1,"leafnodes":0}`), []line{{"X", "X", 1, 0}, {"Y", "Y", 1, 0}}},
	{"no leafnodes", reply(`{"acc":"X","conns":1}`), []line{{"X", "X", 1, 0}}},
	{"name first", reply(full("W", 1, 0), `{"name":"x","acc":"X","conns":1,"leafnodes":0}`, full("Z", 2, 0)), []line{{"W", "W", 1, 0}, {"X", "x", 1, 0}, {"Z", "Z", 2, 0}}},
	{"another order", reply(`{"leafnodes":2,"slow_consumers":0,"conns":1,"name":"x","acc":"X"}`, full("Z", 2, 0)), []line{{"X", "x", 1, 2}, {"Z", "Z", 2, 0}}},
	{"space after a row", reply(full("X", 1, 0), " "+full("Y", 2, 0), full("Z", 3, 0)+"\n"), []line{{"X", "X", 1, 0}, {"Y", "Y", 2, 0}, {"Z", "Z", 3, 0}}},
	{"escapes in an id", reply(full("W", 1, 0), full(`X\u0059\"\\\/\n`, 1, 0), full("Z", 2, 0)), []line{{"W", "W", 1, 0}, {"XY\"\\/\n", "XY\"\\/\n", 1, 0}, {"Z", "Z", 2, 0}}},
	{"escapes only in the name", reply(`{"acc":"X","name":"\u003cx\u003e","conns":1,"leafnodes":0}`), []line{{"X", "<x>", 1, 0}}},
	{"a pair of surrogates", reply(full(`\ud83d\ude00`, 1, 0)), []line{{"😀", "😀", 1, 0}}},
	{"unicode", reply(full("Jürgen 😀", 1, 0), full("会計", 2, 0)), []line{{"Jürgen 😀", "Jürgen 😀", 1, 0}, {"会計", "会計", 2, 0}}},
	{"a name like a row", reply(full(`{\"acc\":\"`, 1, 0), full(`,{`, 2, 0), full(`\"account_statz\":[`, 3, 0)), []line{{`{"acc":"`, `{"acc":"`, 1, 0}, {",{", ",{", 2, 0}, {`"account_statz":[`, `"account_statz":[`, 3, 0}}},
	{"escapes in a field", reply(`{"\u0061cc":"X","c\u006fnns":1,"leafnode\u0073":2}`), []line{{"X", "X", 1, 2}}},
	{"unknown fields", reply(`{"acc":"X","name":"X","conns":1,"leafnodes":0,"total_conns":1,"peers":[{"acc":"P","conns":9},{"acc":"Q","conns":9}],"more":{"acc":"R","conns":5}}`, full("Z", 2, 0)), []line{{"X", "X", 1, 0}, {"Z", "Z", 2, 0}}},
	{"rows within a row", reply(full("W", 1, 0), `{"peers":[`+full("P", 9, 0)+`,`+full("Q", 9, 0)+`],"acc":"X","conns":1}`, full("Z", 2, 0)), []line{{"W", "W", 1, 0}, {"X", "X", 1, 0}, {"Z", "Z", 2, 0}}},
	{"another kind of counters", reply(`{"acc":"X","name":"X","conns":1,"leafnodes":0,"rate":-1.5e3,"text":"x","ok":true,"no":null,"empty":{}}`, full("Z", 2, 0)), []line{{"X", "X", 1, 0}, {"Z", "Z", 2, 0}}},
	{"rows of several versions", reply(full("X", 1, 0), `{"acc":"Y","name":"Y","conns":1,"leafnodes":0,"total_conns":1,"sent":{"msgs":1}}`, full("Z", 2, 0)), []line{{"X", "X", 1, 0}, {"Y", "Y", 1, 0}, {"Z", "Z", 2, 0}}},
	{"a list of the same name before", head + `"old":{"account_statz":[` + full("P", 9, 0) + "," + full("Q", 9, 0) + `]},"data":{"account_statz":[` + full("X", 1, 0) + `]}}`, []line{{"X", "X", 1, 0}}},
	{"and an empty one that counts", head + `"old":{"account_statz":[` + full("P", 9, 0) + "," + full("Q", 9, 0) + `]},"data":{"account_statz":[]}}`, nil},
	{"a list of the same name outside of data", head + `"account_statz":[` + full("P", 9, 0) + "," + full("Q", 9, 0) + `],"data":{"account_statz":[` + full("X", 1, 0) + `]}}`, []line{{"X", "X", 1, 0}}},
	{"a list of the same name after", head + `"data":{"account_statz":[` + full("X", 1, 0) + `]},"old":{"account_statz":[` + full("P", 9, 0) + "," + full("Q", 9, 0) + `]}}`, []line{{"X", "X", 1, 0}}},
	{"a name that ends like the list's", head + `"data":{"the \"account_statz":[` + full("P", 9, 0) + "," + full("Q", 9, 0) + `],"account_statz":[` + full("X", 1, 0) + `]}}`, []line{{"X", "X", 1, 0}}},
	{"the server last", `{"data":{"account_statz":[` + full("X", 1, 0) + `]},"server":{"cluster":"C","tags":["a",{"id":"B"}],"host":"h","name":"n","id":"A"}}`, []line{{"X", "X", 1, 0}}},
	{"data in two parts", head + `"data":{"now":1},"data":{"account_statz":[` + full("X", 1, 0) + `]}}`, []line{{"X", "X", 1, 0}}},
	{"spaces all over", strings.NewReplacer(`{`, "{ \n", `:`, " : ", `,`, "\t, ", `[`, "\r[ ", `]`, " ]", `}`, " } ").Replace(reply(full("X", 1, 2), full("Y", 3, 0))) + " \n", []line{{"X", "X", 1, 2}, {"Y", "Y", 3, 0}}},
	{"nested deeply", head + `"x":` + strings.Repeat(`[{"a":`, 4000) + `1` + strings.Repeat(`}]`, 4000) + `,"data":{"account_statz":[` + full("X", 1, 0) + `]}}`, []line{{"X", "X", 1, 0}}},
}

func TestWellFormedReplies(t *testing.T) {
	t.Parallel()
	shared := NewDecoder() // as in a gathering, of many replies
	for _, c := range replies {
		for _, d := range []*Decoder{NewDecoder(), shared} {
			got := readBoth(t, d, c.data)
			want := decoded{from: Server{"A", "n", "h", "C"}, lines: c.want}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("%s: %+v, want %+v", c.name, got, want)
			}
			agrees(t, c.data, got)
		}
	}
}

// malformed replies, with a part of what is said of them.
var malformed = []struct{ name, data, want string }{
	{"nothing", ``, "it is empty"},
	{"space", ` `, "cut short"},
	{"no object", `[]`, "where an object belongs"},
	{"null", `null`, "where an object belongs"},
	{"text", `upstream connect error`, "malformed"},
	{"empty object", `{}`, "does not say which server"},
	{"no server", `{"data":{"account_statz":[` + full("X", 1, 0) + `]}}`, "does not say which server"},
	{"server without id", `{"server":{"name":"n"},"data":{"account_statz":[]}}`, "does not say which server"},
	{"empty id", `{"server":{"id":"","name":"n"},"data":{"account_statz":[]}}`, "does not say which server"},
	{"server is null", `{"server":null,"data":{"account_statz":[]}}`, "null where an object belongs"},
	{"server is a list", `{"server":[],"data":{"account_statz":[]}}`, "where an object belongs"},
	{"id is a number", `{"server":{"id":5},"data":{"account_statz":[]}}`, "number where a string belongs"},
	{"id is null", `{"server":{"id":null},"data":{"account_statz":[]}}`, "null where a string belongs"},
	{"no data", head[:len(head)-1] + `}`, "neither accounts nor an error"},
	{"data is null", head + `"data":null}`, "null where an object belongs"},
	{"data is a list", head + `"data":[]}`, "where an object belongs"},
	{"data without accounts", head + `"data":{"now":1}}`, "neither accounts nor an error"},
	{"accounts are null", head + `"data":{"account_statz":null}}`, "null where the list of accounts belongs"},
	{"accounts are an object", head + `"data":{"account_statz":{}}}`, "where the list of accounts belongs"},
	{"accounts twice", head + `"data":{"account_statz":[` + full("X", 1, 0) + `],"account_statz":[` + full("Y", 1, 0) + `]}}`, "two lists"},
	{"accounts twice, one empty", head + `"data":{"account_statz":[` + full("X", 1, 0) + "," + full("Y", 1, 0) + `],"account_statz":[]}}`, "two lists"},
	{"data twice", head + `"data":{"account_statz":[` + full("X", 1, 0) + `]},"data":{"account_statz":[]}}`, "two lists"},
	{"an error", head + `"error":{"code":500,"description":"busy \u0022now\""}}`, `it answered with error 500: busy "now"`},
	{"an error and data", head + `"data":{"account_statz":[` + full("X", 1, 0) + `]},"error":{"code":500,"description":"busy"}}`, "it answered with error 500: busy"},
	{"an empty error", head + `"data":{"account_statz":[]},"error":{}}`, "it answered with error 0"},
	{"error is text", head + `"error":"busy"}`, "where an object belongs"},
	{"a row is null", reply(full("X", 1, 0), `null`), "null where an object belongs"},
	{"a row is text", reply(full("X", 1, 0), `"Y"`, full("Z", 1, 0)), "string where an object belongs"},
	{"a row is a list", reply(`[]`), "where an object belongs"},
	{"no id", reply(`{"name":"x","conns":1}`), "no id"},
	{"an empty id", reply(full("", 1, 0), full("Y", 1, 0)), "no id"},
	{"an empty id after another row", reply(full("Y", 1, 0), full("", 1, 0)), "no id"},
	{"an id that is null", reply(`{"acc":null,"conns":1}`), "null where a string belongs"},
	{"an id that is a number", reply(`{"acc":7,"conns":1}`), "number where a string belongs"},
	{"two ids", reply(`{"acc":"X","acc":"Y","conns":1}`), "its acc twice"},
	{"two ids, the first empty", reply(`{"acc":"","acc":"Y","conns":1}`), "its acc twice"},
	{"two ids at the ends", reply(`{"acc":"X","name":"X","conns":1,"leafnodes":0,"acc":"Y"}`, full("Z", 1, 0)), "its acc twice"},
	{"two names", reply(`{"name":"x","acc":"X","name":"y","conns":1}`), "its name twice"},
	{"a name that is an object", reply(`{"acc":"X","name":{},"conns":1}`), "where a string belongs"},
	{"no count", reply(`{"acc":"X","name":"X","leafnodes":0}`), "no count of connections"},
	{"two counts", reply(`{"acc":"X","name":"X","conns":1,"conns":1}`), "its conns twice"},
	{"two counts at the ends", reply(`{"acc":"X","name":"X","conns":0,"leafnodes":0,"total_conns":0,"conns":5}`, full("Z", 1, 0)), "its conns twice"},
	{"two counts of leafnodes", reply(`{"acc":"X","name":"X","conns":0,"leafnodes":0,"total_conns":0,"leafnodes":5}`, full("Z", 1, 0)), "its leafnodes twice"},
	{"a negative count", reply(full("X", -1, 0), full("Y", 1, 0)), "not a whole number"},
	{"a negative count of leafnodes", reply(full("X", 1, -1), full("Y", 1, 0)), "not a whole number"},
	{"a float", reply(`{"acc":"X","conns":1.0}`), "not a whole number"},
	{"an exponent", reply(`{"acc":"X","conns":1e3}`), "not a whole number"},
	{"minus zero", reply(`{"acc":"X","conns":-0}`), "not a whole number"},
	{"too large a count", reply(full("X", mostCount+1, 0), full("Y", 1, 0)), "not a whole number"},
	{"far too large a count", reply(`{"acc":"X","name":"X","conns":18446744073709551617,"leafnodes":0,"total_conns":0}`, full("Y", 1, 0)), "not a whole number"},
	{"a count that is null", reply(`{"acc":"X","conns":null}`), "not a whole number"},
	{"a count that is text", reply(`{"acc":"X","conns":"1"}`), "not a whole number"},
	{"a count that is a list", reply(`{"acc":"X","conns":[1]}`), "not a whole number"},
	{"a leading zero", reply(`{"acc":"X","name":"X","conns":01,"leafnodes":0,"total_conns":1}`, full("Y", 1, 0)), "malformed"},
	{"a leading zero that is not looked at", reply(`{"acc":"X","name":"X","conns":1,"leafnodes":0,"total_conns":01}`, full("Y", 1, 0)), "malformed"},
	{"a counter that is nothing", reply(`{"acc":"X","name":"X","conns":1,"leafnodes":0,"total_conns":}`, full("Y", 1, 0)), "malformed"},
	{"a counter that is rubbish", reply(`{"acc":"X","name":"X","conns":1,"leafnodes":0,"total_conns":1x}`, full("Y", 1, 0)), "malformed"},
	{"a row that does not end", reply(`{"acc":"X","name":"X","conns":1,"leafnodes":0,"total_conns":1`, full("Y", 1, 0)), "malformed"},
	{"a row that ends twice", reply(full("X", 1, 0)+"}", full("Y", 1, 0)), "malformed"},
	{"a comma after the last", reply(full("X", 1, 0), full("Y", 1, 0), ""), "malformed"},
	{"two commas", reply(full("X", 1, 0), "", full("Y", 1, 0)), "malformed"},
	{"no comma", reply(full("X", 1, 0) + full("Y", 1, 0)), "malformed"},
	{"a list that ends twice", reply(full("X", 1, 0), full("Y", 1, 0)+"]"), "malformed"},
	{"twice in a row", reply(full("X", 1, 0), full("X", 1, 0)), "lists an account twice"},
	{"twice far apart", reply(full("X", 1, 0), full("Y", 1, 0), full(`\u0058`, 0, 1)), "lists an account twice"},
	{"a control character", reply(full("X\n", 1, 0), full("Y", 1, 0)), "malformed"},
	{"half a surrogate", reply(full(`\ud83d`, 1, 0)), "malformed"},
	{"a bad escape", reply(full(`\x`, 1, 0)), "malformed"},
	{"more after the end", reply(full("X", 1, 0)) + `{}`, "more after its end"},
	{"rubbish after the end", reply(full("X", 1, 0)) + `x`, "malformed"},
	{"nested too deeply", head + `"x":` + strings.Repeat(`[`, 20_000) + strings.Repeat(`]`, 20_000) + `,"data":{"account_statz":[]}}`, "malformed"},
	{"deep and endless", head + `"data":{"account_statz":[{"x":` + strings.Repeat(`[`, 100_000), "malformed"},
}

func TestMalformedReplies(t *testing.T) {
	t.Parallel()
	shared := NewDecoder()
	for _, c := range malformed {
		for _, d := range []*Decoder{NewDecoder(), shared} {
			got := readBoth(t, d, c.data)
			if !strings.Contains(got.err, c.want) || len(got.lines) > 0 {
				t.Errorf("%s: %+v, want …%s…", c.name, got, c.want)
			}
			if strings.HasPrefix(c.data, head) && got.from.ID != "A" {
				t.Errorf("%s: it does not say which server: %+v", c.name, got)
			}
		}
	}
	// After all of that, the decoder reads as ever.
	if got := readBoth(t, shared, reply(full("X", 1, 2))); !reflect.DeepEqual(got.lines, []line{{"X", "X", 1, 2}}) {
		t.Errorf("%+v", got)
	}
}

func snappyOf(s string) []byte {
	var b bytes.Buffer
	w := s2.NewWriter(&b, s2.WriterSnappyCompat())
	_, _ = w.Write([]byte(s)) // a buffer takes everything
	_ = w.Close()
	return b.Bytes()
}

func gzipOf(s string) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write([]byte(s)) // a buffer takes everything
	_ = w.Close()
	return b.Bytes()
}

func TestContentEncodings(t *testing.T) {
	t.Parallel()
	text := reply(full("X", 1, 2), full("Y", 3, 0))
	damaged := snappyOf(text)
	damaged[len(damaged)-1] ^= 1
	for _, c := range []struct {
		encoding string
		data     []byte
		err      string // "" for a reply that is read
	}{
		{"", []byte(text), ""},
		{"identity", []byte(text), ""},
		{"snappy", snappyOf(text), ""},
		{"s2", snappyOf(text), ""},
		{"gzip", gzipOf(text), ""},
		{"br", []byte(text), `content encoding "br" was not asked for`},
		{"snappy", []byte(text), "malformed"},
		{"snappy", gzipOf(text), "malformed"},
		{"snappy", damaged, "malformed"},
		{"gzip", []byte(text), "gzip"},
		{"gzip", gzipOf(text)[:40], "cut short"},
		{"", snappyOf(text), "malformed"},
		{"snappy", snappyOf(""), "it is empty"},
		{"gzip", gzipOf(""), "cut short"},
		{"snappy", append(snappyOf(text), snappyOf("{}")...), "more after its end"},
		{"gzip", append(gzipOf(text), gzipOf("{}")...), "more after its end"},
	} {
		got := read(NewDecoder(), &nats.Msg{Data: c.data, Header: nats.Header{"Content-Encoding": []string{c.encoding}}})
		if c.err != "" && !strings.Contains(got.err, c.err) || c.err == "" && (got.err != "" || len(got.lines) != 2) {
			t.Errorf("%q: %+v, want error %q", c.encoding, got, c.err)
		}
	}
}

// Where the end of a compressed reply is broken, its beginning says whose it is.
func TestBrokenCompressionIsNotAnonymous(t *testing.T) {
	t.Parallel()
	var rows []string
	rng := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		rows = append(rows, full(fmt.Sprintf("A%X", rng.Uint64()), 1, 0))
	}
	data := snappyOf(reply(rows...))
	got := read(NewDecoder(), &nats.Msg{Data: data[:len(data)*3/4], Header: nats.Header{"Content-Encoding": []string{"snappy"}}})
	if got.from.Name != "n" || !strings.Contains(got.err, "corrupt input") {
		t.Errorf("%+v", got)
	}
}

// endless is a text that never ends.
type endless string

func (e endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = e[0]
	}
	for i := 1; i < len(p) && len(e) > 1; i += 2 {
		p[i] = e[1]
	}
	return max(1, len(p)/len(e)*len(e)), nil
}

func TestEndlessReplies(t *testing.T) {
	t.Parallel()
	for what, c := range map[string]struct {
		begin string
		then  endless
		want  string
	}{
		"spaces":      {head + `"data"`, " ", "larger than 1 MiB"},
		"a string":    {head + `"x":"`, "x", "larger than 1 MiB"},
		"a name":      {head + `"`, "x", "larger than 1 MiB"},
		"an id":       {head + `"data":{"account_statz":[{"acc":"`, "x", "larger than 1 MiB"},
		"a number":    {head + `"data":{"account_statz":[{"conns":`, "1", "larger than 1 MiB"},
		"as a number": {head + `"data":{"account_statz":[{"conns":[1`, ",1", "larger than 1 MiB"},
		"a list":      {head + `"x":[1`, ",1", "context deadline exceeded"},
	} {
		t.Run(what, func(t *testing.T) {
			patience := sourcetest.Long
			if c.want == context.DeadlineExceeded.Error() {
				patience = 200 * time.Millisecond
			}
			ctx, cancel := context.WithTimeout(sourcetest.Within(t), patience)
			defer cancel()
			d := NewDecoder()
			d.plain.WriteString(c.begin)
			r, err := d.slow(ctx, c.then, NewAccounts())
			if err == nil || !strings.Contains(err.Error(), c.want) || r.From.Name != "n" {
				t.Errorf("%+v, %v; want %s", r, err, c.want)
			}
		})
	}
}

// Not parallel, because it takes all of the machine for a while.
func TestLargeReplyIsReadAsStream(t *testing.T) {
	// Few rows that say much which is not used: it is the size that counts.
	const n, padding = 66, 512 << 10
	var b bytes.Buffer
	b.Grow(n*padding + 64<<10)
	b.WriteString(head + `"data":{"account_statz":[`)
	for i := range n {
		fmt.Fprintf(&b, `{"acc":"A%d","name":"A%d","conns":3,"leafnodes":1,"padding":"`, i, i)
		b.Write(bytes.Repeat([]byte("x"), padding))
		b.WriteString(`"},`)
	}
	b.Truncate(b.Len() - 1)
	b.WriteString("]}}")
	if b.Len() <= inMemory {
		t.Fatalf("%d bytes are not large", b.Len())
	}
	d, in := NewDecoder(), NewAccounts()
	snappy := &nats.Msg{Data: snappyOf(b.String()), Header: nats.Header{"Content-Encoding": []string{"snappy"}}}
	for _, m := range []*nats.Msg{snappy, {Data: b.Bytes()}} { // of the other nothing is copied
		if r, err := d.Report(t.Context(), m, NewAccounts()); err != nil || len(r.Usage) != n || d.plain.Cap() > 0 {
			t.Fatalf("%d rows of %d, %v; it holds %d bytes", len(r.Usage), n, err, d.plain.Cap())
		}
	}
	r, err := d.Report(t.Context(), snappy, in)
	if err != nil {
		t.Fatal(err)
	}
	for i, a := range in.All() {
		if u := r.Usage[i]; u.Connections != 3 || u.Leafnodes != 1 || a.ID != fmt.Sprintf("A%d", i) {
			t.Fatalf("row %d is %+v of %s", i, u, a.ID)
		}
	}
}

// anyReply writes a reply that may be anything from right to rubbish.
type anyReply struct {
	*rand.Rand
	b strings.Builder
}

func (a *anyReply) or(n int, rare, usual func()) {
	if a.IntN(n) == 0 {
		rare()
	} else {
		usual()
	}
}

func (a *anyReply) pick(of ...string) { a.b.WriteString(of[a.IntN(len(of))]) }

func (a *anyReply) space() {
	if a.IntN(40) == 0 {
		a.pick(" ", "\n", "\t ", "")
	}
}

func (a *anyReply) text() {
	a.or(6, func() {
		a.pick(`""`, `"a\"b"`, `"\u0041"`, `"é"`, `"{\"acc\":\""`, `",{"`, "\"\xff\"", `"]"`, `null`, `5`)
	},
		func() { fmt.Fprintf(&a.b, `"A%d"`, a.IntN(1000)) })
}

func (a *anyReply) number() {
	a.or(25, func() {
		a.pick(`-1`, `01`, `1.5`, `1e2`, `100000001`, `null`, `"1"`, `[1,2]`, `{}`, ``, `{"acc":"Q","conns":1}`)
	},
		func() { fmt.Fprint(&a.b, a.IntN(3)*a.IntN(1000)) })
}

func (a *anyReply) member(name string, value func()) {
	a.space()
	fmt.Fprintf(&a.b, `%q`, name)
	a.space()
	a.b.WriteByte(':')
	a.space()
	value()
	a.space()
}

func (a *anyReply) object(members ...func()) {
	if a.IntN(30) == 0 {
		a.Shuffle(len(members), func(i, j int) { members[i], members[j] = members[j], members[i] })
	}
	if len(members) > 0 && a.IntN(60) == 0 {
		members = append(members, members[a.IntN(len(members))])
	}
	if len(members) > 0 && a.IntN(60) == 0 {
		members = members[1:]
	}
	a.b.WriteByte('{')
	for i, m := range members {
		if i > 0 {
			a.b.WriteByte(',')
		}
		m()
	}
	a.b.WriteByte('}')
}

func (a *anyReply) counters(depth int) {
	a.object(func() { a.member("msgs", a.number) },
		func() {
			a.member("bytes", func() { a.or(4, func() { a.rest(depth + 1) }, a.number) })
		})
}

func (a *anyReply) rest(depth int) {
	if depth > 3 {
		a.number()
		return
	}
	a.or(15, func() { a.rows("account_statz", a.IntN(3)) }, func() { a.counters(depth) })
}

func (a *anyReply) row() {
	a.object(func() { a.member("acc", a.text) }, func() { a.member("name", a.text) },
		func() { a.member("conns", a.number) }, func() { a.member("leafnodes", a.number) },
		func() { a.member("total_conns", a.number) }, func() { a.member("sent", func() { a.rest(1) }) },
		func() { a.or(10, func() { a.member("name", a.text) }, func() { a.member("slow_consumers", a.number) }) })
}

// rows writes a list, or as often as not an object with a list of that name.
func (a *anyReply) rows(name string, n int) {
	list := func() {
		a.b.WriteByte('[')
		for i := range n {
			if i > 0 {
				a.b.WriteByte(',')
			}
			a.or(50, func() { a.pick(`null`, `1`, `"x"`, `[]`, ``, `{}`) }, a.row)
		}
		a.b.WriteByte(']')
	}
	a.or(2, list, func() { a.object(func() { a.member(name, list) }) })
}

func (a *anyReply) reply() string {
	a.b.Reset()
	data := func() {
		a.member("data", func() { a.object(func() { a.member("account_statz", func() { a.listOf(a.IntN(6)) }) }) })
	}
	server := func() {
		a.member("server", func() { a.object(func() { a.member("id", a.text) }, func() { a.member("name", a.text) }) })
	}
	other := func() { a.member("other", func() { a.rows("account_statz", a.IntN(4)) }) }
	switch a.IntN(4) {
	case 0:
		a.object(server, other, data)
	case 1:
		a.object(server, data, other)
	default:
		a.object(server, data)
	}
	s := a.b.String()
	if a.IntN(20) == 0 {
		at := a.IntN(len(s))
		s = s[:at] + s[at+a.IntN(min(3, len(s)-at)):]
	}
	return s
}

func (a *anyReply) listOf(n int) {
	a.b.WriteByte('[')
	for i := range n {
		if i > 0 {
			a.b.WriteByte(',')
		}
		a.or(100, func() { a.pick(`null`, `1`, `"x"`, `[]`, ``, `{}`) }, a.row)
	}
	a.b.WriteByte(']')
}

func TestBothPathsReadTheSame(t *testing.T) {
	t.Parallel()
	d := NewDecoder()
	a := &anyReply{Rand: rand.New(rand.NewPCG(7, 7))}
	right, n := 0, 2000
	for range n {
		data := a.reply()
		got := readBoth(t, d, data)
		agrees(t, data, got)
		if got.err == "" {
			right++
		}
		if t.Failed() {
			return
		}
	}
	if right < n/10 || right > n*9/10 {
		t.Errorf("%d of %d replies are well-formed: neither kind may be rare", right, n)
	}
}

func BenchmarkReport(b *testing.B) {
	var rows []string
	for i := range 2500 {
		rows = append(rows, full(fmt.Sprintf("ADCCBHBBIUGTJRWDPWGQIT4JSUX5BDWVNVRLYBS56XUCLEAZZU%06d", i), i%9+1, 0))
	}
	plain := []byte(reply(rows...))
	in := NewAccounts()
	for what, m := range map[string]*nats.Msg{
		"plain":  {Data: plain},
		"snappy": {Data: snappyOf(string(plain)), Header: nats.Header{"Content-Encoding": []string{"snappy"}}},
	} {
		b.Run(what, func(b *testing.B) {
			d := NewDecoder()
			b.SetBytes(int64(len(plain)))
			for b.Loop() {
				if r, err := d.Report(b.Context(), m, in); err != nil || len(r.Usage) != len(rows) {
					b.Fatal(len(r.Usage), err)
				}
			}
		})
	}
	b.Run("plain without the fast path", func(b *testing.B) {
		d := NewDecoder()
		d.plain.Write(plain)
		b.SetBytes(int64(len(plain)))
		for b.Loop() {
			if r, err := d.slow(b.Context(), nil, in); err != nil || len(r.Usage) != len(rows) {
				b.Fatal(len(r.Usage), err)
			}
		}
	})
}

func FuzzReport(f *testing.F) {
	for _, m := range realReplies(f) {
		f.Add([]byte(plainOf(f, m)))
	}
	for _, c := range replies {
		f.Add([]byte(c.data))
	}
	for _, c := range malformed {
		f.Add([]byte(c.data))
	}
	a := &anyReply{Rand: rand.New(rand.NewPCG(1, 1))}
	for range 50 {
		f.Add([]byte(a.reply()))
	}
	d := NewDecoder()
	f.Fuzz(func(t *testing.T, data []byte) {
		fresh := readBoth(t, NewDecoder(), string(data))
		agrees(t, string(data), fresh)
		// Nor does it matter what was read before.
		if again := readBoth(t, d, string(data)); !same(fresh, again) {
			t.Errorf("%q is read as %+v, and after others as %+v", data, fresh, again)
		}
	})
}

func FuzzEncoding(f *testing.F) {
	for _, m := range realReplies(f) {
		f.Add(m.Data, m.Header.Get("Content-Encoding"))
	}
	text := reply(full("X", 1, 2), full("Y", 3, 0))
	f.Add(append(snappyOf(text), snappyOf("{}")...), "snappy")
	f.Add(gzipOf(text), "gzip")
	f.Add([]byte(text), "br")
	d := NewDecoder()
	f.Fuzz(func(t *testing.T, data []byte, encoding string) {
		m := &nats.Msg{Data: data, Header: nats.Header{"Content-Encoding": []string{encoding}}}
		got := read(d, m)
		if got.err != "" {
			return
		}
		if got.from.ID == "" {
			t.Errorf("nobody says %+v", got)
		}
		// What was read is what it says without the encoding.
		body, err := NewDecoder().Open(m)
		if err != nil {
			t.Fatal(err)
		}
		plain, err := io.ReadAll(body)
		if err != nil {
			t.Fatalf("a broken %s reply was read: %v", encoding, err)
		}
		if again := readBoth(t, NewDecoder(), string(plain)); !reflect.DeepEqual(got, again) {
			t.Errorf("%+v, but plain %+v", got, again)
		}
	})
}
